"""Weights in the dtype that a program computes in, cast when they have changed.

Under a policy such as `mixed_bfloat16` weights of float32 are read in 16 bits. A
program that changes no weight, a prediction, reads what is kept of them: another
variable for each, which a program fills where any weight was written since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..graph.graph import Graph
from ..graph.node import Node, normalize, topological
from ..graph.registry import call
from ..graph.variable import Variable
from .pipeline.in_bodies import bodies_of
from .pipeline.schedule import OPAQUE

LEAST = 1 << 10  # elements in all for which anything is kept


class KeptCast(Variable):
    """What a variable is in another dtype."""

    def __init__(self, node: Node):
        source: Variable = node.inputs[0].attributes["variable"]
        zeros = np.zeros(source.shape, node.dtype.numpy)
        super().__init__(zeros, None, node.dtype, False, False, name=source.name)
        self.path = f"{source.path} as {node.dtype}"
        self.source = source

    @property
    def formula(self) -> Node:
        """The node that says what it is."""
        found: Node = call("cast", self.source.node, self.kept.dtype.name)
        return found


def keep_casts(graph: Graph) -> Graph:
    """The graph reading what is kept of variables that it casts and does not change.

    A layer that runs in Python may assign any variable in the middle of a run.
    """
    if runs_python(graph.nodes):
        return graph
    changing = {variable for variable, _ in graph.updates}
    for variable in list(changing):
        arena = variable.arena
        changing.update(() if arena is None else (*arena.variables, arena.variable))
    found = [node for node in graph.nodes if is_kept(node, changing)]
    if sum(node.inputs[0].attributes["variable"].size for node in found) < LEAST:
        return graph
    wanted = set(found)

    def rule(node: Node) -> Node | None:
        return cast_of(node).node if node in wanted else None

    return graph.replace(normalize(graph.roots, rule).nodes)


def runs_python(nodes: Iterable[Node]) -> bool:
    """Whether a run calls a layer of the user's, in a turn of a loop perhaps."""
    return any(
        node.op.name in OPAQUE
        or any(runs_python(topological(body.outputs)) for body in bodies_of(node))
        for node in nodes
    )


def is_kept(node: Node, changing: set[Variable]) -> bool:
    """Whether a node is a variable in another dtype, and stays so in a run."""
    if node.op.name != "cast" or node.inputs[0].op.name != "variable":
        return False
    variable, size = node.inputs[0].attributes["variable"], node.inputs[0].dtype.size
    return variable not in changing and node.dtype.size <= size


def cast_of(node: Node) -> KeptCast:
    """The variable that all programs keep such a node in."""
    source = node.inputs[0].attributes["variable"]
    if source.casts is None:
        source.casts = {}
    found: KeptCast | None = source.casts.get(node.dtype)
    if found is None:
        found = source.casts[node.dtype] = KeptCast(node)
    return found


class Keeping:
    """What fills the kept casts that a program reads, when it must."""

    def __init__(
        self, casts: Sequence[KeptCast], compiled: Callable[[Graph], Callable[..., Any]]
    ):
        self.casts, self._seen = casts, (-1, -1)
        updates = tuple((kept, kept.formula) for kept in casts)
        self._fill = compiled(Graph((), {}, updates))

    def refresh(self) -> None:
        """Fill them, unless no variable was written or moved since."""
        state = Variable.writes, Variable.moves
        if state == self._seen:
            return
        shared = False
        for kept in self.casts:
            for variable in places_of(kept.source):
                variable.watched = Variable.watching = True
                shared = shared or variable.shared
        self._fill(())
        self._seen = (-1, -1) if shared else state


def places_of(variable: Variable) -> Iterator[Variable]:
    """The variables by which one is written: itself, and the flat one of its arena."""
    yield variable
    if variable.arena is not None:
        yield variable.arena.variable


def keeping_of(
    variables: Iterable[Variable], compiled: Callable[[Graph], Callable[..., Any]]
) -> Keeping | None:
    """What fills those of some variables that are kept casts; None without any."""
    casts = [variable for variable in variables if isinstance(variable, KeptCast)]
    return Keeping(casts, compiled) if casts else None
