"""Activation functions: functions of one tensor, most of them ops."""

from __future__ import annotations

from .graph import activations as _activations
from .graph.activations import ALIASES, NAMES, linear, relu, serialize
from .graph.registry import OPS
from .training.configured import told_to_caller

_FUNCTIONS = {
    name: OPS[ALIASES.get(name, name)]
    for name in (*NAMES, *ALIASES)
    if name not in ("linear", "relu")
}

__all__ = ["get", "linear", "relu", "serialize", *_FUNCTIONS]  # noqa: PLE0604

globals().update(_FUNCTIONS)
get = told_to_caller(_activations.get)
