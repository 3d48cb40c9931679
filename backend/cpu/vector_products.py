"""Products of a matrix and a vector, bound by how fast the matrix is read.

A unit of work is some of the results. Where results lie side by side, rows of the
matrix times numbers of the vector are added up, several rows at a time; where terms do,
results are sums across lanes. Each result is the same however the work is cut.
"""

from __future__ import annotations

import math
from functools import cache

from ..recorded import jointly
from ..strided_arrays import StridedArray
from .building import Code, Entry, Function, Layout, Value, lanes, vector, vector_bytes
from .packed_code import of_batch
from .packed_numbers import Numbers
from .packed_products import batch_axes
from .pool import pool
from .special_base import ceildiv

LAYOUT = Layout(
    "matrix to_result to_term vector to_number out results terms length each rank"
)
ROWS = 8  # results of sums across lanes that are computed together
MOST = 2048  # results of a unit that lie side by side: they stay in the nearest cache
MULTIPLE = 64  # of results in a unit: threads do not share a line of memory
WORTH = 1 << 16  # multiplications that are worth a thread


def is_one(x: StridedArray, y: StridedArray) -> bool:
    """Whether one of two operands is a vector, or each of a batch is."""
    return min(x.ndim, y.ndim) < 2 or x.shape[-2] == 1 or y.shape[-1] == 1


def reads(array: StridedArray) -> bool:
    """Whether an operand may lie as it does: its elements or those of an axis dense."""
    pairs = zip(array.shape[-2:], array.steps[-2:], strict=True)
    axes = [step for size, step in pairs if size != 1]
    return not axes or 1 in axes


@cache
def vector_entry(numbers: Numbers) -> Entry:
    """The entries of the two ways: results side by side, terms side by side."""
    code = Code("vector")
    _entry(code, numbers, _by_rows(code, numbers))
    _entry(code, numbers, _across(code, numbers))
    return code.finished()


def product(
    x: StridedArray, y: StridedArray, out: StridedArray
) -> tuple[int, list[int], int, int]:
    """Which entry computes `out = x @ y`, its words, units and grain."""
    if x.ndim == 1:
        x = _with_shape(x, (1, *x.shape), (0, *x.steps))
        out = _with_shape(out, (*out.shape[:-1], 1, *out.shape[-1:]))
    if y.ndim == 1:
        y = _with_shape(y, (*y.shape, 1), (*y.steps, 0))
        out = _with_shape(out, (*x.shape[:-1], 1))
    axes = batch_axes(x, y, out) if out.ndim > 2 else []
    terms = x.shape[-1]
    if y.shape[-1] == 1:
        matrix, number = x, y
        to_result, to_term, to_number = *x.steps[-2:], y.steps[-2]
        results = x.shape[-2]
    else:
        matrix, number = y, x
        to_term, to_result, to_number = *y.steps[-2:], x.steps[-1]
        results = y.shape[-1]
        for axis in range(0, len(axes), 4):
            axes[axis + 1 : axis + 3] = axes[axis + 2 : axis : -1]
    across = int((to_result != 1 and results != 1) or (results == 1 and to_term == 1))
    count = math.prod(axes[::4])
    length, each, least = _cut(across, count, results, terms)
    words = LAYOUT.words(
        matrix=matrix.address, to_result=to_result, to_term=to_term,
        vector=number.address, to_number=to_number, out=out.address,
        results=results, terms=terms, length=length, each=each, rank=len(axes) // 4,
    )  # fmt: skip
    return across, [*words, *axes], count * each, least


def _with_shape(
    array: StridedArray, shape: tuple[int, ...], steps: tuple[int, ...] | None = None
) -> StridedArray:
    return StridedArray(array.address, shape, array.dtype, steps)


