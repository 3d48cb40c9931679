"""Each rewrite: the exact graph that it makes, and equal values before and after."""

import numpy as np
import pytest

from tulle.backend.pipeline.rewrites import REWRITES
from tulle.backend.pipeline.simplify import simplify
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph
from tulle.graph.ops.movement import full_node
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import constant_node, input_node
from tulle.graph.types import TensorType, dtype_of, tensor_type

ROWS, COLUMNS = Dim.from_symbol(Symbol("R")), Dim.from_symbol(Symbol("C"))
SIZES = {ROWS.symbol: 3, COLUMNS.symbol: 5}
F32 = TensorType(dtype_of("f32"), (ROWS, COLUMNS))
X, Y = input_node("x", F32), input_node("y", F32)
I = input_node("i", F32.with_dtype("i32"))  # noqa: E741
B = input_node("b", F32.with_dtype("bool"))
ONE = input_node("one", F32.with_shape((1, COLUMNS)))


def cast(node, dtype):
    return OPS["cast"].apply((node,), {"dtype": dtype_of(dtype)})


def scalar(value, dtype="float32"):
    return constant_node(np.asarray(value, dtype))


def full(value, shape=(ROWS, COLUMNS)):
    return full_node(F32.with_shape(shape), value)


def pack(*nodes):
    return OPS["pack"].apply(nodes)


def minus(node):
    return call("negative", node)


def stretched(node, *shape):
    return call("broadcast_to", node, shape)


def turned(node):
    return call("transpose", node)


FLAT = (ROWS * COLUMNS,)
CASES = {
    "x * 1": (X * 1.0, X),
    "1 * x": (1.0 * X, X),
    "x / 1": (X / 1.0, X),
    "x ** 1": (call("power", X, 1.0), X),
    "x - 0": (X - 0.0, X),
    "x + -0": (X + scalar(-0.0), X),
    "x + 0 keeps the sign of 0": (X + 0.0, X + 0.0),
    "x - -0 keeps the sign of 0": (X - scalar(-0.0), X - scalar(-0.0)),
    "i + 0": (I + 0, I),
    "x * 0 keeps NaN": (X * 0.0, X * 0.0),
    "x * ones": (X * full(1.0), X),
    "a wider one is kept": (ONE * full(1.0), ONE * full(1.0)),
    "--x": (minus(minus(X)), X),
    "---x": (minus(minus(minus(X))), -X),
    "!!b": (call("logical_not", call("logical_not", B)), B),
    "x + -y": (X + -Y, X - Y),
    "-x + y": (-X + Y, Y - X),
    "x - -y": (X - -Y, X + Y),
    "x ** 2": (call("power", X, 2.0), call("square", X)),
    "two transposes": (turned(turned(X)), X),
    "three transposes": (turned(turned(turned(X))), turned(X)),
    "no transpose": (call("transpose", X, (0, 1)), X),
    "two reshapes": (call("reshape", call("reshape", X, FLAT), X.shape), X),
    "a new axis and back": (call("squeeze", call("expand_dims", X, 1), 1), X),
    "reshapes join": (
        call("reshape", call("expand_dims", X, 1), FLAT),
        call("reshape", X, FLAT),
    ),
    "two broadcasts": (
        stretched(stretched(ONE, 2, 1, COLUMNS), 2, 4, COLUMNS),
        stretched(ONE, 2, 4, COLUMNS),
    ),
    "a moved number": (turned(full(2.0)), full(2.0, (COLUMNS, ROWS))),
    "a stretched number": (
        call("broadcast_to", full(2.0, (1, COLUMNS)), X.shape), full(2.0)
    ),
    "a wider cast and back": (cast(cast(X, "f64"), "f32"), X),
    "a narrower cast and back": (
        cast(cast(X, "f16"), "f32"), cast(cast(X, "f16"), "f32")
    ),
    "truth through integers": (cast(cast(B, "i32"), "f32"), cast(B, "f32")),
    "integers through f32 lose": (
        cast(cast(I, "f32"), "f64"), cast(cast(I, "f32"), "f64")
    ),
    "integers through f64": (cast(cast(I, "f64"), "f32"), cast(I, "f32")),
    "an item of a tuple": (
        OPS["item"].apply((OPS["tuple"].apply((X, Y)),), {"index": 1}), Y
    ),
    "a stopped gradient": (call("stop_gradient", X), X),
    "a sum over nothing": (OPS["sum"].apply((X,), {"axis": (), "keepdims": False}), X),
    "a maximum over size 1": (
        call("max", ONE, axis=0), call("reshape", ONE, (COLUMNS,))
    ),
    "one joined": (OPS["concatenate"].apply((X,), {"axis": 0}), X),
    "one packed": (pack(X), call("reshape", X, FLAT)),
    "a number for a tensor of it": (X + full(2.0), X + scalar(2.0)),
    "a number as the condition's other side": (
        call("where", B, X, full(0.0)), call("where", B, X, scalar(0.0))
    ),
    "what was stretched for nothing": (
        X * call("broadcast_to", ONE, X.shape), X * ONE
    ),
    "a constant": (scalar(2.0) * scalar(3.0) + X, scalar(6.0) + X),
    "a chain of constants": (
        call("sqrt", scalar(2.0) + scalar(2.0)) * X, scalar(2.0) * X
    ),
    "a large constant stays": (
        call("sum", constant_node(np.ones(100, "float32"))), scalar(100.0)
    ),
    "all at once": (
        minus(minus(turned(turned(X * 1.0)) / full(1.0))) - 0.0, X
    ),
}  # fmt: skip


