"""A step as what a graph says of it: steps of their own, bound within the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...graph.graph import Graph
from ...graph.node import Node
from ..binding import bound_arrays
from ..pipeline import lowered
from ..pipeline.plan import Plan, plan
from ..pipeline.schedule import Schedule, schedule
from .form import Place, Sizes, Whole

if TYPE_CHECKING:
    from .code import GpuCode
    from .writer import Writer


def steps_of(graph: Graph, code: GpuCode) -> Schedule:
    """The steps of a graph, for operands `x0`, … and results `y0`, … given there."""
    return schedule(lowered(graph), code, inner=True)


class Expanded(Whole):
    """The form of a node that a graph of its operands and results computes."""

    def __init__(self, node: Node, steps: Schedule, code: GpuCode):
        super().__init__(node)
        self.steps, self.code = steps, code

    def within(self) -> Schedule | None:
        """The steps."""
        return self.steps

    def refused(self) -> str:
        """Why the steps may not be in a CUDA graph, or nothing."""
        return self.code.refused(self.steps)

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The memory of the steps."""
        return self._plan(sizes).peak_bytes

    def _plan(self, sizes: Sizes) -> Plan:
        return plan(self.steps, sizes, self.code.most_scratch(self.steps, sizes))

    def put(self, writer: Writer, place: Place) -> None:
        """The steps, in their order."""
        found = self._plan(place.sizes)
        memory = place.scratch[: found.peak_bytes]
        given: dict[str, Any] = {f"x{k}": one for k, one in enumerate(place.sources)}
        given |= {f"y{k}": one for k, one in enumerate(place.targets)}
        names = bound_arrays(self.steps, found, memory, place.sizes, writer.xp, **given)
        writer.keep += names.values()
        scratch = memory[found.scratch :]
        self.code.write(writer, self.steps, names, scratch, place.sizes)
