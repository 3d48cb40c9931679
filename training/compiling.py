"""What compiles layers and ops on values: the backend, imported when it is needed.

They are told of it here, since they know no backend.
"""

from __future__ import annotations

from typing import Any

from ..graph import programs
from ..graph.graph import Graph


def compiled(graph: Graph) -> Any:
    """The program of a graph."""
    from ..backend import compile_calls

    return compile_calls(graph)


def compile_on_demand() -> None:
    """Let what is done on values again and again become programs."""
    if programs.compiler is None:
        programs.compiler = compiled
