"""Random tensors: counter-based, the same numbers on every device."""

from .graph.naming import unknown_name
from .graph.ops.choices import categorical, truncated_normal
from .graph.ops.random import (
    bernoulli,
    beta,
    binomial,
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
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

__getattr__ = unknown_name("tulle.random", __all__)
