"""Programs as tables of native commands: inputs, updates, steps of the host, loops."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from tulle import GradientTape, Input, Model, ops, random
from tulle.backend import compile_graph, function, program
from tulle.backend.cpu import engine, gemm
from tulle.graph.diagnostics import DataError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.graph import Graph
from tulle.graph.layer import Layer
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of, tensor_type
from tulle.graph.variable import Variable

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

ROWS = Dim.from_symbol(Symbol("rows"))
X = input_node("x", TensorType(dtype_of("f32"), (ROWS, Dim.of(3))))
RANDOM = np.random.default_rng(3)


def array(*shape):
    return RANDOM.standard_normal(shape, np.float32)


def host_steps(compiled):
    return [
        step.node.op.name
        for step in compiled.schedule.steps
        if not step.copy and not compiled.code.runs_native(step.node)
    ]


@pytest.mark.parametrize(
    "given",
    [array(4, 3), array(3, 4).T, array(8, 3)[::2], array(4, 6)[:, ::2],
     array(4, 3)[::-1], np.broadcast_to(array(3), (4, 3))],
    ids=["dense", "transposed", "steps", "columns", "backwards", "broadcast"],
)  # fmt: skip
def test_inputs_lie_anywhere(given):
    node = call("matmul", X, call("transpose", X, (1, 0))) + 1.0
    compiled = compile_graph(Graph((X,), {"out": node, "first": X[0], "x": X}))
    found = compiled([given])
    np.testing.assert_allclose(found["out"], given @ given.T + 1, rtol=1e-5)
    np.testing.assert_array_equal(found["first"], given[0])
    np.testing.assert_array_equal(found["x"], given)
    assert found["x"].base is None


def test_unaligned_inputs():
    raw = np.zeros(1 + 4 * 12, np.uint8)
    given = raw[1:].view(np.float32).reshape(4, 3)
    given[...] = array(4, 3)
    compiled = compile_graph(Graph((X,), {"out": X * 2.0}))
    np.testing.assert_array_equal(compiled([given])["out"], given * 2)


def test_results_do_not_change_with_the_next_run():
    compiled = compile_graph(Graph((X,), {"out": X + 1.0}))
    first = compiled([np.zeros((2, 3), np.float32)])["out"]
    compiled([np.ones((2, 3), np.float32)])
    assert (first == 1).all()


LARGE_ROWS = 9000  # of X, whose results are not copied then


def test_large_results_are_written_into_memory_of_their_own():
    node = call("tanh", X)
    outputs = {
        "plain": node + 1.0,
        "read": node * 2.0,
        "sum": call("sum", node * 2.0),
        "turned": call("transpose", X * 3.0, (1, 0)),
        "whole": node,
        "again": node,
        "part": node[1:],
        "x": X,
    }
    compiled = compile_graph(Graph((X,), outputs))
    first, second = array(LARGE_ROWS, 3), array(LARGE_ROWS, 3)
    found = compiled([first])
    kept = {name: value.copy() for name, value in found.items()}
    compiled([second])
    for name, value in kept.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].flags.c_contiguous
    tanh = np.tanh(first)
    wanted = tanh + 1, tanh * 2, (tanh * 2).sum(), first.T * 3, tanh, tanh, tanh[1:]
    for value, other in zip(found.values(), (*wanted, first), strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-6)
    arrays = list(found.values())
    for index, one in enumerate(arrays):
        assert not any(np.shares_memory(one, two) for two in arrays[:index])


def test_large_results_beside_a_step_of_the_host():
    seed = random.SeedGenerator(0)

    def noisy(x):
        drawn = random.normal(ops.shape(x), seed=seed)
        return ops.tanh(x) + drawn, drawn * 2.0

    compiled, x = function.function(noisy), array(LARGE_ROWS, 3)
    first = compiled(x)
    (made,) = compiled.programs
    assert host_steps(made) == ["random_key"]
    (bound,) = made._bound.values()
    assert len(bound.run.fresh) == 2
    kept = [tensor.numpy().copy() for tensor in first]
    second = compiled(x)
    for one, other, value in zip(first, second, kept, strict=True):
        np.testing.assert_array_equal(one.numpy(), value)
        assert not np.shares_memory(one.array, other.array)
        assert (other.numpy() != value).any()
    for plain, drawn in (first, second):
        wanted = np.tanh(x) + drawn.numpy() / 2
        np.testing.assert_allclose(plain.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_a_large_result_that_the_host_writes_or_reads():
    """It has one place, from which it is copied."""

    class Doubled(Layer):
        opaque = True

        def call(self, x):
            return np.asarray(x) * 2

    x = Input((3,))
    tanh = ops.tanh(x)
    model = Model(x, [tanh, Doubled()(tanh)])
    given = [array(LARGE_ROWS, 3) for _ in range(3)]
    found = [model.predict_on_batch(one) for one in given]
    for one, (read, written) in zip(given, found, strict=True):
        np.testing.assert_allclose(read, np.tanh(one), rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(written, read * 2)


def test_a_large_result_that_a_variable_takes_too():
    variable = Variable(np.zeros((LARGE_ROWS, 3), np.float32))
    fixed = input_node(
        "y", TensorType(dtype_of("f32"), (Dim.of(LARGE_ROWS), Dim.of(3)))
    )
    node = fixed + variable.node
    compiled = compile_graph(Graph((fixed,), {"out": node}, ((variable, node),)))
    ones = np.ones((LARGE_ROWS, 3), np.float32)
    first, second = compiled([ones])["out"], compiled([ones])["out"]
    assert (first == 1).all()
    assert (second == 2).all()
    assert (variable.numpy() == 2).all()


def test_large_results_of_a_loop():
    def step(carry, x):
        return carry + x, carry * 2.0

    compiled = function.function(lambda init, xs: ops.scan(step, init, xs))
    init, xs = array(200, 100), array(5, 200, 100)
    for given in (xs, xs + 1):
        last, stacked = compiled(init, given)
        np.testing.assert_allclose(
            last.numpy(), init + given.sum(0), rtol=1e-4, atol=1e-4
        )
        before = init + np.concatenate([np.zeros_like(given[:1]), given[:-1]]).cumsum(0)
        np.testing.assert_allclose(stacked.numpy(), before * 2, rtol=1e-4, atol=1e-4)


def test_a_step_of_the_host_between_native_ones():
    node = call("sort", call("tanh", X) * 2.0, axis=1)
    compiled = compile_graph(Graph((X,), {"out": node + node}))
    assert host_steps(compiled) == ["sort"]
    x = array(5, 3)
    wanted = 2 * np.sort(np.tanh(x) * 2, axis=1)
    np.testing.assert_allclose(compiled([x])["out"], wanted, rtol=1e-5)


def test_variables_that_change_places():
    one, two = Variable(array(3)), Variable(array(3))
    before = one.numpy(), two.numpy()
    updates = ((one, two.node), (two, one.node))
    compiled = compile_graph(Graph((), {"one": one.node}, updates))
    found = compiled([])
    np.testing.assert_array_equal(found["one"], before[0])
    np.testing.assert_array_equal(one.numpy(), before[1])
    np.testing.assert_array_equal(two.numpy(), before[0])


@pytest.mark.parametrize("length", [0, 1, 2, 7, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_loops_run_natively(length, reverse):
    """What is carried, stacked, sliced and read from outside, both ways."""

    def step(carry, x):
        total, last = carry
        new = ops.tanh(total + x * last)
        return (new, x), new * scale

    scale = Variable(array(4))
    start = (array(2, 4), array(2, 4))
    whole = array(length, 2, 4)

    @function.function
    def run(start, whole):
        return ops.scan(step, start, whole, reverse=reverse)

    (total, last), stacked = run(start, whole)
    (compiled,) = run.programs
    assert host_steps(compiled) == []
    (a, b), order = start, range(length)
    wanted = np.zeros((length, 2, 4), np.float32)
    for index in reversed(order) if reverse else order:
        a = np.tanh(a + whole[index] * b)
        b = whole[index]
        wanted[index] = a * scale.numpy()
    np.testing.assert_allclose(total, a, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(last, b)
    np.testing.assert_allclose(stacked, wanted, rtol=1e-5, atol=1e-6)


def test_what_a_loop_multiplies_by_is_packed_before_it(monkeypatch):
    """Weights from outside are, also an input's, and not what is carried."""
    packed = []

    def watched(*arguments):
        packed.append(packed_ahead(*arguments))
        return packed[-1]

    packed_ahead = gemm.packed_ahead
    monkeypatch.setattr(gemm, "packed_ahead", watched)
    own = Variable(array(5, 5))

    @function.function
    def run(start, given, whole):
        def step(state, x):
            product = ops.matmul(ops.matmul(state, own) + x, given)
            return ops.tanh(ops.matmul(product, state)), product

        return ops.scan(step, start, whole)

    start, whole = array(5, 5), array(4, 5, 5)
    for given in (array(5, 5), array(5, 5)):
        last, stacked = run(start, given, whole)
        state, wanted = start, []
        for x in whole:
            wanted.append((state @ own.numpy() + x) @ given)
            state = np.tanh(wanted[-1] @ state)
        np.testing.assert_allclose(last, state, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(stacked, wanted, rtol=1e-4, atol=1e-5)
    assert sum(found is not None for found in packed) == 2


def test_loops_within_loops_over_views():
    def outer(carry, row):
        carry, parts = ops.scan(lambda c, v: (c + v * 2.0, c * v), carry, row)
        return carry, parts

    @function.function
    def run(x):
        return ops.scan(outer, ops.zeros((3,)), ops.transpose(x, (1, 2, 0)))

    x = array(3, 5, 4)
    last, parts = run(x)
    carry, wanted = np.zeros(3, np.float32), np.zeros((5, 4, 3), np.float32)
    for i in range(5):
        for j in range(4):
            wanted[i, j] = carry * x[:, i, j]
            carry = carry + x[:, i, j] * 2
    np.testing.assert_allclose(last, carry, rtol=1e-5)
    np.testing.assert_allclose(parts, wanted, rtol=1e-5, atol=1e-6)


def test_denormals_are_flushed_and_the_mode_is_put_back():
    compiled = compile_graph(Graph((X,), {"out": X * 0.5}))
    tiny = np.full((2, 3), 1e-38, np.float32)
    assert (compiled([tiny])["out"] == 0).all()
    assert (tiny * np.float32(0.5) > 0).all()


def test_denormals_stay_where_they_are_to_whoever_computes_a_part():
    rows = np.full((3000, 1000), 1e-38, np.float32)
    x = input_node("x", tensor_type("f32", rows.shape))
    graph = Graph((x,), {"out": x * 0.5})
    for _ in range(20):  # threads come to parts now and then
        kept = compile_graph(graph, denormals=True)([rows])["out"]
        assert (kept == np.float32(1e-38) * np.float32(0.5)).all()
        assert (compile_graph(graph)([rows])["out"] == 0).all()


def test_the_environment_says_how_many_threads_and_no_bit_changes(tmp_path):
    text = """
import os, sys, numpy as np
from tulle import ops
from tulle.backend.cpu.pool import pool
from tulle.backend.function import function
assert pool().threads == int(os.environ["TULLE_NUM_THREADS"])
@function
def run(x, w):
    h = ops.tanh(x @ w)
    return ops.sum(h), ops.mean(h, axis=0), ops.softmax(h), ops.logsumexp(h, axis=1)
r = np.random.default_rng(0)
found = run(r.standard_normal((700, 300), np.float32), r.random((300, 500), np.float32))
sys.stdout.buffer.write(b"".join(np.asarray(one).tobytes() for one in found))
"""
    outputs = set()
    for threads in ("1", "5"):
        environment = {"TULLE_NUM_THREADS": threads, "TULLE_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", text],
            env=environment,
            capture_output=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_without_llvm_numpy_runs_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(engine, "missing", lambda: "llvmlite")
    program._tell_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="tulle"):
        for _ in range(2):
            compiled = compile_graph(Graph((X,), {"out": X + 1.0}))
    assert not compiled.code.native
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "since llvmlite cannot be imported" in caplog.text


