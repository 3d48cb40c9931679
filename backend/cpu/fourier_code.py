"""The code of Fourier sums: lines along an axis, as many as a vector has lanes.

Lines are brought into scratch memory, element by element a vector, and go through
passes (Stockham), each for a factor of the length. `special_fourier.py` has the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from .building import (
    BYTES,
    Code,
    Entry,
    Function,
    Layout,
    Value,
    lanes,
    mangled,
    vector,
)

HEAD = Layout("real imaginary out_real out_imaginary scratch")
AXIS = Layout("size inner lines groups parts pitch length passes radices powers chirp"
              " response")  # fmt: skip
Pair = tuple[Value, Value]


@cache
def fourier_entry(kind: str, count: int, inverse: bool) -> Entry:
    """An entry for each axis; the first reads the operands, the others the results."""
    code = Code("fourier")
    parts = Parts(code, kind)
    for place in range(count):
        f, words, start, stop = code.entry()
        head = HEAD.reader(f, words)
        read = AXIS.reader(f, f.at(words, HEAD.end + place * AXIS.end, "i64"))
        results = [head(name, "ptr") for name in ("out_real", "out_imaginary")]
        sources = [head(name, "ptr") for name in ("real", "imaginary")]
        sources = results if place else sources
        if inverse:  # the inverse of a number is that of its parts exchanged
            sources, results = sources[::-1], results[::-1]
        with f.loop(stop, start) as unit:
            buffer = f.at(head("scratch", "ptr"), unit * read("pitch"), kind)
            groups, count_parts = read("groups"), read("parts")
            first = unit * groups // count_parts
            with f.loop((unit + 1) * groups // count_parts, first) as group:
                parts.transformed(f, words, read, buffer, group, sources, results)
    return code.finished()


class Parts:
    """The functions that the entries call, for lines of one type."""

    def __init__(self, code: Code, kind: str):
        self.kind, self.lane = kind, lanes(kind)
        self.wide = vector(kind, self.lane)
        ends = ["ptr", "ptr", "i64", "i64", "i64", "i64"]
        self.fetch = code.helper("fetch", ["ptr", *ends])
        self.put = code.helper("put", ["ptr", *ends])
        self.scale = code.helper("scale", ["ptr", "ptr", "ptr", "i64", "i64", "i64"])
        self.passes = code.helper("passes", ["ptr", "ptr", "ptr", "ptr", "i64", "i64"])
        self._moves(self.fetch, fetches=True)
        self._moves(self.put, fetches=False)
        self._write_scale()
        self._write_passes()

    def transformed(
        self,
        f: Function,
        words: Value,
        read: Any,
        buffer: Value,
        group: Value,
        sources: Sequence[Value],
        results: Sequence[Value],
    ) -> None:
        """The lines of a group, from memory through the passes to memory."""
        size, length, passes = read("size"), read("length"), read("passes")
        lines = [group, read("inner"), size, read("lines")]
        other = f.at(buffer, length * (2 * self.lane), self.kind)
        # After an odd number of passes the result is where they did not begin.
        odd = (passes % 2).equals(1)
        begin, end = odd.where(other, buffer), odd.where(buffer, other)
        radices, powers, chirp, response = (
            f.at(words, read(name), "i64")
            for name in ("radices", "powers", "chirp", "response")
        )
        through = (begin, end, radices, powers, passes, length)
        no, yes = f.number(0), f.number(1)
        f.call(self.fetch, begin, *sources, *lines)
        with f.when(read("chirp").equals(0)):
            f.call(self.passes, *through)
        with f.when(read("chirp").differs(0)):
            f.call(self.scale, begin, begin, chirp, size, no, no)
            rest = (length - size) * (2 * self.lane)
            behind = f.at(begin, size * (2 * self.lane), self.kind)
            f.clear(behind, rest, self.kind)
            f.call(self.passes, *through)
            f.call(self.scale, buffer, begin, response, length, no, yes)
            f.call(self.passes, *through)
            f.call(self.scale, buffer, buffer, chirp, size, yes, no)
        f.call(self.put, buffer, *results, *lines)

    def _moves(self, f: Function, fetches: bool) -> None:
        """Lines between an array and scratch memory, where a number's parts are two
        vectors."""
        buffer, real, imaginary, group, inner, size, lines = f.arguments
        lane, first = self.lane, group * self.lane
        outer = first // inner * (size * inner)
        parts = (real, 0), (imaginary, 1)
        near = (inner % lane).equals(0)
        with f.when(near):
            base = outer + first % inner
            with f.loop(size) as n:
                for part, place in parts:
                    at = f.at(part, base + n * inner, self.kind)
                    own = f.at(buffer, (n * 2 + place) * lane, self.kind)
                    source, target = (at, own) if fetches else (own, at)
                    f.store(
                        f.load(source, 0, self.kind, self.wide), target, 0, self.kind
                    )
        with f.when(~near):
            whole = inner.equals(1) & (first + lane <= lines)
            done = whole.where(size // lane * lane, f.number(0))
            with f.loop(done, 0, lane) as n:
                for part, place in parts:
                    block = f.at(part, outer + n, self.kind), size
                    own = f.at(buffer, (n * 2 + place) * lane, self.kind)
                    pair = own, f.number(2 * lane)
                    ends = (block, pair) if fetches else (pair, block)
                    self._turn_block(f, *ends)
            places, mask = self._places(f, first, inner, size, lines)
            with f.loop(size, done) as n:
                for part, place in parts:
                    row = f.at(part, n * inner, self.kind)
                    step = f"getelementptr {self.kind}, {row}, {places}"
                    at = f.emit(vector("ptr", lane), step)
                    own = f.at(buffer, (n * 2 + place) * lane, self.kind)
                    self._move_apart(f, at, mask, own, fetches)

    def _places(
        self, f: Function, first: Value, inner: Value, size: Value, lines: Value
    ) -> tuple[Value, Value]:
        """Where each line of a group begins, and whether there is such a line."""
        each = f.steps("i64", self.lane) + f.splat(first, self.lane)
        wide = f.splat(inner, self.lane)
        outer = each // wide * f.splat(size * inner, self.lane)
        return outer + each % wide, each < f.splat(lines, self.lane)

    def _move_apart(
        self, f: Function, at: Value, mask: Value, own: Value, fetches: bool
    ) -> None:
        """A vector whose elements have addresses of their own in an array."""
        kinds = f"{mangled(self.wide)}.v{self.lane}p0"
        align = f.number(BYTES[self.kind], "i32")
        if fetches:
            none = f.number(0, self.wide)
            name = f"llvm.masked.gather.{kinds}"
            value = f.intrinsic(name, self.wide, at, align, mask, none)
            f.store(value, own, 0, self.kind)
        else:
            value = f.load(own, 0, self.kind, self.wide)
            f.effect(f"llvm.masked.scatter.{kinds}", value, at, align, mask)

    def _turn_block(self, f: Function, source: Pair, target: Pair) -> None:
        """A square of as many vectors as lanes, rows becoming columns."""
        lane, (base, step) = self.lane, source
        rows = [
            f.load(base, f.number(n) * step, self.kind, self.wide) for n in range(lane)
        ]
        half = lane // 2
        while half:
            low = [n + lane - half if n & half else n for n in range(lane)]
            high = [n + lane if n & half else n + half for n in range(lane)]
            for n in range(lane):
                if not n & half:
                    pair = rows[n], rows[n + half]
                    rows[n], rows[n + half] = (
                        f.shuffle(*pair, picks) for picks in (low, high)
                    )
            half //= 2
        for n, row in enumerate(rows):
            f.store(row, target[0], f.number(n) * target[1], self.kind)

    def _pair(self, f: Function, buffer: Value, place: Value) -> tuple[Value, Value]:
        """The parts of a number of each line."""
        at = place * (2 * self.lane)
        real = f.load(buffer, at, self.kind, self.wide)
        return real, f.load(buffer, at + self.lane, self.kind, self.wide)

    def _keep(
        self, f: Function, pair: tuple[Value, Value], buffer: Value, place: Value
    ) -> None:
        at = place * (2 * self.lane)
        f.store(pair[0], buffer, at, self.kind)
        f.store(pair[1], buffer, at + self.lane, self.kind)

    def _power(self, f: Function, table: Value, place: Value) -> Any:
        """A number of a table: real part, imaginary part, and this one's negative."""
        real = f.load(table, place * 2, self.kind)
        imaginary = f.load(table, place * 2 + 1, self.kind)
        parts = real, imaginary, imaginary * -1.0
        return tuple(f.splat(part, self.lane) for part in parts)

    def _write_scale(self) -> None:
        """Numbers times those of a table; parts may be exchanged before or after."""
        f = self.scale
        source, target, table, count, before, after = f.arguments
        with f.loop(count) as n:
            at = n * (2 * self.lane)
            turned = before * self.lane
            one = f.load(source, at + turned, self.kind, self.wide)
            two = f.load(source, at + self.lane - turned, self.kind, self.wide)
            real, imaginary = times(f, (one, two), self._power(f, table, n))
            turned = after * self.lane
            f.store(real, target, at + turned, self.kind)
            f.store(imaginary, target, at + self.lane - turned, self.kind)

    def _write_passes(self) -> None:
        """All passes; the result is in the first memory if their number is even."""
        f = self.passes
        begin, end, radices, powers, passes, length = f.arguments
        near, far = f.variable(begin), f.variable(end)
        left, stride = f.variable(length), f.variable(f.number(1))
        with f.loop(passes) as number:
            radix = f.load(radices, number, "i64")
            count = left.get() // radix
            ends = near.get(), far.get()
            with f.when(radix.equals(4)):
                self._fours(f, ends, powers, count, stride.get())
            with f.when(radix.equals(2)):
                self._twos(f, ends, powers, count, stride.get())
            with f.when(radix % 2 * radix > 1):
                self._any(f, ends, powers, (count, stride.get(), radix, length))
            near.set(ends[1])
            far.set(ends[0])
            left.set(count)
            stride.set(stride.get() * radix)

    def _fours(
        self, f: Function, ends: Any, powers: Value, count: Value, stride: Value
    ) -> None:
        near, far = ends
        with f.loop(count) as p:
            one, two, three = (
                self._power(f, powers, p * stride * n) for n in (1, 2, 3)
            )
            with f.loop(stride) as q:
                a, b, c, d = (
                    self._pair(f, near, (count * n + p) * stride + q) for n in range(4)
                )
                ac, bd = plus(a, c), plus(b, d)
                less, (u, v) = minus(a, c), minus(b, d)
                turned = v, u * -1.0  # -i times b - d
                for n, (pair, power) in enumerate(
                    ((plus(ac, bd), None), (plus(less, turned), one),
                     (minus(ac, bd), two), (minus(less, turned), three))
                ):  # fmt: skip
                    found = pair if power is None else times(f, pair, power)
                    self._keep(f, found, far, (p * 4 + n) * stride + q)

    def _twos(
        self, f: Function, ends: Any, powers: Value, count: Value, stride: Value
    ) -> None:
        near, far = ends
        with f.loop(count) as p:
            power = self._power(f, powers, p * stride)
            with f.loop(stride) as q:
                a = self._pair(f, near, p * stride + q)
                b = self._pair(f, near, (count + p) * stride + q)
                self._keep(f, plus(a, b), far, p * 2 * stride + q)
                found = times(f, minus(a, b), power)
                self._keep(f, found, far, (p * 2 + 1) * stride + q)

    def _any(self, f: Function, ends: Any, powers: Value, sizes: Any) -> None:
        """A pass for an odd factor: its sums term by term."""
        (near, far), (count, stride, radix, length) = ends, sizes
        root = length // radix  # the place of exp(-2 pi i / radix)
        with f.loop(count) as p, f.loop(radix) as k:
            power = self._power(f, powers, p * stride * k)
            with f.loop(stride) as q:
                real, imaginary = (
                    f.variable(part) for part in self._pair(f, near, p * stride + q)
                )
                with f.loop(radix, 1) as n:
                    pair = self._pair(f, near, (count * n + p) * stride + q)
                    turn = self._power(f, powers, n * k % radix * root)
                    more = times(f, pair, turn)
                    real.set(real.get() + more[0])
                    imaginary.set(imaginary.get() + more[1])
                found = times(f, (real.get(), imaginary.get()), power)
                self._keep(f, found, far, (p * radix + k) * stride + q)


def plus(a: Pair, b: Pair) -> Pair:
    """The sum of two complex numbers."""
    return a[0] + b[0], a[1] + b[1]


def minus(a: Pair, b: Pair) -> Pair:
    """The difference of two complex numbers."""
    return a[0] - b[0], a[1] - b[1]


def times(f: Function, a: Pair, power: tuple[Value, Value, Value]) -> Pair:
    """A complex number times one of a table."""
    real, imaginary, negative = power
    return (
        f.fma(a[1], negative, a[0] * real),
        f.fma(a[1], real, a[0] * imaginary),
    )
