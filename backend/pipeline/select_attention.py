"""Attention becomes kernels of its own, where native code or a library has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph.device import array_module
from ...graph.graph import Graph
from ...graph.node import Node, rewrite
from ...graph.op import Op
from ...graph.registry import OPS, call
from ...graph.types import F32, TupleType
from ..attention import BACKWARD, FORWARD, LOGSUM, LOGSUM_GRADIENT
from .in_bodies import in_bodies

WHOLE, GRADIENT = "dot_product_attention", "dot_product_attention_gradient"
WIDEST, STEP = 256, 8  # of heads that cuDNN takes
FEW = 16  # queries, if known, below which products of matrices are faster
FEW_OF_LIBRARY = 64  # or faster than cuDNN


def select_attention(graph: Graph) -> Graph:
    """The graph with attention computed without an array of all weights, on a CPU."""
    if array_module() is not np:
        return graph
    graph = in_bodies(graph, select_attention, "select_attention")
    return _selected(graph, suits, FORWARD, BACKWARD)


def select_library_attention(graph: Graph, there: Callable[[], bool]) -> Graph:
    """The same for what a library computes, which is asked for only if it could be."""

    def within(body: Graph) -> Graph:
        return select_library_attention(body, there)

    def suits(node: Node) -> bool:
        return suits_library(node) and there()

    graph = in_bodies(graph, within, "select_library_attention")
    return _selected(graph, suits, LOGSUM, LOGSUM_GRADIENT)


def _selected(
    graph: Graph, suits: Callable[[Node], bool], forward: Op, backward: Op
) -> Graph:
    """The graph with two ops in place of attention that suits, and of its gradient."""
    if not any(node.op.name in (WHOLE, GRADIENT) for node in graph.nodes):
        return graph
    kept = _kept(graph)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        name = node.op.name
        if name == "item" and inputs[0].op is backward:
            return _rounded(OPS["item"].apply(inputs, node.attributes, node), node)
        count = len(inputs) - (name == GRADIENT)
        if name not in (WHOLE, GRADIENT) or node.inputs[:count] in kept:
            return None
        if not suits(node):
            return None
        attributes = _attributes(node)
        if forward is FORWARD:
            inputs = tuple(_single(source) for source in inputs)
        operands = _operands(inputs[:count], attributes["given"])
        whole = forward.apply(operands, attributes, node)
        assert isinstance(whole.type, TupleType)
        results = [
            OPS["item"].apply((whole,), {"index": n})
            for n in range(len(whole.type.items))
        ]
        if name == WHOLE:
            return _rounded(results[0], node)
        more = (*operands, *results, inputs[-1])
        return backward.apply(more, attributes, node)

    return graph.replace(rewrite(graph.roots, rule).nodes)


def _single(source: Node) -> Node:
    """Halves in float32, as the kernels of the CPU have them."""
    found: Node = call("cast", source, F32.name) if source.dtype.is_half else source
    return found


def _rounded(found: Node, like: Node) -> Node:
    """A result in the dtype of the node that it replaces."""
    if found.dtype == like.dtype:
        return found
    rounded: Node = call("cast", found, like.dtype.name)
    return rounded


def suits(node: Node) -> bool:
    """Whether the kernels compute this, and not slower than products do."""
    query = node.inputs[0]
    rows, size = query.shape[1].value, query.shape[3].value
    dtypes = [source.dtype for source in node.inputs[:3]]
    return (
        all(dtype == F32 or dtype.is_half for dtype in dtypes)
        and not node.attributes["soft_cap"]
        and (size is not None or node.attributes["scale"] is not None)
        and (rows is None or rows >= FEW)
    )


def suits_library(node: Node) -> bool:
    """Whether cuDNN may compute this: 16 bits, and every key counts or all before.

    Of masks and biases it says otherwise than the op what becomes of a query that sees
    no key.
    """
    query, *others = node.inputs[:3]
    rows = query.shape[1].value
    sizes = [source.shape[3].value or 0 for source in node.inputs[:3]]
    return (
        query.dtype.short in ("f16", "bf16")
        and all(source.dtype == query.dtype for source in others)
        and not node.attributes["soft_cap"]
        and not node.attributes["given"]
        and all(0 < size <= WIDEST and size % STEP == 0 for size in sizes)
        and (rows is None or rows >= FEW_OF_LIBRARY)
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
