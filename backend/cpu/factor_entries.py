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
from .factor_column import column_function

CHOLESKY = Layout("source out scratch size begin")
LU = Layout("source out pivots scratch rows columns apart begin")
PANEL = 16  # columns of a matrix that are factored one by one
PANELS = 64  # columns that are factored before the others are touched
TURNED = 16  # rows and columns of a square that is turned at a time
STRIP = 64  # columns of a right side that are a unit of work
NAN = math.nan


@cache
def cholesky_entry(kind: str) -> Entry:
    """The upper factor is found in place of the matrix, and turned at the end.

    The first entry does all for a matrix. The others share a large one among threads:
    rows of squares are turned, then for some rows at a time the square on the diagonal
    is factored, and strips of columns right of it follow; then all is turned again.
    """
    code = Code("cholesky")
    square, right = _square_function(code, kind), _right_function(code, kind)
    f, words, start, stop = code.entry()
    source, out, _, size = _cholesky_words(f, words)
    with f.loop(stop, start) as unit:
        x, u = (f.at(each, unit * size * size, kind) for each in (source, out))
        flag = f.variable(f.number(0))
        with f.loop(size, 0, TURNED) as top:
            _turned(f, kind, x, u, size, top)
        with f.loop(size, 0, height(kind)) as first:
            f.call(square, u, size, first, size, Value(f, "ptr", flag.name))
            f.call(right, u, size, first, first + lanes(kind), size)
        with f.loop(size, 0, TURNED) as top:
            _turned_back(f, kind, u, size, top, flag.get())
    _cholesky_rounds(code, kind, square, right)
    return code.finished()


def _cholesky_words(f: Function, words: Value) -> tuple[Value, ...]:
    read = CHOLESKY.reader(f, words)
    return *(read(name, "ptr") for name in ("source", "out", "scratch")), read("size")


