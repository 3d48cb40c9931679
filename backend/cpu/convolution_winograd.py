"""Convolution by 3×3 filters with fewer multiplications: Winograd's F(2×2, 3×3).

Four results of a filter, two by two, take 16 products for each channel instead of 36:
of 4×4 inputs and 3×3 weights, both turned into sums first. The products of all channels
are those of 16 matrices, and sums of them are the results. Blocks of results lie two by
two from the first row and column on, however places are cut into tiles; with dilation
the rows and columns of a block are as far apart as its taps.

Where such a sum is not finite, as beside an infinite input, four results are computed
as the sums that they are: no result shows what its own window does not see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from .building import BYTES, Code, Entry, Function, Layout, Value, lanes, vector
from .convolution_few import folded
from .convolution_follow import Tail
from .convolution_geometry import first_of_pair
from .convolution_products import panel_width
from .convolution_tiles import SHARED, TAIL, Tiles, claim, release
from .packed_code import block
from .packed_numbers import plain
from .packing_code import HEIGHT, turned
from .special_base import rounded

WINOGRAD = Layout(
    f"""source kernel out scratch packed slot tap_stride inner_stride outer_stride inner
    outer blocks weights left sums columns gap0 gap2 out_image out0 out1 out2 {TAIL}
    {SHARED}"""
)
SIDE = 4  # of a block of inputs
PARTS = SIDE * SIDE  # matrices
TAPS = 9
DEPTH = 256  # terms of a sum whose panel stays in the cache
APART = 64  # bytes between matrices, which would push each other out of a cache
MEMORY = 1 << 12  # channels of blocks that are computed together, roughly
RIGHT, BELOW = 1, 2  # what a block at an edge does not have
TABLES = 3  # of blocks: where they begin, where their results go, and their edges
Four = Sequence[Value]


class Sizes:
    """How far apart matrices lie, in elements, and how many blocks they are of."""

    def __init__(self, kind: str, outer: int, inner: int):
        self.kind, self.outer, self.inner = kind, outer, inner
        wanted = max(4 * HEIGHT, min(11 * HEIGHT, MEMORY // inner))
        self.blocks, apart = wanted // HEIGHT * HEIGHT, APART // BYTES[kind]
        self.weights = inner * outer + apart
        self.left = self.blocks * inner + apart
        self.sums = self.blocks * panel_width() * lanes(kind) + apart

    def words(self) -> dict[str, int]:
        """The words that say so."""
        names = "inner outer blocks weights left sums"
        return {name: getattr(self, name) for name in names.split()}

    def bytes_of(self, part: int) -> int:
        """The bytes of all matrices that lie so far apart."""
        return rounded(PARTS * part * BYTES[self.kind])


def widths(outer: int, kind: str) -> tuple[int, ...]:
    """How many vectors panels of so many filters have: the usual ones, and the last."""
    whole, rest = divmod(outer // lanes(kind), panel_width())
    return (panel_width(),) * (whole > 0) + (rest,) * (rest > 0)


@cache
def winograd_entry(kind: str, vectors: tuple[int, ...]) -> Entry:
    """Packing of the kernel, then the products over tiles of places.

    Panels have so many `vectors` of filters; terms and filters are whole vectors.
    """
    code = Code("winograd")
    _pack_entry(code, kind)
    spread, gather = spread_function(code, kind), _gather_function(code, kind)
    products = {wide: block(code, plain(kind), wide) for wide in vectors}
    f, words, start, stop = code.entry()
    read = WINOGRAD.reader(f, words)
    slot = claim(f, words, WINOGRAD, read("slots"))
    packed, table, item = read("scratch", "ptr"), read("table"), BYTES[kind]
    memory = f.at(packed, read("packed") + slot * read("slot"), "i8")
    tables = [f.at(memory, table * n, "i8") for n in range(TABLES)]
    copy = f.at(memory, table * TABLES, "i8")
    left = f.at(copy, read("slab"), "i8")
    sums = f.at(left, read("left") * (PARTS * item), "i8")
    tiles, tail = Tiles(code, kind, f, read), Tail(code, f, kind, slot, words, read)
    inner, step = read("inner"), read("row0") * read("gap0")
    along = read("inner") * read("gap2")
    with f.loop(stop, start) as tile:
        image, images, row, height = cut = tiles.cut(tile)
        base = tiles.base(copy, cut)
        amount = fill(f, read, tables, images, height)
        out = tail.target(f.number(0), image, row)
        with f.loop(amount, 0, read("blocks")) as first:
            count = (amount - first).minimum(read("blocks"))
            rows, targets, edges = (f.at(one, first, "i64") for one in tables)
            matrices = left, inner, read("left")
            f.call(spread, base, rows, count, step, along, *matrices, inner)

            def use(wide: int, column: Value) -> None:
                weights = f.at(packed, column * inner, kind)
                panel = products[wide], wide
                _multiply(f, kind, read, panel, (left, weights, sums), count)
                width = f.number(wide * lanes(kind))
                ends = f.at(out, column, kind), targets, edges, base, rows, column
                f.call(gather, words, sums, count, width, *ends)

            each_panel(f, kind, vectors, (f.number(0), read("outer")), use)
        tail.follow(cut)
    release(f, words, WINOGRAD, slot)
    return code.finished()


def each_panel(
    f: Function,
    kind: str,
    vectors: Sequence[int],
    columns: tuple[Value, Value],
    use: Callable[[int, Value], None],
) -> None:
    """Call `use(vectors, first column)` for each panel of some filters."""
    (low, high), step = columns, panel_width() * lanes(kind)
    whole = low + (high - low) // step * step
    for wide in vectors:
        limits = (whole, low) if wide == panel_width() else (high, whole)
        with f.loop(*limits, step) as column:
            use(wide, column)


def _multiply(
    f: Function,
    kind: str,
    read: Any,
    panel: tuple[Function, int],
    memory: tuple[Value, Value, Value],
    count: Value,
) -> None:
    """The products of a panel, for some blocks."""
    (left, weights, sums), inner, (product, wide) = memory, read("inner"), panel
    width, steps = f.number(wide * lanes(kind)), (inner, f.number(1), inner * HEIGHT)
    with f.loop(PARTS) as part, f.loop(inner, 0, DEPTH) as k:
        one = f.at(left, part * read("left") + k, kind)
        other = f.at(weights, part * read("weights") + k * width, kind)
        to = f.at(sums, part * read("sums"), kind)
        ends = width, count, (inner - k).minimum(DEPTH), k, width
        f.call(product, one, *steps, other, width, to, *ends)


def fill(
    f: Function, read: Any, tables: Sequence[Value], images: Value, height: Value
) -> Value:
    """Fill the tables of a tile's blocks; how many there are."""
    columns, gap0, gap2 = (read(name) for name in ("columns", "gap0", "gap2"))
    image_pitch, row0, row2 = (read(name) for name in ("image_pitch", "row0", "row2"))
    out_image, out0, out2 = (read(name) for name in ("out_image", "out0", "out2"))
    down, along = _pairs(height, gap0), _pairs(columns, gap2)
    with f.loop(images) as image, f.loop(down) as i, f.loop(along) as j:
        number = (image * down + i) * along + j
        row, column = first_of_pair(i, gap0), first_of_pair(j, gap2)
        begin = image * image_pitch + row * row0 + column * row2
        target = image * out_image + row * out0 + column * out2
        right = (column + gap2 >= columns).where(f.number(RIGHT), 0)
        below = (row + gap0 >= height).where(f.number(BELOW), 0)
        for table, value in zip(tables, (begin, target, right | below), strict=True):
            f.store(value, table, number, "i64")
    return images * down * along


