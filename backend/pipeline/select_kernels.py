"""Ops become those that the array library runs in one pass and in place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...graph.device import array_module
from ...graph.graph import Graph
from ...graph.node import Node, normalize
from ...graph.registry import call
from ...graph.tensor import literal
from ...graph.types import F32


def select_kernels(graph: Graph) -> Graph:
    """The graph with each op as the array library likes it best."""
    return graph.replace(normalize(graph.roots, selected).nodes)


def select_generated(graph: Graph) -> Graph:
    """The graph with each op as generated kernels have it: nearly all as they are."""
    return graph.replace(normalize(graph.roots, accumulated).nodes)


def accumulated(node: Node) -> Node | None:
    """Sums of halves in float32; None for other ops."""
    if node.op.accumulates and any(s.dtype.is_half for s in node.inputs):
        return widened(node) if array_module() is np else None
    return None


def selected(node: Node) -> Node | None:
    """What a node is computed by; None for itself."""
    if node.op.accumulates and any(s.dtype.is_half for s in node.inputs):
        return accumulated(node)
    rule = SELECTIONS.get(node.op.name)
    return rule(node) if rule is not None else None


def widened(node: Node) -> Node:
    """A sum of halves in float32, rounded once; NumPy would round at each addition."""
    inputs = tuple(
        call("cast", source, F32.name) if source.dtype.is_half else source
        for source in node.inputs
    )
    found = node.op.apply(inputs, node.attributes, like=node)
    return call("cast", found, node.dtype.name)  # type: ignore[no-any-return]


def relu(node: Node) -> Node:
    """`relu(x) = maximum(x, 0)`."""
    (x,) = node.inputs
    return call("maximum", x, literal(0, x.tensor_type))  # type: ignore[no-any-return]


def sigmoid(node: Node) -> Node:
    """`sigmoid(x) = tanh(x / 2) / 2 + 1 / 2`, which never overflows."""
    (x,) = node.inputs
    half = literal(0.5, x.tensor_type)
    one = literal(1, x.tensor_type)
    return (call("tanh", x * half) + one) * half  # type: ignore[no-any-return]


def softplus(node: Node) -> Node:
    """`softplus(x) = logaddexp(x, 0)`."""
    (x,) = node.inputs
    return call("logaddexp", x, literal(0, x.tensor_type))  # type: ignore[no-any-return]


def rsqrt(node: Node) -> Node:
    """`rsqrt(x) = 1 / sqrt(x)`."""
    return call("reciprocal", call("sqrt", *node.inputs))  # type: ignore[no-any-return]


SELECTIONS: dict[str, Callable[[Node], Node]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "rsqrt": rsqrt,
}
