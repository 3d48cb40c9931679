"""Tiles of places: where their windows begin, in the input or in a padded copy of it.

A thread that works on tiles holds a stretch of scratch memory of its own, which it
claims by a bit of a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .building import Code, Function, Layout, Value
from .convolution_products import BLOCK

SHARED = """
busy slots bands images batch rows direct channels size0 size1 size2 low0 low1 low2
span1 span2 reach stride0 pitch0 image_pitch source_image lead row0 row1 row2 most0 taps
table slab
"""
# Where the results of a tile go, and what follows then.
TAIL = "out_slot shift_image shift_row followers follow room"


def offsets_function(code: Code) -> Function:
    """Fill a table with the offsets of places, the last one repeated.

    Arguments: table, four counts, four steps, the first offset.
    """
    f = code.helper("places", ["ptr"] + ["i64"] * 9)
    table, *numbers = f.arguments
    counts, steps, first = numbers[:4], numbers[4:8], numbers[8]
    place, last = f.variable(f.number(0)), f.variable(first)
    with f.loop(counts[0]) as image, f.loop(counts[1]) as i, f.loop(counts[2]) as j:
        begin = first + image * steps[0] + i * steps[1] + j * steps[2]
        start = place.get()
        with f.loop(counts[3]) as k:
            f.store(begin + k * steps[3], table, start + k, "i64")
        last.set(begin + (counts[3] - 1) * steps[3])
        place.set(start + counts[3])
    with f.loop(BLOCK) as k:
        f.store(last.get(), table, place.get() + k, "i64")
    return f


def slab_function(code: Code, kind: str) -> Function:
    """Copy rows of images with padding around.

    Arguments: target, source, images, rows, first row, spans of two axes, sizes of
    three, padding of two, channels, pitch of an image in the target.
    """
    f = code.helper("slab", ["ptr", "ptr"] + ["i64"] * 12)
    target, source, images, rows, first, *rest = f.arguments
    span1, span2, size0, size1, size2, low1, low2, channels, pitch = rest
    row = span2 * channels
    skip = (f.number(0) - low2).maximum(0)  # of the source, in front
    left = low2.maximum(0).minimum(span2)
    middle = (size2 - skip).minimum(span2 - left).maximum(0)
    with f.loop(images) as image, f.loop(rows) as i, f.loop(span1) as j:
        y, z = first + i, j - low1
        to = f.at(target, image * pitch + (i * span1 + j) * row, kind)
        inside = (y >= 0) & (y < size0) & (z >= 0) & (z < size1)
        length = inside.where(middle, 0) * channels
        start = inside.where(left, 0) * channels
        at = (((image * size0 + y) * size1 + z) * size2 + skip) * channels
        origin = f.at(source, inside.where(at, 0), kind)
        f.clear(to, start, kind)
        f.copy(f.at(to, start, kind), origin, length, kind)
        end = start + length
        f.clear(f.at(to, end, kind), row - end, kind)
    return f


def claim(f: Function, words: Value, layout: Layout, count: Value) -> Value:
    """The number of a stretch of scratch memory that no other thread uses."""
    place = f.at(words, layout.places["busy"], "i64")
    found = f.variable(f.number(-1))
    head, look, take, after = (f.fresh() for _ in range(4))
    f.write(f"br label {head}")
    f.label(head)
    taken = f.emit("i64", f"load atomic i64, {place} monotonic, align 8")
    free = f.intrinsic("llvm.cttz.i64", "i64", ~taken, f.number(0, "i1"))
    f.write(f"br {free < count}, label {look}, label {head}")
    f.label(look)
    bit = f.number(1) << free
    pair = f.emit(
        "{ i64, i1 }", f"cmpxchg {place}, {taken}, {taken | bit} acquire monotonic"
    )
    won = f.emit("i1", f"extractvalue {pair}, 1")
    f.write(f"br {won}, label {take}, label {head}")
    f.label(take)
    found.set(free)
    f.write(f"br label {after}")
    f.label(after)
    return found.get()


def release(f: Function, words: Value, layout: Layout, slot: Value) -> None:
    """Give a stretch of scratch memory back."""
    place = f.at(words, layout.places["busy"], "i64")
    bits = ~(f.number(1) << slot)
    f.emit("i64", f"atomicrmw and {place}, {bits} release")


class Cut(NamedTuple):
    """The first image of a tile and their count, its first row and their count."""

    image: Value
    images: Value
    row: Value
    rows: Value


class Tiles:
    """Where the windows of a tile are: in the input, or in a padded copy."""

    def __init__(self, code: Code, kind: str, f: Function, read: Any):
        self.f, self.kind, self.read = f, kind, read
        self.slab = slab_function(code, kind)
        names = "bands images batch rows direct most0 stride0 pitch0 source_image"
        self.word = {name: read(name) for name in [*names.split(), "lead", "reach"]}
        slab_names = "span1 span2 size0 size1 size2 low1 low2 channels image_pitch"
        self.sizes = [read(name) for name in slab_names.split()]
        self.low0 = read("low0")
        self.source = read("source", "ptr")

    def cut(self, tile: Value) -> Cut:
        """Which images and rows a tile has."""
        word = self.word
        image = (tile // word["bands"]) * word["images"]
        row = (tile % word["bands"]) * word["rows"]
        return Cut(
            image, (word["batch"] - image).minimum(word["images"]),
            row, (word["most0"] - row).minimum(word["rows"]),
        )  # fmt: skip

    def base(self, copy: Value, cut: Cut) -> Value:
        """Where the windows of a tile begin."""
        f, word = self.f, self.word
        image, images, row, rows = cut
        plain = f.at(self.source, image * word["source_image"], self.kind)
        shift = row * word["stride0"] * word["pitch0"] + word["lead"]
        found = f.variable(f.at(plain, shift, self.kind))
        with f.when(word["direct"].equals(0)):
            height = (rows - 1) * word["stride0"] + word["reach"]
            first = row * word["stride0"] - self.low0
            f.call(self.slab, copy, plain, images, height, first, *self.sizes)
            found.set(copy)
        return found.get()


class Lattices:
    """The lattices that stand in the words, and tables for their places in a tile.

    `rows` is filled with where the windows of places begin, `targets` with where their
    results lie.
    """

    def __init__(
        self, f: Function, places: Function, at: Value, read: Any, rows: Value,
        targets: Value,
    ):  # fmt: skip
        self.f, self.places, self.at = f, places, at
        self.rows, self.targets = rows, targets
        self.count = read("lattices")
        self.steps = [read(name) for name in ("image_pitch", "row0", "row1", "row2")]
        self.ways = [read(name) for name in ("out_image", "out0", "out1", "out2")]

    @contextmanager
    def each(self, cut: Cut) -> Iterator[tuple[Value, Value, Value, Value]]:
        """A loop: the first tap of each, how many, where results begin, its places."""
        f = self.f
        with f.loop(self.count) as which:
            lattice = f.at(self.at, which * 6, "i64")
            first, count, n0, n1, n2, begin = (
                f.load(lattice, n, "i64") for n in range(6)
            )
            present = ((cut.row + cut.rows).minimum(n0) - cut.row).maximum(0)
            sizes = [cut.images, present, n1, n2]
            f.call(self.places, self.rows, *sizes, *self.steps, f.number(0))
            f.call(self.places, self.targets, *sizes, *self.ways, f.number(0))
            yield first, count, begin, cut.images * present * n1 * n2
