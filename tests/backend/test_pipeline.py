"""Passes that end in errors of users, effects of layers, and the deep chain."""

import sys

import numpy as np
import pytest
import steps
from work import calls

from tulle.backend import compile_graph
from tulle.backend.pipeline.expand_layers import expand_layers
from tulle.graph.diagnostics import GradientError, TensorTypeError
from tulle.graph.graph import Graph
from tulle.graph.layer import Layer
from tulle.graph.layers import Dense
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.variable import Variable


class Doubled(Layer):
    """Computes in NumPy, without a gradient."""

    opaque = True

    def call(self, x):
        return np.asarray(x) * 2

    def compute_output_shape(self, input_shape):
        return input_shape


class Same(Doubled):
    """Returns the very array that it got."""

    def call(self, x):
        return x


class Gradual(Doubled):
    """The same with a gradient."""

    def vjp(self, inputs, output, cotangent):
        return (np.asarray(cotangent) * 2,)


class Fickle(Layer):
    """Another shape in training."""

    def call(self, x, training=False):
        return call("sum", x, axis=1, keepdims=True) if training else x


class Counting(Layer):
    """Counts its calls, and adds to the loss."""

    def build(self, input_shape):
        self.count = self.add_weight((), "zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.count.assign_add(1.0)
            self.add_loss(call("mean", x) * 0.0 + 3.0)
        return x


def with_layer(layer):
    x = Input((4,), name="x")
    h = Dense(3)(x)
    return Network(x, Dense(2)(layer(h)))


def test_an_opaque_layer_without_vjp_is_named():
    layer = Doubled(name="doubling")
    graph = steps.step_graph(with_layer(layer), steps.Descent)
    with pytest.raises(GradientError) as caught:
        compile_graph(graph)
    (found,) = caught.value.diagnostics
    assert found.code == "T0502"
    assert "`doubling` computes on values in Python" in found.message
    assert found.span.source.line(found.span.line).strip().startswith("layer = Doubled")
    assert "freeze the layers before it" in found.help[0]


def test_an_opaque_layer_in_nobodys_way():
    network = with_layer(Doubled())
    network.called[0].trainable = False
    x, y = steps.batch(network)
    weights = network.get_weights()
    compile_graph(steps.step_graph(network, steps.Descent))([x, y])
    hidden = (x @ weights[0] + weights[1]) * 2
    error = hidden @ weights[2] + weights[3] - y
    trained = weights[2] - steps.Descent.rate * hidden.T @ (2 * error / error.size)
    now = network.get_weights()
    np.testing.assert_array_equal(now[0], weights[0])
    np.testing.assert_allclose(now[2], trained, 1e-5, 1e-6)


def test_an_opaque_layer_with_vjp_trains():
    network = with_layer(Gradual())
    x, y = steps.batch(network)
    weights = network.get_weights()
    compile_graph(steps.step_graph(network, steps.Descent))([x, y])
    hidden = (x @ weights[0] + weights[1]) * 2
    error = hidden @ weights[2] + weights[3] - y
    slope = 2 * error / error.size @ weights[2].T * 2
    wanted = weights[0] - steps.Descent.rate * x.T @ slope
    np.testing.assert_allclose(network.get_weights()[0], wanted, 1e-5, 1e-6)


def test_an_opaque_layer_may_return_what_it_got():
    x = Input((4,), name="x")
    h = call("tanh", x)
    same = Same()(h * 2.0)
    after = call(
        "matmul", call("matmul", h, np.eye(4, dtype="f4")), np.ones((4, 4), "f4")
    )
    network = Network(x, same + after)
    graph = Graph(network.input_nodes, {"out": network.output_nodes[0]})
    values = np.random.default_rng(0).standard_normal((3, 4), np.float32)
    for _ in range(2):
        found = compile_graph(graph)([values])["out"]
        np.testing.assert_allclose(found, network(values).numpy(), rtol=1e-5)


def test_a_layer_of_two_types_is_told():
    x = Input((4,), name="x")
    network = Network(x, Fickle(name="fickle")(x))
    graph = Graph(network.input_nodes, {"out": network.output_nodes[0]}, (), True)
    with pytest.raises(
        TensorTypeError, match=r"f32\[batch, 1\] in training and f32\[batch, 4\]"
    ):
        compile_graph(graph)


def test_effects_of_layers_are_carried_out():
    layer = Counting()
    network = with_layer(layer)
    program = compile_graph(steps.step_graph(network, steps.Descent))
    plain = with_layer(Counting())
    plain.set_weights(network.get_weights())
    x, y = steps.batch(network)
    without = np.mean((plain(x).numpy() - y) ** 2)
    assert program([x, y])["loss"] == pytest.approx(without + 3, 1e-5)
    program([x, y])
    assert layer.count.numpy() == 2


def test_layers_expand_in_the_mode_of_the_graph():
    layer = Counting()
    network = with_layer(layer)
    graph = Graph(network.input_nodes, {"out": network.output_nodes[0]})
    assert expand_layers(graph).updates == ()
    program = compile_graph(graph)
    x, _ = steps.batch(network)
    np.testing.assert_allclose(program([x])["out"], network(x).numpy(), 1e-6)
    assert layer.count.numpy() == 0


def test_an_integer_loss_has_no_gradient():
    network = steps.dense_network([7, 5, 2])
    graph = steps.step_graph(network, steps.Descent)
    wrong = {"loss": call("cast", graph.outputs["loss"], "int32")}
    graph = Graph(graph.inputs, wrong, (), True, graph.objective)
    with pytest.raises(GradientError, match="float scalar"):
        compile_graph(graph)


def test_weights_out_of_reach_get_no_gradient():
    network = steps.dense_network([7, 5, 2])
    graph = steps.step_graph(network, steps.Descent)
    loose = Variable(np.ones(3, "float32"), name="loose")
    more = (loose, *graph.objective.variables)
    objective = type(graph.objective)("loss", more, steps.Descent(more).apply)
    graph = Graph(graph.inputs, graph.outputs, (), True, objective)
    compile_graph(graph)(steps.batch(network))
    assert loose.numpy().tolist() == [1, 1, 1]


def deep_step(depth):
    """A chain is built, compiled and runs its first step."""
    network = steps.dense_network([8] * (depth + 1))
    program = compile_graph(steps.step_graph(network, steps.Descent))
    x, y = steps.batch(network)
    loss = program([x, y])["loss"]
    assert np.isfinite(loss)
    assert program.plan([x.shape, y.shape]).steps > 4 * depth


@pytest.mark.slow
def test_thousands_of_layers_in_linear_time():
    """More than a thousand: deeper than Python's calls may be."""
    few = calls(lambda: deep_step(60))
    assert calls(lambda: deep_step(300)) < 5.5 * few
    deep_step(sys.getrecursionlimit() + 200)
