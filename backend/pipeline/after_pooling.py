"""Biases and `relu` go behind the maximum of windows: less is computed then.

The largest of numbers stays the largest when all grow by the same, or when what is
negative becomes zero. Windows that share places are left alone: a convolution's tiles
cut them, and would have nothing to go on with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...graph.device import array_module
from ...graph.graph import Graph
from ...graph.node import Node, rewrite, users
from .trim import is_last, placed_operand

ORDERED = ("relu", "add")  # of equal order before and after


def after_pooling(graph: Graph) -> Graph:
    """The graph with such ops behind the pooling that alone reads them, on the CPU."""
    if array_module() is not np:
        return graph
    readers, roots = users(graph.nodes), set(graph.roots)
    moved = {
        node: found
        for node in graph.nodes
        if node.op.name == "max_pool" and (found := _ordered(node, readers, roots))
    }
    if not moved:
        return graph
    new: dict[Node, Node] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node:
        if node in moved:
            ((_, source), *_) = reversed(moved[node])
            found = node.op.apply((new[source],), node.attributes, node)
            for one, source in reversed(moved[node]):
                operands = [new[operand] for operand in one.inputs]
                operands[one.inputs.index(source)] = found
                found = one.op.apply(tuple(operands), one.attributes, one)
        else:
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            found = node if same else node.op.apply(inputs, node.attributes, node)
        new[node] = found
        return found

    return graph.replace(rewrite(graph.roots, rule).nodes)


def _ordered(
    pool: Node, readers: Mapping[Node, Sequence[Node]], roots: set[Node]
) -> list[tuple[Node, Node]]:
    """The ops in front of a pooling that may go behind it, the last one first, each
    with the operand that the pooling goes in front of."""
    found: list[tuple[Node, Node]] = []
    (node,) = pool.inputs
    sizes, strides = pool.attributes["pool_size"], pool.attributes["strides"]
    apart = all(map(int.__le__, sizes, strides))
    if not is_last(pool) or not apart or max(strides) == 1:
        return found
    if not pool.dtype.is_float:  # whose sums may begin anew below
        return found
    while node.op.name in ORDERED and len(readers[node]) == 1 and node not in roots:
        source = placed_operand(node)
        if source is None:
            break
        found.append((node, source))
        node = source
    return found
