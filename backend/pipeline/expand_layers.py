"""Layer calls become the ops of their `call`, traced in the graph's mode."""

from __future__ import annotations

from typing import Any

from ...graph.graph import Graph
from ...graph.network import replay
from ...graph.node import Node
from ...graph.registry import call
from ...graph.tensor import SymbolicTensor
from ...graph.trace import Trace, tracing


def expand_layers(graph: Graph) -> Graph:
    """The graph without layer calls; their updates and added losses are collected.

    Added losses are summed into the objective's loss. Raises `TensorTypeError` if a
    layer returns other types in this mode than it was declared with.
    """
    if not any(node.op.level == "layer" for node in graph.nodes):
        return graph
    trace = Trace(training=graph.training)
    values: dict[Node, Any] = {node: SymbolicTensor(node) for node in graph.inputs}
    with tracing(trace):
        found = replay(graph.nodes, graph.roots, values, {})
        nodes = [tensor.as_node() for tensor in found]
        outputs = dict(zip(graph.outputs, nodes, strict=False))
        if graph.objective is not None:
            _add_losses(outputs, graph.objective.loss, trace)
    own = zip(graph.updates, nodes[len(outputs) :], strict=True)
    updates = {**trace.updates, **{variable: node for (variable, _), node in own}}
    return Graph(
        graph.inputs, outputs, tuple(updates.items()), graph.training, graph.objective
    )


def _add_losses(outputs: dict[str, Node], name: str, trace: Trace) -> None:
    for loss in trace.losses:
        scalar = loss if not loss.ndim else call("sum", loss)
        outputs[name] = call("add", outputs[name], scalar)
