"""The code of QR factors: reflections of Householder, for small matrices.

A reflection takes tau times v times the product of v and a matrix off that matrix. v
has a 1 where it begins, and its other numbers stand in the column that it clears.
"""

from __future__ import annotations

from functools import cache

from .building import BYTES, Code, Entry, Function, Layout, Value
from .factor_code import tiles

QR = Layout("source q r scratch rows columns count steps total parts pitch")


@cache
def qr_entry(kind: str) -> Entry:
    """A part of all matrices is a unit of work, with scratch memory of its own."""
    code = Code("qr")
    reflect = _reflect_function(code, kind)
    f, words, start, stop = code.entry()
    read = QR.reader(f, words)
    rows, columns, count, steps = (
        read(name) for name in ("rows", "columns", "count", "steps")
    )
    with f.loop(stop, start) as unit:
        a = f.at(read("scratch", "ptr"), unit * read("pitch"), kind)
        taus = f.at(a, rows * columns, kind)
        total, parts = read("total"), read("parts")
        end = (unit + 1) * total // parts
        with f.loop(end, unit * total // parts) as number:
            given = f.at(read("source", "ptr"), number * rows * columns, kind)
            q = f.at(read("q", "ptr"), number * rows * count, kind)
            r = f.at(read("r", "ptr"), number * count * columns, kind)
            f.copy(a, given, rows * columns, kind)
            with f.loop(steps) as k:
                top, tau = f.at(a, k * columns + k, kind), f.at(taus, k, kind)
                _direction(f, kind, top, columns, rows - k, tau)
                row = f.at(a, k * columns, kind)
                f.call(reflect, top, columns, row, columns, rows - k, k + 1, columns,
                       tau)  # fmt: skip
            _put_upper(f, kind, a, r, columns, count)
            _put_unit(f, kind, q, rows, count)
            with f.loop(steps) as done:
                k = steps - 1 - done
                top, tau = f.at(a, k * columns + k, kind), f.at(taus, k, kind)
                row = f.at(q, k * count, kind)
                f.call(reflect, top, columns, row, count, rows - k, k, count, tau)
    return code.finished()


def _reflect_function(code: Code, kind: str) -> Function:
    """Some columns of a matrix are reflected.

    Arguments: where v begins and the step to its next number; the row of the matrix
    where it begins and the step to its next row; how many rows, the first column, the
    one behind the last, and where tau is.
    """
    f = code.helper("reflect", ["ptr", "i64", "ptr", "i64", "i64", "i64", "i64", "ptr"])
    v, apart, x, step, rows, first, end, place = f.arguments
    tau = f.load(place, 0, kind)
    for tile, column in tiles(f, kind, end, first):
        top = f.at(x, column, kind)
        sums = [f.variable(value) for value in tile.read(top)]
        with f.loop(rows, 1) as i:
            row = tile.read(f.at(top, i * step, kind))
            tile.add(sums, f.load(v, i * apart, kind), row)
        wide = f.splat(tau, tile.lane)
        shares = [total.get() * wide for total in sums]
        pairs = zip(tile.read(top), shares, strict=True)
        tile.write([value - share for value, share in pairs], top)
        with f.loop(rows, 1) as i:
            at = f.at(top, i * step, kind)
            factor = f.load(v, i * apart, kind)
            tile.write(tile.less(tile.read(at), factor, shares), at)
    return f


def _direction(
    f: Function, kind: str, top: Value, step: Value, rows: Value, tau: Value
) -> None:
    """A column becomes the number that stays of it, and v; nothing if it has no more.

    Squares are those of numbers that are at most 1, as others may be infinite.
    """
    whole = f"i{8 * BYTES[kind]}"
    mask = (1 << (8 * BYTES[kind] - 1)) - 1

    def size(value: Value) -> Value:
        """The bits of an absolute value, in whose order NaN is the largest."""
        return value.cast("bitcast", whole) & mask

    alpha, zero = f.load(top, 0, kind), f.number(0.0, kind)
    largest = f.variable(f.number(0, whole))
    with f.loop(rows, 1) as i:
        largest.set(largest.get().maximum(size(f.load(top, i * step, kind))))
    f.store(zero, tau, 0, kind)
    with f.when(largest.get().cast("bitcast", kind).differs(0.0)):
        scale = largest.get().maximum(size(alpha)).cast("bitcast", kind)
        first = alpha / scale
        squares = f.variable(first * first)
        with f.loop(rows, 1) as i:
            value = f.load(top, i * step, kind) / scale
            squares.set(f.fma(value, value, squares.get()))
        length = f.root(squares.get())
        beta = (first >= 0.0).where(length * -1.0, length)
        f.store((beta - first) / beta, tau, 0, kind)
        divisor = (first - beta) * scale
        with f.loop(rows, 1) as i:
            f.store(f.load(top, i * step, kind) / divisor, top, i * step, kind)
        f.store(beta * scale, top, 0, kind)


def _put_upper(
    f: Function, kind: str, a: Value, r: Value, columns: Value, count: Value
) -> None:
    """The upper half of a matrix, zeros below."""
    with f.loop(count) as i:
        left, at = i.minimum(columns), i * columns
        f.clear(f.at(r, at, kind), left, kind)
        ends = f.at(r, at + left, kind), f.at(a, at + left, kind)
        f.copy(*ends, columns - left, kind)


def _put_unit(f: Function, kind: str, q: Value, rows: Value, count: Value) -> None:
    """A unit matrix, of which columns or rows may be cut off."""
    f.clear(q, rows * count, kind)
    with f.loop(count) as n:
        f.store(f.number(1.0, kind), q, n * (count + 1), kind)
