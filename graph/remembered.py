"""Ops on values whose like has been seen: types are checked once, then only computed.

What an op makes of the dtypes and shapes of its operands and of its attributes is the
same each time that `floatx` and its like are, so the second call with such ones takes
it from a table. Everything that may end otherwise, such as operands of several dtypes
or a trace, has no entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .autocasting import autocast_dtype
from .configuration import settings
from .device import array_module
from .replacing import replacements
from .types import DType

if TYPE_CHECKING:
    from .op import Op

Array = Any
Run = Callable[[Sequence[Array]], Any]

CALLS = 4096  # kept, and as many numbers
VALUES: dict[type, bool] = {}  # classes with an `array`; True for what may be replaced
PLAIN = frozenset((int, str, type(None), DType))  # attributes that are their own key
_CALLS: dict[Any, Run] = {}
_NUMBERS: dict[Any, Array] = {}


class Call:
    """One call of an op on values: the arrays and what stands for their like."""

    __slots__ = ("arrays", "key", "numbers")

    def __init__(self, arrays: list[Array], key: Any, numbers: bool):
        self.arrays, self.key, self.numbers = arrays, key, numbers

    @property
    def run(self) -> Run | None:
        """What computes it, if its like has been seen."""
        return _CALLS.get(self.key)

    def keep(self, run: Run) -> None:
        """The way to compute it, for the next time."""
        if len(_CALLS) >= CALLS:
            _CALLS.clear()
        _CALLS[self.key] = run


def call_of(
    op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]
) -> Call | None:
    """The call that an op on operands is; None if it is none to be remembered.

    Its operands are tensors and variables on the host, of one dtype if the op wants
    that, and plain numbers beside them, where elements are computed of them.
    """
    arrays: list[Array] = []
    key: list[Any] = [op, settings()]
    if not op.remembers or not _gather(op, operands, arrays, key):
        return None
    numbers = any(array.__class__ is float for array in arrays)
    if numbers and not _fill(arrays):
        return None
    if attributes:
        try:
            key += [(name, _key(value)) for name, value in attributes.items()]
        except LookupError:
            return None
    return Call(arrays, tuple(key), numbers)


def _gather(
    op: Op, operands: Sequence[Any], arrays: list[Array], key: list[Any]
) -> bool:
    """Enter arrays and numbers, and their dtypes and shapes; False for others."""
    first, numbers = None, False
    for operand in operands:
        kind = operand.__class__
        if kind is float and op.elementwise:
            arrays.append(operand)
            key.append("number")
            numbers = True
            continue
        replaced = VALUES.get(kind)
        if replaced is None or (
            replaced and (autocast_dtype() is not None or replacements() is not None)
        ):
            return False
        array = operand.array
        if array.__class__ is not np.ndarray:
            return False
        first = first or array.dtype
        if array.dtype is not first and op.operand_dtypes != "any":
            return False
        arrays.append(array)
        key += (array.dtype, array.shape)
    if first is None:
        return False
    return first.kind == "f" or not (numbers or op.operand_dtypes == "float")


def _key(value: Any) -> Any:
    """What is equal for equal attributes only; a `LookupError` for unusual ones."""
    kind = value.__class__
    if kind in PLAIN:
        return value
    if kind is bool:
        return ("bool", value)
    if kind is float:
        return ("float", value.hex())  # 0 and -0 are two, NaN is one
    if kind is tuple:
        return ("tuple", *map(_key, value))
    if kind is slice:
        return ("slice", _key(value.start), _key(value.stop), _key(value.step))
    raise LookupError


def _fill(arrays: list[Array]) -> bool:
    """Put arrays in the places of numbers; False if one of them is to be looked at."""
    if array_module() is not np:
        return False
    dtype = next(array.dtype for array in arrays if array.__class__ is not float)
    for index, value in enumerate(arrays):
        if value.__class__ is float:
            found = _NUMBERS.get((value, dtype))
            if found is None:
                found = _number(value, dtype)
            if found is None:
                return False
            arrays[index] = found
    return True


def _number(value: float, dtype: Any) -> Array | None:
    """A number as an array; None for zeros, of which there are two, and what is not
    finite, or is not in the dtype."""
    if not value or not math.isfinite(value):
        return None
    with np.errstate(over="ignore"):
        array = np.asarray(value, dtype)
    if not np.isfinite(array):
        return None
    if len(_NUMBERS) >= CALLS:
        _NUMBERS.clear()
    array.flags.writeable = False
    _NUMBERS[value, dtype] = array
    return array
