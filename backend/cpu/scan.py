"""A loop of the graph as a native loop: its body a table of commands, run each turn.

What is carried lies in two places by turns, read from one and written to the other.
Slices and stacked results are reached by an address that moves on with each turn. The
table, its arguments and what moves in them are words of the loop's own call, so they
are recorded like those of any step.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ...graph.graph import Graph
from ...graph.node import Node
from ..loop_forms import LoopForm, Sizes
from ..pipeline.plan import Plan, number, plan, rounded
from ..pipeline.schedule import Schedule, Step
from ..recorded import larger
from ..strided_arrays import (
    OWN,
    StridedArray,
    placeholder_address,
    placeholder_at,
    placeholder_number,
    within,
)
from . import gemm
from .call import Call
from .command_table import ROW, moved, moved_faults, side_by_side
from .copying import copy
from .forms import Form, Place
from .pool import COMMAND, pool
from .value_layouts import SizedLayouts
from .value_roots import ValueRoots, made

Moving = dict[int, tuple[int, int, int]]  # by the numbers of placeholders
ALONG, BY_TURNS = 0, 1  # how an address follows from the number of a turn
PATCH = 4  # words: the place, then what `runtime.ll` reads
HEAD = 8  # words of the loop's arguments, and room


class Scan(LoopForm):
    """The native form of a `loop` node whose body has native steps alone."""

    has_scratch = True

    def __init__(self, node: Node, graph: Graph, schedule: Schedule, code: Any):
        super().__init__(node, schedule, code)
        self.graph = graph
        self.key = "loop", node
        self.value_roots = ValueRoots(schedule, inner=True)
        self._bound: tuple[Sizes | None, int] = None, 0  # its scratch memory there

    def fragments(self) -> dict[str, str]:
        """Those of the body's steps."""
        found: dict[str, str] = self.code.fragments(self.schedule)
        return found

    def in_place(self, operand: int, output: int) -> bool:
        """Never: operands are read in every turn."""
        return False

    def scratch_bytes(self, sizes: Sizes) -> int:
        """What it was last bound to has: the body's memory and that of its steps, a
        second place for what is carried, and what is packed."""
        known, size = self._bound
        assert known is sizes, "a loop knows its memory when it is bound"
        self._bound = None, 0  # recorded numbers would keep their recording
        return size

    def calls(self, place: Place) -> list[Call]:
        """What is packed for all turns, copies of what is carried in, then the loop."""
        inner, turns = self._sizes(place.sizes), self._length(place.sizes)
        found = plan(self.schedule, inner, 0)
        carried, rest = self._carried(inner), place.scratch + found.scratch
        pairs = _pairs(place.targets, rest, carried, turns)
        given, moving = self._given(place, pairs)
        scratch = rest + sum(carried)
        below = place._replace(sizes=inner, scratch=scratch)
        body, size = self._body(below, place.scratch, found, given)
        first: list[Call] = []
        end = scratch + rounded(size)
        if turns > 1:
            first, body, end = self._packed_ahead(body, place, end)
        self._bound = place.sizes, end - place.scratch
        for pair, source in zip(pairs, place.sources, strict=False):
            call = copy(pair[0], source)
            first += [] if call is None else [call]
        return [*first, _loop(turns, body, moving)]

    def _body(
        self, place: Place, memory: int, found: Plan, given: dict[str, StridedArray]
    ) -> tuple[list[Call], int]:
        """The calls of a turn, and the most scratch memory that a step needs."""
        calls, most = list[Call](), 0
        arrays = _Arrays(self.value_roots, place, memory, found, given)
        for step in self.schedule.steps:
            form = self._form(step)
            sources, targets = (
                [arrays[value.name] for value in values]
                for values in (step.sources, step.targets)
            )
            calls += form.calls(place._replace(sources=sources, targets=targets))
            if form.has_scratch:
                most = larger(most, form.scratch_bytes(place.sizes))
        return calls, most

    def _form(self, step: Step) -> Form:
        found: Form = self.code.step_form(step)
        return found

    def _packed_ahead(
        self, body: Sequence[Call], place: Place, memory: int
    ) -> tuple[list[Call], list[Call], int]:
        """Calls that pack what all turns multiply by, those of a turn that read it,
        and the end of the memory."""
        spans = [one.span for one in place.sources[self.carries + self.slices :]]

        def is_fixed(address: int) -> bool:
            return any(low <= address < high for low, high in spans)

        first, turn = list[Call](), list[Call]()
        for call in body:
            found = gemm.packed_ahead(call, is_fixed, memory)
            turn.append(call if found is None else found.product)
            if found is not None:
                first.append(found.packing)
                memory += rounded(found.bytes)
        return first, turn, memory

    def _given(
        self, place: Place, pairs: Sequence[tuple[StridedArray, StridedArray]]
    ) -> tuple[dict[str, StridedArray], Moving]:
        """Arrays for the body's inputs and outputs, and how those that move do so.

        What moves is bound to a placeholder: its address tells which
        arguments are to be set before each turn, as `runtime.ll` says.
        """
        given: dict[str, StridedArray] = {}
        moving: Moving = {}

        def move(
            name: str, like: StridedArray, base: int, more: int, kind: int
        ) -> None:
            array = place.placeholders.place(like)
            given[name] = array
            moving[placeholder_number(array)] = base, more, kind

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

    def _slice(self, whole: StridedArray) -> tuple[StridedArray, int, int]:
        """The first slice of a scanned array, its address, and the way to the next."""
        back = self.node.attributes["reverse"]
        first, step = whole.slice(-1 if back else 0), whole.strides[0]
        return first, first.address, -step if back else step

    def listing(self) -> str:
        """The body's steps, and the loops of its kernels."""
        text: str = self.code.listing(self.schedule)
        return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


