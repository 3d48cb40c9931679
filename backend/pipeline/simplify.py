"""Equations applied until none changes anything."""

from __future__ import annotations

from ...graph.graph import Graph
from ...graph.node import Node, normalize
from . import rewrites_products, rewrites_shapes
from .in_bodies import in_bodies
from .rewrites import ANY, ELEMENTWISE, REWRITES
from .sinking import sink

__all__ = ["rewrites_products", "rewrites_shapes", "simplified", "simplify"]


def simplify(graph: Graph) -> Graph:
    """The graph with every rewrite applied wherever it applies, within bodies too."""
    graph = in_bodies(graph, simplify, "simplify")
    found = graph.replace(normalize(graph.roots, simplified).nodes)
    moved = sink(found)
    if moved is found:
        return found
    return moved.replace(normalize(moved.roots, simplified).nodes)


def simplified(node: Node) -> Node | None:
    """What the first rewrite that applies makes of a node; None if none does."""
    for rule in REWRITES.get(node.op.name, ()):
        found = rule(node)
        if found is not None:
            return found
    if node.op.elementwise:
        for rule in ELEMENTWISE:
            found = rule(node)
            if found is not None:
                return found
    for rule in ANY:
        found = rule(node)
        if found is not None:
            return found
    return None
