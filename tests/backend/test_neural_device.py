"""Convolution, pooling, images and loops on another array module."""

import sys

import fake_cupy
import numpy as np

from tulle.backend import compile_graph
from tulle.graph import control
from tulle.graph.device import device
from tulle.graph.differentiate import gradients
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, constant_node, input_node

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(2, 6, 5, 4)).astype("float32")


def weight(*shape):
    array = np.random.default_rng(len(shape)).normal(size=shape).astype("float32")
    return SymbolicTensor(constant_node(array))


def networks(x):
    yield call("conv", x, weight(3, 2, 4, 3), strides=(2, 1), padding="same")
    yield call("conv", x, weight(2, 2, 2, 4), dilation_rate=2)
    yield call("depthwise_conv", x, weight(2, 2, 4, 2), padding="same")
    yield call("conv_transpose", x, weight(3, 3, 2, 4), strides=2)
    yield call("max_pool", x, 3, strides=2, padding="same")
    yield call("average_pool", x, 3, strides=2, padding="same")
    yield call("adaptive_max_pool", x, 2)
    yield call("resize", x, (9, 3), interpolation="bicubic")
    yield call("resize", x, (3, 9), interpolation="nearest")
    yield call("unfold", x, 2)
    yield call("fold_patches", x[:, :, :, 0], (5, 2), (3, 2), padding=(1, 0))
    yield call("layer_normalization", x, weight(4))
    yield call("dot_product_attention", x, x, x, is_causal=True)
    yield control.scan(lambda c, r: (call("tanh", c + r), c * r), x[0], x)[1]
    yield control.while_loop(
        lambda v: call("sum", v * v) < 1e3, lambda v: v * 1.5, x, maximum_iterations=9
    )
    yield control.cond(call("sum", x) > 0.0, lambda: x * 2.0, lambda: x)


def outputs(name):
    x = input_node("x", Tensor(X).type)
    found = [y.node for y in networks(SymbolicTensor(x))]
    total = [call("sum", call("square", y)) for y in found]
    slopes = [gradients(one, [x])[0] for one in total]
    with device(name):
        program = compile_graph(
            Graph((x,), {str(i): node for i, node in enumerate([*found, *slopes])})
        )
    return program([X])


def test_the_same_numbers_on_the_device(monkeypatch):
    wanted = outputs("cpu")
    module = fake_cupy.make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    found = outputs("gpu:0")
    assert len(found) == 32
    for key, array in found.items():
        assert isinstance(array, module.ndarray)
        np.testing.assert_allclose(array.get(), wanted[key], 1e-5, 1e-5)
