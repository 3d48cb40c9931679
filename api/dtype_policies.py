"""Dtype policies: in which dtype layers compute, and in which they keep weights."""

from .graph.policies import DTypePolicy, FloatDTypePolicy, deserialize, get, serialize

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]
