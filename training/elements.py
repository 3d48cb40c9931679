"""Elements of a data set: nests of arrays, what they are made of, and their types.

Tuples and dictionaries are structure; a list is one array, as in `tf.data`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.device import to_numpy
from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.kinds import Kind, shown
from ..graph.operand import Operand
from ..graph.tensor import convert_to_tensor
from ..graph.types import DTYPES, DType
from .data import refuse

Array = np.ndarray[Any, Any]
_NUMBERS = frozenset(dtype.name for dtype in DTYPES.values())


def _sizes(given: Any) -> tuple[Any, ...]:
    return (given,) if isinstance(given, int) else tuple(given)


SIZES = Kind("a size or a list of sizes, None where any will do", _sizes)


@dataclass(frozen=True)
class TensorSpec:
    """The shape and dtype of one array of an element; None is any size, or any shape.

    >>> TensorSpec((None, 28), "float32")
    TensorSpec(shape=(None, 28), dtype='float32')
    """

    shape: tuple[int | None, ...] | None = ()
    dtype: str = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        try:
            if self.shape is not None:
                sizes = SIZES.read("shape", self.shape, "TensorSpec")
                object.__setattr__(self, "shape", sizes)
            object.__setattr__(self, "dtype", dtype_name(self.dtype))
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r})"

    @classmethod
    def of(cls, array: Array) -> TensorSpec:
        """The type of an array."""
        return cls(array.shape, array.dtype.name)

    def batched(self, size: int | None) -> TensorSpec:
        """With an axis more in front."""
        shape = None if self.shape is None else (size, *self.shape)
        return TensorSpec(shape, self.dtype)

    def row(self) -> TensorSpec:
        """Without the first axis."""
        return TensorSpec(self.shape and self.shape[1:], self.dtype)

    def joined(self, other: TensorSpec) -> TensorSpec:
        """The type of both: sizes that differ are open."""
        if (
            self.shape is None
            or other.shape is None
            or (len(self.shape) != len(other.shape))
        ):
            return TensorSpec(None, self.dtype)
        pairs = zip(self.shape, other.shape, strict=True)
        return TensorSpec(tuple(a if a == b else None for a, b in pairs), self.dtype)

    @property
    def told(self) -> str:
        """The type in words: `float32[None, 28]`."""
        return self.dtype + ("" if self.shape is None else str(list(self.shape)))

    def takes(self, array: Array) -> bool:
        """Whether an array is of this type."""
        return array.dtype.name == self.dtype and (
            self.shape is None
            or (
                array.ndim == len(self.shape)
                and all(
                    a in (b, None) for a, b in zip(self.shape, array.shape, strict=True)
                )
            )
        )


def dtype_name(dtype: Any) -> str:
    """The name of a dtype that a string, a class or a NumPy dtype means."""
    if isinstance(dtype, DType):
        return dtype.name
    known = (d.name for d in DTYPES.values() if dtype in (d.name, d.short))
    if isinstance(dtype, str) and (name := next(known, None)) is not None:
        return name
    try:
        return np.dtype(dtype).name
    except (TypeError, ValueError):
        told = f"{shown(dtype)} is no dtype"
        raise Fault("T0204", told, argument="dtype") from None


def as_leaf(value: Any) -> Array:
    """One array of an element, of whatever holds numbers or text."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Operand) and hasattr(value, "numpy"):
        return np.asarray(value.numpy())
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a tensor of PyTorch
        value = value.detach().cpu().numpy()
    if isinstance(value, float) or (
        isinstance(value, list) and value and isinstance(value[0], (float, list))
    ):
        found = np.asarray(value)
        return found.astype("float32") if found.dtype == np.float64 else found
    return np.asarray(to_numpy(value))


