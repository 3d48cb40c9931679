"""Models by the names of `keras.models`."""

from .graph.naming import unknown_name
from .training.cloning import clone_model
from .training.model import Model, Sequential
from .training.saving import load_model, model_from_json, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

__getattr__ = unknown_name("tulle.models", __all__)
