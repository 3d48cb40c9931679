"""Programs: plans, checks of data, effects, memory that is never shared by mistake."""

import re
from threading import Thread

import numpy as np
import pytest
import steps
from work import calls

from tulle.backend import Program, compile_graph, stages
from tulle.backend.cpu import engine
from tulle.backend.pipeline import PASSES
from tulle.graph.device import device
from tulle.graph.diagnostics import InternalError, RunShapeError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.graph import Graph
from tulle.graph.ops.movement import full_node
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import constant_node, input_node
from tulle.graph.types import TensorType, dtype_of, tensor_type
from tulle.graph.variable import SeedGenerator, Variable

ROWS = Dim.from_symbol(Symbol("rows"))
X = input_node("x", TensorType(dtype_of("f32"), (ROWS, Dim.of(3))))
Y = input_node("y", TensorType(dtype_of("f32"), (ROWS, Dim.of(4))))
A = np.arange(6, dtype=np.float32).reshape(2, 3)


def variable(*values):
    return Variable(np.array(values, "float32"))


def message(program, *arrays):
    with pytest.raises(RunShapeError) as caught:
        program(arrays)
    return str(caught.value)


def compiled():
    """How many pieces of machine code were made in this process."""
    return engine.engine().compiled if engine.available() else 0


@pytest.fixture
def by_arrays(monkeypatch):
    """Programs that call the array library step by step."""
    monkeypatch.setenv("TULLE_KERNELS", "numpy")


# Data.


