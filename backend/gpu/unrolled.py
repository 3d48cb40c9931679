"""A loop whose turns are launched one after the other, each on slices of its own.

The body is scheduled once. A turn binds it to the slices of that turn; what is carried
lies in two places by turns, read from one and written to the other, or in the slices of
a result that keeps it. What a turn joins to a result is computed there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node
from ..binding import bound_arrays
from ..loop_forms import LoopForm, Sizes
from ..pipeline import lowered
from ..pipeline.plan import Plan, number, plan
from ..pipeline.schedule import Schedule, schedule
from .form import Place, Whole

if TYPE_CHECKING:
    from .code import GpuCode
    from .writer import Writer

Array = Any
Names = dict[str, Array]

MOST = 1 << 14  # steps of all turns that are launched one by one


class Unrolled(LoopForm, Whole):
    """The form of a `loop` node."""

    def __init__(self, node: Node, code: GpuCode):
        body = node.attributes["body"]
        outputs = {f"output_{i}": one for i, one in enumerate(body.outputs)}
        graph = lowered(Graph(body.inputs, outputs))
        super().__init__(node, schedule(graph, code, inner=True), code)
        self._kept = kept(self.schedule, self.carries)
        self._parts = parts(self.schedule)
        self._planned: tuple[Sizes, Plan] | None = None  # the last one

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The body's memory, and a second place for what is carried."""
        inner = self._sizes(sizes)
        return self._plan(inner).peak_bytes + sum(self.carried_bytes(inner))

    def within(self) -> Schedule | None:
        """The body's."""
        return self.schedule

    def refused(self) -> str:
        """Why its turns may not be in a CUDA graph, or nothing."""
        found: str = self.code.refused(self.schedule)
        return found

    def _plan(self, inner: Sizes) -> Plan:
        found = self._planned
        if found is None or found[0] != inner:
            scratch = self.code.most_scratch(self.schedule, inner)
            made = plan(self.schedule, inner, scratch)
            found = self._planned = dict(inner), made
        return found[1]

    def put(self, writer: Writer, place: Place) -> None:
        """Copies of what is carried in, then the turns."""
        sources, targets = place.sources, place.targets
        turns = self._length(place.sizes)
        if turns * len(self.schedule.steps) > MOST:
            writer.choice.refuse(f"CuPy computes a loop of {turns} turns")
            writer.call(self.node, place)
            return
        inner = self._sizes(place.sizes)
        found = self._plan(inner)
        memory = place.scratch[: found.peak_bytes]
        rest = place.scratch[found.peak_bytes :]
        pairs = self._pairs(targets, rest, inner, turns)
        before = [
            self._carried_in(pairs, targets, turn, turns) for turn in range(turns + 1)
        ]
        for first, source in zip(before[0], sources, strict=False):
            writer.copy(first, source)
        fixed, scratch = self._others(sources), memory[found.scratch :]
        with writer.sizes_of_their_own():
            for turn in range(turns):
                moving = {f"x{k}": array for k, array in enumerate(before[turn])}
                moving |= {f"y{k}": array for k, array in enumerate(before[turn + 1])}
                moving |= self._slices(self._row(turn, turns), sources, targets)
                moving |= {
                    name: part.of(moving, inner) for name, part in self._parts.items()
                }
                names = bound_arrays(
                    self.schedule, found, memory, inner, writer.xp, **fixed, **moving
                )
                writer.keep += names.values()
                self.code.write(writer, self.schedule, names, scratch, inner)
                fixed = self._fixed(names, moving)

    def _pairs(
        self, targets: Sequence[Array], rest: Array, inner: Sizes, turns: int
    ) -> list[tuple[Array, Array]]:
        """The two places of each carried value, in the order of turns.

        The last turn leaves the value in the target.
        """
        pairs, start = [], 0
        for target, size in zip(targets, self.carried_bytes(inner), strict=False):
            bytes = rest[start : start + target.nbytes]
            other = bytes.view(target.dtype).reshape(target.shape)
            start += size
            pairs.append((target, other) if turns % 2 == 0 else (other, target))
        return pairs

    def _row(self, turn: int, turns: int) -> int:
        """Which slice a turn is for."""
        return turns - 1 - turn if self.node.attributes["reverse"] else turn

    def _carried_in(
        self,
        pairs: Sequence[tuple[Array, Array]],
        targets: Sequence[Array],
        turn: int,
        turns: int,
    ) -> list[Array]:
        """Where carried values lie before a turn, or after the last one."""
        found = []
        for index, pair in enumerate(pairs):
            result, later = self._kept.get(index, (0, turns))
            if turn == turns or turn < later:
                found.append(pair[turn % 2])
            else:
                found.append(targets[result][self._row(turn - later, turns), ...])
        return found

    def _slices(
        self, row: int, sources: Sequence[Array], targets: Sequence[Array]
    ) -> Names:
        """The slices that a turn reads, and those that it makes."""
        stop = self.carries + self.slices
        read = {f"x{k}": sources[k][row, ...] for k in range(self.carries, stop)}
        made = range(self.carries, len(targets))
        return read | {f"y{k}": targets[k][row, ...] for k in made}

    def _others(self, sources: Sequence[Array]) -> Names:
        """The arrays of the inputs that are the same each turn."""
        start = self.carries + self.slices
        return {f"x{k}": array for k, array in enumerate(sources[start:], start)}

    def _fixed(self, names: Names, moving: Names) -> Names:
        """What is bound to the same arrays in the next turn."""
        apart = set(moving)
        for value in self.schedule.values:
            if any(source.name in apart for source in value.sources):
                apart.add(value.name)
        return {name: array for name, array in names.items() if name not in apart}


