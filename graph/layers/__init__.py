"""The layers, each written with ops; `LAYERS` finds them by name."""

from ..layer import Layer
from .activation import Activation, ReLU, Softmax
from .core import (
    ActivityRegularization,
    Dense,
    Embedding,
    Flatten,
    Masking,
    Permute,
    Rescaling,
    Reshape,
)
from .merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from .normalization import BatchNormalization, LayerNormalization
from .pooling import GlobalAveragePooling1D
from .regularization import Dropout, GaussianNoise

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Add",
    "Average",
    "BatchNormalization",
    "Concatenate",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "LayerNormalization",
    "Masking",
    "Maximum",
    "Minimum",
    "Multiply",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
    "Subtract",
]

LAYERS: dict[str, type[Layer]] = {name: globals()[name] for name in __all__}
