"""Optimizers, and the schedules of their learning rates."""

from ..graph.naming import unknown_name
from ..training import optimizers as _optimizers
from ..training.optimizers import *  # noqa: F403 - the one list of optimizers is there
from . import schedules

__all__ = ["schedules"]
__all__ += _optimizers.__all__

__getattr__ = unknown_name("tulle.optimizers", __all__)
