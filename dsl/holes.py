"""`?`, a typed hole: the checker says which type belongs there.

A hole is poison, so that nothing follows from it; whoever knows what belongs in its
place tells it, and what nobody could tell is told at the end.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..graph.decide import equal
from ..graph.diagnostics import Edit, Fix, Label, Span
from ..graph.types import TensorType
from . import library
from . import syntax as s
from .scope import listed
from .values import Hole, Library, Tensor, Value

if TYPE_CHECKING:
    from .arguments import Given
    from .expressions import Evaluator

CODE = "T0341"
SHAPED = ("add", "subtract", "multiply", "divide", "mod", "floor_divide")
COMPARED = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")


def made(evaluator: Evaluator, hole: s.Hole) -> Value:
    """The value of a hole, noted until somebody knows its type."""
    evaluator.checker.holes.setdefault(hole.span, evaluator)
    return Hole(hole.span)


def wants(
    evaluator: Evaluator,
    value: Value,
    type: TensorType | str,
    what: str = "",
    declaration: Span | None = None,
) -> None:
    """Tell that a type belongs where a value stands, if the value is a hole."""
    if not isinstance(value, Hole) or value.span not in evaluator.checker.holes:
        return
    known = evaluator.checker.holes.pop(value.span)
    message = f"{type} belongs here"
    if what:
        message += f": {what}"
    labels = (Label(declaration, f"{type} is declared here"),) if declaration else ()
    names = _fitting(known, type) if isinstance(type, TensorType) else []
    help = (f"{listed(names, 5)} would fit",) if names else ()
    fix = None
    if len(names) == 1:
        help = (f"write `{names[0]}`",)
        fix = Fix(f"write `{names[0]}`", (Edit(value.span, names[0]),))
    evaluator.checker.error(
        CODE, message, value.span, labels=labels, help=help, fix=fix
    )


def _fitting(evaluator: Evaluator, wanted: TensorType) -> list[str]:
    """The names in scope that are of a type."""
    return [
        name
        for name in dict.fromkeys(evaluator.scope)
        if isinstance(value := evaluator.scope.get(name), Tensor)
        and same(value.type, wanted)
    ]


def same(one: TensorType, two: TensorType) -> bool:
    """Whether two types are known to be equal."""
    return (
        one.dtype == two.dtype
        and one.rank == two.rank
        and all(equal(a, b) is True for a, b in zip(one.shape, two.shape, strict=True))
    )


def operands(
    evaluator: Evaluator, name: str, title: str, given: Sequence[Given]
) -> None:
    """Tell what belongs in the place of a hole among the operands of an op."""
    if not any(isinstance(item.value, Hole) for item in given):
        return
    others = [item.value.type for item in given if isinstance(item.value, Tensor)]
    for place, item in enumerate(given):
        if name == "matmul" and len(others) == 1 and others[0].rank:
            wants(evaluator, item.value, _factor(others[0], place), "a factor of `@`")
        elif name in (*SHAPED, *COMPARED) and len(given) == 2 and others:
            what = f"the other side of `{title}` is one"
            wants(evaluator, item.value, others[0], what)
        elif others or len(given) == 1:
            wants(evaluator, item.value, "a tensor", f"an operand of `{title}`")
        else:
            told = "a number or a tensor"
            wants(evaluator, item.value, told, f"an operand of `{title}`")


def arguments(
    evaluator: Evaluator,
    title: str,
    parameters: s.Parameters | None,
    given: Sequence[Given],
) -> None:
    """Tell what belongs in the place of a hole among arguments."""
    items = parameters.items if parameters else ()
    for place, item in enumerate(given):
        if not isinstance(item.value, Hole):
            continue
        name = item.name.text if item.name else ""
        found = [p for i, p in enumerate(items) if p.name.text == name]
        if not item.name and place < len(items):
            found = [items[place]]
        if found:
            told, what = _written(found[0].type), f"`{found[0].name.text}` of `{title}`"
            wants(evaluator, item.value, told, what, found[0].type.span)
        else:
            wants(evaluator, item.value, "a tensor", f"what `{title}` is applied to")


def settings(evaluator: Evaluator, made: Library, given: Sequence[Given]) -> None:
    """Tell what belongs in the place of a hole among settings of the library."""
    if not any(isinstance(item.value, Hole) for item in given):
        return
    known = library.parameters(made.target)
    for place, item in enumerate(given):
        name = item.name.text if item.name else "".join([*known][place : place + 1])
        if name in known:
            wants(
                evaluator, item.value, _kind(known[name]), f"`{name}` of `{made.name}`"
            )


def _kind(parameter: inspect.Parameter) -> str:
    """What a parameter takes, by its annotation or its default."""
    told = str(parameter.annotation)
    if parameter.annotation is not parameter.empty and "Any" not in told:
        return f"`{told.replace(' | None', '')}`"
    default = parameter.default
    plain = default is None or default is parameter.empty
    return "a setting" if plain else f"a setting such as `{default}`"


def _written(type: s.TypeExpression) -> str:
    span = type.span
    if span.line != span.end_line:
        return f"{type.dtype.text}[…]"
    return span.source.line(span.line)[span.column - 1 : span.end_column - 1]


def _factor(other: TensorType, place: int) -> str:
    """The type of a factor of a matrix product beside the other one."""
    if place == 0:
        inner = other.shape[-2 if other.rank > 1 else -1]
        return f"{other.dtype}[…, {inner}]"
    inner = other.shape[-1]
    return f"{other.dtype}[{inner}, _]"


def left_over(open: dict[Span, Evaluator]) -> None:
    """Tell the holes of which nobody knew the type."""
    for span, evaluator in list(open.items()):
        wants(evaluator, Hole(span), "any value")
