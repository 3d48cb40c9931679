"""Convolution by Winograd's products: how much work, which memory, which words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...graph.dim import Dim
from ...graph.node import Node
from ..recorded import larger, smaller
from .building import BYTES, FLOATS, Entry, lanes
from .convolution_geometry import Geometry, geometry_of, three
from .convolution_winograd import PARTS, TABLES, WINOGRAD, Sizes, widths, winograd_entry
from .convolution_winograd_kernel import (
    WINOGRAD_KERNEL,
    Sides,
    winograd_kernel_entry,
)
from .convolution_words import (
    NOTHING,
    Following,
    shared_words,
    slab_bytes,
    slots,
    table_bytes,
)
from .pool import pool
from .special_base import Work, ceildiv, grain
from .special_products import CHUNKS, PARTIAL, Placed, Way

LEAST = 16  # channels, and filters
MOST = 1 << 16  # weights of a tap; more take longer than what few places save


def is_winograd(attributes: Any, kernel: Sequence[Any]) -> bool:
    """Whether filters of a shape are 3×3 over whole vectors of channels."""
    *space, width, filters = (Dim.of(size).value or 0 for size in kernel)
    return (
        attributes["groups"] == 1
        and all(Dim.of(n).value == 1 for n in attributes["strides"])
        and space == [3, 3]
        and min(width, filters) >= LEAST
        and width % lanes("float") == filters % lanes("float") == 0
        and width * filters <= MOST
    )


def _gaps(attributes: Any) -> dict[str, int]:
    """The words of how far apart rows and columns of a block are."""
    first, _, last = three(attributes["dilation"], 1)
    return {"gap0": first, "gap2": last}


class Winograd(Placed):
    """Forwards, or back to the input."""

    def geometry(self, attributes: Any, operands: Any) -> Geometry:
        return geometry_of(self.name, attributes, operands, paired=True)

    def _sizes(self, operands: Any) -> Sizes:
        width, filters = map(int, operands[1].shape[-2:])
        kind = "float" if operands[0].dtype.itemsize == 4 else "double"
        sides = (width, filters) if self.turned else (filters, width)
        return Sizes(kind, *sides)

    def entry(self, node: Node) -> Entry:
        width, filters = (size.value or 0 for size in node.inputs[1].shape[-2:])
        kind = FLOATS[node.dtype.short]
        return winograd_entry(kind, widths(width if self.turned else filters, kind))

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry, sizes = self.geometry(attributes, operands), self._sizes(operands)
        weights = sizes.inner * sizes.outer
        squares = weights // lanes(sizes.kind) ** 2
        tiles = geometry.tiles if math.prod(results[0].shape) else 0
        steps = weights * math.prod(geometry.most) * geometry.batch // 4
        return (
            Work(squares, grain(squares, weights * PARTS)),
            Work(tiles, grain(tiles, steps)),
        )

    def head(self, attributes: Any, operands: Any) -> int:
        sizes = self._sizes(operands)
        return sizes.bytes_of(sizes.weights)

    def slot(self, attributes: Any, operands: Any) -> int:
        geometry, sizes = self.geometry(attributes, operands), self._sizes(operands)
        slab = slab_bytes(geometry, operands[0].dtype.itemsize)
        own = sizes.bytes_of(sizes.left) + sizes.bytes_of(sizes.sums)
        return TABLES * table_bytes(geometry) + slab + own

    def words(
        self,
        attributes: Any,
        operands: Any,
        results: Any,
        scratch: int,
        after: Following = NOTHING,
    ) -> list[int]:
        (source, kernel), (out,) = operands, results
        geometry, sizes = self.geometry(attributes, operands), self._sizes(operands)
        width, filters = map(int, kernel.shape[-2:])
        (lattice,) = geometry.lattices
        taps = [number for number, _ in sorted(lattice.taps, key=lambda tap: tap[1])]
        table = WINOGRAD.end + len(taps)
        placed = self.result_words(attributes, operands, out, scratch, after, table)
        del placed["lattices"]
        found = WINOGRAD.words(
            source=source.address, kernel=kernel.address, out=out.address,
            scratch=scratch, packed=self.head(attributes, operands),
            tap_stride=width * filters, inner_stride=1 if self.turned else filters,
            outer_stride=filters if self.turned else 1, columns=geometry.most[2],
            **_gaps(attributes), **placed, **sizes.words(),
            **shared_words(geometry, source.dtype.itemsize, geometry.tiles),
        )  # fmt: skip
        return [*found, *taps, *after.table]


class WinogradKernel(Way):
    """The kernel's cotangent."""

    def entry(self, node: Node) -> Entry:
        filters = node.shape[-1].value or 0
        kind = FLOATS[node.dtype.short]
        return winograd_kernel_entry(kind, widths(filters, kind))

    def _geometry(self, attributes: Any, operands: Any) -> Geometry:
        return geometry_of(self.name, attributes, operands, paired=True)

    def _sides(self, operands: Any, results: Any) -> Sides:
        width, filters = map(int, results[0].shape[-2:])
        kind = "float" if operands[0].dtype.itemsize == 4 else "double"
        return Sides(kind, filters, width)

    def _cut(self, geometry: Geometry, sides: Sides) -> tuple[int, int]:
        """Chunks of tiles and strips of panels, which are the work."""
        size = sides.bytes_of(sides.result)
        chunks = larger(1, smaller(min(CHUNKS, PARTIAL // size), geometry.tiles))
        least = ceildiv(sides.panels, sides.most)
        strips = larger(ceildiv(2 * pool().threads, chunks), least)
        return chunks, smaller(sides.panels, strips)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry = self._geometry(attributes, operands)
        sides = self._sides(operands, results)
        total = math.prod(self._cut(geometry, sides))
        weights = sides.inner * sides.outer
        steps = weights * math.prod(geometry.most) * geometry.batch // 4
        vectors = weights // lanes(sides.kind)
        return (
            Work(total, grain(total, steps)),
            Work(vectors, grain(vectors, weights * PARTS)),
        )

    def _slot(self, geometry: Geometry, sides: Sides) -> int:
        slab = slab_bytes(geometry, BYTES[sides.kind])
        own = sides.bytes_of(sides.left) + sides.bytes_of(sides.right)
        return TABLES * table_bytes(geometry) + slab + own

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        geometry = self._geometry(attributes, operands)
        sides = self._sides(operands, results)
        chunks, strips = self._cut(geometry, sides)
        slot = self._slot(geometry, sides)
        return chunks * sides.bytes_of(sides.result) + slots(chunks * strips) * slot

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x, g), (out,) = operands, results
        geometry = self._geometry(attributes, operands)
        sides, most = self._sides(operands, results), geometry.most
        chunks, strips = self._cut(geometry, sides)
        row = most[2] * sides.outer
        return WINOGRAD_KERNEL.words(
            source=x.address, g=g.address, out=out.address, scratch=scratch,
            chunks=chunks, strips=strips, tiles=geometry.tiles,
            slot=self._slot(geometry, sides), columns=most[2], **_gaps(attributes),
            partial=sides.bytes_of(sides.result) // x.dtype.itemsize,
            out_image=most[0] * row, out0=row, out2=sides.outer,
            **sides.words(),
            **shared_words(geometry, x.dtype.itemsize, chunks * strips),
        )  # fmt: skip
