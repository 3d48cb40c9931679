"""Callbacks of `fit`."""

from .training.callbacks import Callback, EarlyStopping, History

__all__ = ["Callback", "EarlyStopping", "History"]
