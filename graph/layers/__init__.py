"""The layers, each written with ops."""

from .core import Dense

__all__ = ["Dense"]
