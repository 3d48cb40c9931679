"""Metrics: classes that keep count, functions that give one value a sample."""

from .graph.naming import unknown_name
from .training import metrics as _metrics
from .training.metrics import *  # noqa: F403 - the one list of metrics is there
from .training.metrics import get

__all__ = ["get"]
__all__ += _metrics.__all__

__getattr__ = unknown_name("tulle.metrics", __all__)
