"""Windows that slide over the axes of space: their sizes, and how arrays are walked.

Output i and tap j of a window meet at position `i * stride + j * dilation - low` of an
axis; what lies outside of it is padding. Convolution and pooling are built on this.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..advice import near_choice
from ..configuration import LAYOUTS, image_data_format
from ..diagnostics import Fault
from ..dim import Dim, ceildiv, maximum
from ..kinds import COUNT, shown, wrong_value
from ..node import Node
from ..registry import call
from ..types import TensorType

TILE = 1 << 19  # elements of windows that are copied side by side at a time
Types = tuple[TensorType, ...]


def per_axis(name: str, argument: str, value: Any, rank: int) -> tuple[int, ...]:
    """A positive integer for each axis of space; one number means all."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    given = value if isinstance(value, (tuple, list)) else (value,) * rank
    try:
        found = tuple(map(COUNT.plain, given))
    except (TypeError, ValueError):
        found = ()
    if len(found) != rank:
        words = f"a positive integer or {rank} of them"
        raise wrong_value(name, argument, words, value)
    return found


def space_rank(name: str, type: TensorType) -> int:
    """How many axes of space a tensor has beside batch and channels."""
    if not 3 <= type.rank <= 5:
        raise Fault(
            "T0306",
            f"`{name}` works on a batch with 1 to 3 axes of space and channels, not on "
            f"{type}",
            operands={0: str(type)},
            help=["add a missing axis with `expand_dims`"],
        )
    return type.rank - 2


def one_of(name: str, argument: str, value: Any, allowed: Sequence[str]) -> str:
    """A word among those allowed; None means the first."""
    if value is None:
        return allowed[0]
    if not isinstance(value, str) or value not in allowed:
        known = " or ".join(f"`{word}`" for word in allowed)
        raise Fault(
            "T0204",
            f"`{argument}` of `{name}` is {known}, not {shown(value)}",
            argument=argument,
            **near_choice(argument, value, allowed),
        )
    return str(value)


FORMATS = LAYOUTS


def format_named(name: str, data_format: Any) -> str:
    """Where channels stand; None means where `set_image_data_format` puts them."""
    given = image_data_format() if data_format is None else data_format
    word = given.lower() if isinstance(given, str) else given
    return one_of(name, "data_format", word, FORMATS)


def as_last(type: TensorType, data_format: str) -> TensorType:
    """The type with its channels last."""
    if data_format == FORMATS[0]:
        return type
    return type.with_shape((type.shape[0], *type.shape[2:], type.shape[1]))


def as_format(type: TensorType, data_format: str) -> TensorType:
    """A type with its channels last, in a format."""
    if data_format == FORMATS[0]:
        return type
    return type.with_shape((type.shape[0], type.shape[-1], *type.shape[1:-1]))


def channels_last(x: Node, data_format: str) -> Node:
    """A tensor of a format with its channels moved last."""
    if data_format == FORMATS[0]:
        return x
    found: Node = call("transpose", x, (0, *range(2, x.ndim), 1))
    return found


def in_format(x: Node, data_format: str) -> Node:
    """A tensor with its channels last, moved to where the format has them."""
    if data_format == FORMATS[0]:
        return x
    found: Node = call("transpose", x, (0, x.ndim - 1, *range(1, x.ndim - 1)))
    return found


@dataclass(frozen=True)
class Axis:
    """One axis of space under a window."""

    number: int
    size: Dim
    kernel: Dim
    stride: int
    dilation: int = 1

    @property
    def reach(self) -> Dim:
        """What a window spans, its gaps included."""
        return (self.kernel - 1) * self.dilation + 1


def placed(name: str, axis: Axis, padding: str) -> tuple[Dim, Dim]:
    """Padding in front of an axis, and the number of windows."""
    if padding == "valid":
        count = (axis.size - axis.reach) // axis.stride + 1
        _, most = count.bounds()
        if most is not None and most <= 0:
            raise too_small(name, axis, count)
        return Dim.of(0), count
    count = ceildiv(axis.size, axis.stride)
    if padding == "causal":
        return axis.reach - 1, count
    total = maximum((count - 1) * axis.stride + axis.reach - axis.size, 0)
    return total // 2, count


def too_small(name: str, axis: Axis, count: Dim) -> Fault:
    """A window that is larger than what it slides over."""
    wide = "" if axis.dilation == 1 else f" (dilated by {axis.dilation})"
    formula = f"({axis.size} - {axis.reach}) // {axis.stride} + 1 = {count}"
    smaller = (axis.size - 1) // axis.dilation + 1
    kernels = [f"a window of at most {smaller}"] if smaller.value else []
    ways = [
        f"an input of at least {axis.reach}",
        f"{axis.reach - axis.size} of padding",
        *kernels,
    ]
    return Fault(
        "T0320",
        f"the window of `{name}` does not fit: axis {axis.number} has size "
        f"{axis.size}, the window {axis.kernel}{wide}, which gives {formula} outputs",
        dims=(axis.size, axis.kernel),
        help=[
            f"what works: {', '.join(ways)}",
            f'`padding = "same"` gives {ceildiv(axis.size, axis.stride)}',
        ],
    )


