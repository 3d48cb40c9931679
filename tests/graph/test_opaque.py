"""Opaque layers: raw NumPy inside, a gradient of their own or a clear refusal."""

import numpy as np
import pytest

from tulle.backend import compile_graph
from tulle.graph.diagnostics import Fault, TensorTypeError
from tulle.graph.differentiate import gradients
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import graph_of
from tulle.graph.layer import Layer
from tulle.graph.layers import Dense
from tulle.graph.network import Input, Network
from tulle.graph.node import topological
from tulle.graph.registry import call
from tulle.graph.tape import GradientTape
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.trace import Trace, tracing

DATA = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


class Norms(Layer):
    """The scaled length of each row, by raw NumPy."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def call(self, x):
        return np.sqrt(np.sum((np.asarray(x) * self.scale.numpy()) ** 2, axis=-1))

    def vjp(self, inputs, output, cotangent):
        x, scale = map(np.asarray, inputs)
        wide = (np.asarray(cotangent) / np.asarray(output))[:, None]
        return wide * x * scale**2, (wide * x**2 * scale).sum(axis=0)


class Sorted(Layer):
    """A Python step without a gradient."""

    def call(self, x):
        return np.sort(np.asarray(x), axis=-1)


class Branching(Layer):
    """Python control flow on values."""

    def call(self, x):
        return x * 2 if float(call("sum", x)) > 0 else x


def traced(layer, array):
    x = SymbolicTensor(input_node("x", Tensor(array).type))
    with tracing(Trace()):
        return x.node, layer(x).as_node()


def test_becomes_opaque():
    x = Input((3,))
    for layer, type in ((Norms(), "f32[batch]"), (Sorted(), "f32[batch, 3]")):
        y = layer(x)
        assert layer.opaque
        assert str(y.type) == type
        model = Network(x, y)
        np.testing.assert_array_equal(model(DATA), layer(DATA))
    assert not Dense(2).opaque


def test_inside_a_traceable_layer():
    """The layer that asks for values is opaque, not the one around it."""

    class Around(Layer):
        def __init__(self):
            super().__init__()
            self.dense, self.norms = Dense(3), Norms()

        def call(self, x):
            return call("exp", self.norms(self.dense(x)))

    layer = Around()
    x, node = traced(layer, DATA)
    assert layer.norms.opaque
    assert not layer.opaque
    (kernel,) = gradients(call("sum", node), [layer.dense.kernel.node])
    assert np.isfinite(evaluate([kernel], {x: DATA}, {})[0]).all()


def test_control_flow_on_values():
    layer = Branching()
    model = Network(x := Input((3,)), layer(x))
    assert layer.opaque
    positive = np.abs(DATA)
    np.testing.assert_array_equal(model(positive), 2 * positive)
    np.testing.assert_array_equal(model(-positive), -positive)


def test_in_a_graph():
    layer = Norms()
    x, node = traced(layer, DATA)
    assert [n.op.name for n in topological([node])] == ["input", "variable", "opaque"]
    (found,) = evaluate([node], {x: DATA}, {})
    np.testing.assert_allclose(found, np.linalg.norm(DATA, axis=1), 1e-6)


def test_gradient_by_finite_differences():
    layer = Norms(dtype="float64")
    data = DATA.astype("float64")
    weights = np.array([1.0, -2.0, 0.5, 3.0])
    scale = np.array([0.5, 1.5, -1.0])
    x, node = traced(layer, data)
    layer.scale.assign(scale)
    target = call("sum", node * weights)
    nodes = gradients(target, [x, layer.scale.node])
    by_data, by_scale = evaluate(nodes, {x: data}, {})

    def loss(array, factor):
        return (np.linalg.norm(array * factor, axis=1) * weights).sum()

    rng = np.random.default_rng(1)
    for found, move in (
        (by_data, lambda way, step: loss(data + step * way, scale)),
        (by_scale, lambda way, step: loss(data, scale + step * way)),
    ):
        way = rng.normal(size=found.shape)
        slope = (move(way, 1e-6) - move(way, -1e-6)) / 2e-6
        assert (found * way).sum() == pytest.approx(slope, rel=1e-6)


def test_gradient_by_tape():
    layer = Norms()
    layer(DATA)
    with GradientTape() as tape:
        total = call("sum", layer(DATA))
    found = tape.gradient(total, layer.scale)
    wanted = (DATA**2 / np.linalg.norm(DATA, axis=1)[:, None]).sum(axis=0)
    np.testing.assert_allclose(found, wanted, 1e-5)


def test_no_vjp_names_the_layer_and_its_line():
    layer = Sorted(name="sorter")
    x, node = traced(layer, DATA)
    with pytest.raises((Fault, TensorTypeError)) as error:
        gradients(call("sum", node), [x])
    text = str(error.value)
    assert "`sorter` computes on values in Python and has no `vjp`" in text
    span = layer.span
    assert span.source.line(span.line).strip() == 'layer = Sorted(name="sorter")'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, scale: x, "returned 1 cotangents for 2 inputs"),
        (lambda x, scale: (x[0], scale), "returned shape (3,) for input 1"),
    ],
)
def test_wrong_vjp(answer, words):
    class Wrong(Norms):
        def vjp(self, inputs, output, cotangent):
            return answer(*map(np.asarray, inputs))

    x, node = traced(Wrong(), DATA)
    found = gradients(call("sum", node), [x])
    with pytest.raises(TensorTypeError) as error:
        evaluate(found, {x: DATA}, {})
    assert words in str(error.value)
    assert error.value.diagnostics[0].code == "T0502"


def test_output_type():
    """Declared shapes are believed, others probed, riddles refused."""

    class Declared(Layer):
        def call(self, x):
            return np.asarray(x).reshape(-1, 1)

        def compute_output_shape(self, input_shape):
            return (None, 1)

    assert str(Declared()(Input(())).type) == "f32[batch, 1]"

    class Riddle(Layer):
        def call(self, x):
            return np.zeros(np.asarray(x).shape[0] // 2 + 1, "float32")

    with pytest.raises(TensorTypeError) as error:
        Riddle()(Input((3,)))
    assert error.value.diagnostics[0].code == "T0308"
    assert "compute_output_shape" in str(error.value)


def test_mistakes_inside_are_the_users():
    class Broken(Layer):
        def call(self, x):
            return np.asarray(x) @ np.ones((7, 7))

    with pytest.raises(ValueError, match="matmul"):
        Broken()(DATA)


class Returning(Layer):
    """Returns what it is told to, computed from the values of its input."""

    def __init__(self, result):
        super().__init__()
        self.result = result

    def call(self, x):
        return self.result(np.array(x))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda x: None, "returned nothing, not an array"),
        (lambda x: (), "returned a tuple, not an array"),
        (lambda x: "text", "returned a str, not an array"),
    ],
)
def test_results_that_are_no_array_are_refused_at_definition(result, words):
    with pytest.raises(TensorTypeError, match=words):
        Returning(result)(Input((3,)))


def test_a_result_of_another_shape_is_refused_when_it_comes():
    x = Input((3,))
    network = Network(x, Returning(lambda v: v[v[:, 0] > 0])(x) + 1.0)
    run = compile_graph(graph_of(network))
    assert run([np.ones((2, 3), "f4")])["output_0"].shape == (2, 3)
    with pytest.raises(TensorTypeError, match=r"f32\[1, 3\] where f32\[2, 3\]"):
        run([np.array([[1, 1, 1], [-1, 1, 1]], "f4")])


def test_a_layer_reads_its_input_and_does_not_write_it():
    class Greedy(Layer):
        def call(self, x):
            x = np.asarray(x)
            x *= 0
            return x

    x, data = Input((3,)), np.ones((2, 3), "f4")
    with pytest.raises(ValueError, match="read-only"):
        compile_graph(graph_of(Network(x, Greedy()(x))))([data])
    assert data.sum() == 6


def test_frozen_and_thawed_it_gets_the_same_values():
    class Scale(Layer):
        def build(self, shape):
            self.factor = self.add_weight((shape[-1],), "ones")

        def call(self, x):
            return np.asarray(x) * np.asarray(self.factor)

    layer, x, data = Scale(), Input((3,)), np.ones((2, 3), "f4")
    run = compile_graph(graph_of(Network(x, layer(x))))
    for trainable in (False, True):
        layer.trainable = trainable
        np.testing.assert_array_equal(run([data])["output_0"], data)
