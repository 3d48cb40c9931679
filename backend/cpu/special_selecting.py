"""The places of the few largest elements of rows, without an order of all.

An element and its place are one number of 64 bits, larger for earlier places, and the
best numbers so far stand in falling order. Vectors of elements are compared with the
last of them, and what is above it is put in. Long rows are looked at twice: of the
largest elements in each of many columns, the k-th says what need not be put in at all,
so that rising rows take no longer than others.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ...graph.node import Node
from ...graph.ops.sorting import FEW
from .building import Code, Entry, Function, Layout, Value, Variable, lanes, vector
from .special_base import Special, Work, grain, special
from .special_sorting import KINDS, LAST, rising_key

LAYOUT = Layout("source out scratch size count")
COLUMNS = 256  # of rows of `LONG` elements and more
FEWER = 64  # of those that have a quarter of these at least
LONG = 4 * COLUMNS
LEAST = -(1 << 31)


@special("largest_places")
class LargestPlaces(Special):
    """Positions of the k largest elements of a row, NaN first, ties as they stand."""

    def accepts(self, node: Node) -> bool:
        few = 0 < node.attributes["k"] <= FEW
        return few and node.inputs[0].dtype.short in KINDS

    def entry(self, node: Node) -> Entry:
        return largest_entry(KINDS[node.inputs[0].dtype.short])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        rows, size = math.prod(operands[0].shape[:-1]), operands[0].shape[-1]
        steps = rows * (size // 2 + 4 * attributes["k"] ** 2)
        return (Work(rows, grain(rows, steps)),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x,), (out,) = operands, results
        return LAYOUT.words(
            source=x.address, out=out.address, scratch=scratch,
            size=x.shape[-1], count=attributes["k"],
        )  # fmt: skip


@cache
def largest_entry(kind: str) -> Entry:
    """A row is a unit of work."""
    code = Code("largest")
    f, words, start, stop = code.entry()
    read = LAYOUT.reader(f, words)
    source, out = read("source", "ptr"), read("out", "ptr")
    size, count = read("size"), read("count")
    f.places.append(f"  %best = alloca [{FEW} x i64]")
    f.places.append(f"  %columns = alloca [{COLUMNS} x i32], align 64")
    best = Best(f, Value(f, "ptr", "%best"), count)
    with f.loop(stop, start) as unit:
        row = f.at(source, unit * size, kind)
        below = f.variable(f.number(LEAST, "i32"))
        with f.when(size >= 4 * FEWER):
            columns = (size >= LONG).where(f.number(COLUMNS), FEWER)
            peaks = _column_peaks(f, row, size, kind, columns)
            best.select(peaks, columns, "i32", below.get())
            # At least as many elements as are wanted are no smaller than this one.
            below.set(best.last().maximum(LEAST + 1) - 1)
        best.select(row, size, kind, below.get())
        best.tell(out, unit * count)
    return code.finished()


def _column_peaks(
    f: Function, row: Value, size: Value, kind: str, columns: Value
) -> Value:
    """The keys of the largest elements in the columns of a row's whole lines."""
    lane, peaks = lanes("i32"), Value(f, "ptr", "%columns")
    wide = vector("i32", lane)
    with f.loop(columns, 0, lane) as n:
        f.store(f.number(LEAST, wide), peaks, n, "i32")
    lines = size // columns * columns
    with f.loop(lines, 0, columns) as line, f.loop(columns, 0, lane) as n:
        key = rising_key(f, f.load(row, line + n, kind, vector(kind, lane)))
        peak = f.load(peaks, n, "i32", wide)
        f.store(key.maximum(peak), peaks, n, "i32")
    return peaks


class Best:
    """The largest numbers so far, in falling order."""

    def __init__(self, f: Function, numbers: Value, count: Value):
        self.f, self.numbers, self.count = f, numbers, count

    def select(self, row: Value, size: Value, kind: str, below: Value) -> None:
        """Find them in a row, of which what is not above a key may be left out."""
        f, lane = self.f, lanes(kind)
        with f.loop(self.count) as n:
            f.store(f.number(-(1 << 63)), self.numbers, n, "i64")
        # The first ones are all put in.
        with f.loop(self.count) as n:
            self._put(rising_key(f, f.load(row, n, kind)), n)
        bound = f.variable(below.maximum(self.last()))
        whole = self.count + (size - self.count) // lane * lane
        with f.loop(whole, self.count, lane) as n:
            keys = rising_key(f, f.load(row, n, kind, vector(kind, lane)))
            above = keys > f.splat(bound.get(), lane)
            mask = above.cast("bitcast", f"i{lane}").cast("zext", "i64")
            with f.when(mask.differs(0)):
                self._put_several(row, n, kind, mask)
                bound.set(below.maximum(self.last()))
        with f.loop(size, whole) as n:
            key = rising_key(f, f.load(row, n, kind))
            with f.when(key > bound.get()):
                self._put(key, n)
                bound.set(below.maximum(self.last()))

    def _put_several(self, row: Value, n: Value, kind: str, mask: Value) -> None:
        """Put in those elements of a vector that a mask names."""
        f = self.f
        left = f.variable(mask)
        with f.loop(f.intrinsic("llvm.ctpop.i64", "i64", mask)):
            known = f.number(1, "i1")
            lane = f.intrinsic("llvm.cttz.i64", "i64", left.get(), known)
            self._put(rising_key(f, f.load(row, n + lane, kind)), n + lane)
            left.set(left.get() & (left.get() - 1))

    def _put(self, key: Value, place: Value) -> None:
        """Put in one element; the last number falls out."""
        f = self.f
        number = (key.cast("sext", "i64") << 32) | (f.number(LAST) - place)
        moved: Variable = f.variable(number)
        with f.loop(self.count) as n:
            old, new = f.load(self.numbers, n, "i64"), moved.get()
            f.store(old.maximum(new), self.numbers, n, "i64")
            moved.set(old.minimum(new))

    def last(self) -> Value:
        """The key of the last number."""
        f = self.f
        number = f.load(self.numbers, self.count - 1, "i64")
        return (number >> 32).cast("trunc", "i32")

    def tell(self, out: Value, first: Value) -> None:
        """Write down where the elements stand."""
        f = self.f
        with f.loop(self.count) as n:
            number = f.load(self.numbers, n, "i64")
            place = (f.number(LAST) - (number & LAST)).cast("trunc", "i32")
            f.store(place, out, first + n, "i32")
