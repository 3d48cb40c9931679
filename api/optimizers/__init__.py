"""Optimizers, and the schedules of their learning rates."""

from ..training.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop, get
from . import schedules

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "schedules"]
