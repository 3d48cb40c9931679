"""Models on disk, and the classes of yours that they may name."""

from .graph.naming import unknown_name
from .training.keras_files.deserializing import deserialize_keras_object
from .training.keras_files.serializing import serialize_keras_object
from .training.registration import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_serializable,
)
from .training.saving import load_model, load_weights, save_model, save_weights

CustomObjectScope = custom_object_scope
register_keras_serializable = register_serializable

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "register_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

__getattr__ = unknown_name("tulle.saving", __all__)
