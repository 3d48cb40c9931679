"""Convolution as products: how much work, which memory, which words."""

from __future__ import annotations

import math
from typing import Any

from ...graph.node import Node
from ..recorded import larger, smaller
from .building import FLOATS, Entry, lanes, vector_bytes
from .convolution_code import PRODUCT, pack_units, product_entry
from .convolution_few import is_few, padded
from .convolution_geometry import Geometry, geometry_of, three
from .convolution_kernel import KERNEL, ROWS, is_wide, kernel_entry
from .convolution_products import BLOCK, panel_vectors, panel_width
from .convolution_words import (
    NOTHING,
    Following,
    class_words,
    result_words,
    shared_words,
    slab_bytes,
    slots,
    table_bytes,
    tail_words,
)
from .packing_code import HEIGHT, PITCH
from .pool import pool
from .special_base import Special, Work, ceildiv, grain, rounded

CHUNKS = 16  # at most, of the places whose products are added up on their own
PARTIAL = 1 << 21  # bytes of partial sums, roughly
TOGETHER = 8  # panels of a group in a strip, at most


class Way(Special):
    """Code for one of the three primitives."""

    def __init__(self, name: str):
        self.name, self.turned = name, name == "conv_input"

    def accepts(self, node: Node) -> bool:
        """All nodes that convolution takes."""
        return True


class Placed(Way):
    """A primitive whose result has places: forwards, or back to the input.

    Each thread has a slot of scratch memory, and behind it some for what follows.
    """

    def geometry(self, attributes: Any, operands: Any) -> Geometry:
        """The windows, and how their places are cut into tiles."""
        return geometry_of(self.name, attributes, operands)

    def head(self, attributes: Any, operands: Any) -> int:
        """The bytes in front of the slots."""
        return 0

    def slot(self, attributes: Any, operands: Any) -> int:
        """The bytes of a slot."""
        raise NotImplementedError

    def scratch_bytes(
        self,
        attributes: Any,
        operands: Any,
        results: Any,
        after: Following = NOTHING,
    ) -> int:
        tiles = self.geometry(attributes, operands).tiles
        slot = self.slot(attributes, operands) + after.size
        return self.head(attributes, operands) + slots(tiles) * slot

    def result_words(
        self,
        attributes: Any,
        operands: Any,
        out: Any,
        scratch: int,
        after: Following,
        table: int,
    ) -> dict[str, int]:
        """The words about results, and what follows them: its table begins there."""
        geometry = self.geometry(attributes, operands)
        found = result_words(geometry, three(out.shape[1:-1], 1), int(out.shape[-1]))
        own = self.slot(attributes, operands)
        begin, slot = scratch + self.head(attributes, operands) + own, own + after.size
        return {"slot": slot, **found, **tail_words(after, slot, begin, table, found)}


class Product(Placed):
    """A primitive as products with a matrix that is packed first."""

    def _filters(self, kernel: Any, groups: int) -> tuple[int, int]:
        """Left and right side of a group's product: what is summed, what comes out."""
        width, filters = int(kernel.shape[-2]), int(kernel.shape[-1]) // groups
        return (filters, width) if self.turned else (width, filters)

    def entry(self, node: Node) -> Entry:
        *_, width, filters = (size.value or 0 for size in node.inputs[1].shape)
        sides = width, filters // node.attributes["groups"]
        inner, outer = reversed(sides) if self.turned else sides
        return product_entry(FLOATS[node.dtype.short], outer, inner)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry = self.geometry(attributes, operands)
        kernel, groups = operands[1], attributes["groups"]
        weights = math.prod(kernel.shape)
        taps = weights // max(1, int(kernel.shape[-2]) * int(kernel.shape[-1]))
        steps = weights * math.prod(geometry.most) * geometry.batch // 16
        inner, outer = self._filters(kernel, groups)
        kind = "float" if operands[0].dtype.itemsize == 4 else "double"
        rows = groups * taps
        if not is_few(outer, inner, kind):
            rows *= pack_units(outer, kind)
        tiles = geometry.tiles if math.prod(results[0].shape) else 0
        return Work(rows, grain(rows, weights)), Work(tiles, grain(tiles, steps))

    def head(self, attributes: Any, operands: Any) -> int:
        kernel, groups = operands[1], attributes["groups"]
        item = operands[0].dtype.itemsize
        inner, outer = self._filters(kernel, groups)
        taps = math.prod(kernel.shape[:-2])
        kind = "float" if item == 4 else "double"
        if is_few(outer, inner, kind):
            return rounded(groups * taps * outer * padded(inner, kind) * item)
        lane = lanes(kind)
        return rounded(groups * taps * inner * ceildiv(outer, lane) * lane * item)

    def slot(self, attributes: Any, operands: Any) -> int:
        geometry = self.geometry(attributes, operands)
        inner, _ = self._filters(operands[1], attributes["groups"])
        slab = slab_bytes(geometry, operands[0].dtype.itemsize)
        return terms_bytes(geometry, inner) + 2 * table_bytes(geometry) + slab

    def words(
        self,
        attributes: Any,
        operands: Any,
        results: Any,
        scratch: int,
        after: Following = NOTHING,
    ) -> list[int]:
        source, kernel = operands
        (out,) = results
        groups, item = attributes["groups"], source.dtype.itemsize
        geometry = self.geometry(attributes, operands)
        inner, outer = self._filters(kernel, groups)
        width, filters = int(kernel.shape[-2]), int(kernel.shape[-1])
        places = class_words(geometry, three(out.shape[1:-1], 1), int(out.shape[-1]))
        table = PRODUCT.end + len(places)
        per = filters // groups
        strides = (per, 1, filters) if self.turned else (per, filters, 1)
        found = PRODUCT.words(
            source=source.address, kernel=kernel.address, out=out.address,
            scratch=scratch, packed=self.head(attributes, operands),
            offsets=terms_bytes(geometry, inner),
            groups=groups, inner=inner, outer=outer,
            tap_stride=width * filters, group_stride=strides[0],
            inner_stride=strides[1], outer_stride=strides[2],
            **self.result_words(attributes, operands, out, scratch, after, table),
            **shared_words(geometry, item, geometry.tiles),
        )  # fmt: skip
        return [*found, *places, *after.table]


