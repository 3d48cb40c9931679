"""The op families; one op is one block in one file."""

from . import (
    arithmetic,
    comparison,
    composite,
    core,
    creation,
    elementwise,
    gathering,
    indexing,
    linalg,
    movement,
    random,
    reduce,
    transcendental,
)

__all__ = [
    "arithmetic",
    "comparison",
    "composite",
    "core",
    "creation",
    "elementwise",
    "gathering",
    "indexing",
    "linalg",
    "movement",
    "random",
    "reduce",
    "transcendental",
]
