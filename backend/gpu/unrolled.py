"""A loop whose turns are launched one after the other, each on slices of its own.

The body is scheduled once. A turn binds it to the slices of that turn; what is carried
lies in two places by turns, read from one and written to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...graph.graph import Graph
from ...graph.node import Node
from ..binding import bound_arrays
from ..pipeline import lowered
from ..pipeline.schedule import Schedule, schedule
from ..turns import Sizes, Turns
from .form import Place, Whole

if TYPE_CHECKING:
    from .code import GpuCode
    from .writer import Writer

Array = Any
Names = dict[str, Array]

MOST = 1 << 14  # steps of all turns that are launched one by one


class Unrolled(Turns, Whole):
    """The form of a `loop` node."""

    def __init__(self, node: Node, code: GpuCode):
        body = node.attributes["body"]
        outputs = {f"output_{i}": one for i, one in enumerate(body.outputs)}
        graph = lowered(Graph(body.inputs, outputs))
        super().__init__(node, schedule(graph, code, inner=True), code)

    def within(self) -> Schedule | None:
        """The body's."""
        return self.schedule

    def refused(self) -> str:
        """Why its turns may not be in a CUDA graph, or nothing."""
        found: str = self.code.refused(self.schedule)
        return found

    def _scratch(self, inner: Sizes) -> int:
        found: int = self.code.most_scratch(self.schedule, inner)
        return found

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

        def apart(like: Array, start: int) -> Array:
            bytes = rest[start : start + like.nbytes]
            return bytes.view(like.dtype).reshape(like.shape)

        pairs = self._pairs(targets, apart, inner, turns)
        for (first, _), source in zip(pairs, sources, strict=False):
            writer.copy(first, source)
        fixed, scratch = self._others(sources), memory[found.scratch :]
        with writer.sizes_of_their_own():
            for turn in range(turns):
                moving = self._moving(turn, turns, pairs, sources, targets)
                names = bound_arrays(
                    self.schedule, found, memory, inner, writer.xp, **fixed, **moving
                )
                writer.keep += names.values()
                self.code.write(writer, self.schedule, names, scratch, inner)
                fixed = self._fixed(names, moving)

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
