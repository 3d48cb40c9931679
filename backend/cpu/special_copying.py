"""Elements moved from arrays with any strides into a new array.

A result is made of parts, each a copy with strides of its own, after its merging into
few axes; parts are cut into blocks of rows. Only the size of an element matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...graph.node import Node
from ..recorded import larger, smaller
from ..strided_arrays import Placeholders, StridedArray, dense_steps
from .building import BYTES, STORED, Code, Entry, Function, Value
from .outer_axes import starts_along
from .special_base import Special, Work, ceildiv, grain, special

BLOCK = 1 << 14  # elements of a block that lie in a row
TALL, SHORT = 16, 64  # rows and columns of a block that is turned
HEAD = (
    "first operand source target columns source_step target_step rows source_row "
    "target_row piece height across down axes"
).split()  # words of a part; three follow for each of its outer axes
PLACES = {name: place for place, name in enumerate(HEAD)}


class Axis(NamedTuple):
    """The length of an axis, and the elements from one to the next on both sides."""

    size: int
    source: int
    target: int


class Part(NamedTuple):
    """A copy: operand, first elements there and in the result, axes."""

    operand: int
    source: int
    target: int
    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        return math.prod(axis.size for axis in self.axes)


def merged(axes: Sequence[Axis]) -> list[Axis]:
    """As few axes as can be, the fastest of the result last."""
    found: list[Axis] = []
    for axis in sorted((a for a in axes if a.size != 1), key=lambda a: -abs(a.target)):
        if found:
            size, source, target = found[-1]
            if (source, target) == (axis.size * axis.source, axis.size * axis.target):
                found[-1] = Axis(size * axis.size, axis.source, axis.target)
                continue
        found.append(axis)
    return found


class Blocks(NamedTuple):
    """A part as outer axes and blocks of two inner ones."""

    outer: tuple[Axis, ...]
    rows: Axis
    columns: Axis
    height: int  # rows of a block
    piece: int  # columns of a block

    @property
    def down(self) -> int:
        return ceildiv(self.rows.size, self.height)

    @property
    def across(self) -> int:
        return ceildiv(self.columns.size, self.piece)

    @property
    def total(self) -> int:
        return math.prod(axis.size for axis in self.outer) * self.down * self.across


def blocks(part: Part) -> Blocks:
    """How a part is cut."""
    axes = merged(part.axes)
    columns = axes.pop() if axes else Axis(1, 1, 1)
    even = columns.source == columns.target == 1
    turned = next((n for n, axis in enumerate(axes) if axis.source == 1), -1)
    rows = axes.pop(-1 if even else turned) if axes else Axis(1, 0, 0)
    if not even:
        height = smaller(TALL, rows.size)
        piece = smaller(SHORT * TALL // larger(1, height), columns.size)
    else:
        piece = smaller(BLOCK, columns.size)
        height = smaller(rows.size, BLOCK // larger(1, piece))
    return Blocks(tuple(axes), rows, columns, larger(1, height), larger(1, piece))


def part_words(parts: Sequence[Part]) -> list[int]:
    """The parts as words: their count, where each begins, and what it is."""
    places, found, first = list[int](), list[int](), 0
    for part in parts:
        cut = blocks(part)
        places.append(1 + len(parts) + len(found))
        found += [
            first, part.operand, part.source, part.target,
            cut.columns.size, cut.columns.source, cut.columns.target,
            cut.rows.size, cut.rows.source, cut.rows.target,
            cut.piece, cut.height, cut.across, cut.down, len(cut.outer),
        ]  # fmt: skip
        for axis in cut.outer:
            found += axis
        first += cut.total
    return [len(parts), *places, *found]


class Copying(Special):
    """An op whose result is copies of parts of its operands."""

    contiguous = False
    cleared = False  # what no part covers is zero

    def parts(
        self, attributes: Any, operands: Sequence[Any], result: Any
    ) -> list[Part]:
        """The copies that make the result."""
        raise NotImplementedError

    def accepts(self, node: Node) -> bool:
        return node.dtype.size in STORED

    def entry(self, node: Node) -> Entry:
        return copy_entry(STORED[node.dtype.size], len(node.inputs), self.cleared)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        parts = self.parts(attributes, operands, results[0])
        cuts = [blocks(part) for part in parts]
        steps = sum(
            part.size // (8 if cut.columns.source == cut.columns.target else 1)
            for part, cut in zip(parts, cuts, strict=True)
        )
        total = sum(cut.total for cut in cuts if cut.total)
        copied = Work(total, grain(total, steps))
        if not self.cleared:
            return (copied,)
        size = math.prod(results[0].shape)
        whole = ceildiv(size, BLOCK)
        return Work(whole, grain(whole, size // 16)), copied

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (out,) = results
        addresses = [*[array.address for array in operands], out.address, scratch]
        parts = self.parts(attributes, operands, out)
        return [*addresses, out.size, *part_words(parts)]


def part_of(
    operand: int, array: StridedArray, target: int, steps: Sequence[int]
) -> Part:
    """An operand copied to where a stretch of the result begins."""
    rows = zip(array.shape, array.steps, steps, strict=True)
    return Part(operand, 0, target, tuple([Axis(*row) for row in rows]))


@special("concatenate")
class Concatenate(Copying):
    """Operands one after the other along an axis."""

    def parts(self, attributes: Any, operands: Any, result: Any) -> list[Part]:
        steps, axis, start, found = result.steps, attributes["axis"], 0, []
        for number, array in enumerate(operands):
            found.append(part_of(number, array, start * steps[axis], steps))
            start += array.shape[axis]
        return found


@special("pack")
class Pack(Copying):
    """Operands side by side in one flat array."""

    def parts(self, attributes: Any, operands: Any, result: Any) -> list[Part]:
        start, found = 0, list[Part]()
        for number, array in enumerate(operands):
            flat = dense_steps(array.shape)
            found.append(part_of(number, array, start, flat))
            start += math.prod(array.shape)
        return found


@special("place")
class Place(Copying):
    """Zeros with the operand where an index points."""

    cleared = True

    def parts(self, attributes: Any, operands: Any, result: Any) -> list[Part]:
        whole = Placeholders().place(StridedArray(0, result.shape, np.dtype(np.int8)))
        view = whole.part(attributes["index"])
        if view is None or not view.size:
            return []
        # Axes that the index drops or makes have one element.
        (array,) = operands
        return [part_of(0, array, view.address - whole.address, view.steps)]


@cache
def copy_entry(kind: str, operands: int, cleared: bool) -> Entry:
    """The code of a copy for elements of a size, and of clearing what is around."""
    code = Code("copy")
    if cleared:
        f, words, start, stop = code.entry()
        out = f.load(words, operands, "i64", "ptr")
        size = f.load(words, operands + 2, "i64")
        first = start * BLOCK
        length = (stop * BLOCK).minimum(size) - first
        f.clear(f.at(out, first, kind), length.maximum(0), kind)
    f, words, start, stop = code.entry()
    out = f.load(words, operands, "i64", "ptr")
    table = f.at(words, operands + 3, "i64")
    count = f.load(table, 0, "i64")
    with f.loop(count) as number:
        part = f.at(table, f.load(table, number + 1, "i64"), "i64")
        word = {name: f.load(part, place, "i64") for name, place in PLACES.items()}
        outer = f.at(part, len(HEAD), "i64")
        total = f.variable(word["across"] * word["down"])
        with f.loop(word["axes"]) as axis:
            total.set(total.get() * f.load(outer, axis * 3, "i64"))
        first = (start - word["first"]).maximum(0)
        last = (stop - word["first"]).minimum(total.get())
        source = f.load(words, word["operand"], "i64", "ptr")
        with f.loop(last, first) as unit:
            _block(f, kind, source, out, word, outer, unit)
    return code.finished()


def _block(
    f: Function,
    kind: str,
    source: Value,
    out: Value,
    word: dict[str, Value],
    outer: Value,
    unit: Value,
) -> None:
    """Copy one block of a part."""
    row = unit // word["across"]
    column = unit % word["across"] * word["piece"]
    index = row // word["down"]
    row = row % word["down"] * word["height"]
    origin = word["source"] + row * word["source_row"] + column * word["source_step"]
    goal = word["target"] + row * word["target_row"] + column * word["target_step"]
    at, to = starts_along(f, outer, word["axes"], index, (origin, goal))
    rows = (word["rows"] - row).minimum(word["height"])
    columns = (word["columns"] - column).minimum(word["piece"])
    even = word["source_step"].equals(1) & word["target_step"].equals(1)
    long = even & (columns * BYTES[kind] >= 64)
    with f.loop(rows) as r:
        begin = f.at(source, at + r * word["source_row"], kind)
        end = f.at(out, to + r * word["target_row"], kind)
        with f.when(long):
            f.copy(end, begin, columns, kind)
        with f.when(long ^ 1), f.loop(columns) as c:
            value = f.load(begin, c * word["source_step"], kind)
            f.store(value, end, c * word["target_step"], kind)
