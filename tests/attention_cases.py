"""Attention of 16 bits over many sizes, held to that of 64, for tests of devices."""

import numpy as np

from tulle.backend import compile_graph
from tulle.graph.device import device, to_numpy
from tulle.graph.differentiate import gradients
from tulle.graph.dim import Dim, Symbol
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

T, S = (Dim.from_symbol(Symbol(name)) for name in "TS")
SIZES = {T: 11, S: 7}
RANDOM = np.random.default_rng(5)
LIMITS = {"f16": 4e-3, "bf16": 3e-2}
SHAPED = ("heads", "shared", "size", "values", "rows", "columns")
CASES = {
    "plain": {},
    "causal": {"is_causal": True},
    "more queries than keys": {"is_causal": True, "sizes": {T: 9, S: 5}},
    "more keys than queries": {"is_causal": True, "sizes": {T: 3, S: 8}},
    "heads that share keys": {"shared": 2, "is_causal": True},
    "one key for all heads": {"shared": 1},
    "values of another size": {"size": 16, "values": 24},
    "a scale": {"scale": 0.7},
}


def operands(kind="f16", heads=4, shared=None, size=8, values=None, rows=T, columns=S):
    """Inputs for query, key and value."""
    shapes = {
        "query": (2, rows, heads, size),
        "key": (2, columns, shared or heads, size),
        "value": (2, columns, shared or heads, values or size),
    }
    return [
        input_node(name, TensorType(dtype_of(kind), tuple(map(Dim.of, shape))))
        for name, shape in shapes.items()
    ]


def graph_of(inputs, *more, **options):
    """Attention, and the cotangents of its operands for a loss of it."""
    found = call("dot_product_attention", *inputs, **options)
    loss = call("sum", call("square", call("cast", found, "float32")))
    slopes = dict(zip("qkv", gradients(loss, inputs), strict=True))
    return Graph((*inputs, *more), {"found": found, **slopes})


def numbers(inputs, sizes=SIZES):
    """Arrays for inputs; of truth values about half are true."""
    found = []
    for node in inputs:
        shape = [sizes[dim] if dim.value is None else dim.value for dim in node.shape]
        given = RANDOM.normal(size=shape)
        whole = node.dtype.is_float
        found.append(given.astype(node.dtype.numpy) if whole else given < 0)
    return found


def widened(graph):
    """The same graph of 64 bits."""
    names = ("query", "key", "value")
    inputs = [n.tensor_type.with_dtype("float64") for n in graph.inputs[:3]]
    return [input_node(k, t) for k, t in zip(names, inputs, strict=True)]


def agree(kind="f16", sizes=SIZES, more=(), **options):
    """A program on a device, three runs of which gave what 64 bits on the CPU give."""
    given = {name: options.pop(name) for name in SHAPED if name in options}
    inputs = operands(kind, **given)
    graph = graph_of(inputs, *more, **options)
    arrays = numbers(graph.inputs, sizes)
    wide = graph_of(widened(graph), *more, **options)
    exact = [a.astype("float64") if a.dtype != bool else a for a in arrays]
    wanted = compile_graph(wide)(exact)
    with device("gpu:0"):
        program = compile_graph(graph)
    limit = LIMITS[kind]
    bits = set()
    for _ in range(3):
        found = {name: to_numpy(a) for name, a in program(arrays).items()}
        bits.add(b"".join(a.tobytes() for a in found.values()))
        for name, array in found.items():
            assert array.dtype == dtype_of(kind).numpy
            scale = np.abs(wanted[name]).max(initial=1)
            error = np.abs(array.astype("float64") - wanted[name])
            assert error.max(initial=0) < limit * scale, name
    assert len(bits) == 1
    return program
