"""Dense, and the layers that only rearrange or scale."""

from __future__ import annotations

from typing import Any

from .. import activations
from ..diagnostics import Fault
from ..layer import Layer
from ..registry import call


class Dense(Layer):
    """`activation(x @ kernel + bias)` over the last axis.

    Input f32[..., n], output f32[..., units]; weights `kernel` [n, units] and `bias`
    [units]. Raises T0403 for integer input.

    >>> import numpy as np
    >>> Dense(4)(np.ones((2, 3), "float32")).shape
    (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(units, int) or isinstance(units, bool) or units < 1:
            raise Fault(
                "T0204",
                f"`units` of `Dense` is a positive integer, not {units!r}",
                argument="units",
            )
        self.units, self.use_bias = units, use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer

    def build(self, input_shape: Any) -> None:
        if not input_shape or input_shape[-1] is None:
            raise Fault(
                "T0306",
                f"`{self.name}` needs a last axis whose size is a number, and its "
                f"input has shape {input_shape}",
                operands={0: str(input_shape)},
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), self.kernel_initializer, name="kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, name="bias"
            )

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
