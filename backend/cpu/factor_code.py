"""What native factors of matrices are made of: rows of results, kept in registers.

A triangular system is solved a block of rows at a time: what earlier rows give is one
sum over terms, then the block's own small triangle is solved in registers. Columns lie
along vectors and know nothing of each other, so any cut gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .building import Code, Function, Value, Variable, lanes, vector, vector_bytes

TERMS = 32  # of a product that are summed by themselves


class Triangle(NamedTuple):
    """A lower triangle; element (i, k) stands at `i * row + k * term`.

    Steps below zero, from the last element on, make an upper triangle a lower one.
    """

    start: Value
    row: Value
    term: Value


def height(kind: str) -> int:
    """The rows of a block; its small triangle is as wide as them."""
    return min(4, lanes(kind))


def wide() -> int:
    """The vectors of a row of a block, that registers hold with the operands."""
    return 4 if vector_bytes() == 64 else 2


class Tile:
    """Vectors of a row, the last one perhaps cut off by a mask."""

    def __init__(self, f: Function, kind: str, vectors: int, mask: Value | None):
        self.f, self.kind, self.vectors, self.mask = f, kind, vectors, mask
        self.lane = lanes(kind)
        self.of = vector(kind, self.lane)

    def read(self, place: Value) -> list[Value]:
        """A row from memory."""
        f, kind = self.f, self.kind
        if self.mask is not None:
            return [f.masked_load(place, self.mask, self.of)]
        starts = range(0, self.vectors * self.lane, self.lane)
        return [f.load(place, start, kind, self.of) for start in starts]

    def write(self, row: list[Value], place: Value) -> None:
        """A row to memory."""
        if self.mask is not None:
            self.f.masked_store(row[0], place, self.mask)
            return
        for number, value in enumerate(row):
            self.f.store(value, place, number * self.lane, self.kind)

    def less(self, row: list[Value], factor: Value, other: list[Value]) -> list[Value]:
        """A row less another one times a number."""
        f = self.f
        negative = f.splat(negated(factor), self.lane)
        return [f.fma(negative, b, a) for a, b in zip(row, other, strict=True)]

    def add(self, row: list[Variable], factor: Value, other: list[Value]) -> None:
        """Add a number times a row to sums."""
        wide = self.f.splat(factor, self.lane)
        for total, value in zip(row, other, strict=True):
            total.set(self.f.fma(wide, value, total.get()))

    def over(self, row: list[Value], divisor: Value) -> list[Value]:
        """A row by a number, divided: one over a large number may be 0."""
        whole = self.f.splat(divisor, self.lane)
        return [value / whole for value in row]


def negated(value: Value) -> Value:
    """The number with the other sign."""
    return value.f.emit(value.kind, f"fneg {value}")


def tiles(
    f: Function, kind: str, columns: Value, start: Value | int = 0
) -> Iterator[tuple[Tile, Value]]:
    """Loops over columns: pairs of a tile and its first column, with the loop open."""
    lane, many = lanes(kind), wide()
    first = start if isinstance(start, Value) else f.number(start)
    step = many * lane
    whole = first + (columns - first).maximum(0) // step * step
    with f.loop(whole, first, step) as column:
        yield Tile(f, kind, many, None), column
    with f.loop(columns, whole, lane) as column:
        mask = f.steps("i64", lane) < f.splat(columns - column, lane)
        yield Tile(f, kind, 1, mask), column


class Rows:
    """A block of rows of a matrix; behind its last row the block has that row again."""

    def __init__(self, tile: Tile, first: Value, rows: Value):
        self.tile, self.f, self.first = tile, tile.f, first
        count = height(tile.kind)
        self.inside = [first + n < rows for n in range(count)]
        self.numbers = [(first + n).minimum(rows - 1) for n in range(count)]
        self.sums: list[list[Variable]] = []

    def read(self, x: Value, step: Value) -> None:
        """Take the rows from memory; `x` is where the tile's first column begins."""
        f, kind = self.f, self.tile.kind
        self.places = [f.at(x, number * step, kind) for number in self.numbers]
        self.sums = [
            [f.variable(value) for value in self.tile.read(place)]
            for place in self.places
        ]

    def row(self, number: int) -> list[Value]:
        """A row as it is now."""
        return [one.get() for one in self.sums[number]]

    def put(self, number: int, row: list[Value]) -> None:
        """Change a row."""
        for one, value in zip(self.sums[number], row, strict=True):
            one.set(value)

    def lessen(
        self, a: Triangle, x: Value, step: Value, terms: Value, start: Value | int = 0
    ) -> None:
        """Take off the product of rows of `a` with the first rows of x.

        Some terms have a sum of their own, which loses less than one sum of all does.
        """
        f, tile = self.f, self.tile
        lefts = [f.at(a.start, number * a.row, tile.kind) for number in self.numbers]
        nothing = f.number(0.0, tile.of)
        with f.loop(terms, start, TERMS) as begin:
            sums = [[f.variable(nothing) for _ in row] for row in self.sums]
            with f.loop((begin + TERMS).minimum(terms), begin) as k:
                other = tile.read(f.at(x, k * step, tile.kind))
                for row, left in zip(sums, lefts, strict=True):
                    factor = f.load(left, k * a.term, tile.kind)
                    tile.add(row, factor, other)
            for number, row in enumerate(sums):
                pairs = zip(self.row(number), row, strict=True)
                self.put(number, [value - more.get() for value, more in pairs])

    def write(self) -> None:
        """Put the rows into memory, but not those that are there again."""
        f, tile = self.f, self.tile
        aside = f.fresh()
        f.places.append(f"  {aside} = alloca [{tile.vectors} x {tile.of}]")
        for number, place in enumerate(self.places):
            goal = self.inside[number].where(place, Value(f, "ptr", aside))
            tile.write(self.row(number), goal)


