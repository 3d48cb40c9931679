"""Each rewrite: the exact graph that it makes, and equal values before and after."""

import numpy as np
import pytest

import tulle
from tulle import ops
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


def turned_last(node):
    return call("transpose", node, (0, 2, 1))


def place(node, shape, *index):
    return OPS["place"].apply((node,), {"shape": shape, "index": index})


def cut(start, count):
    return ("slice", Dim.of(start), Dim.of(count), 1)


def joined(*nodes, axis=1):
    return OPS["concatenate"].apply(nodes, {"axis": axis})


def folded(name, node, axis, keepdims=False):
    return OPS[name].apply((node,), {"axis": axis, "keepdims": keepdims})


FLAT = (ROWS * COLUMNS,)
AREA = COLUMNS * COLUMNS
WIDE = input_node("wide", F32.with_shape((ROWS, 4)))
HALF = WIDE[:, :2], WIDE[:, 2:]
BOTH = (ROWS, Dim.of(4))
ALL = cut(0, ROWS)
LINE = call("reshape", ONE, (COLUMNS,))
BOX, ROW = call("expand_dims", X, 2), call("expand_dims", X, 1)
SQUARE = call("matmul", X, call("transpose", Y))
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
    "an axis of what was stretched": (
        call("expand_dims", stretched(ONE, *X.shape), 1),
        stretched(call("reshape", ONE, (1, 1, COLUMNS)), ROWS, 1, COLUMNS),
    ),
    "what was stretched, turned": (
        turned(stretched(ONE, *X.shape)), stretched(turned(ONE), COLUMNS, ROWS)
    ),
    "the sum of what was stretched": (
        folded("sum", stretched(ONE, 3, COLUMNS), (0,)), LINE * scalar(3.0)
    ),
    "the sum of all that was stretched": (
        folded("sum", stretched(ONE, 3, COLUMNS), (0, 1)),
        call("reshape", folded("sum", ONE, (0, 1), True), ()) * scalar(3.0),
    ),
    "the maximum of what was stretched": (
        folded("max", stretched(ONE, *X.shape), (0,)), LINE
    ),
    "the sum along the other axis": (
        folded("sum", stretched(ONE, *X.shape), (1,)),
        folded("sum", stretched(ONE, *X.shape), (1,)),
    ),
    "a function of what was stretched": (
        call("tanh", stretched(ONE, *X.shape) * 2.0),
        stretched(call("tanh", ONE * 2.0), *X.shape),
    ),
    "halves": (X / 2.0, X * 0.5),
    "thirds stay": (X / 3.0, X / 3.0),
    "a choice of equals": (call("where", B, X, X), X),
    "a choice that is made": (
        call("where", scalar(True, "bool"), X, Y), X
    ),
    "a choice by the contrary": (
        call("where", call("logical_not", B), X, Y), call("where", B, Y, X)
    ),
    "a choice within the same choice": (
        call("where", B, call("where", B, X, Y), call("where", B, X, 0.0)),
        call("where", B, X, 0.0),
    ),
    "rows of a product": (
        call("matmul", call("expand_dims", X * Y, 1), turned(X)),
        call("reshape", call("matmul", X * Y, turned(X)), (ROWS, 1, ROWS)),
    ),
    "a product without sums": (call("matmul", BOX, ROW), BOX * ROW),
    "products of two vectors each": (
        call("matmul", call("expand_dims", Y, 1), BOX),
        folded("sum", call("expand_dims", Y, 1) * turned_last(BOX), (2,), True),
    ),
    "halves of products are not rounded": (
        call("matmul", cast(ROW, "f16"), cast(BOX, "f16")),
        call("matmul", cast(ROW, "f16"), cast(BOX, "f16")),
    ),
    "placed everywhere": (place(X, X.shape, ALL, cut(0, COLUMNS)), X),
    "taken where it was placed": (
        OPS["getitem"].apply(
            (place(X, (ROWS, COLUMNS + 1), ALL, cut(1, COLUMNS)),),
            {"index": (ALL, cut(1, COLUMNS))},
        ), X
    ),
    "a part of what was joined": (joined(HALF[1], HALF[0])[:, 2:], HALF[0]),
    "places of what was joined": (
        joined(HALF[1], WIDE, X)[1:, 3:5], WIDE[1:, 1:3]
    ),
    "one place of what was joined": (
        joined(X, HALF[1], HALF[0])[:, COLUMNS + 3], HALF[0][:, 1]
    ),
    "places of two that were joined": (
        joined(HALF[1], HALF[0])[:, 1:3], joined(HALF[1], HALF[0])[:, 1:3]
    ),
    "the only place of an axis": (
        call("expand_dims", X, 1)[:, 0], X
    ),
    "parts joined again": (joined(*HALF), WIDE),
    "joined twice": (joined(joined(X, Y), X), joined(X, Y, X)),
    "placed side by side": (
        place(HALF[0], BOTH, ALL, cut(0, 2)) + place(HALF[1], BOTH, ALL, cut(2, 2)),
        WIDE,
    ),
    "placed out of order": (
        place(WIDE[:, :1], BOTH, ALL, cut(3, 1)) + place(HALF[1], BOTH, ALL, cut(0, 2))
        + place(WIDE[:, 1:2], BOTH, ALL, cut(2, 1)),
        joined(HALF[1], WIDE[:, 1:2], WIDE[:, :1]),
    ),
    "placed on each other": (
        place(HALF[0], BOTH, ALL, cut(1, 2)) + place(HALF[1], BOTH, ALL, cut(2, 2)),
        place(HALF[0], BOTH, ALL, cut(1, 2)) + place(HALF[1], BOTH, ALL, cut(2, 2)),
    ),
    "parts of a sum": (
        joined(call("tanh", (X + LINE)[:, 2:4]), (X + LINE)[:, :2]),
        joined(
            call("tanh", X[:, 2:4] + LINE[2:4]), X[:, :2] + LINE[:2]
        ),
    ),
    "a sum that others read stays whole": (
        call("tanh", (X + Y)[:, 2:4]) + folded("sum", X + Y, (1,), True),
        call("tanh", (X + Y)[:, 2:4]) + folded("sum", X + Y, (1,), True),
    ),
    "axes that merge before a sum": (
        call("tanh", call("reshape", SQUARE + 1.0, (ROWS * ROWS,))),
        call("tanh", call("reshape", SQUARE, (ROWS * ROWS,)) + 1.0),
    ),
    "axes that part after a turn": (
        call("reshape", turned(WIDE), (2, 2, ROWS)),
        call("transpose", call("reshape", WIDE, (ROWS, 2, 2)), (1, 2, 0)),
    ),
    "axes that merge after a turn": (
        call("reshape", call("transpose", BOX * ROW, (1, 2, 0)), (AREA, ROWS)),
        turned(call("reshape", BOX * ROW, (ROWS, AREA))),
    ),
    "axes that lie apart are merged as they are turned": (
        call("reshape", turned(X), FLAT), call("reshape", turned(X), FLAT)
    ),
    "a product that is read turned": (
        turned(SQUARE), call("matmul", Y, turned(X))
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
        WIDE: random.standard_normal((3, 4), np.float32),
    }
    values[X][0, 0], values[X][1, 1], values[X][2, 2] = np.nan, np.inf, -0.0
    return evaluate([node], values, SIZES)[0]


