"""The layers, each written with ops; `LAYERS` finds them by name.

Each family file lists its public layers in `__all__`; this page only gathers them.
"""

from ..layer import Layer
from . import (
    activation,
    attention,
    augmentation,
    batch_normalization,
    bidirectional,
    blending,
    categories,
    colouring,
    convolution,
    convolution_transposed,
    core,
    einsum,
    functions,
    geometric,
    histograms,
    lambda_layer,
    lookup,
    merging,
    multi_head_attention,
    normalization,
    pipeline,
    policies,
    pooling,
    preprocessing,
    recurrent,
    recurrent_cells,
    recurrent_convolution,
    recurrent_stack,
    regularization,
    reshaping,
    resizing,
    spatial,
    spectral,
    spectrograms,
    wrappers,
)
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .augmentation import *  # noqa: F403
from .batch_normalization import *  # noqa: F403
from .bidirectional import *  # noqa: F403
from .blending import *  # noqa: F403
from .categories import *  # noqa: F403
from .colouring import *  # noqa: F403
from .convolution import *  # noqa: F403
from .convolution_transposed import *  # noqa: F403
from .core import *  # noqa: F403
from .einsum import *  # noqa: F403
from .functions import *  # noqa: F403
from .geometric import *  # noqa: F403
from .histograms import *  # noqa: F403
from .lambda_layer import *  # noqa: F403
from .lookup import *  # noqa: F403
from .merging import *  # noqa: F403
from .multi_head_attention import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pipeline import *  # noqa: F403
from .policies import *  # noqa: F403
from .pooling import *  # noqa: F403
from .preprocessing import *  # noqa: F403
from .recurrent import *  # noqa: F403
from .recurrent_cells import *  # noqa: F403
from .recurrent_convolution import *  # noqa: F403
from .recurrent_stack import *  # noqa: F403
from .regularization import *  # noqa: F403
from .reshaping import *  # noqa: F403
from .resizing import *  # noqa: F403
from .spatial import *  # noqa: F403
from .spectral import *  # noqa: F403
from .spectrograms import *  # noqa: F403
from .wrappers import *  # noqa: F403

__all__: list[str] = []
__all__ += activation.__all__
__all__ += attention.__all__
__all__ += augmentation.__all__
__all__ += batch_normalization.__all__
__all__ += bidirectional.__all__
__all__ += blending.__all__
__all__ += categories.__all__
__all__ += colouring.__all__
__all__ += convolution.__all__
__all__ += convolution_transposed.__all__
__all__ += core.__all__
__all__ += einsum.__all__
__all__ += geometric.__all__
__all__ += histograms.__all__
__all__ += lambda_layer.__all__
__all__ += lookup.__all__
__all__ += merging.__all__
__all__ += multi_head_attention.__all__
__all__ += normalization.__all__
__all__ += pipeline.__all__
__all__ += policies.__all__
__all__ += pooling.__all__
__all__ += preprocessing.__all__
__all__ += recurrent.__all__
__all__ += recurrent_cells.__all__
__all__ += recurrent_convolution.__all__
__all__ += recurrent_stack.__all__
__all__ += regularization.__all__
__all__ += reshaping.__all__
__all__ += resizing.__all__
__all__ += spatial.__all__
__all__ += spectral.__all__
__all__ += spectrograms.__all__
__all__ += wrappers.__all__

LAYERS: dict[str, type[Layer]] = {name: globals()[name] for name in sorted(__all__)}

# Names by which Keras knows a layer besides its own; files have the layer's own.
ALIASES: dict[str, str] = {
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "Convolution1D": "Conv1D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3D": "Conv3D",
    "Convolution3DTranspose": "Conv3DTranspose",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
}
globals().update({alias: LAYERS[name] for alias, name in ALIASES.items()})
__all__ += list(ALIASES)
__all__ += functions.__all__
