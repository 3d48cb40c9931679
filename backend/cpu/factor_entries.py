"""The code of factors of matrices: Cholesky's, the LU factors, what solves by them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from .building import (
    BYTES,
    Code,
    Entry,
    Function,
    Layout,
    Value,
    Variable,
    lanes,
    vector,
)
from .factor_code import (
    Rows,
    Tile,
    Triangle,
    fill,
    height,
    lessen_function,
    negated,
    solve_function,
    solve_rows,
    tiles,
)

CHOLESKY = Layout("source out scratch size")
LU = Layout("source out pivots scratch rows columns apart")
PANEL = 16  # columns of a matrix that are factored one by one
PANELS = 64  # columns that are factored before the others are touched
TURNED = 16  # rows and columns of a square that is turned at a time
STRIP = 64  # columns of a right side that are a unit of work
NAN = math.nan


@cache
def cholesky_entry(kind: str) -> Entry:
    """A matrix is a unit of work; the upper factor is found, and turned at the end."""
    code = Code("cholesky")
    f, words, start, stop = code.entry()
    read = CHOLESKY.reader(f, words)
    source, out, size = read("source", "ptr"), read("out", "ptr"), read("size")
    whole = size * size
    with f.loop(stop, start) as unit:
        x, u = (f.at(each, unit * whole, kind) for each in (source, out))
        for i, j in upper_half(f, size):
            f.store(f.load(x, j * size + i, kind), u, i * size + j, kind)
        refused = f.variable(f.number(0, "i1"))
        with f.loop(size, 0, height(kind)) as first:
            _cholesky_rows(f, kind, u, size, first, refused)
        with f.when(refused.get()):
            fill(f, u, whole, NAN, kind)
        with f.when(refused.get() ^ 1):
            for i, j in upper_half(f, size):
                value = f.load(u, i * size + j, kind)
                f.store(f.number(0.0, kind), u, i * size + j, kind)
                f.store(value, u, j * size + i, kind)
    return code.finished()


def upper_half(f: Function, size: Value) -> Iterator[tuple[Value, Value]]:
    """Loops over the elements of an upper half, square by square."""
    with f.loop(size, 0, TURNED) as top, f.loop(size, top, TURNED) as left:
        down, across = ((n + TURNED).minimum(size) for n in (top, left))
        with f.loop(down, top) as i, f.loop(across, i.maximum(left)) as j:
            yield i, j


def _cholesky_rows(
    f: Function, kind: str, u: Value, size: Value, first: Value, refused: Variable
) -> None:
    """A block of rows of the upper factor, in place of the matrix."""
    lane = lanes(kind)
    mask = f.steps("i64", lane) < f.splat(size - first, lane)
    rows = Rows(Tile(f, kind, 1, mask), first, size)
    # The transposed upper factor is the triangle that rows are solved by.
    a = Triangle(u, f.number(1), size)
    corner = f.at(u, first, kind)
    rows.read(corner, size)
    rows.lessen(a, corner, size, first)
    _small(f, rows, refused)
    rows.write()
    zero = f.number(0)
    for tile, column in tiles(f, kind, size, first + lane):
        block = Rows(tile, first, size)
        solve_rows(block, a, f.at(u, column, kind), size, zero)


def _small(f: Function, rows: Rows, refused: Variable) -> None:
    """The factor of the small square that begins a block of rows."""
    tile, one = rows.tile, f.number(1.0, rows.tile.kind)
    for n, inside in enumerate(rows.inside):
        (row,) = rows.row(n)
        square = _lane(row, n)
        good = square > 0.0
        refused.set(refused.get() | (inside & (good ^ 1)))
        row = tile.times([row], one / f.root(square))[0]
        rows.put(n, [row])
        for after in range(n + 1, len(rows.inside)):
            rows.put(after, tile.less(rows.row(after), _lane(row, after), [row]))


def _lane(value: Value, number: int) -> Value:
    """An element of a vector."""
    kind = value.kind[1:-1].split(" x ")[1]
    return value.f.emit(kind, f"extractelement {value}, i32 {number}")


@cache
def lu_entry(kind: str) -> Entry:
    """A matrix is a unit of work: panels of columns, and after each what is right."""
    code = Code("lu")
    solve, lessen = solve_function(code, kind), lessen_function(code, kind)
    panel = _panel_function(code, kind)
    f, words, start, stop = code.entry()
    read = LU.reader(f, words)
    source, out, pivots = (read(n, "ptr") for n in ("source", "out", "pivots"))
    rows, columns = read("rows"), read("columns")
    count, whole = rows.minimum(columns), rows * columns
    apart, one = read("apart"), f.number(1)

    def follow(first: Value, last: Value, end: Value) -> None:
        """Let columns up to an end follow those that have been factored."""
        corner, below = (f.at(a, n * columns, kind) for n in (first, last))
        square, top = f.at(corner, first, kind), f.at(corner, last, kind)
        left, right = f.at(below, first, kind), f.at(below, last, kind)
        width, deep = end - last, last - first
        f.call(solve, square, columns, one, top, columns, deep, width, one)
        f.call(lessen, left, columns, one, top, right, columns,
               rows - last, width, deep)  # fmt: skip

    with f.loop(stop, start) as unit:
        a = f.at(out, unit * whole, kind)
        f.copy(a, f.at(source, unit * whole, kind), whole, kind)
        own = f.at(pivots, unit * count, "i32")
        beside = f.at(read("scratch", "ptr"), unit * rows * PANEL, kind)
        with f.loop(count, 0, PANELS) as begin:
            end = (begin + PANELS).minimum(count)
            with f.loop(end, begin, PANEL) as first:
                last = (first + PANEL).minimum(end)
                f.call(panel, a, own, rows, columns, first, last, beside, apart)
                follow(first, last, end)
            follow(begin, end, columns)
    return code.finished()


def _panel_function(code: Code, kind: str) -> Function:
    """The factors of some columns, rows exchanged as wholes.

    Arguments: matrix, pivots, rows, columns, the first column and the one behind the
    last; memory for a panel, and whether it is used: rows far apart in memory push each
    other out of a cache.
    """
    f = code.helper("panel", ["ptr", "ptr", "i64", "i64", "i64", "i64", "ptr", "i64"])
    a, pivots, rows, columns, first, last, beside, apart = f.arguments
    away, width, place = apart.differs(0), last - first, f.at(a, first, kind)
    with f.when(away):
        _move_rows(f, kind, (place, columns), (beside, f.number(PANEL)), width)
    panel = Panel(away.where(beside, place), away.where(f.number(PANEL), columns))
    with f.loop(last, first) as k:
        other = _largest(f, kind, panel, rows, k)
        f.store(other.cast("trunc", "i32"), pivots, k, "i32")
        with f.when(other.differs(k)):
            _exchange_rows(f, kind, a, columns, k, other, columns)
            with f.when(away):
                _exchange_rows(f, kind, beside, f.number(PANEL), k, other, width)
        whole = width.equals(PANEL)
        with f.when(whole):
            _eliminate(f, kind, panel, k, False)
        with f.when(whole ^ 1):
            _eliminate(f, kind, panel, k, True)
    with f.when(away):
        _move_rows(f, kind, (beside, f.number(PANEL)), (place, columns), width)
    return f


class Panel(NamedTuple):
    """Where the columns of a panel lie: its first row, and the step to the next."""

    start: Value
    step: Value


def _move_rows(
    f: Function,
    kind: str,
    source: tuple[Value, Value],
    target: tuple[Value, Value],
    width: Value,
) -> None:
    """Copy the rows of a panel from its first column's on, each with its step."""
    rows, first = f.arguments[2], f.arguments[4]
    with f.loop(rows, first) as i:
        for tile, column in tiles(f, kind, width):
            one, other = (
                f.at(start, i * step + column, kind) for start, step in (source, target)
            )
            tile.write(tile.read(one), other)


