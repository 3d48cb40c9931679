"""Copies of rows whose elements lie side by side in the target, and in the source
a small step apart: backwards, every second to fourth one, the same one, or each several
times. Vectors are loaded whole and their elements put in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from .building import (
    BYTES,
    STORED,
    Code,
    Entry,
    Function,
    Value,
    count_of,
    lanes,
    vector,
)
from .outer_axes import starts_along

STEPS = (-1, 0, 1, 2, 3, 4)  # from one element of a row to the next in the source
TIMES = (2, 3, 4)  # as often is each element of a row written
PIECE = 16  # bytes of the vectors that short rows are moved in


@cache
def stepping_entry(size: int, step: int, times: int = 1) -> Entry:
    """The entry for elements of so many bytes; a strip of rows is a unit of work.

    The words are: target, source, further axes, rows, their strides in target and
    source, the rows of a strip, elements of a row in the source, how many of them are
    copied at a time, then for each further axis, outermost first: size, stride in
    target, stride in source.
    """
    kind = STORED[size]
    code = Code("step")
    f, words, start, stop = code.entry()
    target, source = (f.load(words, n, "i64", "ptr") for n in range(2))
    axes, rows, down, across, high, columns, piece = (
        f.load(words, n, "i64") for n in range(2, 9)
    )
    outer = f.at(words, 9, "i64")
    strips, pieces = (rows + high - 1) // high, (columns + piece - 1) // piece
    with f.loop(stop, start) as unit:
        column, row = unit % pieces * piece, unit // pieces % strips * high
        starts = row * down + column * times, row * across + column * step
        to, at = starts_along(f, outer, axes, unit // (pieces * strips), starts)
        begin, end = f.at(source, at, kind), f.at(target, to, kind)
        with f.loop((rows - row).minimum(high)) as r:
            line = f.at(begin, r * across, kind), f.at(end, r * down, kind)
            _row(f, kind, line, (columns - column).minimum(piece), (step, times))
    return code.finished()


def _row(
    f: Function,
    kind: str,
    line: tuple[Value, Value],
    columns: Value,
    way: tuple[int, int],
) -> None:
    """Copy a row: whole vectors, then what is left."""
    (begin, end), (step, times) = line, way
    lane = PIECE // BYTES[kind] if step == times == 1 else lanes(kind)
    # Where elements lie apart, those behind the last one may be nobody's.
    last = columns - 1 if step > 1 else columns
    whole = last // lane * lane
    with f.loop(whole, 0, lane) as n:
        for place, value in enumerate(_taken(f, kind, begin, n, lane, way)):
            f.store(value, end, n * times + place * lane, kind)
    with f.loop(columns, whole) as n:
        value = f.load(begin, n * step, kind)
        for place in range(times):
            f.store(value, end, n * times + place, kind)


def _taken(
    f: Function, kind: str, begin: Value, n: Value, lane: int, way: tuple[int, int]
) -> list[Value]:
    """The vectors that elements from a place on become."""
    (step, times), wide = way, vector(kind, lane)
    if step == 0:
        return [f.splat(f.load(begin, 0, kind), lane)]
    if step == -1:
        value = f.load(begin, n * -1 - (lane - 1), kind, wide)
        return [f.shuffle(value, value, range(lane)[::-1])]
    if step > 1:
        read = [f.load(begin, n * step + p * lane, kind, wide) for p in range(step)]
        return [_every(f, read, step)]
    value = f.load(begin, n, kind, wide)
    if times == 1:
        return [value]
    return [
        f.shuffle(value, value, [(place * lane + i) // times for i in range(lane)])
        for place in range(times)
    ]


def _every(f: Function, read: Sequence[Value], step: int) -> Value:
    """Every `step`-th element of vectors side by side."""
    lane, found = count_of(read[0].kind), read[0]
    for number, value in enumerate(read[1:], 1):
        picks = []
        for i in range(lane):
            of, place = divmod(i * step, lane)
            known = i * step if number == 1 else i  # those of the vectors before
            picks.append(known if of < number else lane + place)
        found = f.shuffle(found, value, picks)
    return found
