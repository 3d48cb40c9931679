"""A call as one op on tapes: what it computes, and what it keeps for its gradient.

The call is a function of its arguments and of the variables and random keys that it
reads, so that gradients see them as they were. Beside its results it gives the values
that its gradient reads. `ops/staged.py` has the op.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .differentiate import gradients_of
from .node import Node, topological
from .remembered import new_token
from .tensor import input_node
from .types import TensorType

# What takes an element no more than reading it: computed again from what is kept.
LIGHT = frozenset(
    "add subtract multiply negative abs sign square maximum minimum equal not_equal "
    "less less_equal greater greater_equal logical_and logical_or logical_not where "
    "relu cast".split()
)
Pulled = tuple[list[Node], list["Node | None"]]


class TapedCall:
    """Outputs in terms of holes: arguments, then what is read besides.

    The first `results` outputs are those of the call, the others are kept for its
    gradient.
    """

    def __init__(self, holes: tuple[Node, ...], results: list[Node]):
        self.holes, self.results, self.outputs = holes, len(results), results
        self.token = new_token()
        self._pulled: dict[Any, Pulled] = {}
        first = self.pulled(tuple(range(len(results))))
        self.outputs = [*results, *kept_for(*first, results)]

    def body(self, types: Sequence[TensorType]) -> TapedCall:
        """Itself: it is of one set of types."""
        return self

    def pulled(self, live: tuple[int, ...]) -> Pulled:
        """Seeds for the outputs with a cotangent, and the cotangents of the holes."""
        if live not in self._pulled:
            floats = [hole for hole in self.holes if hole.dtype.is_float]
            arrived: dict[Node, Node] = {}
            seeds = []
            for index in live:
                output = self.outputs[index]
                seed = input_node("cotangent", output.tensor_type)
                seeds.append(seed)
                if output.dtype.is_float:
                    known = arrived.get(output)
                    arrived[output] = seed if known is None else known + seed
            found = dict(zip(floats, gradients_of(arrived, floats), strict=True))
            self._pulled[live] = seeds, [found.get(hole) for hole in self.holes]
        return self._pulled[live]

    def __repr__(self) -> str:
        return f"<a call with {self.results} results>"


def kept_for(
    seeds: Sequence[Node], parts: Sequence[Node | None], outputs: Sequence[Node]
) -> list[Node]:
    """The nodes, other than outputs, that a gradient finds in memory.

    What is light to compute again from these, from holes and from outputs is not kept,
    nor are views of what is.
    """
    wanted = [node for node in parts if node is not None]
    moving, read = set(seeds), dict.fromkeys(wanted)
    order = topological(wanted)
    for node in order:
        if any(source in moving for source in node.inputs):
            moving.add(node)
            read.update(dict.fromkeys(node.inputs))
    there = set(outputs)
    found: dict[Node, None] = {}
    stack = [node for node in read if node not in moving]
    while stack:
        node = stack.pop()
        if node in there or node in found or not node.inputs:
            continue
        if node.op.view or node.op.name == "broadcast_to":
            stack += node.inputs
        else:
            found[node] = None
    return _without_light(found, there)


def is_light(node: Node) -> bool:
    """Whether a node takes an element no more than reading it."""
    return node.op.view or node.op.name in LIGHT or node.op.name == "broadcast_to"


def _without_light(found: dict[Node, None], there: set[Node]) -> list[Node]:
    """Nodes without those that are light to compute of what stays, and of holes."""
    kept = {*found, *there}
    free: dict[Node, bool] = {}
    for node in topological(found):
        sources = all(s in kept or free[s] for s in node.inputs)
        free[node] = not node.inputs or (sources and is_light(node))
        if free[node]:
            kept.discard(node)
    return [node for node in found if node in kept]
