"""Native code of convolution, forwards and back to the input."""

from __future__ import annotations

from functools import cache
from typing import Any

from .building import Code, Entry, Function, Layout, Value, lanes, vector
from .convolution_few import Packing, few_function, few_packing, is_few, padded
from .convolution_follow import Tail
from .convolution_products import Products, each_panel, panel_width
from .convolution_tiles import (
    SHARED,
    TAIL,
    Lattices,
    Tiles,
    claim,
    offsets_function,
    release,
)
from .packing_code import turned

DEPTH = 512  # terms of a sum whose panel stays in the cache
RUNS = (4, 2, 1)  # terms of a tap that are taken together
TOGETHER = 4  # panels are packed together: lines of memory that lie side by side
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
    run = next(n for n in RUNS if terms % n == 0)
    products, places = Products(code, kind, run=run), offsets_function(code)
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
    lattices_at = f.at(words, writer.taps * 2 + PRODUCT.end, "i64")
    inner = writer.inner
    with f.loop(writer.taps) as t, f.loop(inner) as i:
        f.store(f.load(tap_places, t, "i64") + i, writer.terms, t * inner + i, "i64")
    tiles, tail = Tiles(code, kind, f, read), Tail(code, f, kind, slot, words, read)
    lattices = Lattices(f, places, lattices_at, read, rows, targets)
    with f.loop(stop, start) as tile:
        cut = tiles.cut(tile)
        base = tiles.base(copy, cut)
        with lattices.each(cut) as (first, count, begin, amount):
            writer.out = tail.target(begin, cut.image, cut.row)
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


def pack_units(outer: int, kind: str) -> int:
    """How many units of work the packing of a tap of a group is."""
    return -(-outer // (TOGETHER * panel_width() * lanes(kind)))


def _pack_entry(code: Code, products: Products, known: tuple[int, int]) -> None:
    """The kernel as panels: for each, one row after the other of a few vectors."""
    f, words, start, stop = code.entry()
    read, kind = PRODUCT.reader(f, words), products.kind
    outer, taps = read("outer"), read("taps")
    step_inner, step_outer = read("inner_stride"), read("outer_stride")
    kernel, packed = read("kernel", "ptr"), read("scratch", "ptr")
    group_stride, tap_stride = read("group_stride"), read("tap_stride")
    few = is_few(*known, kind)
    parts = 1 if few else pack_units(known[0], kind)
    pack = None if few else Packer(f, products, read)
    with f.loop(stop, start) as unit:
        row, part = unit // parts, unit % parts
        group, tap = row // taps, row % taps
        number = f.load(words, tap + PRODUCT.end, "i64")
        source = f.at(kernel, number * tap_stride + group * group_stride, kind)
        if pack is None:
            pitch = taps * padded(known[1], kind)
            begin = group * outer * pitch + tap * padded(known[1], kind)
            target = f.at(packed, begin, kind)
            place = Packing(source, step_inner, step_outer, target, pitch)
            few_packing(f, kind, *known, place)
        else:
            pack.panels(source, f.at(packed, 0, kind), (group, tap, part))


class Packer:
    """The code that packs a few panels of a tap."""

    def __init__(self, f: Function, products: Products, read: Any):
        self.f, self.kind, self.lane = f, products.kind, products.lane
        self.inner, self.outer, self.taps = (
            read(name) for name in ("inner", "outer", "taps")
        )
        self.step_inner, self.step_outer = read("inner_stride"), read("outer_stride")
        self.vectors = (self.outer + (self.lane - 1)) // self.lane
        self.whole = vector(self.kind, self.lane)

    def panels(self, source: Value, packed: Value, place: Any) -> None:
        """Panels whose rows lie side by side, or whose columns do."""
        f, (group, tap, part), most = self.f, place, panel_width()
        first = part * (TOGETHER * most)
        last = (first + TOGETHER * most).minimum(self.vectors)

        def target(panel: Value) -> tuple[Value, Value]:
            wide = (self.vectors - panel).minimum(most) * self.lane
            begin = (group * self.vectors + panel) * self.taps * self.inner * self.lane
            return f.at(packed, begin + tap * self.inner * wide, self.kind), wide

        with f.when(self.step_outer.equals(1)), f.loop(self.inner) as i:
            row = f.at(source, i * self.step_inner, self.kind)
            with f.loop(last, first, most) as panel:
                to, wide = target(panel)
                self._row(row, panel * self.lane, f.at(to, i * wide, self.kind), wide)
        with f.when(self.step_outer.differs(1)), f.loop(last, first) as number:
            panel = number // most * most
            to, wide = target(panel)
            to = f.at(to, (number - panel) * self.lane, self.kind)
            self._columns(source, number * self.lane, to, wide)

    def _row(self, row: Value, column: Value, to: Value, wide: Value) -> None:
        """A row of a panel, with zeros beside the last column."""
        f, left = self.f, self.outer - column
        at, most = f.at(row, column, self.kind), panel_width()
        full = left >= most * self.lane
        with f.when(full):
            for start in range(0, most * self.lane, self.lane):
                f.store(f.load(at, start, self.kind, self.whole), to, start, self.kind)
        for start in range(0, most * self.lane, self.lane):
            with f.when(~full & (wide > start)):
                mask = f.steps("i64", self.lane) < f.splat(left - start, self.lane)
                some = f.masked_load(f.at(at, start, self.kind), mask, self.whole)
                f.store(some, to, start, self.kind)

    def _columns(self, source: Value, first: Value, to: Value, wide: Value) -> None:
        """A vector of columns: squares of them turned, what is left one by one.

        What stands beside the last column is of no account.
        """
        f, kind, lane = self.f, self.kind, self.lane
        columns = [(first + n).minimum(self.outer - 1) for n in range(lane)]
        bases = [f.at(source, column * self.step_outer, kind) for column in columns]
        whole = self.step_inner.equals(1).where(self.inner // lane * lane, 0)
        with f.loop(whole, 0, lane) as i:
            rows = turned(f, [f.load(base, i, kind, self.whole) for base in bases])
            for n, row in enumerate(rows):
                f.store(row, to, (i + n) * wide, kind)
        with f.loop(self.inner, whole) as i:
            for n, base in enumerate(bases):
                f.store(f.load(base, i * self.step_inner, kind), to, i * wide + n, kind)
