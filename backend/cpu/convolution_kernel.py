"""Native code of the kernel's cotangent: sums of products over all places.

Tiles are summed up in chunks whose number follows from the sizes, and the chunks in
their order: how the work is cut has no influence on the numbers. A task is a chunk and
a strip of panels of filters, which share what is prepared of a tile.
"""

from __future__ import annotations

from functools import cache
from operator import add
from typing import Any, NamedTuple

from .building import BYTES, Code, Entry, Function, Layout, Value, lanes, vector
from .convolution_products import BLOCK, Products, chosen_panel, pack_panel, panel_width
from .convolution_tiles import SHARED, Tiles, claim, offsets_function, release
from .packed_code import block
from .packed_numbers import plain
from .packing_code import HEIGHT, PITCH

KERNEL = Layout(
    f"""source g out scratch chunks strips panels tiles groups slot offsets left partial
    size width filters count0 count1 count2 {SHARED}"""
)
ROWS = 8 * HEIGHT  # of weights whose terms are brought together at a time


def is_wide(width: int, apart: int) -> bool:
    """Whether places so many elements apart push each other out of a cache.

    `width` is how many of them are read together.
    """
    return width >= 24 and apart > 64


@cache
def kernel_entry(
    kind: str, filters: int, width: int, taps: int, groups: int, wide: bool
) -> Entry:
    """Sums of products over chunks of tiles, then the sum of the chunks.

    `filters` and `width`, the channels that each sees, are those of a group; `wide`
    says that channels are brought together first.
    """
    code = Code("convolution_kernel")
    panels_of = Wide if wide else Narrow
    products = panels_of(code, kind, (filters, width, taps), groups)
    f, words, start, stop = code.entry()
    read = KERNEL.reader(f, words)
    slot = claim(f, words, KERNEL, read("slots"))
    chunks, every, strips = read("chunks"), read("tiles"), read("strips")
    task = Task(code, kind, f, words, slot)
    products.prepare(task)
    with f.loop(stop, start) as number:
        chunk, strip = number // strips, number % strips
        tiles = chunk * every // chunks, (chunk + 1) * every // chunks
        panels = strip * task.panels // strips, (strip + 1) * task.panels // strips
        result = f.at(task.scratch, chunk * task.partial, kind)
        task.compute(products, result, tiles, panels)
    release(f, words, KERNEL, slot)
    combine_entry(code, kind, KERNEL)
    return code.finished()


