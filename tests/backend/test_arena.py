"""Arenas: one flat array, views that last, and programs that find their variables."""

import numpy as np
import steps

from tulle.backend import Arena, arenas, compile_graph
from tulle.graph.graph import Graph
from tulle.graph.layers import Dense, Embedding, Flatten
from tulle.graph.network import Input, Network
from tulle.graph.variable import Variable


def made():
    return [
        Variable(np.arange(4, dtype="float32").reshape(2, 2)),
        Variable(np.float32(9)),
        Variable(np.array([5.0, 6.0])),
        Variable(np.zeros((0, 3), "float32")),
        Variable(np.array([7.0], "float32")),
    ]


def test_values_side_by_side():
    variables = made()
    small, wide = arenas(variables)
    assert small.variable.numpy().tolist() == [0, 1, 2, 3, 9, 7]
    assert wide.variable.numpy().tolist() == [5, 6]
    assert small.offsets == dict(
        zip((variables[i] for i in (0, 1, 3, 4)), (0, 4, 5, 5), strict=True)
    )
    assert [v.shape for v in variables] == [(2, 2), (), (2,), (0, 3), (1,)]
    assert str(small) == "<Arena of 4 variables, f32[6]>"


def test_values_are_shared_both_ways():
    variables = made()
    arena = arenas(variables)[0]
    variables[0].assign([[1.0, 1.0], [1.0, 1.0]])
    arena.variable.assign_add(np.full(6, 0.5, "float32"))
    assert variables[0].numpy().tolist() == [[1.5, 1.5], [1.5, 1.5]]
    assert variables[4].numpy().tolist() == [7.5]


def test_the_same_variables_keep_their_arena():
    variables = made()
    first = arenas(variables)
    assert arenas(variables) == first
    assert arenas(variables[1:])[0] is not first[0]


def test_a_program_brings_its_variables_home():
    network = steps.dense_network([7, 5, 2])
    twin = steps.dense_network([7, 5, 2])
    batch = steps.batch(network)
    program = compile_graph(steps.step_graph(network, steps.Descent))
    wanted = compile_graph(steps.step_graph(twin, steps.Descent))
    program(batch), wanted(batch)
    Arena(network.trainable_weights[:1])  # another program's
    assert program(batch)["loss"] == wanted(batch)["loss"]
    for one, two in zip(network.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_frozen_weights_stay_as_they_are():
    network = steps.dense_network([7, 5, 2])
    network.called[0].trainable = False
    before = network.get_weights()
    program = compile_graph(steps.step_graph(network, steps.Descent))
    program(steps.batch(network))
    after = network.get_weights()
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [True, True, False, False]


def test_an_assignment_in_the_forward_pass_comes_before_the_step():
    network = steps.dense_network([7, 5, 2])
    graph = steps.step_graph(network, steps.Descent)
    kernel = network.trainable_weights[0]
    updates = ((kernel, kernel.node * 0.0),)
    graph = Graph(graph.inputs, graph.outputs, updates, True, graph.objective)
    batch = steps.batch(network)
    _, gradients = steps.dense_step(*batch, network.get_weights())
    compile_graph(graph)(batch)
    wanted = -steps.Descent.rate * gradients[0]
    np.testing.assert_allclose(kernel.numpy(), wanted, 1e-5, 1e-6)


def test_gradients_of_tables_are_added_up_where_the_optimizer_reads_them():
    ids = Input((3,), dtype="int32", name="x")
    network = Network(ids, Dense(2)(Flatten()(Embedding(50, 4)(ids))))
    (table, *others) = network.get_weights()
    program = compile_graph(steps.step_graph(network, steps.Descent))
    assert " copy(" not in program.source()
    random = np.random.default_rng(0)
    x = random.integers(0, 9, (6, 3)).astype("int32")
    y = random.standard_normal((6, 2)).astype("float32")
    program([x, y])
    error = table[x].reshape(6, 12) @ others[0] + others[1] - y
    slope = np.zeros_like(table)
    np.add.at(slope, x, (2 * error / error.size @ others[0].T).reshape(6, 3, 4))
    wanted = table - steps.Descent.rate * slope
    np.testing.assert_allclose(network.get_weights()[0], wanted, 1e-5, 1e-6)
