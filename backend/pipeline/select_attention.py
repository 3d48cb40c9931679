"""Attention becomes kernels of its own, where the CPU has native code for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph.device import array_module
from ...graph.graph import Graph
from ...graph.node import Node, rewrite
from ...graph.registry import OPS, call
from ...graph.types import F32
from ..attention import BACKWARD, FORWARD
from .in_bodies import in_bodies

WHOLE, GRADIENT = "dot_product_attention", "dot_product_attention_gradient"
FEW = 64  # queries, if known, below which weights are cheaper kept than made again


def select_attention(graph: Graph) -> Graph:
    """The graph with attention computed without an array of all weights."""
    if array_module() is not np:
        return graph
    graph = in_bodies(graph, select_attention, "select_attention")
    if not any(node.op.name in (WHOLE, GRADIENT) for node in graph.nodes):
        return graph
    kept = _kept(graph)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        name = node.op.name
        count = len(inputs) - (name == GRADIENT)
        if name not in (WHOLE, GRADIENT) or node.inputs[:count] in kept:
            return None
        if not suits(node):
            return None
        attributes = _attributes(node)
        operands = _operands(inputs[:count], attributes["given"])
        forward = FORWARD.apply(operands, attributes, node)
        results = [OPS["item"].apply((forward,), {"index": n}) for n in range(3)]
        if name == WHOLE:
            return results[0]
        more = (*operands, *results, inputs[-1])
        return BACKWARD.apply(more, attributes, node)

    return graph.replace(rewrite(graph.roots, rule).nodes)


def suits(node: Node) -> bool:
    """Whether the kernels compute this, and not slower than products do."""
    query = node.inputs[0]
    rows, size = query.shape[1].value, query.shape[3].value
    return (
        all(source.dtype == F32 for source in node.inputs[:3])
        and not node.attributes["soft_cap"]
        and (size is not None or node.attributes["scale"] is not None)
        and (rows is None or rows >= FEW)
    )


def _kept(graph: Graph) -> set[tuple[Node, ...]]:
    """The operands of attention whose bias wants a cotangent, which has all weights."""
    return {
        node.inputs[0].inputs[:-1]
        for node in graph.nodes
        if node.op.name == "item"
        and node.inputs[0].op.name == GRADIENT
        and node.attributes["index"] > 2
    }


def _attributes(node: Node) -> dict[str, Any]:
    """What the kernels read of the attributes."""
    scale, size = node.attributes["scale"], node.inputs[0].shape[3].value
    if scale is None:
        assert size is not None
        scale = 1 / np.sqrt(max(size, 1))
    return {
        "scale": float(scale),
        "is_causal": node.attributes["is_causal"],
        "given": node.attributes["given"],
    }


def _operands(operands: tuple[Node, ...], given: tuple[str, ...]) -> tuple[Node, ...]:
    """Operands of four axes, biases and masks with a column for each key."""
    query, key = operands[:2]
    found = list(operands[:3])
    for name, source in zip(given, operands[3:], strict=True):
        if name == "bias" and source.dtype != query.dtype:
            source = call("cast", source, query.dtype)
        shape = (*[1] * (4 - source.ndim), *source.shape)
        if source.ndim < 4:
            source = call("reshape", source, shape)
        if source.shape[3] != key.shape[1]:
            source = call("broadcast_to", source, (*source.shape[:3], key.shape[1]))
        found.append(source)
    return tuple(found)
