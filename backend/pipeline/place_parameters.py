"""Trained variables become views of their arena."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.graph import Graph, Objective
from ...graph.node import Node, normalize
from ...graph.variable import Variable
from ..arena import Arena, arenas
from ..kernels import arena_view


def place_parameters(graph: Graph) -> Graph:
    """The graph reading each variable of its objective through the flat one."""
    if graph.objective is None:
        return graph
    return placed(graph, homes_of(graph.objective))


def homes_of(objective: Objective) -> list[Arena]:
    """The arenas that an objective asks for."""
    groups = objective.groups
    given = (objective.variables,) if groups is None else groups
    return [arena for group in given for arena in arenas(group)]


def placed(graph: Graph, homes: Sequence[Arena]) -> Graph:
    """The graph reading the variables of arenas through the flat ones."""

    def rule(node: Node) -> Node | None:
        if node.op.name != "variable":
            return None
        variable = node.attributes["variable"]
        inside = variable.arena in homes and variable is not variable.arena.variable
        return view_of(variable) if inside else None

    return graph.replace(normalize(graph.roots, rule).nodes)


def view_of(variable: Variable) -> Node:
    """A variable as its place in its arena."""
    arena: Arena = variable.arena
    return arena_view(arena.variable.node, arena.offsets[variable], variable.type.shape)
