"""Keras's convolutions: composites of the primitives in `correlation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import Dim, maximum
from ..kinds import plain_scalar
from ..node import Node
from ..op import Op, register
from ..registry import OPS, call
from ..types import TensorType
from .correlation import forward_node, input_node
from .elementwise import dtype_clash, floats_needed
from .windows import (
    FORMATS,
    Axis,
    Types,
    as_format,
    as_last,
    channels_last,
    format_named,
    in_format,
    one_of,
    per_axis,
    placed,
    space_rank,
)


class Convolution(Op):
    """What Keras's convolutions share: a composite of the primitives."""

    level = "composite"
    operand_dtypes = "float"
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same", "causal")
    domain: ClassVar[tuple[tuple[float, float], ...]] = ((-1.0, 1.0), (-1.0, 1.0))

    def arguments(
        self,
        inputs: Any,
        kernel: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Any:
        return (inputs, kernel), {
            "strides": strides,
            "padding": padding,
            "data_format": data_format,
            "dilation_rate": dilation_rate,
        }

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        rank, name = space_rank(self.name, types[0]), self.name
        found = dict(attributes)
        for key in ("strides", "dilation_rate"):
            found[key] = per_axis(name, key, attributes[key], rank)
        padding = attributes["padding"]
        padding = padding.lower() if isinstance(padding, str) else padding
        found["padding"] = one_of(name, "padding", padding, self.paddings)
        format = attributes["data_format"]
        found["data_format"] = format_named(name, format)
        return found


def _kernel_fits(name: str, types: Types) -> None:
    """Refuse kernels of another dtype or rank."""
    x, kernel = types[0], types[1]
    for index, type in enumerate(types):
        if not type.dtype.is_float:
            raise floats_needed(name, type, index)
        if type.dtype != x.dtype:
            raise dtype_clash(name, x, index, type)
        if type.rank != x.rank:
            raise Fault(
                "T0306",
                f"the kernel of `{name}` has {x.rank} axes for an input {x}, "
                f"not {kernel}",
                operands={0: str(x), index: str(type)},
                help=["its axes are those of space, then input and output channels"],
            )


def groups_of(name: str, x: TensorType, kernel: TensorType) -> int:
    """How many groups of channels a kernel works on."""
    channels, width = x.shape[-1], kernel.shape[-2]
    if equal_dims(channels, width):
        return 1
    have, take, make = channels.value, width.value, kernel.shape[-1].value
    fits = have and take and make and not have % take and not make % (have // take)
    if fits and have and take:
        return have // take
    raise Fault(
        "T0301",
        f"the kernel of `{name}` sums over {width} channels and the input has "
        f"{channels}",
        operands={0: str(x), 1: str(kernel)},
        dims=(channels, width),
        notes=["with groups, both channels and filters are multiples of their number"],
    )


def _geometry(
    name: str, x: TensorType, kernel: TensorType, options: Any
) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """Padding in front and number of windows, for an input with channels last."""
    sizes, offset = x.shape[1:-1], 2 if options["data_format"] == FORMATS[1] else 1
    pairs = [
        placed(
            name,
            Axis(
                i + offset,
                size,
                kernel.shape[i],
                options["strides"][i],
                options["dilation_rate"][i],
            ),
            options["padding"],
        )
        for i, size in enumerate(sizes)
    ]
    low, count = zip(*pairs, strict=True)
    return low, count


def _common(options: Any, low: Any, groups: int) -> dict[str, Any]:
    return {
        "strides": options["strides"],
        "dilation": options["dilation_rate"],
        "low": tuple(low),
        "groups": groups,
    }


@register
class Conv(Convolution):
    """Convolution over 1 to 3 axes of space, with strides, dilation and groups.

    Inputs f32[batch, space…, channels] (or channels first), a kernel
    f32[space…, channels / groups, filters]. Padding `same` gives ceil(size / stride)
    outputs, `causal` pads in front only. Raises T0320 for a window that does not fit.

    >>> x, kernel = [[[1.0], [2.0], [3.0]]], [[[1.0]], [[10.0]]]
    >>> OPS["conv"](x, kernel).numpy().ravel().tolist()
    [21.0, 32.0]
    """

    def infer(self, *types: TensorType, **options: Any) -> TensorType:
        _kernel_fits(self.name, types)
        x, kernel = as_last(types[0], options["data_format"]), types[1]
        groups_of(self.name, x, kernel)
        _, count = _geometry(self.name, x, kernel, options)
        found = x.with_shape((x.shape[0], *count, kernel.shape[-1]))
        return as_format(found, options["data_format"])

    def expand(self, node: Node) -> Node:
        options, (x, kernel) = node.attributes, node.inputs
        x = channels_last(x, options["data_format"])
        types = x.tensor_type, kernel.tensor_type
        low, count = _geometry(self.name, *types, options)
        shared = _common(options, low, groups_of(self.name, *types))
        found = forward_node(x, kernel, count, shared)
        return in_format(found, options["data_format"])


@register
class DepthwiseConv(Convolution):
    """Convolution of each channel by itself, with a kernel [space…, channels, times].

    Output channel c * times + m comes from input channel c.
    """

    name = "depthwise_conv"

    def infer(self, *types: TensorType, **options: Any) -> TensorType:
        _kernel_fits(self.name, types)
        x, kernel = as_last(types[0], options["data_format"]), types[1]
        if x.shape[-1].value is None or x.shape[-1] != kernel.shape[-2]:
            raise Fault(
                "T0301",
                f"the kernel of `{self.name}` is for {kernel.shape[-2]} channels and "
                f"the input has {x.shape[-1]}",
                operands={0: str(types[0]), 1: str(kernel)},
                dims=(x.shape[-1], kernel.shape[-2]),
            )
        _, count = _geometry(self.name, x, kernel, options)
        filters = x.shape[-1] * kernel.shape[-1]
        found = x.with_shape((x.shape[0], *count, filters))
        return as_format(found, options["data_format"])

    def expand(self, node: Node) -> Node:
        x, kernel = node.inputs
        *space, channels, times = kernel.shape
        flat = call("reshape", kernel, (*space, 1, channels * times))
        found: Node = OPS["conv"].apply((x, flat), node.attributes)
        return found


@register
class SeparableConv(Convolution):
    """A depthwise convolution, then a pointwise one that mixes the channels."""

    name = "separable_conv"
    domain = ((-1.0, 1.0), (-1.0, 1.0), (-1.0, 1.0))

    def arguments(  # type: ignore[override]
        self,
        inputs: Any,
        depthwise_kernel: Any,
        pointwise_kernel: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Any:
        _, attributes = super().arguments(
            inputs, depthwise_kernel, strides, padding, data_format, dilation_rate
        )
        return (inputs, depthwise_kernel, pointwise_kernel), attributes

    def infer(self, *types: TensorType, **options: Any) -> TensorType:
        _kernel_fits(self.name, types)
        middle: Any = OPS["depthwise_conv"].infer(*types[:2], **options)
        point = types[2]
        if any(size.value != 1 for size in point.shape[:-2]):
            raise Fault(
                "T0306",
                f"the pointwise kernel of `{self.name}` has size 1 along space, "
                f"not {point}",
                operands={2: str(point)},
            )
        found: Any = OPS["conv"].infer(middle, point, **_plain(options))
        return found  # type: ignore[no-any-return]

    def expand(self, node: Node) -> Node:
        x, depthwise, pointwise = node.inputs
        middle = OPS["depthwise_conv"].apply((x, depthwise), node.attributes)
        return OPS["conv"].apply((middle, pointwise), _plain(node.attributes))


def _plain(options: Any) -> dict[str, Any]:
    ones = (1,) * len(options["strides"])
    return {**options, "strides": ones, "dilation_rate": ones, "padding": "valid"}


def beyond(name: str, value: Any, strides: Sequence[int]) -> tuple[int | None, ...]:
    """`output_padding` for each axis, below its stride; None leaves an axis alone."""
    given = value if isinstance(value, (tuple, list)) else (value,) * len(strides)
    given = tuple(map(plain_scalar, given))
    fits = len(given) == len(strides) and all(
        more is None
        or (isinstance(more, int) and not isinstance(more, bool) and 0 <= more < stride)
        for more, stride in zip(given, strides, strict=False)
    )
    if not fits:
        raise Fault(
            "T0204",
            f"`output_padding` of `{name}` is from 0 to below the stride on each axis, "
            f"not {value!r} for the strides {tuple(strides)}",
            argument="output_padding",
        )
    return given


@register
class ConvTranspose(Convolution):
    """Convolution undone in shape: each input is spread by a kernel [space…, out, in].

    `valid` gives n * stride + max(kernel - stride, 0) outputs, `same` n * stride,
    unless `output_padding` says how many lie beyond the last full window.
    """

    name = "conv_transpose"
    paddings = ("valid", "same")

    def arguments(  # type: ignore[override]
        self,
        inputs: Any,
        kernel: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Any:
        _, found = super().arguments(
            inputs, kernel, strides, padding, data_format, dilation_rate
        )
        return (inputs, kernel), {**found, "output_padding": output_padding}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        found = super().canonical(types, attributes)
        extra = beyond(self.name, attributes["output_padding"], found["strides"])
        return {**found, "output_padding": extra}

    def infer(self, *types: TensorType, **options: Any) -> TensorType:
        _kernel_fits(self.name, types)
        x, kernel = as_last(types[0], options["data_format"]), types[1]
        if equal_dims(x.shape[-1], kernel.shape[-1]) is not True:
            raise Fault(
                "T0301",
                f"the kernel of `{self.name}` sums over {kernel.shape[-1]} channels, "
                f"its last size, and the input has {x.shape[-1]}",
                operands={0: str(types[0]), 1: str(kernel)},
                dims=(x.shape[-1], kernel.shape[-1]),
            )
        _, size = _spread(x, kernel, options)
        found = x.with_shape((x.shape[0], *size, kernel.shape[-2]))
        return as_format(found, options["data_format"])

    def expand(self, node: Node) -> Node:
        options, (x, kernel) = node.attributes, node.inputs
        x = channels_last(x, options["data_format"])
        low, size = _spread(x.tensor_type, kernel.tensor_type, options)
        found = input_node(x, kernel, size, _common(options, low, 1))
        return in_format(found, options["data_format"])


def _spread(x: TensorType, kernel: TensorType, options: Any) -> tuple[Any, Any]:
    """What is cut in front, and the size that is kept, on each axis."""
    pairs = []
    for axis, number in enumerate(x.shape[1:-1]):
        stride, more = options["strides"][axis], options["output_padding"][axis]
        reach = (kernel.shape[axis] - 1) * options["dilation_rate"][axis] + 1
        full = (number - 1) * stride + reach
        if options["padding"] == "valid":
            size = number * stride + maximum(reach - stride, 0)
            pairs.append((Dim.of(0), size if more is None else full + more))
            continue
        size = number * stride if more is None else full - reach // 2 * 2 + more
        pairs.append((maximum(full - size, 0) // 2, size))
    low, sizes = zip(*pairs, strict=True)
    return low, sizes