@pytest.mark.parametrize("wrong", [10, -11])
@pytest.mark.parametrize("place", ["first", "last"])
def test_an_index_outside_is_told_before_anything_changes(wrong, place):
    """Of the data of this very run, and the next run is as if nothing had been."""
    weight = Variable(array(10, 4))
    before = weight.numpy()
    index = input_node("index", TensorType(dtype_of("i32"), (ROWS,)))
    rows = call("take", weight.node, index, 0)
    new = weight.node * 2.0 + call("sum", rows)
    compiled = compile_graph(Graph((index,), {"rows": rows}, ((weight, new),)))
    good = np.arange(5, dtype=np.int32)
    bad = good.copy()
    bad[0 if place == "first" else -1] = wrong
    with pytest.raises(DataError, match=str(wrong)):
        compiled([bad])
    np.testing.assert_array_equal(weight.numpy(), before)
    np.testing.assert_array_equal(compiled([good])["rows"], before[:5])


def test_an_index_outside_within_a_loop_is_told():
    @function.function
    def run(table, index):
        return ops.scan(
            lambda c, i: (c + ops.take(table, i, axis=0), c), table[0], index
        )

    table = array(6, 3)
    good = np.array([[1], [2], [5]], np.int32)[:, 0]
    last, _ = run(table, good)
    np.testing.assert_allclose(last, table[[0, 1, 2, 5]].sum(0), rtol=1e-5)
    with pytest.raises(DataError, match="7"):
        run(table, np.array([1, 7, 2], np.int32))


