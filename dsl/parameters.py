"""`param` and `state`: the variables that a layer or model owns."""

from __future__ import annotations

from typing import Any

from ..graph.diagnostics import Fault, Label, TulleError, standing_at
from ..graph.dim import Dim
from ..graph.initializers import Initializer
from ..graph.regularizers import L2
from ..graph.types import TensorType
from ..graph.variable import MOST_ELEMENTS, Variable
from . import branches, declared
from . import syntax as s
from .checker import WRONG_VALUES
from .expressions import Evaluator
from .operations import wrapped
from .values import POISON, Library, Missing, Poison, Static, Value, describe


def param(evaluator: Evaluator, item: Any, statement: s.ParamStatement) -> Value:
    """A parameter, which training changes unless it is `frozen`.

    `decay c` adds c · sum(w²) to the loss, as the regularizer `L2(c)` does.
    """
    decay = _decay(evaluator, statement)
    if statement.condition is not None:
        holds = branches.holds(evaluator, statement.condition)
        if holds is None:
            return POISON
        if not holds:
            branches.resolve(evaluator, statement.value)
            return Missing(statement.name.text, statement.condition.span)
    variable = _variable(evaluator, item, statement, not statement.frozen)
    if variable is None or decay is None:
        return POISON
    if decay:
        variable.regularizer = L2(decay)
    return wrapped(variable.node, statement.name.span)


def state(
    evaluator: Evaluator, item: Any, statement: s.StateStatement
) -> Variable | None:
    """A variable that `update` changes, and no optimizer."""
    return _variable(evaluator, item, statement, False)


def _decay(evaluator: Evaluator, statement: s.ParamStatement) -> float | None:
    """The factor of the weight's squares in the loss, 0 for none."""
    if statement.decay is None:
        return 0.0
    value, span = evaluator.evaluate(statement.decay), statement.decay.span
    name = statement.name.text
    if isinstance(value, Poison):
        return None
    plain = value.value if isinstance(value, Static) else None
    if not isinstance(plain, (int, float)) or isinstance(plain, bool) or plain < 0:
        message = f"the decay of `{name}` is a number from 0 on, not {describe(value)}"
        evaluator.checker.error("T0204", message, span)
        return None
    if statement.frozen:
        evaluator.checker.error(
            "T0204",
            f"`{name}` is frozen, so it cannot decay",
            span,
            help=("leave out `decay` or `frozen`",),
        )
        return None
    return float(plain)


def _variable(
    evaluator: Evaluator,
    item: Any,
    statement: s.ParamStatement | s.StateStatement,
    trainable: bool,
) -> Variable | None:
    checker, name = evaluator.checker, statement.name.text
    kind = "parameter" if isinstance(statement, s.ParamStatement) else "state"
    if isinstance(item, s.FunctionItem):
        owned = "parameters" if kind == "parameter" else "state"
        checker.error(
            "T0210",
            f"a function owns no {owned}, and `{name}` is {_one(kind)}",
            statement.span,
            help=(f"declare a `layer`, which may own {owned}",),
        )
        return None
    type = declared.tensor_type(evaluator, statement.type)
    inner = Evaluator(checker, evaluator.scope, ("initializer",))
    value = inner.evaluate(statement.value)
    if type is None or isinstance(value, Poison):
        return None
    if not (isinstance(value, Static) and isinstance(value.value, Initializer)):
        help: tuple[str, ...] = ()
        if isinstance(value, Library) and value.kind == "initializer":
            help = (f"write `{value.name}()`",)
        elif isinstance(value, Static) and isinstance(value.value, int | float):
            help = (f"write `constant({value.value})`",)
        message = f"a {kind} begins with an initializer, not {describe(value)}"
        checker.error("T0204", message, statement.value.span, help=help)
        return None
    size = type.size.value
    if size is not None and size > MOST_ELEMENTS:
        message = f"`{name}` would have {size} elements"
        checker.error("T0907", message, statement.type.span)
        return None
    if not type.dtype.is_float and getattr(statement, "decay", None) is not None:
        label = Label(statement.type.span, f"{type} is not trained")
        message = f"`{name}` holds whole numbers, so it cannot decay"
        checker.error("T0204", message, statement.decay.span, labels=(label,))  # type: ignore[union-attr]
        return None
    symbolic = next((dim for dim in type.shape if dim.value is None), None)
    if symbolic is not None:
        _no_number(evaluator, statement, kind, type, symbolic)
        return None
    try:
        with standing_at(statement.type.span):
            trained = trainable and type.dtype.is_float
            made = Variable(value.value, type.shape, type.dtype, trained, name=name)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        checker.failed(error, statement.type.span)
        return None
    checker.own((statement.name, made.node))
    return made


def _no_number(
    evaluator: Evaluator,
    statement: s.ParamStatement | s.StateStatement,
    kind: str,
    type: TensorType,
    dim: Dim,
) -> None:
    """Refuse a size that differs from call to call."""
    name = statement.name.text
    fault = Fault(
        "T0306",
        f"`{name}` has one size for all calls, and `{dim}` is any size in {type}",
        dims=[dim],
        help=[
            f"give the {kind} sizes that are numbers, `const`s or settings",
            f"a mean over the batch has no `{dim}`: `mean(…, axis = 0)`",
        ][: 2 if kind == "state" else 1],
    )
    evaluator.checker.refuse(fault, statement.type.span)


def _one(kind: str) -> str:
    return "one" if kind == "parameter" else "state"
