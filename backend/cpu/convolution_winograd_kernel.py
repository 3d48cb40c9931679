"""The cotangent of 3×3 filters with fewer multiplications, as `convolution_winograd`.

Sums of a block's inputs times sums of its cotangents are added up in 16 matrices over
all blocks, and nine sums of these are the weights' cotangents. Chunks of tiles are
summed up on their own, and then in their order, however the work is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from .building import BYTES, Code, Entry, Function, Layout, Value, lanes, vector
from .convolution_products import panel_width
from .convolution_tiles import SHARED, Tiles, claim, release
from .convolution_winograd import (
    APART,
    PARTS,
    SIDE,
    TABLES,
    Four,
    both,
    each_panel,
    fill,
    places_of,
    spread_function,
    ways,
)
from .packed_code import block
from .packed_numbers import plain
from .packing_code import HEIGHT
from .special_base import rounded

WINOGRAD_KERNEL = Layout(
    f"""source g out scratch chunks strips panels tiles slot partial inner outer
    together pitch left right result columns gap0 gap2 out_image
    out0 out2 {SHARED}"""
)
BLOCKS = 11 * HEIGHT  # that are added up together
CHANNELS = 64  # whose sums are made together
COLUMNS = 64  # filters of a strip, at most


class Sides:
    """How far apart matrices of inputs, cotangents and results lie, in elements."""

    def __init__(self, kind: str, outer: int, inner: int):
        self.kind, self.outer, self.inner = kind, outer, inner
        step, apart = panel_width() * lanes(kind), APART // BYTES[kind]
        self.together = min(inner, CHANNELS)
        self.pitch = self.together + apart
        self.left = BLOCKS * self.pitch + apart
        self.panels = -(-outer // step)
        self.most = max(1, COLUMNS // step)  # panels of a strip
        self.right = BLOCKS * step * min(self.panels, self.most) + apart
        self.result = inner * outer + apart

    def words(self) -> dict[str, int]:
        """The words that say so."""
        names = "inner outer together pitch left right result panels"
        return {name: getattr(self, name) for name in names.split()}

    def bytes_of(self, part: int) -> int:
        """The bytes of all matrices that lie so far apart."""
        return rounded(PARTS * part * BYTES[self.kind])


@cache
def winograd_kernel_entry(kind: str, vectors: tuple[int, ...]) -> Entry:
    """Sums over chunks of tiles, then the sums of the chunks.

    Panels have so many `vectors` of filters; channels and filters are whole vectors.
    """
    code = Code("winograd_kernel")
    functions = Functions(
        spread_function(code, kind),
        _cotangents_function(code, kind),
        _add_function(code, kind, vectors),
    )
    f, words, start, stop = code.entry()
    read = WINOGRAD_KERNEL.reader(f, words)
    slot = claim(f, words, WINOGRAD_KERNEL, read("slots"))
    chunks, every, count = read("chunks"), read("tiles"), read("strips")
    partial, step = read("partial"), panel_width() * lanes(kind)
    task = Task(code, kind, f, words, slot)
    with f.loop(stop, start) as number:
        chunk, strip = number // count, number % count
        first, last = chunk * every // chunks, (chunk + 1) * every // chunks
        low = strip * read("panels") // count * step
        high = ((strip + 1) * read("panels") // count * step).minimum(read("outer"))
        result = f.at(read("scratch", "ptr"), chunk * partial, kind)
        with f.loop(last, first) as tile:
            task.add(functions, result, tile, tile - first, (low, high))
        with f.when(first.equals(last)):
            f.clear(result, partial, kind)
    release(f, words, WINOGRAD_KERNEL, slot)
    _combine_entry(code, kind)
    return code.finished()


class Functions(NamedTuple):
    """What makes sums of inputs and of cotangents, and adds up their products."""

    spread: Function
    cotangents: Function
    add: Function


class Task:
    """The code that adds up tiles, and the memory that a thread needs for it."""

    def __init__(self, code: Code, kind: str, f: Function, words: Value, slot: Value):
        self.f, self.kind, self.words = f, kind, words
        self.read = read = WINOGRAD_KERNEL.reader(f, words)
        begin = read("partial") * read("chunks") * BYTES[kind] + slot * read("slot")
        memory, table = f.at(read("scratch", "ptr"), begin, "i8"), read("table")
        self.tables = [f.at(memory, table * n, "i8") for n in range(TABLES)]
        self.copy = f.at(memory, table * TABLES, "i8")
        self.left = f.at(self.copy, read("slab"), "i8")
        self.right = f.at(self.left, read("left") * (PARTS * BYTES[kind]), "i8")
        self.tiles = Tiles(code, kind, f, read)

    def add(
        self,
        functions: Functions,
        result: Value,
        tile: Value,
        before: Value,
        columns: tuple[Value, Value],
    ) -> None:
        """Add a tile to the sums of some filters; how many tiles were added before."""
        f, read, kind, words = self.f, self.read, self.kind, self.words
        image, images, row, height = cut = self.tiles.cut(tile)
        base = self.tiles.base(self.copy, cut)
        amount = fill(f, read, self.tables, images, height)
        place = image * read("out_image") + row * read("out0")
        g, inner = f.at(read("g", "ptr"), place, kind), read("inner")
        with f.loop(amount, 0, BLOCKS) as one:
            count = (amount - one).minimum(BLOCKS)
            rows, targets, edges = (f.at(each, one, "i64") for each in self.tables)
            ways = g, targets, edges, count, *columns, self.right
            f.call(functions.cotangents, words, *ways)
            with f.loop(inner, 0, read("together")) as channel:
                some = (inner - channel).minimum(read("together"))
                steps = read("row0") * read("gap0"), inner * read("gap2")
                seen = f.at(base, channel, kind), rows, count, *steps
                matrices = self.left, read("pitch"), read("left")
                f.call(functions.spread, *seen, *matrices, some)
                to = f.at(result, channel * read("outer"), kind)
                ends = to, some, count, before | one, *columns
                f.call(functions.add, words, self.left, self.right, *ends)


def _turned(g: Sequence[Value]) -> list[Value]:
    return [g[0], g[0] + g[1], g[0] - g[1], 0.0 - g[1]]


def _weights(u: Four) -> list[Value]:
    even, odd = (u[1] + u[2]) * 0.5, (u[1] - u[2]) * 0.5
    return [u[0] + even, odd, even + u[3]]


def _cotangents_function(code: Code, kind: str) -> Function:
    """The sums of cotangents as panels, for each matrix one after the other.

    Arguments: the words, cotangents, where those of each block begin, edges, the count
    of blocks, the first filter and the one behind the last, matrices.
    """
    kinds = ["ptr", "ptr", "ptr", "ptr", *["i64"] * 3, "ptr"]
    f = code.helper("cotangents", kinds)
    words, g, targets, edges, count, low, high, matrices = f.arguments
    read, lane = WINOGRAD_KERNEL.reader(f, words), lanes(kind)
    step, whole = panel_width() * lane, vector(kind, lane)
    zero, apart = f.number(0.0, whole), read("right")
    down, right = ways(read)
    with f.loop(high, low, step) as panel:
        width = (high - panel).minimum(step)
        to = f.at(matrices, (panel - low) * BLOCKS, kind)
        with f.loop(count) as number:
            begin = f.load(targets, number, "i64") + panel
            places = places_of(f, f.load(edges, number, "i64"), down, right)
            with f.loop(width, 0, lane) as column:
                values = []
                for place, there in places:
                    at = begin + column + there.where(place, 0)
                    values.append(there.where(f.load(g, at, kind, whole), zero))
                at = f.at(to, number * width + column, kind)
                for n, value in enumerate(both(values, 2, _turned)):
                    f.store(value, at, apart * n, kind)
    return f


def _add_function(code: Code, kind: str, vectors: Sequence[int]) -> Function:
    """Products of the sums of blocks, added up in the matrices of the result.

    Arguments: the words, sums of inputs, of cotangents, results, channels, blocks,
    whether there are results already, the first filter and the one behind the last.
    """
    products = {wide: block(code, plain(kind), wide) for wide in vectors}
    f = code.helper("add", ["ptr", "ptr", "ptr", "ptr", *["i64"] * 5])
    words, left, right, result, channels, count, more, low, high = f.arguments
    read, lane = WINOGRAD_KERNEL.reader(f, words), lanes(kind)
    steps = f.number(1), read("pitch"), f.number(HEIGHT)
    with f.loop(PARTS) as part:
        one = f.at(left, part * read("left"), kind)

        def use(wide: int, column: Value) -> None:
            start = part * read("right") + (column - low) * BLOCKS
            other, width = f.at(right, start, kind), f.number(wide * lane)
            to = f.at(result, part * read("result") + column, kind)
            ends = read("outer"), channels, count, more, width
            f.call(products[wide], one, *steps, other, width, to, *ends)

        each_panel(f, kind, vectors, (low, high), use)
    return f


def _combine_entry(code: Code, kind: str) -> None:
    """The sums of the chunks in their order, and the weights' cotangents of them."""
    f, words, start, stop = code.entry()
    read, lane = WINOGRAD_KERNEL.reader(f, words), lanes(kind)
    whole, apart = vector(kind, lane), read("result")
    scratch, out = read("scratch", "ptr"), read("out", "ptr")
    with f.loop(stop, start) as number:
        place = number * lane
        source, target = f.at(scratch, place, kind), f.at(out, place, kind)
        totals = [
            f.variable(f.load(source, apart * n, kind, whole)) for n in range(PARTS)
        ]
        with f.loop(read("chunks"), 1) as chunk:
            more = f.at(source, chunk * read("partial"), kind)
            for n, total in enumerate(totals):
                total.set(total.get() + f.load(more, apart * n, kind, whole))
        sums = [total.get() for total in totals]
        for tap, value in enumerate(both(sums, SIDE, _weights)):
            f.store(value, target, read("inner") * read("outer") * tap, kind)
