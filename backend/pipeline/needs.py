"""Sizes that only a run shows, and for which an op has no value.

An op tells with `Op.needs` how large axes have to be. Those that may be smaller are
looked for once a program, and numbers are asked once a plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...graph.bodies import split_sizes
from ...graph.diagnostics import Fault, RunShapeError
from ...graph.dim import Dim, Symbol, sorted_symbols
from ...graph.graph import Graph
from ...graph.node import Node, topological
from ...graph.types import TensorType
from .in_bodies import bodies_of


@dataclass(frozen=True)
class Need:
    """A node of the graph, or of a loop in it, that needs elements along axes."""

    node: Node
    type: TensorType  # of its first operand, in the sizes of the graph
    least: Mapping[int, int]  # by axis
    turns: Dim  # 0 if it never runs

    def check(self, sizes: Mapping[Symbol, int]) -> None:
        """Refuse sizes that are too small, T0320."""
        if self.turns.evaluate(sizes) <= 0:
            return
        for axis, least in self.least.items():
            found = self.type.shape[axis].evaluate(sizes)
            if 0 <= found < least:
                raise self._refused(axis, least, sizes)

    def _refused(
        self, axis: int, least: int, sizes: Mapping[Symbol, int]
    ) -> RunShapeError:
        shape = tuple(Dim.of(dim.evaluate(sizes)) for dim in self.type.shape)
        type = self.type.with_shape(shape)
        fault = Fault(
            "T0320",
            f"axis {axis} of {type} has no {least} elements, which are needed here",
        )
        try:
            self.node.op.infer(type, **self.node.attributes)
        except Fault as refusal:
            fault = refusal
        named = sorted_symbols(self.type.shape[axis])
        known = ", ".join(f"{symbol} = {sizes[symbol]}" for symbol in named)
        fault.notes += (f"{self.type} has these sizes for {known}",)
        return RunShapeError(fault.diagnostic(self.node.span))


def needs_of(graph: Graph) -> tuple[Need, ...]:
    """What the nodes of a graph need, those in the bodies of its loops included.

    Branches are left out: which one is taken is not known before they run.
    """
    return tuple(_needs(graph.nodes, {}, Dim.of(1)))


def _needs(
    nodes: Sequence[Node], values: Mapping[Symbol, Dim], turns: Dim
) -> Iterator[Need]:
    for node in nodes:
        if least := node.op.needs(node):
            type = node.inputs[0].tensor_type.substitute(values)
            open = {a: n for a, n in least.items() if _may_be_below(type.shape[a], n)}
            if open:
                yield Need(node, type, open, turns)
        if node.op.name == "loop":
            (body,) = bodies = bodies_of(node)
            (sizes,) = split_sizes(bodies, node.attributes["sizes"])
            dims = [Dim.of(size).substitute(values) for size in sizes]
            inner = dict(zip(body.symbols, dims, strict=True))
            length = node.attributes["length"].substitute(values)
            yield from _needs(topological(body.outputs), inner, turns * length)


def _may_be_below(size: Dim, least: int) -> bool:
    low, _ = size.bounds()
    return size.value is None and (low is None or low < least)