def test_variables_that_move_are_found_for_new_sizes():
    weights = variable([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    program = compile_graph(Graph((X,), {"out": X @ call("transpose", weights.node)}))
    for rows in (2, 3, 4):
        x = np.full((rows, 3), rows, np.float32)
        np.testing.assert_allclose(program([x])["out"], x @ weights.numpy().T)
        weights.rehome(np.empty((2, 3), np.float32))
        weights.assign(weights.numpy() + 1)


def test_one_program_takes_all_sizes():
    program = compile_graph(Graph((X,), {"out": call("sum", X * X, axis=1)}))
    steps, made = program.schedule, compiled()
    for rows in (2, 5, 2, 1, 7):
        x = np.random.default_rng(rows).standard_normal((rows, 3), np.float32)
        found = program([x])["out"]
        np.testing.assert_allclose(found, np.sum(x * x, axis=1), rtol=1e-6)
    assert (program.schedule, compiled()) == (steps, made)


def test_a_new_batch_size_costs_a_plan(monkeypatch):
    """No node is made, nothing is compiled, and the calls are few a step."""
    network = steps.dense_network([784, 32, 32, 10])
    program = compile_graph(steps.step_graph(network, steps.Adam))
    program(steps.batch(network, 64))
    arrays = steps.batch(network, 65)
    key = tuple((array.shape, array.dtype) for array in arrays)

    def unwanted(*arguments, **options):
        raise AssertionError("compiled again")

    monkeypatch.setattr("builtins.compile", unwanted)
    count = calls(lambda: program._prepare(key, arrays))
    assert count < 1000 * program.plan([a.shape for a in arrays]).steps


def test_a_wrong_size_is_told():
    program = compile_graph(Graph((X, Y), {"out": call("sum", X) + call("sum", Y)}))
    wide = np.zeros((2, 4), np.float32)
    text = message(program, A, np.zeros((5, 4), np.float32))
    assert "`y` is declared f32[rows, 4] and got f32[5, 4]" in text
    assert "axis 0 is 5 in place of rows = 2" in text
    assert "they fit if swapped" in message(program, wide, A)
    assert "the dtype differs" in message(program, A.astype("float64"), wide)
    assert "2 axes against 1" in message(program, A[0], wide)
    assert "takes 2 arrays (x, y) and got 1" in message(program, A)
    assert program([A, wide])["out"] == 15


def test_lists_are_arrays_too():
    i = input_node("i", TensorType(dtype_of("i64"), (ROWS,)))
    program = compile_graph(Graph((i,), {"out": i * 2}))
    assert program([[1, 2]])["out"].tolist() == [2, 4]
    assert program([[3, 4]])["out"].tolist() == [6, 8]


def test_sizes_that_no_input_tells():
    loose = Dim.from_symbol(Symbol("loose"))
    graph = Graph((X,), {"out": full_node(X.type.with_shape((loose,)), 1.0)})
    with pytest.raises(InternalError, match="loose"):
        compile_graph(graph)([A])


# Memory.


def test_results_stay_when_the_program_runs_again():
    program = compile_graph(Graph((X,), {"out": X + 1, "same": X, "view": X[0]}))
    first = program([A])
    kept = {name: value.copy() for name, value in first.items()}
    program([A * 7])
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)
    first["same"][...] = 0
    assert A[1, 2] == 5


def test_the_plan_that_was_not_used_for_longest_goes(monkeypatch):
    monkeypatch.setattr("tulle.backend.program.PLANS", 3)
    monkeypatch.setattr("tulle.backend.program.STEPS", 2)
    program = compile_graph(Graph((X,), {"out": X + 1}))
    for rows in (2, 3, 4, 2, 5, 2, 6):
        x = np.ones((rows, 3), "f4")
        np.testing.assert_array_equal(program([x])["out"], x + 1)
    assert sorted(rows for (((rows, _), _),) in program._bound) == [2, 5, 6]


def product():
    eye = constant_node(np.eye(3, dtype="f4"))
    return compile_graph(Graph((X,), {"out": call("matmul", call("tanh", X), eye)}))


def test_programs_of_few_steps_keep_more_plans(monkeypatch):
    monkeypatch.setattr("tulle.backend.program.PLANS", 1)
    monkeypatch.setattr("tulle.backend.program.STEPS", 12)
    program = product()
    for rows in range(2, 20):
        program([np.ones((rows, 3), "f4")])
    assert len(program._bound) == 12 // len(program.schedule.steps)


def test_inputs_of_any_layout():
    turned = call("reshape", call("transpose", X), (-1,))
    program = compile_graph(Graph((X,), {"out": turned * 2}))
    for x in (A, np.asfortranarray(A), np.repeat(A, 2, 0)[::2], A[::-1]):
        np.testing.assert_array_equal(program([x])["out"], x.T.reshape(-1) * 2)


def test_buffers_are_used_again():
    def program(depth):
        node = X
        for _ in range(depth):
            eye = constant_node(np.eye(3, dtype="f4"))
            node = call("tanh", call("matmul", node, eye))
        return compile_graph(Graph((X,), {"out": node}))

    shallow, deep = program(4), program(50)
    for rows in (100, 1000):
        peak = deep.plan([(rows, 3)]).peak_bytes
        assert 2 * rows * 3 * 4 <= peak == shallow.plan([(rows, 3)]).peak_bytes


def test_elementwise_chains_stay_in_place(by_arrays):
    node = X
    for _ in range(20):
        node = call("tanh", node + 1.0)
    plan = compile_graph(Graph((X,), {"out": node})).plan([(100, 3)])
    assert (plan.steps, plan.buffers) == (2, 1)  # a kernel has at most 32 ops
    assert plan.peak_bytes == 2 * 1216  # the result and scratch memory


def test_a_plan_says_what_it_is():
    plan = compile_graph(Graph((X,), {"out": X + 1})).plan([(16, 3)])
    assert str(plan) == "1 steps, 1 buffers, 192 bytes"


def test_who_asks_for_a_plan_waits_for_other_threads():
    program = compile_graph(Graph((X,), {"out": X + 1}))
    found = []
    asking = Thread(target=lambda: found.append(program.plan([(16, 3)])))
    with program._lock:
        asking.start()
        asking.join(0.2)
        assert not found
    asking.join()
    assert found


def test_gradients_are_computed_in_their_place():
    network = steps.dense_network([7, 5, 2])
    text = compile_graph(steps.step_graph(network, steps.Descent)).source()
    assert " copy(" not in text
    assert "concatenate" not in text


def test_a_pack_holds_what_no_step_of_its_own_makes():
    """Inputs, variables, constants and numbers made of sizes are copied there."""
    variable = Variable(np.arange(2, dtype="float32"))
    count = OPS["size"].apply((), {"value": ROWS, "dtype": X.dtype})
    mean = call("divide", constant_node(np.float32(6.0)), count)
    parts = [X, call("negative", X), variable.node, mean, X]
    packed = OPS["pack"].apply(tuple(parts))
    x = np.arange(6, dtype="float32").reshape(2, 3)
    found = compile_graph(Graph((X,), {"out": packed}))([x])["out"]
    wanted = [*x.flat, *(-x).flat, 0, 1, 3, *x.flat]
    np.testing.assert_array_equal(found, np.array(wanted, "float32"))


def test_barriers_and_tuples():
    """Values that pass through ops that compute nothing keep their memory."""
    first, second = call("tanh", X), call("exp", X)
    pair = OPS["tuple"].apply((first, second))
    one, two = (OPS["item"].apply((pair,), {"index": i}) for i in (1, 0))
    late = OPS["barrier"].apply((first, call("sum", one), X))
    flat = call("reshape", OPS["barrier"].apply((X, one)), (-1,))
    constant = OPS["barrier"].apply((constant_node(np.float32(2)), two))
    outputs = {"a": one + late, "b": two * 2.0, "flat": flat, "c": late * constant}
    found = compile_graph(Graph((X,), outputs))([A])
    np.testing.assert_allclose(found["a"], np.exp(A) + np.tanh(A), 1e-6)
    np.testing.assert_allclose(found["b"], np.tanh(A) * 2, 1e-6)
    np.testing.assert_allclose(found["c"], np.tanh(A) * 2, 1e-6)
    np.testing.assert_array_equal(found["flat"], A.reshape(-1))


# Effects.


def test_updates_see_old_values():
    a, b = variable(1, 2), variable(3, 4)
    graph = Graph((), {}, ((a, b.node), (b, a.node)))
    program = compile_graph(graph)
    program([])
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([3, 4], [1, 2])
    program([])
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([1, 2], [3, 4])


def test_updates_that_need_each_other():
    a, b = variable(1, 2), variable(3, 4)
    graph = Graph((), {}, ((a, a.node + b.node), (b, a.node * b.node)))
    compile_graph(graph)([])
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([4, 6], [3, 8])


def test_results_are_values_from_before_the_updates():
    a = variable(1, 2)
    new = a.node * 2.0
    outputs = {"old": a.node, "new": new, "difference": new - a.node, "view": a.node[0]}
    found = compile_graph(Graph((), outputs, ((a, new),)))([])
    assert [found[name].tolist() for name in outputs] == [[1, 2], [2, 4], [1, 2], 1]
    assert a.numpy().tolist() == [2, 4]


def test_one_value_for_two_variables():
    a, b = variable(1, 2), variable(3, 4)
    new = a.node + b.node
    compile_graph(Graph((), {}, ((a, new), (b, new))))([])
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([4, 6], [4, 6])
    a.assign([0.0, 0.0])
    assert b.numpy().tolist() == [4, 6]


def test_updates_through_views_and_products():
    a = Variable(np.array([[1, 2], [3, 4]], "float32"))
    compile_graph(Graph((), {}, ((a, call("transpose", a.node)),)))([])
    assert a.numpy().tolist() == [[1, 3], [2, 4]]
    compile_graph(Graph((), {}, ((a, call("matmul", a.node, a.node)),)))([])
    assert a.numpy().tolist() == [[7, 15], [10, 22]]
    compile_graph(Graph((), {}, ((a, a.node + call("transpose", a.node)),)))([])
    assert a.numpy().tolist() == [[14, 25], [25, 44]]


def test_assigned_values_reach_the_program():
    a = variable(1, 2)
    program = compile_graph(Graph((), {"out": a.node * 1.5}, ((a, a.node + 1.0),)))
    assert program([])["out"].tolist() == [1.5, 3]
    a.assign([10.0, 20.0])
    assert program([])["out"].tolist() == [15, 30]
    assert a.numpy().tolist() == [11, 21]


def test_programs_share_variables():
    network = steps.dense_network([7, 5, 2])
    x, y = steps.batch(network)
    out = compile_graph(Graph(network.input_nodes, {"out": network.output_nodes[0]}))
    before = out([x])["out"]
    train = compile_graph(steps.step_graph(network, steps.Descent))
    np.testing.assert_array_equal(out([x])["out"], before)
    train([x, y])
    after = out([x])["out"]
    np.testing.assert_allclose(after, network(x).numpy(), 1e-5)
    assert not np.allclose(before, after)


def test_draws_are_those_of_eager_work():
    generator = SeedGenerator(3)
    keys = [
        OPS["random_key"].apply((), {"generator": generator, "draw": i}) for i in (0, 1)
    ]
    program = compile_graph(Graph((), {"a": keys[0], "b": keys[1]}))
    for count in (0, 2):
        found = program([])
        for i, name in enumerate("ab"):
            np.testing.assert_array_equal(
                found[name], [3, 0, count + i, 0], strict=False
            )
    assert generator.count == 4


def test_nothing_to_do():
    assert compile_graph(Graph((), {}))([]) == {}


# Text and stages.


def test_the_source_is_python_with_comments(by_arrays):
    text = compile_graph(Graph((X,), {"out": X[0, 0] - call("tanh", X)})).source()
    body = text[text.index("def run") :].splitlines()
    assert [" ".join(line.split()) for line in body] == [
        "def run(x0):",
        "v0 = getitem_0(x0) # getitem f32[]",
        "for p0, s0, out in tiles_1(x0): # fused f32[rows, 3]",
        "tanh(p0, s0)",
        "subtract(v0, s0, out)",
        "outputs = {'out': b0.copy()}",
        "return outputs",
    ]
    assert re.search(r"^# x0: input f32\[rows, 3\] x$", text, re.M)
    compile(text, "source", "exec")


def test_names_of_users_do_not_break_the_source():
    x = input_node("a\nimport os\n# b", tensor_type("f32", (3,)))
    program = compile_graph(Graph((x,), {"it's\n": x + 1.0}))
    assert program([A[0]])["it's\n"].tolist() == [1, 2, 3]


def test_stages_are_named_and_timed():
    network = steps.dense_network([7, 5, 2])
    found = list(stages(steps.step_graph(network, steps.Descent)))
    names = [apply.__name__ for apply, _ in PASSES]
    assert [stage.name for stage in found] == ["graph", *names]
    assert any(node.op.level == "layer" for node in found[0].graph.nodes)
    assert all(
        node.op.level in ("primitive", "kernel") for node in found[-1].graph.nodes
    )
    assert all(stage.seconds >= 0 for stage in found)


@pytest.mark.gpu
def test_the_same_program_on_a_gpu():
    network = steps.dense_network([7, 5, 2])
    arrays = steps.batch(network)
    wanted = compile_graph(steps.step_graph(network, steps.Descent))(arrays)["loss"]
    network = steps.dense_network([7, 5, 2])
    with device("gpu:0"):
        program = compile_graph(steps.step_graph(network, steps.Descent))
    found = program(arrays)["loss"]
    np.testing.assert_allclose(found.get(), wanted, 1e-5)
    assert isinstance(program, Program)
