"""A convolution computes no row or column that the pooling behind it leaves out.

Windows of pooling that do not fill an axis, such as 2 by 2 over 11 rows, leave its end
unread. Before gradients are taken, so that theirs are smaller too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...graph.device import array_module
from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node, rewrite, users
from ...graph.ops.windows import FORMATS
from ...graph.registry import OPS

POOLS = ("max_pool", "average_pool")
Shape = tuple[Dim, ...]


def trim(graph: Graph) -> Graph:
    """The graph with smaller convolutions, where the CPU has native code for them."""
    if array_module() is not np:
        return graph
    pools = [node for node in graph.nodes if node.op.name in POOLS]
    if not pools:
        return graph
    readers, roots = users(graph.nodes), set(graph.roots)
    space: dict[Node, Shape] = {}  # the sizes that are read of a value
    for node in pools:
        needed = _needed(node)
        chain = _chain(node.inputs[0], readers, roots)
        if needed != node.inputs[0].shape[1:-1]:
            space.update(dict.fromkeys(chain, needed))
    if not space:
        return graph

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node not in space or node.op.name != "conv":
            return None
        whole: Node = node.op.expand(node.op.apply(inputs, node.attributes, node))
        attributes = {**whole.attributes, "count": space[node]}
        return OPS[whole.op.name].apply(whole.inputs, attributes, node)

    return graph.replace(rewrite(graph.roots, rule).nodes)


def is_last(node: Node) -> bool:
    """Whether a convolution or a pooling has channels last."""
    return node.attributes["data_format"] != FORMATS[1]


def _needed(pool: Node) -> Shape:
    """The sizes that the windows of a pooling read; those of its input if unknown."""
    source, options = pool.inputs[0], pool.attributes
    sizes = source.shape[1:-1]
    if options["padding"] != "valid" or not is_last(pool):
        return sizes
    rows = zip(
        sizes, pool.shape[1:-1], options["pool_size"], options["strides"], strict=True
    )
    return tuple(
        Dim.of((count.value - 1) * stride + window)
        if size.value is not None and count.value
        else size
        for size, count, window, stride in rows
    )


def _chain(
    node: Node, readers: Mapping[Node, Sequence[Node]], roots: set[Node]
) -> list[Node]:
    """A value that one op reads, computed place by place of a convolution that nothing
    else reads, and what lies between; nothing if there is no such."""
    found = []
    while len(readers[node]) == 1 and node not in roots:
        found.append(node)
        if node.op.name == "conv":
            return found if is_last(node) else []
        source = placed_operand(node) if node.op.elementwise else None
        if source is None:
            return []
        node = source
    return []


def placed_operand(node: Node) -> Node | None:
    """The one operand of an elementwise op that is not the same at all places of the
    result; None if there are several, or it is stretched."""
    whole = [source for source in node.inputs if _has_places(source, node)]
    return whole[0] if len(whole) == 1 and whole[0].shape == node.shape else None


def _has_places(source: Node, node: Node) -> bool:
    sizes = source.shape[:-1][-(node.ndim - 2) :] if source.ndim > 1 else ()
    return any(size.value != 1 for size in sizes)
