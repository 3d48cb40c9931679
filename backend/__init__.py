"""From a graph to a running program on the CPU or the GPU."""

from __future__ import annotations

from ..graph.device import current_device
from ..graph.graph import Graph
from .arena import Arena, arenas
from .pipeline import Stage, stages
from .program import Program

__all__ = ["Arena", "Program", "Stage", "arenas", "compile_graph", "stages"]


def compile_graph(graph: Graph) -> Program:
    """The program of a graph, for the device in force.

    Raises `TulleError` for what the graph's author can mend: a layer that changes its
    type, a gradient that does not exist.
    """
    *_, last = stages(graph)
    return Program(last.graph, current_device())
