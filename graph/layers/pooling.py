"""Layers that sum up axes of space or time."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..layer import Layer
from ..registry import call
from .formats import channels_first

__all__ = [
    "GlobalAveragePooling1D",
]


class GlobalAveragePooling1D(Layer):
    """The mean over steps; steps whose `mask` is false do not count.

    Input f32[batch, steps, features], output f32[batch, features].

    >>> import numpy as np
    >>> GlobalAveragePooling1D()(np.array([[[1.0], [3.0]]])).numpy().tolist()
    [[2.0]]
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.axis = 2 if channels_first(self, data_format) else 1
        self.keepdims = keepdims

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if inputs.ndim != 3:
            raise Fault(
                "T0306",
                f"`{self.name}` averages the steps of a tensor of rank 3, not of "
                f"{inputs.type}",
                operands={0: str(inputs.type)},
            )
        if mask is None:
            return call("mean", inputs, axis=self.axis, keepdims=self.keepdims)
        counted = call("expand_dims", call("cast", mask, inputs.dtype), 3 - self.axis)
        total = call("sum", inputs * counted, axis=self.axis, keepdims=self.keepdims)
        return total / call("sum", counted, axis=self.axis, keepdims=self.keepdims)