class _Arrays:
    """Where the values of a body lie, by name; buffers are in some memory."""

    def __init__(
        self,
        value_roots: ValueRoots,
        place: Place,
        memory: int,
        found: Plan,
        given: dict[str, StridedArray],
    ):
        self.value_roots, self.place = value_roots, place
        self.memory, self.found = memory, found
        self.given = {**value_roots.fixed, **given}
        for _, value in value_roots.others:
            if value.name not in given:
                array = made(value, self.given, place.sizes)
                place.keep.append(array)
                self.given[value.name] = array
        self._layouts = SizedLayouts(value_roots.layouts, place.sizes, self.given)

    def __getitem__(self, name: str) -> StridedArray:
        root, layout = self.value_roots.places[name]
        laid = self._layouts[layout]
        return laid.array.at(self._root(root) + laid.offset)

    def _root(self, number_of_root: int) -> int:
        value = self.value_roots.roots[number_of_root]
        if value.kind != "buffer" or value.storage is None:
            return self.given[value.name].address
        start = self.found.offsets[value.storage]
        item = value.node.dtype.size
        return self.memory + start + number(value.offset, self.place.sizes) * item


def _pairs(
    targets: Sequence[StridedArray], rest: int, carried: Sequence[int], turns: int
) -> list[tuple[StridedArray, StridedArray]]:
    """The two places of each carried value, in the order of turns.

    The last turn leaves the value in the target: that is the second place where the
    number of turns is odd. Which one that is changes no question, so recordings hold
    for both; but if the target moves itself, in a loop around this one, which words
    move depends on it.
    """
    pairs = list[tuple[StridedArray, StridedArray]]()
    odd = turns % 2
    for target, size in zip(targets, carried, strict=False):
        if placeholder_at(target.address) < OWN:
            odd = operator.index(odd)
        far = (rest - target.address) * odd
        pairs.append((target.at(target.address + far), target.at(rest - far)))
        rest += size
    return pairs


def _loop(turns: int, body: Sequence[Call], moving: Moving) -> Call:
    """The call of a loop: its arguments, what moves, the table, and all arguments."""
    words, rows, faults = side_by_side(body)
    places = [at for at, word in enumerate(words) if placeholder_at(word) in moving]
    commands = len(rows) // ROW
    table_at = HEAD + PATCH * len(places)
    words_at = table_at + COMMAND * commands
    patches: list[int] = []
    for at in places:
        base, more, kind = moving[placeholder_at(words[at])]
        offset = words[at] - placeholder_address(placeholder_at(words[at]))
        more = more + offset if kind == BY_TURNS else more
        patches += within(8 * (words_at + at)), base + offset, more, kind
        words[at] = 0
    table: list[int] = []
    for row in range(commands):
        entry, start, total, grain, flag = rows[ROW * row : ROW * (row + 1)]
        flag = within(8 * (words_at + flag)) if flag >= 0 else 0
        table += entry, within(8 * (words_at + start)), total, grain, flag
        table += [0] * (COMMAND - ROW)
    head = [pool().address, turns, within(8 * HEAD), len(places),
            within(8 * table_at), commands, 0]  # fmt: skip
    inner = moved_faults(faults, words_at)
    words = [*head, 0, *patches, *table, *moved(words, words_at)]
    flag = len(head) - 1
    return Call(pool().loop_entry, words, 1, 1, flag, _inside, inner)


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
