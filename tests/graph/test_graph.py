"""`Graph`: the verifier, and equality up to symbols and layers."""

import numpy as np
import pytest

from tulle.graph.diagnostics import InternalError
from tulle.graph.graph import Graph, graph_of, same_graph, verify
from tulle.graph.layers import Add, Dense, Dropout
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.tensor import constant_node, input_node
from tulle.graph.types import tensor_type
from tulle.graph.variable import Variable


def vector(size=3):
    return input_node("x", tensor_type("f32", (size,)))


def test_verify_accepts():
    x = vector()
    variable = Variable(np.zeros(3, "float32"))
    graph = Graph((x,), {"y": call("exp", x)}, ((variable, x + variable.node),))
    verify(graph)
    verify(graph, ("primitive",))
    assert graph.roots == (call("exp", x), x + variable.node)
    assert set(graph.nodes) == {x, variable.node, *graph.roots}


def test_verify_refuses():
    x, other = vector(), vector()
    with pytest.raises(InternalError, match="reads `x`, not one of its inputs"):
        verify(Graph((x,), {"y": x + other}))
    with pytest.raises(InternalError, match="`gelu` is a composite op"):
        verify(Graph((x,), {"y": call("gelu", x)}), ("primitive",))
    variable = Variable(np.zeros(4, "float32"))
    with pytest.raises(InternalError, match=r"is updated with f32\[3\]"):
        verify(Graph((x,), {}, ((variable, x),)))
    wrong = call("tanh", vector())
    object.__setattr__(wrong, "type", tensor_type("f32", (4,)))
    with pytest.raises(InternalError, match=r"its rule says f32\[3\]"):
        verify(Graph(wrong.inputs, {"y": wrong}))
    layer = Input((3,))
    node = Dense(2)(layer).node
    verify(Graph((layer.node,), {"y": node}))
    with pytest.raises(InternalError, match="is a layer op"):
        verify(Graph((layer.node,), {"y": node}), ("primitive", "composite"))


def test_replace():
    x = vector()
    graph = Graph((x,), {"y": call("exp", x)}, training=True)
    new = graph.replace({call("exp", x): call("log", x)})
    assert new.outputs == {"y": call("log", x)}
    assert new.training


def network(width=4, name="hidden", activation="relu", size="T", rate=0.5, swap=False):
    x = Input((size, 3), name="x")
    left = Dense(width, activation=activation, name=name)(x)
    right = Dense(width)(Dropout(rate)(x))
    pair = [right, left] if swap else [left, right]
    return Network(x, Add()(pair))


def same(one, two):
    found = same_graph(graph_of(one), graph_of(two))
    assert found == same_graph(graph_of(two), graph_of(one))
    return found


def test_same():
    assert same(network(), network())
    assert same(network(size="T"), network(size="S"))


@pytest.mark.parametrize(
    "change",
    [
        {"width": 5},
        {"name": "other"},
        {"activation": "tanh"},
        {"size": 7},
        {"rate": 0.25},
        {"swap": True},
    ],
    ids=str,
)
def test_different(change):
    assert not same(network(), network(**change))


def graph(build):
    x, y = vector(), vector()
    return Graph((x, y), {"out": build(x, y)})


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: x - y,
        lambda x, y: call("sum", x),
        lambda x, y: x + constant_node(np.float32(2)),
        lambda x, y: x,
    ],
)
def test_inputs_correspond_by_position(build):
    assert same_graph(graph(build), graph(build))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (lambda x, y: x - y, lambda x, y: y - x),
        (lambda x, y: x, lambda x, y: y),
        (lambda x, y: x * 2, lambda x, y: x * 3),
        (lambda x, y: x * x, lambda x, y: x * y),
        (lambda x, y: call("clip", x, 0, 1), lambda x, y: call("clip", x, 0.0, 1)),
        (lambda x, y: call("sum", x), lambda x, y: call("mean", x)),
    ],
)
def test_differences(one, two):
    assert not same_graph(graph(one), graph(two))
    assert not same_graph(graph(two), graph(one))


def test_symbols_correspond_one_to_one():
    def build(first, second):
        x = Input((first, second))
        return Network(x, call("exp", x))

    assert same(build("A", "B"), build("C", "D"))
    assert not same(build("A", "B"), build("C", "C"))


def test_shared_and_twin_layers_differ():
    def build(shared):
        x = Input((3,))
        one = Dense(3)
        return Network(x, one((one if shared else Dense(3))(x)))

    assert same(build(True), build(True))
    assert not same(build(True), build(False))


def test_updates_count():
    x = vector()
    one, two = Variable(np.zeros(3, "f4"), name="a"), Variable(np.zeros(3, "f4"))
    with_one = Graph((x,), {"y": x}, ((one, call("exp", x)),))
    with_two = Graph((x,), {"y": x}, ((two, call("exp", x)),))
    assert same_graph(with_one, with_one)
    assert not same_graph(with_one, with_two)
    assert not same_graph(with_one, Graph((x,), {"y": x}))


def test_nested_networks():
    def build(width):
        x = Input((3,))
        inner = Network(x, Dense(width, name="core")(x), name="inner")
        return Network(x, inner(x))

    assert same(build(4), build(4))
    assert not same(build(4), build(5))
