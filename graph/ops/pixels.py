"""Ops that cut images into patches and blocks."""

from __future__ import annotations

import itertools
from typing import Any

from ..diagnostics import Fault
from ..dim import Dim
from ..kinds import Sizes, wrong_value
from ..node import Node
from ..registry import OPS, call
from .formula import Refusal, axis_of, counted, derived, floats, indexed, type_of
from .windows import (
    FORMATS,
    Axis,
    channels_last,
    format_named,
    in_format,
    one_of,
    per_axis,
    placed,
)


def _taps(
    name: str, x: Node, kernel: Any, strides: Any, dilation: Any, padding: str
) -> Any:
    """All patches of an image with channels last: [batch, y, x, taps, channels]."""
    count: list[Dim] = []
    width: list[Any] = [(0, 0)]
    for i, size in enumerate(x.shape[1:-1]):
        axis = Axis(i + 1, size, Dim.of(kernel[i]), strides[i], dilation[i])
        before, places = placed(name, axis, padding)
        count.append(places)
        total = (places - 1) * strides[i] + axis.reach - size - before
        width.append((before, total if padding == "same" else Dim.of(0)))
    if padding == "same":
        x = call("pad", x, [*width, (0, 0)])
    whole = ("slice", Dim.of(0), x.shape[0], 1)
    last = ("slice", Dim.of(0), x.shape[-1], 1)
    parts = []
    for tap in itertools.product(*map(range, kernel)):
        rows = [
            ("slice", Dim.of(t * d), c, s)
            for t, d, c, s in zip(tap, dilation, count, strides, strict=True)
        ]
        index = (whole, *rows, last)
        parts.append(OPS["getitem"].apply((x,), {"index": index}))
    return call("stack", parts, len(x.shape) - 1)


def _pair(name: str, argument: str, value: Any) -> tuple[Any, Any]:
    found = value if isinstance(value, tuple) else (value, value)
    if len(found) != 2:
        raise wrong_value(name, argument, "an integer or a pair of them", value)
    return found


@derived()
def unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Sizes = 0, stride: Any = 1
) -> Any:
    """Patches of images [batch, channels, y, x] as columns [batch, channels taps, n].

    >>> call("unfold", [[[[1, 2], [3, 4]]]], 2).numpy().ravel().tolist()
    [1, 2, 3, 4]
    """
    if type_of(input).rank != 4:
        raise Refusal("unfold", "T0306", f"`unfold` takes images, not {type_of(input)}")
    kernel = per_axis("unfold", "kernel_size", kernel_size, 2)
    steps = per_axis("unfold", "stride", stride, 2)
    gaps = per_axis("unfold", "dilation", dilation, 2)
    around = _pair("unfold", "padding", padding)
    x = channels_last(input, FORMATS[1])
    if any(around):
        x = call("pad", x, [(0, 0), *((n, n) for n in around), (0, 0)])
    found = _taps("unfold", x, kernel, steps, gaps, "valid")
    batch, rows, columns, taps, channels = found.shape
    turned = call("transpose", found, (0, 4, 3, 1, 2))
    return call("reshape", turned, (batch, channels * taps, rows * columns))


@derived()
def fold_patches(
    x: Any,
    output_size: Sizes,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Sizes = 0,
    stride: Any = 1,
) -> Any:
    """Columns [batch, channels taps, n] as images, patches that overlap summed up.

    It puts back what `unfold` of images of `output_size` took, and is its transpose.
    Raises T0304 where the columns are not those of such images.

    >>> call("fold_patches", [[[1], [2], [3], [4]]], 2, 2).numpy().tolist()
    [[[[1, 2], [3, 4]]]]
    """
    name = "fold_patches"
    if type_of(x).rank != 3:
        raise Refusal(name, "T0306", f"`{name}` takes columns, not {type_of(x)}")
    kernel = per_axis(name, "kernel_size", kernel_size, 2)
    steps = per_axis(name, "stride", stride, 2)
    gaps = per_axis(name, "dilation", dilation, 2)
    around = _pair(name, "padding", padding)
    space = [Dim.of(size) for size in _pair(name, "output_size", output_size)]
    padded = [size + more * 2 for size, more in zip(space, around, strict=True)]
    axes = [
        Axis(i + 2, padded[i], Dim.of(kernel[i]), steps[i], gaps[i]) for i in range(2)
    ]
    count = [placed(name, axis, "valid")[1] for axis in axes]
    batch, columns, patches = x.shape
    if patches != count[0] * count[1]:
        raise Refusal(
            name,
            "T0304",
            f"images of {space[0]} by {space[1]} have {count[0] * count[1]} patches, "
            f"and {type_of(x)} has {patches}",
            operands={0: str(type_of(x))},
            dims=(patches,),
        )
    channels = _divided(name, x, columns, kernel[0] * kernel[1])
    split = call("reshape", x, (batch, channels, *kernel, *count))
    total = _summed(split, axes, count)
    if not any(around):
        return total
    whole = [("slice", Dim.of(0), size, 1) for size in (batch, channels)]
    inner = zip(around, space, strict=True)
    kept = [("slice", Dim.of(more), size, 1) for more, size in inner]
    return indexed(total, (*whole, *kept))


