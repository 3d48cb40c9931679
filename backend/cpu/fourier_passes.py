"""The passes of Fourier sums (Stockham), in one of two layouts.

A vector has one number of several lines, or several numbers of one line. Both count the
same for each number, so a line has the same bits whichever way it goes.
"""

from __future__ import annotations

from typing import Any

from .building import (
    BYTES,
    Code,
    Function,
    Value,
    count_of,
    lanes,
    mangled,
    vector,
)

Pair = tuple[Value, Value]


class Laid:
    """Numbers in memory: their parts beside each other; of a line alone in planes."""

    def __init__(self, kind: str, alone: bool):
        self.kind, self.alone = kind, alone
        self.lane = lanes(kind)
        self.wide = vector(kind, self.lane)
        self.step = self.lane if alone else 1  # numbers of a line in a vector

    def places(self, place: Value, length: Value) -> tuple[Value, Value]:
        """Where the parts of a number are, in elements."""
        if self.alone:
            return place, place + length
        at = place * (2 * self.lane)
        return at, at + self.lane

    def pair(self, f: Function, buffer: Value, place: Value, length: Value) -> Pair:
        """The parts of numbers."""
        real, imaginary = (
            f.load(buffer, at, self.kind, self.wide)
            for at in self.places(place, length)
        )
        return real, imaginary

    def keep(
        self, f: Function, pair: Pair, buffer: Value, place: Value, length: Value
    ) -> None:
        """Put numbers where others stand."""
        for part, at in zip(pair, self.places(place, length), strict=True):
            f.store(part, buffer, at, self.kind)

    def clear(self, f: Function, buffer: Value, size: Value, length: Value) -> None:
        """Put zeros behind so many numbers."""
        if not self.alone:
            behind = f.at(buffer, size * (2 * self.lane), self.kind)
            f.clear(behind, (length - size) * (2 * self.lane), self.kind)
            return
        for at in self.places(size, length):
            f.clear(f.at(buffer, at, self.kind), length - size, self.kind)

    def power(self, f: Function, table: Value, place: Value) -> Any:
        """A number of a table: real part, imaginary part, and this one's negative."""
        real = f.load(table, place * 2, self.kind)
        imaginary = f.load(table, place * 2 + 1, self.kind)
        parts = real, imaginary, imaginary * -1.0
        return tuple(f.splat(part, self.lane) for part in parts)

    def powers(self, f: Function, table: Value, places: Value) -> Any:
        """The same for a vector of places."""
        parts = []
        for more in (0, 1):
            at = places * 2 + f.number(more, places.kind)
            step = f"getelementptr {self.kind}, {table}, {at}"
            at = f.emit(vector("ptr", self.lane), step)
            parts.append(
                gathered(f, at, self.kind, f.number(1, vector("i1", self.lane)))
            )
        return *parts, parts[1] * -1.0


def gathered(f: Function, places: Value, kind: str, mask: Value) -> Value:
    """Elements from places of their own, zeros where a mask is off."""
    wide = vector(kind, lanes(kind))
    name = f"llvm.masked.gather.{mangled(wide)}.v{lanes(kind)}p0"
    align = f.number(BYTES[kind], "i32")
    return f.intrinsic(name, wide, places, align, mask, f.number(0, wide))


