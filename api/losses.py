"""Losses: classes to configure, functions that give one value a sample."""

from .training import losses as _losses
from .training.losses import *  # noqa: F403 - the one list of losses is there
from .training.losses import get

__all__ = ["get"]
__all__ += _losses.__all__
