"""What native attention is made of: products of tiles, turned tiles, exponentials.

Queries lie along vectors: a tile of scores has a row for each key, `PITCH` long. Keys
and values are then read as they lie, and rows of weights need no sums across lanes.
"""

from __future__ import annotations

from typing import NamedTuple

from ..loops.formats import LOG2E, SINGLE
from .building import Code, Function, Value, lanes, vector, vector_bytes
from .packing_code import turned

KIND = "float"
PITCH = 64  # queries of a tile
KEYS = 96  # keys of a tile: a multiple of the rows of any block
LANE = lanes(KIND)
WIDE = vector(KIND, LANE)
STEP = 2 * LANE  # columns of a block


class Rows(NamedTuple):
    """Rows of a matrix: where the first one is, and the step to the next."""

    start: Value
    step: Value

    def at(self, number: Value) -> Rows:
        """The rows from a number on."""
        return Rows(self.start.f.at(self.start, number * self.step, KIND), self.step)


def block_rows() -> int:
    """The rows of a block of results, which the registers hold with its operands."""
    return 12 if vector_bytes() == 64 else 6


def product_function(code: Code) -> Function:
    """A product of two matrices, in place or added to what is there.

    Arguments: left matrix and its strides, right matrix and its stride, results and
    theirs, rows, columns, terms, whether results are added to.
    """
    kinds = ["ptr", "i64", "i64", "ptr", "i64", "ptr"] + ["i64"] * 5
    f = code.helper("product", kinds)
    rows, columns = f.arguments[7:9]
    whole = columns // STEP * STEP
    for vectors, start, stop in ((2, f.number(0), whole), (1, whole, columns)):
        with f.loop(stop, start, vectors * LANE) as column:
            mask = None
            if vectors == 1:
                mask = f.steps("i64", LANE) < f.splat(columns - column, LANE)
            with f.loop(rows, 0, block_rows()) as first:
                _block(f, vectors, first, column, mask)
    return f


def _block(
    f: Function, vectors: int, first: Value, column: Value, mask: Value | None
) -> None:
    """Results of a block, kept in registers while the sum over the terms runs.

    Behind the last row of a matrix the block has that row again, with equal results.
    """
    a, a_row, a_term, b, b_term, c, c_row, rows, _, depth, more = f.arguments
    height, last = block_rows(), rows - 1
    numbers = [(first + r).minimum(last) for r in range(height)]
    bases = [f.at(a, number * a_row, KIND) for number in numbers]
    targets = [f.at(c, number * c_row + column, KIND) for number in numbers]
    right = f.at(b, column, KIND)
    sums = [f.variable(f.number(0.0, WIDE)) for _ in range(height * vectors)]
    places = [(divmod(n, vectors), one) for n, one in enumerate(sums)]

    def load(base: Value, v: int) -> Value:
        place = f.at(base, v * LANE, KIND)
        return (
            f.load(place, 0, KIND, WIDE)
            if mask is None
            else f.masked_load(place, mask, WIDE)
        )

    with f.when(more.differs(0)):
        for (r, v), one in places:
            one.set(load(targets[r], v))
    with f.loop(depth) as k:
        row, offset = f.at(right, k * b_term, KIND), k * a_term
        parts = [load(row, v) for v in range(vectors)]
        for r in range(height):
            factor = f.splat(f.load(bases[r], offset, KIND), LANE)
            for v in range(vectors):
                one = sums[r * vectors + v]
                one.set(f.fma(factor, parts[v], one.get()))
    for (r, v), one in places:
        place = f.at(targets[r], v * LANE, KIND)
        if mask is None:
            f.store(one.get(), place, 0, KIND)
        else:
            f.masked_store(one.get(), place, mask)


