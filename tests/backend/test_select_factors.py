"""Matrices are factored once, whoever reads the factors, and programs then agree."""

import numpy as np
import pytest
from native_calls import node_of

import tulle
from tulle import ops
from tulle.backend import compile_graph
from tulle.backend.pipeline import stages
from tulle.graph.differentiate import gradients
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import tensor_type

assert node_of  # the tests need native code
RANDOM = np.random.default_rng(4)


def square(*shape, dtype="f32"):
    return input_node("x", tensor_type(dtype, shape))


def graph_of(inputs, loss):
    """The graph of a loss and its gradients."""
    slopes = gradients(loss, inputs)
    named = {f"slope {n}": slope for n, slope in enumerate(slopes)}
    return Graph(tuple(inputs), {"loss": loss, **named})


def counted(graph):
    """How often each op is in the program of a graph."""
    *_, last = stages(graph, generated=True)
    names = [node.op.name for node in last.graph.nodes]
    return {name: names.count(name) for name in names}


def agree(graph, arrays, tolerance=1e-3):
    wanted = evaluate(
        list(graph.roots), dict(zip(graph.inputs, arrays, strict=True)), {}
    )
    found = compile_graph(graph)(arrays)
    for name, value in zip(graph.outputs, wanted, strict=True):
        np.testing.assert_allclose(found[name], value, tolerance, tolerance)


def far_from_singular(shape):
    x = RANDOM.standard_normal(shape) + 4 * np.eye(shape[-1])
    return x.astype("float32")


def test_a_matrix_is_factored_once():
    x, b = square(3, 5, 5), input_node("b", tensor_type("f32", (3, 5, 2)))
    parts = [
        call("sum", call("square", call("inv", x))),
        call("sum", call("square", call("solve", x, b))),
        call("sum", call("solve", call("swapaxes", x, -1, -2), b)),
        call("sum", call("logdet", x)),
        call("sum", call("det", x)),
    ]
    graph = graph_of([x, b], sum(parts[1:], parts[0]))
    found = counted(graph)
    assert found["lu_factor"] == 1
    assert not {"inv", "solve_matrix", "det", "slogdet"} & found.keys()
    array = far_from_singular((3, 5, 5))
    agree(graph, [array, RANDOM.standard_normal((3, 5, 2)).astype("float32")])


def test_the_gradient_of_a_determinant_factors_nothing_again():
    x = square(4, 8, 8)
    graph = graph_of([x], call("sum", call("slogdet", x)[1]))
    assert counted(graph)["lu_factor"] == 1
    agree(graph, [far_from_singular((4, 8, 8))])


@pytest.mark.parametrize("name", ["det", "logdet", "inv"])
def test_of_a_transposed_matrix(name):
    x = square(6, 6)
    turned = call("swapaxes", x, -1, -2)
    both = call("sum", call(name, x)) + call("sum", call(name, turned))
    graph = graph_of([x], both)
    assert counted(graph)["lu_factor"] == 1
    agree(graph, [far_from_singular((6, 6))])


def test_a_transposed_triangle_is_read_as_it_lies():
    x, b = square(6, 6), input_node("b", tensor_type("f32", (6, 1)))
    turned = call("swapaxes", x, -1, -2)
    found = call("solve_triangular", turned, b)
    graph = Graph((x, b), {"found": found})
    assert "transpose" not in counted(graph)
    agree(graph, [far_from_singular((6, 6)), np.ones((6, 1), "float32")])


def test_singular_matrices():
    x = np.stack([np.eye(3), np.zeros((3, 3)), np.diag([2.0, -1.0, 1.0])])
    x = x.astype("float32")
    sign, log = tulle.function(ops.slogdet)(x)
    assert np.asarray(sign).tolist() == [1, 0, -1]
    np.testing.assert_allclose(log, [0, -np.inf, np.log(2)], rtol=1e-6)
    assert np.asarray(tulle.function(ops.det)(x)).tolist() == [1, 0, -2]
    found = np.asarray(tulle.function(ops.inv)(x))
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_computed_in_float32(dtype):
    x = ops.cast(far_from_singular((2, 4, 4)), dtype)

    def several(x):
        return ops.inv(x), *ops.slogdet(x), ops.solve(x, x), ops.cholesky(ops.eye(4))

    for found, wanted in zip(tulle.function(several)(x), several(x), strict=True):
        assert found.dtype == wanted.dtype
        wide = (ops.cast(one, "float32") for one in (found, wanted))
        np.testing.assert_allclose(*map(np.asarray, wide), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("size", [0, 1])
def test_the_smallest_matrices(size):
    x = square(2, size, size)
    loss = call("sum", call("det", x)) + call("sum", call("logdet", x))
    agree(graph_of([x], loss), [np.full((2, size, size), 2, "float32")])


def test_any_size():
    @tulle.function(input_signature=None)
    def solved(x, b):
        return (
            ops.solve(x, b),
            ops.det(x),
            ops.cholesky(ops.matmul(x, ops.transpose(x))),
        )

    for size in (3, 40):
        x, b = far_from_singular((size, size)), np.ones((size, 2), "float32")
        found, _, lower = map(np.asarray, solved(x, b))
        np.testing.assert_allclose(x @ found, b, rtol=0, atol=1e-4)
        np.testing.assert_allclose(lower @ lower.T, x @ x.T, rtol=1e-3, atol=1e-3)


def test_a_loop_with_factors_runs_natively():
    """The body factors once a turn, and the gradient reads what was kept."""
    x, b = far_from_singular((7, 4, 4)), np.ones((4, 1), "float32")

    def chained(x, b):
        def step(carry, a):
            found = ops.solve(a, carry)
            return found, ops.logdet(a) + ops.sum(ops.inv(a))

        last, stacked = ops.scan(step, b, x)
        return ops.sum(last) + ops.sum(stacked)

    whole = tulle.grad(chained, argnums=(0, 1))
    compiled = tulle.function(whole)
    for found, wanted in zip(compiled(x, b), whole(x, b), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
    (program,) = compiled.programs
    assert not program.code.outline.stops
    assert program.source().count("lu_factor") == 1


def test_a_loop_with_small_orthogonal_factors_runs_natively():
    """Orthogonal iteration, whose gradient reads both factors as they were kept."""
    x = np.random.default_rng(0).standard_normal((6, 6), "float32")
    x = x @ x.T

    def found(x):
        def step(_, q):
            return ops.qr(x @ q)[0]

        q = ops.fori_loop(0, 60, step, ops.eye(6, 3))
        return ops.sum(ops.diagonal(ops.swapaxes(q, 0, 1) @ x @ q))

    compiled = tulle.function(tulle.value_and_grad(found))
    value, slope = map(np.asarray, compiled(x))
    values, vectors = np.linalg.eigh(x.astype("float64"))
    np.testing.assert_allclose(value, values[3:].sum(), rtol=1e-4)
    largest = vectors[:, 3:]
    np.testing.assert_allclose(slope, largest @ largest.T, atol=1e-2)
    (program,) = compiled.programs
    assert not program.code.outline.stops
    assert program.source().count(" qr(") == 1
