"""Nodes: frozen, interned, and walked without recursion."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tulle.graph.dim import Dim, Symbol
from tulle.graph.node import (
    _TABLE,
    Constant,
    normalize,
    resolve,
    rewrite,
    substitute,
    topological,
    users,
)
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import constant_node, input_node
from tulle.graph.types import tensor_type
from tulle.graph.variable import Variable


def vector(name="x", size=3):
    return input_node(name, tensor_type("f32", (size,)))


def test_equal_nodes_of_several_threads_are_one(monkeypatch):
    """Also where one thread looks for a node while another is about to make it."""
    x, plain = vector(), OPS["exp"].infer
    meeting = threading.Barrier(4)

    def infer(*types, **attributes):
        meeting.wait()
        return plain(*types, **attributes)

    monkeypatch.setattr(OPS["exp"], "infer", infer)
    with ThreadPoolExecutor(4) as threads:
        nodes = [*threads.map(lambda _: call("exp", x), range(4))]
    assert len({id(node) for node in nodes}) == 1


def test_equal_expressions_are_one():
    x, y = vector(), vector()
    assert call("exp", x) + y is call("exp", x) + y
    assert x + y is not y + x
    assert x is not y  # inputs are distinct, equal names or not
    assert call("sum", x, axis=0) is call("sum", x, axis=-1)
    assert call("sum", x) is call("sum", x, None)
    assert call("sum", x) is not call("sum", x, keepdims=True)


def test_constants_stay_apart():
    nan = float("nan")
    arrays = [
        np.int32(1), np.int64(1), np.float32(1), np.float64(1), np.bool_(True),
        np.float32(0.0), np.float32(-0.0), np.float32(nan), np.float32([1]),
    ]  # fmt: skip
    nodes = [constant_node(array) for array in arrays]
    assert len(set(nodes)) == len(arrays)
    assert nodes == [constant_node(array.copy()) for array in arrays]
    big = np.arange(100.0)
    assert constant_node(big) is constant_node(big.copy())
    assert constant_node(big) is not constant_node(big + 1)


def test_attributes_stay_apart():
    x = vector()
    found = [call("clip", x, low, 2.0) for low in (0, 0.0, -0.0, False)]
    assert len(set(map(id, found))) == 4
    nan = float("nan")
    assert call("clip", x, nan, 2.0) is call("clip", x, nan, 2.0)


def test_constants_do_not_change():
    array = np.ones(3)
    node = constant_node(array.copy())
    with pytest.raises(ValueError, match="read-only"):
        node.attributes["value"].array[0] = 2
    assert repr(Constant(np.array([1, 2]))) == "[1, 2]"


def test_frozen():
    node = call("exp", vector())
    with pytest.raises(AttributeError, match="frozen"):
        node.op = OPS["log"]


def test_the_table_lets_go():
    x = vector()
    node = call("tanh", call("exp", x))
    gone = [weakref.ref(node), weakref.ref(node.inputs[0])]
    assert all(any(entry is held() for entry in _TABLE.values()) for held in gone)
    del node
    gc.collect()
    assert [held() for held in gone] == [None, None]


def chain(length):
    x = node = vector()
    for _ in range(length):
        node = call("tanh", node)
    return x, node


def test_long_chains_are_walked_without_recursion():
    x, node = chain(10_000)
    order = topological([node])
    assert order[0] is x
    assert order[-1] is node
    assert len(order) == 10_001
    y = vector("y")
    new = rewrite([node], lambda old, inputs: y if old is x else None)
    assert topological([new[node]])[0] is y
    normal = normalize([node], lambda old: y if old is x else None)
    assert normal[node] is new[node]
    del new, normal, order
    del node
    gc.collect()


def test_topological_order_is_stable():
    x, y = vector("x"), vector("y")
    left, right = call("exp", y), call("exp", x)
    node = left + right
    assert topological([node, right]) == [y, left, x, right, node]


def test_users():
    x = vector()
    square, node = x * x, None
    node = square + x
    assert users([x, square, node]) == {
        x: [square, square, node],
        square: [node],
        node: [],
    }


def test_resolve_and_substitute():
    symbol = Symbol("n")
    n = Dim.from_symbol(symbol)
    value = (n * 2, (n, 3), "text")
    assert resolve(value, {symbol: 4}) == (8, (4, 3), "text")
    assert resolve(slice(n, None, 2), {symbol: 4}) == slice(4, None, 2)
    assert substitute(value, {symbol: Dim.of(4)}) == (8, (4, 3), "text")


def test_normalize_reaches_the_end():
    """A replacement is normalized in turn, and each node once."""
    x = vector()
    seen = []

    def rule(node):
        seen.append(node)
        if node.op.name == "square":
            return call("negative", call("abs", node.inputs[0]))
        if node.op.name == "abs":
            return call("relu", node.inputs[0])
        return None

    found = normalize([call("square", call("square", x))], rule)
    inner = call("negative", call("relu", x))
    assert found[call("square", call("square", x))] is call(
        "negative", call("relu", inner)
    )
    assert len(seen) == len(set(seen))


def test_a_variable_that_nobody_keeps_goes():
    variable = Variable([1.0])
    total = call("sum", variable.node * 2.0)
    seen = weakref.ref(variable)
    del variable, total
    gc.collect()
    assert seen() is None
