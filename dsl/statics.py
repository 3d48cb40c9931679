"""Arithmetic on static values: whole numbers, sizes, floating-point numbers, truth."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..graph.decide import Condition, assumed, counterexample, holds
from ..graph.diagnostics import Fault
from ..graph.dim import Dim, ceildiv, divide_exactly, maximum, minimum, product
from ..graph.types import DTYPES

LIMIT = 10**18
MAX_TURNS = 4096  # of a `repeat`, and numbers of a `range`
Number = Any  # int, float, bool or Dim

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def fits(kind: str, value: object) -> bool:
    """Whether a plain value is of a static kind."""
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    if kind == "str" or isinstance(value, str):
        return kind == "str" and isinstance(value, str)
    if kind in DTYPES and DTYPES[kind].is_float:
        return isinstance(value, (int, float))
    return isinstance(value, (int, Dim))


def combine(symbol: str, left: Number, right: Number) -> Number:
    """The value of `left symbol right`, or a `Fault`."""
    if symbol in ("and", "or"):
        return _logical(symbol, left, right)
    for index, value in enumerate((left, right)):
        if isinstance(value, bool) or not isinstance(value, (int, float, Dim)):
            if symbol in ("==", "!="):
                return (left == right) is (symbol == "==")
            shown = _shown(value)
            raise Fault(
                "T0402",
                f"`{symbol}` needs numbers, not {shown}",
                operands={index: shown},
            )
    if isinstance(left, float) or isinstance(right, float):
        return _floats(symbol, left, right)
    if isinstance(left, Dim) or isinstance(right, Dim):
        return _sizes(symbol, Dim.of(left), Dim.of(right))
    return _integers(symbol, left, right)


def _logical(symbol: str, left: Number, right: Number) -> bool:
    for index, value in enumerate((left, right)):
        if not isinstance(value, bool):
            shown = str(value) if isinstance(value, (int, Dim)) else _shown(value)
            raise Fault(
                "T0402",
                f"`{symbol}` needs truth values, not {shown}",
                operands={index: shown},
            )
    return all((left, right)) if symbol == "and" else any((left, right))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (str, tuple, list)):
        return f'"{value}"' if isinstance(value, str) else "a list"
    return f"`{type(value).__name__}` with its settings"


WHOLE: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}


def _compared(symbol: str, left: Number, right: Number) -> bool | None:
    """The truth of a comparison; None if the symbol is none."""
    if symbol in COMPARISONS:
        return COMPARISONS[symbol](left, right)
    if symbol in ("==", "!="):
        return (left == right) is (symbol == "==")
    return None


def _integers(symbol: str, left: int, right: int) -> int | bool:
    answer = _compared(symbol, left, right)
    if answer is not None:
        return answer
    if symbol in ("/", "//", "%") and right == 0:
        raise Fault("T0391", f"{left} is divided by zero")
    if symbol in WHOLE:
        return _bounded(WHOLE[symbol](left, right))
    if symbol == "/":
        if left % right:
            raise _uneven(left, right)
        return left // right
    if symbol == "**":
        if not 0 <= right <= 64:
            raise Fault("T0204", f"a whole number has no power {right} here")
        return _bounded(left**right)
    raise _tensors_needed(symbol, left)


def _tensors_needed(symbol: str, left: Number) -> Fault:
    return Fault("T0306", f"`{symbol}` needs tensors", operands={0: str(left)})


def _bounded(value: int) -> int:
    if abs(value) > LIMIT:
        raise Fault("T0903", "a whole number has more than 18 digits")
    return value


def _uneven(left: Number, right: Number) -> Fault:
    help = ["`//` rounds down; with a point in one of them `/` gives a fraction"]
    message = f"{left} / {right} does not come out even"
    if isinstance(left, Dim) and isinstance(right, Dim):
        asked = Condition(left % right, "==", Dim.of(0))
        values = counterexample(asked, assumed(asked))
        if values:
            told = ", ".join(f"{symbol} = {value}" for symbol, value in values.items())
            message += f" for {told}"
        help = [f"ask for it: `where {asked}`", "`//` rounds down"]
    return Fault("T0310", message, help=help)


def _even(left: Dim, right: Dim) -> bool:
    """Whether a division is known to have no remainder."""
    return holds(Condition(left % right, "==", Dim.of(0))) is True


def _floats(symbol: str, left: Number, right: Number) -> float | bool:
    for value in (left, right):
        if isinstance(value, Dim):
            raise Fault(
                "T0402",
                f"`{symbol}` has a size and a fraction: {left} and {right}",
                help=["a size is a whole number"],
            )
    answer = _compared(symbol, left, right)
    if answer is not None:
        return answer
    rules: dict[str, Callable[[float, float], Any]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "//": operator.floordiv,
        "%": operator.mod,
        "**": operator.pow,
    }
    if symbol not in rules:
        raise _tensors_needed(symbol, left)
    if symbol in ("/", "//", "%") and right == 0:
        raise Fault("T0391", f"{left} is divided by zero")
    try:
        result = rules[symbol](float(left), float(right))
    except (OverflowError, ZeroDivisionError):
        result = None
    if not isinstance(result, float):
        raise Fault("T0204", f"{left} {symbol} {right} has no value")
    return result


def _sizes(symbol: str, left: Dim, right: Dim) -> Dim | bool:
    if symbol in ("/", "//", "%") and right.value == 0:
        raise Fault("T0391", f"{left} is divided by zero")
    match symbol:
        case "+" | "-" | "*" | "//" | "%":
            return SIZES[symbol](left, right)
        case "/":
            found = divide_exactly(left, right)
            if found is None and _even(left, right):
                return left // right
            if found is None:
                raise _uneven(left, right)
            return found
        case "**" if right.value is not None and 0 <= right.value <= 8:
            return product([left] * right.value)
        case "==" | "!=" | "<" | "<=" | ">" | ">=":
            asked = Condition(left, symbol, right)
            if holds(asked) is True:
                return True
            if holds(asked.negated) is True:
                return False
    first = f"({left})" if symbol == "**" and " " in str(left) else str(left)
    raise Fault(
        "T0308",
        f"`{first} {symbol} {right}` cannot be decided for sizes that are not known",
    )


SIZES: dict[str, Callable[[Dim, Dim], Dim]] = {
    "+": Dim.__add__,
    "-": Dim.__sub__,
    "*": Dim.__mul__,
    "//": Dim.__floordiv__,
    "%": Dim.__mod__,
}


def extreme(name: str, values: list[Number]) -> Number:
    """`min`, `max` or `ceildiv` of static values."""
    if len(values) < 2 or (name == "ceildiv" and len(values) != 2):
        raise Fault("T0203", f"`{name}` needs two values")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float, Dim)):
            raise Fault("T0402", f"`{name}` needs numbers, not {_shown(value)}")
    if name == "ceildiv":
        if 0 in values:
            raise Fault("T0391", f"{values[0]} is divided by zero")
        if any(isinstance(value, float) for value in values):
            raise Fault("T0402", "`ceildiv` needs whole numbers")
        return _plain(ceildiv(*values))
    if any(isinstance(value, float) for value in values):
        if any(isinstance(value, Dim) for value in values):
            raise Fault("T0402", f"`{name}` has sizes and fractions")
        return min(values) if name == "min" else max(values)
    rule = minimum if name == "min" else maximum
    found = Dim.of(values[0])
    for value in values[1:]:
        found = rule(found, value)
    return _plain(found)


def _plain(dim: Dim) -> int | Dim:
    return dim if dim.value is None else dim.value


def counted(values: list[Number]) -> tuple[int, ...]:
    """The list `range(stop)`, `range(start, stop)` or `range(start, stop, step)`."""
    if not 1 <= len(values) <= 3:
        raise Fault("T0203", "`range` needs an end: `range(4)`, `range(1, 5)`")
    for value in values:
        if isinstance(value, Dim):
            message = f"`range` needs fixed numbers, and `{value}` is any size"
            help = [f"`arange({value})` is a tensor"]
            raise Fault("T0204", message, help=help)
        if isinstance(value, bool) or not isinstance(value, int):
            told = f"`{value}`" if isinstance(value, float) else _shown(value)
            raise Fault("T0402", f"`range` needs whole numbers, not {told}")
    if len(values) == 3 and not values[2]:
        raise Fault("T0204", "the step of a `range` is not 0")
    found = range(*values)
    if len(found) > MAX_TURNS:
        message = f"these are {len(found)} numbers, and at most {MAX_TURNS} are allowed"
        raise Fault("T0906", message)
    return tuple(found)
