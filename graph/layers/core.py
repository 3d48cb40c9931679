"""Dense, Embedding, and the layers that only rearrange or scale."""

from __future__ import annotations

from typing import Any

from .. import activations, regularizers
from ..diagnostics import Fault
from ..dim import product
from ..layer import Layer
from ..ops.movement import as_shape
from ..registry import call
from .formats import channels_first
from .weighted import Weighted

__all__ = [
    "ActivityRegularization",
    "Dense",
    "Embedding",
    "Flatten",
    "Masking",
    "Permute",
    "Rescaling",
    "Reshape",
]


class Dense(Weighted):
    """`activation(x @ kernel + bias)` over the last axis.

    Input f32[..., n], output f32[..., units]; weights `kernel` [n, units] and `bias`
    [units]. Raises T0403 for integer input.

    >>> import numpy as np
    >>> Dense(4)(np.ones((2, 3), "float32")).shape
    (2, 4)
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive(self, "units", units)
        self.use_bias = use_bias
        self.activation = activations.get(activation)

    def build(self, input_shape: Any) -> None:
        if not input_shape or input_shape[-1] is None:
            raise Fault(
                "T0306",
                f"`{self.name}` needs a last axis whose size is a number, and its "
                f"input has shape {input_shape}",
                operands={0: str(input_shape)},
            )
        self.kernel = self.add_role("kernel", (input_shape[-1], self.units))
        self.bias = self.add_role("bias", (self.units,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        if not inputs.type.dtype.is_float:
            raise ids_given(self, inputs)
        result = call("matmul", inputs, self.kernel)
        if self.bias is not None:
            result = result + self.bias
        return result if self.activation is None else self.activation(result)


def ids_given(layer: Layer, inputs: Any) -> Fault:
    """Integers where a layer multiplies by weights."""
    return Fault(
        "T0403",
        f"`{layer.name}` multiplies its input by weights, and {inputs.type} holds "
        "integers",
        operands={0: str(inputs.type)},
        help=[
            "if these are ids, look them up: `Embedding(…)` first; if they are "
            "quantities, `cast(…, f32)`"
        ],
    )


class Embedding(Weighted):
    """A row of `embeddings` for each id.

    Input i32[...] of ids below `input_dim`, output f32[..., output_dim]; weight
    `embeddings` [input_dim, output_dim]. Raises `DataError` for other ids.

    >>> import numpy as np
    >>> Embedding(5, 3)(np.array([[1, 4]])).shape
    (1, 2, 3)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.input_dim = positive(self, "input_dim", input_dim)
        self.output_dim = positive(self, "output_dim", output_dim)
        self.mask_zero = self.supports_masking = bool(mask_zero)

    def build(self, input_shape: Any) -> None:
        shape = (self.input_dim, self.output_dim)
        self.embeddings = self.add_role("embeddings", shape)

    def call(self, inputs: Any) -> Any:
        if inputs.type.dtype.is_float:
            inputs = call("cast", inputs, "int32")  # as Keras does
        return call("take", self.embeddings, inputs, axis=0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return call("not_equal", inputs, 0) if self.mask_zero else None


class Masking(Layer):
    """Steps whose features all equal `mask_value` set to zero and masked.

    Input and output f32[batch, steps, features]; the mask is [batch, steps].

    >>> import numpy as np
    >>> y = Masking()(np.array([[[1.0], [0.0]]]))
    >>> y._keras_mask.numpy().tolist()
    [[True, False]]
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs: Any) -> Any:
        other = call("not_equal", inputs, self.mask_value)
        kept = call("any", other, axis=-1, keepdims=True)
        return inputs * call("cast", kept, inputs.dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return call("any", call("not_equal", inputs, self.mask_value), axis=-1)


class ActivityRegularization(Layer):
    """The input as it is, which adds l1 * sum(|x|) + l2 * sum(x²) to the losses.

    The sum is divided by the size of the batch.

    >>> import numpy as np
    >>> layer = ActivityRegularization(l1=1.0)
    >>> _ = layer(np.array([[1.0, -2.0]]))
    >>> float(layer.losses[0])
    3.0
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        return inputs


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
        batch, *rest = _batched(self, inputs)
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
        self.target_shape = as_shape(target_shape)

    def call(self, inputs: Any) -> Any:
        batch = _batched(self, inputs)[0]
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


class Rescaling(Layer):
    """inputs * scale + offset.

    >>> import numpy as np
    >>> Rescaling(2.0, offset=1.0)(np.array([3.0])).numpy().tolist()
    [7.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Any:
        scaled = call("cast", inputs, self.dtype) * self.scale
        return scaled + self.offset


def positive(layer: Layer, name: str, value: Any) -> int:
    """A size that an argument gives; refuses anything but a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Fault(
            "T0204",
            f"`{name}` of `{type(layer).__name__}` is a positive integer, "
            f"not {value!r}",
            argument=name,
        )
    return value


def _batched(layer: Layer, inputs: Any) -> tuple[Any, ...]:
    """The shape of a tensor that has a batch axis."""
    shape: tuple[Any, ...] = inputs.type.shape
    if not shape:
        raise Fault(
            "T0306",
            f"`{layer.name}` needs a batch axis and got the scalar {inputs.type}",
            operands={0: str(inputs.type)},
        )
    return shape
