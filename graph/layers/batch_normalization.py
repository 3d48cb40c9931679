"""Normalization over the batch, with moving averages for inference."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..initializers import Initializer
from ..ops.reduce import normal_axis
from ..registry import call
from ..variable import Variable
from .activation import not_negative
from .normalization import (
    WIDE,
    Affine,
    along,
    one_axis,
    static_sizes,
    widened,
)
from .weighted import check_sizes

__all__ = [
    "BatchNormalization",
]

CLIPPING = ("rmin", "rmax", "dmax")
FUZZ = 1e-7  # keeps the mean of a batch without counted steps finite, as in Keras


class BatchNormalization(Affine):
    """Each feature brought to mean 0 and variance 1 over the batch.

    Input and output f32[...] of one shape; weights `gamma`, `beta`, `moving_mean` and
    `moving_variance` have the size of `axis`. In training the statistics of the batch
    are used, of those steps that a mask counts, and the moving averages follow them;
    otherwise, or when the layer is frozen, the moving averages are used.

    With `renorm`, training normalizes with slow averages as well: the result is
    x * r + d before `gamma` and `beta`, where r and d lead from the statistics of the
    batch to `renorm_mean` and `renorm_stddev`, within the bounds of `renorm_clipping`.
    `synchronized` is Keras's and changes nothing: a batch is on one device. Sources:
    Ioffe and Szegedy 2015, Ioffe 2017.

    >>> import numpy as np
    >>> BatchNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).numpy().tolist()
    [[1.0, 3.0]]
    """

    moving_mean_initializer: Initializer
    moving_variance_initializer: Initializer

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
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(one_axis(self, axis), epsilon, center, scale, **kwargs)
        self.momentum = not_negative(self, "momentum", momentum)
        self.renorm = bool(renorm)
        self.renorm_clipping = clipping(renorm_clipping) if renorm else {}
        self.renorm_momentum = not_negative(self, "renorm_momentum", renorm_momentum)
        self.synchronized = bool(synchronized)

    def build(self, input_shape: Any) -> None:
        self.axes, sizes = static_sizes(self, input_shape, self.axis)
        self.add_affine(sizes)
        self.moving_mean = self._average("moving_mean", sizes)
        self.moving_variance = self._average("moving_variance", sizes)
        if self.renorm:
            mean = self.moving_mean_initializer
            self.moving_stddev = self._average("moving_stddev", sizes, self._deviation)
            self.renorm_mean = self._average("renorm_mean", sizes, mean)
            self.renorm_stddev = self._average("renorm_stddev", sizes, self._deviation)

    def _average(self, role: str, sizes: Any, initializer: Any = None) -> Variable:
        first = initializer or getattr(self, f"{role}_initializer")
        return self.add_weight(sizes, first, trainable=False, name=role, **WIDE)

    def _deviation(self, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        return call("sqrt", self.moving_variance_initializer(shape, dtype))

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        axes = (normal_axis(self.name, self.axis, inputs.ndim, inputs.type),)
        x = widened(inputs)
        check_sizes(self, x.type, {axes[0]: self.moving_mean.shape[0]})
        gamma, beta = (
            None if weight is None else along(weight, x.type, axes)
            for weight in (self.gamma, self.beta)
        )
        # Nothing has no mean: the averages stand in for it, and stay.
        if training and self.trainable and x.type.size.value != 0:
            mean, variance = moments(x, axes, self._counted(x, mask))
            if self.renorm:
                gamma, beta = self._renormed(x, axes, mean, variance, gamma, beta)
            else:
                follow(self.moving_mean, mean, self.momentum)
                follow(self.moving_variance, variance, self.momentum)
        else:
            mean = along(self.moving_mean, x.type, axes)
            variance = along(self.moving_variance, x.type, axes)
        factor = call("rsqrt", variance + self.epsilon)
        found = (x - mean) * (factor if gamma is None else factor * gamma)
        found = found if beta is None else found + beta
        return call("cast", found, self.compute_dtype)

    def _counted(self, x: Any, mask: Any) -> Any:
        """The mask with the shape of the input, if there is one."""
        if mask is None:
            return None
        if mask.ndim != x.ndim - 1:
            raise Fault(
                "T0306",
                f"the mask of `{self.name}` has one axis less than its input {x.type}: "
                f"no features; this is {mask.type}",
                operands={0: str(x.type)},
                argument="mask",
            )
        counted = call("expand_dims", call("cast", mask, "bool"), -1)
        return call("broadcast_to", counted, x.type.shape)

    def _renormed(
        self, x: Any, axes: Any, mean: Any, variance: Any, gamma: Any, beta: Any
    ) -> tuple[Any, Any]:
        """Factor and offset with the corrections r and d in them; averages follow."""
        slow_mean, slow_deviation = (
            along(average, x.type, axes)
            for average in (self.renorm_mean, self.renorm_stddev)
        )
        deviation = call("sqrt", variance + self.epsilon)
        # Early in training the averages may still be near zero.
        slow_deviation = call("maximum", slow_deviation, self.epsilon**0.5)
        low, high, far = map(self.renorm_clipping.get, CLIPPING)
        ratio = bounded(deviation / slow_deviation, low, high)
        shift = (mean - slow_mean) / slow_deviation
        shift = bounded(shift, None if far is None else -far, far)
        ratio, shift = (call("stop_gradient", part) for part in (ratio, shift))
        follow(self.renorm_mean, mean, self.renorm_momentum)
        follow(self.renorm_stddev, deviation, self.renorm_momentum)
        follow(self.moving_mean, mean, self.momentum)
        moved = follow(self.moving_stddev, deviation, self.momentum)
        self.moving_variance.assign(call("relu", moved * moved - self.epsilon))
        if gamma is not None:
            ratio, shift = ratio * gamma, shift * gamma
        return ratio, shift if beta is None else shift + beta


def moments(x: Any, axes: tuple[int, ...], counted: Any) -> tuple[Any, Any]:
    """Mean and variance over all axes but some, of what is counted; axes stay."""
    others = tuple(i for i in range(x.ndim) if i not in axes)
    if counted is None:
        mean = call("mean", x, axis=others, keepdims=True)
        return mean, call("mean", call("square", x - mean), others, keepdims=True)
    count = call("sum", call("cast", counted, x.dtype), others, keepdims=True) + FUZZ
    mean = call("sum", call("where", counted, x, 0.0), others, keepdims=True) / count
    apart = call("square", call("where", counted, x - mean, 0.0))
    return mean, call("sum", apart, others, keepdims=True) / count


def follow(average: Variable, batch: Any, momentum: float) -> Any:
    """Move an average towards the value of a batch; returns where it comes to."""
    value = call("reshape", batch, average.shape)
    moved = average * momentum + value * (1.0 - momentum)
    average.assign(moved)
    return moved


def bounded(x: Any, low: float | None, high: float | None) -> Any:
    """A tensor within bounds, of which either may be missing."""
    x = x if low is None else call("maximum", x, low)
    return x if high is None else call("minimum", x, high)


def clipping(given: Any) -> dict[str, float]:
    """The bounds of `renorm_clipping` that are given."""
    wrong, bounds = "", given if isinstance(given, dict) else {}
    found = {key: value for key, value in bounds.items() if value is not None}
    if not isinstance(given, (dict, type(None))):
        wrong = f"is a dictionary, not {given!r}"
    elif not set(found) <= set(CLIPPING):
        wrong = f"has no bound `{min(set(found) - set(CLIPPING))}`"
    elif found.get("rmin", 0.0) > found.get("rmax", float("inf")):
        wrong = f"leaves nothing between {found.get('rmin', 0.0)} and {found['rmax']}"
    elif found.get("dmax", 0.0) < 0:
        wrong = f"has `dmax` {found['dmax']}, and a distance is at least 0"
    if wrong:
        raise Fault(
            "T0204",
            f"`renorm_clipping` of `BatchNormalization` {wrong}",
            argument="renorm_clipping",
            help=["it holds `rmin`, `rmax` and `dmax`, as far as they are wanted"],
        )
    return found
