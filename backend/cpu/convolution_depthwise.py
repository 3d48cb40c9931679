"""Native code of convolution with a filter for each channel: vectors of channels.

Places come from the same tables as those of products; a few of them, or a few taps,
are computed together, so that what they share is read once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from .building import BYTES, Code, Entry, Function, Layout, Value, lanes, vector
from .convolution_follow import Tail
from .convolution_kernel import combine_entry
from .convolution_tiles import (
    SHARED,
    TAIL,
    Lattices,
    Tiles,
    claim,
    offsets_function,
    release,
)

TOGETHER = 4  # places, or taps
WIDE = 2  # vectors of channels
PLACES = Layout(
    f"""source kernel out scratch slot filters lattices out_image out0 out1 out2
    {TAIL} {SHARED}"""
)
WEIGHTS = Layout(
    f"""source g out scratch chunks tiles slot partial size filters count0 count1 count2
    {SHARED}"""
)


class Channels:
    """A few vectors of channels, the last one under a mask."""

    def __init__(self, f: Function, kind: str, left: Value, count: int):
        self.f, self.kind, self.lane, self.count = f, kind, lanes(kind), count
        self.whole = vector(kind, self.lane)
        steps = f.steps("i64", self.lane)
        self.masks = [] if count > 1 else [steps < f.splat(left, self.lane)]

    def load(self, base: Value, at: Value) -> list[Value]:
        """The vectors at a place."""
        f = self.f
        if self.masks:
            place = f.at(base, at, self.kind)
            return [f.masked_load(place, self.masks[0], self.whole)]
        starts = [at + v * self.lane for v in range(self.count)]
        return [f.load(base, start, self.kind, self.whole) for start in starts]

    def store(self, values: list[Value], base: Value, at: Value) -> None:
        """Put vectors at a place."""
        f = self.f
        if self.masks:
            f.masked_store(values[0], f.at(base, at, self.kind), self.masks[0])
            return
        for v, value in enumerate(values):
            f.store(value, base, at + v * self.lane, self.kind)

    def zeros(self) -> list[Any]:
        """Variables for sums."""
        zero = self.f.number(0.0, self.whole)
        return [self.f.variable(zero) for _ in range(self.count)]


def _add(f: Function, sums: list[Any], a: list[Value], b: list[Value]) -> None:
    for total, one, other in zip(sums, a, b, strict=True):
        total.set(f.fma(one, other, total.get()))


def each_block(
    f: Function, kind: str, channels: Value, use: Callable[[int, Value, Value], None]
) -> None:
    """Call `use(vectors, first channel, channels left)` for blocks of channels."""
    step = WIDE * lanes(kind)
    whole = channels // step * step
    with f.loop(whole, 0, step) as first:
        use(WIDE, first, channels - first)
    with f.loop(channels, whole, lanes(kind)) as first:
        use(1, first, channels - first)


def places_function(code: Code, kind: str, vectors: int) -> Function:
    """Sums over taps for places.

    Arguments: input, offsets of the places and their count, numbers and offsets of the
    taps and their count, kernel, results, their offsets, all channels, those left.
    """
    kinds = ["ptr", "ptr", "i64", "ptr", "ptr", "i64", "ptr", "ptr", "ptr"]
    f = code.helper(f"places_{vectors}", [*kinds, "i64", "i64"])
    base, rows, count, numbers, offsets, taps, kernel, out, targets, *rest = f.arguments
    filters, left = rest
    channels = Channels(f, kind, left, vectors)
    with f.loop(count, 0, TOGETHER) as first:
        starts = [f.load(rows, first + n, "i64") for n in range(TOGETHER)]
        sums = [channels.zeros() for _ in starts]
        with f.loop(taps) as tap:
            offset = f.load(offsets, tap, "i64")
            weights = channels.load(kernel, f.load(numbers, tap, "i64") * filters)
            for start, total in zip(starts, sums, strict=True):
                _add(f, total, channels.load(base, start + offset), weights)
        for n, total in enumerate(sums):
            target = f.load(targets, first + n, "i64")
            channels.store([one.get() for one in total], out, target)
    return f


def weights_function(code: Code, kind: str, vectors: int) -> Function:
    """Sums over places for taps.

    Arguments: input, offsets of the places and their count, numbers and offsets of the
    taps and their count, cotangents, results, which are added to, all channels, those
    left.
    """
    kinds = ["ptr", "ptr", "i64", "ptr", "ptr", "i64", "ptr", "ptr"]
    f = code.helper(f"weights_{vectors}", [*kinds, "i64", "i64"])
    base, rows, count, numbers, offsets, taps, g, out, *rest = f.arguments
    filters, left = rest
    channels = Channels(f, kind, left, vectors)
    with f.loop(taps, 0, TOGETHER) as first:
        # The last tap stands in for those behind it, with the same result.
        chosen = [(first + n).minimum(taps - 1) for n in range(TOGETHER)]
        starts = [f.load(offsets, tap, "i64") for tap in chosen]
        targets = [f.load(numbers, tap, "i64") * filters for tap in chosen]
        sums = [channels.zeros() for _ in chosen]
        for target, total in zip(targets, sums, strict=True):
            for one, old in zip(total, channels.load(out, target), strict=True):
                one.set(old)
        with f.loop(count) as place:
            row = f.load(rows, place, "i64")
            cotangents = channels.load(g, place * filters)
            for start, total in zip(starts, sums, strict=True):
                _add(f, total, channels.load(base, row + start), cotangents)
        for target, total in zip(targets, sums, strict=True):
            channels.store([one.get() for one in total], out, target)
    return f


@cache
def depthwise_entry(kind: str) -> Entry:
    """Forwards, or back to the input: tiles of places."""
    code = Code("depthwise")
    places = offsets_function(code)
    sums = {vectors: places_function(code, kind, vectors) for vectors in (WIDE, 1)}
    f, words, start, stop = code.entry()
    read = PLACES.reader(f, words)
    tiles = Tiles(code, kind, f, read)
    taps, filters = read("taps"), read("filters")
    kernel = read("kernel", "ptr")
    numbers = f.at(words, PLACES.end, "i64")
    offsets, lattices_at = f.at(numbers, taps, "i64"), f.at(numbers, taps * 2, "i64")
    slot = claim(f, words, PLACES, read("slots"))
    rows = f.at(read("scratch", "ptr"), slot * read("slot"), "i8")
    targets = f.at(rows, read("table"), "i8")
    copy = f.at(targets, read("table"), "i8")
    tail = Tail(code, f, kind, slot, words, read)
    lattices = Lattices(f, places, lattices_at, read, rows, targets)
    with f.loop(stop, start) as tile:
        cut = tiles.cut(tile)
        base = tiles.base(copy, cut)
        with lattices.each(cut) as (first, count, begin, amount):
            out = tail.target(begin, cut.image, cut.row)

            def use(vectors: int, channel: Value, left: Value) -> None:
                seen = (f.at(base, channel, kind), rows, amount)
                known = (f.at(numbers, first, "i64"), f.at(offsets, first, "i64"))
                weights, to = f.at(kernel, channel, kind), f.at(out, channel, kind)
                ends = (count, weights, to, targets, filters, left)
                f.call(sums[vectors], *seen, *known, *ends)

            each_block(f, kind, filters, use)
        tail.follow(cut)
    release(f, words, PLACES, slot)
    return code.finished()


@cache
def depthwise_kernel_entry(kind: str) -> Entry:
    """The kernel's cotangent: chunks of tiles, then the sum of the chunks."""
    code = Code("depthwise_kernel")
    places = offsets_function(code)
    sums = {vectors: weights_function(code, kind, vectors) for vectors in (WIDE, 1)}
    f, words, start, stop = code.entry()
    read = WEIGHTS.reader(f, words)
    tiles = Tiles(code, kind, f, read)
    taps, filters, chunks = read("taps"), read("filters"), read("chunks")
    partial, every = read("partial"), read("tiles")
    numbers = f.at(words, WEIGHTS.end, "i64")
    offsets = f.at(numbers, taps, "i64")
    slot = claim(f, words, WEIGHTS, read("slots"))
    scratch, g = read("scratch", "ptr"), read("g", "ptr")
    begin = partial * chunks * BYTES[kind] + slot * read("slot")
    rows = f.at(scratch, begin, "i8")
    copy = f.at(rows, read("table"), "i8")
    steps = [read(name) for name in ("image_pitch", "row0", "row1", "row2")]
    count = [read(f"count{axis}") for axis in range(3)]
    with f.loop(stop, start) as chunk:
        first, last = chunk * every // chunks, (chunk + 1) * every // chunks
        result = f.at(scratch, chunk * partial, kind)
        f.clear(result, read("size"), kind)
        with f.loop(last, first) as tile:
            image, images, row, height = cut = tiles.cut(tile)
            base = tiles.base(copy, cut)
            sizes = (images, height, count[1], count[2])
            f.call(places, rows, *sizes, *steps, f.number(0))
            amount = images * height * count[1] * count[2]
            at = (image * count[0] + row) * count[1] * count[2] * filters

            def use(vectors: int, channel: Value, left: Value) -> None:
                seen = (f.at(base, channel, kind), rows, amount, numbers, offsets, taps)
                known = (f.at(g, at + channel, kind), f.at(result, channel, kind))
                f.call(sums[vectors], *seen, *known, filters, left)

            each_block(f, kind, filters, use)
    release(f, words, WEIGHTS, slot)
    combine_entry(code, kind, WEIGHTS)
    return code.finished()