def run_counts(name: str, sizes: Sequence[int], counts: Sequence[int]) -> None:
    """Refuse sizes that only a run shows to be too small."""
    for axis, (size, count) in enumerate(zip(sizes, counts, strict=True), 1):
        if count < 0 or (count == 0 and size > 0):
            raise Fault(
                "T0320",
                f"the window of `{name}` does not fit axis {axis} of this data, which "
                f"has size {size}: there are {count} places for it",
            )


@dataclass(frozen=True)
class Grid:
    """The windows of a run, all numbers plain, one entry for each axis of space."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    count: tuple[int, ...]
    low: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]

    def rows(self, start: int, stop: int) -> Grid:
        """The windows from one place to another on the first axis."""
        low = self.low[0] - start * self.strides[0]
        return Grid(
            self.size,
            self.kernel,
            (stop - start, *self.count[1:]),
            (low, *self.low[1:]),
            self.strides,
            self.dilation,
        )

    def taps(self) -> Iterator[tuple[tuple[int, ...], Any, Any]]:
        """For each place in a window: it, the outputs that it serves, the inputs."""
        axes = range(len(self.size))
        for tap in itertools.product(*(range(k) for k in self.kernel)):
            pairs = [self._tap(axis, tap[axis]) for axis in axes]
            if all(pair is not None for pair in pairs):
                found = [pair for pair in pairs if pair is not None]
                outputs, inputs = zip(*found, strict=True)
                yield tap, (slice(None), *outputs), (slice(None), *inputs)

    def _tap(self, axis: int, tap: int) -> tuple[slice, slice] | None:
        stride = self.strides[axis]
        shift = tap * self.dilation[axis] - self.low[axis]
        first = max(0, -(shift // stride)) if shift < 0 else 0
        last = min(self.count[axis], (self.size[axis] - 1 - shift) // stride + 1)
        if last <= first:
            return None
        start = first * stride + shift
        stop = (last - 1) * stride + shift + 1
        return slice(first, last), slice(start, stop, stride)

    def inside(self, xp: Any, x: Any) -> tuple[Grid, Any]:
        """The same windows over x with its padding, beyond which none reaches."""
        whole = self._padded(xp, x)
        low = (0,) * len(self.low)
        return replace(self, size=tuple(whole.shape[1:-1]), low=low), whole

    def around(self, xp: Any, g: Any) -> tuple[Grid, Any]:
        """More windows, with zeros for results, so that each place meets all its taps.

        A place and a tap belong together where a window could begin, there or beyond
        the ends: what is not there is zero, and zero times infinity is NaN.
        """
        shape, part, low = [len(g)], [slice(None)], []
        for axis, count in enumerate(self.count):
            stride, first = self.strides[axis], self.low[axis]
            reach = (self.kernel[axis] - 1) * self.dilation[axis]
            before = max(0, (reach - first) // stride)
            after = max(0, (self.size[axis] - 1 + first) // stride - (count - 1))
            shape.append(before + count + after)
            part.append(slice(before, before + count))
            low.append(first + before * stride)
        if tuple(shape[1:]) == self.count:
            return self, g
        whole = xp.zeros((*shape, g.shape[-1]), g.dtype)
        whole[tuple(part)] = g
        return replace(self, count=tuple(shape[1:]), low=tuple(low)), whole

    def tiles(self, batch: int, width: int) -> Iterator[tuple[slice, slice]]:
        """Parts of the batch and of the first axis whose windows fit into a tile."""
        row = max(1, math.prod((*self.count[1:], *self.kernel, width)))
        rows = max(1, TILE // row)
        if rows >= self.count[0]:
            images = max(1, rows // max(1, self.count[0]))
            for start in range(0, batch, images):
                part = slice(start, min(batch, start + images))
                yield part, slice(0, self.count[0])
            return
        for image in range(batch):
            for start in range(0, self.count[0], rows):
                stop = min(self.count[0], start + rows)
                yield slice(image, image + 1), slice(start, stop)

    def windows(self, xp: Any, x: Any) -> Any:
        """All windows of x as a view [batch, count…, kernel…, channels]."""
        x = self._padded(xp, x)
        outer, *space, inner = x.strides
        steps = [s * n for s, n in zip(space, self.strides, strict=True)]
        gaps = [s * n for s, n in zip(space, self.dilation, strict=True)]
        shape = (x.shape[0], *self.count, *self.kernel, x.shape[-1])
        strides = (outer, *steps, *gaps, inner)
        return xp.lib.stride_tricks.as_strided(x, shape, strides)

    def _padded(self, xp: Any, x: Any) -> Any:
        rows = zip(self.count, self.kernel, self.strides, self.dilation, strict=True)
        needed = tuple((c - 1) * s + (k - 1) * d + 1 for c, k, s, d in rows)
        if not any(self.low) and all(map(int.__le__, needed, self.size)):
            return x
        whole = xp.zeros((x.shape[0], *needed, x.shape[-1]), x.dtype)
        source: list[slice] = [slice(None)]
        target: list[slice] = [slice(None)]
        for low, size, length in zip(self.low, self.size, needed, strict=True):
            begin, skip = max(low, 0), max(-low, 0)
            count = max(0, min(size - skip, length - begin))
            source.append(slice(skip, skip + count))
            target.append(slice(begin, begin + count))
        whole[tuple(target)] = x[tuple(source)]
        return whole
