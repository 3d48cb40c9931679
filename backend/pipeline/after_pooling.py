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
from .trim import has_places, is_last

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
            *_, first = moved[node]
            found = node.op.apply((new[_placed(first)],), node.attributes, node)
            for one in reversed(moved[node]):
                operands = [new[source] for source in one.inputs]
                operands[one.inputs.index(_placed(one))] = found
                found = one.op.apply(tuple(operands), one.attributes, one)
        else:
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            found = node if same else node.op.apply(inputs, node.attributes, node)
        new[node] = found
        return found

    return graph.replace(rewrite(graph.roots, rule).nodes)


def _ordered(
    pool: Node, readers: Mapping[Node, Sequence[Node]], roots: set[Node]
) -> list[Node]:
    """The ops in front of a pooling that may go behind it, the last one first."""
    found: list[Node] = []
    (node,) = pool.inputs
    sizes, strides = pool.attributes["pool_size"], pool.attributes["strides"]
    apart = all(map(int.__le__, sizes, strides))
    if not is_last(pool) or not apart or max(strides) == 1:
        return found
    while node.op.name in ORDERED and len(readers[node]) == 1 and node not in roots:
        whole = [source for source in node.inputs if has_places(source, node)]
        if len(whole) != 1 or whole[0].shape != node.shape:
            break
        found.append(node)
        (node,) = whole
    return found


def _placed(node: Node) -> Node:
    """The operand of an op that is not the same at all places."""
    (found,) = (source for source in node.inputs if has_places(source, node))
    return found
