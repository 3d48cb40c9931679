"""Rows and elements added or put where integers point.

Arrays are seen as [outer, n, inner]. What adds up goes through the indices in their
order, each unit of work for columns of its own: the sums are the same for any cut.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from ...graph.node import Node
from ...graph.ops.gathering import out_of_range
from .building import FLOATS, STORED, Code, Entry, Function, Layout, Value, is_real
from .special_base import Work, ceildiv, grain, special
from .special_gathering import LAYOUT, Picking, Reader, position

SET = Layout("source index updates out scratch fault outer size count inner columns")
ADDED = {**FLOATS, "i32": "i32", "i64": "i64"}
COLUMNS = 32  # of a unit of work that adds up


@special("add_at", "add_along_axis")
class Scatter(Picking):
    """Rows, or elements, added up where integers point."""

    def __init__(self, name: str):
        super().__init__(name)
        self.alone = name == "add_along_axis"

    def accepts(self, node: Node) -> bool:
        return super().accepts(node) and node.dtype.short in ADDED

    def entry(self, node: Node) -> Entry:
        kind = ADDED[node.dtype.short]
        return scatter_entry(kind, node.inputs[1].dtype.short, self.alone)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        outer, inner = self._sides(results[0].shape, attributes["axis"])
        total = outer * ceildiv(inner, COLUMNS)
        steps = operands[1].size * (1 if self.alone else outer * inner // 4)
        return (Work(total, grain(total, steps + math.prod(results[0].shape) // 8)),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x, index), (out,), axis = operands, results, attributes["axis"]
        outer, inner = self._sides(out.shape, axis)
        count = index.shape[axis] if self.alone else index.size
        return LAYOUT.words(
            source=x.address, index=index.address, out=out.address, scratch=scratch,
            fault=0, outer=outer, size=out.shape[axis], count=count, inner=inner,
            columns=ceildiv(inner, COLUMNS),
        )  # fmt: skip


@special("set_at")
class SetAt(Picking):
    """Rows replaced where integers point; the last one for a row wins."""

    flag: ClassVar[int | None] = SET.places["fault"]

    def entry(self, node: Node) -> Entry:
        return set_entry(STORED[node.dtype.size], node.inputs[1].dtype.short)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        inner = math.prod(results[0].shape[1:])
        total = ceildiv(inner, COLUMNS)
        steps = (math.prod(operands[2].shape) + math.prod(results[0].shape)) // 8
        return (Work(total, grain(total, steps)),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x, index, updates), (out,) = operands, results
        inner = math.prod(out.shape[1:])
        return SET.words(
            source=x.address, index=index.address, updates=updates.address,
            out=out.address, scratch=scratch, fault=0, outer=1, size=out.shape[0],
            count=index.size, inner=inner, columns=ceildiv(inner, COLUMNS),
        )  # fmt: skip

    def fault(self, attributes: Any, operands: Any) -> None:
        raise out_of_range(self.name, operands[1], operands[0].shape[0])


@special("extreme_at")
class ExtremeAt(SetAt):
    """Rows joined with those that integers point to them; the extreme ones stay."""

    flag = None

    def accepts(self, node: Node) -> bool:
        return super().accepts(node) and node.dtype.short in ADDED

    def entry(self, node: Node) -> Entry:
        kind, index = ADDED[node.dtype.short], node.inputs[1].dtype.short
        return extreme_entry(kind, index, node.attributes["reduction"] == "max")


@cache
def scatter_entry(kind: str, index: str, alone: bool) -> Entry:
    """Columns of an outer place: cleared, then added to, one index after the other."""
    code = Code("add_along_axis" if alone else "add_at")
    f, words, start, stop = code.entry()
    reader = Reader(f, words, LAYOUT)
    read = reader.read
    source, indices, out = (read(name, "ptr") for name in ("source", "index", "out"))
    size, count, inner = read("size"), read("count"), read("inner")
    columns = read("columns")
    with f.loop(stop, start) as unit:
        outer, first = unit // columns, unit % columns * COLUMNS
        width = (inner - first).minimum(COLUMNS)
        base = f.at(out, outer * size * inner + first, kind)
        begin = f.at(source, outer * count * inner + first, kind)
        _clear(f, kind, base, size, inner, width)
        one = inner.equals(1)
        with f.when(one), f.loop(count) as row:
            own = outer * count + row if alone else row
            place, good = _target(reader, indices, own, index, alone)
            with f.when(good):
                total = f.load(base, place, kind) + f.load(begin, row, kind)
                f.store(total, base, place, kind)
        with f.when(one ^ 1), f.loop(count) as row:
            values = f.at(begin, row * inner, kind)
            own = (outer * count + row) * inner + first if alone else row
            add = _add_each if alone else _add_row
            add(f, kind, reader, (base, values), (indices, own, index), width)
    return code.finished()


def _clear(
    f: Function, kind: str, base: Value, rows: Value, inner: Value, width: Value
) -> None:
    """Put zeros into some columns of rows; whole rows lie one behind the other."""
    whole = width.equals(inner)
    with f.when(whole):
        f.clear(base, rows * inner, kind)
    with f.when(whole ^ 1), f.loop(rows) as row:
        f.clear(f.at(base, row * inner, kind), width, kind)


def _add_each(
    f: Function, kind: str, reader: Reader, arrays: Any, index: Any, width: Value
) -> None:
    """Add the elements of a row, each where its own index points."""
    (base, values), (indices, first, of) = arrays, index
    inner = reader.read("inner")
    with f.loop(width) as n:
        place, good = _target(reader, indices, first + n, of, True)
        with f.when(good):
            target = f.at(base, place * inner, kind)
            f.store(f.load(target, n, kind) + f.load(values, n, kind), target, n, kind)


def _add_row(
    f: Function, kind: str, reader: Reader, arrays: Any, index: Any, width: Value
) -> None:
    """Add a row where its index points."""
    (base, values), (indices, at, of) = arrays, index
    place, good = _target(reader, indices, at, of, False)
    with f.when(good):
        target = f.at(base, place * reader.read("inner"), kind)
        f.join_into(target, values, width, kind, operator.add)


def _target(
    reader: Reader, indices: Value, at: Value, kind: str, checked: bool
) -> tuple[Value, Value]:
    """Where an index points, and whether there is a place; it is checked, or else taken
    modulo the size, as NumPy has it."""
    f, size = reader.f, reader.read("size")
    place, good = position(f, indices, at, kind, size)
    if checked:
        reader.checked(good)
        return place, good
    found = f.variable(place)
    with f.when((good ^ 1) & (size > 0)):
        rest = f.emit("i64", f"srem {place}, {size.name}")
        found.set((rest < 0).where(rest + size, rest))
    return found.get(), size > 0


@cache
def set_entry(kind: str, index: str) -> Entry:
    """Rows replaced, one index after the other."""
    return _joined("set_at", kind, index)


@cache
def extreme_entry(kind: str, index: str, largest: bool) -> Entry:
    """Rows joined with others, one index after the other; NaN stays."""

    def join(old: Value, new: Value) -> Value:
        won = new > old if largest else new < old
        return ((won | new.unordered(new)) if is_real(kind) else won).where(new, old)

    return _joined("extreme_at", kind, index, join)


def _joined(
    name: str,
    kind: str,
    index: str,
    join: Callable[[Value, Value], Value] | None = None,
) -> Entry:
    """Columns: copied, then replaced or joined, one index after the other."""
    code = Code(name)
    f, words, start, stop = code.entry()
    reader = Reader(f, words, SET)
    read = reader.read
    source, indices, out = (read(name, "ptr") for name in ("source", "index", "out"))
    updates = read("updates", "ptr")
    size, count, inner = read("size"), read("count"), read("inner")
    with f.loop(stop, start) as unit:
        first = unit * COLUMNS
        width = (inner - first).minimum(COLUMNS)
        with f.loop(size) as row:
            at = row * inner + first
            f.copy(f.at(out, at, kind), f.at(source, at, kind), width, kind)
        with f.loop(count) as row:
            place, good = position(f, indices, row, index, size, wrap=join is None)
            if join is None:
                reader.checked(good)
            with f.when(good):
                goal = f.at(out, place * inner + first, kind)
                origin = f.at(updates, row * inner + first, kind)
                if join is None:
                    f.copy(goal, origin, width, kind)
                else:
                    f.join_into(goal, origin, width, kind, join)
    return code.finished()