@jointly
def _cut(across: int, count: int, results: int, terms: int) -> tuple[int, int, int]:
    """The results of a unit, the units of a product, and those worth a thread."""
    length = ROWS
    if not across:
        parts = min(pool().threads, results * terms // WORTH) if count == 1 else 1
        length = ceildiv(ceildiv(results, max(1, parts)), MULTIPLE) * MULTIPLE
        length = min(length, MOST)
    each = ceildiv(results, length)
    return length, each, grain(count * each, count * results * terms)


def grain(units: int, work: int) -> int:
    """The units that are worth a thread."""
    return max(1, min(units, WORTH * units // max(1, work)))


def _entry(code: Code, numbers: Numbers, compute: Function) -> None:
    """An entry over the units of all products of a batch."""
    f, words, start, stop = code.entry()
    read = LAYOUT.reader(f, words)
    length, each, rank = read("length"), read("each"), read("rank")
    steps = [read(name) for name in ("to_result", "to_term", "to_number")]
    bases = [read(name, "ptr") for name in ("matrix", "vector", "out")]
    with f.loop(stop, start) as number:
        axes = f.at(words, LAYOUT.end, "i64")
        kinds = numbers.stored, numbers.stored, numbers.sums
        matrix, given, out = of_batch(f, axes, rank, bases, number // each, kinds)
        first = number % each * length
        f.call(
            compute,
            f.at(matrix, first * steps[0], numbers.stored), *steps, given,
            f.at(out, first, numbers.sums),
            (read("results") - first).minimum(length), read("terms"),
        )  # fmt: skip


ARGUMENTS = ("ptr", "i64", "i64", "i64", "ptr", "ptr", "i64", "i64")


def _by_rows(code: Code, numbers: Numbers) -> Function:
    """Results side by side: the sums are in the nearest cache, not in registers, so
    that long stretches of memory are read one after the other."""
    f = code.helper("by_rows", ARGUMENTS)
    _, _, _, _, _, out, results, terms = f.arguments
    f.clear(out, results, numbers.sums)
    start = f.number(0)
    for group in (16, 4, 1) if vector_bytes() == 64 else (8, 2, 1):
        stop = terms // group * group
        with f.loop(stop, start, group) as term:
            _add_rows(f, numbers, term, group)
        start = stop
    return f


def _add_rows(f: Function, numbers: Numbers, first: Value, group: int) -> None:
    """Add some rows of the matrix, from one on, each times its number."""
    matrix, _, to_term, to_number, given, out, results, _ = f.arguments
    stored, sums = numbers.stored, numbers.sums
    lane = lanes(sums)
    wide, whole = vector(sums, lane), results // lane * lane
    terms = [first + n for n in range(group)]
    rows = [f.at(matrix, term * to_term, stored) for term in terms]
    places = [f.at(given, term * to_number, stored) for term in terms]
    factors = [f.splat(numbers.wide(f, place, None, 0), lane) for place in places]

    def added(total: Value, start: Value, mask: Value | None = None) -> Value:
        for row, factor in zip(rows, factors, strict=True):
            part = numbers.wide(f, f.at(row, start, stored), mask, lane)
            total = f.fma(factor, part, total)
        return total

    with f.loop(whole, 0, lane) as n:
        f.store(added(f.load(out, n, sums, wide), n), out, n, sums)
    with f.when(whole < results):
        mask = f.steps("i64", lane) < f.splat(results - whole, lane)
        place = f.at(out, whole, sums)
        total = added(f.masked_load(place, mask, wide), whole, mask)
        f.masked_store(total, place, mask)


def _across(code: Code, numbers: Numbers) -> Function:
    """Terms side by side: a vector of partial sums for each result."""
    f = code.helper("across", ARGUMENTS)
    results = f.arguments[6]
    many = results // ROWS * ROWS
    with f.loop(many, 0, ROWS) as first:
        _sums(f, numbers, first, ROWS)
    with f.loop(results, many) as first:
        _sums(f, numbers, first, 1)
    return f


def _sums(f: Function, numbers: Numbers, first: Value, rows: int) -> None:
    """Some results, from one on."""
    matrix, to_result, _, _, given, out, _, terms = f.arguments
    stored, sums = numbers.stored, numbers.sums
    lane = lanes(sums)
    wide, whole = vector(sums, lane), terms // lane * lane
    starts = [f.at(matrix, (first + n) * to_result, stored) for n in range(rows)]
    totals = [f.variable(f.number(0.0, wide)) for _ in range(rows)]

    def add(k: Value, mask: Value | None = None) -> None:
        def read(base: Value) -> Value:
            return numbers.wide(f, f.at(base, k, stored), mask, lane)

        factors = read(given)
        for start, total in zip(starts, totals, strict=True):
            total.set(f.fma(read(start), factors, total.get()))

    with f.loop(whole, 0, lane) as k:
        add(k)
    with f.when(whole < terms):
        add(whole, f.steps("i64", lane) < f.splat(terms - whole, lane))
    for n, total in enumerate(totals):
        f.store(f.across(total.get()), out, first + n, sums)
