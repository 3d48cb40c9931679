"""The objective becomes gradients, and the optimizer's step over arenas."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from ...graph.diagnostics import Fault, GradientError
from ...graph.differentiate import gradients
from ...graph.graph import Graph, Objective
from ...graph.node import Node
from ...graph.opaque import without_vjp
from ...graph.ops.movement import full_node
from ...graph.tensor import SymbolicTensor
from ...graph.trace import Trace, tracing
from ...graph.types import TupleType
from ...graph.variable import SeedGenerator, Variable
from ..arena import Arena
from ..kernels import pack
from .place_parameters import homes_of, placed, view_of


def differentiate(graph: Graph) -> Graph:
    """The graph with its objective carried out: gradients packed, variables updated.

    Raises `GradientError` if something without a gradient stands in the way.
    """
    objective = graph.objective
    if objective is None:
        return graph
    trace = Trace(training=True)
    trace.draws.update(draws(graph.nodes))
    trace.updates.update(graph.updates)
    homes = homes_of(objective)
    pairs = packed_gradients(graph, objective, homes)
    for arena in homes:
        _hand_over(arena, trace)
    with tracing(trace):
        objective.apply([(SymbolicTensor(node), variable) for node, variable in pairs])
    updates = tuple(trace.updates.items())
    whole = Graph(graph.inputs, graph.outputs, updates, graph.training)
    # The optimizer may have read a variable that lives in an arena.
    return placed(whole, homes)


def packed_gradients(
    graph: Graph, objective: Objective, homes: Sequence[Arena]
) -> list[tuple[Node, Variable]]:
    """The gradient of the loss for each arena, and for each variable in none."""
    inside = {variable for arena in homes for variable in arena.variables}
    if objective.gradients is None:
        found = _gradients(graph, objective, inside)
    else:
        found = [objective.gradients[variable] for variable in objective.variables]
    pairs = list(zip(found, objective.variables, strict=True))
    whole = {v: full_node(v.type, 0.0) if g is None else g for g, v in pairs}
    packed = [
        (pack([whole[v] for v in arena.variables]), arena.variable) for arena in homes
    ]
    alone = [(g, v) for g, v in pairs if g is not None and v not in inside]
    return [*packed, *alone]


def _gradients(
    graph: Graph, objective: Objective, inside: Container[Variable]
) -> Sequence[Node | None]:
    """The gradient of the loss for each variable; those inside of arenas are views."""
    loss = graph.outputs[objective.loss]
    sources = [view_of(v) if v in inside else v.node for v in objective.variables]
    _check_opaque(graph.nodes, sources)
    try:
        return gradients(loss, sources)
    except Fault as fault:
        raise GradientError(fault.diagnostic(loss.span)) from None


def _hand_over(arena: Arena, trace: Trace) -> None:
    """Let the arena start from what the forward pass assigned to its variables."""
    if not any(variable in trace.updates for variable in arena.variables):
        return
    values = [
        trace.updates.pop(v) if v in trace.updates else view_of(v)
        for v in arena.variables
    ]
    trace.updates[arena.variable] = pack(values)


def draws(nodes: Sequence[Node]) -> Mapping[SeedGenerator, int]:
    """How often a program draws from each generator."""
    found: dict[SeedGenerator, int] = {}
    for node in nodes:
        if node.op.name == "random_key":
            generator, draw = node.attributes["generator"], node.attributes["draw"]
            found[generator] = max(found.get(generator, 0), draw + 1)
    return found


def _floats(node: Node) -> bool:
    """Whether a node, or one of its results, holds floats."""
    types = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    return any(type.dtype.is_float for type in types)


def _check_opaque(nodes: Sequence[Node], sources: Sequence[Node]) -> None:
    """Refuse an opaque layer without `vjp` between a variable and the loss."""
    moving = set(sources)
    for node in nodes:
        if node in moving or node.op.no_gradient:
            continue
        if not any(source in moving for source in node.inputs):
            continue
        moving.add(node)
        if node.op.name != "opaque" or not _floats(node):
            continue
        layer = node.attributes["call"].layer
        if not hasattr(layer, "vjp"):
            found = without_vjp(layer).diagnostic(layer.span)
            label = "this layer stands between the loss and trainable weights"
            raise GradientError(replace(found, label=label))
