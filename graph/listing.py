"""A graph as text: one line a node, each with its type."""

from __future__ import annotations

from collections.abc import Sequence

from .graph import Graph
from .layer_parts import kind_of
from .node import Node
from .notation import attribute_texts


def listing(graph: Graph) -> str:
    """The nodes of a graph in order, then what it returns and updates.

    >>> from tulle.graph.graph import graph_of
    >>> from tulle.graph.network import Input, Network
    >>> x = Input((2,), name="x")
    >>> print(listing(graph_of(Network(x, x + 1.0))))
    %0 = input x : f32[batch, 2]
    %1 = constant 1. : f32[]
    %2 = add(%0, %1) : f32[batch, 2]
    output_0 = %2
    """
    inputs = [node for node in graph.inputs if node not in set(graph.nodes)]
    nodes = [*inputs, *graph.nodes]
    numbers = {node: f"%{index}" for index, node in enumerate(nodes)}
    lines = []
    for node in nodes:
        operands = [numbers[source] for source in node.inputs]
        lines.append(f"{numbers[node]} = {described(node, operands)}")
    lines += [f"{name} = {numbers[node]}" for name, node in graph.outputs.items()]
    lines += [f"{v.path} := {numbers[node]}" for v, node in graph.updates]
    return "\n".join(lines)


def described(node: Node, names: Sequence[str]) -> str:
    """What a node is, its operands under names, and its type."""
    operands = ", ".join(names)
    match node.op.name:
        case "input":
            return f"input {node.name} : {node.type}"
        case "variable":
            return f"variable {node.attributes['variable'].path} : {node.type}"
        case "constant":
            return f"constant {node.attributes['value']!r} : {node.type}"
        case "layer_call":
            layer = node.attributes["call"].layer
            name = f"{kind_of(layer)} {layer.name}"
            return f"{name}({operands}) : {node.type}"
    settings = "".join(f" {k}={text}" for k, text in attribute_texts(node).items())
    call = f"{node.op.name}({operands})" if operands else node.op.name
    return f"{call}{settings} : {node.type}"