def map_nest(function: Callable[[Any], Any], value: Any) -> Any:
    """A nest with each leaf replaced."""
    if isinstance(value, tuple):
        parts = [map_nest(function, item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, dict):
        return {key: map_nest(function, item) for key, item in value.items()}
    return None if value is None else function(value)


def as_tensors(element: Any) -> Any:
    """An element with its arrays as tensors; text stays an array."""
    return map_nest(_as_tensor, element)


def _as_tensor(array: Array) -> Any:
    if array.dtype.kind in "OUS" or array.dtype.name not in _NUMBERS:
        return array
    return convert_to_tensor(array)


def row(element: Any, index: int) -> Any:
    """One row of each array in a nest."""
    return map_nest(lambda array: np.asarray(array[index]), element)


def leaves_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nest, each with where it stands: `[0]['image']`."""
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from leaves_of(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves_of(item, f"{path}[{key!r}]")
    elif value is not None:
        yield path, value


def rebuild(structure: Any, leaves: Iterator[Any]) -> Any:
    """A nest of the same structure with other leaves."""
    return map_nest(lambda _: next(leaves), structure)


def as_element(value: Any) -> Any:
    """A nest whose leaves are arrays."""
    return map_nest(as_leaf, value)


def arrangement(value: Any) -> str:
    """The structure of a nest in words that compare: `(·, {'a': ·})`.

    >>> arrangement((1, {"a": 2}))
    "(·, {'a': ·})"
    """
    if isinstance(value, tuple):
        return f"({', '.join(map(arrangement, value))})"
    if isinstance(value, dict):
        inner = ", ".join(f"{key!r}: {arrangement(v)}" for key, v in value.items())
        return f"{{{inner}}}"
    return "None" if value is None else "·"


def stack(elements: Sequence[Any], first: int = 0) -> Any:
    """A batch of elements; refuses those that do not fit together, T0701.

    `first` is the number of the first of them, for the message.
    """
    structure, wanted = elements[0], arrangement(elements[0])
    rows = []
    for index, element in enumerate(elements, first):
        if arrangement(element) != wanted:
            raise refuse(
                "T0701",
                f"element {index} of the data set is {arrangement(element)}, and those "
                f"before it are {wanted}",
            )
        rows.append(list(leaves_of(element)))
    columns = []
    for column in zip(*rows, strict=True):
        path, top = column[0]
        for index, (_, leaf) in enumerate(column, first):
            if leaf.shape != top.shape:
                raise refuse(
                    "T0701",
                    f"element {index} of the data set{_at(path)} has the shape "
                    f"{leaf.shape}, and element {first} has {top.shape}: they make no "
                    "batch",
                    "cut or pad them to one shape with `map` before `batch`",
                )
        columns.append(np.stack([leaf for _, leaf in column]))
    return rebuild(structure, iter(columns))


def _at(path: str) -> str:
    return f" at {path}" if path else ""


def check_element(spec: Any, element: Any, index: int, origin: str) -> None:
    """Refuse an element that is not what was declared, T0701 or T0702, by number."""
    if arrangement(spec) != arrangement(element):
        raise refuse(
            "T0701",
            f"element {index} of {origin} is {arrangement(element)}, and declared is "
            f"{arrangement(spec)}",
        )
    pairs = zip(leaves_of(spec), leaves_of(element), strict=True)
    for (path, wanted), (_, leaf) in pairs:
        if wanted.takes(leaf):
            continue
        code = "T0702" if leaf.dtype.name != wanted.dtype else "T0701"
        raise refuse(
            code,
            f"element {index} of {origin}{_at(path)} is {TensorSpec.of(leaf).told}, "
            f"and declared is {wanted.told}",
        )


def fit_to(spec: Any, value: Any) -> Any:
    """Numbers and lists of Python as arrays of the dtypes declared."""
    if isinstance(spec, tuple) and isinstance(value, (tuple, list)):
        if len(spec) == len(value):
            pairs = zip(spec, value, strict=True)
            return tuple(fit_to(wanted, item) for wanted, item in pairs)
    elif isinstance(spec, dict) and isinstance(value, dict):
        return {k: fit_to(spec[k], v) if k in spec else v for k, v in value.items()}
    elif isinstance(spec, TensorSpec) and isinstance(value, (int, float, list)):
        return np.asarray(value).astype(spec.dtype)
    return as_element(value)
