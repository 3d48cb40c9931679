"""Layers that bring activations to mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..layer import Layer
from ..ops.reduce import normal_axis
from ..registry import call
from ..types import TensorType
from ..variable import Variable
from .weighted import Weighted

__all__ = [
    "BatchNormalization",
    "LayerNormalization",
]


class Affine(Weighted):
    """What normalizing layers share: a factor `gamma` and an offset `beta`."""

    gamma: Variable | None
    beta: Variable | None

    supports_masking = True

    def __init__(
        self, axis: Any, epsilon: float, center: bool, scale: bool, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon
        self.center, self.scale = center, scale

    def add_affine(self, shape: tuple[int, ...]) -> None:
        """Make `gamma` and `beta`, as far as they are wanted."""
        self.gamma = self.add_role("gamma", shape) if self.scale else None
        self.beta = self.add_role("beta", shape) if self.center else None

    def normalized(
        self, x: Any, mean: Any, variance: Any, axes: tuple[int, ...]
    ) -> Any:
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta."""
        factor = call("rsqrt", variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * along(self.gamma, x.type, axes)
        result = (x - mean) * factor
        return result if self.beta is None else result + along(self.beta, x.type, axes)


def along(weight: Any, type: TensorType, axes: tuple[int, ...]) -> Any:
    """A weight whose axes stand at `axes` of a tensor, ready to broadcast."""
    if axes == tuple(range(type.rank - len(axes), type.rank)):
        return weight
    shape = [size if i in axes else 1 for i, size in enumerate(type.shape)]
    return call("reshape", weight, tuple(shape))


def static_sizes(
    layer: Layer, shape: Any, axis: Any
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that a layer has weights for, and their sizes, which are numbers."""
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    if any(not -len(shape) <= a < len(shape) for a in axes):
        raise Fault(
            "T0303",
            f"`{layer.name}` has no axis {axis} to work on: "
            f"its input has shape {shape}",
            argument="axis",
        )
    places = tuple(sorted(a % len(shape) for a in axes))
    sizes = tuple(shape[a] for a in places)
    if None in sizes:
        raise Fault(
            "T0306",
            f"`{layer.name}` has a weight for each element of axis {axis}, whose size "
            f"has to be a number; its input has shape {shape}",
            argument="axis",
        )
    return places, sizes


class LayerNormalization(Affine):
    """Each sample brought to mean 0 and variance 1 along `axis`.

    Input and output f32[...] of one shape; weights `gamma` and `beta` have the sizes
    of the axes. Source: Ba et al. 2016.

    >>> import numpy as np
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).numpy().tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)

    def build(self, input_shape: Any) -> None:
        self.axes, sizes = static_sizes(self, input_shape, self.axis)
        self.add_affine(sizes)

    def call(self, inputs: Any) -> Any:
        mean = call("mean", inputs, axis=self.axes, keepdims=True)
        variance = call("var", inputs, axis=self.axes, keepdims=True)
        return self.normalized(inputs, mean, variance, self.axes)


class BatchNormalization(Affine):
    """Each feature brought to mean 0 and variance 1 over the batch.

    Input and output f32[...] of one shape; weights `gamma`, `beta`, `moving_mean` and
    `moving_variance` have the size of `axis`. In training the statistics of the batch
    are used and the moving averages follow them; otherwise, or when the layer is
    frozen, the moving averages are used. Source: Ioffe and Szegedy 2015.

    >>> import numpy as np
    >>> BatchNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).numpy().tolist()
    [[1.0, 3.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.momentum = momentum

    def build(self, input_shape: Any) -> None:
        self.axes, sizes = static_sizes(self, input_shape, self.axis)
        self.add_affine(sizes)
        self.moving_mean = self.add_role("moving_mean", sizes, trainable=False)
        self.moving_variance = self.add_role("moving_variance", sizes, trainable=False)

    def call(self, inputs: Any, training: bool = False) -> Any:
        axes = (normal_axis(self.name, self.axis, inputs.ndim, inputs.type),)
        if not (training and self.trainable):
            mean = along(self.moving_mean, inputs.type, axes)
            variance = along(self.moving_variance, inputs.type, axes)
            return self.normalized(inputs, mean, variance, axes)
        others = tuple(i for i in range(inputs.ndim) if i not in axes)
        mean = call("mean", inputs, axis=others, keepdims=True)
        variance = call("mean", call("square", inputs - mean), others, keepdims=True)
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, variance)
        return self.normalized(inputs, mean, variance, axes)

    def _follow(self, average: Variable, batch: Any) -> None:
        value = call("reshape", batch, average.shape)
        average.assign(average * self.momentum + value * (1.0 - self.momentum))
