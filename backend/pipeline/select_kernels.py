"""Ops become those that the array library runs in one pass and in place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...graph.device import array_module
from ...graph.dim import ZERO, Dim
from ...graph.graph import Graph
from ...graph.node import Node, normalize, users
from ...graph.registry import OPS, call
from ...graph.tensor import literal
from ...graph.types import F32, I32
from .in_bodies import in_bodies

CHOOSING = ("window_max", "window_argmax", "window_pick")  # kernels are for f32 and f64
# Floats that hold each of these whole numbers.
HOLDING = {
    **dict.fromkeys(("bool", "i8", "u8", "i16", "u16"), F32.name),
    **dict.fromkeys(("i32", "u32"), "float64"),
}

SHOWING = ("reshape", "getitem")  # show each element once, at most


def select_kernels(graph: Graph) -> Graph:
    """The graph with each op as the array library likes it best."""
    return graph.replace(normalize(graph.roots, selected).nodes)


def select_generated(graph: Graph) -> Graph:
    """The graph with each op as generated kernels have it: nearly all as they are."""
    graph = in_bodies(graph, select_generated, "select_generated")
    readers = users(graph.nodes)

    def rule(node: Node) -> Node | None:
        if (
            node.op.name == "take_along_axis"
            and len(readers.get(node.inputs[0], ())) > 1
        ):
            return compared(node)
        if node.op.name in CHOOSING and node.inputs[0].dtype.is_half:
            return widened(node) if array_module() is np else None
        if node.op.name == "window_max" and node.dtype.short in HOLDING:
            return held_in_floats(node)
        for halves in (product_of_halves, rounded_later, unrounded, accumulated):
            found = halves(node)
            if found is not None:
                return found
        return None

    return graph.replace(normalize(graph.roots, rule).nodes)


def compared(node: Node) -> Node | None:
    """`take_along_axis(x, i) = sum(where(i == 0, 1, …, x, 0))` for one i a row.

    What else reads the rows of x can then be the same kernel.
    """
    source, indices = node.inputs
    axis = node.attributes["axis"]
    if indices.shape[axis].value != 1 or source.shape[axis].value == 1:
        return None
    if indices.dtype.size < 4:  # the size may be out of its range
        indices = call("cast", indices, I32.name)
    size = source.shape[axis]
    attributes = {"size": size, "told": node.op.name}
    places = OPS["positions"].apply((indices,), attributes)
    count = {"start": ZERO, "count": size, "step": 1, "dtype": indices.dtype}
    shape = [size if i == axis else Dim.of(1) for i in range(source.ndim)]
    along = call("reshape", OPS["arange"].apply((), count), tuple(shape))
    chosen = call("where", call("equal", places, along), source, 0)
    found = call("sum", chosen, axis=axis, keepdims=True)
    return call("cast", found, source.dtype.name)  # type: ignore[no-any-return]


def product_of_halves(node: Node) -> Node | None:
    """`matmul` of halves with sums in float32, rounded once; None for other ops."""
    if node.op.name != "matmul" or not node.dtype.is_half or array_module() is not np:
        return None
    found = OPS["matmul_wide"].apply(node.inputs, {}, like=node)
    return call("cast", found, node.dtype.name)  # type: ignore[no-any-return]


def rounded_later(node: Node) -> Node | None:
    """A product of halves in another shape, or a part: what reads it rounds it."""
    if node.op.name not in SHOWING or not node.dtype.is_half:
        return None
    (rounded,) = node.inputs
    if rounded.op.name != "cast" or rounded.inputs[0].op.name != "matmul_wide":
        return None
    found = node.op.apply(rounded.inputs, node.attributes, like=node)
    return call("cast", found, node.dtype.name)  # type: ignore[no-any-return]


def unrounded(node: Node) -> Node | None:
    """A sum in float32 that was rounded to 16 bits only to be widened again."""
    if node.op.name != "cast" or node.dtype != F32 or array_module() is not np:
        return None
    (rounded,) = node.inputs
    if rounded.op.name != "cast" or not rounded.dtype.is_half:
        return None
    source = found = rounded.inputs[0]
    while source.op.name in SHOWING:
        (source,) = source.inputs
    sums = source.op.accumulates or source.op.name == "matmul_wide"
    return found if sums and found.dtype == F32 else None


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
    """An op on halves in float32, its result rounded once.

    NumPy would round a sum at each addition.
    """
    inputs = tuple(
        call("cast", source, F32.name) if source.dtype.is_half else source
        for source in node.inputs
    )
    found = node.op.apply(inputs, node.attributes, like=node)
    return call("cast", found, node.dtype.name)  # type: ignore[no-any-return]


def held_in_floats(node: Node) -> Node:
    """The largest whole numbers of windows, among floats that hold them."""
    (x,) = node.inputs
    wide = call("cast", x, HOLDING[node.dtype.short])
    found = node.op.apply((wide,), node.attributes, like=node)
    return call("cast", found, node.dtype.name)  # type: ignore[no-any-return]


def relu(node: Node) -> Node:
    """`relu(x) = maximum(x, 0)`."""
    (x,) = node.inputs
    return call("maximum", x, literal(0, x.tensor_type))  # type: ignore[no-any-return]


def sigmoid(node: Node) -> Node:
    """`sigmoid(x) = 1 / (1 + exp(-x))`, exact for small results too."""
    (x,) = node.inputs
    one = literal(1, x.tensor_type)
    return call("reciprocal", call("exp", -x) + one)  # type: ignore[no-any-return]


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
