"""Attention as kernels: when they are chosen, and that programs then agree."""

import numpy as np
import pytest

from tulle.backend import compile_graph
from tulle.backend.cpu.engine import available
from tulle.backend.pipeline.select_attention import FEW, select_attention
from tulle.graph.differentiate import gradients
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

T = Dim.from_symbol(Symbol("T"))
RANDOM = np.random.default_rng(2)


def place(name, *shape, dtype="f32"):
    sizes = tuple(Dim.of(size) for size in shape)
    return input_node(name, TensorType(dtype_of(dtype), sizes))


def step(operands, wanted=None, **options):
    """The graph of attention, and of what a loss of it becomes at its operands."""
    query, key, value, *more = operands
    found = call("dot_product_attention", query, key, value, *more, **options)
    loss = call("sum", call("square", found))
    slopes = gradients(loss, list(operands if wanted is None else wanted))
    named = {f"slope {i}": s for i, s in enumerate(slopes) if s is not None}
    return Graph(tuple(operands), {"found": found, **named})


def names(graph):
    return {node.op.name for node in graph.nodes}


def three(rows=T, dtype="f32"):
    return [
        place(name, 2, rows, 2, 4, dtype=dtype) for name in ("query", "key", "value")
    ]


def agree(graph, rows=11, slack=1e-5):
    """A program agrees with the reference interpreter."""
    arrays = [
        RANDOM.standard_normal([d.value or rows for d in n.shape]).astype(
            n.dtype.numpy if n.dtype.is_float else np.float32
        )
        for n in graph.inputs
    ]
    arrays = [
        a if n.dtype.is_float else a > -0.5
        for a, n in zip(arrays, graph.inputs, strict=True)
    ]
    values = dict(zip(graph.inputs, arrays, strict=True))
    wanted = evaluate(list(graph.roots), values, {T.symbol: rows})
    found = compile_graph(graph)(arrays)
    for name, value in zip(graph.outputs, wanted, strict=True):
        assert found[name].dtype == value.dtype
        one, two = (np.asarray(a, "f4") for a in (found[name], value))
        np.testing.assert_allclose(one, two, rtol=10 * slack, atol=slack)


@pytest.mark.parametrize("causal", [False, True])
def test_of_any_length(causal):
    graph = step(three(), is_causal=causal)
    assert names(select_attention(graph)) >= {"attention_forward", "attention_backward"}
    agree(graph)
    agree(graph, rows=130)


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_halves_by_the_kernels_of_float32(dtype):
    graph = step(three(dtype=dtype), is_causal=True)
    found = select_attention(graph)
    assert names(found) >= {"attention_forward", "attention_backward"}
    rounding = 2.0 ** (-11 if dtype == "f16" else -8)
    agree(graph, slack=8 * rounding)
    agree(graph, rows=70, slack=8 * rounding)


@pytest.mark.parametrize("shape", [(2, 1, T, T), (T, T), (1, 1, 1, T), (2, 1, T, 1)])
def test_masks_of_any_shape(shape):
    graph = masked(three(), place("mask", *shape, dtype="bool"))
    assert "attention_backward" in names(select_attention(graph))
    agree(graph)


def masked(operands, mask):
    found = call("dot_product_attention", *operands, mask=mask)
    loss = call("sum", call("square", found))
    slopes = dict(zip("qkv", gradients(loss, operands), strict=True))
    return Graph((*operands, mask), {"found": found, **slopes})


def test_a_bias_that_is_learned_has_all_weights():
    operands = [*three(), place("bias", 2, T, T)]
    graph = step(operands)
    assert not {"attention_forward", "attention_backward"} & names(
        select_attention(graph)
    )
    agree(graph)
    fixed = step(operands, operands[:3])
    assert "attention_backward" in names(select_attention(fixed))
    agree(fixed)


@pytest.mark.parametrize(
    "options", [{"attn_logits_soft_cap": 2.0}, {"dtype": "f64"}, {"rows": FEW - 1}]
)
def test_what_stays_as_it_is(options):
    options = dict(options)
    operands = three(options.pop("rows", T), options.pop("dtype", "f32"))
    graph = step(operands, **options)
    found = select_attention(graph)
    assert "dot_product_attention" in names(found)
    assert "attention_forward" not in names(found)
    agree(graph)


def test_queries_that_are_keys_and_values():
    x = three()[0]
    found = call("dot_product_attention", x, x, x)
    (slope,) = gradients(call("sum", call("square", found)), [x])
    agree(Graph((x,), {"found": found, "slope": slope}))


def test_second_derivatives():
    operands = three()
    found = call("dot_product_attention", *operands, is_causal=True)
    slopes = gradients(call("sum", call("square", found)), operands)
    size = sum(call("sum", call("square", slope)) for slope in slopes)
    curves = gradients(size, operands)
    agree(Graph(tuple(operands), dict(zip("qkv", curves, strict=True))))


@pytest.mark.skipif(not available(), reason="needs llvmlite and SciPy")
def test_no_array_of_all_weights():
    graph = step(three())
    shapes = [(2, 512, 2, 4)] * 3
    peak = compile_graph(graph).plan(shapes).peak_bytes
    assert peak < 2 * 2 * 512 * 512 * 4
