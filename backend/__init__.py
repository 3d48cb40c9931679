"""From a graph to a running program on the CPU or the GPU.

The names of `keras.backend` are here too: settings, and questions about dtypes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..graph import programs
from ..graph.configuration import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from ..graph.device import array_module, current_device
from ..graph.garbage_collection import garbage_collection_paused
from ..graph.graph import Graph
from ..graph.session import (
    backend,
    clear_session,
    get_uid,
    is_float_dtype,
    is_int_dtype,
    is_keras_tensor,
    result_type,
    standardize_dtype,
)
from .arena import Arena, arenas
from .pipeline import Stage, stages
from .pipeline.needs import Need, needs_of
from .program import Program, code_for

__all__ = [
    "Arena",
    "Program",
    "Stage",
    "arenas",
    "backend",
    "clear_session",
    "compile_calls",
    "compile_graph",
    "compile_stages",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "stages",
    "standardize_dtype",
]


def compile_graph(graph: Graph, denormals: bool = False) -> Program:
    """The program of a graph, for the device in force.

    Native code takes numbers that are denormal as 0, which some processors are slow
    with, unless they are to stay.

    Raises `TulleError` for what the graph's author can mend: a layer that changes its
    type, a gradient that does not exist.
    """
    name = current_device()
    code = code_for(array_module(name), denormals)
    with garbage_collection_paused():
        needs: tuple[Need, ...] = ()
        for stage in stages(graph, code.native, code.passes, code.early, code.unfused):
            if stage.name in ("differentiate", "expand_composites"):
                needs += needs_of(stage.graph)
        return Program(stage.graph, name, code, needs)


def compile_stages(graph: Graph) -> Iterator[Stage]:
    """What each pass of `compile_graph` makes of a graph, as it is before the first."""
    code = code_for(array_module())
    return stages(graph, code.native, code.passes, code.early, code.unfused)


def compile_calls(graph: Graph) -> Program:
    """The program of what was done on values before, where denormals stay."""
    return compile_graph(graph, denormals=True)


programs.compiler = compile_calls
