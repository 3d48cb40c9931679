"""A loop of the graph as a native loop: its body a table of commands, run each turn.

What is carried lies in two places by turns, read from one and written to the other.
Slices and stacked results are reached by an address that moves on with each turn. The
table, its arguments and what moves in them are words of the loop's own call, so they
are recorded like those of any step. Stripes of a loop have a table each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.graph import Graph
from ...graph.node import Node
from ..loop_forms import LoopForm, Sizes
from ..pipeline.plan import Plan, number, plan, rounded
from ..pipeline.schedule import Schedule, Step
from ..recorded import jointly, larger
from ..strided_arrays import StridedArray, placeholder_number
from .call import Call
from .copying import copy
from .forms import Form, Place
from .loop_call import (
    ALONG,
    BY_TURNS,
    FIXED,
    Move,
    Packing,
    Stripe,
    loop_call,
    pairs_of,
)
from .stripes import PRODUCTS, Cut, stripes_of
from .value_layouts import SizedLayouts
from .value_roots import ValueRoots, made

BYTE = np.dtype(np.int8)
FEW = 12  # rows of a product that are too few to be worth one a turn
MUCH = 1 << 20  # bytes of all products of a kind that are rather made turn by turn


class Scan(LoopForm):
    """The native form of a `loop` node whose body has native steps alone."""

    has_scratch = True

    def __init__(self, node: Node, graph: Graph, schedule: Schedule, code: Any):
        super().__init__(node, schedule, code)
        self.graph = graph
        self.key = "loop", node
        self.stripes = stripes_of(graph, self.body.symbols, self.carries)
        self.value_roots = ValueRoots(schedule, inner=True)
        self.products = {
            step: places
            for step in schedule.steps
            if (places := self._of_slices(step)) is not None
        }
        self._bound: tuple[Sizes | None, int] = None, 0  # its scratch memory there

    def _of_slices(self, step: Step) -> tuple[int, int] | None:
        """The operands of the loop that a step multiplies: slices of one by another."""
        node, (target, *more) = step.node, step.targets
        if node.op.name not in PRODUCTS or more or target.kind != "buffer":
            return None
        places = {input: place for place, input in enumerate(self.graph.inputs)}
        one, two = (places.get(source, -1) for source in node.inputs)
        middle = self.carries + self.slices
        if not self.carries <= one < middle <= two or node.ndim != 2:
            return None
        return one, two

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
        """What is computed and packed for all turns, then the loop."""
        inner, turns = self._sizes(place.sizes), self._length(place.sizes)
        others, *cuts = self._cuts(inner, turns)
        apart = place._replace(keep=[])
        bound = _Bound(self, apart, inner, turns)
        made = [bound.turn(cut) for cut in cuts]
        if apart.keep or not cuts:  # stripes would write the same copies at a time
            others, cuts = 0, []
            bound = _Bound(self, place, inner, turns)
            bound.multiply_at_once()
            made = [bound.turn(None)]
        start = bound.scratch
        memory = start + others * made[0].memory
        spans = [one.span for one in place.sources[self.carries + self.slices :]]
        packing = Packing(memory + made[-1].memory, spans)
        if turns > 1:
            made = [one._replace(calls=packing.read_by(one.calls)) for one in made]
        last = bound.stripe(made[-1], cuts[-1] if cuts else None, memory)
        like = bound.stripe(made[0], cuts[0], start, True) if cuts else None
        call, size = loop_call(turns, last, others, like, packing.end)
        self._bound = place.sizes, packing.end + size - place.scratch
        return [*bound.first, *packing.calls, call]

    def _cuts(self, inner: Sizes, turns: int) -> tuple[int, *tuple[Cut, ...]]:
        """How many stripes come before the last one, then the first of them and the
        last one; none where the loop is not cut."""
        if self.stripes is None:
            return (0,)
        count, rows = self.stripes.cuts(inner, turns)
        if count < 2:
            return (0,)
        before = (count - 1) * rows
        rest = inner[self.stripes.symbol] - before
        return count - 1, Cut(0, rows, False), Cut(before, rest, True)

    def body_calls(
        self, place: Place, memory: int, found: Plan, given: dict[str, StridedArray]
    ) -> tuple[list[Call], int]:
        """The calls of a turn, and the most scratch memory that a step needs.

        Results that are given are there already.
        """
        calls, most = list[Call](), 0
        arrays = _Arrays(self.value_roots, place, memory, found, given)
        for step in self.schedule.steps:
            if step in self.products and step.targets[0].name in given:
                continue
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

    def listing(self) -> str:
        """The body's steps, and the loops of its kernels."""
        text: str = self.code.listing(self.schedule)
        return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