def _pairs(count: Value, gap: Value) -> Value:
    """As `pairs`."""
    twice = gap * 2
    found: Value = count // twice * gap + (count % twice).minimum(gap)
    return found


def both(
    values: Sequence[Value], side: int, along: Callable[[Four], list[Value]]
) -> list[Value]:
    """A matrix, row after row, whose rows and then columns are turned into sums."""
    rows = [along(values[n * side : (n + 1) * side]) for n in range(side)]
    columns = [along(column) for column in zip(*rows, strict=True)]
    return [value for row in zip(*columns, strict=True) for value in row]


def _inputs(d: Four) -> list[Value]:
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _weights(g: Four) -> list[Value]:
    even, odd = (g[0] + g[2]) * 0.5, g[1] * 0.5
    return [g[0], even + odd, even - odd, g[2]]


def _results(m: Four) -> list[Value]:
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def spread_function(code: Code, kind: str) -> Function:
    """The sums of inputs: for each of the matrices a row of channels of each block.

    Arguments: input, offsets of the blocks and their count, elements to the place below
    and to the next one, matrices, elements from a row to the next and from a matrix to
    the next, how many channels.
    """
    f = code.helper("spread", ["ptr", "ptr", *["i64"] * 3, "ptr", *["i64"] * 3])
    base, rows, count, down, along, matrices, pitch, apart, channels = f.arguments
    lane = lanes(kind)
    with f.loop(count) as number:
        begin = f.at(base, f.load(rows, number, "i64"), kind)
        places = [
            f.at(begin, down * i + along * j, kind)
            for i in range(SIDE)
            for j in range(SIDE)
        ]
        with f.loop(channels, 0, lane) as channel:
            values = [f.load(at, channel, kind, vector(kind, lane)) for at in places]
            to = f.at(matrices, number * pitch + channel, kind)
            for n, value in enumerate(both(values, SIDE, _inputs)):
                f.store(value, to, apart * n, kind)
    return f


