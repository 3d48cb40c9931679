"""`x :? f32[B, 4 * K]`: checked when it runs, and `K` is known from then on.

A name that is not declared is a new size, which follows from the sizes that the value
has; where the check cannot fail there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..graph.decide import Condition, equal, holds
from ..graph.diagnostics import Fault, Label, standing_at
from ..graph.dim import Dim, Origin, Symbol
from ..graph.ops.guarding import Place
from ..graph.registry import OPS
from ..graph.types import TensorType
from . import declared, library
from . import syntax as s
from .operations import wrapped
from .scope import Scope
from .values import POISON, Poison, Static, Tensor, Value, describe

if TYPE_CHECKING:
    from .expressions import Evaluator

Solution = dict[Symbol, Dim]


def guarded(evaluator: Evaluator, guard: s.Guard) -> Value:
    """The value of a guard, of the type that it states."""
    value = evaluator.evaluate(guard.value)
    if isinstance(value, Poison):
        return POISON
    if not isinstance(value, Tensor):
        message = f"`:?` checks a tensor, and this is {describe(value)}"
        return evaluator.checker.error("T0501", message, guard.value.span)
    names = list(_new_names(evaluator, guard.type))
    inner = evaluator.within(Scope(evaluator.scope))
    symbols = {}
    for name in names:
        symbols[name.text] = Symbol(name.text, rigid=False)
        inner.scope[name.text] = Static(Dim.from_symbol(symbols[name.text]))
    wanted = declared.tensor_type(inner, guard.type)
    if wanted is None:
        return POISON
    if wanted.dtype != value.type.dtype or wanted.rank != value.type.rank:
        place, stated = guard.value.span, guard.type.span
        declared.conform(evaluator, wanted, value.type, place, stated)
        return POISON
    solution = _solved(wanted.shape, value.type.shape, set(symbols.values()))
    for name in names:
        dim = solution.get(symbols[name.text])
        if dim is None:
            return _unsolved(evaluator, name, value.type)
        told = f"`{name.text}` is {dim}, as `:?` says here"
        plain = dim if dim.value is None else dim.value
        evaluator.scope[name.text] = Static(plain, Origin(told, name.span))
    shape = tuple(dim.substitute(solution) for dim in wanted.shape)
    return _checked(evaluator, guard, value, wanted.with_shape(shape))


def _new_names(evaluator: Evaluator, type: s.TypeExpression) -> Iterator[s.Name]:
    """The names in sizes that nothing declares, each once."""
    seen: set[str] = set()
    stack: list[Any] = [type.dims]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack += reversed(node)
        elif isinstance(node, s.Name) and node.text not in seen:
            seen.add(node.text)
            known = evaluator.scope.get(node.text) or library.find(node.text)
            if known is None and "." not in node.text:
                yield node
        elif isinstance(node, s.Syntax) and not isinstance(node, s.Rest):
            stack += reversed([getattr(node, field.name) for field in fields(node)])


def _solved(
    wanted: Sequence[Dim], actual: Sequence[Dim], unknown: set[Symbol]
) -> Solution:
    """The new sizes, each from an axis where it alone is unknown."""
    found: Solution = {}
    while len(found) < len(unknown):
        before = len(found)
        for dim, size in zip(wanted, actual, strict=True):
            known = dim.substitute(found)
            open = [symbol for symbol in known.symbols() if symbol in unknown]
            if len(open) == 1 and open[0] not in found:
                solved = _isolated(known, open[0], size)
                if solved is not None:
                    found[open[0]] = solved
        if len(found) == before:
            break
    return found


def _isolated(dim: Dim, symbol: Symbol, size: Dim) -> Dim | None:
    """The symbol of `factor * symbol + rest == size`."""
    rest = dim.substitute({symbol: Dim.of(0)})
    factor = dim.substitute({symbol: Dim.of(1)}) - rest
    if dim != factor * Dim.from_symbol(symbol) + rest or not factor.terms:
        return None
    return (size - rest) // factor


def _unsolved(evaluator: Evaluator, name: s.Name, type: TensorType) -> Poison:
    return evaluator.checker.error(
        "T0308",
        f"`{name.text}` does not follow from the sizes of {type}",
        name.span,
        notes=(f"`{name.text}` is declared nowhere, so it is a new size here",),
        help=("let it stand alone, or times something, on one axis",),
    )


def _checked(
    evaluator: Evaluator, guard: s.Guard, value: Tensor, wanted: TensorType
) -> Value:
    pairs = list(zip(wanted.shape, value.type.shape, strict=True))
    for dim, size in pairs:
        if holds(Condition(dim, "!=", size)) is True:
            return evaluator.checker.error(
                "T0309",
                f"this is {value.type}, which can never be {wanted}",
                guard.value.span,
                label=str(value.type),
                labels=(Label(guard.type.span, f"{size} in place of {dim}"),),
            )
    if all(equal(dim, size) is True for dim, size in pairs):
        return value
    told = f"{_written(guard)} at {guard.span}"
    attributes = {"shape": wanted.shape, "told": told, "place": Place(guard.span)}
    try:
        with standing_at(guard.span):
            node = OPS["ensure"].apply((value.node,), attributes)
    except Fault as fault:
        return evaluator.checker.refuse(fault, guard.span)
    return wrapped(node, guard.span)


def _written(guard: s.Guard) -> str:
    span = guard.span
    if span.line != span.end_line:
        return f":? {guard.type.dtype.text}[…]"
    return span.source.line(span.line)[span.column - 1 : span.end_column - 1]
