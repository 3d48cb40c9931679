"""Ops along one axis: positions of extremes, running sums and products.

Arrays are seen as [outer, n, inner]. With other axes behind, vectors lie across them;
without, a row is folded in lanes (positions) or element by element (running folds).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ...graph.node import Node
from .building import FLOATS, Code, Entry, Function, Layout, Value, lanes, vector
from .special_base import Special, Work, ceildiv, grain, special

LAYOUT = Layout("source out scratch size inner blocks")
KINDS = {**FLOATS, "i32": "i32", "i64": "i64"}


class Along(Special):
    """An op along an axis with a vector of columns as a unit of work."""

    def accepts(self, node: Node) -> bool:
        return node.inputs[0].dtype.short in KINDS

    def _sides(self, attributes: Any, operands: Any) -> tuple[int, int, int]:
        """Outer places, inner ones, and the units that cut these."""
        (x,), axis = operands, attributes["axis"]
        outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
        lane = lanes(KINDS[_short(x.dtype)])
        return outer, inner, ceildiv(inner, lane)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        outer, inner, blocks = self._sides(attributes, operands)
        steps = math.prod(operands[0].shape)
        total = outer * blocks
        return (Work(total, grain(total, steps // (1 if inner == 1 else 4))),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x,), (out,) = operands, results
        _, inner, blocks = self._sides(attributes, operands)
        return LAYOUT.words(
            source=x.address, out=out.address, scratch=scratch,
            size=x.shape[attributes["axis"]], inner=inner, blocks=blocks,
        )  # fmt: skip


def _short(dtype: Any) -> str:
    return f"{dtype.kind}{dtype.itemsize * 8}"


@special("argmax", "argmin")
class Extreme(Along):
    """The position of the first largest or smallest element; NaN is beyond all."""

    def entry(self, node: Node) -> Entry:
        return extreme_entry(self.name, KINDS[node.inputs[0].dtype.short])


@special("cumsum", "cumprod")
class Running(Along):
    """A sum or a product up to each element."""

    def entry(self, node: Node) -> Entry:
        return running_entry(self.name, KINDS[node.inputs[0].dtype.short])


class Columns:
    """A vector of columns, or as many of it as are there."""

    def __init__(self, f: Function, inner: Value, block: Value, lane: int):
        self.f, self.lane = f, lane
        self.first = block * lane
        self.mask = f.steps("i64", lane) < f.splat(inner - self.first, lane)

    def load(self, base: Value, at: Value, kind: str) -> Value:
        """Elements of a row; zeros beyond its end."""
        place = self.f.at(base, at + self.first, kind)
        return self.f.masked_load(place, self.mask, vector(kind, self.lane))

    def store(self, value: Value, base: Value, at: Value, kind: str) -> None:
        """Put elements into a row."""
        self.f.masked_store(value, self.f.at(base, at + self.first, kind), self.mask)


@cache
def running_entry(name: str, kind: str) -> Entry:
    """A running fold, one element after the other."""
    code = Code(name)
    f, words, start, stop = code.entry()
    read, lane = LAYOUT.reader(f, words), lanes(kind)
    source, out = read("source", "ptr"), read("out", "ptr")
    size, inner, blocks = read("size"), read("inner"), read("blocks")

    def join(total: Any, value: Value, first: Value) -> Value:
        # The first element stands as it is: 0 + -0 would be 0.
        old = total.get()
        found = old + value if name == "cumsum" else old * value
        if kind in FLOATS.values():
            found = first.where(value, found)
        total.set(found)
        return found

    with f.loop(stop, start) as unit:
        outer, block = unit // blocks, unit % blocks
        neutral = 0 if name == "cumsum" else 1
        base = outer * size * inner
        with f.when(inner.equals(1)):
            single = f.variable(f.number(neutral, kind))
            with f.loop(size) as n:
                value = f.load(source, base + n, kind)
                f.store(join(single, value, n.equals(0)), out, base + n, kind)
        with f.when(inner.differs(1)):
            columns = Columns(f, inner, block, lane)
            several = f.variable(f.number(neutral, vector(kind, lane)))
            with f.loop(size) as n:
                value = columns.load(source, base + n * inner, kind)
                first = f.splat(n.equals(0), lane)
                found = join(several, value, first)
                columns.store(found, out, base + n * inner, kind)
    return code.finished()


class Best:
    """The best elements so far and where they are, in lanes."""

    def __init__(self, f: Function, name: str, first: Value, place: Value):
        self.f, self.name = f, name
        self.value, self.place = f.variable(first), f.variable(place)

    def better(self, value: Value, old: Value) -> Value:
        """Whether an element comes before the best one."""
        found = value > old if self.name == "argmax" else value < old
        if element_is_real(value):
            # The first NaN is the best of all.
            found = found | (value.differs(value) & old.equals(old))
        return found

    def take(self, value: Value, place: Value, wanted: Value | None = None) -> None:
        """Look at an element, unless it is not wanted."""
        old = self.value.get()
        better = self.better(value, old)
        better = better if wanted is None else better & wanted
        self.value.set(better.where(value, old))
        self.place.set(better.where(place, self.place.get()))


def element_is_real(value: Value) -> bool:
    """Whether a value is a float or floats."""
    return any(name in value.kind for name in ("float", "double"))


@cache
def extreme_entry(name: str, kind: str) -> Entry:
    """Positions of extremes: down the columns, or in a row by lanes."""
    code = Code(name)
    f, words, start, stop = code.entry()
    read, lane = LAYOUT.reader(f, words), lanes(kind)
    source, out = read("source", "ptr"), read("out", "ptr")
    size, inner, blocks = read("size"), read("inner"), read("blocks")
    marks = vector("i64", lane)
    for place, whole in (("%values", vector(kind, lane)), ("%places", marks)):
        f.places.append(f"  {place} = alloca {whole}")
    with f.loop(stop, start) as unit:
        outer, block = unit // blocks, unit % blocks
        base = outer * size * inner
        with f.when(inner.equals(1)):
            found = _row(f, name, kind, (source, base), size)
            f.store(found.cast("trunc", "i32"), out, outer, "i32")
        with f.when(inner.differs(1)):
            columns = Columns(f, inner, block, lane)
            first = columns.load(source, base, kind)
            best = Best(f, name, first, f.number(0, marks))
            with f.loop(size, 1) as n:
                value = columns.load(source, base + n * inner, kind)
                best.take(value, f.splat(n, lane))
            places = best.place.get().cast("trunc", vector("i32", lane))
            columns.store(places, out, outer * inner, "i32")
    return code.finished()


def _row(
    f: Function, name: str, kind: str, where: tuple[Value, Value], size: Value
) -> Value:
    """The position of the extreme of a row: first in lanes, then among the lanes."""
    lane, (source, base) = lanes(kind), where
    wide, steps = vector(kind, lane), f.steps("i64", lane)
    # Lanes beyond the end hold the first element, at a position after all others.
    start = f.splat(f.load(source, base, kind), lane)
    best = Best(f, name, start, f.splat(size, lane))
    whole = size // lane * lane
    with f.loop(whole, 0, lane) as n:
        value = f.load(source, base + n, kind, wide)
        new = n.equals(0)
        better = f.splat(new, lane) | best.better(value, best.value.get())
        best.value.set(better.where(value, best.value.get()))
        best.place.set(better.where(steps + f.splat(n, lane), best.place.get()))
    values, places = Value(f, "ptr", "%values"), Value(f, "ptr", "%places")
    f.store(best.value.get(), values, 0, kind)
    f.store(best.place.get(), places, 0, "i64")
    one = Best(f, name, f.load(values, 0, kind), f.load(places, 0, "i64"))
    with f.loop(lane, 1) as n:
        value, place = f.load(values, n, kind), f.load(places, n, "i64")
        old, at = one.value.get(), one.place.get()
        equal = (one.better(old, value) ^ 1) & (place < at)
        better = one.better(value, old) | equal
        one.value.set(better.where(value, old))
        one.place.set(better.where(place, at))
    with f.loop(size, whole) as n:
        value = f.load(source, base + n, kind)
        # Only a row shorter than a vector has nothing yet.
        empty = one.place.get().equals(size)
        better = one.better(value, one.value.get()) | empty
        one.value.set(better.where(value, one.value.get()))
        one.place.set(better.where(n, one.place.get()))
    return one.place.get()
