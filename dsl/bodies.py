"""Bodies: statements in order, parameters, and the result against its declaration."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.diagnostics import Label, Span
from ..graph.tensor import constant_node, held
from ..graph.types import DTYPES
from . import declared, doubled, holes, parameters, statics
from . import syntax as s
from .arguments import Given, not_tensors
from .checker import Checker
from .effects import Ledger
from .expressions import Evaluator
from .scope import Scope
from .values import (
    POISON,
    Hole,
    Instance,
    Poison,
    Shape,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)


def returned(
    checker: Checker, item: s.FunctionItem | s.LayerItem | s.ModelItem, scope: Scope
) -> Value:
    """The value that a body returns, checked against the declared result."""
    evaluator = Evaluator(checker, scope)
    doubled.poison(checker, item, scope)
    if not isinstance(item.body, s.Block):
        value, place = evaluator.evaluate(item.body), item.body.span
        return _result(checker, evaluator, item, value, place)
    found: Value | None = None
    place, ledger = item.name.span, Ledger(evaluator, item)
    for statement in item.body.statements:
        if found is not None:
            message = "nothing behind `return` is reached"
            checker.error("T0208", message, statement.span)
            break
        match statement:
            case s.Let():
                _let(checker, evaluator, statement)
            case s.ParamStatement():
                scope[statement.name.text] = parameters.param(
                    evaluator, item, statement
                )
            case s.StateStatement():
                ledger.state(statement)
            case s.Update():
                ledger.update(statement)
            case s.LossStatement():
                ledger.loss(statement)
            case s.Return():
                place = statement.value.span
                found = evaluator.evaluate(statement.value)
    if found is None:
        message = f"the body of `{item.name.text}` returns nothing"
        advice = "end it with `return …`"
        return checker.error("T0208", message, item.name.span, help=(advice,))
    return ledger.hung(_result(checker, evaluator, item, found, place), place)


def _let(checker: Checker, evaluator: Evaluator, statement: s.Let) -> None:
    value = evaluator.evaluate(statement.value)
    if statement.type is not None:
        value = _typed(checker, evaluator, statement, statement.type, value)
    if not statement.unpacks:
        name = statement.names[0]
        if isinstance(value, Instance) and value.given_name is None:
            evaluator.give_name(value, name)
        evaluator.scope[name.text] = value
        checker.see(name.span, value)
        return
    values = _unpacked(checker, value, len(statement.names), statement)
    lost = doubled.twice(checker, statement.names)
    for name, item in zip(statement.names, values, strict=True):
        evaluator.scope[name.text] = POISON if name.text in lost else item
        checker.see(name.span, item)


def _typed(
    checker: Checker,
    evaluator: Evaluator,
    let: s.Let,
    type: s.TypeExpression,
    value: Value,
) -> Value:
    if isinstance(value, Hole) and type.dims is None:
        told = f"`{type.dtype.text}`"
        holes.wants(evaluator, value, told, f"`{let.names[0].text}`", type.span)
    if type.dims is None and not isinstance(value, Tensor):
        name = let.names[0].text
        static = declared.static(evaluator, name, type, value, let.value.span)
        return static or POISON
    wanted = declared.tensor_type(evaluator, type)
    if wanted is not None:
        what = f"`{let.names[0].text}`"
        holes.wants(evaluator, value, wanted, what, type.span)
    if wanted is None or isinstance(value, Poison):
        return value
    if not isinstance(value, Tensor):
        message = f"{describe(value)} stands where {wanted} is declared"
        return checker.error("T0309", message, let.value.span)
    name = let.names[0].text
    fits = declared.conform(
        evaluator, wanted, value.type, let.value.span, type.span, f"`{name}`"
    )
    return value if fits else POISON


def _unpacked(
    checker: Checker, value: Value, count: int, let: s.Let
) -> Sequence[Value]:
    match value:
        case Tuple(items) if len(items) == count:
            return items
        case Static(tuple() as items) if len(items) == count:
            return [Static(item) for item in items]
        case Shape(dims) if len(dims) == count:
            return [Static(d if d.value is None else d.value) for d in dims]
        case Poison():
            return [POISON] * count
        case Tuple(items) | Static(tuple() as items):
            message = f"`let` has {count} names for {len(items)} values"
        case _:
            message = f"`let` has {count} names for one value, {describe(value)}"
    checker.error("T0209", message, let.value.span)
    return [POISON] * count


def _result(
    checker: Checker,
    evaluator: Evaluator,
    item: s.FunctionItem | s.LayerItem | s.ModelItem,
    value: Value,
    place: Span,
) -> Value:
    """Check a result against its declaration; the value goes on as computed."""
    outputs, title = item.result.outputs, f"the result of `{item.name.text}`"
    value = _as_tensors(value, item.result)
    if isinstance(value, Poison):
        for output in outputs:
            wanted = declared.tensor_type(evaluator, output.type)
            if wanted is not None and len(outputs) == 1:
                holes.wants(evaluator, value, wanted, title, output.type.span)
        return value
    parts = value.items if isinstance(value, Tuple) else (value,)
    several = item.result.several and len(outputs) > 1
    if len(parts) != len(outputs) or isinstance(value, Tuple) != several:
        message = f"{title} is {len(parts)} values and {len(outputs)} are declared"
        label = Label(item.result.span, "declared here")
        return checker.error("T0309", message, place, labels=(label,))
    good = True
    for output, part in zip(outputs, parts, strict=True):
        wanted = declared.tensor_type(evaluator, output.type)
        if not isinstance(part, Tensor):
            if not_tensors(evaluator, [Given(None, part, place)]):
                return POISON
            message = f"{title} is a tensor, not {describe(part)}"
            return checker.error("T0501", message, place)
        if wanted is not None:
            good &= declared.conform(
                evaluator, wanted, part.type, place, output.type.span, title
            )
    return value if good else POISON


def _as_tensors(value: Value, result: s.Result) -> Value:
    """A result with numbers as scalar tensors of the declared element type."""
    items = value.items if isinstance(value, Tuple) else (value,)
    if isinstance(value, Static) and isinstance(value.value, tuple):
        items = tuple(map(Static, value.value))
    if len(items) != len(result.outputs):
        return value
    made: list[Value] = []
    for item, output in zip(items, result.outputs, strict=True):
        kind = DTYPES.get(output.type.dtype.text)
        plain = item.value if isinstance(item, Static) else None
        if kind and isinstance(plain, (int, float)) and statics.fits(kind.short, plain):
            item = Tensor(constant_node(held(plain, kind)))
        made.append(item)
    return (
        made[0]
        if len(made) == 1 and not isinstance(value, Tuple)
        else Tuple(tuple(made))
    )
