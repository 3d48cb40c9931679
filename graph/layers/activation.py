"""Layers that apply a function without weights."""

from __future__ import annotations

from typing import Any

from .. import activations
from ..diagnostics import Fault
from ..layer import Layer
from ..registry import call
from .formats import shape_text
from .weighted import Weighted, check_sizes

__all__ = [
    "ELU",
    "Activation",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "Softmax",
]


def not_negative(layer: Layer, name: str, value: Any) -> float:
    """A setting that is a number of at least 0."""
    if isinstance(value, (int, float)) and value >= 0:
        return value
    raise Fault(
        "T0204",
        f"`{name}` of `{type(layer).__name__}` is a number of at least 0, "
        f"not {value!r}",
        argument=name,
    )


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
        if max_value is not None:
            max_value = not_negative(self, "max_value", max_value)
        self.max_value = max_value
        self.negative_slope = not_negative(self, "negative_slope", negative_slope)
        self.threshold = not_negative(self, "threshold", threshold)

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs, self.negative_slope, self.max_value, self.threshold
        )


class LeakyReLU(Layer):
    """x where positive, else `negative_slope` * x.

    Input and output f32[...] of one shape. Source: Maas et al. 2013.

    >>> import numpy as np
    >>> LeakyReLU(0.5)(np.array([-2.0, 2.0])).numpy().tolist()
    [-1.0, 2.0]
    """

    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = not_negative(self, "negative_slope", negative_slope)

    def call(self, inputs: Any) -> Any:
        return call("leaky_relu", inputs, self.negative_slope)


class ELU(Layer):
    """x where positive, else `alpha` * (exp(x) - 1).

    Input and output f32[...] of one shape. Source: Clevert et al. 2015.

    >>> import numpy as np
    >>> ELU()(np.array([0.0, 2.0])).numpy().tolist()
    [0.0, 2.0]
    """

    supports_masking = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return call("elu", inputs, self.alpha)


class PReLU(Weighted):
    """x where positive, else alpha * x, where `alpha` is learned.

    Input and output f32[batch, ...] of one shape; weight `alpha` has the shape of a
    sample, with 1 for each axis in `shared_axes`, which counts them from 1. Raises
    T0306 if an axis that is not shared has no number for its size. Source: He et al.
    2015.

    >>> import numpy as np
    >>> PReLU("ones")(np.array([[-2.0, 2.0]])).numpy().tolist()
    [[-2.0, 2.0]]
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        given = () if shared_axes is None else shared_axes
        shared = tuple(given) if isinstance(given, (list, tuple)) else (given,)
        self.shared_axes = None if shared_axes is None else list(shared)
        if any(type(axis) is not int or axis < 1 for axis in shared):
            raise Fault(
                "T0204",
                "`shared_axes` of `PReLU` names axes by integers from 1 on, since 0 is "
                f"the batch, not {shared_axes!r}",
                argument="shared_axes",
            )

    def build(self, input_shape: Any) -> None:
        shared = self.shared_axes or ()
        if any(axis >= len(input_shape) for axis in shared):
            raise Fault(
                "T0303",
                f"`{self.name}` shares `alpha` along the axes {list(shared)}, and its "
                f"input has shape {shape_text(input_shape)}",
                operands={0: shape_text(input_shape)},
                argument="shared_axes",
            )
        sizes = [1 if i in shared else n for i, n in enumerate(input_shape)][1:]
        if None in sizes:
            axis = sizes.index(None) + 1
            raise Fault(
                "T0306",
                f"`{self.name}` has an `alpha` for each element along axis {axis}, "
                "whose size has to be a number; its input has shape "
                f"{shape_text(input_shape)}",
                operands={0: shape_text(input_shape)},
                help=[f"`shared_axes=[{axis}]` has one `alpha` for the whole axis"],
            )
        self.alpha = self.add_role("alpha", sizes)

    def call(self, inputs: Any) -> Any:
        own = enumerate(self.alpha.shape, 1)
        shared = self.shared_axes or ()
        sizes = {axis: size for axis, size in own if axis not in shared}
        check_sizes(self, inputs.type, sizes)
        return call("relu", inputs) - self.alpha * call("relu", -inputs)


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along `axis`; where `mask` is false the share is 0.

    Input and output f32[...] of one shape; `axis` may be several, which then sum to 1
    together. `mask` is a bool tensor that broadcasts to the input.

    >>> import numpy as np
    >>> Softmax()(np.array([1.0, 1.0])).numpy().tolist()
    [0.5, 0.5]
    """

    supports_masking = True

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return call("softmax", inputs, axis=self.axis)
        kept = call("cast", mask, "bool")
        hidden = -3e4 if inputs.dtype == "float16" else -1e9  # as in Keras
        shares = call("softmax", call("where", kept, inputs, hidden), axis=self.axis)
        return call("where", kept, shares, 0.0)
