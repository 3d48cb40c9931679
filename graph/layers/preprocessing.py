"""Layers that prepare data: scales known beforehand or learned from the data."""

from __future__ import annotations

from typing import Any

from ..layer import Layer
from ..registry import call

__all__ = [
    "Rescaling",
]


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