def _summed(patches: Node, axes: list[Axis], count: list[Dim]) -> Any:
    """Numbers [batch, channels, *taps, *count], each added where it stands in space."""
    batch, channels, *kernel = patches.shape[:4]
    shape = (batch, channels, *(axis.size for axis in axes))
    whole = [("slice", Dim.of(0), size, 1) for size in (batch, channels)]
    places = [("slice", Dim.of(0), size, 1) for size in count]
    total: Any = None
    for tap in itertools.product(*(range(size.value or 0) for size in kernel)):
        at = [("at", Dim.of(number)) for number in tap]
        rows = [
            ("slice", Dim.of(number * axis.dilation), size, axis.stride)
            for number, axis, size in zip(tap, axes, count, strict=True)
        ]
        one = indexed(patches, (*whole, *at, *places))
        put = {"shape": shape, "index": (*whole, *rows)}
        found = OPS["place"].apply((one,), put)
        total = found if total is None else total + found
    return total


def _patches(
    name: str,
    x: Any,
    size: Any,
    strides: Any,
    dilation_rate: Any,
    padding: str,
    data_format: str | None,
    space: int,
) -> Any:
    """The patches of one image or volume, or of a batch of them, as channels."""
    rank = type_of(x).rank
    what = ("images", "volumes")[space - 2]
    if rank not in (space + 1, space + 2):
        raise Refusal(name, "T0306", f"`{name}` takes {what}, not {type_of(x)}")
    kernel = per_axis(name, "size", size, space)
    steps = per_axis(name, "strides", kernel if strides is None else strides, space)
    gaps = per_axis(name, "dilation_rate", dilation_rate, space)
    format = format_named(name, data_format)
    batch = x if rank == space + 2 else call("expand_dims", x, 0)
    padding = one_of(name, "padding", padding, ("valid", "same"))
    found = _taps(name, channels_last(batch, format), kernel, steps, gaps, padding)
    *places, taps, channels = found.shape
    flat = call("reshape", found, (*places, taps * channels))
    result = in_format(flat, format)
    return result if rank == space + 2 else call("squeeze", result, 0)


@derived()
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Patches of images as channels: [batch, rows, columns, height width channels].

    `strides` default to the size, so that patches do not overlap. Three sizes cut
    volumes, as `extract_patches_3d` does.

    >>> call("extract_patches", [[[1.0], [2.0]]], (1, 2)).shape
    (1, 1, 2)
    """
    space = 3 if isinstance(size, (tuple, list)) and len(size) == 3 else 2
    more = (size, strides, dilation_rate, padding, data_format, space)
    return _patches("extract_patches", images, *more)


@derived()
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Patches of volumes as channels: [batch, z, y, x, depth height width channels].

    `strides` default to the size, so that patches do not overlap.

    >>> call("extract_patches_3d", [[[[1.0], [2.0]]]], (1, 1, 2)).shape
    (1, 1, 1, 2)
    """
    more = (size, strides, dilation_rate, padding, data_format, 3)
    return _patches("extract_patches_3d", volumes, *more)


def _blocks(name: str, x: Any, block: Any, data_format: str) -> tuple[str, int]:
    if type_of(x).rank != 4:
        raise Refusal(name, "T0306", f"`{name}` takes images, not {type_of(x)}")
    per_axis(name, "block_size", block, 1)
    return format_named(name, data_format), int(block)


def _divided(name: str, x: Any, size: Dim, by: int) -> Dim:
    if size % by != 0:
        raise Fault(
            "T0304",
            f"`{name}` cuts {size} of {type_of(x)} into {by} equal parts, which is not "
            "always possible",
            operands={0: str(type_of(x))},
            dims=(size,),
        )
    return size // by


@derived()
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Channels laid out as blocks: [n, y, x, b b c] becomes [n, b y, b x, c]."""
    format, block = _blocks("depth_to_space", x, block_size, data_format)
    last = channels_last(x, format)
    batch, rows, columns, channels = last.shape
    deep = _divided("depth_to_space", x, channels, block * block)
    split = call("reshape", last, (batch, rows, columns, block, block, deep))
    turned = call("transpose", split, (0, 1, 3, 2, 4, 5))
    return in_format(
        call("reshape", turned, (batch, rows * block, columns * block, deep)), format
    )


@derived()
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Blocks gathered as channels: [n, b y, b x, c] becomes [n, y, x, b b c]."""
    format, block = _blocks("space_to_depth", x, block_size, data_format)
    last = channels_last(x, format)
    batch, rows, columns, channels = last.shape
    down = _divided("space_to_depth", x, rows, block)
    along = _divided("space_to_depth", x, columns, block)
    split = call("reshape", last, (batch, down, block, along, block, channels))
    turned = call("transpose", split, (0, 1, 3, 2, 4, 5))
    shape = (batch, down, along, channels * (block * block))
    return in_format(call("reshape", turned, shape), format)


@derived(1, "float")
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point of the simplex, many of its entries 0 (Martins et al. 2016).

    >>> call("sparsemax", [1.0, 0.5, -1.0]).numpy().tolist()
    [0.75, 0.25, 0.0]
    """
    x, axis = floats(x), axis_of("sparsemax", x, axis)
    falling = call("flip", call("sort", x, axis=axis), axis=axis)
    shape = [Dim.of(1)] * x.ndim
    shape[axis] = x.shape[axis]
    place = call("reshape", counted(x.shape[axis], 1), tuple(shape))
    place = call("cast", place, x.dtype)
    total = call("cumsum", falling, axis=axis)
    kept = call("cast", falling * place + 1 > total, x.dtype)
    count = call("sum", kept, axis=axis, keepdims=True)
    excess = call("sum", falling * kept, axis=axis, keepdims=True) - 1
    return call("relu", x - excess / count)
