"""Layers that sum up windows or axes of space."""

from __future__ import annotations

from typing import Any

from ..ops.windows import one_of, per_axis
from ..registry import call
from .formats import Spatial

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class Pooling(Spatial):
    """The base of layers that sum up each window with one op."""

    op = ""

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format, name=name, **kwargs)
        kind = type(self).__name__
        self.pool_size = per_axis(kind, "pool_size", pool_size, self.rank)
        steps = self.pool_size if strides is None else strides
        self.strides = per_axis(kind, "strides", steps, self.rank)
        chosen = padding.lower() if isinstance(padding, str) else padding
        self.padding = one_of(kind, "padding", chosen, ("valid", "same"))

    def call(self, inputs: Any) -> Any:
        options = (self.pool_size, self.strides, self.padding, self.data_format)
        return call(self.op, self.checked(inputs), *options)


class MaxPooling(Pooling):
    """The base of layers that keep the largest element of each window."""

    op = "max_pool"

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AdaptivePooling(Spatial):
    """The base of layers that cut each axis of space into `output_size` windows.

    Window i of m along an axis of size n goes from floor(i n / m) to
    ceil((i + 1) n / m), so neighbours overlap where m does not divide n. Sizes of
    space are numbers, T0306.
    """

    op = ""

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        kind = type(self).__name__
        self.output_size = per_axis(kind, "output_size", output_size, self.rank)

    def call(self, inputs: Any) -> Any:
        x = self.checked(inputs)
        return call(self.op, x, self.output_size, self.data_format)


class GlobalPooling(Spatial):
    """The base of layers that sum up all of space; `keepdims` leaves sizes of 1."""

    op = ""

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, **kwargs)
        self.keepdims = bool(keepdims)

    def call(self, inputs: Any) -> Any:
        x = self.checked(inputs)
        return call(self.op, x, axis=self.space, keepdims=self.keepdims)


class MaxPooling1D(MaxPooling):
    """The largest element of each window of steps.

    Input f32[batch, steps, channels], or channels first; output
    likewise. An axis of size n has (n - pool_size) // strides + 1 windows, and with
    `padding="same"` ceil(n / strides). `strides` default to `pool_size`. Raises T0320
    for a window that does not fit.

    >>> import numpy as np
    >>> MaxPooling1D(2)(np.ones((1, 4, 1), "float32")).shape
    (1, 2, 1)
    """

    rank = 1


class AveragePooling1D(Pooling):
    """The mean of each window of steps; padding does not count.

    Input f32[batch, steps, channels], or channels first; output
    likewise. An axis of size n has (n - pool_size) // strides + 1 windows, and with
    `padding="same"` ceil(n / strides). `strides` default to `pool_size`. Raises T0320
    for a window that does not fit.

    >>> import numpy as np
    >>> AveragePooling1D(2)(np.ones((1, 4, 1), "float32")).shape
    (1, 2, 1)
    """

    rank = 1
    op = "average_pool"


class MaxPooling2D(MaxPooling):
    """The largest element of each window of pixels of an image.

    Input f32[batch, height, width, channels], or channels first; output
    likewise. An axis of size n has (n - pool_size) // strides + 1 windows, and with
    `padding="same"` ceil(n / strides). `strides` default to `pool_size`. Raises T0320
    for a window that does not fit.

    >>> import numpy as np
    >>> MaxPooling2D(2)(np.ones((1, 4, 4, 1), "float32")).shape
    (1, 2, 2, 1)
    """

    rank = 2


class AveragePooling2D(Pooling):
    """The mean of each window of pixels of an image; padding does not count.

    Input f32[batch, height, width, channels], or channels first; output
    likewise. An axis of size n has (n - pool_size) // strides + 1 windows, and with
    `padding="same"` ceil(n / strides). `strides` default to `pool_size`. Raises T0320
    for a window that does not fit.

    >>> import numpy as np
    >>> AveragePooling2D(2)(np.ones((1, 4, 4, 1), "float32")).shape
    (1, 2, 2, 1)
    """

    rank = 2
    op = "average_pool"


class MaxPooling3D(MaxPooling):
    """The largest element of each window of voxels of a volume.

    Input f32[batch, depth, height, width, channels], or channels first; output
    likewise. An axis of size n has (n - pool_size) // strides + 1 windows, and with
    `padding="same"` ceil(n / strides). `strides` default to `pool_size`. Raises T0320
    for a window that does not fit.

    >>> import numpy as np
    >>> MaxPooling3D(2)(np.ones((1, 4, 4, 4, 1), "float32")).shape
    (1, 2, 2, 2, 1)
    """

    rank = 3


class AveragePooling3D(Pooling):
    """The mean of each window of voxels of a volume; padding does not count.

    Input f32[batch, depth, height, width, channels], or channels first; output
    likewise. An axis of size n has (n - pool_size) // strides + 1 windows, and with
    `padding="same"` ceil(n / strides). `strides` default to `pool_size`. Raises T0320
    for a window that does not fit.

    >>> import numpy as np
    >>> AveragePooling3D(2)(np.ones((1, 4, 4, 4, 1), "float32")).shape
    (1, 2, 2, 2, 1)
    """

    rank = 3
    op = "average_pool"


