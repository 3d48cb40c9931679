"""Windows over images, and pooling: folds of them, each one kernel of `special.cu`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...graph.node import Node
from ...graph.ops.windows import run_counts
from ..binding import attributes_of
from ..pipeline.plan import number
from .form import Sizes
from .special import KINDS, Device, Special, address, special

Array = Any

AXES = 3  # of space, others have size 1
REFUSING = {"window_max": "max_pool", "window_sum": "average_pool"}


@dataclass(frozen=True)
class Windows:
    """The windows over images [images, size…, groups * width], all numbers plain."""

    images: int
    groups: int
    width: int
    size: tuple[int, ...]
    count: tuple[int, ...]
    kernel: tuple[int, ...]
    low: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many windows there are."""
        return self.images * math.prod(self.count)

    @property
    def taps(self) -> int:
        """How many elements a window has, of one group."""
        return math.prod(self.kernel) * self.width

    @property
    def elements(self) -> int:
        """How many elements all windows have."""
        return self.rows * self.taps * self.groups

    @property
    def plain(self) -> bool:
        """Whether windows are the images themselves."""
        ones = (1,) * len(self.size)
        alike = (self.kernel, self.strides, self.low) == (ones, ones, (0,) * len(ones))
        return alike and self.count == self.size and self.groups == 1

    def words(self, images: Array, windows: Array) -> list[int]:
        """What the functions that lay out windows read."""
        found = [
            address(images),
            address(windows),
            self.images,
            self.groups,
            self.width,
        ]
        fill = AXES - len(self.size)
        for numbers, usual in (
            (self.size, 1), (self.count, 1), (self.kernel, 1), (self.low, 0),
            (self.strides, 1), (self.dilation, 1),
        ):  # fmt: skip
            found += [*[usual] * fill, *numbers]
        return found


def windows_of(node: Node, sizes: Sizes) -> Windows:
    """The windows of a convolution for given sizes."""
    given = attributes_of(node, sizes)
    images, kernel = (node, node.inputs[1])
    if node.op.name != "conv_input":
        images = node.inputs[0]
    if node.op.name == "conv_kernel":
        kernel = node
    places = {"conv_forward": node, "conv_input": node.inputs[0]}
    placed = places.get(node.op.name, node.inputs[1])
    shape, count, taps = (
        tuple(number(dim, sizes) for dim in one.shape)
        for one in (images, placed, kernel)
    )
    return Windows(
        shape[0], given["groups"], taps[-2], shape[1:-1], count[1:-1], taps[:-2],
        given["low"], given["strides"], given["dilation"],
    )  # fmt: skip


@special(
    "window_sum", "window_max", "window_argmax", "window_pick", "window_put",
    "window_spread",
)  # fmt: skip
class Pooling(Special):
    """A fold of windows, channel by channel, or what undoes one."""

    @classmethod
    def accepts(cls, node: Node) -> bool:
        return node.inputs[0].dtype.short in KINDS

    def types(self) -> list[str]:
        return [KINDS[self.node.inputs[0].dtype.short]]

    def words(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> list[int]:
        name, (first, *index) = self.node.op.name, operands
        backwards = name in ("window_put", "window_spread")
        images, placed = (result, first) if backwards else (first, result)
        size, count = images.shape[1:-1], placed.shape[1:-1]
        if name in REFUSING:
            run_counts(REFUSING[name], size, attributes["count"])
        windows = Windows(
            images.shape[0], 1, images.shape[-1], size, count, attributes["kernel"],
            attributes["low"], attributes["strides"], (1,) * len(size),
        )  # fmt: skip
        return [*windows.words(images, placed), *map(address, index)]
