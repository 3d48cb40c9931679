"""Convolution as products: the words and the memory of its native code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...graph.node import Node
from ...graph.ops.windows import run_counts
from .building import FLOATS, Entry, lanes
from .convolution_code import PRODUCT, product_entry
from .convolution_geometry import (
    Geometry,
    Three,
    forward_geometry,
    input_geometry,
    three,
)
from .convolution_kernel import KERNEL, kernel_entry
from .convolution_products import BLOCK, panel_vectors
from .pool import thread_count
from .special_base import Special, Work, address, ceildiv, grain, rounded, special

CHUNKS = 16  # at most, of the places whose products are added up on their own
PARTIAL = 1 << 21  # bytes of partial sums, roughly


def floats_alike(node: Node) -> bool:
    """Whether operands and result have one dtype, of 32 or 64 bits."""
    dtypes = {node.dtype, *(source.dtype for source in node.inputs)}
    return len(dtypes) == 1 and node.dtype.short in FLOATS


def slots(tiles: int) -> int:
    """How many threads may hold scratch memory of their own."""
    return max(1, min(thread_count(), 64, tiles))


def shared_words(geometry: Geometry, item: int, tiles: int) -> dict[str, int]:
    """The words about places and memory that all three primitives read."""
    most, pitch = geometry.most, geometry.pitch
    direct = geometry.direct
    shift = sum(a * b for a, b in zip(geometry.low, pitch, strict=True))
    lead = -shift if direct else 0
    image = math.prod(geometry.size) * geometry.channels
    height = geometry.height
    lattice = geometry.lattices
    entries = max(sum(len(one.taps) for one in lattice), 1)
    return {
        "busy": 0, "slots": slots(tiles), "bands": geometry.bands,
        "images": geometry.images, "batch": geometry.batch, "rows": geometry.rows,
        "direct": direct, "channels": geometry.channels,
        "size0": geometry.size[0], "size1": geometry.size[1], "size2": geometry.size[2],
        "low0": geometry.low[0], "low1": geometry.low[1], "low2": geometry.low[2],
        "span1": geometry.span[1], "span2": geometry.span[2], "reach": geometry.reach,
        "stride0": geometry.stride[0],
        "pitch0": pitch[0], "image_pitch": image if direct else height * pitch[0],
        "source_image": image, "lead": lead,
        "row0": geometry.stride[0] * pitch[0], "row1": geometry.stride[1] * pitch[1],
        "row2": geometry.stride[2] * pitch[2], "most0": most[0], "taps": entries,
        "table": table_bytes(geometry), "slab": slab_bytes(geometry, item),
    }  # fmt: skip


def table_bytes(geometry: Geometry) -> int:
    """The bytes of a table with a number for each place of a tile."""
    return rounded((geometry.places + BLOCK) * 8)


def slab_bytes(geometry: Geometry, item: int) -> int:
    """The bytes of the padded copy of a tile's input."""
    if geometry.direct:
        return 0
    rows = geometry.images * geometry.height * geometry.span[1] * geometry.span[2]
    return rounded(rows * geometry.channels * item)


def class_words(geometry: Geometry, out: Three, channels: int) -> list[int]:
    """Taps in the order of their lattices, then the lattices."""
    taps = [pair for one in geometry.lattices for pair in one.taps]
    found = [number for number, _ in taps] + [place for _, place in taps]
    first = 0
    for one in geometry.lattices:
        start = (one.start[0] * out[1] + one.start[1]) * out[2] + one.start[2]
        found += [first, len(one.taps), *one.counts, start * channels]
        first += len(one.taps)
    return found


class Convolution(Special):
    """What the three have in common: geometry by name of the op."""

    def accepts(self, node: Node) -> bool:
        return floats_alike(node) and node.attributes["groups"] >= 1

    def geometry(
        self, attributes: Any, operands: Sequence[Any], results: Any
    ) -> Geometry:
        raise NotImplementedError


