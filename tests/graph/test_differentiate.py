"""The driver of differentiation; the ops' rules are tested in `test_ops`."""

import numpy as np
import pytest
from work import calls

from tulle.graph.diagnostics import Fault
from tulle.graph.differentiate import gradients
from tulle.graph.evaluate import evaluate
from tulle.graph.node import topological
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import input_node
from tulle.graph.types import tensor_type


def leaf(*shape, dtype="f64"):
    return input_node("x", tensor_type(dtype, shape))


def value(node, values):
    return np.asarray(evaluate([node], values, {})[0])


def test_broadcast_axes_are_summed():
    x, y, z = leaf(3, 1, 5), leaf(4, 5), leaf()
    target = call("sum", (x + y) * z)
    found = gradients(target, [x, y, z])
    assert [str(node.type) for node in found] == ["f64[3, 1, 5]", "f64[4, 5]", "f64[]"]
    arrays = {n: np.ones([int(str(d)) for d in n.shape]) for n in (x, y, z)}
    np.testing.assert_array_equal(value(found[0], arrays), np.full((3, 1, 5), 4.0))
    np.testing.assert_array_equal(value(found[1], arrays), np.full((4, 5), 3.0))
    assert value(found[2], arrays) == 3 * 4 * 5 * 2


def test_contributions_add_up():
    x = leaf()
    (found,) = gradients(x * x + x, [x])
    assert value(found, {x: np.array(3.0)}) == 7


def test_composites_with_equal_operands():
    """A composite that leaves its gradient to its expansion counts each use once."""
    x = leaf(2)
    wide = call("stack", [x, x, call("exp", x)])
    (found,) = gradients(call("sum", wide), [x])
    np.testing.assert_allclose(value(found, {x: np.zeros(2)}), [3, 3])


def test_sources_inside():
    x = leaf()
    inner = call("exp", x)
    (found,) = gradients(inner * inner, [inner])
    assert value(found, {x: np.array(0.0)}) == 2
    assert gradients(inner, [inner])[0].op.name == "full"


def test_unreached_sources():
    x, y = leaf(), leaf()
    assert gradients(x * 2, [y]) == [None]
    assert gradients(call("floor", x), [x]) == [None]
    assert gradients(call("stop_gradient", x) * y, [x]) == [None]


def test_cotangent():
    x, seed = leaf(3), leaf(3)
    (found,) = gradients(call("square", x), [x], seed)
    arrays = {x: np.arange(3.0), seed: np.array([1.0, 0.0, 2.0])}
    np.testing.assert_array_equal(value(found, arrays), [0, 0, 8])


def test_refused():
    with pytest.raises(Fault, match="float scalar") as error:
        gradients(leaf(3), [])
    assert error.value.code == "T0502"
    with pytest.raises(Fault, match="float scalar"):
        gradients(leaf(dtype="i32"), [])


def test_no_gradient_says_why():
    x = leaf(3)
    node = call("argmax", x)
    with pytest.raises(Fault, match="an index does not move") as error:
        node.op.vjp(node, node)
    assert error.value.code == "T0502"


def test_high_orders():
    x = leaf()
    node, orders = call("sin", x), []
    for _ in range(5):
        (node,) = gradients(node, [x])
        orders.append(float(value(node, {x: np.array(0.5)})))
    sin, cos = np.sin(0.5), np.cos(0.5)
    np.testing.assert_allclose(orders, [cos, -sin, -cos, sin, cos])


def chained(length):
    x = node = leaf()
    for _ in range(length):
        node = call("sin", node)
    return x, node


def test_long_chain():
    """No recursion, and work that grows as the chain does."""
    x, short = chained(2_500)
    few = calls(lambda: gradients(short, [x]))
    x, long = chained(10_000)
    assert calls(lambda: gradients(long, [x])) < 4.4 * few
    (found,) = gradients(long, [x])
    assert len(topological([found])) > 20_000
    assert value(found, {x: np.array(0.0)}) == 1


def test_long_chain_of_composites():
    x = node = leaf(2)
    for _ in range(500):
        node = call("silu", node)
    (found,) = gradients(call("sum", node), [x])
    assert np.isfinite(value(found, {x: np.ones(2)})).all()


def test_diamonds_stay_linear():
    """Shared nodes are visited once: 2**60 paths are no trouble."""
    x = node = leaf()
    for _ in range(60):
        node = call("sin", node) + node
    (found,) = gradients(node, [x])
    assert value(found, {x: np.array(0.0)}) == 2.0**60


def test_rule_of_wrong_length(monkeypatch):
    x = leaf()
    monkeypatch.setattr(type(OPS["exp"]), "vjp", lambda self, node, cotangent: ())
    from tulle.graph.diagnostics import InternalError

    with pytest.raises(InternalError, match="gives 0 cotangents"):
        gradients(call("exp", x), [x])
