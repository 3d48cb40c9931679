"""Layers that only rearrange the elements of a sample."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..dim import product
from ..layer import Layer
from ..registry import call
from ..sizes import as_shape
from .core import positive
from .formats import channels_first

__all__ = [
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
]


def batched(layer: Layer, inputs: Any) -> tuple[Any, ...]:
    """The shape of a tensor that has a batch axis."""
    shape: tuple[Any, ...] = inputs.type.shape
    if not shape:
        raise Fault(
            "T0306",
            f"`{layer.name}` needs a batch axis and got the scalar {inputs.type}",
            operands={0: str(inputs.type)},
        )
    return shape


class Flatten(Layer):
    """All axes but the first in one; a vector becomes a column.

    Input f32[batch, ...], output f32[batch, n].

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4), "float32")).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.channels_first = channels_first(self, data_format)

    def call(self, inputs: Any) -> Any:
        batch, *rest = batched(self, inputs)
        if self.channels_first and inputs.ndim > 2:
            order = (0, *range(2, inputs.ndim), 1)
            inputs = call("transpose", inputs, order)
        return call("reshape", inputs, (batch, product(rest)))


class Reshape(Layer):
    """Another shape behind the batch axis; one size may be -1.

    Input f32[batch, ...], output f32[batch, *target_shape].

    >>> import numpy as np
    >>> Reshape((-1, 2))(np.ones((5, 6), "float32")).shape
    (5, 3, 2)
    """

    def __init__(self, target_shape: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = as_shape(target_shape, "Reshape", "target_shape", -1)

    def call(self, inputs: Any) -> Any:
        batch = batched(self, inputs)[0]
        return call("reshape", inputs, (batch, *self.target_shape))


class Permute(Layer):
    """The axes behind the batch axis in another order; `dims` counts them from 1.

    >>> import numpy as np
    >>> Permute((2, 1))(np.ones((5, 6, 7), "float32")).shape
    (5, 7, 6)
    """

    def __init__(self, dims: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise Fault(
                "T0303",
                f"`dims` of `Permute` names each axis from 1 on once, not {dims}",
                argument="dims",
            )

    def call(self, inputs: Any) -> Any:
        if inputs.ndim != len(self.dims) + 1:
            raise Fault(
                "T0303",
                f"`dims` of `{self.name}` names {len(self.dims)} axes behind the "
                f"batch, not those of {inputs.type}",
                operands={0: str(inputs.type)},
                argument="dims",
            )
        return call("transpose", inputs, (0, *self.dims))


class RepeatVector(Layer):
    """Each vector `n` times in a row, as the steps of a sequence.

    Input f32[batch, features], output f32[batch, n, features].

    >>> import numpy as np
    >>> RepeatVector(2)(np.array([[1.0, 3.0]])).numpy().tolist()
    [[[1.0, 3.0], [1.0, 3.0]]]
    """

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = positive(self, "n", n)

    def call(self, inputs: Any) -> Any:
        if inputs.ndim != 2:
            raise Fault(
                "T0306",
                f"`{self.name}` repeats vectors, (batch, features), not {inputs.type}",
                operands={0: str(inputs.type)},
                help=["`Flatten` makes one vector of each sample"],
            )
        batch, features = inputs.type.shape
        rows = call("expand_dims", inputs, 1)
        return call("broadcast_to", rows, (batch, self.n, features))
