"""Layers that keep a network from learning its data by heart."""

from __future__ import annotations

import math
from typing import Any

from .. import regularizers
from ..diagnostics import Fault, TensorTypeError, caller_span
from ..layer import Layer
from ..ops import random
from ..registry import call
from ..variable import SeedGenerator
from .activation import not_negative
from .formats import check_rank, format_of

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class Noisy(Layer):
    """The base of layers that draw random numbers in training and else do nothing.

    `strength` is what makes the noise; at 0 there is none.
    """

    supports_masking = True

    def __init__(self, strength: float, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.strength, self.seed = strength, seed
        self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.noisy(inputs) if training and self.strength > 0 else inputs

    def noisy(self, x: Any) -> Any:
        """The input with noise."""
        raise NotImplementedError

    def change_setting(self, name: str, checked: Any, value: Any) -> None:
        """Another `strength`, under the name of its argument; T0204 if it is wrong."""
        try:
            self.strength = checked(value)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        self._given = {**self._given, name: self.strength}

    def normal(self, x: Any, mean: float, stddev: float) -> Any:
        """Normal random numbers, one for each element."""
        shape, generator = x.type.shape, self.seed_generator
        return random.normal(shape, mean, stddev, x.dtype, generator)


class Dropping(Noisy):
    """The base of layers with a `rate` of elements that noise changes."""

    limit: float | None = None  # a rate that is not reached

    def __init__(self, rate: float, seed: int | None, **kwargs: Any):
        super().__init__(self._checked(rate), seed, **kwargs)

    def _checked(self, rate: Any) -> float:
        within = isinstance(rate, (int, float)) and 0 <= rate <= 1
        if not within or rate == self.limit:
            bound = "from 0 to 1" if self.limit is None else "from 0 to below 1"
            raise Fault(
                "T0204",
                f"`rate` of `{type(self).__name__}` is a number {bound}, not {rate!r}",
                argument="rate",
            )
        return float(rate)

    @property
    def rate(self) -> float:
        """The share of elements that noise changes; may be set."""
        return self.strength

    @rate.setter
    def rate(self, value: float) -> None:
        self.change_setting("rate", self._checked, value)


def noise_sizes(layer: Layer, noise_shape: Any) -> tuple[int | None, ...] | None:
    """The argument `noise_shape`: positive integers, or None for the input's size."""
    if noise_shape is None:
        return None
    listed = isinstance(noise_shape, (list, tuple))
    if not listed or any(
        n is not None and (type(n) is not int or n < 1) for n in noise_shape
    ):
        raise Fault(
            "T0204",
            f"`noise_shape` of `{type(layer).__name__}` has a positive integer or None "
            f"for each axis, not {noise_shape!r}",
            argument="noise_shape",
            help=["1 lets an axis share one decision: `noise_shape=(None, 1, None)`"],
        )
    return tuple(noise_shape)


class Dropout(Dropping):
    """In training, elements set to 0 with probability `rate`, others / (1 - rate).

    Input and output f32[...] of one shape; axes of size 1 in `noise_shape` share one
    decision. Source: Srivastava et al. 2014.

    >>> import numpy as np
    >>> Dropout(0.5)(np.array([[1.0, 2.0]])).numpy().tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = noise_sizes(self, noise_shape)

    def noisy(self, x: Any) -> Any:
        return random.dropout(x, self.rate, self.noise_shape, self.seed_generator)


class SpatialDropout(Dropping):
    """The base of dropout that keeps or drops whole channels."""

    rank = 1
    data_format = "channels_last"

    def call(self, inputs: Any, training: bool = False) -> Any:
        check_rank(self, inputs.shape, self.rank, self.data_format)
        return super().call(inputs, training)

    def noisy(self, x: Any) -> Any:
        ones = (1,) * self.rank
        first = self.data_format == "channels_first"
        shape = (None, None, *ones) if first else (None, *ones, None)
        return random.dropout(x, self.rate, shape, self.seed_generator)


class SpatialDropout1D(SpatialDropout):
    """In training, whole channels of a sequence set to 0 with probability `rate`.

    Input and output f32[batch, steps, channels]. Source: Tompson et al. 2014.

    >>> import numpy as np
    >>> SpatialDropout1D(0.5)(np.ones((1, 2, 1), "float32")).numpy().tolist()
    [[[1.0], [1.0]]]
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, **kwargs)


