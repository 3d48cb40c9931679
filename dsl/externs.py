"""`extern layer`: the text gives the signature, the host gives the class.

Without classes a text is checked by the declared types alone. With them each result is
compared with its declaration: now where the sizes tell, else when it runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..graph.decide import equal
from ..graph.diagnostics import Diagnostic, Fault, Label, Span, TulleError, standing_at
from ..graph.layer import Layer
from ..graph.nearest import nearest
from ..graph.ops.guarding import Place
from ..graph.registry import OPS
from ..graph.types import TensorType
from . import conditions, declared
from . import syntax as s
from .arguments import Given, raw
from .checker import WRONG_VALUES, Checker
from .operations import wrapped
from .scope import listed
from .standins import Unknown
from .values import POISON, Instance, Poison, Tensor, Tuple, Value

if TYPE_CHECKING:
    from .expressions import Evaluator

GIVEN, RESULT = "T0351", "T0352"
UNGIVEN: Mapping[str, Any] = {}  # for who looks at a model and runs nothing


def check_given(checker: Checker, items: Sequence[s.ExternItem]) -> None:
    """Whether the host gives a fitting class for each extern layer, and no others."""
    given = checker.externs
    if given is None:
        return
    names = [item.name.text for item in items]
    for name in given:
        if name not in names:
            near = nearest(name, names)
            note = f"there are {listed(names)}" if names else "there is none"
            help = (f"did you mean `{near}`?",) if near else ()
            message = f"`{checker.source.name}` has no extern layer `{name}`"
            checker.add(Diagnostic("T0202", message, notes=(note,), help=help))
    # What does not fit is told, and then checked like a class that is not given.
    fits = [item.name.text for item in items if _fits(checker, item, given)]
    checker.externs = {name: given[name] for name in fits}


def _fits(checker: Checker, item: s.ExternItem, given: Mapping[str, Any]) -> bool:
    name, span = item.name.text, item.name.span
    if name not in given:
        message = f"the class of the extern layer `{name}` is not given"
        help = (f'give it: `load(…, extern={{"{name}": {name}}})`',)
        checker.error(GIVEN, message, span, help=help)
        return False
    kind = given[name]
    if not (isinstance(kind, type) and issubclass(kind, Layer)):
        message = f"`{name}` is given {_shown(kind)}, which is no class of layers"
        help = ("give the class, not a layer made of it",)
        told = help if isinstance(kind, Layer) else ()
        checker.error(GIVEN, message, span, help=told)
        return False
    try:
        settings = [p.name.text for p in item.settings.items]
        parameters = inspect.signature(kind.__init__).parameters
        inspect.signature(kind.__init__).bind(None, **dict.fromkeys(settings))
    except (TypeError, ValueError) as error:
        known = [p for p in list(parameters)[1:] if p != "kwargs"]
        message = f"the constructor of `{kind.__name__}` does not fit: {error}"
        note = f"it takes {listed(known)}" if known else "it takes nothing"
        checker.error(GIVEN, message, item.settings.span, notes=(note,))
        return False
    return True


def _shown(kind: Any) -> str:
    return f"`{kind.__name__}`" if isinstance(kind, type) else f"`{kind!r:.60}`"


def make(evaluator: Evaluator, instance: Instance, span: Span) -> None:
    """Make the layer of an instance, from the class that the host gives."""
    item, checker = instance.item, evaluator.checker
    assert isinstance(item, s.ExternItem)
    name = item.name.text
    kind = (checker.externs or {}).get(name)
    if kind is None:
        instance.layer = Unknown(name, instance.given_name)
        return
    settings = {key: raw(value) for key, value in instance.settings.items()}
    try:
        with standing_at(span):
            layer = kind(**settings)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        checker.failed(error, span)
        return
    layer.span, layer.declared_at = instance.span, item.result.span
    if instance.given_name is not None:
        layer.given_name = instance.given_name
    instance.layer = layer


def results(
    evaluator: Evaluator, instance: Instance, given: Sequence[Given], span: Span
) -> list[TensorType] | None:
    """The declared types of the results for these operands; None after a mistake."""
    item, title = instance.item, instance.title
    assert isinstance(item, s.ExternItem)
    scope = declared.solve(evaluator, title, item, given, span, instance.settings)
    if scope is None:
        return None
    inner = evaluator.within(scope)
    if not conditions.required(inner, item, title, span):
        return None
    wanted = [declared.tensor_type(inner, o.type) for o in item.result.outputs]
    found = [type for type in wanted if type is not None]
    if len(found) < len(wanted):
        return None
    if isinstance(instance.layer, Unknown):
        instance.layer.results = tuple(found)
    return found


def conform(
    evaluator: Evaluator,
    instance: Instance,
    value: Value,
    wanted: Sequence[TensorType],
    span: Span,
) -> Value:
    """What a layer of the host returned, if it is what the text declares."""
    item = instance.item
    assert isinstance(item, s.ExternItem)
    parts = value.items if isinstance(value, Tuple) else (value,)
    if len(parts) != len(wanted):
        message = f"`{instance.title}` returns {len(parts)} values"
        label = Label(item.result.span, f"{len(wanted)} are declared")
        return evaluator.checker.error(RESULT, message, span, labels=(label,))
    made = tuple(
        _part(evaluator, instance.title, part, type, output.type.span, span)
        for part, type, output in zip(parts, wanted, item.result.outputs, strict=True)
    )
    if any(isinstance(part, Poison) for part in made):
        return POISON
    return Tuple(made) if isinstance(value, Tuple) else made[0]


def _part(
    evaluator: Evaluator,
    title: str,
    part: Value,
    wanted: TensorType,
    place: Span,
    span: Span,
) -> Value:
    assert isinstance(part, Tensor)
    found = part.type
    answers: list[bool | None] = [found.dtype == wanted.dtype]
    answers += [found.rank == wanted.rank]
    if all(answers):
        pairs = zip(wanted.shape, found.shape, strict=True)
        answers += [equal(a, b) for a, b in pairs]
    if False in answers:
        message = f"`{title}` returns {found} and is declared {wanted}"
        label = Label(place, f"{wanted} is declared here")
        help = ("mend the declaration, or the class",)
        return evaluator.checker.error(
            RESULT, message, span, labels=(label,), help=help
        )
    if None not in answers:
        return part
    told = f"{title} -> {wanted} at {place}"
    attributes = {"shape": wanted.shape, "told": told, "place": Place(place)}
    return wrapped(OPS["ensure"].apply((part.node,), attributes), span)