def turned_function(code: Code, kind: str = KIND) -> Function:
    """Rows of queries as columns of a tile; truth values become whole numbers.

    Arguments: source, its stride, rows, columns, target, and a factor unless `kind`
    is that of truth values.
    """
    plain = kind == KIND
    kinds = ["ptr", "i64", "i64", "i64", "ptr", *([KIND] if plain else [])]
    f = code.helper(f"turned_{kind}", kinds)
    source, stride, rows, columns, target, *factor = f.arguments
    held = KIND if plain else "i32"

    def load(row: Value, column: Value, count: int) -> Value:
        of = vector(kind, count) if count else kind
        found = f.load(source, row * stride + column, kind, of)
        if not plain:
            return found.cast("zext", vector("i32", count) if count else "i32")
        return found * (f.splat(factor[0], count) if count else factor[0])

    def store(value: Value, row: Value, column: Value) -> None:
        f.store(value, target, column * PITCH + row, held)

    down, across = rows // LANE * LANE, columns // LANE * LANE
    with f.loop(down, 0, LANE) as row:
        with f.loop(across, 0, LANE) as column:
            block = [load(row + r, column, LANE) for r in range(LANE)]
            for c, each in enumerate(turned(f, block)):
                store(each, row, column + c)
        with f.loop(columns, across) as column, f.loop(LANE) as r:
            store(load(row + r, column, 0), row + r, column)
    with f.loop(rows, down) as row, f.loop(columns) as column:
        store(load(row, column, 0), row, column)
    return f


def spread_function(code: Code, kind: str = KIND) -> Function:
    """One row for all queries as a tile. Arguments: source, columns, target."""
    f = code.helper(f"spread_{kind}", ["ptr", "i64", "ptr"])
    source, columns, target = f.arguments
    held = KIND if kind == KIND else "i32"
    with f.loop(columns) as column:
        one = f.load(source, column, kind)
        one = one if kind == KIND else one.cast("zext", held)
        value = f.splat(one, LANE)
        for start in range(0, PITCH, LANE):
            f.store(value, target, column * PITCH + start, held)
    return f


def dense_function(code: Code) -> Function:
    """Rows side by side: far apart, few of them would share the cache.

    Arguments: source, its stride, rows, columns, target.
    """
    f = code.helper("dense", ["ptr", "i64", "i64", "i64", "ptr"])
    source, stride, rows, columns, target = f.arguments
    whole = columns // LANE * LANE
    with f.loop(rows) as row:
        at, to = f.at(source, row * stride, KIND), f.at(target, row * columns, KIND)
        with f.loop(whole, 0, LANE) as n:
            f.store(f.load(at, n, KIND, WIDE), to, n, KIND)
        with f.loop(columns, whole) as n:
            f.store(f.load(at, n, KIND), to, n, KIND)
    return f


def scaled_function(code: Code) -> Function:
    """Rows times a number each. Arguments: rows, their stride, count, length, and the
    numbers."""
    f = code.helper("scaled", ["ptr", "i64", "i64", "i64", "ptr"])
    base, stride, count, length, numbers = f.arguments
    whole = length // LANE * LANE
    with f.loop(count) as row:
        at, factor = f.at(base, row * stride, KIND), f.load(numbers, row, KIND)
        wide = f.splat(factor, LANE)
        with f.loop(whole, 0, LANE) as n:
            f.store(f.load(at, n, KIND, WIDE) * wide, at, n, KIND)
        with f.loop(length, whole) as n:
            f.store(f.load(at, n, KIND) * factor, at, n, KIND)
    return f


def exponential(f: Function, x: Value) -> Value:
    """exp of a vector, as loop kernels have it."""

    def number(value: float) -> Value:
        return f.number(value, x.kind)

    shifted = f.fma(x, number(LOG2E), number(SINGLE.round))
    n = shifted - SINGLE.round
    (high, low), (least, most) = SINGLE.ln2, SINGLE.ends
    r = f.fma(n, number(-high), x)
    r = f.fma(n, number(-low), r)
    value = number(SINGLE.exp[-1])
    for coefficient in reversed(SINGLE.exp[:-1]):
        value = f.fma(value, r, number(coefficient))
    value = f.fma(r * r, value, r) + 1.0
    whole = vector("i32", LANE)
    bits = value.cast("bitcast", whole) + (
        shifted.cast("bitcast", whole) << SINGLE.mantissa
    )
    found = bits.cast("bitcast", x.kind)
    found = (x < least).where(0.0, found)
    return (x <= most).where(found, x + float("inf"))


def finite(f: Function, x: Value) -> Value:
    """x where it is a finite number, else 0."""
    size = f.intrinsic(f"llvm.fabs.v{LANE}f32", x.kind, x)
    return (size < float("inf")).where(x, 0.0)
