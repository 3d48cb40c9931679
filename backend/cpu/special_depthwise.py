"""Convolution with a filter for each channel: how much work, which memory and words."""

from __future__ import annotations

import math
from typing import Any

from ...graph.node import Node
from ..recorded import larger, smaller
from .building import FLOATS, Entry
from .convolution_depthwise import (
    PLACES,
    WEIGHTS,
    depthwise_entry,
    depthwise_kernel_entry,
)
from .convolution_geometry import Geometry, geometry_of, three
from .convolution_words import (
    NOTHING,
    Following,
    class_words,
    shared_words,
    slab_bytes,
    slots,
    table_bytes,
)
from .special_base import Work, ceildiv, grain, rounded
from .special_products import CHUNKS, Placed, Way


class Depthwise(Placed):
    """Forwards, or back to the input."""

    def entry(self, node: Node) -> Entry:
        return depthwise_entry(FLOATS[node.dtype.short])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry = self.geometry(attributes, operands)
        tiles = geometry.tiles if math.prod(results[0].shape) else 0
        taps = math.prod(operands[1].shape[:-2])
        return (Work(tiles, grain(tiles, math.prod(results[0].shape) * taps // 8)),)

    def slot(self, attributes: Any, operands: Any) -> int:
        geometry = self.geometry(attributes, operands)
        slab = slab_bytes(geometry, operands[0].dtype.itemsize)
        return 2 * table_bytes(geometry) + slab

    def words(
        self,
        attributes: Any,
        operands: Any,
        results: Any,
        scratch: int,
        after: Following = NOTHING,
    ) -> list[int]:
        (source, kernel), (out,) = operands, results
        geometry = self.geometry(attributes, operands)
        item, channels = source.dtype.itemsize, int(out.shape[-1])
        places = class_words(geometry, three(out.shape[1:-1], 1), channels)
        table = PLACES.end + len(places)
        found = PLACES.words(
            source=source.address, kernel=kernel.address, out=out.address,
            scratch=scratch, filters=channels,
            **self.result_words(attributes, operands, out, scratch, after, table),
            **shared_words(geometry, item, geometry.tiles),
        )  # fmt: skip
        return [*found, *places, *after.table]


class DepthwiseKernel(Way):
    """The kernel's cotangent."""

    def entry(self, node: Node) -> Entry:
        return depthwise_kernel_entry(FLOATS[node.dtype.short])

    def _chunks(self, geometry: Geometry) -> int:
        return larger(1, smaller(CHUNKS, geometry.tiles))

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        geometry = geometry_of(self.name, attributes, operands)
        size, chunks = math.prod(results[0].shape), self._chunks(geometry)
        taps = math.prod(attributes["kernel"])
        total, blocks = chunks if size else 0, ceildiv(size, 1024)
        return (
            Work(total, grain(total, math.prod(operands[1].shape) * taps // 8)),
            Work(blocks, grain(blocks, size * chunks // 8)),
        )

    def _slot(self, geometry: Geometry, item: int) -> int:
        return table_bytes(geometry) + slab_bytes(geometry, item)

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        geometry = geometry_of(self.name, attributes, operands)
        item, chunks = operands[0].dtype.itemsize, self._chunks(geometry)
        partial = rounded(math.prod(results[0].shape) * item)
        return chunks * partial + slots(chunks) * self._slot(geometry, item)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x, g), (out,) = operands, results
        geometry = geometry_of(self.name, attributes, operands)
        item, chunks = x.dtype.itemsize, self._chunks(geometry)
        size, count = math.prod(out.shape), geometry.most
        found = WEIGHTS.words(
            source=x.address, g=g.address, out=out.address, scratch=scratch,
            chunks=chunks, tiles=geometry.tiles, slot=self._slot(geometry, item),
            partial=rounded(size * item) // item, size=size, filters=out.shape[-1],
            count0=count[0], count1=count[1], count2=count[2],
            **shared_words(geometry, item, chunks),
        )  # fmt: skip
        return found + class_words(geometry, (1, 1, 1), 0)
