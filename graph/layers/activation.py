"""Layers that apply a function without weights."""

from __future__ import annotations

from typing import Any

from .. import activations
from ..layer import Layer
from ..registry import call

__all__ = [
    "Activation",
    "ReLU",
    "Softmax",
]


class Activation(Layer):
    """An activation function, by name or as a callable.

    Input and output f32[...] of one shape.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0])).numpy().tolist()
    [0.0, 2.0]
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return inputs if self.activation is None else self.activation(inputs)


class ReLU(Layer):
    """x where it is at least `threshold`, at most `max_value`; else a slope.

    Input and output f32[...] of one shape.

    >>> import numpy as np
    >>> ReLU(max_value=1.0)(np.array([0.5, 2.0])).numpy().tolist()
    [0.5, 1.0]
    """

    supports_masking = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.max_value, self.threshold = max_value, threshold
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs, self.negative_slope, self.max_value, self.threshold
        )


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along `axis`; where `mask` is false the share is 0.

    Input and output f32[...] of one shape.

    >>> import numpy as np
    >>> Softmax()(np.array([1.0, 1.0])).numpy().tolist()
    [0.5, 0.5]
    """

    HIDDEN = -1e9  # as in Keras; -3e4 in float16

    supports_masking = True

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None:
            hidden = -3e4 if inputs.dtype == "float16" else self.HIDDEN
            inputs = inputs + (1.0 - call("cast", mask, inputs.dtype)) * hidden
        return call("softmax", inputs, axis=self.axis)
