"""Dims, types, nodes, ops, differentiation, tensors and layers."""

from . import layer_ops, opaque, ops

__all__ = ["layer_ops", "opaque", "ops"]
