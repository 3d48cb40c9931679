"""Models on disk."""

from .training.registration import register_serializable
from .training.saving import load_model, load_weights, save_model, save_weights

__all__ = [
    "load_model",
    "load_weights",
    "register_serializable",
    "save_model",
    "save_weights",
]
