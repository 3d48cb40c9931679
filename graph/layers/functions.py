"""Functions among the layers: the merging ones, which make a layer and call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..diagnostics import Fault, TensorTypeError, caller_span
from ..dim import Dim
from ..network import Input
from ..tensor import SymbolicTensor
from . import merging

__all__ = [
    "InputLayer",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of a list of tensors, by an `Add` layer.

    >>> import numpy as np
    >>> add([np.array([1.0]), np.array([2.0])]).numpy().tolist()
    [3.0]
    """
    return merging.Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first of two tensors minus the second, by a `Subtract` layer.

    >>> import numpy as np
    >>> subtract([np.array([1.0]), np.array([2.0])]).numpy().tolist()
    [-1.0]
    """
    return merging.Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of a list of tensors, by a `Multiply` layer.

    >>> import numpy as np
    >>> multiply([np.array([3.0]), np.array([2.0])]).numpy().tolist()
    [6.0]
    """
    return merging.Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of a list of tensors, by an `Average` layer.

    >>> import numpy as np
    >>> average([np.array([1.0]), np.array([2.0])]).numpy().tolist()
    [1.5]
    """
    return merging.Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of a list of tensors, by a `Maximum` layer.

    >>> import numpy as np
    >>> maximum([np.array([1.0]), np.array([2.0])]).numpy().tolist()
    [2.0]
    """
    return merging.Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of a list of tensors, by a `Minimum` layer.

    >>> import numpy as np
    >>> minimum([np.array([1.0]), np.array([2.0])]).numpy().tolist()
    [1.0]
    """
    return merging.Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """A list of tensors joined along an axis, by a `Concatenate` layer.

    >>> import numpy as np
    >>> concatenate([np.array([1.0]), np.array([2.0])]).numpy().tolist()
    [1.0, 2.0]
    """
    return merging.Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """The product of two tensors summed over an axis of each, by a `Dot` layer.

    >>> import numpy as np
    >>> dot([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).numpy().tolist()
    [[11.0]]
    """
    return merging.Dot(axes=axes, **kwargs)(inputs)


def InputLayer(  # noqa: N802 - Keras's name
    shape: Sequence[int | str | Dim | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: Sequence[int | str | Dim | None] | None = None,
    input_tensor: Any = None,
    name: str | None = None,
) -> SymbolicTensor:
    """The symbolic input that `Input` makes, or `input_tensor` as it is.

    It stands first in a `Sequential`, as Keras's layer of that name does. Raises T0204
    for an `input_tensor` that is no symbolic tensor.

    >>> print(InputLayer(shape=(784,)).type)
    f32[batch, 784]
    """
    if input_tensor is None:
        return Input(shape, batch_size, dtype, name=name, batch_shape=batch_shape)
    if isinstance(input_tensor, SymbolicTensor):
        return input_tensor
    fault = Fault(
        "T0204",
        f"`input_tensor` is what `Input` gives, not {input_tensor!r}",
        argument="input_tensor",
    )
    raise TensorTypeError.of(fault, caller_span())
