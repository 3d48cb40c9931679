"""Products for few results and many terms: vectors lie along what is summed.

The terms of a tap lie side by side in the input. A sum is kept in lanes until its end,
then the lanes are added up in halves.
"""

from __future__ import annotations

from typing import NamedTuple

from .building import Code, Function, Value, count_of, element, lanes, vector

MOST = 4  # results of a place
PLACES = 4  # that are computed together


def is_few(filters: int, inner: int, kind: str) -> bool:
    """Whether vectors lie better along the terms than along the results."""
    return filters <= MOST and 2 * inner >= lanes(kind)


def padded(inner: int, kind: str) -> int:
    """The terms of a tap in whole vectors."""
    lane = lanes(kind)
    return -(-inner // lane) * lane


def folded(f: Function, value: Value) -> Value:
    """The sum of the lanes."""
    count = count_of(value.kind)
    while count > 1:
        half = count // 2
        low = f.shuffle(value, value, range(half))
        value = low + f.shuffle(value, value, range(half, count))
        count = half
    return f.emit(element(value.kind), f"extractelement {value}, i32 0")


def few_function(code: Code, kind: str, filters: int, inner: int) -> Function:
    """Sums over taps and their terms for places.

    Arguments: input, offsets of the places and their count, offsets of the taps and
    their count, weights, those from a result to the next, results, their offsets.
    """
    kinds = ["ptr", "ptr", "i64", "ptr", "i64", "ptr", "i64", "ptr", "ptr"]
    f = code.helper("few", kinds)
    base, rows, count, offsets, taps, weights, pitch, out, targets = f.arguments
    lane, wide = lanes(kind), padded(inner, kind)
    whole, even = vector(kind, lane), inner // lane * lane
    mask = f.steps("i64", lane) < f.splat(f.number(inner - even), lane)
    with f.loop(count, 0, PLACES) as first:
        starts = [f.load(rows, first + n, "i64") for n in range(PLACES)]
        zero = f.number(0.0, whole)
        sums = [[f.variable(zero) for _ in range(filters)] for _ in starts]

        def add(tap: Value, at: Value, tail: bool) -> None:
            term, offset = tap * wide + at, f.load(offsets, tap, "i64") + at
            factors = [
                f.load(weights, term + pitch * n, kind, whole) for n in range(filters)
            ]
            for start, totals in zip(starts, sums, strict=True):
                place = f.at(base, start + offset, kind)
                value = f.load(place, 0, kind, whole) if not tail else None
                value = value or f.masked_load(place, mask, whole)
                for one, factor in zip(totals, factors, strict=True):
                    one.set(f.fma(value, factor, one.get()))

        with f.loop(taps) as tap:
            with f.loop(even, 0, lane) as at:
                add(tap, at, False)
            if even < inner:
                add(tap, f.number(even), True)
        for n, totals in enumerate(sums):
            target = f.load(targets, first + n, "i64")
            for number, one in enumerate(totals):
                f.store(folded(f, one.get()), out, target + number, kind)
    return f


class Packing(NamedTuple):
    """Where the weights of a tap are, their steps, and where they go."""

    source: Value
    inner: Value
    outer: Value
    target: Value
    pitch: Value


def few_packing(f: Function, kind: str, filters: int, inner: int, at: Packing) -> None:
    """The weights of a tap, the terms of each result side by side with zeros behind."""
    wide = padded(inner, kind)
    with f.loop(filters) as number:
        to = f.at(at.target, number * at.pitch, kind)
        source = f.at(at.source, number * at.outer, kind)
        with f.loop(inner) as i:
            f.store(f.load(source, i * at.inner, kind), to, i, kind)
        f.clear(f.at(to, inner, kind), f.number(wide - inner), kind)
