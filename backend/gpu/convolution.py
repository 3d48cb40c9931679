"""Convolutions as products of windows, which are laid side by side or added up again.

With the windows of x as rows, y = windows @ kernel; the kernel's cotangent is
windowsᵀ @ g, and that of x is what g @ kernelᵀ gives, put back and added up. Groups are
a batch of products. Some images are done at a time, so that windows take little memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...graph.node import Node
from ...graph.ops.windows import run_counts
from ..binding import attributes_of
from ..pipeline.plan import number
from . import products
from .form import Sizes, Whole
from .launches import KernelLaunch
from .products import Library
from .special import BITS, KINDS, wrapped
from .windows import Windows

if TYPE_CHECKING:
    from .writer import Writer

Array = Any

TILE = 1 << 26  # bytes of windows at a time, or those of one image


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


class Convolution(Whole):
    """One of the three convolutions."""

    def __init__(self, node: Node, library: Library):
        super().__init__(node)
        self.library, kind = library, node.dtype.short
        self._unfold = f"unfold_{BITS[node.dtype.size]}_op"
        self._fold = f"fold_{kind}_op"

    @property
    def texts(self) -> dict[str, str]:
        """What lays windows side by side, or adds them up."""
        dtype = self.node.dtype
        if self.node.op.name == "conv_input":
            text = wrapped(self._fold, f"fold<{KINDS[dtype.short]}>", True)
            return {self._fold: text}
        text = wrapped(self._unfold, f"unfold<{BITS[dtype.size]}>", True)
        return {self._unfold: text}

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The windows of some images, and what products want."""
        windows = self._tile(windows_of(self.node, sizes))
        more = 0 if windows.plain else windows.elements * self.node.dtype.size
        return products.scratch_bytes(self.library) + more

    def _tile(self, windows: Windows) -> Windows:
        """The windows of as many images as are done at a time."""
        one = replace(windows, images=1).elements * self.node.dtype.size
        return replace(windows, images=min(windows.images, max(1, TILE // max(one, 1))))

    def put(
        self,
        writer: Writer,
        sources: Sequence[Array],
        targets: Sequence[Array],
        scratch: Array,
        sizes: Sizes,
    ) -> None:
        """Copies where they must be, then windows and products in turn."""
        windows, name = windows_of(self.node, sizes), self.node.op.name
        if name == "conv_forward":
            run_counts("conv", windows.size, windows.count)
        (one, other), target = map(writer.dense, sources), targets[0]
        if not target.size:
            return
        if not (one.size and other.size and windows.elements):
            writer.act(lambda: target.fill(0))
            return
        try:
            start = len(writer.parts)
            for first in range(0, windows.images, self._tile(windows).images):
                last = min(first + self._tile(windows).images, windows.images)
                part = replace(windows, images=last - first)
                WAYS[name](self, writer, part, one, other, target, scratch, first)
        except self.library.refusals as error:
            del writer.parts[start:]
            writer.choice.refuse(f"CuPy computes a convolution, as {error}")
            writer.call(self.node, sources, targets, sizes)

    # Each for the images of a tile, from `first` on.

    def forward(
        self,
        writer: Writer,
        windows: Windows,
        x: Array,
        kernel: Array,
        y: Array,
        scratch: Array,
        first: int,
    ) -> None:
        """`y = windows @ kernel`."""
        images = x[first : first + windows.images]
        columns = self._unfolded(writer, windows, images, scratch)
        results = y[first : first + windows.images].reshape(windows.rows, -1)
        flat = grouped(kernel.reshape(windows.taps, -1), windows.groups)
        self._product(writer, columns, flat, grouped(results, windows.groups), scratch)

    def kernels(
        self,
        writer: Writer,
        windows: Windows,
        x: Array,
        g: Array,
        kernel: Array,
        scratch: Array,
        first: int,
    ) -> None:
        """`kernel += windowsᵀ @ g`."""
        images = x[first : first + windows.images]
        columns = self._unfolded(writer, windows, images, scratch)
        given = g[first : first + windows.images].reshape(windows.rows, -1)
        total = grouped(kernel.reshape(windows.taps, -1), windows.groups)
        flipped = columns.swapaxes(-1, -2)
        right = grouped(given, windows.groups)
        self._product(writer, flipped, right, total, scratch, first > 0)

    def inputs(
        self,
        writer: Writer,
        windows: Windows,
        g: Array,
        kernel: Array,
        x: Array,
        scratch: Array,
        first: int,
    ) -> None:
        """`windows = g @ kernelᵀ`, put back into x."""
        images = x[first : first + windows.images]
        given = g[first : first + windows.images].reshape(windows.rows, -1)
        flat = grouped(kernel.reshape(windows.taps, -1), windows.groups)
        columns = self._columns(windows, images, scratch)
        left, right = grouped(given, windows.groups), flat.swapaxes(-1, -2)
        self._product(writer, left, right, columns, scratch)
        if not windows.plain:
            words = windows.words(images, columns)
            writer.add([KernelLaunch(self._fold, words, images.size, 1)])

    def _unfolded(
        self, writer: Writer, windows: Windows, images: Array, scratch: Array
    ) -> Array:
        columns = self._columns(windows, images, scratch)
        if not windows.plain:
            words = windows.words(images, columns)
            writer.add([KernelLaunch(self._unfold, words, windows.elements, 1)])
        return columns

    def _columns(self, windows: Windows, images: Array, scratch: Array) -> Array:
        """Where windows lie as rows: behind the workspace, unless images serve."""
        if windows.plain:
            return images.reshape(windows.rows, -1)
        batch = (windows.groups,) if windows.groups > 1 else ()
        shape = (*batch, windows.rows, windows.taps)
        start = products.scratch_bytes(self.library)
        size = windows.elements * images.dtype.itemsize
        return scratch[start : start + size].view(images.dtype).reshape(shape)

    def _product(
        self,
        writer: Writer,
        x: Array,
        y: Array,
        out: Array,
        scratch: Array,
        added: bool = False,
    ) -> None:
        library, kind = self.library, self.node.dtype.short
        for call in products.product(library, kind, x, y, out, scratch, added):
            writer.act(call)


WAYS = {
    "conv_forward": Convolution.forward,
    "conv_input": Convolution.inputs,
    "conv_kernel": Convolution.kernels,
}


def grouped(x: Array, groups: int) -> Array:
    """A matrix whose columns are split among groups, the groups in front."""
    if groups == 1:
        return x
    return x.reshape(x.shape[0], groups, -1).transpose(1, 0, 2)