class Product(Convolution):
    """A primitive whose result has places: forwards, or back to the input."""

    turned = False

    def _filters(self, kernel: Any, groups: int) -> tuple[int, int]:
        """Left and right side of a group's product: what is summed, what comes out."""
        width, filters = int(kernel.shape[-2]), int(kernel.shape[-1]) // groups
        return (filters, width) if self.turned else (width, filters)

    def entry(self, node: Node) -> Entry:
        groups = node.attributes["groups"]
        size = node.inputs[1].shape[-2 if self.turned else -1]
        filters = size.value
        if filters is not None and not self.turned:
            filters //= groups
        return product_entry(FLOATS[node.dtype.short], filters)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry = self.geometry(attributes, operands, results)
        kernel, groups = operands[1], attributes["groups"]
        weights = math.prod(kernel.shape)
        taps = weights // max(1, int(kernel.shape[-2]) * int(kernel.shape[-1]))
        steps = weights * math.prod(geometry.most) * geometry.batch / 16
        rows = groups * taps
        tiles = geometry.tiles if math.prod(results[0].shape) else 0
        return Work(rows, grain(rows, weights)), Work(tiles, grain(tiles, steps))

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        geometry = self.geometry(attributes, operands, results)
        item = operands[0].dtype.itemsize
        inner, _ = self._filters(operands[1], attributes["groups"])
        packed = self._packed(operands, attributes, item)
        return packed + slots(geometry.tiles) * self._slot(geometry, inner, item)

    def _packed(self, operands: Any, attributes: Any, item: int) -> int:
        kernel, groups = operands[1], attributes["groups"]
        inner, outer = self._filters(kernel, groups)
        taps = math.prod(kernel.shape[:-2])
        lane = lanes("float" if item == 4 else "double")
        return rounded(groups * taps * inner * ceildiv(outer, lane) * lane * item)

    def _slot(self, geometry: Geometry, inner: int, item: int) -> int:
        taps = sum(len(one.taps) for one in geometry.lattices)
        koff = rounded((taps * inner + BLOCK) * 8)
        return koff + 2 * table_bytes(geometry) + slab_bytes(geometry, item)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        source, kernel = operands
        (out,) = results
        groups, item = attributes["groups"], source.dtype.itemsize
        geometry = self.geometry(attributes, operands, results)
        inner, outer = self._filters(kernel, groups)
        taps = math.prod(kernel.shape[:-2])
        width, filters = int(kernel.shape[-2]), int(kernel.shape[-1])
        space = three(out.shape[1:-1], 1)
        channels = int(out.shape[-1])
        per = filters // groups
        strides = (per, 1, filters) if self.turned else (per, filters, 1)
        step = geometry.step
        found = PRODUCT.words(
            source=address(source), kernel=address(kernel), out=address(out),
            scratch=scratch, packed=self._packed(operands, attributes, item),
            slot=self._slot(geometry, inner, item),
            offsets=rounded((taps * inner + BLOCK) * 8),
            groups=groups, inner=inner, outer=outer,
            tap_stride=width * filters, group_stride=strides[0],
            inner_stride=strides[1], outer_stride=strides[2],
            lattices=len(geometry.lattices),
            out_image=math.prod(space) * channels,
            out0=step[0] * space[1] * space[2] * channels,
            out1=step[1] * space[2] * channels, out2=step[2] * channels,
            **shared_words(geometry, item, geometry.tiles),
        )  # fmt: skip
        return found + class_words(geometry, space, channels)


@special("conv_forward")
class ConvForward(Product):
    """The convolution itself."""

    def geometry(self, attributes: Any, operands: Any, results: Any) -> Geometry:
        x, kernel = operands
        run_counts("conv", x.shape[1:-1], attributes["count"])
        return forward_geometry(
            int(x.shape[0]), three(x.shape[1:-1], 1), int(x.shape[-1]),
            three(kernel.shape[:-2], 1), three(attributes["count"], 1), attributes,
        )  # fmt: skip