def _largest(f: Function, kind: str, panel: Panel, rows: Value, k: Value) -> Value:
    """The row, from one on, of the first element that is largest; NaN is."""
    whole = f"i{8 * BYTES[kind]}"
    column = f.at(panel.start, k - f.arguments[4], kind)
    best, place = f.variable(f.number(-1, whole)), f.variable(k)
    with f.loop(rows, k) as i:
        bits = f.load(column, i * panel.step, kind).cast("bitcast", whole)
        size = bits & ((1 << (8 * BYTES[kind] - 1)) - 1)
        larger = size > best.get()
        best.set(larger.where(size, best.get()))
        place.set(larger.where(i, place.get()))
    return place.get()


def _exchange_rows(
    f: Function, kind: str, x: Value, step: Value, i: Value, j: Value, count: Value
) -> None:
    """Two rows change places."""
    for tile, column in tiles(f, kind, count):
        one, two = (f.at(x, row * step + column, kind) for row in (i, j))
        first, second = tile.read(one), tile.read(two)
        tile.write(first, two)
        tile.write(second, one)


def _eliminate(f: Function, kind: str, panel: Panel, k: Value, masked: bool) -> None:
    """Take a row times a number off each row below, within the panel."""
    rows, first, last = f.arguments[2], *f.arguments[4:6]
    lane, own = lanes(kind), k - first
    of, count = vector(kind, lane), PANEL // lane
    starts = [n * lane for n in range(count)]
    steps = [f.steps("i64", lane) + f.number(n, vector("i64", lane)) for n in starts]
    masks = [step < f.splat(last - first, lane) for step in steps]
    here = f.splat(own, lane)

    def place(row: Value, column: Value | int) -> Value:
        return f.at(panel.start, row * panel.step + column, kind)

    def read(n: int, row: Value) -> Value:
        if masked:
            return f.masked_load(place(row, starts[n]), masks[n], of)
        return f.load(place(row, starts[n]), 0, kind, of)

    nothing = f.number(0.0, of)
    upper = [(step > here).where(read(n, k), nothing) for n, step in enumerate(steps)]
    at = [step.equals(here) for step in steps]
    pivot = f.load(place(k, own), 0, kind)
    pivot = pivot.equals(0.0).where(f.number(1.0, kind), pivot)
    with f.loop(rows, k + 1) as i:
        share = f.load(place(i, own), 0, kind) / pivot
        less, same = f.splat(negated(share), lane), f.splat(share, lane)
        for n, start in enumerate(starts):
            row = f.fma(less, upper[n], read(n, i))
            row = at[n].where(same, row)
            if masked:
                f.masked_store(row, place(i, start), masks[n])
            else:
                f.store(row, place(i, start), 0, kind)


