"""A loop of the graph as a native loop: its body a table of commands, run each turn.

What is carried lies in two places by turns, read from one and written to the other.
Slices and stacked results are reached by an address that moves on with each turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...graph.graph import Graph
from ...graph.node import Node
from ..lying import Lying, number_of
from ..pipeline.schedule import Schedule
from ..turns import Sizes, Turns
from . import gemm
from .call import Call
from .copying import copy
from .layout import Laid, pointers
from .outline import Bound, Outline, Sized
from .pool import pool

Array = Any
Moving = dict[int, tuple[int, int, int]]  # by the numbers of arrays that are not there
ALONG, BY_TURNS = 0, 1  # how an address follows from the number of a turn


class Scan(Turns):
    """The native form of a `loop` node whose body has native steps alone."""

    key = None
    has_scratch = True

    def __init__(self, node: Node, graph: Graph, schedule: Schedule, code: Any):
        super().__init__(node, schedule, code)
        self.graph = graph
        self.outline = Outline(schedule, code.step_form, inner=True)
        self._packed: list[Array] = []  # memory for it, the same for all sizes

    def _scratch(self, inner: Sizes) -> int:
        return self.outline.scratch(inner)

    def fragments(self) -> dict[str, str]:
        """Those of the body's steps."""
        found: dict[str, str] = self.code.fragments(self.schedule)
        return found

    def in_place(self, operand: int, output: int) -> bool:
        """Never: operands are read in every turn."""
        return False

    def calls(self, place: Any) -> list[Call]:
        """Copies of what is carried in, then the loop."""
        inner = self._sizes(place.sizes)
        found = self._plan(inner)
        turns = self._length(place.sizes)
        rest = place.scratch + found.peak_bytes
        pairs = self._pairs(
            place.targets, lambda like, start: like.at(rest + start), inner, turns
        )
        given, moving = self._given(place, pairs)
        blocks: list[Array] = []
        scratch = place.scratch + found.scratch
        below = place._replace(sizes=inner, blocks=blocks)
        sized = Sized(self.outline, below, given)
        laid = Bound(sized, found, place.scratch, scratch).laid_out()
        packing = self._packed_ahead(laid, place) if turns > 1 else []
        blocks += [laid.words]
        place.faults.extend(laid.faults)
        patches = _patches(blocks, moving)
        args = [pool().address, turns, patches.ctypes.data, len(patches) // 4,
                laid.table.ctypes.data, len(laid.table), 0]  # fmt: skip
        place.blocks.extend([*blocks, patches])
        place.keep.append(laid)
        first = [
            copy(pair[0], source)
            for pair, source in zip(pairs, place.sources, strict=False)
        ]
        loop = Call(pool().loop_entry, args, 1, flag=len(args) - 1, fault=_inside)
        return [*packing, *(call for call in first if call is not None), loop]

    def _packed_ahead(self, laid: Laid, place: Any) -> list[Call]:
        """Calls that pack what all turns multiply by; products of a turn read that."""
        spans = [one.span for one in place.sources[self.carries + self.slices :]]

        def is_fixed(address: int) -> bool:
            return any(low <= address < high for low, high in spans)

        found: list[Call] = []

        def memory(size: int) -> Array:
            return self._room(len(found), size)

        for entry, start in laid.table[:, :2].tolist():
            words = laid.words[(start - laid.words.ctypes.data) // 8 :]
            call = gemm.packed_ahead(entry, words, is_fixed, memory)
            found += [] if call is None else [call]
        place.keep.extend(self._packed)
        return found

    def _room(self, index: int, size: int) -> Array:
        """Memory for what is packed; each run of the loop packs it anew."""
        if index == len(self._packed):
            self._packed.append(np.empty(size, np.uint8))
        elif self._packed[index].size < size:
            self._packed[index] = np.empty(size, np.uint8)
        return self._packed[index]

    def _given(
        self, place: Any, pairs: Sequence[tuple[Lying, Lying]]
    ) -> tuple[dict[str, Lying], Moving]:
        """Arrays for the body's inputs and outputs, and how those that move do so.

        What moves is bound to an array that is not there: its address tells which
        arguments are to be set before each turn, as `runtime.ll` says.
        """
        given: dict[str, Lying] = {}
        moving: Moving = {}

        def move(name: str, like: Lying, base: int, more: int, kind: int) -> None:
            array = place.elsewhere.place(like)
            given[name] = array
            moving[number_of(array)] = base, more, kind

        for index, (one, two) in enumerate(pairs):
            first, second = one.address, two.address
            move(f"x{index}", one, first, second, BY_TURNS)
            move(f"y{index}", one, second, first, BY_TURNS)
        scanned = place.sources[self.carries : self.carries + self.slices]
        for index, source in enumerate(scanned, self.carries):
            move(f"x{index}", *self._slice(source), ALONG)
        for index, target in enumerate(place.targets[self.carries :], self.carries):
            move(f"y{index}", *self._slice(target), ALONG)
        others = place.sources[self.carries + self.slices :]
        for index, source in enumerate(others, self.carries + self.slices):
            given[f"x{index}"] = source
        return given, moving

    def _slice(self, whole: Lying) -> tuple[Lying, int, int]:
        """The first slice of a scanned array, its address, and the way to the next."""
        back = self.node.attributes["reverse"]
        first, step = whole.slice(-1 if back else 0), whole.strides[0]
        return first, first.address, -step if back else step

    def listing(self) -> str:
        """The body's steps, and the loops of its kernels."""
        text: str = self.code.listing(self.schedule)
        return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


def _patches(blocks: Sequence[Array], moving: Moving) -> Array:
    """Where words point to what moves: the place, then what `runtime.ll` reads."""
    found: list[int] = []
    for words in blocks:
        for at, number, offset in pointers(words):
            if number in moving:
                base, more, kind = moving[number]
                more = more + offset if kind == BY_TURNS else more
                found += [at, base + offset, more, kind]
    return np.array(found, np.int64)


def _inside(words: Sequence[int]) -> None:
    """Nothing to tell: a command of the loop's own table does."""


def scan_of(node: Node, code: Any, lowered: Callable[[Graph], Graph]) -> Scan | None:
    """The native form of a loop; None if its body has steps of the host."""
    from ..pipeline.schedule import schedule

    body = node.attributes["body"]
    outputs = {f"output_{i}": one for i, one in enumerate(body.outputs)}
    graph = lowered(Graph(body.inputs, outputs))
    steps = schedule(graph, code, inner=True)
    if all(step.copy or code.runs_native(step.node) for step in steps.steps):
        return Scan(node, graph, steps, code)
    return None
