"""A triangular system with one column: sums along the rows of the triangle.

Where its columns lie along memory instead, each unknown is taken off all that follow.
Terms go into as many sums as a vector has lanes, in an order that sizes alone decide.
"""

from __future__ import annotations

from collections.abc import Callable

from .building import Code, Function, Value, lanes, vector
from .factor_code import negated

LEAST = 8  # unknowns of a block


def column_function(code: Code, kind: str) -> Function:
    """A triangular system with one column is solved in place.

    Arguments: the triangle and its steps, the right side and its step, 1 or -1, rows,
    whether the diagonal counts as ones.
    """
    f = code.helper("column", ["ptr", "i64", "i64", "ptr", "i64", "i64", "i64"])
    term, step = f.arguments[2], f.arguments[4]
    along = term.equals(step)
    with f.when(along):
        Column(f, kind).solved(Column.by_rows)
    with f.when(~along):
        Column(f, kind).solved(Column.by_columns)
    return f


class Column:
    """The system while its code is written."""

    def __init__(self, f: Function, kind: str):
        self.f, self.kind, self.lane = f, kind, lanes(kind)
        self.wide = vector(kind, self.lane)
        self.a, self.row, self.term, self.x, self.step, self.count, self.unit = (
            f.arguments
        )
        # Vectors of numbers in falling order begin at the last one's place.
        self.shift = (self.step < 0).where(f.number(1 - self.lane), f.number(0))

    def solved(self, block: Callable[[Column, Value, int], None]) -> None:
        """Blocks of unknowns, then what is left one by one."""
        f, height = self.f, max(self.lane, LEAST)
        whole = self.count // height * height
        with f.loop(whole, 0, height) as first:
            block(self, first, height)
        with f.loop(self.count, whole) as first:
            block(self, first, 1)

    def element(self, row: Value, column: Value) -> Value:
        """An element of the triangle."""
        return self.f.load(self.a, row * self.row + column * self.term, self.kind)

    def vector(self, base: Value, place: Value) -> Value:
        """The address of a vector, by its first number's place."""
        return self.f.at(base, place * self.step + self.shift, self.kind)

    def by_rows(self, first: Value, height: int) -> None:
        """Take off what earlier unknowns give, a sum of products a row."""
        f, kind = self.f, self.kind
        starts = [f.at(self.a, (first + n) * self.row, kind) for n in range(height)]
        nothing = f.number(0.0, self.wide)
        sums = [f.variable(nothing) for _ in starts]
        whole = first // self.lane * self.lane
        with f.loop(whole, 0, self.lane) as k:
            known = f.load(self.vector(self.x, k), 0, kind, self.wide)
            for total, start in zip(sums, starts, strict=True):
                terms = f.load(self.vector(start, k), 0, kind, self.wide)
                total.set(f.fma(terms, known, total.get()))
        totals = [f.variable(f.across(total.get())) for total in sums]
        if height == 1:  # else the terms are whole vectors
            with f.loop(first, whole) as k:
                known = f.load(self.x, k * self.step, kind)
                more = f.fma(self.element(first, k), known, totals[0].get())
                totals[0].set(more)
        self._small(first, [total.get() for total in totals])

    def _small(self, first: Value, sums: list[Value]) -> list[Value]:
        """The unknowns of a block, in place; `sums` is what earlier ones give."""
        f, kind, found = self.f, self.kind, list[Value]()
        one = f.number(1.0, kind)
        for n, total in enumerate(sums):
            number = first + n
            value = f.load(self.x, number * self.step, kind) - total
            for before, known in enumerate(found):
                factor = negated(self.element(number, first + before))
                value = f.fma(factor, known, value)
            divisor = self.unit.differs(0).where(one, self.element(number, number))
            found.append(value / divisor)
            f.store(found[-1], self.x, number * self.step, kind)
        return found

    def by_columns(self, first: Value, height: int) -> None:
        """Take what a block of unknowns gives off all that follow."""
        f, kind = self.f, self.kind
        found = self._small(first, [f.number(0.0, kind)] * height)
        factors = [f.splat(negated(value), self.lane) for value in found]
        starts = [f.at(self.a, (first + n) * self.term, kind) for n in range(height)]
        begin = first + height
        whole = begin + (self.count - begin) // self.lane * self.lane
        with f.loop(whole, begin, self.lane) as row:
            place = self.vector(self.x, row)
            value = f.load(place, 0, kind, self.wide)
            for factor, start in zip(factors, starts, strict=True):
                terms = f.load(self.vector(start, row), 0, kind, self.wide)
                value = f.fma(factor, terms, value)
            f.store(value, place, 0, kind)
        self._rest(whole, factors, starts)

    def _rest(self, row: Value, factors: list[Value], starts: list[Value]) -> None:
        """The same for rows behind the last whole vector."""
        f, lane, left = self.f, self.lane, self.count - row
        steps = f.steps("i64", lane)
        falling = f.splat(self.step < 0, lane)
        mask = falling.where(
            steps >= f.splat(lane - left, lane), steps < f.splat(left, lane)
        )
        with f.when(left > 0):
            place = self.vector(self.x, row)
            value = f.masked_load(place, mask, self.wide)
            for factor, start in zip(factors, starts, strict=True):
                terms = f.masked_load(self.vector(start, row), mask, self.wide)
                value = f.fma(factor, terms, value)
            f.masked_store(value, place, mask)
