"""Layers that slide a kernel over axes of time or space.

A concrete layer says only its `rank`, the number of these axes; the family's class has
the arguments and the weights.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .. import activations
from ..decide import equal
from ..diagnostics import Fault
from ..layer_parts import ids_fault
from ..ops.windows import FORMATS, one_of, per_axis
from ..registry import call
from .adapted import Adapted
from .core import positive
from .formats import check_rank, format_of, shape_text
from .normalization import along
from .weighted import Weighted

__all__ = [
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
]


PIXELS = "pixels are scaled first: `Rescaling(1 / 255)`; or `cast(…, f32)`"


class Convolving(Weighted):
    """What convolutions share: windows, kernels, an optional bias, an activation."""

    rank: ClassVar[int]
    operation: ClassVar[str]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    kernels: ClassVar[tuple[str, ...]] = ("kernel",)

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        kind, rank = type(self).__name__, self.rank
        self.kernel_size = per_axis(kind, "kernel_size", kernel_size, rank)
        self.strides = per_axis(kind, "strides", strides, rank)
        word = padding.lower() if isinstance(padding, str) else padding
        self.padding = one_of(kind, "padding", word, self.paddings)
        self.data_format = format_of(self, data_format)
        self.dilation_rate = per_axis(kind, "dilation_rate", dilation_rate, rank)
        self.activation = activations.get(activation)
        self.use_bias = use_bias

    @property
    def channel_axis(self) -> int:
        """Where the channels of input and output stand."""
        return 1 if self.data_format == FORMATS[1] else self.rank + 1

    def refuse_gaps_and_steps(self) -> None:
        """Refuse strides together with dilation, as Keras does."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise Fault(
                "T0204",
                f"`{type(self).__name__}` takes strides or dilation above 1, not both: "
                f"`strides` are {self.strides} and `dilation_rate` is "
                f"{self.dilation_rate}",
                argument="dilation_rate",
                help=[f"`ops.{self.operation}` does both"],
            )

    def build(self, input_shape: Any) -> None:
        check_rank(self, input_shape, self.rank, self.data_format)
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise Fault(
                "T0306",
                f"`{self.name}` has weights for each channel of its input, whose "
                f"number has to be known, and axis {self.channel_axis} of "
                f"{shape_text(input_shape)} is not a number",
                operands={0: shape_text(input_shape)},
                help=[
                    "give the number in `Input`, or where channels stand in "
                    "`data_format`"
                ],
            )
        self.channels = channels
        made = self.add_kernels(channels)
        self.bias = self.add_role("bias", (made,)) if self.use_bias else None

    def adapted(self, weight: Any) -> Any:
        """The first kernel as it is used."""
        return weight

    def add_kernels(self, channels: int) -> int:
        """Make the kernels for a number of channels; returns how many come out."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """The named arguments of the operation."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def call(self, inputs: Any) -> Any:
        self._check(inputs)
        first, *others = (getattr(self, role) for role in self.kernels)
        kernels = (self.adapted(first), *others)
        result = call(self.operation, inputs, *kernels, **self.settings())
        if self.bias is not None:
            result = result + along(self.bias, result.type, (self.channel_axis,))
        return result if self.activation is None else self.activation(result)

    def _check(self, inputs: Any) -> None:
        type = inputs.type
        if not type.dtype.is_float:
            raise ids_fault(self.name, 0, type, PIXELS)
        check_rank(self, inputs.shape, self.rank, self.data_format)
        have = type.shape[self.channel_axis]
        if equal(have, self.channels) is not True:
            raise Fault(
                "T0301",
                f"`{self.name}` was built for {self.channels} channels and axis "
                f"{self.channel_axis} of its input has size {have}",
                operands={0: str(type)},
                dims=(have,),
            )


class Conv(Adapted, Convolving):
    """A convolution with `filters` kernels, in groups of channels."""

    operation = "conv"

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            lora_rank, lora_alpha, kernel_size=kernel_size, strides=strides,
            padding=padding, data_format=data_format, dilation_rate=dilation_rate,
            activation=activation, use_bias=use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = positive(self, "filters", filters)
        self.groups = positive(self, "groups", groups)
        self._split(f"`{type(self).__name__}`", "filters", filters, "filters")
        self.refuse_gaps_and_steps()

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.adapt_weight()

    def add_kernels(self, channels: int) -> int:
        self._split(f"`{self.name}`", "channels of its input", channels, "groups")
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_role("kernel", shape)
        return self.filters

    def _split(self, who: str, what: str, count: int, argument: str) -> None:
        """Refuse filters or channels that do not make equal groups."""
        if count % self.groups:
            raise Fault(
                "T0204",
                f"{who} cannot split {count} {what} into {self.groups} equal groups: "
                f"{count} % {self.groups} = {count % self.groups}",
                argument=argument,
            )


