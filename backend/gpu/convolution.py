"""Convolutions as products of windows, which are laid side by side or added up again.

With the windows of x as rows, y = windows @ kernel; the kernel's cotangent is
windowsᵀ @ g, and that of x is what g @ kernelᵀ gives, put back and added up. Groups are
a batch of products. Some images are done at a time, so that windows take little memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...graph.node import Node
from ...graph.ops.windows import run_counts
from . import products
from .form import Place, Sizes, Whole
from .launches import KernelLaunch
from .products import Library
from .special import BITS, KINDS, wrapped
from .windows import Windows, windows_of

if TYPE_CHECKING:
    from .writer import Writer

Array = Any

TILE = 1 << 26  # bytes of windows at a time, or those of one image


class Convolving(Whole):
    """One of the three convolutions, on dense operands that are not empty."""

    def put(self, writer: Writer, place: Place) -> None:
        """Copies where they must be, then what computes it."""
        windows, name = windows_of(self.node, place.sizes), self.node.op.name
        if name == "conv_forward":
            run_counts("conv", windows.size, windows.count)
        (one, other), target = map(writer.dense, place.sources), place.targets[0]
        if not target.size:
            return
        if not (one.size and other.size and windows.elements):
            writer.act(lambda: target.fill(0))
            return
        dense = Place((one, other), (target,), *place[2:])
        self.compute(writer, dense, windows)

    def compute(self, writer: Writer, place: Place, windows: Windows) -> None:
        """Write what computes it."""
        raise NotImplementedError


class Convolution(Convolving):
    """Windows and products in turn."""

    def __init__(self, node: Node, library: Library):
        super().__init__(node)
        self.library, kind = library, node.dtype.short
        self._unfold = f"unfold_{BITS[node.dtype.size]}_op"
        self._fold = f"fold_{kind}_op"

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Those of cuBLASLt."""
        return self.library.errors

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
        """The windows of as many images as are done at a time; plain ones are there."""
        if windows.plain:
            return windows
        one = replace(windows, images=1).elements * self.node.dtype.size
        return replace(windows, images=min(windows.images, max(1, TILE // max(one, 1))))

    def compute(self, writer: Writer, place: Place, windows: Windows) -> None:
        """Parts of the images, by CuPy if cuBLASLt refuses them."""
        start = len(writer.parts)
        try:
            self._parts(writer, place, windows)
        except self.library.refusals as error:
            del writer.parts[start:]
            writer.choice.refuse(f"CuPy computes a convolution, as {error}")
            writer.call(self.node, place)

    def _parts(self, writer: Writer, place: Place, windows: Windows) -> None:
        """Some images after the others."""
        count = self._tile(windows).images
        for first in range(0, windows.images, count):
            images = slice(first, min(first + count, windows.images))
            part = replace(windows, images=images.stop - first)
            WAYS[self.node.op.name](self, writer, place, part, images)

    def forward(
        self, writer: Writer, place: Place, windows: Windows, images: slice
    ) -> None:
        """`y = windows @ kernel` of some images."""
        (x, kernel), (y,) = place.sources, place.targets
        columns = self._unfolded(writer, windows, x[images], place.scratch)
        flat = grouped(kernel.reshape(windows.taps, -1), windows.groups)
        results = grouped(y[images].reshape(windows.rows, -1), windows.groups)
        self._product(writer, columns, flat, results, place.scratch)

    def kernels(
        self, writer: Writer, place: Place, windows: Windows, images: slice
    ) -> None:
        """`kernel += windowsᵀ @ g` of some images."""
        (x, g), (kernel,) = place.sources, place.targets
        columns = self._unfolded(writer, windows, x[images], place.scratch)
        given = grouped(g[images].reshape(windows.rows, -1), windows.groups)
        total = grouped(kernel.reshape(windows.taps, -1), windows.groups)
        flipped, added = columns.swapaxes(-1, -2), images.start > 0
        self._product(writer, flipped, given, total, place.scratch, added)

    def inputs(
        self, writer: Writer, place: Place, windows: Windows, images: slice
    ) -> None:
        """`windows = g @ kernelᵀ` of some images, put back into x."""
        (g, kernel), (x,) = place.sources, place.targets
        columns = self._columns(windows, x[images], place.scratch)
        given = grouped(g[images].reshape(windows.rows, -1), windows.groups)
        flat = grouped(kernel.reshape(windows.taps, -1), windows.groups)
        self._product(writer, given, flat.swapaxes(-1, -2), columns, place.scratch)
        if not windows.plain:
            words = windows.words(x[images], columns)
            writer.add([KernelLaunch(self._fold, words, x[images].size, 1)])

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
