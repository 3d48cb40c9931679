"""Helpers: pictures of models, data made ready, the seed of everything random."""

from .graph.diagram import to_networkx
from .graph.drawing import plot_model
from .graph.masking import get_mask, set_mask
from .graph.naming import unknown_name
from .graph.session import clear_session, is_keras_tensor, standardize_dtype
from .graph.variable import set_random_seed
from .training.keras_files.deserializing import deserialize_keras_object
from .training.keras_files.serializing import serialize_keras_object
from .training.preparing import (
    normalize,
    pack_x_y_sample_weight,
    pad_sequences,
    to_categorical,
    unpack_x_y_sample_weight,
)
from .training.progbar import Progbar
from .training.progress import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from .training.py_dataset import PyDataset
from .training.registration import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_serializable,
)
from .training.windows import split_dataset, timeseries_dataset_from_array

Sequence = PyDataset
CustomObjectScope = custom_object_scope
register_keras_serializable = register_serializable

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_mask",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_mask",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "timeseries_dataset_from_array",
    "to_categorical",
    "to_networkx",
    "unpack_x_y_sample_weight",
]

__getattr__ = unknown_name("tulle.utils", __all__)
