"""Slices taken by integers, and sums at places, as parts of kernels.

A `take` whose result only kernels read is an instruction of theirs: it reads through
positions, which one command has checked before. An `add_at` of what a kernel computes
is the end of that kernel, on a CPU. So the slices are never written out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...graph.device import array_module
from ...graph.graph import Graph
from ...graph.node import Node, rewrite, users
from ...graph.registry import OPS, call
from ...graph.types import I32, I64
from .fusible import TRANSCENDENTAL, computes, cost, elements, moves

LONGEST = 2**31 - 1  # of an axis that i32 counts through
SLICE = 4  # elements of a slice for which an index may be written in its place
ADDED = {"f32", "f64", "i32", "i64", "u32", "u64"}  # dtypes of sums at places
NEAR = 64  # values before a sum among which its work is found

Readers = Mapping[Node, Sequence[Node]]


def picking(graph: Graph) -> Graph:
    """The graph with a `pick` for each `take` of which only kernels read the result,
    and a `sum_at` for each `add_at` of what only that kernel needs."""
    readers, roots = users(graph.nodes), set(graph.roots)
    takes = [
        node
        for node in graph.nodes
        if node.op.name == "take" and _only_computed_with(node, readers, roots)
    ]
    worth = {n.inputs[1] for n in takes if _many(n) >= SLICE * _count(n)}
    chosen = {node for node in takes if node.inputs[1] in worth}
    sums = {
        node
        for node in graph.nodes
        if node.op.name == "add_at" and _ends_a_kernel(node, readers, roots)
    }
    if not chosen and not sums:
        return graph

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node in sums:
            return OPS["sum_at"].apply(inputs, node.attributes, like=node)
        return by_positions(node, inputs) if node in chosen else None

    return graph.replace(rewrite(graph.roots, rule).nodes)


def _count(node: Node) -> int:
    return elements(node.inputs[1].tensor_type)


def _many(node: Node) -> int:
    return elements(node.tensor_type)


def _ends_a_kernel(node: Node, readers: Readers, roots: set[Node]) -> bool:
    """Whether what is added up is little work, and nobody else reads it.

    Threads share only the columns of a sum at places.
    """
    if array_module() is not np or node.dtype.short not in ADDED:
        return False
    source, stretched = node.inputs[0], False
    while source not in roots and len(readers[source]) == 1:
        if not moves(source):
            return stretched or (computes(source) and _is_little_work(source))
        stretched |= source.op.name == "broadcast_to"
        source = source.inputs[0]
    return stretched


def _is_little_work(node: Node) -> bool:
    """Whether each element of a value is."""
    stack, seen, work = [node], {node}, 0
    while stack and len(seen) < NEAR:
        one = stack.pop()
        if moves(one):
            stack += one.inputs
        elif computes(one) and elements(one.tensor_type) >= elements(node.tensor_type):
            work += cost(one)
            stack += [source for source in one.inputs if source not in seen]
            seen.update(one.inputs)
    return not stack and work < TRANSCENDENTAL


def _only_computed_with(node: Node, readers: Readers, roots: set[Node]) -> bool:
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


def plain(node: Node) -> Node:
    """A node as it was: the `take` of a `pick`, the `add_at` of a `sum_at`."""
    source, *rest = node.inputs or (node,)
    if node.op.name == "pick":
        inputs = source, *rest[0].inputs
        return OPS["take"].apply(inputs, node.attributes, like=node)
    if node.op.name == "sum_at":
        return OPS["add_at"].apply(node.inputs, node.attributes, like=node)
    return node
