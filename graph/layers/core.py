"""Dense, the embeddings, and the layers that only mark what passes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import activations
from ..diagnostics import Fault
from ..dim import Dim
from ..layer import Layer
from ..layer_parts import ids_fault
from ..registry import call
from .adapted import Adapted

__all__ = [
    "Dense",
    "Embedding",
    "Identity",
    "Masking",
    "ReversibleEmbedding",
]


class Dense(Adapted):
    """`activation(x @ kernel + bias)` over the last axis.

    Input f32[..., n], output f32[..., units]; weights `kernel` [n, units] and `bias`
    [units]. With `lora_rank`, `kernel` is frozen and a correction of that rank learns,
    see `enable_lora`. Raises T0403 for integer input.

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
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            lora_rank, lora_alpha, activity_regularizer=activity_regularizer, **kwargs
        )
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
                help=[
                    "each sample needs an axis of features: give it one of size 1 by "
                    "`expand_dims(…, -1)`, or declare its size"
                ],
            )
        self.kernel = self.add_role("kernel", (input_shape[-1], self.units))
        self.bias = self.add_role("bias", (self.units,)) if self.use_bias else None
        self.adapt_weight()

    def call(self, inputs: Any) -> Any:
        if not inputs.type.dtype.is_float:
            raise ids_fault(self.name, 0, inputs.type)
        result = call("matmul", inputs, self.adapted(self.kernel))
        if self.bias is not None:
            result = result + self.bias
        return result if self.activation is None else self.activation(result)


class Embedding(Adapted):
    """A row of `embeddings` for each id.

    Input i32[...] of ids below `input_dim`, output f32[..., output_dim]; weight
    `embeddings` [input_dim, output_dim], which starts as `weights` if given. With
    `mask_zero`, steps with id 0 are masked. With `lora_rank`, `embeddings` is frozen
    and a correction of that rank learns. Raises `DataError` for other ids.

    >>> import numpy as np
    >>> Embedding(5, 3)(np.array([[1, 4]])).shape
    (1, 2, 3)
    """

    embeddings_initializer: Any
    lora_role = "embeddings"
    takes_ids = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(lora_rank, lora_alpha, **kwargs)
        self.input_dim = positive(self, "input_dim", input_dim)
        self.output_dim = positive(self, "output_dim", output_dim)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        if weights is not None:
            self._begin_with(weights)

    def _begin_with(self, weights: Any) -> None:
        """Make the weight now, with the first value given."""
        value = np.asarray(weights[0] if isinstance(weights, list) else weights)
        shape = (self.input_dim, self.output_dim)
        if value.shape != shape:
            raise Fault(
                "T0204",
                f"`weights` of `{type(self).__name__}` is an array of shape {shape}, "
                f"(input_dim, output_dim), and this has shape {value.shape}",
                argument="weights",
            )
        self.build(None)
        self.built = True
        self.embeddings.assign(value)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments but `weights`, which are state by now."""
        config = super().get_config()
        config.pop("weights", None)
        return config

    def build(self, input_shape: Any) -> None:
        shape = (self.input_dim, self.output_dim)
        self.embeddings = self.add_role("embeddings", shape)
        self.adapt_weight()

    def call(self, inputs: Any) -> Any:
        if inputs.type.dtype.is_float:
            inputs = call("cast", inputs, "int32")  # as Keras does
        return call("take", self.adapted(self.embeddings), inputs, axis=0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return call("not_equal", inputs, 0) if self.mask_zero else None


class ReversibleEmbedding(Embedding):
    """An embedding that with `reverse=True` gives the scores of all ids.

    Input i32[...] of ids, output f32[..., output_dim]; reversed, input
    f32[..., output_dim], output f32[..., input_dim], the products with all rows. Weight
    `embeddings` [input_dim, output_dim]; without `tie_weights` the products are with
    `reverse_embeddings` [output_dim, input_dim]. `reverse_dtype` is the dtype of the
    products, and `logit_soft_cap` = c turns a score s into c tanh(s / c). Source: Press
    and Wolf 2016.

    >>> import numpy as np
    >>> layer = ReversibleEmbedding(5, 3)
    >>> layer(layer(np.array([[1, 4]])), reverse=True).shape
    (1, 2, 5)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.tie_weights, self.reverse_dtype = bool(tie_weights), reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(inputs)
        if not self._reversed(inputs):
            raise Fault(
                "T0302",
                f"`{self.name}` reversed takes vectors of size {self.output_dim}, its "
                f"`output_dim`, not {inputs.type}",
                operands={0: str(inputs.type)},
            )
        inputs = call("cast", inputs, self.compute_dtype)
        if self.tie_weights:
            kernel = call("transpose", self.adapted(self.embeddings))
        else:
            kernel = self.reverse_embeddings
        if self.reverse_dtype is not None:
            inputs = call("cast", inputs, self.reverse_dtype)
            kernel = call("cast", kernel, self.reverse_dtype)
        scores = call("matmul", inputs, kernel)
        if self.logit_soft_cap is None:
            return scores
        return call("tanh", scores / self.logit_soft_cap) * self.logit_soft_cap

    def _reversed(self, inputs: Any) -> bool:
        """Whether a tensor holds vectors and not ids."""
        shape = inputs.type.shape
        vectors = bool(shape) and shape[-1].value == self.output_dim
        return vectors and inputs.type.dtype.is_float

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None if self._reversed(inputs) else super().compute_mask(inputs)


class Identity(Layer):
    """The input as it is: a tensor, or a nest of tensors.

    >>> import numpy as np
    >>> Identity()(np.array([3.0])).numpy().tolist()
    [3.0]
    """

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


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
        return call("where", kept, inputs, 0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return call("any", call("not_equal", inputs, self.mask_value), axis=-1)


MOST_TURNS = 2**12  # of a loop that is written out, node by node


def positive(layer: Layer, name: str, value: Any, most: int | None = None) -> int:
    """A size that an argument gives; refuses anything but a positive integer.

    `most` is for what costs time or memory by itself, as a file may ask for.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and most is not None and value > most:
        told = f"`{name}` of `{type(layer).__name__}` is at most {most}, not {value}"
        raise Fault("T0204", told, argument=name)
    if not whole or value < 1:
        told = f"the size {value}" if isinstance(value, Dim) else repr(value)
        raise Fault(
            "T0204",
            f"`{name}` of `{type(layer).__name__}` is a positive integer, not {told}",
            argument=name,
        )
    found: int = value
    return found
