"""Composites become primitives, after their own gradients have been used."""

from __future__ import annotations

from ...graph.evaluate import expanded
from ...graph.graph import Graph
from ...graph.node import normalize


def expand_composites(graph: Graph) -> Graph:
    """The graph without composites."""
    return graph.replace(normalize(graph.roots, expanded).nodes)
