"""A loop whose turns are launched one after the other, each on slices of its own.

The body is scheduled once. A turn binds it to the slices of that turn; what is carried
lies in two places by turns, read from one and written to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...graph.dim import Symbol
from ...graph.graph import Graph
from ...graph.node import Node, resolve
from ..binding import bound_arrays
from ..pipeline import lowered
from ..pipeline.plan import Plan, plan, rounded
from ..pipeline.schedule import Schedule, schedule
from .form import Sizes, Whole

if TYPE_CHECKING:
    from .code import GpuCode
    from .writer import Writer

Array = Any
Names = dict[str, Array]

MOST = 1 << 14  # steps of all turns that are launched one by one


class Unrolled(Whole):
    """The form of a `loop` node."""

    def __init__(self, node: Node, code: GpuCode):
        super().__init__(node)
        self.code, self.body = code, node.attributes["body"]
        self.carries = node.attributes["carries"]
        self.slices = node.attributes["slices"]
        outputs = {f"output_{i}": one for i, one in enumerate(self.body.outputs)}
        graph = lowered(Graph(self.body.inputs, outputs))
        self.schedule: Schedule = schedule(graph, code, inner=True)

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The body's memory, and a second place for what is carried."""
        inner = self._sizes(sizes)
        return self._plan(inner).peak_bytes + sum(self._carried(inner))

    def _sizes(self, sizes: Sizes) -> dict[Symbol, int]:
        given = resolve(self.node.attributes["sizes"], sizes)
        return dict(zip(self.body.symbols, given, strict=True))

    def _plan(self, inner: Sizes) -> Plan:
        return plan(self.schedule, inner, self.code.scratch)

    def _carried(self, inner: Sizes) -> list[int]:
        """The bytes of each value that is carried."""
        types = self.body.types([inner[symbol] for symbol in self.body.symbols])
        sizes = [type.size.evaluate(inner) * type.dtype.size for type in types]
        return [rounded(size) for size in sizes[: self.carries]]

    def put(
        self,
        writer: Writer,
        sources: Sequence[Array],
        targets: Sequence[Array],
        scratch: Array,
        sizes: Sizes,
    ) -> None:
        """Copies of what is carried in, then the turns."""
        turns = resolve(self.node.attributes["length"], sizes)
        if turns * len(self.schedule.steps) > MOST:
            writer.choice.refuse(f"CuPy computes a loop of {turns} turns")
            writer.call(self.node, sources, targets, sizes)
            return
        inner = self._sizes(sizes)
        found = self._plan(inner)
        memory = scratch[: found.peak_bytes]
        pairs = self._pairs(targets, scratch[found.peak_bytes :], inner, turns)
        for (first, _), source in zip(pairs, sources, strict=False):
            writer.copy(first, source)
        fixed: Mapping[str, Array] | None = None
        with writer.sizes_of_their_own():
            for turn in range(turns):
                moving = self._moving(turn, turns, pairs, sources, targets)
                fixed = fixed or self._others(sources)
                names = bound_arrays(
                    self.schedule, found, memory, inner, writer.xp, **fixed, **moving
                )
                writer.keep += names.values()
                self.code.write(
                    writer, self.schedule, names, memory[found.scratch :], inner
                )
                fixed = self._fixed(names, moving)

    def _pairs(
        self, targets: Sequence[Array], memory: Array, inner: Sizes, turns: int
    ) -> list[tuple[Array, Array]]:
        """The two places of each carried value, in the order of turns."""
        pairs, start = [], 0
        for target, size in zip(targets, self._carried(inner), strict=False):
            other = memory[start : start + target.nbytes]
            other = other.view(target.dtype).reshape(target.shape)
            start += size
            # The last turn leaves the value in the target.
            pairs.append((target, other) if turns % 2 == 0 else (other, target))
        return pairs

    def _moving(
        self,
        turn: int,
        turns: int,
        pairs: Sequence[tuple[Array, Array]],
        sources: Sequence[Array],
        targets: Sequence[Array],
    ) -> Names:
        """The arrays of the body's inputs and outputs that are others each turn."""
        place = turns - 1 - turn if self.node.attributes["reverse"] else turn
        found: Names = {}
        for index, pair in enumerate(pairs):
            found[f"x{index}"], found[f"y{index}"] = pair[turn % 2], pair[1 - turn % 2]
        for index in range(self.carries, self.carries + self.slices):
            found[f"x{index}"] = sources[index][place, ...]
        for index in range(self.carries, len(targets)):
            found[f"y{index}"] = targets[index][place, ...]
        return found

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
