"""The op families; one op is one block in one file."""

from . import (
    composite,
    core,
    creation,
    elementwise,
    indexing,
    linalg,
    movement,
    random,
    reduce,
)

__all__ = [
    "composite",
    "core",
    "creation",
    "elementwise",
    "indexing",
    "linalg",
    "movement",
    "random",
    "reduce",
]
