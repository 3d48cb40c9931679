"""Loops as turns that are launched one after the other, on the stand-ins."""

import sys

import cuda_host
import fake_cupy
import fake_nvmath
import numpy as np
import pytest
import steps

from tulle.backend import compile_graph
from tulle.backend.gpu import unrolled
from tulle.graph import control
from tulle.graph.device import device, to_numpy
from tulle.graph.diagnostics import DataError
from tulle.graph.differentiate import gradients
from tulle.graph.graph import Graph
from tulle.graph.layers import GRU, LSTM, Dense
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.variable import set_random_seed

pytestmark = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
RANDOM = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    module = fake_cupy.make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    fake_nvmath.install(monkeypatch)
    return module


def both(function, *arrays, slopes=False):
    """A program of a function, three runs of which gave what the CPU gives."""
    inputs = [input_node(f"x{k}", Tensor(a).type) for k, a in enumerate(arrays)]
    found = [y.node for y in function(*map(SymbolicTensor, inputs))]
    if slopes:
        total = sum((call("sum", call("square", y)) for y in found[1:]), start=0.0)
        total = total + call("sum", call("square", found[0]))
        found += [g for g in gradients(total, inputs) if g is not None]
    graph = Graph(tuple(inputs), {str(k): node for k, node in enumerate(found)})
    wanted = compile_graph(graph)(arrays)
    with device("gpu:0"):
        program = compile_graph(graph)
    for _ in range(3):
        for key, array in program(arrays).items():
            np.testing.assert_allclose(array.get(), wanted[key], 2e-5, 2e-5)
    return program


def running(reverse):
    def function(x, weight):
        def turn(state, row):
            state = call("tanh", call("matmul", state, weight) + row)
            return state, state * row

        carried, stacked = control.scan(turn, x[0] * 0.5, x, reverse=reverse)
        return carried, stacked

    return function


@pytest.mark.parametrize("turns", [1, 2, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_scans_and_their_gradients(turns, reverse):
    x = RANDOM.normal(size=(turns, 3, 4)).astype("float32")
    weight = RANDOM.normal(size=(4, 4)).astype("float32")
    program = both(running(reverse), x, weight, slopes=True)
    assert program.code.choice.refused == ""
    loops = [s for s in program.schedule.steps if s.node.op.name == "loop"]
    assert len(loops) == 2


def test_what_is_carried_may_change_places():
    def turn(pair, row):
        one, two = pair
        return (two, one + row), two

    def function(x):
        (one, two), stacked = control.scan(turn, (x[0], x[1]), x)
        return one, two, stacked

    assert both(function, RANDOM.normal(size=(5, 3))).code.choice.refused == ""


def test_a_loop_within_a_loop():
    def inner(total, element):
        return total + element, total

    def outer(total, row):
        total, parts = control.scan(inner, total, row)
        return total * 0.5, parts

    def function(x):
        return control.scan(outer, call("sum", x), x)

    assert both(function, RANDOM.normal(size=(3, 4))).code.choice.refused == ""


def test_indices_are_checked_within_a_loop():
    table, rows = RANDOM.normal(size=(5, 2)), np.array([[0], [4], [-1]], np.int32)

    def function(table, rows):
        def turn(total, row):
            return total + call("take", table, row, axis=0), total

        return control.scan(turn, table[:1], rows)

    program = both(function, table, rows)
    with pytest.raises(DataError, match="index 5 for an axis of size 5"):
        to_numpy(program([table, rows + np.int32(1)])["0"])
    to_numpy(program([table, rows])["0"])


def test_too_many_turns_are_left_to_cupy(monkeypatch):
    monkeypatch.setattr(unrolled, "MOST", 8)
    x = RANDOM.normal(size=(9, 3, 4)).astype("float32")
    weight = RANDOM.normal(size=(4, 4)).astype("float32")
    program = both(running(False), x, weight)
    assert program.code.choice.refused == "CuPy computes a loop of 9 turns"


def test_while_loops_are_no_graphs():
    def function(x):
        return (
            control.while_loop(lambda v: call("sum", v) < 9.0, lambda v: v * 2.0, x),
        )

    program = both(function, np.ones(2, np.float32))
    assert "CuPy computes `while`" in program.code.choice.refused


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_recurrent_layers_train_as_on_the_cpu(layer):
    def trained(name):
        set_random_seed(4)
        x = Input((7, 5), name="x")
        network = Network(x, Dense(3)(layer(6)(x)))
        with device(name):
            program = compile_graph(steps.step_graph(network, steps.Adam, "i32"))
        losses = []
        for seed, count in enumerate((4, 4, 9, 4, 9)):
            random = np.random.default_rng(seed)
            batch = random.normal(size=(count, 7, 5)).astype("float32")
            classes = random.integers(0, 3, count, np.int32)
            losses.append(float(to_numpy(program([batch, classes])["loss"])))
        return losses, network.get_weights(), program

    losses, weights, program = trained("gpu:0")
    assert program.code.choice.refused == ""
    wanted, wanted_weights, _ = trained("cpu")
    np.testing.assert_allclose(losses, wanted, 1e-4)
    for one, other in zip(weights, wanted_weights, strict=True):
        np.testing.assert_allclose(one, other, 1e-3, 1e-4)


def test_a_turn_is_products_and_kernels_and_no_copies():
    def captured(turns):
        x = Input((turns, 5), name="x")
        network = Network(x, Dense(3)(LSTM(128)(x)))
        with device("gpu:0"):
            program = compile_graph(steps.step_graph(network, steps.Adam, "i32"))
        batch = np.zeros((4, turns, 5), np.float32), np.zeros(4, np.int32)
        program(batch)
        program(batch)
        (bound,) = program._bound.values()
        return len(bound.run.replay._graph.actions)

    # A product and the gates, and the same backwards.
    assert captured(6) - captured(5) == 4
