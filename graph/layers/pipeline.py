"""Layers in a row, as one layer."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..layer import Layer

__all__ = [
    "Pipeline",
]


class Pipeline(Layer):
    """Layers one after the other, for data that are prepared.

    Each takes what the one before gives; a call trains unless it says otherwise.

    >>> import numpy as np
    >>> from .preprocessing import Rescaling
    >>> Pipeline([Rescaling(2.0), Rescaling(1.0, 1.0)])(np.ones(1)).numpy().tolist()
    [3.0]
    """

    def __init__(self, layers: Any, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        known = isinstance(layers, (list, tuple)) and len(layers) > 0
        if not known or not all(isinstance(layer, Layer) for layer in layers):
            raise Fault(
                "T0204",
                f"`layers` of `Pipeline` is a list of layers, not {layers!r}",
                argument="layers",
            )
        self.layers = list(layers)

    def call(self, inputs: Any, training: bool = True) -> Any:
        for layer in self.layers:
            mode = {"training": training} if layer.wants_training else {}
            inputs = layer(inputs, **mode)
        return inputs
