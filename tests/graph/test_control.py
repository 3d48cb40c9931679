"""Loops and branches: on values, as one node, their gradients, compiled, refused."""

import numpy as np
import pytest

import tulle
from tulle.backend import compile_graph
from tulle.graph import control
from tulle.graph.differentiate import gradients
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, graph_of, same_graph
from tulle.graph.node import topological
from tulle.graph.registry import call
from tulle.graph.tape import GradientTape
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.trace import Trace, tracing

RANDOM = np.random.default_rng(3)
X, W = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 3)) / 2
START = RANDOM.normal(size=(3,))


def recurrent(x, w, start):
    def step(h, row):
        h = call("tanh", call("matmul", h, w) + row)
        return h, call("sum", h * row)

    last, sums = control.scan(step, start, x)
    return call("sum", last) + call("sum", sums * sums)


def backwards(x, w, start):
    def step(pair, row):
        h, count = pair
        return (h * call("sigmoid", call("matmul", row, w)), count + 1), h

    (last, count), all = control.scan(step, (start, 0), x, reverse=True)
    return call("sum", last * call("cast", count, "float64")) + call("sum", all**3)


def mapped(x, w, start):
    return call("sum", control.map(lambda row: call("matmul", row, w) * start, x) ** 2)


def counted(x, w, start):
    def body(i, value):
        return call("sin", call("matmul", value, w)) + call("cast", i, "float64") * x[1]

    return call("sum", control.fori_loop(1, 4, body, start))


def bounded(x, w, start):
    def body(i, value):
        return i + 1, call("tanh", call("matmul", value, w)) + x[0]

    holds = lambda i, value: call("sum", value * value) < 1e3  # noqa: E731
    state = control.while_loop(holds, body, (0, start), maximum_iterations=3)
    return call("sum", state[1])


def stopping(x, w, start):
    value = control.while_loop(
        lambda v: call("sum", v * v) < 50.0,
        lambda v: v * 1.7 + call("matmul", v, w) * 0.01,
        start,
        maximum_iterations=20,
    )
    return call("sum", value * x[2])


def chosen(x, w, start):
    one = control.cond(
        call("sum", x) > 100.0,
        lambda: call("sum", x * 2.0),
        lambda: call("sum", call("exp", call("matmul", x, w)) * start),
    )
    two = control.switch(
        1, [lambda a: a, lambda a: a * call("sum", w), lambda a: a - 1.0], one
    )
    return two * two


def nested(x, w, start):
    def step(h, row):
        grown = control.fori_loop(0, 2, lambda i, v: call("matmul", v, w) + row, h)
        h = control.cond(call("sum", grown) > 0.0, lambda: grown, lambda: grown * 0.5)
        return h, call("sum", h)

    last, sums = control.scan(step, start, x)
    return call("sum", last) * call("sum", sums)


FUNCTIONS = (
    recurrent, backwards, mapped, counted, bounded, stopping, chosen, nested
)  # fmt: skip
functions = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


def inputs():
    return [input_node("x", Tensor(array).type) for array in (X, W, START)]


def traced(f):
    nodes = inputs()
    return nodes, f(*map(SymbolicTensor, nodes)).node


def values(nodes, outputs):
    return evaluate(outputs, dict(zip(nodes, (X, W, START), strict=True)), {})


@functions
def test_symbolic_is_eager(f):
    nodes, output = traced(f)
    (found,) = values(nodes, [output])
    assert float(found) == pytest.approx(float(f(*map(Tensor, (X, W, START)))), 1e-12)


@functions
def test_compiled_with_gradients(f):
    nodes, output = traced(f)
    outputs = [output, *gradients(output, nodes)]
    names = [str(i) for i in range(4)]
    program = compile_graph(Graph(tuple(nodes), dict(zip(names, outputs, strict=True))))
    for _ in range(2):
        found = program([X, W, START])
        for name, wanted in zip(names, values(nodes, outputs), strict=True):
            np.testing.assert_allclose(found[name], wanted, 1e-9)


