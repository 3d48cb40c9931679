"""Numbers from the host: what a Python function gives in every step of a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph.layer import Layer
from ..graph.registry import OPS
from ..graph.tensor import SymbolicTensor, Tensor, input_node
from ..graph.trace import current_trace
from ..graph.types import F32, TensorType


class HostNumber(Layer):
    """A step of Python that gives what a function gives."""

    def __init__(self, function: Callable[[], Any], first: Any):
        super().__init__(name=getattr(function, "__name__", "function"))
        self.function, self.first = function, [first]
        self.built = True

    def compute_output_spec(self) -> SymbolicTensor:
        return SymbolicTensor(input_node(self.name, TensorType(F32, ())))

    def call(self) -> Any:
        # The function was asked once while the program was made: the first step's.
        found = self.first.pop() if self.first else self.function()
        return np.asarray(found, np.float32)


def host_number(function: Callable[[], Any]) -> Any:
    """What a function gives: now, or within a trace in each step of the program.

    A function that computes with ops and variables becomes part of the program.
    """
    found = function()
    plain = isinstance(found, (int, float, np.ndarray, np.generic, Tensor))
    if current_trace() is None or not plain:
        return found
    return OPS["opaque"].call_symbolic(HostNumber(function, found), (), {})  # type: ignore[attr-defined]
