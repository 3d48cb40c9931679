"""Settings of the whole process: float dtype, fuzz, layout of images, dtype policy."""

from .graph.configuration import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .graph.policies import dtype_policy, set_dtype_policy

__all__ = [
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]
