"""Callbacks of `fit`."""

from .graph.naming import unknown_name
from .training.callbacks import Callback, EarlyStopping, History, TerminateOnNaN

__all__ = ["Callback", "EarlyStopping", "History", "TerminateOnNaN"]

__getattr__ = unknown_name("tulle.callbacks", __all__)