class AdaptiveAveragePooling1D(AdaptivePooling):
    """The mean of `output_size` windows that cover steps.

    Input f32[batch, steps, channels], or channels first; output
    likewise, with `output_size` in place of the sizes of space.

    >>> import numpy as np
    >>> AdaptiveAveragePooling1D(2)(np.ones((1, 5, 1), "float32")).shape
    (1, 2, 1)
    """

    rank = 1
    op = "adaptive_average_pool"


class AdaptiveMaxPooling1D(AdaptivePooling):
    """The largest element of `output_size` windows that cover steps.

    Input f32[batch, steps, channels], or channels first; output
    likewise, with `output_size` in place of the sizes of space.

    >>> import numpy as np
    >>> AdaptiveMaxPooling1D(2)(np.ones((1, 5, 1), "float32")).shape
    (1, 2, 1)
    """

    rank = 1
    op = "adaptive_max_pool"


class AdaptiveAveragePooling2D(AdaptivePooling):
    """The mean of `output_size` windows that cover an image.

    Input f32[batch, height, width, channels], or channels first; output
    likewise, with `output_size` in place of the sizes of space.

    >>> import numpy as np
    >>> AdaptiveAveragePooling2D(2)(np.ones((1, 5, 5, 1), "float32")).shape
    (1, 2, 2, 1)
    """

    rank = 2
    op = "adaptive_average_pool"


class AdaptiveMaxPooling2D(AdaptivePooling):
    """The largest element of `output_size` windows that cover an image.

    Input f32[batch, height, width, channels], or channels first; output
    likewise, with `output_size` in place of the sizes of space.

    >>> import numpy as np
    >>> AdaptiveMaxPooling2D(2)(np.ones((1, 5, 5, 1), "float32")).shape
    (1, 2, 2, 1)
    """

    rank = 2
    op = "adaptive_max_pool"


class AdaptiveAveragePooling3D(AdaptivePooling):
    """The mean of `output_size` windows that cover a volume.

    Input f32[batch, depth, height, width, channels], or channels first; output
    likewise, with `output_size` in place of the sizes of space.

    >>> import numpy as np
    >>> AdaptiveAveragePooling3D(2)(np.ones((1, 5, 5, 5, 1), "float32")).shape
    (1, 2, 2, 2, 1)
    """

    rank = 3
    op = "adaptive_average_pool"


class AdaptiveMaxPooling3D(AdaptivePooling):
    """The largest element of `output_size` windows that cover a volume.

    Input f32[batch, depth, height, width, channels], or channels first; output
    likewise, with `output_size` in place of the sizes of space.

    >>> import numpy as np
    >>> AdaptiveMaxPooling3D(2)(np.ones((1, 5, 5, 5, 1), "float32")).shape
    (1, 2, 2, 2, 1)
    """

    rank = 3
    op = "adaptive_max_pool"


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over all steps; steps whose `mask` is false do not count.

    Input f32[batch, steps, channels], or channels first; output
    f32[batch, channels], with `keepdims` of the rank of the input.

    >>> import numpy as np
    >>> GlobalAveragePooling1D()(np.ones((1, 4, 1), "float32")).shape
    (1, 1)
    """

    rank = 1
    op = "mean"

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        x = self.checked(inputs)
        kept = call("expand_dims", call("cast", mask, "bool"), 3 - self.space[0])
        options = {"axis": self.space, "keepdims": self.keepdims}
        total = call("sum", call("where", kept, x, 0.0), **options)
        return total / call("sum", call("cast", kept, x.dtype), **options)


class GlobalMaxPooling1D(GlobalPooling):
    """The largest element over all steps.

    Input f32[batch, steps, channels], or channels first; output
    f32[batch, channels], with `keepdims` of the rank of the input.

    >>> import numpy as np
    >>> GlobalMaxPooling1D()(np.ones((1, 4, 1), "float32")).shape
    (1, 1)
    """

    rank = 1
    op = "max"


class GlobalAveragePooling2D(GlobalPooling):
    """The mean over all pixels.

    Input f32[batch, height, width, channels], or channels first; output
    f32[batch, channels], with `keepdims` of the rank of the input.

    >>> import numpy as np
    >>> GlobalAveragePooling2D()(np.ones((1, 4, 4, 1), "float32")).shape
    (1, 1)
    """

    rank = 2
    op = "mean"


class GlobalMaxPooling2D(GlobalPooling):
    """The largest element over all pixels.

    Input f32[batch, height, width, channels], or channels first; output
    f32[batch, channels], with `keepdims` of the rank of the input.

    >>> import numpy as np
    >>> GlobalMaxPooling2D()(np.ones((1, 4, 4, 1), "float32")).shape
    (1, 1)
    """

    rank = 2
    op = "max"


class GlobalAveragePooling3D(GlobalPooling):
    """The mean over all voxels.

    Input f32[batch, depth, height, width, channels], or channels first; output
    f32[batch, channels], with `keepdims` of the rank of the input.

    >>> import numpy as np
    >>> GlobalAveragePooling3D()(np.ones((1, 4, 4, 4, 1), "float32")).shape
    (1, 1)
    """

    rank = 3
    op = "mean"


class GlobalMaxPooling3D(GlobalPooling):
    """The largest element over all voxels.

    Input f32[batch, depth, height, width, channels], or channels first; output
    f32[batch, channels], with `keepdims` of the rank of the input.

    >>> import numpy as np
    >>> GlobalMaxPooling3D()(np.ones((1, 4, 4, 4, 1), "float32")).shape
    (1, 1)
    """

    rank = 3
    op = "max"
