"""Random tensors: counter-based, the same numbers on every device."""

from .graph.ops.random import (
    bernoulli,
    beta,
    dropout,
    gamma,
    normal,
    randint,
    shuffle,
    uniform,
)
from .graph.variable import SeedGenerator

__all__ = [
    "SeedGenerator",
    "bernoulli",
    "beta",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "uniform",
]
