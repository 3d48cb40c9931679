"""Keras's older place of helpers for data."""

from ..graph.naming import unknown_name
from ..training.windows import timeseries_dataset_from_array
from . import sequence

__all__ = ["sequence", "timeseries_dataset_from_array"]

__getattr__ = unknown_name("tulle.preprocessing", __all__)
