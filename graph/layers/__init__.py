"""The layers, each written with ops; `LAYERS` finds them by name.

Each family file lists its public layers in `__all__`; this page only gathers them.
"""

from ..layer import Layer
from . import (
    activation,
    attention,
    batch_normalization,
    categories,
    convolution,
    convolution_transposed,
    core,
    einsum,
    merging,
    normalization,
    pooling,
    preprocessing,
    regularization,
    reshaping,
    resizing,
    spatial,
)
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .batch_normalization import *  # noqa: F403
from .categories import *  # noqa: F403
from .convolution import *  # noqa: F403
from .convolution_transposed import *  # noqa: F403
from .core import *  # noqa: F403
from .einsum import *  # noqa: F403
from .merging import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
from .preprocessing import *  # noqa: F403
from .regularization import *  # noqa: F403
from .reshaping import *  # noqa: F403
from .resizing import *  # noqa: F403
from .spatial import *  # noqa: F403

__all__: list[str] = []
__all__ += activation.__all__
__all__ += attention.__all__
__all__ += batch_normalization.__all__
__all__ += categories.__all__
__all__ += convolution.__all__
__all__ += convolution_transposed.__all__
__all__ += core.__all__
__all__ += einsum.__all__
__all__ += merging.__all__
__all__ += normalization.__all__
__all__ += pooling.__all__
__all__ += preprocessing.__all__
__all__ += regularization.__all__
__all__ += reshaping.__all__
__all__ += resizing.__all__
__all__ += spatial.__all__

LAYERS: dict[str, type[Layer]] = {name: globals()[name] for name in sorted(__all__)}
