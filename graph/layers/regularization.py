"""Layers that act in training only."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..layer import Layer
from ..ops import random
from ..variable import SeedGenerator

__all__ = [
    "Dropout",
    "GaussianNoise",
]


class Dropout(Layer):
    """In training, elements set to 0 with probability `rate`, others / (1 - rate).

    Input and output f32[...] of one shape; axes of size 1 in `noise_shape` share one
    decision. Source: Srivastava et al. 2014.

    >>> import numpy as np
    >>> Dropout(0.5)(np.array([[1.0, 2.0]])).numpy().tolist()
    [[1.0, 2.0]]
    """

    supports_masking = True

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise Fault(
                "T0204",
                f"`rate` of `Dropout` is a number from 0 to 1, not {rate!r}",
                argument="rate",
            )
        self.rate, self.noise_shape = float(rate), noise_shape
        self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


class GaussianNoise(Layer):
    """In training, normal noise of deviation `stddev` added to each element.

    Input and output f32[...] of one shape.

    >>> import numpy as np
    >>> GaussianNoise(0.5)(np.array([[1.0, 2.0]])).numpy().tolist()
    [[1.0, 2.0]]
    """

    supports_masking = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(stddev, (int, float)) or not stddev >= 0:
            raise Fault(
                "T0204",
                "`stddev` of `GaussianNoise` is a number of at least 0, "
                f"not {stddev!r}",
                argument="stddev",
            )
        self.stddev = float(stddev)
        self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        noise = random.normal(
            inputs.type.shape, 0.0, self.stddev, inputs.dtype, self.seed_generator
        )
        return inputs + noise
