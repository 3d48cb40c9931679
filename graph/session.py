"""What Keras keeps in `keras.backend`: questions about dtypes, names, a fresh start."""

from __future__ import annotations

import gc
from typing import Any

from .configuration import default_float
from .conversion import convert
from .diagnostics import Fault, TensorTypeError, caller_span
from .operand import Operand
from .promotion import least
from .tensor import SymbolicTensor
from .types import DType, dtype_of

__all__ = [
    "backend",
    "clear_session",
    "get_uid",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "standardize_dtype",
]

_counts: dict[str, int] = {}
WEAK = {int: "int", float: "float"}


def backend() -> str:
    """The name of what computes: always `tulle`.

    >>> backend()
    'tulle'
    """
    return "tulle"


def get_uid(prefix: str = "") -> int:
    """A number for a prefix, one more each time; 1 first.

    >>> clear_session()
    >>> get_uid("dense"), get_uid("dense")
    (1, 2)
    """
    _counts[prefix] = _counts.get(prefix, 0) + 1
    return _counts[prefix]


def clear_session(free_memory: bool = True) -> None:
    """Let `get_uid` count from 1 again, and free what nothing holds any more.

    Layers are named within their model, so nothing else is left from one model to the
    next.
    """
    _counts.clear()
    if free_memory:
        gc.collect()


def _own(value: Any) -> Any:
    return getattr(value, "dtype", value)


def _dtype(value: Any) -> DType:
    """The dtype that a name, a class or something with a dtype means."""
    if isinstance(value, Operand):
        own: DType = convert(value).type.dtype
        return own
    if value is None or value is float:
        return default_float()
    plain = {bool: "bool", int: "int32"}
    kind = isinstance(value, (str, type))
    try:
        return dtype_of(plain.get(value, value) if kind else _own(value))
    except Fault as fault:
        raise TensorTypeError.of(fault, caller_span()) from None
    except TypeError:
        refusal = Fault("T0401", f"{value!r} is no dtype")
        raise TensorTypeError.of(refusal, caller_span()) from None


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype, however it is written; that of `floatx` for None.

    Raises T0401 for what is none.

    >>> standardize_dtype(float), standardize_dtype("int8")
    ('float32', 'int8')
    """
    return _dtype(dtype).name


def result_type(*dtypes: Any) -> str:
    """The dtype that an op on several dtypes gives; `int` and `float` are weak.

    >>> result_type("int32", "float16"), result_type("float16", float)
    ('float16', 'float16')
    """
    short = [WEAK.get(dtype) or _dtype(dtype).short for dtype in dtypes]
    return least(frozenset(short or ("float",))).name


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is one of floats.

    >>> is_float_dtype("bfloat16")
    True
    """
    return _dtype(dtype).is_float


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is one of whole numbers.

    >>> is_int_dtype("uint8")
    True
    """
    return _dtype(dtype).is_integer


def is_keras_tensor(x: Any) -> bool:
    """Whether something is symbolic: an `Input`, or what was made of one.

    >>> is_keras_tensor([1.0])
    False
    """
    return isinstance(x, SymbolicTensor)
