"""Shapes reckoned from `ops.shape` of a symbol are shapes with its sizes."""

import numpy as np
import pytest

import tulle
from tulle import ops, random
from tulle.backend import compile_graph
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.graph import graph_of
from tulle.graph.layer import Layer
from tulle.graph.network import Input, Network


class Doubled(Layer):
    """Zeros with twice the rows, from the sizes of the input."""

    def call(self, x):
        rows, columns = ops.shape(x)
        return ops.zeros((rows * 2 + 1, columns)) + ops.mean(x)


class Noise(Layer):
    """The input and noise of its shape."""

    def call(self, x):
        return x + 0.0 * random.normal(shape=ops.shape(x))


def test_sizes_stay_symbolic():
    x = Input((3,))
    batch = x.type.shape[0]
    assert not Noise()(x).node.attributes["call"].layer.opaque
    assert Noise()(x).type.shape == (batch, 3)
    assert Doubled()(x).type.shape[0] == batch * 2 + 1


def test_sizes_when_it_runs():
    x = Input((3,))
    run = compile_graph(graph_of(Network(x, [Doubled()(x), Noise()(x)])))
    for rows in (2, 5):
        data = np.ones((rows, 3), "f4")
        found = run([data])
        assert found["output_0"].shape == (2 * rows + 1, 3)
        np.testing.assert_array_equal(found["output_1"], data)


def test_values_are_no_sizes():
    x = Input((3,), dtype="int32")
    with pytest.raises(TensorTypeError, match="no number"):
        ops.zeros((ops.max(x), 3))


def test_a_size_that_a_layer_asks_for_is_a_size_everywhere():
    class Positions(Layer):
        def call(self, x):
            batch, length = ops.shape(x)[:2]
            ids = ops.tile(ops.arange(length)[None], (batch, 1))
            half = ops.one_hot(ids[:, : length // 2], length)
            return half, ops.repeat(ops.ones((1, 2)), batch, axis=0)

    layer = Positions()
    half, ones = layer(Input((None, 4)))
    assert not layer.opaque
    assert [half.shape[0], half.ndim, ones.shape] == [None, 3, (None, 2)]
    half, ones = layer(np.ones((3, 6, 4), "float32"))
    np.testing.assert_array_equal(half, np.broadcast_to(np.eye(6)[:3], (3, 3, 6)))
    assert ones.shape == (3, 2)


def test_take_along_axis_stretches_the_other_axes():
    x = np.arange(6.0, dtype="float32").reshape(1, 3, 2)
    index = np.array([[[0]], [[2]]])
    found = ops.take_along_axis(x, index, axis=1)
    np.testing.assert_array_equal(found, np.take_along_axis(x, index, axis=1))


@pytest.mark.parametrize("join", [lambda a, b: a + b, lambda a, b: ops.stack([a, b])])
def test_two_nones_are_two_sizes_and_one_name_is_one(join):
    with pytest.raises(TensorTypeError, match=r'if these two are one, name it.*"T"'):
        join(Input((None, 4)), Input((None, 4), name="other"))
    assert join(Input(("T", 4)), Input(("T", 4))).shape[-1] == 4


def test_a_shape_makes_a_symbol():
    x = tulle.KerasTensor((None, 3), dtype="int32", name="x")
    assert (x.shape, x.dtype, x.name) == ((None, 3), "int32", "x")
    assert ops.add(x, tulle.KerasTensor((None, 3), "int32")).shape == (None, 3)
