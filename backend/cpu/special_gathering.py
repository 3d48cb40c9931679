"""Rows and elements picked by integers.

Arrays are seen as [outer, n, inner]. `special_scattering.py` is the way back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from ...graph.node import Node
from ...graph.ops.gathering import out_of_range
from .building import (
    BYTES,
    STORED,
    Code,
    Entry,
    Function,
    Layout,
    Value,
    lanes,
    vector,
    vector_bytes,
)
from .special_base import Special, Work, grain, special

LAYOUT = Layout("source index out scratch fault outer size count inner columns")
CHECKED = Layout("index out scratch fault size")
FEW = 1024  # bytes that are moved without a call
INDICES = {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"}


def position(
    f: Function,
    index: Value,
    at: Value,
    kind: str,
    size: Value,
    wrap: bool = True,
    many: int = 0,
) -> tuple[Value, Value]:
    """An index counted from the front, and whether it lies within the axis.

    Unless it may `wrap`, one below zero lies outside. With `many` they are vectors.
    """
    signed, stored = kind.startswith("i"), f"i{kind[1:]}"
    narrow, whole = stored, "i64"
    if many:
        narrow, whole, size = (
            vector(stored, many),
            vector(whole, many),
            f.splat(size, many),
        )
    plain = f.load(index, at, stored, narrow)
    wide = plain if kind.endswith("64") else plain.cast(_extension(signed), whole)
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
    one = reader.read("inner").equals(1)
    with f.when(one):
        count = reader.read("count")
        with _stretches(f, start, stop, count) as (outer, first, last):
            begin = outer * count
            source = f.at(
                reader.read("source", "ptr"), outer * reader.read("size"), kind
            )
            out = f.at(reader.read("out", "ptr"), begin, kind)
            indices = reader.read("index", "ptr")
            _pick(reader, (source, indices, out), (kind, index), first, last)
    with f.when(one ^ 1):
        _take_rows(reader, (kind, index), start, stop)
    return code.finished()


def _take_rows(
    reader: Reader, kinds: tuple[str, str], start: Value, stop: Value
) -> None:
    """Rows of several elements, each by the index of all of them."""
    (kind, index), f, read = kinds, reader.f, reader.read
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


@contextmanager
def _stretches(
    f: Function, start: Value, stop: Value, length: Value
) -> Iterator[tuple[Value, Value, Value]]:
    """The code inside runs for each row of a length that numbers from start to stop
    fall into: the row's number, and where they begin and end in it."""
    length = length.maximum(1)
    with f.loop((stop + length - 1) // length, start // length) as row:
        begin = row * length
        first, last = (start - begin).maximum(0), (stop - begin).minimum(length)
        yield row, first, last


def _pick(
    reader: Reader,
    arrays: tuple[Value, Value, Value],
    kinds: tuple[str, str],
    first: Value,
    last: Value,
    apart: bool = False,
) -> None:
    """Elements, each by an index of its own, or `apart`, each from a column of rows."""
    f, (kind, _) = reader.f, kinds
    done = first
    if vector_bytes() == 64 and kind in ("i32", "i64"):  # others have no fast gathers
        many = lanes("i64")
        done = first + (last - first) // many * many
        with f.loop(done, first, many) as n:
            _pick_some(reader, arrays, kinds, n, apart, many)
    with f.loop(last, done) as n:
        _pick_some(reader, arrays, kinds, n, apart)


def _pick_some(
    reader: Reader,
    arrays: tuple[Value, Value, Value],
    kinds: tuple[str, str],
    n: Value,
    apart: bool,
    many: int = 0,
) -> None:
    """One of the elements, or a vector of them."""
    f, (source, indices, out), (kind, index) = reader.f, arrays, kinds
    place, good = position(f, indices, n, index, reader.read("size"), many=many)
    inner, column = reader.read("inner"), n
    if apart:
        if many:
            inner = f.splat(inner, many)
            column = f.splat(n, many) + f.steps("i64", many)
        place = place * inner + column
    if many:
        reader.checked(all_lanes(f, good, many))
        f.store(f.masked_gather(source, place, good, kind), out, n, kind)
        return
    reader.checked(good)
    with f.when(good):
        f.store(f.load(source, place, kind), out, n, kind)
    with f.when(good ^ 1):
        f.store(f.number(0, kind), out, n, kind)


@cache
def positions_entry(index: str) -> Entry:
    """Each index counted from the start."""
    code = Code("positions")
    f, words, start, stop = code.entry()
    reader = Reader(f, words, CHECKED)
    indices, out = (reader.read(name, "ptr") for name in ("index", "out"))
    size, kind = reader.read("size"), f"i{index[1:]}"
    many = lanes("i64")
    done = start + (stop - start) // many * many
    for first, last, count in ((start, done, many), (done, stop, 1)):
        several = count if count > 1 else 0
        with f.loop(last, first, count) as at:
            place, good = position(f, indices, at, index, size, many=several)
            reader.checked(all_lanes(f, good, several))
            whole = vector(kind, count) if several else kind
            value = place if kind == "i64" else place.cast("trunc", whole)
            f.store(value, out, at, kind)
    return code.finished()


def all_lanes(f: Function, truth: Value, many: int) -> Value:
    """Whether a condition holds in all of so many lanes, or for one value."""
    if not many:
        return truth
    return f.intrinsic(f"llvm.vector.reduce.and.v{many}i1", "i1", truth)


@cache
def along_entry(kind: str, index: str) -> Entry:
    """A row of `inner` elements, each by an index of its own."""
    code = Code("take_along_axis")
    f, words, start, stop = code.entry()
    reader = Reader(f, words, LAYOUT)
    count, inner = reader.read("count"), reader.read("inner")
    one = inner.equals(1)
    with f.when(one), _stretches(f, start, stop, count) as (outer, first, last):
        arrays = _along(reader, kind, index, outer, outer * count)
        _pick(reader, arrays, (kind, index), first, last)
    with f.when(one ^ 1), f.loop(stop, start) as row:
        arrays = _along(reader, kind, index, row // count, row * inner)
        _pick(reader, arrays, (kind, index), f.number(0), inner, apart=True)
    return code.finished()


def _along(
    reader: Reader, kind: str, index: str, outer: Value, begin: Value
) -> tuple[Value, Value, Value]:
    """What elements of an outer place come from, their indices, where they go."""
    f, read = reader.f, reader.read
    source = f.at(read("source", "ptr"), outer * read("size") * read("inner"), kind)
    indices = f.at(read("index", "ptr"), begin, f"i{index[1:]}")
    return source, indices, f.at(read("out", "ptr"), begin, kind)