@pytest.mark.parametrize("case", CASES)
def test_rewrite(case):
    before, after = CASES[case]
    graph = Graph((X, Y, I, B, ONE, WIDE), {"out": before})
    found = simplify(graph).outputs["out"]
    assert found is after, f"{found} in place of {after}"
    one, two = np.asarray(values_of(before)), np.asarray(values_of(after))
    # Products and sums may be taken in another order.
    np.testing.assert_allclose(one, two, 1e-5, 1e-6, strict=True)
    if case not in ("a sum over nothing", "a product without sums"):  # 0 or -0
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


def test_what_sinks_past_shared_values_is_shared_too():
    node = X
    for _ in range(20):
        node = node * node + 1.0
    parts = [node[:, :2], node[:, 2:4]]
    flat = call("tanh", call("reshape", node, FLAT))
    found = simplify(Graph((X,), {"a": parts[0], "b": parts[1]}))
    assert len(found.nodes) < 100
    assert len(simplify(Graph((X,), {"flat": flat})).nodes) < 100


def test_shapes_and_slices_sink_past_few_ops():
    node = SQUARE
    for _ in range(2000):
        node = call("tanh", node)
    flat = call("exp", call("reshape", node, (ROWS * ROWS,)))
    graph = Graph((X, Y), {"flat": flat})
    assert simplify(graph).outputs["flat"] is flat
    assert len(simplify(Graph((X, Y), {"part": node[:, :1]})).nodes) < 2100


def test_a_shape_moves_past_what_is_empty_only_as_a_whole():
    weights = np.ones((3, 3), "float32")

    @tulle.function
    def run(x):
        y = ops.reshape(ops.tanh(x) * weights, (0, 3))
        return ops.relu(y) @ weights

    assert run(np.ones((0, 3, 3), "float32")).shape == (0, 3)
