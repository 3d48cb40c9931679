"""`repeat` and `fold`: stages applied turn by turn.

Each turn evaluates its stages anew, so that it has weights of its own. The turns of a
shared `repeat` are given the layers of the first one again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..graph.advice import to_align, to_match
from ..graph.decide import equal
from ..graph.diagnostics import Fault, Label, Span
from ..graph.dim import Dim
from . import syntax as s
from .owning import Body, Shared
from .scope import Scope
from .statics import MAX_TURNS
from .values import POISON, Poison, Shape, Static, Tensor, Tuple, Value, describe

if TYPE_CHECKING:
    from .expressions import Evaluator


def staged(
    evaluator: Evaluator, item: s.Repeat | s.Fold, value: Value, span: Span
) -> Value:
    """What comes out of repeated stages for what flows into them."""
    if isinstance(value, Poison):
        return POISON
    if isinstance(item, s.Fold):
        return _folded(evaluator, item, value, span)
    return _repeated(evaluator, item, value, span)


def _repeated(evaluator: Evaluator, item: s.Repeat, value: Value, span: Span) -> Value:
    count, body = _count(evaluator, item.count), evaluator.checker.body
    if count is None:
        return POISON
    checker = evaluator.checker
    ahead = checker.workloads.of_turns(item, count, evaluator.scope)
    checker.allow(ahead, item.span)
    with _sharing(body) if item.shared else _apart() as shared:
        for turn in range(count):
            inner = evaluator
            if item.name is not None:
                inner = evaluator.within(Scope(evaluator.scope))
                inner.scope[item.name.text] = Static(turn)
            if shared is not None and turn:
                shared.at = 0
            before = value
            with _turn(body, None if item.shared else turn):
                value = _once(inner, item, item.stages, before, span)
            if isinstance(value, Poison):
                return POISON
            if not same_types(before, value):
                return _changed(evaluator, item, turn, before, value, span)
    return value


def _folded(evaluator: Evaluator, item: s.Fold, value: Value, span: Span) -> Value:
    settings = _settings(evaluator, item.values)
    for turn, setting in enumerate(settings or ()):
        inner = evaluator.within(Scope(evaluator.scope))
        inner.scope[item.name.text] = setting
        with _turn(evaluator.checker.body, turn):
            value = _once(inner, item, item.stages, value, span)
        if isinstance(value, Poison):
            return POISON
    return POISON if settings is None else value


def _once(
    evaluator: Evaluator,
    item: s.Repeat | s.Fold,
    stages: Sequence[s.Stage],
    value: Value,
    span: Span,
) -> Value:
    """One turn."""
    evaluator.checker.count(item.span)
    for stage in stages:
        value = evaluator.stage(stage, value, span)
        span = stage.function.span
    return value


def _count(evaluator: Evaluator, expression: s.Expression) -> int | None:
    """The number of turns."""
    value = evaluator.evaluate(expression)
    match value:
        case Poison():
            return None
        case Static(bool()):
            pass
        case Static(int() as count) if count >= 0:
            return count if _allowed(evaluator, count, expression.span) else None
        case Static(Dim() as dim):
            evaluator.checker.error(
                "T0204",
                f"the number of turns is fixed before anything runs, and `{dim}` is "
                "any size",
                expression.span,
                help=(
                    "take a number, a `const`, a `config` or a setting of the layer",
                ),
            )
            return None
    message = f"the number of turns is a whole number, not {describe(value)}"
    evaluator.checker.error("T0204", message, expression.span)
    return None


def _settings(evaluator: Evaluator, expression: s.Expression) -> Sequence[Value] | None:
    """What a `fold` goes through."""
    if isinstance(expression, (s.List, s.Tuple)):
        listed = list(evaluator.items(expression))
        values, places = [value for value, _ in listed], [place for _, place in listed]
    else:
        found = evaluator.evaluate(expression)
        match found:
            case Static(tuple() as items):
                values = [Static(item) for item in items]
            case Shape(dims):
                values = [Static(d if d.value is None else d.value) for d in dims]
            case Poison():
                return None
            case _:
                _no_list(evaluator, found, expression.span)
                return None
        places = [expression.span] * len(values)
    if any(isinstance(value, Poison) for value in values):
        return None
    for value, place in zip(values, places, strict=True):
        if not isinstance(value, Static):
            _no_list(evaluator, value, place)
            return None
    return values if _allowed(evaluator, len(values), expression.span) else None


def _no_list(evaluator: Evaluator, value: Value, span: Span) -> None:
    help = "for example `fold units in [64, 128] { Dense(units) }`"
    message = f"`fold` goes through a list of settings, and this is {describe(value)}"
    evaluator.checker.error("T0204", message, span, help=(help,))


def _allowed(evaluator: Evaluator, count: int, span: Span) -> bool:
    if count > MAX_TURNS:
        message = f"these are {count} turns, and at most {MAX_TURNS} are allowed"
        evaluator.checker.error("T0906", message, span)
    return count <= MAX_TURNS


@contextmanager
def _turn(body: Body, turn: int | None) -> Iterator[None]:
    """Let layers made meanwhile be named after the turn."""
    if turn is None:
        yield
        return
    body.turns.append(turn)
    try:
        yield
    finally:
        body.turns.pop()


@contextmanager
def _sharing(body: Body) -> Iterator[Shared | None]:
    """Keep the layers that a first turn makes, for those that follow."""
    shared = Shared()
    body.shared.append(shared)
    try:
        yield shared
    finally:
        body.shared.pop()


@contextmanager
def _apart() -> Iterator[Shared | None]:
    yield None


# Types.


def same_types(one: Value, two: Value) -> bool:
    """Whether values have the same types, surely."""
    stack, seen = [(one, two)], set[tuple[int, int]]()
    while stack:
        a, b = stack.pop()
        if (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        match a, b:
            case Tuple(left), Tuple(right) if len(left) == len(right):
                stack += zip(left, right, strict=True)
            case Tensor(), Tensor():
                if a.type.dtype != b.type.dtype or a.type.rank != b.type.rank:
                    return False
                pairs = zip(a.type.shape, b.type.shape, strict=True)
                if not all(equal(x, y) for x, y in pairs):
                    return False
            case Static(left), Static(right) if type(left) is type(right):
                pass
            case _:
                return False
    return True


def _changed(
    evaluator: Evaluator,
    item: s.Repeat,
    turn: int,
    before: Value,
    after: Value,
    span: Span,
) -> Value:
    """A block that does not give back the type it takes."""
    taken, given = (
        str(value.type) if isinstance(value, Tensor) else describe(value)
        for value in (before, after)
    )
    count = (
        "a turn"
        if not turn or item.name is None
        else (f"the turn where `{item.name.text}` is {turn}")
    )
    dims: list[Dim] = []
    unlike: list[tuple[Dim, Dim]] = []
    if isinstance(before, Tensor) and isinstance(after, Tensor):
        if before.type.rank == after.type.rank:
            pairs = zip(after.type.shape, before.type.shape, strict=True)
            unlike = [pair for pair in pairs if not equal(*pair)]
            dims = [dim for pair in unlike for dim in pair]
    fault = Fault("T0510", f"{count} takes {taken} and gives back {given}", dims=dims)
    last = item.stages[-1].function.span
    found = fault.diagnostic(last)
    labels = (Label(span, f"{taken} goes in"), *found.labels)
    told = f"{given} comes out" + (f": {found.label}" if found.label else "")
    name = "_" if item.name is None else item.name.text
    ways = [way for pair in unlike for way in to_match(*pair)]
    if isinstance(before, Tensor) and isinstance(after, Tensor):
        for axis in range(-min(before.type.rank, after.type.rank), -1):
            ways += to_align(axis, before.type, after.type)
    help = (
        *ways[:1],
        f"end the block with {taken}: each turn takes what the one before gave",
        f"or write `fold {name} in range({item.count.span.text}) {{ … }}`: there the "
        "type may change",
    )
    return evaluator.checker.add(replace(found, labels=labels, label=told, help=help))