def solve_rows(rows: Rows, a: Triangle, x: Value, step: Value, unit: Value) -> None:
    """Rows of the solution of a triangular system in place of the right side.

    `unit` says whether the diagonal counts as ones.
    """
    f, tile = rows.f, rows.tile
    rows.read(x, step)
    rows.lessen(a, x, step, rows.first)

    def element(row: Value, column: Value) -> Value:
        return f.load(a.start, row * a.row + column * a.term, tile.kind)

    one = f.number(1.0, tile.kind)
    for n, number in enumerate(rows.numbers):
        row = rows.row(n)
        for before in range(n):
            factor = element(number, rows.numbers[before])
            row = tile.less(row, factor, rows.row(before))
        divisor = unit.differs(0).where(one, element(number, number))
        rows.put(n, tile.over(row, divisor))
    rows.write()


def solve_function(code: Code, kind: str, by_rows: bool = False) -> Function:
    """A triangular system is solved in place.

    Arguments: the triangle and its steps, the right side and the step to its next row,
    rows, columns, whether the diagonal counts as ones. A large triangle is best gone
    through once, `by_rows`, and a small one for each tile of columns.
    """
    name = "solve_rows" if by_rows else "solve"
    f = code.helper(name, ["ptr", "i64", "i64", "ptr"] + ["i64"] * 4)
    start, row, term, x, step, count, columns, unit = f.arguments
    a = Triangle(start, row, term)
    if by_rows:
        with f.loop(count, 0, height(kind)) as first:
            for tile, column in tiles(f, kind, columns):
                place = f.at(x, column, kind)
                solve_rows(Rows(tile, first, count), a, place, step, unit)
        return f
    for tile, column in tiles(f, kind, columns):
        place = f.at(x, column, kind)
        with f.loop(count, 0, height(kind)) as first:
            solve_rows(Rows(tile, first, count), a, place, step, unit)
    return f


def lessen_function(code: Code, kind: str) -> Function:
    """A product of two matrices is taken off what is there.

    Arguments: the left matrix and its steps, the right one, results, the step to the
    next row of both, rows, columns, terms.
    """
    f = code.helper("lessen", ["ptr", "i64", "i64", "ptr", "ptr"] + ["i64"] * 4)
    left, row, term, right, x, step, count, columns, terms = f.arguments
    for tile, column in tiles(f, kind, columns):
        place, other = f.at(x, column, kind), f.at(right, column, kind)
        with f.loop(count, 0, height(kind)) as first:
            rows = Rows(tile, first, count)
            rows.read(place, step)
            rows.lessen(Triangle(left, row, term), other, step, terms)
            rows.write()
    return f


def fill(f: Function, target: Value, count: Value, number: float, kind: str) -> None:
    """Put one number into all elements."""
    with f.loop(count) as n:
        f.store(f.number(number, kind), target, n, kind)
