"""Programs against the reference: every op, random graphs, training steps by hand."""

import numpy as np
import pytest
import steps
from hypothesis import given, settings
from hypothesis import strategies as st
from op_samples import VALUES, built, sample
from op_table import ROWS
from random_graphs import SIZES, graphs

from tulle.backend import compile_graph
from tulle.graph.dim import Dim
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

# Generated code adds in another order, and has exponentials of its own. Calls of NumPy
# may take products of other rows together.
CLOSE = {"float16": 2e-3, "float32": 4e-6, "float64": 1e-13}


def agree(graph, arrays, sizes, moved=None):
    """A program gives the reference's values, and the same bits each time.

    Values may be as far off as the reference's are for `moved` arrays.
    """
    program = compile_graph(graph)
    values = dict(zip(graph.inputs, arrays, strict=True))
    wanted = evaluate(list(graph.outputs.values()), values, sizes)
    others = wanted
    if moved is not None:
        values = dict(zip(graph.inputs, moved, strict=True))
        others = evaluate(list(graph.outputs.values()), values, sizes)
    first = program(arrays)
    again = program(arrays)
    for name, value, other in zip(graph.outputs, wanted, others, strict=True):
        found, value = first[name], np.asarray(value)
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(found, again[name])
        close = CLOSE.get(value.dtype.name)
        if close is None:
            np.testing.assert_array_equal(found, value)
            continue
        finite = np.abs(value[np.isfinite(value)])
        scale = float(np.max(finite, initial=1))
        with np.errstate(all="ignore"):
            far = np.abs(value - other)
        far = float(np.max(far[np.isfinite(far)], initial=0))
        np.testing.assert_allclose(found, value, close, close * scale + far)


@pytest.fixture(params=["native", "numpy"])
def executor(request, monkeypatch):
    """Native code where it is there, or calls of NumPy."""
    monkeypatch.setenv("TULLE_KERNELS", request.param)


# An input whose only use is to tell all symbolic sizes.
CARRIER = input_node(
    "sizes", TensorType(dtype_of("f32"), tuple(map(Dim.from_symbol, VALUES)))
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_every_op(row, executor):
    inputs, node = built(row)
    arrays = [np.zeros(tuple(VALUES.values()), np.float32), *sample(row)]
    agree(Graph((CARRIER, *inputs), {"out": node}), arrays, VALUES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_small_results_of_sigmoid_keep_their_digits(executor, dtype):
    x = np.array([-80.0, -20.0, -12.0, -6.76, 0.0, 3.0, 90.0, -900.0], dtype)
    wanted = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    node = input_node("x", TensorType(dtype_of(dtype), (Dim.of(len(x)),)))
    program = compile_graph(Graph((node,), {"out": call("sigmoid", node)}))
    tiny = np.finfo(dtype).tiny
    for found in (call("sigmoid", x).numpy(), program([x])["out"]):
        np.testing.assert_allclose(found, wanted, 4 * np.finfo(dtype).eps, tiny)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(0, 3))
def test_random_graphs(graph, seed):
    random = np.random.default_rng(seed)
    arrays = [random.standard_normal((3, 5), np.float32) for _ in range(2)]
    kept = [array.copy() for array in arrays]
    # A rounding of large numbers is all that the sine of them shows.
    moved = [array * np.float32(1 + 2**-21) for array in arrays]
    agree(graph, arrays, SIZES, moved)
    np.testing.assert_array_equal(arrays, kept)


def test_descent_by_hand():
    network = steps.dense_network([7, 5, 3, 2])
    program = compile_graph(steps.step_graph(network, steps.Descent))
    weights = [w.astype(np.float64) for w in network.get_weights()]
    for seed in range(5):
        x, y = steps.batch(network, seed=seed)
        loss, gradients = steps.dense_step(x, y, weights)
        np.testing.assert_allclose(program([x, y])["loss"], loss, 1e-5)
        weights = [
            w - steps.Descent.rate * g for w, g in zip(weights, gradients, strict=True)
        ]
        for found, wanted in zip(network.get_weights(), weights, strict=True):
            np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


def test_adam_by_hand():
    network = steps.dense_network([7, 5, 3, 2])
    program = compile_graph(steps.step_graph(network, steps.Adam))
    weights = [w.astype(np.float64) for w in network.get_weights()]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    a = steps.Adam
    for k in range(1, 6):
        x, y = steps.batch(network, seed=k)
        loss, gradients = steps.dense_step(x, y, weights)
        np.testing.assert_allclose(program([x, y])["loss"], loss, 1e-5)
        rate = a.rate * np.sqrt(1 - a.beta_2**k) / (1 - a.beta_1**k)
        for i, g in enumerate(gradients):
            first[i] += (1 - a.beta_1) * (g - first[i])
            second[i] += (1 - a.beta_2) * (g * g - second[i])
            weights[i] -= rate * first[i] / (np.sqrt(second[i]) + a.epsilon)
        for found, wanted in zip(network.get_weights(), weights, strict=True):
            np.testing.assert_allclose(found, wanted, 1e-5, 1e-5)


def test_runs_repeat_to_the_bit():
    def train():
        network = steps.dense_network([7, 5, 3], "relu")
        program = compile_graph(steps.step_graph(network, steps.Adam, "i32"))
        x, y = steps.batch(network, target="i32")
        losses = [program([x, y])["loss"].item() for _ in range(20)]
        return losses, network.get_weights()

    (losses, weights), (again, weights_again) = train(), train()
    assert losses == again
    assert losses[-1] < losses[0]
    for one, two in zip(weights, weights_again, strict=True):
        np.testing.assert_array_equal(one, two, strict=True)
