"""Ops on values whose like has been seen: types are checked once, then only computed.

What an op makes of the dtypes and shapes of its operands and of its attributes is the
same each time that `floatx` and its like are, so the second call with such ones takes
it from a table. Everything that may end otherwise, such as operands of several dtypes
or a trace, has no entry.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .autocasting import autocast_dtype
from .configuration import settings
from .device import current_device
from .dim import Dim
from .node import Unique
from .types import DType
from .variable_substitution import replacements

if TYPE_CHECKING:
    from .op import Op

Array = Any
Run = Callable[[Sequence[Array]], Any]

CALLS = 4096  # kept, and as many numbers and tokens
VALUES: dict[type, bool] = {}  # classes with an `array`; True for what may be replaced
PLAIN = frozenset(
    (int, str, type(None), type(...), DType)
)  # attributes that are their own key
NUMBERS = (float, int)  # classes of plain numbers among operands
WHOLE = (np.dtype("int32"), np.dtype("int64"))  # what integers beside them leave alone
_CALLS: dict[Any, tuple[Run, int]] = {}
_NUMBERS: dict[Any, Array] = {}
_TOKENS: dict[Any, int] = {}
_NUMBERED = itertools.count()  # no token is given twice


class Call:
    """One call of an op on values: the arrays and what stands for their like.

    `dtype` is that of plain numbers, if there are `numbers` among them.
    """

    __slots__ = ("arrays", "dtype", "key", "numbers")

    def __init__(self, arrays: list[Array], key: Any, numbers: bool, dtype: Any):
        self.arrays, self.key = arrays, key
        self.numbers, self.dtype = numbers, dtype

    @property
    def known(self) -> tuple[Run, int] | None:
        """What computes it, and its token, if its like has been seen."""
        return _CALLS.get(self.key)

    def keep(self, run: Run) -> int:
        """Keep the way to compute it for the next time, and give its token."""
        if len(_CALLS) >= CALLS:
            _CALLS.clear()
        token = _token(self.key)
        _CALLS[self.key] = run, token
        return token


def call_of(
    op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]
) -> Call | None:
    """The call that an op on operands is; None if it is none to be remembered.

    Its operands are tensors and variables on the host, of one dtype if the op wants
    that, and plain numbers beside them, where elements are computed of them.
    """
    arrays: list[Array] = []
    key: list[Any] = [op, settings()]
    numbers: list[int] = []  # the places of plain numbers
    dtype = None
    if not op.remembers:
        return None
    alike = range(len(operands))[op.unified] if op.operand_dtypes != "any" else ()
    for place, operand in enumerate(operands):
        if operand.__class__ in NUMBERS and op.elementwise:
            numbers.append(place)
            arrays.append(operand)
            key.append(operand.__class__)
            continue
        array = array_of(operand)
        if array is None:
            return None
        if dtype is None and (place in alike or op.operand_dtypes == "any"):
            dtype = array.dtype
        if place in alike and array.dtype is not dtype:
            return None
        arrays.append(array)
        key += (array.dtype, array.shape)
    if operands and (dtype is None or not _suits(op, dtype, numbers, arrays)):
        return None
    if not operands and current_device() != "cpu":
        return None
    if attributes:
        try:
            key += [(name, key_of(value)) for name, value in attributes.items()]
        except LookupError:
            return None
    return Call(arrays, tuple(key), bool(numbers), dtype)


def token_of(
    op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]
) -> int | None:
    """A number for an op on operands of some types with some attributes.

    It is another one for everything that differs; None for unusual attributes.
    """
    key: list[Any] = [op, settings(), *[operand.type for operand in operands]]
    try:
        key += [(name, key_of(value)) for name, value in attributes.items()]
    except LookupError:
        return None
    return _token(tuple(key))


def _token(key: Any) -> int:
    if len(_TOKENS) >= CALLS:
        _TOKENS.clear()
    return _TOKENS.setdefault(key, new_token())


def new_token() -> int:
    """A number that stands for what nothing else is equal to."""
    return next(_NUMBERED)


def array_of(operand: Any) -> Array | None:
    """The array of a value on the host; None for what stands for something else."""
    replaced = VALUES.get(operand.__class__)
    if replaced is None:
        return None
    if replaced and (autocast_dtype() is not None or replacements() is not None):
        return None
    array = operand.array
    return array if array.__class__ is np.ndarray else None


def _suits(op: Op, dtype: Any, numbers: list[int], arrays: list[Array]) -> bool:
    """Whether operands keep their dtype; puts arrays in the places of numbers."""
    if dtype.kind != "f" and (op.operand_dtypes == "float" or dtype.name in op.widened):
        return False
    if numbers and current_device() != "cpu":
        return False
    for place in numbers:
        found = number_of(arrays[place], dtype)
        if found is None:
            return False
        arrays[place] = found
    return True


def key_of(value: Any) -> Any:
    """What is equal for equal attributes only; a `LookupError` for unusual ones."""
    kind = value.__class__
    if kind in PLAIN:
        return value
    if kind is bool:
        return ("bool", value)
    if kind is float:
        return ("float", value.hex())  # 0 and -0 are two, NaN is one
    if kind is tuple:
        return ("tuple", *map(key_of, value))
    if kind is Dim and value.value is not None:
        return ("dim", value.value)
    if kind is slice:
        return ("slice", key_of(value.start), key_of(value.stop), key_of(value.step))
    if kind is Unique:
        return "unique"  # keeps apart what stands at different places anyway
    raise LookupError


def number_of(value: float, dtype: Any) -> Array | None:
    """A number as an array of a dtype that stands beside it.

    None for a fraction beside integers, for 0.0, of which there are two, and for what
    is not finite, or is not in the dtype.
    """
    kind = value.__class__
    found = _NUMBERS.get((value, dtype, kind))
    return _number(value, dtype, kind) if found is None else found


def _number(value: float, dtype: Any, kind: type) -> Array | None:
    if kind is float:
        if dtype.kind != "f" or not value or not math.isfinite(value):
            return None
    elif dtype.kind != "f" and dtype not in WHOLE:
        return None
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(value, dtype)
    except OverflowError:
        return None
    if not np.isfinite(array):
        return None
    if len(_NUMBERS) >= CALLS:
        _NUMBERS.clear()
    array.flags.writeable = False
    _NUMBERS[value, dtype, kind] = array
    return array
