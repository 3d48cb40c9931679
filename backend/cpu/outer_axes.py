"""Where a unit of work begins that lies at one place of some outer axes."""

from __future__ import annotations

from collections.abc import Sequence

from .building import Function, Value


def starts_along(
    f: Function, outer: Value, axes: Value, index: Value, starts: Sequence[Value]
) -> list[Value]:
    """Offsets in several arrays, from `starts` on, of the place with a number.

    At `outer` lie for each of the axes, outermost first, its size and its stride in
    each of the arrays.
    """
    left, found = f.variable(index), [f.variable(start) for start in starts]
    words = 1 + len(found)
    with f.loop(axes) as turn:
        axis = f.at(outer, (axes - 1 - turn) * words, "i64")
        size, *strides = (f.load(axis, n, "i64") for n in range(words))
        place = left.get() % size
        left.set(left.get() // size)
        for offset, stride in zip(found, strides, strict=True):
            offset.set(offset.get() + place * stride)
    return [offset.get() for offset in found]