def test_an_output_keeps_nothing_that_is_read_after_it_has_its_own_value():
    """Exponentials wait in an output's memory, which must not be theirs any more."""
    columns = Dim.from_symbol(Symbol("columns"))
    wide = input_node("wide", TensorType(dtype_of("f32"), (ROWS, columns)))
    own = -call("softmax", wide)
    outputs = {"again": call("softmax", own), "own": own}
    x = array(3, 37)
    found = compile_graph(Graph((wide,), outputs))([x])
    wanted = -np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_allclose(found["own"], wanted, rtol=1e-5)
    again = np.exp(wanted) / np.exp(wanted).sum(1, keepdims=True)
    np.testing.assert_allclose(found["again"], again, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_are_pooled_without_the_host(dtype):
    """The largest of a window, where it stood, and the way back; NaN is kept."""
    x = array(2, 6, 5, 3).round(1)
    x[0, 1, 2, 0] = np.nan

    def pooled(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.max_pool(x, 2, padding="same")
            loss = ops.sum(y * y)
        return y, tape.gradient(loss, x)

    compiled = function.function(pooled)
    given = ops.cast(x, dtype)
    found = compiled(given)
    assert host_steps(compiled.programs[0]) == []
    for one, two in zip(found, pooled(given), strict=True):
        np.testing.assert_array_equal(*(ops.cast(z, "float32") for z in (one, two)))