def _cholesky_rounds(code: Code, kind: str, square: Function, right: Function) -> None:
    """The entries for large matrices."""
    for last in (False, True):
        f, words, start, stop = code.entry()
        source, out, scratch, size = _cholesky_words(f, words)
        bands = (size + (TURNED - 1)) // TURNED
        with f.loop(stop, start) as unit:
            number, top = unit // bands, unit % bands * TURNED
            x, u = (f.at(each, number * size * size, kind) for each in (source, out))
            if last:
                flag = f.load(scratch, number, "i64")
                _turned_back(f, kind, u, size, top, flag)
            else:
                _turned(f, kind, x, u, size, top)
                f.store(f.number(0), scratch, number, "i64")
    for strips in (False, True):
        f, words, start, stop = code.entry()
        _, out, scratch, size = _cholesky_words(f, words)
        begin = CHOLESKY.reader(f, words)("begin")
        end = (begin + PANELS).minimum(size)
        each = ((size - end + (STRIP - 1)) // STRIP).maximum(1) if strips else None
        with f.loop(stop, start) as unit:
            number = unit // each if strips else unit
            u = f.at(out, number * size * size, kind)
            with f.loop(end, begin, height(kind)) as first:
                if strips:
                    left = end + unit % each * STRIP
                    f.call(right, u, size, first, left, (left + STRIP).minimum(size))
                else:
                    f.call(square, u, size, first, end, f.at(scratch, number, "i64"))
                    f.call(right, u, size, first, first + lanes(kind), end)


def band(f: Function, size: Value, top: Value) -> Iterator[tuple[Value, Value]]:
    """Loops over elements of an upper half in some rows, square by square."""
    with f.loop(size, top, TURNED) as left:
        down, across = ((n + TURNED).minimum(size) for n in (top, left))
        with f.loop(down, top) as i, f.loop(across, i.maximum(left)) as j:
            yield i, j


def _turned(
    f: Function, kind: str, x: Value, u: Value, size: Value, top: Value
) -> None:
    """Put the lower half of x into the upper half of u."""
    for i, j in band(f, size, top):
        f.store(f.load(x, j * size + i, kind), u, i * size + j, kind)


def _turned_back(
    f: Function, kind: str, u: Value, size: Value, top: Value, refused: Value
) -> None:
    """Put the upper half into the lower one, and zeros there; NaN if refused."""
    with f.when(refused.equals(0)):
        for i, j in band(f, size, top):
            value = f.load(u, i * size + j, kind)
            f.store(f.number(0.0, kind), u, i * size + j, kind)
            f.store(value, u, j * size + i, kind)
    with f.when(refused.differs(0)):
        rows = (size - top).minimum(TURNED)
        fill(f, f.at(u, top * size, kind), rows * size, NAN, kind)


def _square_function(code: Code, kind: str) -> Function:
    """The small square that begins a block of rows of the upper factor.

    Arguments: matrix, its size, the first row, the column behind the last that is known
    here, and where to note that the matrix is refused.
    """
    f = code.helper("square", ["ptr", "i64", "i64", "i64", "ptr"])
    u, size, first, limit, flag = f.arguments
    lane = lanes(kind)
    mask = f.steps("i64", lane) < f.splat(limit - first, lane)
    rows = Rows(Tile(f, kind, 1, mask), first, size)
    # The transposed upper factor is the triangle that rows are solved by.
    corner = f.at(u, first, kind)
    rows.read(corner, size)
    rows.lessen(Triangle(u, f.number(1), size), corner, size, first)
    refused = _small(f, rows)
    rows.write()
    f.store(f.load(flag, 0, "i64") | refused.cast("zext", "i64"), flag, 0, "i64")
    return f


def _small(f: Function, rows: Rows) -> Value:
    """Factor a square in registers; whether it is refused."""
    tile, refused = rows.tile, f.number(0, "i1")
    for n, inside in enumerate(rows.inside):
        (row,) = rows.row(n)
        pivot = _lane(row, n)
        refused = refused | (inside & ((pivot > 0.0) ^ 1))
        row = tile.over([row], f.root(pivot))[0]
        rows.put(n, [row])
        for after in range(n + 1, len(rows.inside)):
            rows.put(after, tile.less(rows.row(after), _lane(row, after), [row]))
    return refused


def _right_function(code: Code, kind: str) -> Function:
    """Some columns right of the square that begins a block of rows.

    Arguments: matrix, its size, the first row, the first column, the one behind them.
    """
    f = code.helper("right", ["ptr", "i64", "i64", "i64", "i64"])
    u, size, first, left, end = f.arguments
    for tile, column in tiles(f, kind, end, left):
        block, place = Rows(tile, first, size), f.at(u, column, kind)
        solve_rows(block, Triangle(u, f.number(1), size), place, size, f.number(0))
    return f


def _lane(value: Value, number: int) -> Value:
    """An element of a vector."""
    kind = value.kind[1:-1].split(" x ")[1]
    return value.f.emit(kind, f"extractelement {value}, i32 {number}")


@cache
def lu_entry(kind: str) -> Entry:
    """Panels of columns are factored, and after each what is right follows.

    The first entry does all for a matrix. The others share a large one among threads:
    some columns are factored, then strips of what is right of them follow.
    """
    code = Code("lu")
    solve, lessen = solve_function(code, kind), lessen_function(code, kind)
    panel = _panel_function(code, kind)
    for part in ("whole", "columns", "strips"):
        Factoring(code, kind, panel, solve, lessen).entry(part)
    return code.finished()


class Factoring:
    """An entry of LU: the functions that it calls, and what it reads."""

    def __init__(
        self, code: Code, kind: str, panel: Function, solve: Function, lessen: Function
    ):
        self.f, words, self.start, self.stop = code.entry()
        self.kind, self.panel, self.solve, self.lessen = kind, panel, solve, lessen
        read = LU.reader(self.f, words)
        self.source, self.out, self.pivots, self.scratch = (
            read(name, "ptr") for name in ("source", "out", "pivots", "scratch")
        )
        self.rows, self.columns = read("rows"), read("columns")
        self.apart, self.begin = read("apart"), read("begin")
        self.count = self.rows.minimum(self.columns)
        self.whole = self.rows * self.columns

    def entry(self, part: str) -> None:
        """Its loop over units of work."""
        f, begin = self.f, self.begin
        with f.loop(self.stop, self.start) as unit:
            if part == "whole":
                a = self._copied(unit)
                with f.loop(self.count, 0, PANELS) as first:
                    end = self._factored(a, unit, first)
                    self._follow(a, first, end, end, self.columns)
            elif part == "columns":
                with f.when(begin.equals(0)):
                    self._copied(unit)
                self._factored(self._matrix(unit), unit, begin)
            else:
                end = (begin + PANELS).minimum(self.count)
                each = (self.columns - end + (STRIP - 1)) // STRIP
                left = end + unit % each * STRIP
                right = (left + STRIP).minimum(self.columns)
                self._follow(self._matrix(unit // each), begin, end, left, right)

    def _matrix(self, number: Value) -> Value:
        return self.f.at(self.out, number * self.whole, self.kind)

    def _copied(self, number: Value) -> Value:
        a = self._matrix(number)
        given = self.f.at(self.source, number * self.whole, self.kind)
        self.f.copy(a, given, self.whole, self.kind)
        return a

    def _factored(self, a: Value, number: Value, begin: Value) -> Value:
        """Factor some columns from one on; the column behind them."""
        f, rows, columns = self.f, self.rows, self.columns
        own = f.at(self.pivots, number * self.count, "i32")
        beside = f.at(self.scratch, number * rows * PANEL, self.kind)
        end = (begin + PANELS).minimum(self.count)
        with f.loop(end, begin, PANEL) as first:
            last = (first + PANEL).minimum(end)
            f.call(self.panel, a, own, rows, columns, first, last, beside, self.apart)
            self._follow(a, first, last, last, end)
        return end

    def _follow(
        self, a: Value, first: Value, last: Value, left: Value, right: Value
    ) -> None:
        """Let columns from `left` to `right` follow those that have been factored."""
        f, kind, columns, one = self.f, self.kind, self.columns, self.f.number(1)
        corner, below = (f.at(a, n * columns, kind) for n in (first, last))
        square, top = f.at(corner, first, kind), f.at(corner, left, kind)
        width, deep = right - left, last - first
        f.call(self.solve, square, columns, one, top, columns, deep, width, one)
        share, target = f.at(below, first, kind), f.at(below, left, kind)
        f.call(self.lessen, share, columns, one, top, target, columns,
               self.rows - last, width, deep)  # fmt: skip


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
    "size columns strips order solves apart"
    " start0 row0 term0 unit0 back0 start1 row1 term1 unit1 back1"
)
BEFORE, AFTER = 1, 2  # when rows change places: `order`; 0 is never


def solve_layout(pivots: bool, right: bool) -> Layout:
    """The words of what solves by a triangle, or by both that LU has."""
    given = ["a", *(["pivots"] if pivots else []), *(["b"] if right else [])]
    return Layout(f"{' '.join(given)} out scratch {SOLVE}")


@cache
def solve_entry(kind: str, pivots: bool, right: bool) -> Entry:
    """A strip of columns is a unit of work; what is not given is a unit matrix.

    A strip of a large system lies `apart`, in scratch memory: rows that are far from
    each other push each other out of a cache.
    """
    code = Code("solve")
    solve, column = solve_function(code, kind), column_function(code, kind)
    by_rows = solve_function(code, kind, by_rows=True)
    f, words, start, stop = code.entry()
    read = solve_layout(pivots, right).reader(f, words)
    size, columns, strips = (read(n) for n in ("size", "columns", "strips"))
    order, solves, away = read("order"), read("solves"), read("apart").differs(0)
    step = away.where(f.number(STRIP), columns)
    with f.loop(stop, start) as unit:
        number, first = unit // strips, unit % strips * STRIP
        width = (columns - first).minimum(STRIP)
        a = f.at(read("a", "ptr"), number * size * size, kind)
        begin = number * size * columns + first
        out = f.at(read("out", "ptr"), begin, kind)
        x = away.where(f.at(read("scratch", "ptr"), unit * size * STRIP, kind), out)
        if right:
            given = f.at(read("b", "ptr"), begin, kind), columns
            _strip(f, kind, given, (x, step), size, width)
        else:
            _unit(f, kind, x, size, step, width, first)
        if pivots:
            own = f.at(read("pivots", "ptr"), number * size, "i32")
            with f.when(order.equals(BEFORE)), f.loop(size) as k:
                _move(f, kind, x, step, width, own, k)
        for turn in ("0", "1"):
            base, row, term, unitary, back = (
                read(n + turn) for n in ("start", "row", "term", "unit", "back")
            )
            with f.when(solves > int(turn)):
                top = f.at(x, back * (size - 1) * step, kind)
                turned = back.differs(0).where(step * -1, step)
                triangle = f.at(a, base, kind), row, term, top, turned, size
                with f.when(columns.equals(1)):
                    f.call(column, *triangle, unitary)
                with f.when((columns > 1) & (away ^ 1)):
                    f.call(solve, *triangle, width, unitary)
                with f.when(away):
                    f.call(by_rows, *triangle, width, unitary)
                _refuse(f, kind, a, unitary, x, size, step, width)
        if pivots:
            with f.when(order.equals(AFTER)), f.loop(size) as k:
                _move(f, kind, x, step, width, own, size - 1 - k)
        with f.when(away):
            _strip(f, kind, (x, step), (out, columns), size, width)
    return code.finished()


def _strip(
    f: Function,
    kind: str,
    source: tuple[Value, Value],
    target: tuple[Value, Value],
    size: Value,
    width: Value,
) -> None:
    """Copy a strip, each with the step to its next row."""
    with f.loop(size) as row:
        for tile, column in tiles(f, kind, width):
            one, other = (
                f.at(place, row * step + column, kind)
                for place, step in (source, target)
            )
            tile.write(tile.read(one), other)


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