def values_of(node):
    random = np.random.default_rng(0)
    values = {
        X: random.standard_normal((3, 5), np.float32),
        Y: random.standard_normal((3, 5), np.float32),
        I: random.integers(-9, 9, (3, 5), np.int32),
        B: random.integers(0, 2, (3, 5)).astype(bool),
        ONE: random.standard_normal((1, 5), np.float32),
    }
    values[X][0, 0], values[X][1, 1], values[X][2, 2] = np.nan, np.inf, -0.0
    return evaluate([node], values, SIZES)[0]


@pytest.mark.parametrize("case", CASES)
def test_rewrite(case):
    before, after = CASES[case]
    graph = Graph((X, Y, I, B, ONE), {"out": before})
    found = simplify(graph).outputs["out"]
    assert found is after, f"{found} in place of {after}"
    one, two = np.asarray(values_of(before)), np.asarray(values_of(after))
    np.testing.assert_array_equal(one, two, strict=True)
    if case != "a sum over nothing":  # which makes 0 of -0
        known = ~np.isnan(one)
        np.testing.assert_array_equal(np.signbit(one[known]), np.signbit(two[known]))


def test_every_rewrite_says_its_equation():
    rules = {rule for group in REWRITES.values() for rule in group}
    assert all("`" in (rule.__doc__ or "") for rule in rules)


def test_constants_are_not_computed_without_end():
    wide = constant_node(np.ones((100,), "float32"))
    node = wide + scalar(1.0)
    assert simplify(Graph((), {"out": node})).outputs["out"] is node


def test_shared_parts_are_simplified_once():
    part = call("tanh", X * 1.0)
    graph = Graph((X,), {"a": part + 1.0, "b": part * part})
    found = simplify(graph)
    assert found.outputs["a"] is call("tanh", X) + 1.0
    assert found.outputs["b"] is call("tanh", X) * call("tanh", X)


def test_updates_are_simplified_too():
    from tulle.graph.variable import Variable

    variable = Variable(np.zeros(3, "float32"))
    assert variable.type == tensor_type("f32", (3,))
    graph = Graph((), {}, ((variable, variable.node * 1.0),))
    assert simplify(graph).updates == ((variable, variable.node),)
