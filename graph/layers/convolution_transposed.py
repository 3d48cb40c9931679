"""Convolution turned round: layers that spread each input over a kernel."""

from __future__ import annotations

from typing import Any

from ..ops.convolution import beyond
from .convolution import Convolving
from .core import positive

__all__ = [
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
]


class ConvTranspose(Convolving):
    """A transposed convolution with `filters` kernels."""

    operation = "conv_transpose"

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate,
            activation, use_bias, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = positive(self, "filters", filters)
        self.output_padding = (
            None
            if output_padding is None
            else beyond(type(self).__name__, output_padding, self.strides)
        )
        self.refuse_gaps_and_steps()

    def add_kernels(self, channels: int) -> int:
        self.kernel = self.add_role(
            "kernel", (*self.kernel_size, self.filters, channels)
        )
        return self.filters

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "output_padding": self.output_padding}


class Conv1DTranspose(ConvTranspose):
    """Each step spread over a kernel: the shape of `Conv1D` undone.

    Input f32[batch, steps, channels], output f32[batch, steps', filters]; see
    `Conv2DTranspose` for the sizes. Weights `kernel` [kernel_size, filters, channels]
    and `bias` [filters].

    >>> import numpy as np
    >>> layer = Conv1DTranspose(4, 3, strides=2, padding="same")
    >>> layer(np.ones((2, 5, 3), "float32")).shape
    (2, 10, 4)
    """

    rank = 1


class Conv2DTranspose(ConvTranspose):
    """Each pixel spread over a kernel: the shape of `Conv2D` undone.

    Input f32[batch, height, width, channels], output f32[batch, height', width',
    filters]. Weights `kernel` [*kernel_size, filters, channels] and `bias` [filters].
    With reach = (kernel - 1) * dilation_rate + 1 a size n becomes n * stride with
    `same` padding and n * stride + max(reach - stride, 0) with `valid`. With
    `output_padding` p it becomes (n - 1) * stride + reach - 2 * (reach // 2) + p with
    `same` and (n - 1) * stride + reach + p with `valid`. Raises T0204 for an
    `output_padding` that is not below the stride.

    >>> import numpy as np
    >>> Conv2DTranspose(4, 3, strides=2)(np.ones((2, 5, 6, 3), "float32")).shape
    (2, 11, 13, 4)
    """

    rank = 2


class Conv3DTranspose(ConvTranspose):
    """Each voxel spread over a kernel: the shape of `Conv3D` undone.

    Input f32[batch, depth, height, width, channels], output of that rank with
    `filters` channels; see `Conv2DTranspose` for the sizes and the weights.
    `data_format` comes before `output_padding`, as in Keras.

    >>> import numpy as np
    >>> Conv3DTranspose(4, 2)(np.ones((1, 2, 3, 4, 2), "float32")).shape
    (1, 3, 4, 5, 4)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format,
            dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
