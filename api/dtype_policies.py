"""Dtype policies: in which dtype layers compute, and in which they keep weights."""

from .graph.naming import unknown_name
from .graph.policies import DTypePolicy, FloatDTypePolicy, deserialize, get, serialize

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

__getattr__ = unknown_name("tulle.dtype_policies", __all__)