class Passes:
    """The functions that go through lines in a layout."""

    def __init__(self, code: Code, kind: str, alone: bool):
        self.laid = Laid(kind, alone)
        name = "_alone" if alone else ""
        sizes = ["i64", "i64", "i64", "i64"]
        self.scale = code.helper(f"scale{name}", ["ptr", "ptr", "ptr", *sizes])
        self.passes = code.helper(
            f"passes{name}", ["ptr", "ptr", "ptr", "ptr", "i64", "i64"]
        )
        self._write_scale()
        self._write_passes()

    def _write_scale(self) -> None:
        """Numbers times those of a table; parts may be exchanged before or after."""
        f, laid = self.scale, self.laid
        source, target, table, count, before, after, length = f.arguments
        whole = count // laid.step * laid.step
        with f.loop(whole, 0, laid.step) as n:
            if laid.alone:
                steps = f.steps("i64", laid.lane) + f.splat(n, laid.lane)
                power = laid.powers(f, table, steps)
            else:
                power = laid.power(f, table, n)
            pair = laid.pair(f, source, n, length)
            found = times(f, _turned(before, pair), power)
            laid.keep(f, _turned(after, found), target, n, length)
        if laid.alone:
            self._scale_rest(whole)

    def _scale_rest(self, whole: Value) -> None:
        """Numbers that make no whole vector."""
        f, kind = self.scale, self.laid.kind
        source, target, table, count, before, after, length = f.arguments
        with f.loop(count, whole) as n:
            pair = f.load(source, n, kind), f.load(source, n + length, kind)
            real, imaginary = (f.load(table, n * 2 + k, kind) for k in (0, 1))
            power = real, imaginary, imaginary * -1.0
            found = _turned(after, times(f, _turned(before, pair), power))
            f.store(found[0], target, n, kind)
            f.store(found[1], target, n + length, kind)

    def _write_passes(self) -> None:
        """All passes; the result is in the first memory if their number is even."""
        f, laid = self.passes, self.laid
        begin, end, radices, _, passes, length = f.arguments
        near, far = f.variable(begin), f.variable(end)
        left, stride = f.variable(length), f.variable(f.number(1))
        with f.loop(passes) as number:
            radix = f.load(radices, number, "i64")
            count, step = left.get() // radix, stride.get()
            ends = near.get(), far.get()
            four = radix.equals(4)
            short = step < laid.step
            if laid.alone:
                for size in (1, 4):
                    if size < laid.lane:
                        with f.when(short & step.equals(size)):
                            self._short_fours(ends, size)
                four = four & ~short
            with f.when(four):
                self._fours(ends, count, step)
            with f.when(radix.equals(2)):
                self._twos(ends, count, step)
            with f.when(radix % 2 * radix > 1):
                self._any(ends, (count, step, radix))
            near.set(ends[1])
            far.set(ends[0])
            left.set(count)
            stride.set(step * radix)

    def _fours(self, ends: Any, count: Value, stride: Value) -> None:
        f, laid = self.passes, self.laid
        powers, length = f.arguments[3], f.arguments[5]
        near, far = ends
        with f.loop(count) as p:
            turns = [laid.power(f, powers, p * stride * n) for n in (1, 2, 3)]
            with f.loop(stride, 0, laid.step) as q:
                four = [
                    laid.pair(f, near, (count * n + p) * stride + q, length)
                    for n in range(4)
                ]
                for n, found in enumerate(four_sums(f, four, turns)):
                    laid.keep(f, found, far, (p * 4 + n) * stride + q, length)

    def _short_fours(self, ends: Any, stride: int) -> None:
        """The same for a line alone whose neighbours are fewer than lanes.

        What is read lies side by side; what is written is turned in registers.
        """
        f, laid = self.passes, self.laid
        powers, length = f.arguments[3], f.arguments[5]
        (near, far), lane = ends, laid.lane
        quarter = length // 4
        with f.loop(quarter, 0, lane) as t:
            each = f.splat(t, lane) + _listed(
                f, [k // stride * stride for k in range(lane)]
            )
            turns = [laid.powers(f, powers, each * n) for n in (1, 2, 3)]
            four = [laid.pair(f, near, quarter * n + t, length) for n in range(4)]
            found = four_sums(f, four, turns)
            real, imaginary = (
                _dealt(f, [pair[part] for pair in found], stride) for part in (0, 1)
            )
            for n, pair in enumerate(zip(real, imaginary, strict=True)):
                laid.keep(f, pair, far, t * 4 + n * lane, length)

    def _twos(self, ends: Any, count: Value, stride: Value) -> None:
        f, laid = self.passes, self.laid
        powers, length = f.arguments[3], f.arguments[5]
        near, far = ends
        with f.loop(count) as p:
            power = laid.power(f, powers, p * stride)
            with f.loop(stride, 0, laid.step) as q:
                a = laid.pair(f, near, p * stride + q, length)
                b = laid.pair(f, near, (count + p) * stride + q, length)
                laid.keep(f, plus(a, b), far, p * 2 * stride + q, length)
                found = times(f, minus(a, b), power)
                laid.keep(f, found, far, (p * 2 + 1) * stride + q, length)

    def _any(self, ends: Any, sizes: Any) -> None:
        """A pass for an odd factor: its sums term by term."""
        f, laid = self.passes, self.laid
        powers, length = f.arguments[3], f.arguments[5]
        (near, far), (count, stride, radix) = ends, sizes
        root = length // radix  # the place of exp(-2 pi i / radix)
        with f.loop(count) as p, f.loop(radix) as k:
            power = laid.power(f, powers, p * stride * k)
            with f.loop(stride, 0, laid.step) as q:
                real, imaginary = (
                    f.variable(part)
                    for part in laid.pair(f, near, p * stride + q, length)
                )
                with f.loop(radix, 1) as n:
                    place = (count * n + p) * stride + q
                    pair = laid.pair(f, near, place, length)
                    turn = laid.power(f, powers, n * k % radix * root)
                    more = times(f, pair, turn)
                    real.set(real.get() + more[0])
                    imaginary.set(imaginary.get() + more[1])
                found = times(f, (real.get(), imaginary.get()), power)
                laid.keep(f, found, far, (p * radix + k) * stride + q, length)


def _listed(f: Function, numbers: list[int]) -> Value:
    """A vector of known numbers."""
    items = ", ".join(f"i64 {number}" for number in numbers)
    return Value(f, vector("i64", len(numbers)), f"<{items}>")


def _dealt(f: Function, rows: list[Value], stride: int) -> list[Value]:
    """Four vectors as one row in which so many of each come by turns."""
    lane = count_of(rows[0].kind)
    pairs = [f.shuffle(rows[n], rows[n + 1], range(2 * lane)) for n in (0, 2)]
    found = []
    for begin in range(0, 4 * lane, lane):
        picks = []
        for place in range(begin, begin + lane):
            block, row, q = place // (4 * stride), place // stride % 4, place % stride
            picks.append(row * lane + block * stride + q)
        found.append(f.shuffle(pairs[0], pairs[1], picks))
    return found


def _turned(turned: Value, pair: Pair) -> Pair:
    """A pair, its parts exchanged if a number is not 0."""
    one, two = pair
    same = turned.equals(0)
    return same.where(one, two), same.where(two, one)


def four_sums(f: Function, four: list[Pair], turns: list[Any]) -> list[Pair]:
    """The sums of four numbers, the last three times powers."""
    a, b, c, d = four
    ac, bd = plus(a, c), plus(b, d)
    less, (u, v) = minus(a, c), minus(b, d)
    turned = v, u * -1.0  # -i times b - d
    rest = plus(less, turned), minus(ac, bd), minus(less, turned)
    return [plus(ac, bd), *(times(f, *each) for each in zip(rest, turns, strict=True))]


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
