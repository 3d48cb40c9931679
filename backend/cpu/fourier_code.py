"""The code of Fourier sums: lines along an axis, as many as a vector has lanes.

Lines are brought into scratch memory, element by element a vector, or a line that is
alone as it is, and go through the passes of `fourier_passes.py`, each for a factor of
the length. `special_fourier.py` has the tables.
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
from .fourier_passes import Pair, Passes, gathered

HEAD = Layout("real imaginary out_real out_imaginary scratch")
AXIS = Layout("size inner lines whole groups parts pitch length passes radices powers"
              " chirp response")  # fmt: skip


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
        ends = ["ptr", "ptr", "ptr", "i64", "i64", "i64", "i64"]
        self.fetch, self.put, self.fetch_alone, self.put_alone = (
            code.helper(name, ends)
            for name in ("fetch", "put", "fetch_alone", "put_alone")
        )
        self._moves(self.fetch, fetches=True)
        self._moves(self.put, fetches=False)
        self._move_alone(self.fetch_alone, fetches=True)
        self._move_alone(self.put_alone, fetches=False)
        self.many, self.one = Passes(code, kind, False), Passes(code, kind, True)

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
        whole = read("whole")
        ways = (
            (group < whole, group * self.lane, self.many, self.fetch, self.put),
            (group >= whole, group + whole * (self.lane - 1), self.one,
             self.fetch_alone, self.put_alone),
        )  # fmt: skip
        for holds, first, functions, fetch, put in ways:
            with f.when(holds):
                lines = first, read("inner"), read("size")
                last = read("lines") if functions is self.many else read("length")
                # After an odd number of passes the result is where they did not begin.
                width = 2 * functions.laid.lane if functions is self.many else 2
                other = f.at(buffer, read("length") * width, self.kind)
                odd = (read("passes") % 2).equals(1)
                ends = odd.where(other, buffer), odd.where(buffer, other)
                f.call(fetch, ends[0], *sources, *lines, last)
                self._counted(f, words, read, functions, buffer, ends)
                f.call(put, buffer, *results, *lines, last)

    def _counted(
        self,
        f: Function,
        words: Value,
        read: Any,
        functions: Passes,
        buffer: Value,
        ends: tuple[Value, Value],
    ) -> None:
        """What is at the first end through the passes, and if need be through more."""
        size, length, passes = read("size"), read("length"), read("passes")
        radices, powers, chirp, response = (
            f.at(words, read(name), "i64")
            for name in ("radices", "powers", "chirp", "response")
        )
        through = (*ends, radices, powers, passes, length)
        no, yes, begin = f.number(0), f.number(1), ends[0]
        with f.when(read("chirp").equals(0)):
            f.call(functions.passes, *through)
        with f.when(read("chirp").differs(0)):
            scale = functions.scale
            f.call(scale, begin, begin, chirp, size, no, no, length)
            functions.laid.clear(f, begin, size, length)
            f.call(functions.passes, *through)
            f.call(scale, buffer, begin, response, length, no, yes, length)
            f.call(functions.passes, *through)
            f.call(scale, buffer, buffer, chirp, size, yes, no, length)

    def _move_alone(self, f: Function, fetches: bool) -> None:
        """A line between an array and scratch memory, where its parts are planes."""
        buffer, real, imaginary, line, inner, size, length = f.arguments
        base = line // inner * (size * inner) + line % inner
        for part, place in ((real, 0), (imaginary, 1)):
            own = f.at(buffer, length * place, self.kind)
            at = f.at(part, base, self.kind)
            with f.when(inner.equals(1)):
                source, target = (at, own) if fetches else (own, at)
                f.copy(target, source, size, self.kind)
            with f.when(inner > 1), f.loop(size) as n:
                apart, near = f.at(at, n * inner, self.kind), f.at(own, n, self.kind)
                source, target = (apart, near) if fetches else (near, apart)
                f.store(f.load(source, 0, self.kind), target, 0, self.kind)

    def _moves(self, f: Function, fetches: bool) -> None:
        """Lines between an array and scratch memory, where a number's parts are two
        vectors."""
        buffer, real, imaginary, first, inner, size, lines = f.arguments
        lane = self.lane
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
        if fetches:
            f.store(gathered(f, at, self.kind, mask), own, 0, self.kind)
            return
        value, align = f.load(own, 0, self.kind, self.wide), BYTES[self.kind]
        kinds = f"{mangled(self.wide)}.v{self.lane}p0"
        name = f"llvm.masked.scatter.{kinds}"
        f.effect(name, value, at, f.number(align, "i32"), mask)

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