class Conv1D(Conv):
    """A kernel that slides along steps: `activation(conv(x, kernel) + bias)`.

    Input f32[batch, steps, channels], output f32[batch, steps', filters]; channels
    stand second with `channels_first`. Weights `kernel` [kernel_size, channels /
    groups, filters] and `bias` [filters]. With `padding="causal"` no output sees a
    later step. Raises T0320 if the kernel is longer than the input, T0306 for other
    ranks or an unknown number of channels.

    >>> import numpy as np
    >>> Conv1D(4, 3, padding="causal")(np.ones((2, 10, 8), "float32")).shape
    (2, 10, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(Conv):
    """A kernel that slides over images: `activation(conv(x, kernel) + bias)`.

    Input f32[batch, height, width, channels], output f32[batch, height', width',
    filters]; channels stand second with `channels_first`. Weights `kernel`
    [*kernel_size, channels / groups, filters] and `bias` [filters]. A size n becomes
    (n - reach) // stride + 1 with `valid` padding, where reach = (kernel - 1) *
    dilation_rate + 1, and ceil(n / stride) with `same`. With `lora_rank`, `kernel` is
    frozen and a correction of that rank learns, see `enable_lora`. Raises T0320 if the
    kernel does not fit, T0306 for other ranks or an unknown number of channels.

    >>> import numpy as np
    >>> Conv2D(4, 3, strides=2)(np.ones((2, 9, 9, 3), "float32")).shape
    (2, 4, 4, 4)
    """

    rank = 2


class Conv3D(Conv):
    """A kernel that slides over volumes: `activation(conv(x, kernel) + bias)`.

    Input f32[batch, depth, height, width, channels], output of that rank with
    `filters` channels; see `Conv2D` for the sizes and the weights.

    >>> import numpy as np
    >>> Conv3D(4, 2)(np.ones((1, 3, 4, 5, 2), "float32")).shape
    (1, 2, 3, 4, 4)
    """

    rank = 3


class DepthwiseConv(Convolving):
    """A convolution of each channel by itself, with `depth_multiplier` kernels."""

    operation = "depthwise_conv"

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate,
            activation, use_bias, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = positive(self, "depth_multiplier", depth_multiplier)

    def add_kernels(self, channels: int) -> int:
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_role("depthwise", shape, name="kernel")
        return channels * self.depth_multiplier


class DepthwiseConv1D(DepthwiseConv):
    """Each channel convolved along steps by itself.

    Input f32[batch, steps, channels], output f32[batch, steps', channels *
    depth_multiplier], where channel c * depth_multiplier + m comes from channel c.
    Weights `kernel` [kernel_size, channels, depth_multiplier] and `bias`.

    >>> import numpy as np
    >>> layer = DepthwiseConv1D(3, depth_multiplier=2, padding="same")
    >>> layer(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 6)
    """

    rank = 1


class DepthwiseConv2D(DepthwiseConv):
    """Each channel of images convolved by itself.

    Input f32[batch, height, width, channels], output f32[batch, height', width',
    channels * depth_multiplier], where channel c * depth_multiplier + m comes from
    channel c. Weights `kernel` [*kernel_size, channels, depth_multiplier] and `bias`.

    >>> import numpy as np
    >>> DepthwiseConv2D(3)(np.ones((2, 5, 6, 3), "float32")).shape
    (2, 3, 4, 3)
    """

    rank = 2


class SeparableConv(Convolving):
    """A depthwise convolution, then one of width 1 that mixes the channels."""

    operation = "separable_conv"
    kernels = ("depthwise_kernel", "pointwise_kernel")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate,
            activation, use_bias, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = positive(self, "filters", filters)
        self.depth_multiplier = positive(self, "depth_multiplier", depth_multiplier)

    def add_kernels(self, channels: int) -> int:
        deep = (*self.kernel_size, channels, self.depth_multiplier)
        mixing = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        depthwise, pointwise = self.kernels
        self.depthwise_kernel = self.add_role("depthwise", deep, name=depthwise)
        self.pointwise_kernel = self.add_role("pointwise", mixing, name=pointwise)
        return self.filters


class SeparableConv1D(SeparableConv):
    """Each channel convolved along steps by itself, then the channels mixed.

    Input f32[batch, steps, channels], output f32[batch, steps', filters]. Weights
    `depthwise_kernel` [kernel_size, channels, depth_multiplier], `pointwise_kernel`
    [1, channels * depth_multiplier, filters] and `bias` [filters].

    >>> import numpy as np
    >>> SeparableConv1D(4, 3)(np.ones((2, 5, 3), "float32")).shape
    (2, 3, 4)
    """

    rank = 1


class SeparableConv2D(SeparableConv):
    """Each channel of images convolved by itself, then the channels mixed.

    Input f32[batch, height, width, channels], output f32[batch, height', width',
    filters]. Weights `depthwise_kernel` [*kernel_size, channels, depth_multiplier],
    `pointwise_kernel` [1, 1, channels * depth_multiplier, filters] and `bias`
    [filters]. Source: Chollet 2017.

    >>> import numpy as np
    >>> SeparableConv2D(4, 3, padding="same")(np.ones((2, 5, 6, 3), "float32")).shape
    (2, 5, 6, 4)
    """

    rank = 2
