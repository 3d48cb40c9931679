"""Metrics: classes that keep count, functions that give one value a sample."""

from .training import metrics as _metrics
from .training.metrics import *  # noqa: F403 - the one list of metrics is there
from .training.metrics import get

__all__ = ["get"]
__all__ += _metrics.__all__
