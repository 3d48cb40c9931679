"""Trained variables become views of their arena."""

from __future__ import annotations

from ...graph.graph import Graph
from ...graph.node import Node, normalize
from ..arena import Arena
from .differentiate import view_of


def place_parameters(graph: Graph) -> Graph:
    """The graph reading each variable of an updated arena through the flat one."""
    flat = {variable for variable, _ in graph.updates}

    def rule(node: Node) -> Node | None:
        if node.op.name != "variable":
            return None
        variable = node.attributes["variable"]
        arena: Arena | None = variable.arena
        if arena is None or arena.variable not in flat:
            return None
        return view_of(arena, variable)

    return graph.replace(normalize(graph.roots, rule).nodes)
