"""Convolutions without what the pooling behind them leaves out."""

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.backend.pipeline import stages
from tulle.backend.pipeline.trim import trim
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, verify
from tulle.graph.node import Node
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

BATCH, LENGTH = (Dim.from_symbol(Symbol(name)) for name in ("batch", "length"))


def given(name, *shape):
    dims = tuple(Dim.of(size) for size in shape)
    return input_node(name, TensorType(dtype_of("f32"), dims))


X, W, BIAS = given("x", BATCH, 13, 12, 3), given("w", 3, 2, 3, 4), given("b", 4)


def trimmed(*outputs, inputs=(X, W, BIAS)):
    """The places of the convolutions after the pass, which changes no number."""
    graph = Graph(inputs, {f"out{n}": node for n, node in enumerate(outputs)})
    after = trim(graph)
    verify(after)
    random = np.random.default_rng(0)
    sizes = {BATCH.symbol: 2, LENGTH.symbol: 13}
    values = {
        node: random.standard_normal(
            [int(d.evaluate(sizes)) for d in node.shape], np.float32
        )
        for node in inputs
    }
    found, wanted = (evaluate(list(one.roots), values, sizes) for one in (after, graph))
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)
    convolutions = ("conv", "conv_forward")
    return [n.shape[1:-1] for n in after.nodes if n.op.name in convolutions]


def sizes_of(*numbers):
    return tuple(map(Dim.of, numbers))


def biased(conv: Node) -> Node:
    return call("relu", conv + BIAS)


@pytest.mark.parametrize("pool", ["max_pool", "average_pool"])
def test_the_end_that_no_window_reads_is_not_computed(pool):
    conv = call("conv", X, W)
    assert conv.shape[1:-1] == sizes_of(11, 11)
    assert trimmed(call(pool, biased(conv), 2)) == [sizes_of(10, 10)]
    assert trimmed(call(pool, conv, 3, 4)) == [sizes_of(11, 11)]
    assert trimmed(call(pool, conv, (2, 1), (5, 3))) == [sizes_of(7, 10)]
    gain = call("reshape", BIAS, (1, 1, 4))
    assert trimmed(call(pool, conv * gain, 2)) == [sizes_of(10, 10)]


def test_padding_and_dilation_of_the_convolution_stay_its_own():
    same = call("conv", X, W, padding="same")
    assert trimmed(call("max_pool", same, 5)) == [sizes_of(10, 10)]
    wide = call("conv", X, W, strides=2, padding="same")
    assert trimmed(call("max_pool", wide, 2)) == [sizes_of(6, 6)]


def test_what_else_reads_it_keeps_it_whole():
    conv = call("conv", X, W)
    part = call("max_pool", biased(conv), 2)
    for other in (conv, call("sum", conv), call("max_pool", conv, 3)):
        assert trimmed(part, other) == [sizes_of(11, 11)]
    mask = given("mask", 11, 11, 1)
    masked = call("max_pool", conv * mask, 2)
    assert trimmed(masked, inputs=(X, W, mask)) == [sizes_of(11, 11)]


def test_windows_that_hang_over_the_end_read_all():
    conv = call("conv", X, W)
    assert trimmed(call("max_pool", conv, 2, padding="same")) == [sizes_of(11, 11)]


def test_only_sizes_that_are_known_are_trimmed():
    x = given("x", BATCH, LENGTH, 12, 3)
    conv = call("conv", x, W)
    found = trimmed(call("max_pool", conv, 2), inputs=(x, W))
    assert found == [(LENGTH - 2, Dim.of(10))]


def test_gradients_are_those_of_what_is_read():
    pytest.importorskip("llvmlite")
    random = np.random.default_rng(1)
    arrays = [
        random.standard_normal([2 if d is BATCH else d.value for d in n.shape])
        for n in (X, W, BIAS)
    ]
    x, w, b = (tulle.convert_to_tensor(array.astype(np.float32)) for array in arrays)

    inputs = tulle.Input((13, 12, 3))
    h = tulle.layers.Conv2D(4, (3, 2), activation="relu")(inputs)
    h = tulle.layers.MaxPooling2D(2)(h)
    model = tulle.Model(inputs, tulle.layers.Flatten()(h))
    model.set_weights([w, b])
    model.compile("sgd", "mse")
    target = np.ones((2, 100), np.float32)

    def loss(w, b):
        y = ops.max_pool(ops.relu(ops.conv(x, w) + b), 2)
        return ops.mean((ops.reshape(y, (2, 100)) - target) ** 2)

    wanted = tulle.grad(loss, (0, 1))(w, b)
    model.train_on_batch(x, target)
    for after, before, slope in zip(model.get_weights(), (w, b), wanted, strict=True):
        moved = np.asarray(before) - 0.01 * np.asarray(slope)
        np.testing.assert_allclose(after, moved, rtol=1e-5, atol=1e-6)


def test_it_comes_before_gradients():
    whole = Graph((X, W), {"y": call("max_pool", call("conv", X, W), 2)})
    names = [stage.name for stage in stages(whole, generated=True)]
    assert names.index("trim") < names.index("differentiate")
