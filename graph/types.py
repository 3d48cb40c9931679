"""Tensor types: a dtype and a shape of dims; tuples for several results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from .diagnostics import Fault
from .dim import Dim, DimLike, Symbol, product
from .immutable import Immutable


@dataclass(frozen=True, slots=True)
class DType(Immutable):
    """An element type: short name in types, NumPy's and Keras's name outside."""

    short: str
    name: str
    kind: str  # "f" float, "i" signed, "u" unsigned, "b" bool
    size: int  # bytes

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_half(self) -> bool:
        """Whether it is a float of 16 bits."""
        return self.kind == "f" and self.size == 2

    @property
    def largest(self) -> float:
        """The largest finite number of a floating-point dtype."""
        if self.short == "bf16":
            return (2 - 2**-7) * 2.0**127
        return float(np.finfo(self.name).max)

    @property
    def epsilon(self) -> float:
        """The distance from 1 to the next number of a floating-point dtype."""
        return 2.0**-7 if self.short == "bf16" else float(np.finfo(self.name).eps)

    @property
    def is_integer(self) -> bool:
        return self.kind in "iu"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy dtype; bfloat16 needs the `ml_dtypes` package."""
        return _numpy(self.short, self.name)

    def __str__(self) -> str:
        return self.short


@cache
def _numpy(short: str, name: str) -> np.dtype[np.generic]:
    return _bfloat16() if short == "bf16" else np.dtype(name)


def _bfloat16() -> np.dtype[np.generic]:
    try:
        import ml_dtypes
    except ImportError:
        raise Fault(
            "T0401",
            "NumPy has no bfloat16 without the package `ml_dtypes`",
            help=["install it: `pip install 'tulle[cpu]'`"],
        ) from None
    found: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
    return found


DTYPES: dict[str, DType] = {
    short: DType(short, name, kind, size)
    for short, name, kind, size in (
        ("bool", "bool", "b", 1),
        ("u8", "uint8", "u", 1),
        ("u16", "uint16", "u", 2),
        ("u32", "uint32", "u", 4),
        ("u64", "uint64", "u", 8),
        ("i8", "int8", "i", 1),
        ("i16", "int16", "i", 2),
        ("i32", "int32", "i", 4),
        ("i64", "int64", "i", 8),
        ("f16", "float16", "f", 2),
        ("bf16", "bfloat16", "f", 2),
        ("f32", "float32", "f", 4),
        ("f64", "float64", "f", 8),
    )
}
_BY_NAME = {dtype.name: dtype for dtype in DTYPES.values()}
BOOL, I32, I64, U32, F32, F64 = (
    DTYPES[short] for short in ("bool", "i32", "i64", "u32", "f32", "f64")
)

DTypeLike: TypeAlias = DType | str | np.dtype[np.generic] | type


def dtype_of(value: DTypeLike) -> DType:
    """The dtype that a short name, a Keras or NumPy name or a NumPy dtype means.

    Raises T0401 for anything else.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and value in DTYPES:
        return DTYPES[value]
    if isinstance(value, str):
        return _named(value)
    try:
        return _of_numpy(_numpy_dtype(value))
    except (TypeError, ValueError, AttributeError, RecursionError):
        raise _no_dtype(value) from None


def _numpy_dtype(value: Any) -> np.dtype[np.generic]:
    """NumPy's dtype of a value; None, which means float64 there, is none."""
    if value is None or isinstance(value, (dict, list, tuple)):
        raise TypeError  # NumPy makes dtypes of records of some
    found: np.dtype[np.generic] = np.dtype(value)
    return found


@cache
def _of_numpy(value: np.dtype[np.generic]) -> DType:
    """NumPy makes the name of a dtype anew, in microseconds, each time it is asked."""
    return _named(value.name)


def _named(name: str) -> DType:
    if name not in _BY_NAME:
        raise _no_dtype(name)
    return _BY_NAME[name]


def _no_dtype(value: Any) -> Fault:
    text = value if isinstance(value, str) else f"{value!r:.60}"
    known = ", ".join(_BY_NAME)
    return Fault(
        "T0401",
        f"`{text}` is no dtype",
        argument="dtype",
        help=[f"the dtypes are {known}"],
    )


@dataclass(frozen=True, slots=True)
class TensorType(Immutable):
    """The type of a tensor, printed `f32[B, 784]`."""

    dtype: DType
    shape: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def static_shape(self) -> tuple[int | None, ...]:
        """The shape as Keras shows it: None for a symbolic size."""
        return tuple(dim.value for dim in self.shape)

    def with_shape(self, shape: Iterable[DimLike]) -> TensorType:
        return TensorType(self.dtype, tuple(Dim.of(d) for d in shape))

    def with_dtype(self, dtype: DTypeLike) -> TensorType:
        return TensorType(dtype_of(dtype), self.shape)

    def substitute(self, values: Mapping[Symbol, Dim]) -> TensorType:
        return TensorType(self.dtype, tuple(d.substitute(values) for d in self.shape))

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class TupleType(Immutable):
    """The type of a node with several results."""

    items: tuple[TensorType, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


Type: TypeAlias = TensorType | TupleType


def tensor_type(dtype: DTypeLike, shape: Sequence[DimLike]) -> TensorType:
    """A tensor type from a dtype and integers or dims."""
    return TensorType(dtype_of(dtype), tuple(Dim.of(dim) for dim in shape))