class SpatialDropoutFormatted(SpatialDropout):
    """The base of spatial dropout where channels may stand first."""

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(rate, seed, **kwargs)
        self.data_format = format_of(self, data_format)


class SpatialDropout2D(SpatialDropoutFormatted):
    """In training, whole channels of an image set to 0 with probability `rate`.

    Input and output f32[batch, height, width, channels], or channels first. Source:
    Tompson et al. 2014.

    >>> import numpy as np
    >>> SpatialDropout2D(0.5)(np.ones((1, 1, 2, 1), "float32")).numpy().tolist()
    [[[[1.0], [1.0]]]]
    """

    rank = 2


class SpatialDropout3D(SpatialDropoutFormatted):
    """In training, whole channels of a volume set to 0 with probability `rate`.

    Input and output f32[batch, depth, height, width, channels], or channels first.
    Source: Tompson et al. 2014.

    >>> import numpy as np
    >>> SpatialDropout3D(0.5)(np.ones((1, 1, 1, 2, 1), "float32")).shape
    (1, 1, 1, 2, 1)
    """

    rank = 3


class GaussianDropout(Dropping):
    """In training, elements times normal noise of mean 1.

    Input and output f32[...] of one shape; the deviation of the noise is
    sqrt(rate / (1 - rate)). Source: Srivastava et al. 2014.

    >>> import numpy as np
    >>> GaussianDropout(0.5)(np.array([[1.0, 2.0]])).numpy().tolist()
    [[1.0, 2.0]]
    """

    limit = 1.0

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, **kwargs)

    def noisy(self, x: Any) -> Any:
        return x * self.normal(x, 1.0, math.sqrt(self.rate / (1.0 - self.rate)))


class AlphaDropout(Dropping):
    """Dropout that leaves mean and variance of `selu` units as they are.

    In training, elements are set to the lower limit of `selu` with probability `rate`,
    and the result is scaled and shifted. Input and output f32[...] of one shape; axes
    of size 1 in `noise_shape` share one decision. Source: Klambauer et al. 2017.

    >>> import numpy as np
    >>> AlphaDropout(0.5)(np.array([[1.0, 2.0]])).numpy().tolist()
    [[1.0, 2.0]]
    """

    LOWEST = -1.6732632423543772 * 1.0507009873554805  # what selu tends to

    limit = 1.0

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = noise_sizes(self, noise_shape)

    def noisy(self, x: Any) -> Any:
        sizes = random.shared_sizes(x.type, self.noise_shape)
        kept = random.bernoulli(sizes, 1.0 - self.rate, "bool", self.seed_generator)
        scale = ((1.0 - self.rate) * (1.0 + self.rate * self.LOWEST**2)) ** -0.5
        shift = -scale * self.LOWEST * self.rate
        return call("where", kept, x, self.LOWEST) * scale + shift


class GaussianNoise(Noisy):
    """In training, normal noise of deviation `stddev` added to each element.

    Input and output f32[...] of one shape.

    >>> import numpy as np
    >>> GaussianNoise(0.5)(np.array([[1.0, 2.0]])).numpy().tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(self._checked(stddev), seed, **kwargs)

    def _checked(self, stddev: Any) -> float:
        return float(not_negative(self, "stddev", stddev))

    @property
    def stddev(self) -> float:
        """The standard deviation of the noise; may be set."""
        return self.strength

    @stddev.setter
    def stddev(self, value: float) -> None:
        self.change_setting("stddev", self._checked, value)

    def noisy(self, x: Any) -> Any:
        return x + self.normal(x, 0.0, self.stddev)


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
