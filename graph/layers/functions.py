"""Functions among the layers: the merging ones, which make a layer and call it."""

from __future__ import annotations

from typing import Any

from . import merging

__all__ = [
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
