"""Callbacks of `fit`."""

from .training.callbacks import Callback, EarlyStopping, History, TerminateOnNaN

__all__ = ["Callback", "EarlyStopping", "History", "TerminateOnNaN"]
