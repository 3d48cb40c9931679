"""Losses: classes to configure, functions that give one value a sample."""

from .graph.naming import unknown_name
from .training import losses as _losses
from .training.losses import *  # noqa: F403 - the one list of losses is there
from .training.losses import deserialize, get, serialize

__all__ = ["deserialize", "get", "serialize"]
__all__ += _losses.__all__

__getattr__ = unknown_name("tulle.losses", __all__)
