"""Names that stand twice in one head: told once, and then known to mean nothing."""

from __future__ import annotations

from collections.abc import Iterable

from ..graph.diagnostics import Label
from . import syntax as s
from .checker import Checker
from .scope import Scope
from .values import POISON

ADVICE = "give one of them another name, or leave it out"


def tell(checker: Checker, item: s.Definition) -> None:
    """Report sizes, settings, inputs and outputs of one name.

    Sizes, settings and inputs are seen by the same body, so they share their names.
    """
    generics = None if isinstance(item, s.ModelItem) else item.generics
    items = generics.items if generics else ()
    inner = [g if isinstance(g, s.Name) else g.name for g in items]
    if isinstance(item, s.LayerItem | s.ExternItem):
        inner += [p.name for p in item.settings.items]
    inner += [p.name for p in item.parameters.items]
    outputs = [output.name for output in item.result.outputs if output.name]
    checker.doubled[item] = twice(checker, inner)
    twice(checker, outputs)


def twice(checker: Checker, names: Iterable[s.Name]) -> set[str]:
    """Report the names that stand twice."""
    first: dict[str, s.Name] = {}
    found = set()
    for name in names:
        if name.text in first:
            label = Label(first[name.text].span, "declared here first")
            message = f"`{name.text}` is declared twice"
            checker.error("T0205", message, name.span, labels=(label,), help=(ADVICE,))
            found.add(name.text)
        first.setdefault(name.text, name)
    return found


def poison(checker: Checker, item: s.Definition, scope: Scope) -> None:
    """Let names that stand twice mean nothing in a body."""
    for name in checker.doubled.get(item, ()):
        scope[name] = POISON
