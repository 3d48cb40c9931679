"""Dims, types, nodes, ops, differentiation, tensors and layers."""
