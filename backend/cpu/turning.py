"""Copies that turn rows into columns, in squares as wide as a vector."""

from __future__ import annotations

from functools import cache

from .building import STORED, Code, Entry, lanes, vector
from .outer_axes import starts_along
from .packing_code import turned

WIDEST = 16  # elements of a side of a square, whose rows all lie in registers


def side(size: int) -> int:
    """How many elements of so many bytes are a side of a square."""
    return min(WIDEST, lanes(STORED[size]))


@cache
def turning_entry(size: int) -> Entry:
    """The entry for elements of so many bytes; a strip of rows is a unit of work.

    The words are: target, source, further axes, rows, their stride in the target,
    columns, their stride in the source, then for each further axis, outermost first:
    size, stride in target, stride in source. Rows lie side by side in the source, and
    columns in the target.
    """
    kind, wide = STORED[size], side(size)
    code = Code("turn")
    f, words, start, stop = code.entry()
    target, source = (f.load(words, n, "i64", "ptr") for n in range(2))
    axes, rows, down, columns, across = (
        f.load(words, n, "i64") for n in range(2, 7)
    )  # fmt: skip
    outer = f.at(words, 7, "i64")
    strips = (rows + wide - 1) // wide
    with f.loop(stop, start) as unit:
        row = unit % strips * wide
        to, at = starts_along(f, outer, axes, unit // strips, (row * down, row))
        begin, end = f.at(source, at, kind), f.at(target, to, kind)
        high = (rows - row).minimum(wide)
        whole = high.equals(wide).where(columns // wide * wide, 0)
        with f.loop(whole, 0, wide) as column:
            square = [
                f.load(begin, (column + n) * across, kind, vector(kind, wide))
                for n in range(wide)
            ]
            for n, line in enumerate(turned(f, square)):
                f.store(line, end, down * n + column, kind)
        with f.loop(columns, whole) as column, f.loop(high) as r:
            one = f.load(begin, column * across + r, kind)
            f.store(one, end, r * down + column, kind)
    return code.finished()