@functions
def test_gradients(f):
    """First and second order against central differences, and the tape's."""
    nodes, output = traced(f)
    first = gradients(output, nodes)
    ways = [RANDOM.normal(size=a.shape) for a in (X, W, START)]
    slopes = [call("sum", g * way) for g, way in zip(first, ways, strict=True)]
    slope = slopes[0] + slopes[1] + slopes[2]
    second = [
        call("sum", g * way)
        for g, way in zip(gradients(slope, nodes), ways, strict=True)
        if g is not None
    ]

    def at(node, step):
        pairs = zip((X, W, START), ways, strict=True)
        arrays = [array + step * way for array, way in pairs]
        return float(evaluate([node], dict(zip(nodes, arrays, strict=True)), {})[0])

    for node, parts in ((output, [slope]), (slope, second)):
        found = sum(float(part) for part in values(nodes, parts))
        wanted = (at(node, 1e-5) - at(node, -1e-5)) / 2e-5
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    tensors = [Tensor(array) for array in (X, W, START)]
    with GradientTape() as tape:
        tape.watch(tensors)
        result = f(*tensors)
    for one, two in zip(
        tape.gradient(result, tensors), values(nodes, first), strict=True
    ):
        np.testing.assert_allclose(one.numpy(), two, 1e-9)


def test_one_node_with_captured_operands():
    x, w, start = map(SymbolicTensor, inputs())
    wide = x * 2.0
    outer = call("exp", w)
    last, ys = control.scan(lambda h, r: (call("matmul", h, outer), h), start, wide)
    node = last.node.inputs[0]
    assert node is ys.node.inputs[0]
    assert node.op.name == "loop"
    assert node.inputs == (start.node, wide.node, outer.node)
    assert str(ys.type) == "f64[4, 3]"
    names = [n.op.name for n in topological(node.attributes["body"].outputs)]
    assert names == ["input", "input", "matmul"]


def test_only_the_chosen_branch_runs():
    ran = []

    class Loud(tulle.Layer):
        def call(self, x):
            ran.append(np.asarray(x).sum())
            return np.asarray(x)

    def decide(flag, x):
        loud = Loud()
        return tulle.ops.cond(flag, lambda: x + 1.0, lambda: loud(x))

    f = tulle.function(decide)
    two = np.float32(2.0)
    assert float(f(np.array(True), two)) == 3.0
    ran.clear()
    assert float(f(np.array(True), two)) == 3.0
    assert ran == []
    assert float(f(np.array(False), two)) == 2.0
    assert ran == [2.0]


def test_inside_a_function_with_variables_and_symbolic_sizes():
    weight = tulle.Variable(np.eye(3, dtype="float32") * 2)

    @tulle.function
    def step(x):
        with GradientTape() as tape:
            total = tulle.ops.sum(
                tulle.ops.scan(lambda c, r: (c @ weight + r, None), x[0], x)[0]
            )
        (slope,) = tape.gradient(total, [weight])
        weight.assign_sub(slope * 0.0)
        return total, slope

    x = np.ones((2, 3), "float32")
    total, slope = step(x)
    assert float(total) == 3 * 7
    np.testing.assert_allclose(slope.numpy(), np.full((3, 3), 5.0))


def test_symbolic_batch_and_length():
    x = tulle.Input(("T", 3))
    turned = tulle.ops.transpose(x, (1, 0, 2))
    zeros = tulle.ops.zeros((x.type.shape[0], 3))
    last, ys = tulle.ops.scan(lambda c, r: (c + r, c), zeros, turned)
    assert str(ys.type) == "f32[T, batch, 3]"
    model = tulle.Model(x, [last, tulle.ops.transpose(ys, (1, 0, 2))])
    for batch, length in ((2, 5), (3, 4)):
        data = RANDOM.normal(size=(batch, length, 3)).astype("float32")
        for found in (model(data), model.predict(data, verbose=0)):
            np.testing.assert_allclose(found[0], data.sum(axis=1), 1e-5)
            assert found[1].shape == (batch, length, 3)


def test_nothing_to_scan():
    empty = Tensor(np.zeros((0, 3)))
    last, ys = control.scan(lambda c, r: (c + r, c), Tensor(START), empty)
    np.testing.assert_array_equal(last.numpy(), START)
    assert ys.shape == (0, 3)
    assert control.map(lambda r: call("sum", r), empty).shape == (0,)
    assert int(control.fori_loop(3, 1, lambda i, v: v + i, 7)) == 7


def test_while_with_a_bound_that_is_a_tensor():
    n = SymbolicTensor(input_node("n", Tensor(np.int32(5)).type))
    total = control.fori_loop(0, n, lambda i, t: t + i, 0)
    (found,) = evaluate([total.node], {n.node: np.int32(5)}, {})
    assert int(found) == 10


