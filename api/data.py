"""Data sets, by the names of `tf.data`."""

from .graph.naming import unknown_name
from .training.dataset import (
    AUTOTUNE,
    INFINITE,
    UNKNOWN,
    Dataset,
    DatasetIterator,
    TensorSpec,
)

INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = INFINITE, UNKNOWN

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "DatasetIterator",
    "TensorSpec",
]

__getattr__ = unknown_name("tulle.data", __all__)
