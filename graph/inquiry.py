"""What a tensor tells about itself: shape, size, dtype; no op is run for that."""

from __future__ import annotations

from typing import Any

from .calling import told_with
from .conversion import convert
from .kinds import CALLS
from .operand import Operand
from .registry import OPS
from .tensor import NoTensorError, SymbolicTensor, convert_to_tensor
from .types import I32, DTypeLike, TensorType

__all__ = ["array", "dtype", "is_tensor", "ndim", "shape", "size"]


@told_with(CALLS)
def shape(x: Any) -> tuple[Any, ...]:
    """The sizes of the axes: numbers, and scalar tensors for symbolic sizes.

    >>> shape([[1, 2, 3]])
    (1, 3)
    """
    sizes = _type("shape", x).shape
    return tuple(_number(size) for size in sizes)


@told_with(CALLS)
def size(x: Any) -> Any:
    """The number of elements: a number, or a scalar tensor where sizes are symbolic.

    >>> size([[1, 2, 3]])
    3
    """
    return _number(_type("size", x).size)


def _type(name: str, x: Any) -> TensorType:
    try:
        found: TensorType = convert(x).type
    except NoTensorError as error:
        error.tell_argument(name, {"x": x})
        raise
    return found


def _number(size: Any) -> Any:
    if size.value is not None:
        return size.value
    return SymbolicTensor(OPS["size"].apply((), {"value": size, "dtype": I32}))


@told_with(CALLS)
def ndim(x: Any) -> int:
    """The number of axes.

    >>> ndim([[1, 2, 3]])
    2
    """
    return len(_type("ndim", x).shape)


@told_with(CALLS)
def dtype(x: Any) -> str:
    """The name of the element type.

    >>> dtype([1.0])
    'float32'
    """
    found: str = _type("dtype", x).dtype.name
    return found


def is_tensor(x: Any) -> bool:
    """Whether something is a tensor: a value, a symbolic one or a variable.

    >>> is_tensor([1.0])
    False
    """
    return isinstance(x, Operand)


@told_with(CALLS)
def array(x: Any, dtype: DTypeLike | None = None) -> Any:
    """A tensor of a value, as `convert_to_tensor`.

    >>> array([1, 2]).numpy().tolist()
    [1, 2]
    """
    try:
        return convert_to_tensor(x, dtype)
    except NoTensorError as error:
        error.tell_argument("array", {"x": x})
        raise
