"""Names that nothing uses, told once a text has no mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..graph.diagnostics import Span
from . import syntax as s
from .checker import Checker

ADVICE = "leave it out, or put it where it was meant"


def warn(checker: Checker, tree: s.File) -> None:
    """Tell of names that a file declares and never names again.

    What a parameter of a function or layer tells by its type alone is a use of it.
    """
    defined = (s.FunctionItem, s.LayerItem, s.ModelItem)
    if not any(isinstance(item, (*defined, s.ExternItem)) for item in tree.items):
        return
    named = Counter(name.text for name in s.names_within(tree.items))
    for item in tree.items:
        if isinstance(item, s.DimItem | s.ConfigItem):
            own = sum(n.text == item.name.text for n in s.names_within(item))
            if named[item.name.text] == own:
                _tell(checker, item.name)
        elif isinstance(item, defined) and not _told_of(checker, item.span):
            for name in _within(tree, item):
                _tell(checker, name)


def _within(tree: s.File, item: s.Definition) -> Iterator[s.Name]:
    """The settings, inputs and intermediate values of a definition without a use."""
    parts: list[s.Syntax] = [item]
    declared: list[s.Name] = []
    if isinstance(item, s.LayerItem):
        declared += [one.name for one in item.settings.items]
    if isinstance(item, s.ModelItem):
        declared += _inputs(item.parameters.items)
        trained = (x for x in tree.items if isinstance(x, s.TrainItem))
        parts += [x for x in trained if x.model.text == item.name.text]
    body = getattr(item, "body", None)
    for statement in body.statements if isinstance(body, s.Block) else ():
        if isinstance(statement, s.Let):
            declared += statement.names
    named = Counter(name.text for name in s.names_within(tuple(parts)))
    for name in declared:
        if named[name.text] == 1 and not name.text.startswith("_"):
            yield name


def _inputs(parameters: Sequence[s.Parameter]) -> Iterator[s.Name]:
    """The inputs whose types have no size that no other input tells."""
    for one in parameters:
        others = tuple(other.type.dims for other in parameters if other is not one)
        known = {name.text for name in s.names_within(others)}
        if all(name.text in known for name in s.names_within(one.type.dims)):
            yield one.name


def _told_of(checker: Checker, place: Span) -> bool:
    """Whether something in a definition is told to be without influence already."""
    return any(
        told.code == "T0508"
        and told.span is not None
        and told.span.source is place.source
        and place.line <= told.span.line <= place.end_line
        for told in checker.warnings
    )


def _tell(checker: Checker, name: s.Name) -> None:
    message = f"nothing uses `{name.text}`"
    checker.warn("T0213", message, name.span, help=(ADVICE,))
