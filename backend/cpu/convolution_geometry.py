"""Windows of a convolution as numbers: lattices of places that see the same taps.

Element (m, k) of the left matrix of a convolution stands at `row[m] + tap[k]` in the
input, or in a padded copy of the part of it that a tile of places needs.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, reduce
from typing import Any

from ..recorded import Recorded, jointly, larger, smaller
from .pool import pool
from .special_base import ceildiv

PLACES = 256  # of a tile, roughly
SMALLEST = 16  # places of a tile that are worth a thread
Three = tuple[int, int, int]


def three(values: Sequence[int], neutral: int) -> Three:
    """One number an axis of space, for three axes: the middle one goes first."""
    first, *rest = map(_whole, values)
    last = rest.pop() if rest else neutral
    return first, rest[0] if rest else neutral, last


def _whole(value: Any) -> Any:
    """A size as a number, which may be a recorded one."""
    return value if value.__class__ is Recorded else operator.index(value)


@dataclass(frozen=True)
class Lattice:
    """Results that see the same taps: every `step`-th place from `start` on."""

    taps: tuple[tuple[int, int], ...]  # number in the kernel, place in the input
    counts: Three
    start: Three


@dataclass(frozen=True)
class Geometry:
    """Windows over an input as numbers, and how their places are cut into tiles."""

    batch: int
    size: Three  # of the input
    channels: int  # of the input, as the padded copy has them
    low: Three  # padding in front
    span: Three  # what all windows reach, padding included
    reach: int  # rows of a window
    stride: Three  # of the windows
    step: Three  # of the results of a lattice
    lattices: tuple[Lattice, ...]
    rows: int  # of windows in a tile
    images: int  # in a tile

    def of(self, batch: int, together: int = 1, parts: int = 1) -> Geometry:
        """The same windows over another number of images, with rows kept together."""
        rows, images = tiled(self.most, batch, self.channels, together, parts)
        return replace(self, batch=batch, rows=rows, images=images)

    def in_pairs(self, gaps: Three) -> Geometry:
        """The same windows, rows and columns in pairs of which one may not be there.

        The two of a pair are a gap apart; windows reach as far as theirs would.
        """
        rows, columns = (
            first_of_pair(pairs(n, gap) - 1, gap) + 3 * gap + 1
            for n, gap in zip(self.most[::2], gaps[::2], strict=True)
        )
        span = rows, self.span[1], columns
        return replace(self, span=span, reach=self.reach + gaps[0])

    @cached_property
    def most(self) -> Three:
        """The longest lattice, an axis."""
        found = zip(*(one.counts for one in self.lattices), strict=True)
        first, second, third = (reduce(larger, counts) for counts in found)
        return first, second, third

    @cached_property
    def bands(self) -> int:
        return ceildiv(self.most[0], self.rows)

    @cached_property
    def tiles(self) -> int:
        return ceildiv(self.batch, self.images) * self.bands

    @cached_property
    def places(self) -> int:
        """How many windows a tile has at most."""
        return self.images * self.rows * self.most[1] * self.most[2]

    @cached_property
    def height(self) -> int:
        """The rows of the input that a tile needs."""
        return (self.rows - 1) * self.stride[0] + self.reach

    @cached_property
    def direct(self) -> bool:
        """Whether no window leaves the input."""
        rows = zip(self.low, self.span, self.size, strict=True)
        return all(low <= 0 and span - low <= size for low, span, size in rows)

    @cached_property
    def pitch(self) -> Three:
        """Elements from a place to the next in what windows are read from."""
        _, second, third = self.size if self.direct else self.span
        return second * third * self.channels, third * self.channels, self.channels

    def offset(self, tap: Sequence[int]) -> int:
        """Where a tap stands, from the beginning of its window."""
        return sum(a * b for a, b in zip(tap, self.pitch, strict=True))


def pairs(count: Any, gap: Any) -> Any:
    """How many pairs so many numbers make, of which two are a gap apart."""
    return count // (2 * gap) * gap + smaller(count % (2 * gap), gap)


def first_of_pair(index: Any, gap: Any) -> Any:
    """The first number of a pair."""
    return index // gap * (2 * gap) + index % gap


def tiled(
    places: Three, batch: int, channels: int, together: int = 1, parts: int = 1
) -> tuple[int, int]:
    """Rows and images of a tile: enough places for one, few enough for the cache.

    So many rows are `together` that no tile cuts them. There are as many tiles as
    `parts`, if they are not too small then. A tile of some rows has those of one image:
    what follows it tells places of an image by the tile's rows.
    """
    height, row = places[0], math.prod(places[1:])
    return _tiled(height, row, batch, channels, together, parts)


@jointly
def _tiled(
    rows: int, row: int, batch: int, channels: int, together: int, parts: int
) -> tuple[int, int]:
    wanted = max(32, min(PLACES, (1 << 16) // max(1, channels)))
    row, height = max(1, row), max(1, rows)
    image = row * height
    bands, images = 1, max(1, min(batch, wanted // image))
    if image >= wanted:
        bands = ceildiv(height, max(1, wanted // row))
    if batch * image >= parts * SMALLEST:
        images = min(images, ceildiv(batch, parts))
        rest = ceildiv(parts, ceildiv(batch, images))
        bands = max(bands, min(height, rest))
    if bands == 1:
        return height, images
    return ceildiv(ceildiv(height, bands), together) * together, 1


def forward_geometry(
    batch: int, size: Three, channels: int, kernel: Three, count: Three, options: Any
) -> Geometry:
    """The windows that a convolution slides over its input."""
    strides, dilation = three(options["strides"], 1), three(options["dilation"], 1)
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    span = [(c - 1) * s + r for c, s, r in zip(count, strides, reach, strict=True)]
    rows, images = tiled(count, batch, channels)
    low = three(options["low"], 0)
    bare = Geometry(
        batch, size, channels, low, three(span, 1), reach[0], strides, (1, 1, 1),
        (Lattice((), count, (0, 0, 0)),), rows, images,
    )  # fmt: skip
    taps = tuple(
        (n, bare.offset([j * d for j, d in zip(tap, dilation, strict=True)]))
        for n, tap in enumerate(itertools.product(*map(range, kernel)))
    )
    return replace(bare, lattices=(Lattice(taps, count, (0, 0, 0)),))


def input_geometry(
    batch: int, count: Three, channels: int, kernel: Three, size: Three, options: Any
) -> Geometry:
    """The windows over a cotangent that give the input's.

    Input i meets tap j of result (i + low - j * dilation) / stride where that is whole:
    inputs with one rest of a division by the stride see the same taps.
    """
    strides, dilation = three(options["strides"], 1), three(options["dilation"], 1)
    lows = three(options["low"], 0)
    axes = [
        _axis_lattices(*row)
        for row in zip(size, kernel, strides, dilation, lows, strict=True)
    ]
    shifts = [[t for _, _, taps in axis for _, t in taps] or [0] for axis in axes]
    low = three([-min(found) for found in shifts], 0)
    reach = [max(found) - min(found) + 1 for found in shifts]
    most = three([reduce(larger, [n for _, n, _ in axis]) for axis in axes], 1)
    span = three([n - 1 + r for n, r in zip(most, reach, strict=True)], 1)
    rows, images = tiled(most, batch, channels)
    bare = Geometry(
        batch, count, channels, low, span, reach[0], (1, 1, 1), strides,
        (Lattice((), most, (0, 0, 0)),), rows, images,
    )  # fmt: skip
    lattices = [_lattice(bare, kernel, one) for one in itertools.product(*axes)]
    return replace(bare, lattices=tuple(lattices))


Along = tuple[int, int, list[tuple[int, int]]]


def _axis_lattices(
    size: int, kernel: int, stride: int, dilation: int, low: int
) -> list[Along]:
    """For each rest of an axis: it, how many places have it, taps with their shifts."""
    found = []
    for rest in range(min(stride, max(1, size))):
        taps = [
            (j, (rest + low - j * dilation) // stride)
            for j in range(kernel)
            if (rest + low - j * dilation) % stride == 0
        ]
        found.append((rest, larger(0, ceildiv(size - rest, stride)), taps))
    return found


def _lattice(bare: Geometry, kernel: Three, axes: Sequence[Along]) -> Lattice:
    taps = []
    for chosen in itertools.product(*(taps for _, _, taps in axes)):
        (j0, t0), (j1, t1), (j2, t2) = chosen
        number = (j0 * kernel[1] + j1) * kernel[2] + j2
        shifted = [t + low for t, low in zip((t0, t1, t2), bare.low, strict=True)]
        taps.append((number, bare.offset(shifted)))
    counts, start = three([a[1] for a in axes], 1), three([a[0] for a in axes], 0)
    return Lattice(tuple(taps), counts, start)


def geometry_of(
    name: str, attributes: Any, operands: Sequence[Any], paired: bool = False
) -> Geometry:
    """The geometry of one of the three primitives on arrays, perhaps in pairs.

    No tile cuts rows that an attribute says are `together`.
    """
    global _last
    asked = name, attributes, operands[0], operands[1], paired
    last = _last  # another thread may bind as well
    if last is not None and all(map(operator.is_, last[0], asked)):
        return last[1]
    first, second = operands[0].shape, operands[1].shape
    # What is added up over tiles may not depend on the number of threads.
    parts = 1 if name == "conv_kernel" else pool().threads
    if name == "conv_kernel":
        kernel, count = attributes["kernel"], second[1:-1]
    else:
        kernel = second[:-2]
        count = attributes["count" if name == "conv_forward" else "size"]
    options = attributes["strides"], attributes["dilation"], attributes["low"]
    sizes = [tuple(map(_whole, each)) for each in (first[1:], kernel, count, *options)]
    known = not any(n.__class__ is Recorded for each in sizes for n in each)
    windows = _known_windows if known else _windows
    found = windows(name == "conv_input", *sizes)
    together = attributes.get("together", 1)
    gaps = three(attributes["dilation"], 1)
    each = math.lcm(together, 2 * gaps[0]) if paired else together
    found = found.of(first[0], each, parts)
    found = found.in_pairs(gaps) if paired else found
    _last = asked, found
    return found


# A step asks for its geometry again and again while it is bound.
_last: tuple[Any, Geometry] | None = None


def _windows(
    turned: bool,
    first: tuple[int, ...],
    kernel: tuple[int, ...],
    count: tuple[int, ...],
    *options: tuple[int, ...],
) -> Geometry:
    """The geometry for one image: what does not depend on their number."""
    *size, channels = first
    make = input_geometry if turned else forward_geometry
    named = dict(zip(("strides", "dilation", "low"), options, strict=True))
    return make(1, three(size, 1), channels, three(kernel, 1), three(count, 1), named)


_known_windows = lru_cache(maxsize=256)(_windows)  # recorded sizes are of one recording
