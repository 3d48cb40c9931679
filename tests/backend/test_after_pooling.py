"""Biases and `relu` behind the maximum of windows."""

import numpy as np
import pytest

from tulle.backend.pipeline.after_pooling import after_pooling
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, verify
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

BATCH = Dim.from_symbol(Symbol("batch"))


def given(name, *shape):
    dims = tuple(Dim.of(size) for size in shape)
    return input_node(name, TensorType(dtype_of("f32"), dims))


X, BIAS, EACH = given("x", BATCH, 11, 9, 4), given("b", 4), given("e", BATCH, 1, 1, 4)
MASK = given("m", 11, 9, 1)
INPUTS = (X, BIAS, EACH, MASK)


def ops_after(*outputs):
    """The ops of the graph after the pass, which changes no bit, and their places."""
    graph = Graph(INPUTS, {f"out{n}": node for n, node in enumerate(outputs)})
    after = after_pooling(graph)
    verify(after)
    random, sizes = np.random.default_rng(0), {BATCH.symbol: 3}
    values = {
        node: random.standard_normal(
            [int(d.evaluate(sizes)) for d in node.shape], np.float32
        )
        for node in INPUTS
    }
    values[X][0, 2, 3, 1], values[X][1, :2, :2, 0] = np.nan, -np.inf
    found, wanted = (evaluate(list(one.roots), values, sizes) for one in (after, graph))
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, two)
    return [(n.op.name, n.shape[1].value) for n in after.nodes if n.inputs]


def pooled(x, **options):
    return call("max_pool", x, 2, **options)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_what_keeps_the_order_goes_behind(padding):
    size = {"valid": 5, "same": 6}[padding]
    behind = [("max_pool", size), ("add", size), ("relu", size)]
    assert ops_after(pooled(call("relu", X + BIAS), padding=padding)) == behind
    assert ops_after(pooled(call("relu", EACH + X), padding=padding)) == behind


def test_what_does_not_keep_it_stays():
    for before in (X * BIAS, X + MASK, X + X, call("tanh", X)):
        *_, last = ops_after(pooled(before))
        assert last == ("max_pool", 5)
    assert ops_after(call("average_pool", call("relu", X), 2))[0] == ("relu", 11)


def test_what_else_reads_it_keeps_it_in_front():
    line = call("relu", X + BIAS)
    assert ops_after(pooled(line), line)[:2] == [("add", 11), ("relu", 11)]


def test_windows_that_share_places_are_left_alone():
    line = call("relu", X)
    assert ops_after(pooled(line, strides=1))[0] == ("relu", 11)
    assert ops_after(call("max_pool", line, 3, strides=2))[0] == ("relu", 11)
