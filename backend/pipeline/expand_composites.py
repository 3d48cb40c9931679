"""Composites become primitives, after their own gradients have been used."""

from __future__ import annotations

from ...graph.evaluate import expanded
from ...graph.graph import Graph
from ...graph.node import normalize
from .in_bodies import in_bodies


def expand_composites(graph: Graph) -> Graph:
    """The graph without composites, within bodies too."""
    # Bodies come last: the expansion of a composite may hold loops.
    graph = graph.replace(normalize(graph.roots, expanded).nodes)
    return in_bodies(graph, expand_composites, "expand_composites")
