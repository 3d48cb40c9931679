"""The op families; one op is one block in one file."""

from . import core, elementwise, linalg, movement, reduce

__all__ = ["core", "elementwise", "linalg", "movement", "reduce"]
