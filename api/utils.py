"""Helpers: pictures and graphs of models, the seed of everything random."""

from .graph.diagram import to_networkx
from .graph.drawing import plot_model
from .graph.masking import get_mask, set_mask
from .graph.variable import set_random_seed
from .training.registration import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_serializable,
)

CustomObjectScope = custom_object_scope
register_keras_serializable = register_serializable

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "get_custom_objects",
    "get_mask",
    "get_registered_name",
    "get_registered_object",
    "plot_model",
    "register_keras_serializable",
    "set_mask",
    "set_random_seed",
    "to_networkx",
]
