"""The words about places and memory that all native code of convolution reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..recorded import larger, smaller
from .convolution_geometry import Geometry, Three
from .convolution_products import BLOCK
from .pool import pool
from .special_base import rounded


@dataclass(frozen=True)
class Following:
    """What follows each tile: memory of a thread for it, and a table of entries.

    The table stands behind the words of the convolution.
    """

    size: int = 0  # bytes in each slot of scratch memory
    count: int = 0
    table: Sequence[int] = ()
    apart: bool = False  # the results lie there too, at the address of the first slot


NOTHING = Following()


def tail_words(
    after: Following, slot: int, begin: int, table: int, result: dict[str, int]
) -> dict[str, int]:
    """The words about what follows.

    Its memory begins at `begin` in the first slot, its table at the word `table`.
    """
    return {
        "out_slot": slot if after.apart else 0,
        "shift_image": 0 if after.apart else result["out_image"],
        "shift_row": 0 if after.apart else result["out0"],
        "followers": after.count, "follow": table, "room": begin,
    }  # fmt: skip


def slots(tiles: int) -> int:
    """How many threads may hold scratch memory of their own."""
    return larger(1, smaller(min(pool().threads, 64), tiles))


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


def result_words(geometry: Geometry, out: Three, channels: int) -> dict[str, int]:
    """The words about where results go."""
    step, row = geometry.step, out[2] * channels
    return {
        "lattices": len(geometry.lattices), "out_image": out[0] * out[1] * row,
        "out0": step[0] * out[1] * row, "out1": step[1] * row,
        "out2": step[2] * channels,
    }  # fmt: skip