def _gather_function(code: Code, kind: str) -> Function:
    """The results of a panel: sums of the products.

    Arguments: the words, products, the count of blocks, columns of the panel, results,
    where those of each block begin, their edges, input, offsets of the blocks, the
    first column.
    """
    plain = _plain_function(code, kind)
    kinds = ["ptr", "ptr", "i64", "i64", *["ptr"] * 5, "i64"]
    f = code.helper("gather", kinds)
    words, sums, count, width, out, targets, edges, base, rows, column = f.arguments
    read, lane = WINOGRAD.reader(f, words), lanes(kind)
    whole = vector(kind, lane)
    apart, (down, right) = read("sums"), ways(read)
    with f.loop(count) as number:
        target = f.at(out, f.load(targets, number, "i64"), kind)
        edge = f.load(edges, number, "i64")
        with f.loop(width, 0, lane) as place:
            at, to = f.at(sums, number * width + place, kind), f.at(target, place, kind)
            values = [f.load(at, apart * n, kind, whole) for n in range(PARTS)]
            a, b, c, d = results = both(values, SIDE, _results)
            for value, (to_place, there) in zip(
                results, places_of(f, edge, down, right), strict=True
            ):
                with f.when(there):
                    f.store(value, to, to_place, kind)
            total = (a + b) + (c + d)
            mask = f"i{lane}"
            lost = f.emit(mask, f"bitcast {(total * 0.0).unordered(0.0)} to {mask}")
            with f.when(lost.differs(0)):
                begin = f.at(base, f.load(rows, number, "i64"), kind)
                f.call(plain, words, begin, column + place, to, edge)
    return f


def ways(read: Any) -> tuple[Value, Value]:
    """Elements from a result of a block to the one below and to the one beside it."""
    return read("out0") * read("gap0"), read("out2") * read("gap2")


def places_of(
    f: Function, edge: Value, down: Value, right: Value
) -> list[tuple[Value, Value]]:
    """Where the four results of a block go, and whether they are there."""
    return [
        (f.number(0), f.number(1, "i1")), (right, (edge & RIGHT).equals(0)),
        (down, (edge & BELOW).equals(0)), (down + right, edge.equals(0)),
    ]  # fmt: skip


