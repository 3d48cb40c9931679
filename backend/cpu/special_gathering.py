"""Rows picked by integers, and added or put where integers point.

Arrays are seen as [outer, n, inner]. What adds up goes through the indices in their
order, each unit of work for columns of its own: the sums are the same for any cut.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar

from ...graph.node import Node
from ...graph.ops.gathering import out_of_range
from .building import (
    BYTES,
    FLOATS,
    STORED,
    Code,
    Entry,
    Function,
    Layout,
    Value,
    is_real,
)
from .special_base import Special, Work, ceildiv, grain, special

LAYOUT = Layout("source index out scratch fault outer size count inner columns")
SET = Layout("source index updates out scratch fault outer size count inner columns")
CHECKED = Layout("index out scratch fault size")
ADDED = {**FLOATS, "i32": "i32", "i64": "i64"}
COLUMNS = 32  # of a unit of work that adds up
FEW = 1024  # bytes that are moved without a call
INDICES = {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"}


def position(
    f: Function, index: Value, at: Value, kind: str, size: Value, wrap: bool = True
) -> tuple[Value, Value]:
    """An index counted from the front, and whether it lies within the axis.

    Unless it may `wrap`, one below zero lies outside.
    """
    signed = kind.startswith("i")
    plain = f.load(index, at, f"i{kind[1:]}")
    wide = plain if kind.endswith("64") else plain.cast(_extension(signed), "i64")
    place = (wide < 0).where(wide + size, wide) if signed and wrap else wide
    return place, (place >= 0) & (place < size)


def _extension(signed: bool) -> str:
    return "sext" if signed else "zext"


class Picking(Special):
    """An op with an operand of integers, the second one."""

    flag: ClassVar[int | None] = LAYOUT.places["fault"]

    def accepts(self, node: Node) -> bool:
        return node.inputs[1].dtype.short in INDICES and node.dtype.size in STORED

    def _sides(self, shape: Sequence[int], axis: int, rank: int = 1) -> tuple[int, int]:
        """The elements before an axis, or a few of them, and behind."""
        return math.prod(shape[:axis]), math.prod(shape[axis + rank :])

    def fault(self, attributes: Any, operands: Any) -> None:
        """Raise the error about an index outside of the axis."""
        size = attributes.get("size", operands[0].shape[attributes["axis"]])
        raise out_of_range(self.name, operands[1], size)


@special("take", "take_along_axis")
class Gather(Picking):
    """A copy of a row, or of an element, for each index."""

    def __init__(self, name: str):
        super().__init__(name)
        self.alone = name == "take_along_axis"  # each element has its own index

    def entry(self, node: Node) -> Entry:
        kinds = STORED[node.dtype.size], node.inputs[1].dtype.short
        return (along_entry if self.alone else take_entry)(*kinds)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        total = math.prod(results[0].shape)
        _, inner = self._sides(operands[0].shape, attributes["axis"])
        rows = total // max(1, inner)
        return (Work(rows, grain(rows, rows * 4 + total // (1 if self.alone else 8))),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x, index), (out,), axis = operands, results, attributes["axis"]
        outer, inner = self._sides(x.shape, axis)
        count = index.shape[axis] if self.alone else index.size
        return LAYOUT.words(
            source=x.address, index=index.address, out=out.address, scratch=scratch,
            fault=0, outer=outer, size=x.shape[axis], count=count, inner=inner,
            columns=0,
        )  # fmt: skip


@special("positions")
class Counted(Special):
    """Indices counted from the start of their axis, each checked."""

    flag = CHECKED.places["fault"]

    def accepts(self, node: Node) -> bool:
        return node.dtype.short in INDICES

    def entry(self, node: Node) -> Entry:
        return positions_entry(node.dtype.short)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        total = math.prod(results[0].shape)
        return (Work(total, grain(total, total)),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        return CHECKED.words(
            index=operands[0].address, out=results[0].address, scratch=scratch,
            fault=0, size=attributes["size"],
        )  # fmt: skip

    def fault(self, attributes: Any, operands: Any) -> None:
        raise out_of_range(attributes["told"], operands[0], attributes["size"])


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


class Reader:
    """The words of an entry, and what it does with an index that is wrong."""

    def __init__(self, f: Function, words: Value, layout: Layout):
        self.f, self.words, self.layout = f, words, layout
        self.read: Callable[..., Value] = layout.reader(f, words)

    def checked(self, good: Value) -> None:
        """Set the flag unless an index is within its axis."""
        f = self.f
        with f.when(good ^ 1):
            f.store(f.number(1), self.words, self.layout.places["fault"], "i64")


@cache
def take_entry(kind: str, index: str) -> Entry:
    """A row of `inner` elements for each outer place and index."""
    code = Code("take")
    f, words, start, stop = code.entry()
    reader = Reader(f, words, LAYOUT)
    read = reader.read
    source, indices, out = (read(name, "ptr") for name in ("source", "index", "out"))
    size, count, inner = read("size"), read("count"), read("inner")
    of, turn = f.variable(start // count), f.variable(start % count)
    few = inner * BYTES[kind] < FEW
    with f.loop(stop, start) as row:
        outer, number = of.get(), turn.get()
        last = number + 1 >= count
        of.set(last.where(outer + 1, outer))
        turn.set(last.where(f.number(0), number + 1))
        place, good = position(f, indices, number, index, size)
        reader.checked(good)
        origin = f.at(source, (outer * size + place) * inner, kind)
        goal = f.at(out, row * inner, kind)
        with f.when(good & few):
            f.move(goal, origin, inner, kind)
        with f.when(good & (few ^ 1)):
            f.copy(goal, origin, inner, kind)
        with f.when(good ^ 1):
            f.clear(goal, inner, kind)
    return code.finished()


@cache
def positions_entry(index: str) -> Entry:
    """Each index counted from the start."""
    code = Code("positions")
    f, words, start, stop = code.entry()
    reader = Reader(f, words, CHECKED)
    indices, out = (reader.read(name, "ptr") for name in ("index", "out"))
    size, kind = reader.read("size"), f"i{index[1:]}"
    with f.loop(stop, start) as at:
        place, good = position(f, indices, at, index, size)
        reader.checked(good)
        value = place if kind == "i64" else place.cast("trunc", kind)
        f.store(value, out, at, kind)
    return code.finished()


@cache
def along_entry(kind: str, index: str) -> Entry:
    """A row of `inner` elements, each by an index of its own."""
    code = Code("take_along_axis")
    f, words, start, stop = code.entry()
    reader = Reader(f, words, LAYOUT)
    read = reader.read
    source, indices, out = (read(name, "ptr") for name in ("source", "index", "out"))
    size, count, inner = read("size"), read("count"), read("inner")
    with f.loop(stop, start) as row:
        base = row // count * size
        with f.loop(inner) as n:
            place, good = position(f, indices, row * inner + n, index, size)
            reader.checked(good)
            with f.when(good):
                value = f.load(source, (base + place) * inner + n, kind)
                f.store(value, out, row * inner + n, kind)
            with f.when(good ^ 1):
                f.store(f.number(0, kind), out, row * inner + n, kind)
    return code.finished()


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
        with f.loop(count) as row:
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
    size, inner = reader.read("size"), reader.read("inner")
    with f.loop(width) as n:
        place, good = position(f, indices, first + n, of, size)
        reader.checked(good)
        with f.when(good):
            _add(f, kind, f.at(base, place * inner, kind), values, n)


def _add_row(
    f: Function, kind: str, reader: Reader, arrays: Any, index: Any, width: Value
) -> None:
    """Add a row where its index points."""
    (base, values), (indices, at, of) = arrays, index
    place, good = _wrapped(f, indices, at, of, reader.read("size"))
    with f.when(good):
        target = f.at(base, place * reader.read("inner"), kind)
        f.join_into(target, values, width, kind, operator.add)


def _wrapped(
    f: Function, indices: Value, at: Value, kind: str, size: Value
) -> tuple[Value, Value]:
    """An index modulo the size, as NumPy has it, and whether there is a place."""
    place, good = position(f, indices, at, kind, size)
    found = f.variable(place)
    with f.when((good ^ 1) & (size > 0)):
        rest = f.emit("i64", f"srem {place}, {size.name}")
        found.set((rest < 0).where(rest + size, rest))
    return found.get(), size > 0


def _add(f: Function, kind: str, target: Value, source: Value, at: Value) -> None:
    total = f.load(target, at, kind) + f.load(source, at, kind)
    f.store(total, target, at, kind)


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
