"""The reference interpreter, and what only it calls: sizes, items, composites."""

import numpy as np
import pytest

from tulle.graph import evaluate as module
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import Straight, evaluate, expanded
from tulle.graph.node import normalize, topological
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import Tensor, convert_to_tensor, input_node
from tulle.graph.types import tensor_type
from tulle.graph.variable import Variable

SYMBOL = Symbol("n")
N = Dim.from_symbol(SYMBOL)


def test_symbolic_sizes():
    x = input_node("x", tensor_type("f32", (N,)))
    count = call("size", N * 2, "float64").node
    mean = call("mean", x)
    found = evaluate([count, mean], {x: np.ones(5, "f4")}, {SYMBOL: 5})
    assert [float(value) for value in found] == [10.0, 1.0]
    assert found[0].dtype == np.float64


def test_creation_on_symbolic_sizes_makes_symbols():
    assert str(call("zeros", (N, 2)).type) == "f32[n, 2]"
    assert call("zeros", (3, 2)).shape == (3, 2)
    (found,) = evaluate([call("arange", N).node], {}, {SYMBOL: 4})
    np.testing.assert_array_equal(found, [0, 1, 2, 3])


def test_variables_and_updates():
    variable = Variable([1.0, 2.0])
    node = call("square", variable.node)
    np.testing.assert_array_equal(evaluate([node], {}, {})[0], [1, 4])
    variable.assign([3.0, 4.0])
    np.testing.assert_array_equal(evaluate([node], {}, {})[0], [9, 16])


def test_composites_are_expanded_to_primitives():
    x = input_node("x", tensor_type("f32", (N, 3)))
    node = call("std", call("gelu", x), axis=1)
    plain = normalize([node], expanded)[node]
    assert {n.op.level for n in topological([plain])} == {"primitive"}
    assert plain.type == node.type


def test_expansions_are_kept_within_bounds(monkeypatch):
    monkeypatch.setattr(module, "EXPANSIONS", 3)
    for size in range(1, 9):
        value = call("silu", np.ones(size, "f4"))
        assert value.shape == (size,)
        assert len(module._EXPANSIONS) <= 3


def test_expansions_tell_attributes_apart():
    x = convert_to_tensor([-1.0])
    assert call("elu", x, alpha=1.0).numpy() == pytest.approx(np.expm1(-1.0))
    assert call("elu", x, alpha=2.0).numpy() == pytest.approx(2 * np.expm1(-1.0))


def test_infinities_without_warnings():
    x = convert_to_tensor([0.0, -1.0, 1e38])
    found = call("divide", call("log", x) * 1e38, x - x).numpy()
    assert not np.isfinite(found).any()


def test_sharing():
    """A node that many read is computed once."""
    count = [0]
    x = input_node("x", tensor_type("f32", (2,)))
    kind = type(OPS["exp"])

    class Counted(kind):
        def run(self, xp, *arrays, out=None):
            count[0] += 1
            return super().run(xp, *arrays, out=out)

    node = call("exp", x)
    object.__setattr__(node, "op", Counted())
    evaluate([node + node, node * node], {x: np.ones(2, "f4")}, {})
    assert count == [1]


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "gelu", "logsumexp"])
@pytest.mark.parametrize("shape", [(3, 5), (5,)])
def test_values_written_over_are_those_that_nobody_reads(name, shape):
    """Composites run straight through give what the interpreter gives, operand kept."""
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    hole = input_node("x", Tensor(x).type)
    kept = x.copy()
    (wanted,) = evaluate([call(name, hole)], {hole: x}, {})
    for _ in range(2):
        np.testing.assert_array_equal(call(name, Tensor(x)), wanted)
    np.testing.assert_array_equal(x, kept)


def test_what_is_read_through_a_view_is_not_written_over():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    hole = input_node("x", Tensor(x).type)
    doubled = call("add", hole, hole)
    flat = call("reshape", doubled, (6,))
    whole = call("sum", call("multiply", doubled, doubled)) + call("sum", flat)
    straight = Straight((hole,), whole)
    assert straight.run(np, [x]).item() == 4 * 55 + 2 * 15
    over = [step.over is not None for step in straight.steps]
    assert not any(over)
