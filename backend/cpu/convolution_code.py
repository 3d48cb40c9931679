"""Native code of convolution, forwards and back to the input."""

from __future__ import annotations

from functools import cache
from typing import Any

from .building import Code, Entry, Function, Layout, Value
from .convolution_products import Products, each_panel, panel_width
from .convolution_tiles import SHARED, Tiles, claim, offsets_function, release

DEPTH = 512  # terms of a sum whose panel stays in the cache
PRODUCT = Layout(
    f"""source kernel out scratch packed slot offsets groups inner outer tap_stride
    group_stride inner_stride outer_stride lattices out_image out0 out1 out2 {SHARED}"""
)


@cache
def product_entry(kind: str, filters: int) -> Entry:
    """Packing of the kernel, then the product over tiles of places."""
    code = Code("convolution")
    products, places = Products(code, kind), offsets_function(code)
    _pack_entry(code, products)
    f, words, start, stop = code.entry()
    read = PRODUCT.reader(f, words)
    writer = Writer(f, products, filters, read)
    slot = claim(f, words, PRODUCT, read("slots"))
    tables = writer.tables(slot)
    rows, targets, copy = tables
    tap_places = f.at(words, writer.taps + PRODUCT.end, "i64")
    lattices = f.at(words, writer.taps * 2 + PRODUCT.end, "i64")
    inner, lattice_count = writer.inner, read("lattices")
    with f.loop(writer.taps) as t, f.loop(inner) as i:
        f.store(f.load(tap_places, t, "i64") + i, writer.terms, t * inner + i, "i64")
    tiles = Tiles(code, kind, f, read)
    steps = [read(name) for name in ("image_pitch", "row0", "row1", "row2")]
    ways = [read(name) for name in ("out_image", "out0", "out1", "out2")]
    with f.loop(stop, start) as tile:
        image, images, row, height = cut = tiles.cut(tile)
        base = tiles.base(copy, cut)
        with f.loop(lattice_count) as which:
            lattice = f.at(lattices, which * 6, "i64")
            first, count, n0, n1, n2, begin = (
                f.load(lattice, n, "i64") for n in range(6)
            )
            present = ((row + height).minimum(n0) - row).maximum(0)
            sizes = [images, present, n1, n2]
            origin = begin + image * ways[0] + row * ways[1]
            f.call(places, rows, *sizes, *steps, f.number(0))
            f.call(places, targets, *sizes, *ways, origin)
            amount = images * present * n1 * n2
            writer.multiply(base, (rows, targets, amount), first, count)
    release(f, words, PRODUCT, slot)
    return code.finished()


class Writer:
    """What the products of a tile read, and the code that calls them."""

    def __init__(self, f: Function, products: Products, filters: int, read: Any):
        self.f, self.products, self.filters, self.read = f, products, filters, read
        self.inner, self.outer = read("inner"), read("outer")
        self.groups, self.taps = read("groups"), read("taps")
        self.scratch, self.out = read("scratch", "ptr"), read("out", "ptr")
        self.vectors = (self.outer + (products.lane - 1)) // products.lane
        self.terms = self.scratch

    def tables(self, slot: Value) -> tuple[Value, Value, Value]:
        """Scratch memory: offsets of rows, of results, and the padded copy."""
        f, read = self.f, self.read
        start = read("packed") + slot * read("slot")
        self.terms = f.at(self.scratch, start, "i8")
        rows = f.at(self.terms, read("offsets"), "i8")
        targets = f.at(rows, read("table"), "i8")
        return rows, targets, f.at(targets, read("table"), "i8")

    def multiply(
        self, base: Value, places: tuple[Value, Value, Value], first: Value, taps: Value
    ) -> None:
        """All products of places that see the same taps, from the first one on."""
        f, kind, lane = self.f, self.products.kind, self.products.lane
        inner, (rows, targets, amount) = self.inner, places
        depth = taps * inner
        terms = f.at(self.terms, first * inner, "i64")
        with f.loop(self.groups) as group:
            left = f.at(base, group * inner, kind)
            panels = group * self.vectors

            def use(product: Function, wide: int, at: Value, columns: Value) -> None:
                width = wide * lane
                start = (panels + at) * self.taps * inner * lane
                panel = f.at(self.scratch, start + first * inner * width, kind)
                column = f.at(self.out, group * self.outer + at * lane, kind)
                # Without a tap the results are still to be written.
                with f.loop(depth.maximum(1), 0, DEPTH) as k:
                    part, more = (depth - k).minimum(DEPTH), k
                    some, weights = f.at(terms, k, "i64"), f.at(panel, k * width, kind)
                    left_side = (left, rows, amount, some, part)
                    f.call(product, *left_side, weights, column, targets, more, columns)

            each_panel(f, self.products, self.filters, self.outer, use)


def _pack_entry(code: Code, products: Products) -> None:
    """The kernel as panels: for each, one row after the other of a few vectors."""
    f, words, start, stop = code.entry()
    read, kind, lane = PRODUCT.reader(f, words), products.kind, products.lane
    inner, outer, taps = read("inner"), read("outer"), read("taps")
    step_inner, step_outer = read("inner_stride"), read("outer_stride")
    kernel, packed = read("kernel", "ptr"), read("scratch", "ptr")
    vectors, most = (outer + (lane - 1)) // lane, panel_width()
    group_stride, tap_stride = read("group_stride"), read("tap_stride")
    depth = taps * inner
    with f.loop(stop, start) as row:
        group, tap = row // taps, row % taps
        number = f.load(words, tap + PRODUCT.end, "i64")
        source = f.at(kernel, number * tap_stride + group * group_stride, kind)
        with f.loop(vectors, 0, most) as first:
            wide = (vectors - first).minimum(most) * lane
            target = f.at(packed, (group * vectors + first) * depth * lane, kind)
            target = f.at(target, tap * inner * wide, kind)
            origin = f.at(source, first * lane * step_outer, kind)
            some = (outer - first * lane).minimum(wide)
            with f.loop(inner) as i:
                to = f.at(target, i * wide, kind)
                at = f.at(origin, i * step_inner, kind)
                with f.when(step_outer.equals(1)):
                    f.copy(to, at, some, kind)
                with f.when(step_outer.differs(1)), f.loop(some) as n:
                    f.store(f.load(at, n * step_outer, kind), to, n, kind)
                f.clear(f.at(to, some, kind), wide - some, kind)
