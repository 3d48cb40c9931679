"""Native code of the kernel's cotangent: sums of products over all places.

Tiles are summed up in chunks whose number follows from the sizes, and the chunks in
their order: how the work is cut has no influence on the numbers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .building import BYTES, Code, Entry, Function, Layout, Value
from .convolution_products import BLOCK, Products, chosen_panel, panel_width
from .convolution_tiles import SHARED, Tiles, claim, offsets_function, release

KERNEL = Layout(
    f"""source g out scratch chunks panels tiles groups slot offsets partial size width
    filters count0 count1 count2 {SHARED}"""
)


@cache
def kernel_entry(kind: str, filters: int, rows: int, groups: int) -> Entry:
    """Sums of products over chunks of tiles, then the sum of the chunks.

    `filters` are those of a group, `rows` the weights that each of them has.
    """
    code = Code("convolution_kernel")
    products, places = Products(code, kind, rows), offsets_function(code)
    f, words, start, stop = code.entry()
    read = KERNEL.reader(f, words)
    slot = claim(f, words, KERNEL, read("slots"))
    chunks, every = read("chunks"), read("tiles")
    writer = Writer(f, products, places, slot, read)
    writer.fill(f.at(words, writer.taps + KERNEL.end, "i64"))
    writer.tiles = Tiles(code, kind, f, read)
    with f.loop(stop, start) as task:
        chunk, panel = task // writer.panels, task % writer.panels
        first, last = chunk * every // chunks, (chunk + 1) * every // chunks
        writer.task((filters, groups), chunk, panel, (first, last))
    release(f, words, KERNEL, slot)
    combine_entry(code, kind, KERNEL)
    return code.finished()


class Writer:
    """What the sums of a chunk read, and the code for them."""

    tiles: Tiles

    def __init__(
        self, f: Function, products: Products, places: Function, slot: Value, read: Any
    ):
        self.f, self.products, self.places, self.read = f, products, places, read
        self.kind, self.lane = products.kind, products.lane
        self.width, self.taps, self.filters = (
            read(name) for name in ("width", "taps", "filters")
        )
        self.groups, self.panels = read("groups"), read("panels")
        self.g, self.partial = read("g", "ptr"), read("partial")
        self.scratch = read("scratch", "ptr")
        self.depth, self.outer = self.taps * self.width, self.filters // self.groups
        sums = self.partial * read("chunks") * BYTES[self.kind]
        self.terms = f.at(self.scratch, sums + slot * read("slot"), "i8")
        self.targets = f.at(self.terms, read("offsets"), "i8")
        self.rows = f.at(self.targets, read("offsets"), "i8")
        self.copy = f.at(self.rows, read("table"), "i8")
        self.packed = f.at(self.copy, read("slab"), "i8")
        self.count = [read(f"count{axis}") for axis in range(3)]
        names = ("image_pitch", "row0", "row1", "row2")
        self.steps = [read(name) for name in names]

    def fill(self, tap_places: Value) -> None:
        """Tables of where each weight looks in a window, and where its sum goes."""
        f, depth = self.f, self.depth
        with f.loop(self.taps) as t, f.loop(self.width) as i:
            k = t * self.width + i
            f.store(f.load(tap_places, t, "i64") + i, self.terms, k, "i64")
            f.store(k * self.filters, self.targets, k, "i64")
        with f.loop(BLOCK) as k:
            last = f.load(self.terms, depth - 1, "i64")
            f.store(last, self.terms, depth + k, "i64")
            f.store((depth - 1) * self.filters, self.targets, depth + k, "i64")

    def task(
        self,
        known: tuple[int, int],
        chunk: Value,
        panel: Value,
        tiles: tuple[Value, Value],
    ) -> None:
        """The sums of a chunk for one panel of filters."""
        f, kind = self.f, self.kind
        panels = self.panels // self.groups
        group, number = panel // panels, panel % panels
        shift = number * (panel_width() * self.lane)
        column, columns = group * self.outer + shift, self.outer - shift
        result = f.at(self.scratch, chunk * self.partial + column, kind)
        (first, last), (filters, groups) = tiles, known

        def use(product: Function, wide: int) -> None:
            width = wide * self.lane
            dense = groups == 1 and filters == width

            def multiply(base: Value, amount: Value, g: Value, more: Value) -> None:
                left = f.at(base, group * self.width, kind)
                rows = (left, self.terms, self.depth, self.rows, amount, g)
                f.call(product, *rows, result, self.targets, more, columns)

            with f.loop(last, first) as tile:
                base, amount, g = self.tile(tile, column)
                if not dense:
                    self.pack(g, amount, columns, width)
                multiply(base, amount, g if dense else self.packed, tile - first)
            with f.when(first.equals(last)):
                multiply(self.scratch, f.number(0), self.packed, f.number(0))

        chosen_panel(f, self.products, filters, columns, use)

    def tile(self, tile: Value, column: Value) -> tuple[Value, Value, Value]:
        """Prepare a tile: where it begins, how many places it has, and cotangents."""
        f, (count0, count1, count2) = self.f, self.count
        image, images, row, height = cut = self.tiles.cut(tile)
        base = self.tiles.base(self.copy, cut)
        sizes = (images, height, count1, count2)
        f.call(self.places, self.rows, *sizes, *self.steps, f.number(0))
        amount = images * height * count1 * count2
        begin = (image * count0 + row) * count1 * count2
        return base, amount, f.at(self.g, begin * self.filters + column, self.kind)

    def pack(self, source: Value, count: Value, columns: Value, wide: int) -> None:
        """A few columns of a matrix, row after row, zeros where there are none."""
        f, kind = self.f, self.kind
        some = columns.minimum(wide)
        with f.loop(count) as row:
            to = f.at(self.packed, row * wide, kind)
            f.copy(to, f.at(source, row * self.filters, kind), some, kind)
            f.clear(f.at(to, some, kind), some * -1 + wide, kind)


def combine_entry(code: Code, kind: str, layout: Layout, whole: str = "size") -> None:
    """The partial sums of the chunks, added in their order.

    `whole` is the word that says how long each is.
    """
    f, words, start, stop = code.entry()
    read = layout.reader(f, words)
    size, partial, chunks = read(whole), read("partial"), read("chunks")
    out, scratch = read("out", "ptr"), read("scratch", "ptr")
    with f.loop(stop, start) as block:
        first = block * 1024
        last = (first + 1024).minimum(size)
        length = last - first
        f.copy(f.at(out, first, kind), f.at(scratch, first, kind), length, kind)
        with f.loop(chunks, 1) as chunk:
            part = f.at(scratch, chunk * partial, kind)
            f.add_into(f.at(out, first, kind), f.at(part, first, kind), length, kind)