def terms_bytes(geometry: Geometry, inner: int) -> int:
    """The bytes of the offsets of all terms that places have; taps may have none."""
    taps = sum(len(one.taps) for one in geometry.lattices)
    return rounded((taps * inner + BLOCK) * 8)


class Sums(Way):
    """The cotangent of the kernel: sums over all places, in chunks."""

    def entry(self, node: Node) -> Entry:
        *space, width, filters = (size.value or 0 for size in node.shape)
        groups, kind = node.attributes["groups"], FLOATS[node.dtype.short]
        wide = self._wide(node.attributes, width)
        each = filters // groups
        return kernel_entry(kind, each, width, math.prod(space), groups, wide)

    def _wide(self, attributes: Any, width: int) -> bool:
        apart = width * attributes["groups"] * attributes["strides"][-1]
        return is_wide(width, apart)

    def _cut(
        self, geometry: Geometry, attributes: Any, operands: Any, results: Any
    ) -> tuple[int, int, int]:
        """Chunks of tiles and strips of panels, which are the work, and all panels."""
        (out,) = results
        item, groups = operands[0].dtype.itemsize, attributes["groups"]
        size = max(1, math.prod(out.shape) * item)
        chunks = larger(1, smaller(min(CHUNKS, PARTIAL // size), geometry.tiles))
        each = len(panel_vectors(int(out.shape[-1]) // groups, item))
        least = 1 if each <= TOGETHER else ceildiv(groups * each, TOGETHER)
        strips = larger(ceildiv(2 * pool().threads, chunks), least)
        return chunks, smaller(groups * each, strips), groups * each

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry = geometry_of(self.name, attributes, operands)
        chunks, strips, _ = self._cut(geometry, attributes, operands, results)
        size = math.prod(results[0].shape)
        steps = size * math.prod(geometry.most) * geometry.batch // 16
        total, blocks = chunks * strips if size else 0, ceildiv(size, 1024)
        return (
            Work(total, grain(total, steps)),
            Work(blocks, grain(blocks, size * chunks // 8)),
        )

    def _parts(
        self, geometry: Geometry, attributes: Any, out: Any, item: int
    ) -> dict[str, int]:
        """The bytes of the parts of a slot of scratch memory."""
        taps, width = math.prod(out.shape[:-2]), int(out.shape[-2])
        places = geometry.places + BLOCK
        wide = self._wide(attributes, width)
        panel = panel_width() * vector_bytes()
        return {
            "offsets": 0 if wide else rounded((taps * width + BLOCK) * 8),
            "table": table_bytes(geometry), "slab": slab_bytes(geometry, item),
            "left": rounded(ROWS // HEIGHT * PITCH * places * item) if wide else 0,
            "right": rounded(TOGETHER * panel * places),
        }  # fmt: skip

    def _slot(self, geometry: Geometry, attributes: Any, out: Any, item: int) -> int:
        parts = self._parts(geometry, attributes, out, item)
        return parts["offsets"] + sum(parts.values())

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        geometry = geometry_of(self.name, attributes, operands)
        item, (out,) = operands[0].dtype.itemsize, results
        chunks, strips, _ = self._cut(geometry, attributes, operands, results)
        partial = rounded(math.prod(out.shape) * item)
        slot = self._slot(geometry, attributes, out, item)
        return chunks * partial + slots(chunks * strips) * slot

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        x, g = operands
        (out,) = results
        geometry = geometry_of(self.name, attributes, operands)
        item, count = x.dtype.itemsize, geometry.most
        chunks, strips, panels = self._cut(geometry, attributes, operands, results)
        width, filters = map(int, out.shape[-2:])
        parts = self._parts(geometry, attributes, out, item)
        found = KERNEL.words(
            source=x.address, g=g.address, out=out.address, scratch=scratch,
            chunks=chunks, strips=strips, panels=panels, tiles=geometry.tiles,
            slot=self._slot(geometry, attributes, out, item),
            groups=attributes["groups"],
            offsets=parts["offsets"], left=parts["left"],
            partial=rounded(math.prod(out.shape) * item) // item,
            size=math.prod(out.shape), width=width, filters=filters,
            count0=count[0], count1=count[1], count2=count[2],
            **shared_words(geometry, item, chunks * strips),
        )  # fmt: skip
        return found + class_words(geometry, (1, 1, 1), 0)
