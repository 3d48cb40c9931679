"""Slices taken by integers, read where they lie by the kernels that use them.

A `take` whose result only kernels read is an instruction of theirs: it reads through
positions, which one command has checked before. So the slices are never written out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.graph import Graph
from ...graph.node import Node, rewrite, users
from ...graph.registry import OPS, call
from ...graph.types import I32, I64
from .fusible import computes, elements, moves

LONGEST = 2**31 - 1  # of an axis that i32 counts through
SLICE = 4  # elements of a slice for which an index may be written in its place


def picking(graph: Graph) -> Graph:
    """The graph with a `pick` for each `take` of which only kernels read the result."""
    readers, roots = users(graph.nodes), set(graph.roots)
    takes = [
        node
        for node in graph.nodes
        if node.op.name == "take" and _only_computed_with(node, readers, roots)
    ]
    worth = {n.inputs[1] for n in takes if _many(n) >= SLICE * _count(n)}
    chosen = {node for node in takes if node.inputs[1] in worth}
    if not chosen:
        return graph

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        return by_positions(node, inputs) if node in chosen else None

    return graph.replace(rewrite(graph.roots, rule).nodes)


def _count(node: Node) -> int:
    return elements(node.inputs[1].tensor_type)


def _many(node: Node) -> int:
    return elements(node.tensor_type)


def _only_computed_with(
    node: Node, readers: Mapping[Node, Sequence[Node]], roots: set[Node]
) -> bool:
    """Whether a value is read by kernels alone, views of it too."""
    stack = [node]
    while stack:
        one = stack.pop()
        if one in roots or not readers.get(one):
            return False
        for reader in readers[one]:
            if moves(reader):
                stack.append(reader)
            elif not computes(reader):
                return False
    return True


def by_positions(node: Node, inputs: tuple[Node, ...]) -> Node:
    """A `pick` by indices that are counted from the start of the axis and checked."""
    source, indices = inputs
    size = source.shape[node.attributes["axis"]]
    long = size.value is not None and size.value > LONGEST
    if indices.dtype.size < 4 or (long and indices.dtype == I32):
        indices = call("cast", indices, (I64 if long else I32).name)
    checked = {"size": size, "told": node.op.name}
    places = OPS["positions"].apply((indices,), checked)
    return OPS["pick"].apply((source, places), node.attributes, like=node)


def taken(node: Node) -> Node:
    """The `take` that a `pick` was."""
    source, places = node.inputs
    return OPS["take"].apply((source, *places.inputs), node.attributes, like=node)