def _plain_function(code: Code, kind: str) -> Function:
    """A vector of filters of a block, each result as the sum of what its window sees.

    Arguments: the words, input, the first filter, results, edges.
    """
    f = code.helper("plain", ["ptr", "ptr", "i64", "ptr", "i64"])
    words, base, column, out, edge = f.arguments
    read, lane = WINOGRAD.reader(f, words), lanes(kind)
    down, along = read("row0") * read("gap0"), read("inner") * read("gap2")
    stride = read("outer_stride")
    kernel = f.at(read("kernel", "ptr"), column * stride, kind)
    places = places_of(f, edge, *ways(read))
    # What is not there is computed from the first window, and not stored.
    begins = [
        f.at(base, there.where(down * (n // 2) + along * (n % 2), 0), kind)
        for n, (_, there) in enumerate(places)
    ]
    with f.when(stride.equals(1)):
        sums = _sums(f, kind, words, begins, kernel, 1)
        for (place, there), value in zip(places, sums, strict=True):
            with f.when(there):
                f.store(value, out, place, kind)
    with f.when(stride.differs(1)), f.loop(lane) as filter:
        sums = _sums(f, kind, words, begins, f.at(kernel, filter * stride, kind), lane)
        for (place, there), value in zip(places, sums, strict=True):
            with f.when(there):
                f.store(folded(f, value), out, place + filter, kind)
    return f


def _sums(
    f: Function,
    kind: str,
    words: Value,
    begins: Sequence[Value],
    kernel: Value,
    terms: int,
) -> list[Value]:
    """Sums over all taps and terms for windows: a term for a vector of filters at a
    time, or a vector of terms for one filter."""
    read, lane, side = WINOGRAD.reader(f, words), lanes(kind), SIDE - 1
    whole, inner = vector(kind, lane), read("inner")
    down, along = read("row0") * read("gap0"), inner * read("gap2")
    tap_stride, step = read("tap_stride"), read("inner_stride")
    sums = [f.variable(f.number(0.0, whole)) for _ in begins]
    with f.loop(TAPS) as tap, f.loop(inner, 0, terms) as i:
        number = f.load(words, tap + WINOGRAD.end, "i64")
        factor = f.load(kernel, number * tap_stride + i * step, kind, whole)
        window = down * (tap // side) + tap % side * along + i
        for begin, total in zip(begins, sums, strict=True):
            value = f.load(begin, window, kind, kind if terms == 1 else whole)
            value = f.splat(value, lane) if terms == 1 else value
            total.set(f.fma(value, factor, total.get()))
    return [total.get() for total in sums]


def _pack_entry(code: Code, kind: str) -> None:
    """The sums of weights as panels: squares of as many terms and filters as lanes."""
    f, words, start, stop = code.entry()
    read, lane = WINOGRAD.reader(f, words), lanes(kind)
    inner, outer, apart = read("inner"), read("outer"), read("weights")
    step = panel_width() * lane
    with f.loop(stop, start) as number:
        i, o = number // (outer // lane) * lane, number % (outer // lane) * lane
        panel = o // step * step
        wide = (outer - panel).minimum(step)
        start_at = panel * inner + i * wide + (o - panel)
        to = f.at(read("scratch", "ptr"), start_at, kind)
        with f.loop(TAPS) as tap:
            place = f.load(words, tap + WINOGRAD.end, "i64") * read("tap_stride")
            place = place + i * read("inner_stride") + o * read("outer_stride")
            source = f.at(read("kernel", "ptr"), place, kind)
            _square(f, kind, read, source, f.at(to, apart * tap, kind), wide)
        with f.loop(lane) as row:
            at, whole = f.at(to, row * wide, kind), vector(kind, lane)
            taps = [f.load(at, apart * n, kind, whole) for n in range(TAPS)]
            for n, value in enumerate(both(taps, SIDE - 1, _weights)):
                f.store(value, at, apart * n, kind)


def _square(
    f: Function, kind: str, read: Any, source: Value, target: Value, wide: Value
) -> None:
    """A square of weights, the filters of a term side by side."""
    lane, plain = lanes(kind), read("outer_stride").equals(1)
    for turn in (False, True):
        step = read("outer_stride" if turn else "inner_stride")
        with f.when(~plain if turn else plain):
            rows = [
                f.load(source, step * n, kind, vector(kind, lane)) for n in range(lane)
            ]
            for n, row in enumerate(turned(f, rows) if turn else rows):
                f.store(row, target, wide * n, kind)