@pytest.mark.parametrize(
    ("code", "words", "wrong"),
    [
        ("T0321", "takes (f64[3]) and gives back (f64[])",
         lambda x: control.fori_loop(0, 3, lambda i, v: call("sum", v), x[0])),
        ("T0321", "the branches of `cond`",
         lambda x: control.cond(call("sum", x) > 0, lambda: x, lambda: x[0])),
        ("T0321", "takes (i32[]) and gives back (f32[])",
         lambda x: control.scan(lambda c, r: (c + 0.5, r), 0, x)),
        ("T0306", "one truth value",
         lambda x: control.cond(x > 0, lambda: 1, lambda: 2)),
        ("T0306", "gives one truth value",
         lambda x: control.while_loop(lambda v: v > 0, lambda v: v, x)),
        ("T0302", "sizes: 5 and 4",
         lambda x: control.scan(lambda c, r: (c, r), 0, x, length=5)),
        ("T0203", "needs `xs`", lambda x: control.scan(lambda c, r: (c, r), x)),
        ("T0204", "is a function", lambda x: control.map(3, x)),
    ],
)  # fmt: skip
def test_refused(code, words, wrong):
    for x in (SymbolicTensor(inputs()[0]), Tensor(X)):
        if isinstance(x, Tensor) and words in ("the branches of `cond`",
                                                "gives one truth value"):  # fmt: skip
            continue
        with pytest.raises(tulle.TulleError) as caught:
            wrong(x)
        (told,) = caught.value.diagnostics
        assert told.code == code
        assert words in told.message
        assert "test_control" in str(told.span)


def test_bodies_have_no_effects():
    variable = tulle.Variable(1.0)
    x = SymbolicTensor(inputs()[0])

    def assigning(c, row):
        variable.assign(2.0)
        return c, row

    def drawing(c, row):
        return c, tulle.random.uniform((2,))

    for body, words in ((assigning, "assigns"), (drawing, "draws random numbers")):
        with tracing(Trace()), pytest.raises(tulle.TulleError, match=words):
            control.scan(body, 0, x)


def test_no_gradient_without_a_bound():
    nodes = inputs()
    start = SymbolicTensor(nodes[2])
    value = control.while_loop(lambda v: call("sum", v) < 9, lambda v: v + 1, start)
    with pytest.raises(Exception, match="without a bound"):
        gradients(call("sum", value).node, nodes)


def test_equal_bodies_are_the_same_graph():
    def made(factor):
        x = tulle.Input((3,))
        y = tulle.ops.fori_loop(0, 3, lambda i, v: v * factor, x)
        return graph_of(tulle.Model(x, y))

    assert same_graph(made(2.0), made(2.0))
    assert not same_graph(made(2.0), made(3.0))


def test_variables_decide_and_are_carried():
    no, start = tulle.Variable(np.array(False)), tulle.Variable(3.0)
    assert float(control.cond(no, lambda: 1.0, lambda: 2.0)) == 2.0
    with GradientTape() as tape:
        end = control.while_loop(lambda v: v < 20.0, lambda v: v * v, start)
    assert float(end) == 81.0
    assert float(tape.gradient(end, start)) == 4 * 3.0**3
    assert float(tulle.function(lambda: control.cond(no, lambda: 1.0, lambda: start))())


@pytest.mark.parametrize(
    "made",
    [
        lambda x: control.cond(call("sum", x) > 0, lambda: x * 2.0, lambda: x * 3.0),
        lambda x: control.scan(
            lambda c, rows: (c, rows * c), x * 0.0 + 2.0, call("expand_dims", x, 0)
        )[1],
        lambda x: control.while_loop(
            lambda y: call("sum", y) > -1e9, lambda y: y * 2.0, (x,), 1
        )[0],
    ],
    ids=["cond", "scan", "while"],
)
def test_gradients_of_a_model_that_branches_on_a_batch_of_a_known_size(made):
    """The gradient's body has the sizes of the call, not the symbols of the model."""
    inputs = tulle.Input((3,), dtype="float64")
    model = tulle.Model(inputs, call("reshape", made(inputs), (-1,)))
    x = tulle.convert_to_tensor(np.abs(X))
    for _ in range(14):  # op by op at first, then as a program
        with GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        found = tape.gradient(y, x)
        assert isinstance(found, Tensor)
        np.testing.assert_allclose(found.numpy(), np.full((4, 3), 2.0))