@special("conv_input")
class ConvInput(Product):
    """The cotangent of the input."""

    turned = True

    def geometry(self, attributes: Any, operands: Any, results: Any) -> Geometry:
        g, kernel = operands
        return input_geometry(
            int(g.shape[0]), three(g.shape[1:-1], 1), int(g.shape[-1]),
            three(kernel.shape[:-2], 1), three(attributes["size"], 1), attributes,
        )  # fmt: skip


@special("conv_kernel")
class ConvKernel(Convolution):
    """The cotangent of the kernel: sums over all places, in chunks."""

    def geometry(self, attributes: Any, operands: Any, results: Any) -> Geometry:
        x, g = operands
        return forward_geometry(
            int(x.shape[0]), three(x.shape[1:-1], 1), int(x.shape[-1]),
            three(attributes["kernel"], 1), three(g.shape[1:-1], 1), attributes,
        )  # fmt: skip

    def entry(self, node: Node) -> Entry:
        filters = node.shape[-1].value
        filters = None if filters is None else filters // node.attributes["groups"]
        return kernel_entry(FLOATS[node.dtype.short], filters)

    def _cut(
        self, geometry: Geometry, attributes: Any, operands: Any, results: Any
    ) -> tuple[int, int]:
        """Chunks of tiles, and panels of results, which together are the work."""
        (out,) = results
        item = operands[0].dtype.itemsize
        size = max(1, math.prod(out.shape) * item)
        chunks = max(1, min(CHUNKS, geometry.tiles, PARTIAL // size))
        filters = int(out.shape[-1]) // attributes["groups"]
        return chunks, attributes["groups"] * len(panel_vectors(filters, item))

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry = self.geometry(attributes, operands, results)
        chunks, panels = self._cut(geometry, attributes, operands, results)
        size = math.prod(results[0].shape)
        steps = size * math.prod(geometry.most) * geometry.batch / 16
        total, blocks = chunks * panels if size else 0, ceildiv(size, 1024)
        return (
            Work(total, grain(total, steps)),
            Work(blocks, grain(blocks, size * chunks / 8)),
        )

    def _slot(self, geometry: Geometry, taps: int, width: int, item: int) -> int:
        rows = 2 * rounded((taps * width + BLOCK) * 8)
        panel = 4 * lanes("float") * 4 * (geometry.places + BLOCK)
        return (
            rows + table_bytes(geometry) + slab_bytes(geometry, item) + rounded(panel)
        )

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        geometry = self.geometry(attributes, operands, results)
        item = operands[0].dtype.itemsize
        chunks, panels = self._cut(geometry, attributes, operands, results)
        (out,) = results
        partial = rounded(math.prod(out.shape) * item)
        slot = self._slot(geometry, math.prod(out.shape[:-2]), int(out.shape[-2]), item)
        return chunks * partial + slots(chunks * panels) * slot

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        x, g = operands
        (out,) = results
        geometry = self.geometry(attributes, operands, results)
        item, groups = x.dtype.itemsize, attributes["groups"]
        chunks, panels = self._cut(geometry, attributes, operands, results)
        taps, width, filters = (
            math.prod(out.shape[:-2]),
            int(out.shape[-2]),
            int(out.shape[-1]),
        )
        count = geometry.most
        found = KERNEL.words(
            source=address(x), g=address(g), out=address(out), scratch=scratch,
            chunks=chunks, panels=panels, tiles=geometry.tiles, groups=groups,
            slot=self._slot(geometry, taps, width, item),
            offsets=rounded((taps * width + BLOCK) * 8),
            partial=rounded(math.prod(out.shape) * item) // item,
            size=math.prod(out.shape), width=width, filters=filters,
            count0=count[0], count1=count[1], count2=count[2],
            **shared_words(geometry, item, chunks * panels),
        )  # fmt: skip
        return found + class_words(geometry, (1, 1, 1), 0)