SOLVE = (
    "size columns strips order solves"
    " start0 row0 term0 unit0 back0 start1 row1 term1 unit1 back1"
)
BEFORE, AFTER = 1, 2  # when rows change places: `order`; 0 is never


def solve_layout(pivots: bool, right: bool) -> Layout:
    """The words of what solves by a triangle, or by both that LU has."""
    given = ["a", *(["pivots"] if pivots else []), *(["b"] if right else [])]
    return Layout(f"{' '.join(given)} out scratch {SOLVE}")


@cache
def solve_entry(kind: str, pivots: bool, right: bool) -> Entry:
    """A strip of columns is a unit of work; what is not given is a unit matrix."""
    code = Code("solve")
    solve = solve_function(code, kind)
    f, words, start, stop = code.entry()
    read = solve_layout(pivots, right).reader(f, words)
    size, columns, strips = (read(n) for n in ("size", "columns", "strips"))
    order, solves = read("order"), read("solves")
    with f.loop(stop, start) as unit:
        number, first = unit // strips, unit % strips * STRIP
        width = (columns - first).minimum(STRIP)
        a = f.at(read("a", "ptr"), number * size * size, kind)
        begin = number * size * columns + first
        x = f.at(read("out", "ptr"), begin, kind)
        if right:
            _strip(
                f, kind, f.at(read("b", "ptr"), begin, kind), x, size, columns, width
            )
        else:
            _unit(f, kind, x, size, columns, width, first)
        if pivots:
            own = f.at(read("pivots", "ptr"), number * size, "i32")
            with f.when(order.equals(BEFORE)), f.loop(size) as k:
                _move(f, kind, x, columns, width, own, k)
        for turn in ("0", "1"):
            base, row, term, unitary, back = (
                read(n + turn) for n in ("start", "row", "term", "unit", "back")
            )
            with f.when(solves > int(turn)):
                top = f.at(x, back * (size - 1) * columns, kind)
                step = back.differs(0).where(columns * -1, columns)
                f.call(solve, f.at(a, base, kind), row, term, top, step, size, width,
                       unitary)  # fmt: skip
                _refuse(f, kind, a, unitary, x, size, columns, width)
        if pivots:
            with f.when(order.equals(AFTER)), f.loop(size) as k:
                _move(f, kind, x, columns, width, own, size - 1 - k)
    return code.finished()


def _strip(
    f: Function, kind: str, b: Value, x: Value, size: Value, step: Value, width: Value
) -> None:
    """Copy a strip."""
    with f.loop(size) as row:
        for tile, column in tiles(f, kind, width):
            at = row * step + column
            tile.write(tile.read(f.at(b, at, kind)), f.at(x, at, kind))


def _unit(
    f: Function, kind: str, x: Value, size: Value, step: Value, width: Value,
    first: Value,
) -> None:  # fmt: skip
    """A strip of the unit matrix."""
    with f.loop(size) as row:
        f.clear(f.at(x, row * step, kind), width, kind)
    with f.loop(width) as n:
        f.store(f.number(1.0, kind), x, (first + n) * step + n, kind)


def _move(
    f: Function, kind: str, x: Value, step: Value, width: Value, pivots: Value, k: Value
) -> None:
    """Exchange a row for that of its pivot."""
    other = f.load(pivots, k, "i32").cast("sext", "i64")
    with f.when(other.differs(k)):
        _exchange_rows(f, kind, x, step, k, other, width)


def _refuse(
    f: Function, kind: str, a: Value, unit: Value, x: Value, size: Value, step: Value,
    width: Value,
) -> None:  # fmt: skip
    """NaN for all, where a diagonal that divides has a zero."""
    zero = f.variable(f.number(0, "i1"))
    with f.when(unit.equals(0)):
        with f.loop(size) as n:
            zero.set(zero.get() | f.load(a, n * (size + 1), kind).equals(0.0))
        with f.when(zero.get()), f.loop(size) as row:
            fill(f, f.at(x, row * step, kind), width, NAN, kind)
