"""The compiler passes, one file each, in one ordered tuple."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from ...graph.graph import LEVELS, Graph, verify
from ...graph.node import Node
from .after_pooling import after_pooling
from .chains import chain
from .differentiate import differentiate
from .expand_composites import expand_composites
from .expand_layers import expand_layers
from .fuse import fuse
from .join_loops import join_loops
from .place_parameters import place_parameters
from .select_attention import select_attention
from .select_factors import select_factors
from .select_kernels import select_generated, select_kernels
from .simplify import simplify
from .trim import trim

Pass = Callable[[Graph], Graph]

WITHOUT_LAYERS = LEVELS[1:]
LOW = ("primitive", "kernel")

Passes = tuple[tuple[Pass, tuple[str, ...]], ...]

FIRST: Passes = (
    (expand_layers, WITHOUT_LAYERS),
    (place_parameters, WITHOUT_LAYERS),
)
GRADIENTS: Passes = ((differentiate, WITHOUT_LAYERS),)
EXPANDING: Passes = ((expand_composites, LOW),)
THEN: Passes = ((simplify, LOW), (join_loops, LOW))
# For NumPy and CuPy, and for generated kernels.
PASSES = (*FIRST, *GRADIENTS, *EXPANDING, *THEN, (select_kernels, LOW), (chain, LOW))
GENERATED = (
    *FIRST,
    (after_pooling, WITHOUT_LAYERS),
    (trim, WITHOUT_LAYERS),
    *GRADIENTS,
    (select_attention, WITHOUT_LAYERS),
    *EXPANDING,
    (select_factors, LOW),
    *THEN,
    (select_generated, LOW),
    (fuse, LOW),
)
LOWERING = (expand_composites, simplify, select_generated, fuse)  # for bodies of loops


def lowered(graph: Graph) -> Graph:
    """The graph of a body, brought to the level of generated kernels."""
    for apply in LOWERING:
        graph = apply(graph)
    return graph


@dataclass(frozen=True)
class Stage:
    """What a pass made of a graph, verified, and how long it took."""

    name: str
    graph: Graph
    seconds: float


def stages(
    graph: Graph,
    generated: bool = False,
    more: Sequence[Pass] = (),
    early: Sequence[Pass] = (),
    unfused: Sequence[Pass] = (),
) -> Iterator[Stage]:
    """The graph as it is, then after each pass.

    With `generated` the last passes are those for kernels that are generated, in place
    of those for kernels that are calls of NumPy. `more` are those of a kind of code,
    `early` those of it that see composites, and `unfused` those that see ops before
    kernels are chosen.
    """
    yield Stage("graph", graph, 0.0)
    checked: set[Node] = set()
    usual = GENERATED if generated else PASSES
    place = usual.index(EXPANDING[0])
    first = (*usual[:place], *((one, WITHOUT_LAYERS) for one in early))
    kernels = usual.index(THEN[-1]) + 1
    last = (
        *usual[place:kernels],
        *((one, LOW) for one in unfused),
        *usual[kernels:],
        *((one, LOW) for one in more),
    )
    for apply, levels in (*first, *last):
        start = perf_counter()
        graph = apply(graph)
        seconds = perf_counter() - start
        verify(graph, levels, checked)
        yield Stage(apply.__name__, graph, seconds)