def kept(schedule: Schedule, carries: int) -> dict[int, tuple[int, int]]:
    """Which result of all turns keeps a carried value, for those that one does.

    With it goes 0 if it keeps what was carried into a turn, 1 if what came of it.
    """
    found: dict[int, tuple[int, int]] = {}
    names = {f"{letter}{k}": (k, letter) for k in range(carries) for letter in "xy"}
    results = {f"y{k}": k for k, v in enumerate(schedule.outputs) if k >= carries}
    for step in schedule.steps:
        if step.copy and step.sources[0].name in names and step.target.name in results:
            index, letter = names[step.sources[0].name]
            found.setdefault(index, (results[step.target.name], int(letter == "y")))
    return found


class Part(NamedTuple):
    """A part of a result, along an axis."""

    whole: str
    axis: int
    start: Dim
    stop: Dim

    def of(self, names: Names, sizes: Sizes) -> Array:
        """It in what lies under a name."""
        cut = slice(number(self.start, sizes), number(self.stop, sizes))
        return names[self.whole][(*(slice(None),) * self.axis, cut)]


def parts(schedule: Schedule) -> dict[str, Part]:
    """The buffers that are joined to a result, as parts of it.

    Kernels write and read arrays that lie as they like; what shows a buffer, or lies in
    its memory at another time, needs it as it is.
    """
    shown = {source.name for value in schedule.values for source in value.sources}
    lying = Counter(id(value.storage) for value in schedule.values)
    made = {
        target.name: step
        for step in schedule.steps
        for target in step.targets
        if step.node.op.name == "fused"
    }
    found: dict[str, Part] = {}
    for step in schedule.steps:
        if step.node.op.name != "concatenate" or step.copy:
            continue
        axis, start = step.node.attributes["axis"], Dim.of(0)
        for source in step.sources:
            stop = start + source.node.shape[axis]
            fits = source.name in made and source.name not in shown
            if fits and source.kind == "buffer" and lying[id(source.storage)] == 1:
                whole = step.target.name
                if step.target.placed:
                    found.setdefault(source.name, Part(whole, axis, start, stop))
            start = stop
    return found