class Task:
    """The sums of a chunk for a strip of panels, and the memory that they need."""

    def __init__(self, code: Code, kind: str, f: Function, words: Value, slot: Value):
        read = KERNEL.reader(f, words)
        self.f, self.kind = f, kind
        self.tiles, self.places = Tiles(code, kind, f, read), offsets_function(code)
        self.step = panel_width() * lanes(kind)
        self.width, self.taps, self.filters = (
            read(name) for name in ("width", "taps", "filters")
        )
        self.groups, self.panels = read("groups"), read("panels")
        self.partial, self.size = read("partial"), read("size")
        self.g, self.scratch = read("g", "ptr"), read("scratch", "ptr")
        self.outer = self.filters // self.groups
        self.tap_places = f.at(words, self.taps + KERNEL.end, "i64")
        start = self.partial * read("chunks") * BYTES[kind] + slot * read("slot")
        self.terms = f.at(self.scratch, start, "i8")
        self.targets = f.at(self.terms, read("offsets"), "i8")
        self.rows = f.at(self.targets, read("offsets"), "i8")
        self.copy = f.at(self.rows, read("table"), "i8")
        self.left = f.at(self.copy, read("slab"), "i8")
        self.right = f.at(self.left, read("left"), "i8")
        self.count = [read(f"count{axis}") for axis in range(3)]
        names = ("image_pitch", "row0", "row1", "row2")
        self.steps = [read(name) for name in names]

    def compute(
        self,
        products: Narrow | Wide,
        result: Value,
        tiles: tuple[Value, Value],
        panels: tuple[Value, Value],
    ) -> None:
        """Add up tiles, group by group of filters."""
        f, (first, last), (begin, end) = self.f, tiles, panels
        each = self.panels // self.groups
        with f.loop(last, first) as tile:
            base, amount, g = self.tile(tile)
            with f.loop((end + (each - 1)) // each, begin // each) as group:
                low = begin.maximum(group * each) - group * each
                high = end.minimum((group + 1) * each) - group * each
                column = group * self.outer + low * self.step
                columns = self.outer - low * self.step
                part = Part(
                    f.at(base, group * self.width, self.kind),
                    f.at(g, column, self.kind),
                    columns.minimum((high - low) * self.step),
                    f.at(result, column, self.kind),
                    amount,
                    tile - first,
                )
                products.add(self, part)
        with f.when(first.equals(last)):
            f.clear(result, self.size, self.kind)

    def tile(self, tile: Value) -> tuple[Value, Value, Value]:
        """Prepare a tile: where it begins, how many places it has, and cotangents."""
        f, (count0, count1, count2) = self.f, self.count
        image, images, row, height = cut = self.tiles.cut(tile)
        base = self.tiles.base(self.copy, cut)
        sizes = (images, height, count1, count2)
        f.call(self.places, self.rows, *sizes, *self.steps, f.number(0))
        amount = images * height * count1 * count2
        begin = (image * count0 + row) * count1 * count2
        return base, amount, f.at(self.g, begin * self.filters, self.kind)


class Part(NamedTuple):
    """What a tile adds to the sums of some filters of a group."""

    left: Value  # where the windows of its places begin
    right: Value  # their cotangents
    columns: Value  # of these
    result: Value
    amount: Value  # of places
    more: Value  # whether there are sums already


class Panels:
    """What multiplies panels of filters, and the copies of cotangents for them."""

    def __init__(self, code: Code, kind: str, filters: int, groups: int):
        self.code, self.kind, self.filters = code, kind, filters
        self.lane = lanes(kind)
        self.dense = groups == 1 and filters in (self.lane, panel_width() * self.lane)
        self.packs: dict[int, Function] = {}

    def each(self, task: Task, columns: Value, use: Any) -> None:
        """Call `use(column, vectors, masked, columns left)` for each panel."""
        f = task.f
        with f.loop(columns, 0, task.step) as column:
            left = columns - column

            def chosen(vectors: int, masked: bool) -> None:
                use(column, vectors, masked, left)

            chosen_panel(f, self.filters, self.lane, left, chosen)

    def pack(
        self, task: Task, target: Value, source: Value, amount: Value, *panel: Any
    ) -> Value:
        """Where the cotangents of a panel lie side by side."""
        vectors, masked, left = panel
        if self.dense:
            return source
        if vectors not in self.packs:
            self.packs[vectors] = pack_panel(self.code, self.kind, vectors, masked)
        task.f.call(self.packs[vectors], target, source, task.filters, amount, left)
        return target


class Narrow(Panels):
    """Products that read the input where it lies: the channels of a place are few."""

    def __init__(self, code: Code, kind: str, sides: tuple[int, int, int], groups: int):
        filters, width, taps = sides
        super().__init__(code, kind, filters, groups)
        self.products = Products(code, kind, width * taps)

    def prepare(self, task: Task) -> None:
        """Fill tables of where each weight looks, and where its sum goes."""
        f, width, depth = task.f, task.width, task.taps * task.width
        with f.loop(task.taps) as t, f.loop(width) as i:
            k = t * width + i
            f.store(f.load(task.tap_places, t, "i64") + i, task.terms, k, "i64")
            f.store(k * task.filters, task.targets, k, "i64")
        with f.loop(BLOCK) as k:
            last = f.load(task.terms, depth - 1, "i64")
            f.store(last, task.terms, depth + k, "i64")
            f.store((depth - 1) * task.filters, task.targets, depth + k, "i64")

    def add(self, task: Task, part: Part) -> None:
        """Add up the products of a part."""
        f, kind = task.f, task.kind
        left, source, columns, result, amount, more = part
        rows = left, task.terms, task.taps * task.width, task.rows, amount

        def use(column: Value, vectors: int, masked: bool, rest: Value) -> None:
            at, to = f.at(source, column, kind), f.at(result, column, kind)
            panel = self.pack(task, task.right, at, amount, vectors, masked, rest)
            product = self.products(vectors, masked)
            f.call(product, *rows, panel, to, task.targets, more, rest)

        self.each(task, columns, use)


class Wide(Panels):
    """Products that bring a few channels of all places together first."""

    def __init__(self, code: Code, kind: str, sides: tuple[int, int, int], groups: int):
        super().__init__(code, kind, sides[0], groups)
        self.pack_left = _pack_channels(code, kind)
        self.blocks: dict[int, Function] = {}

    def prepare(self, task: Task) -> None:
        """Nothing."""

    def add(self, task: Task, part: Part) -> None:
        """Add up the products of a part."""
        f, kind = task.f, task.kind
        left, source, columns, result, amount, more = part
        packed = task.left, f.number(1), f.number(PITCH), amount * PITCH

        def pack(column: Value, vectors: int, masked: bool, rest: Value) -> None:
            at, to = f.at(source, column, kind), f.at(task.right, column * amount, kind)
            self.pack(task, to, at, amount, vectors, masked, rest)

        if not self.dense:
            self.each(task, columns, pack)
        with f.loop(task.taps) as tap, f.loop(task.width, 0, ROWS) as first:
            beyond = task.width - first
            rows = beyond.minimum(ROWS)
            begin = f.at(left, f.load(task.tap_places, tap, "i64") + first, kind)
            f.call(self.pack_left, task.left, begin, task.rows, rows, amount, beyond)
            row = f.at(result, (tap * task.width + first) * task.filters, kind)

            def use(column: Value, vectors: int, masked: bool, rest: Value) -> None:
                if vectors not in self.blocks:
                    self.blocks[vectors] = block(self.code, plain(kind), vectors)
                panel = f.at(task.right, column * amount, kind)
                panel = source if self.dense else panel
                pitch = f.number(vectors * self.lane)
                ends = task.filters, rows, amount, more, rest
                to = f.at(row, column, kind)
                f.call(self.blocks[vectors], *packed, panel, pitch, to, *ends)

            self.each(task, columns, use)


def _pack_channels(code: Code, kind: str) -> Function:
    """Few channels at a time, those of a place side by side, place after place.

    Arguments: target, source, offsets of the places, channels, places, channels up to
    the last one of a place.
    """
    f = code.helper("pack_channels", ["ptr", "ptr", "ptr", *["i64"] * 3])
    target, source, places, rows, amount, beyond = f.arguments
    wide = vector(kind, PITCH)
    with f.loop(rows, 0, HEIGHT) as row:
        to = f.at(target, row // HEIGHT * PITCH * amount, kind)
        at, left = f.at(source, row, kind), beyond - row
        with f.when(left >= PITCH), f.loop(amount) as k:
            some = f.load(f.at(at, f.load(places, k, "i64"), kind), 0, kind, wide)
            f.store(some, to, k * PITCH, kind)
        mask = f.steps("i64", PITCH) < f.splat(left, PITCH)
        with f.when(left < PITCH), f.loop(amount) as k:
            here = f.at(at, f.load(places, k, "i64"), kind)
            f.store(f.masked_load(here, mask, wide), to, k * PITCH, kind)
    return f


def combine_entry(code: Code, kind: str, layout: Layout, whole: str = "size") -> None:
    """The partial sums of the chunks, added in their order.

    `whole` is the word that says how long each is.
    """
    f, words, start, stop = code.entry()
    read = layout.reader(f, words)
    size, partial, chunks = read(whole), read("partial"), read("chunks")
    out, scratch = read("out", "ptr"), read("scratch", "ptr")
    with f.loop(stop, start) as number:
        first = number * 1024
        last = (first + 1024).minimum(size)
        length = last - first
        f.copy(f.at(out, first, kind), f.at(scratch, first, kind), length, kind)
        with f.loop(chunks, 1) as chunk:
            part = f.at(scratch, chunk * partial, kind)
            f.join_into(
                f.at(out, first, kind), f.at(part, first, kind), length, kind, add
            )
