"""Random tensors: counter-based, the same numbers on every device."""

from .graph.ops.random import bernoulli, dropout, normal, randint, uniform
from .graph.variable import SeedGenerator

__all__ = ["SeedGenerator", "bernoulli", "dropout", "normal", "randint", "uniform"]