@jointly
def is_much(rows: int, size: int) -> int:
    """Whether products of so many rows, and bytes in all, are rather made in turns."""
    return int(rows >= FEW and size > MUCH)


class Turn(NamedTuple):
    """The calls of a turn of some rows, on placeholders for what stripes differ in."""

    first: list[Call]  # what runs once, before them
    calls: list[Call]
    numbers: list[int]  # of the placeholders, as `_moves` has them
    carried: list[int]  # bytes of each carried value
    second: int  # where in its memory their second places begin
    memory: int  # bytes


Moving = tuple[str, StridedArray, int, int, int]  # as `_arrays` has them


class _Bound:
    """A loop on given arrays; `first` is what is called before it."""

    def __init__(self, scan: Scan, place: Place, inner: Sizes, turns: int):
        self.scan, self.place, self.inner, self.turns = scan, place, inner, turns
        self.scratch = place.scratch
        self.first = list[Call]()
        self.made = dict[str, StridedArray]()  # of all turns, for values of the body

    def multiply_at_once(self) -> None:
        """Multiply the slices of all turns before them, unless that is too much."""
        for step, (index, other) in self.scan.products.items():
            x, y = self.place.sources[index], self.place.sources[other]
            rows, terms = x.shape[1:]
            dtype = step.node.dtype.numpy
            columns, item = y.shape[-1], dtype.itemsize
            if is_much(rows, self.turns * rows * columns * item):
                continue
            if not x.dense:
                dense = StridedArray(self._take(x.nbytes), x.shape, x.dtype)
                call = copy(dense, x)
                self.first += [] if call is None else [call]
                x = dense
            flat = StridedArray(x.address, (self.turns * rows, terms), x.dtype)
            room = self._take(self.turns * rows * columns * item)
            out = StridedArray(room, (self.turns * rows, columns), dtype)
            form = self.scan.code.step_form(step)
            below = self.place._replace(
                sources=[flat, y], targets=[out], scratch=self.scratch
            )
            self.first += form.calls(below)
            self._take(form.scratch_bytes(self.place.sizes))
            whole = self.turns, rows, columns
            self.made[step.targets[0].name] = StridedArray(room, whole, dtype)

    def _take(self, size: int) -> int:
        start = self.scratch
        self.scratch = start + rounded(size)
        return start

    def turn(self, cut: Cut | None) -> Turn:
        """A turn for some rows."""
        place, scan, inner = self.place, self.scan, self.inner
        if cut is not None and scan.stripes is not None:
            inner = {**inner, scan.stripes.symbol: cut.rows}
        found, carried = plan(scan.schedule, inner, 0), scan.carried_bytes(inner)
        hold, given = place.placeholders.place, dict[str, StridedArray]()
        memory = hold(StridedArray(0, (), BYTE))
        arrays = [*self._arrays(cut, place.scratch, carried)]
        for name, like, *_ in arrays:
            given[name] = hold(like)
        starts = [(hold(one), hold(two)) for one, two in self._starts(arrays, cut)]
        held = [memory, *given.values(), *(one for pair in starts for one in pair)]
        first = [call for pair in starts if (call := copy(*pair)) is not None]
        for index, source in enumerate(place.sources):
            given.setdefault(f"x{index}", source)
        used = found.scratch + 2 * sum(carried)
        below = place._replace(sizes=inner, scratch=memory.address + used)
        calls, size = scan.body_calls(below, memory.address, found, given)
        numbers = [placeholder_number(one) for one in held]
        return Turn(first, calls, numbers, carried, found.scratch, used + rounded(size))

    def stripe(
        self, turn: Turn, cut: Cut | None, memory: int, more: bool = False
    ) -> Stripe:
        """Some rows of the loop, with memory of their own; `more` as many follow."""
        moves = later = self._moves(turn, cut, memory)
        if cut is not None and more:
            after = cut._replace(first=cut.first + cut.rows)
            later = self._moves(turn, after, memory + turn.memory)
        moving = {
            number_of: Move(*one, _way(one[0], two[0]), _way(one[1], two[1]))
            for number_of, one, two in zip(turn.numbers, moves, later, strict=True)
        }
        return Stripe(turn.first, turn.calls, moving)

    def _moves(
        self, turn: Turn, cut: Cut | None, memory: int
    ) -> list[tuple[int, int, int]]:
        """What `runtime.ll` reads of memory, of what moves, and of what is copied."""
        arrays = [*self._arrays(cut, memory + turn.second, turn.carried)]
        starts = [one.address for pair in self._starts(arrays, cut) for one in pair]
        fixed = [(address, 0, FIXED) for address in (memory, *starts)]
        return [fixed[0], *(one[2:] for one in arrays), *fixed[1:]]

    def _starts(
        self, arrays: Sequence[Moving], cut: Cut | None
    ) -> Iterator[tuple[StridedArray, StridedArray]]:
        """Where carried values are in the first turn, and what is copied there."""
        for index, (_, array, *_) in enumerate(arrays[: 2 * self.scan.carries : 2]):
            yield array, self._rows(self.place.sources[index], index, cut)

    def _rows(
        self, array: StridedArray, number_of: int, cut: Cut | None
    ) -> StridedArray:
        """The rows of a stripe of an input or output of the body, by its number."""
        stripes = self.scan.stripes
        axis = None if stripes is None else stripes.axes[number_of]
        if cut is None or axis is None:
            return array
        address = array.address + cut.first * array.strides[axis]
        return array.at(address).cut({axis: cut.rows})

    def _arrays(
        self, cut: Cut | None, second: int, carried: Sequence[int]
    ) -> Iterator[Moving]:
        """What moves, or differs from stripe to stripe, and how it does so.

        Of each input and output of the body there are its name, an array as it lies in
        the first turn, and what `runtime.ll` reads of it. What is carried has second
        places from an address on.
        """
        place, start = self.place, self.scan.carries
        middle, inputs = start + self.scan.slices, len(self.scan.body.inputs)
        targets = list[StridedArray]()
        spare = second + sum(carried)
        for index, target in enumerate(place.targets[:start]):
            own = self._rows(target, inputs + index, cut)
            if own is target and cut is not None and not cut.last:
                own = target.at(spare)  # the last stripe leaves it in the target
            targets.append(own)
            spare += carried[index]
        for index, (one, two) in enumerate(
            pairs_of(targets, second, carried, self.turns)
        ):
            yield f"x{index}", one, one.address, two.address, BY_TURNS
            yield f"y{index}", one, two.address, one.address, BY_TURNS
        for index, source in enumerate(place.sources[start:middle], start):
            yield f"x{index}", *self._slice(source, index, cut), ALONG
        for index, target in enumerate(place.targets[start:], start):
            yield f"y{index}", *self._slice(target, inputs + index, cut), ALONG
        for index, source in enumerate(place.sources[middle:], middle):
            rows = self._rows(source, index, cut)
            if rows is not source:
                yield f"x{index}", rows, rows.address, 0, FIXED
        for name, whole in self.made.items():
            yield name, *self._slice(whole, None, cut), ALONG

    def _slice(
        self, whole: StridedArray, number_of: int | None, cut: Cut | None
    ) -> tuple[StridedArray, int, int]:
        """The first slice of a scanned array, its address, and the way to the next."""
        back = self.scan.node.attributes["reverse"]
        first, step = whole.slice(-1 if back else 0), whole.strides[0]
        rows = first if number_of is None else self._rows(first, number_of, cut)
        return rows, rows.address, -step if back else step


def _way(one: int, two: int) -> int:
    """From one number to another; plainly 0 if they are the same in a recording."""
    return 0 if one is two else two - one


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
        if value.name in self.given:
            return self.given[value.name].address
        assert value.storage is not None
        start = self.found.offsets[value.storage]
        item = value.node.dtype.size
        return self.memory + start + number(value.offset, self.place.sizes) * item


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
