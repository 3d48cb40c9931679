"""Native code of convolution, forwards and back to the input."""

from __future__ import annotations

from functools import cache
from typing import Any

from .building import Code, Entry, Function, Layout, Value
from .convolution_few import Packing, few_function, few_packing, is_few, padded
from .convolution_follow import Tail
from .convolution_products import Products, each_panel, panel_width
from .convolution_tiles import SHARED, TAIL, Tiles, claim, offsets_function, release

DEPTH = 512  # terms of a sum whose panel stays in the cache
PRODUCT = Layout(
    f"""source kernel out scratch packed slot offsets groups inner outer tap_stride
    group_stride inner_stride outer_stride lattices out_image out0 out1 out2 {TAIL}
    {SHARED}"""
)


@cache
def product_entry(kind: str, filters: int, terms: int) -> Entry:
    """Packing of the kernel, then the product over tiles of places.

    `filters` are the results of a group at a place, `terms` what a tap adds to each.
    """
    code = Code("convolution")
    products, places = Products(code, kind), offsets_function(code)
    known = filters, terms
    _pack_entry(code, products, known)
    f, words, start, stop = code.entry()
    read = PRODUCT.reader(f, words)
    writer = Writer(f, products, known, read)
    if is_few(*known, kind):
        writer.few = few_function(code, kind, *known)
    slot = claim(f, words, PRODUCT, read("slots"))
    tables = writer.tables(slot)
    rows, targets, copy = tables
    tap_places = f.at(words, writer.taps + PRODUCT.end, "i64")
    writer.tap_places = tap_places
    lattices = f.at(words, writer.taps * 2 + PRODUCT.end, "i64")
    inner, lattice_count = writer.inner, read("lattices")
    with f.loop(writer.taps) as t, f.loop(inner) as i:
        f.store(f.load(tap_places, t, "i64") + i, writer.terms, t * inner + i, "i64")
    tiles, tail = Tiles(code, kind, f, read), Tail(code, f, kind, slot, read)
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
            f.call(places, rows, *sizes, *steps, f.number(0))
            f.call(places, targets, *sizes, *ways, f.number(0))
            amount = images * present * n1 * n2
            writer.out = tail.target(begin, image, row)
            writer.multiply(base, (rows, targets, amount), first, count)
        tail.follow(cut)
    release(f, words, PRODUCT, slot)
    return code.finished()


class Writer:
    """What the products of a tile read, and the code that calls them."""

    few: Function | None = None  # for few results, instead of products

    def __init__(
        self, f: Function, products: Products, known: tuple[int, int], read: Any
    ):
        self.f, self.products, self.known, self.read = f, products, known, read
        self.inner, self.outer = read("inner"), read("outer")
        self.groups, self.taps = read("groups"), read("taps")
        self.scratch = self.out = read("scratch", "ptr")
        self.vectors = (self.outer + (products.lane - 1)) // products.lane
        self.terms = self.tap_places = self.scratch

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
        if self.few is not None:
            self._few(self.few, base, places, first, taps)
            return
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

            each_panel(f, self.products, self.known[0], self.outer, use)

    def _few(
        self, few: Function, base: Value, places: Any, first: Value, taps: Value
    ) -> None:
        """The sums of few results."""
        f, kind = self.f, self.products.kind
        rows, targets, amount = places
        wide = padded(self.known[1], kind)
        pitch = self.taps * wide
        offsets = f.at(self.tap_places, first, "i64")
        with f.loop(self.groups) as group:
            left = f.at(base, group * self.inner, kind)
            start = group * self.outer * pitch + first * wide
            weights = f.at(self.scratch, start, kind)
            column = f.at(self.out, group * self.outer, kind)
            seen = (left, rows, amount, offsets, taps)
            f.call(few, *seen, weights, pitch, column, targets)


def _pack_entry(code: Code, products: Products, known: tuple[int, int]) -> None:
    """The kernel as panels: for each, one row after the other of a few vectors."""
    f, words, start, stop = code.entry()
    read, kind = PRODUCT.reader(f, words), products.kind
    inner, outer, taps = read("inner"), read("outer"), read("taps")
    step_inner, step_outer = read("inner_stride"), read("outer_stride")
    kernel, packed = read("kernel", "ptr"), read("scratch", "ptr")
    group_stride, tap_stride = read("group_stride"), read("tap_stride")
    with f.loop(stop, start) as row:
        group, tap = row // taps, row % taps
        number = f.load(words, tap + PRODUCT.end, "i64")
        source = f.at(kernel, number * tap_stride + group * group_stride, kind)
        if is_few(*known, kind):
            pitch = taps * padded(known[1], kind)
            begin = group * outer * pitch + tap * padded(known[1], kind)
            target = f.at(packed, begin, kind)
            place = Packing(source, step_inner, step_outer, target, pitch)
            few_packing(f, kind, *known, place)
        else:
            ends = (inner, outer, step_inner, step_outer)
            _pack_panels(f, products, source, (packed, group, tap, taps), ends)


def _pack_panels(
    f: Function, products: Products, source: Value, where: Any, ends: Any
) -> None:
    """The rows of one tap in all panels."""
    packed, group, tap, taps = where
    inner, outer, step_inner, step_outer = ends
    kind, lane, most = products.kind, products.lane, panel_width()
    vectors = (outer + (lane - 1)) // lane
    with f.loop(vectors, 0, most) as first:
        wide = (vectors - first).minimum(most) * lane
        target = f.at(packed, (group * vectors + first) * taps * inner * lane, kind)
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
