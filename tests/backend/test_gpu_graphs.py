"""Whole steps as CUDA graphs, on the stand-in for CuPy."""

import ast
import gc
import inspect
import logging
import operator
import re
import sys
from pathlib import Path

import cuda_host
import fake_capture
import fake_cupy
import numpy as np
import pytest
import steps
from fake_capture import Graph as CudaGraph

from tulle.backend import compile_graph
from tulle.backend.gpu.graphs import Choice, Replayed
from tulle.graph.control import scan
from tulle.graph.device import device, to_numpy
from tulle.graph.diagnostics import DataError
from tulle.graph.graph import Graph
from tulle.graph.layers import Dense, Dropout, Embedding, GlobalAveragePooling1D
from tulle.graph.network import Input, Network
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.types import tensor_type
from tulle.graph.variable import SeedGenerator, Variable, set_random_seed

pytestmark = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)


@pytest.fixture
def cupy(monkeypatch):
    module = fake_cupy.make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def embedded():
    """A network whose training needs no product: indices, dropout, sums."""
    set_random_seed(5)
    x = Input((6,), dtype="int32", name="x")
    h = Dropout(0.4)(Embedding(11, 3)(x))
    return Network(x, GlobalAveragePooling1D()(h))


def tokens(count, seed=0):
    random = np.random.default_rng(seed)
    x = random.integers(-11, 11, (count, 6), np.int32)
    return x, random.integers(0, 3, count, np.int32)


def trained(name, counts=(12, 12, 5, 12, 5, 5, 12)):
    """Losses and weights after batches of some sizes."""
    network = embedded()
    with device(name):
        program = compile_graph(steps.step_graph(network, steps.Adam, "i32"))
    losses = [to_numpy(program(tokens(n, k))["loss"]) for k, n in enumerate(counts)]
    return np.array(losses), network.get_weights(), program


def test_a_step_is_captured_once_a_set_of_sizes(cupy, monkeypatch):
    graphs, launches = CudaGraph.count, CudaGraph.launches
    losses, weights, program = trained("gpu:0")
    assert program.code.choice.refused == ""
    assert program.source().startswith("one CUDA graph for each set of sizes")
    assert CudaGraph.count - graphs == 2
    assert CudaGraph.launches - launches == 7 - 2  # each size was rehearsed
    monkeypatch.setenv("TULLE_CUDA_GRAPHS", "0")
    plain, plain_weights, program = trained("gpu:0")
    assert "TULLE_CUDA_GRAPHS" in program.code.choice.refused
    assert CudaGraph.count - graphs == 2
    assert losses.tobytes() == plain.tobytes()
    for one, other in zip(weights, plain_weights, strict=True):
        np.testing.assert_array_equal(one, other)
    wanted, wanted_weights, _ = trained("cpu")
    np.testing.assert_allclose(losses, wanted, 1e-5)
    for one, other in zip(weights, wanted_weights, strict=True):
        np.testing.assert_allclose(one, other, 1e-4, 1e-5)


def test_each_run_draws_anew_and_follows_its_generator(cupy):
    generator = SeedGenerator(3 << 40)
    key = OPS["random_key"].apply((), {"generator": generator, "draw": 1})
    shape = {"shape": (7,), "dtype": tensor_type("f32", ()).dtype}
    drawn = OPS["random_uniform"].apply((key,), shape)
    with device("gpu:0"):
        program = compile_graph(Graph((), {"out": drawn, "key": key}))
    seen = []
    for count in (0, 2, 4, 100, 102, 4):
        generator.count = count if count == 100 or len(seen) == 5 else generator.count
        assert generator.count == count
        wanted = OPS["random_uniform"].run(np, generator.key(1), **shape)
        found = program([])
        np.testing.assert_array_equal(found["key"].get(), generator.key(-1))
        np.testing.assert_array_equal(found["out"].get(), wanted)
        seen.append(found["out"].get())
    assert len({array.tobytes() for array in seen}) == 5
    assert CudaGraph.launches


def test_a_rate_is_read_by_each_run(cupy):
    rate = Variable(np.float32(1))
    weight = Variable(np.zeros(3, np.float32))
    x = SymbolicTensor(input_node("x", tensor_type("f32", (3,))))
    scaled = x * SymbolicTensor(rate.node)
    updates = ((weight, (SymbolicTensor(weight.node) + scaled).node),)
    with device("gpu:0"):
        program = compile_graph(Graph((x.node,), {}, updates))
    for value in (1, 1, 10, 100):
        rate.assign(np.float32(value))
        program([np.ones(3, np.float32)])
    assert weight.numpy().tolist() == [112] * 3


@pytest.mark.parametrize("run", [0, 1, 2])
def test_an_index_at_fault_is_told_with_the_next_result(cupy, run):
    network = embedded()
    with device("gpu:0"):
        program = compile_graph(steps.step_graph(network, steps.Adam, "i32"))
    for _ in range(run):
        program(tokens(4))
    before = network.get_weights()
    x, y = tokens(4)
    x[2, 3], x[3, 1] = -12, 40
    program([x, y])
    found = program(tokens(4))["loss"]  # nothing is trained until it is told
    with pytest.raises(DataError, match="index -12 for an axis of size 11"):
        to_numpy(found)
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    program(tokens(4))
    assert not np.array_equal(before[0], network.get_weights()[0])
    with pytest.raises(DataError, match="index 3 for an axis of size 3"):
        to_numpy(program([tokens(4)[0], np.full(4, 3, np.int32)])["loss"])


def picked_at_once(x, index):
    return call("take", x, call("cumsum", index))


def picked_by_turns(x, index):
    def turn(place, step):
        return place + step, call("take", x, place + step)

    return scan(turn, call("sum", index * 0), index)[1]


@pytest.mark.parametrize("name", ["cpu", "gpu:0"])
@pytest.mark.parametrize("pick", [picked_at_once, picked_by_turns])
def test_nothing_is_updated_before_all_is_checked(cupy, name, pick):
    x = SymbolicTensor(input_node("x", tensor_type("f32", (4,))))
    index = SymbolicTensor(input_node("i", tensor_type("i32", (2,))))
    mean, total = (Variable(np.zeros(n, np.float32)) for n in (4, 2))
    picked = pick(x, index)
    updates = (
        (mean, (SymbolicTensor(mean.node) + x).node),
        (total, (SymbolicTensor(total.node) + picked).node),
    )
    with device(name):
        program = compile_graph(
            Graph((x.node, index.node), {"sum": call("sum", x).node}, updates)
        )
    with pytest.raises(DataError, match="index 6 for an axis of size 4"):
        to_numpy(program([np.ones(4, np.float32), np.array([1, 5], np.int32)])["sum"])
    assert mean.numpy().tolist() == [0] * 4
    to_numpy(program([np.ones(4, np.float32), np.array([1, 2], np.int32)])["sum"])
    assert (mean.numpy().tolist(), total.numpy().tolist()) == ([1] * 4, [1] * 2)


def test_what_may_wait_for_the_device_is_not_captured(cupy, caplog):
    graphs = CudaGraph.count
    x = input_node("x", tensor_type("f32", (4,)))
    with device("gpu:0"), caplog.at_level(logging.INFO, "tulle"):
        program = compile_graph(Graph((x,), {"out": call("sort", x) + 1.0}))
    assert program.code.choice.refused.startswith("CuPy computes `sort`")
    assert "no CUDA graph: CuPy computes `sort`" in program.source()
    assert "no CUDA graph: CuPy computes `sort`" in caplog.text
    for _ in range(3):
        found = program([np.array([3, 1, 4, 1], np.float32)])
        assert found["out"].get().tolist() == [2, 2, 4, 5]
    assert CudaGraph.count == graphs


def test_a_capture_that_fails_is_done_without_and_told_once(cupy, caplog, monkeypatch):
    def failing(self):
        fake_capture.state.tape = None
        raise cupy.cuda.runtime.CUDARuntimeError("cudaErrorUnknown: not today")

    wanted, weights, _ = trained("gpu:0")
    monkeypatch.setattr(fake_capture.Stream, "end_capture", failing)
    with caplog.at_level(logging.WARNING, "tulle"):
        found, found_weights, program = trained("gpu:0")
    assert program.code.choice.refused == "cudaErrorUnknown: not today"
    assert [r.getMessage().count("not today") for r in caplog.records] == [1]
    assert found.tobytes() == wanted.tobytes()
    assert found_weights[0].tobytes() == weights[0].tobytes()


def test_a_rehearsal_that_fails_is_made_again(cupy, monkeypatch):
    waits, done = [], []

    def work():
        done.append(len(done))
        if len(done) == 1:
            raise MemoryError("for now")

    monkeypatch.setattr(fake_capture.Stream, "wait_event", lambda s, e: waits.append(s))
    replayed, graphs = Replayed(cupy, Choice(), work, (RuntimeError,)), CudaGraph.count
    with pytest.raises(MemoryError, match="for now"):
        replayed()
    assert waits[-1] is fake_capture.NULL  # what was begun comes before what follows
    replayed()
    assert CudaGraph.count == graphs
    replayed()
    assert (CudaGraph.count, len(done)) == (graphs + 1, 3)


def test_no_search_for_cycles_comes_into_a_capture(cupy):
    searched = []
    replayed = Replayed(cupy, Choice(), lambda: searched.append(gc.isenabled()), ())
    replayed()
    replayed()
    assert searched == [True, False]
    assert gc.isenabled()


def test_what_cupy_refuses_ends_in_the_path_without_a_graph(cupy, caplog, monkeypatch):
    monkeypatch.setattr("tulle.backend.gpu.products.COMPUTED", frozenset())
    monkeypatch.setattr("tulle.backend.gpu.forms.KERNELS_ONLY", frozenset(("matmul",)))
    set_random_seed(1)
    x = Input((3,), name="x")
    network = Network(x, Dense(2)(x))
    batch = np.ones((4, 3), np.float32)
    wanted = network(batch).numpy()
    with device("gpu:0"):
        program = compile_graph(
            Graph(network.input_nodes, {"out": network.output_nodes[0]})
        )
    with caplog.at_level(logging.WARNING, "tulle"):
        for _ in range(3):
            np.testing.assert_allclose(program([batch])["out"].get(), wanted, 1e-6)
    assert caplog.text.count("during stream capture") == 1


def test_a_run_is_on_the_device_that_it_was_bound_on(cupy):
    entered = []

    class Device(fake_cupy.Device):
        def __enter__(self):
            entered.append(self)

    cupy.cuda.Device = Device
    x = input_node("x", tensor_type("f32", (4,)))
    with device("gpu:0"):
        program = compile_graph(Graph((x,), {"out": call("tanh", x)}))
    for _ in range(3):
        before = len(entered)
        program([np.ones(4, np.float32)])
        assert len(entered) > before


def test_the_stand_in_has_the_names_of_cupy(cupy, monkeypatch):
    monkeypatch.undo()  # the real one is to be imported
    real = pytest.importorskip("cupy")
    for name in vars(cupy.cuda):
        assert hasattr(real.cuda, name), name
    for name, own in vars(fake_capture.Stream).items():
        if not name.startswith("_"):
            found = getattr(real.cuda.Stream, name)
            wanted = list(inspect.signature(found).parameters)
            assert list(inspect.signature(own).parameters) == wanted
    for name in ("copy_from_host_async", "ptr"):
        assert hasattr(real.cuda.MemoryPointer, name)
    assert hasattr(real.ndarray, "set")
    assert hasattr(real.cuda.Device, "compute_capability")


def calls_of_arrays():
    """Where the sources call a function of `xp`, its name, and with what."""
    root = Path(__file__).parents[2]
    for path in [*root.glob("graph/**/*.py"), *root.glob("backend/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and ast.unparse(node.func)
            if called and re.fullmatch(r"xp(\.\w+)+", called):
                count = sum(not isinstance(x, ast.Starred) for x in node.args)
                keywords = [one.arg for one in node.keywords if one.arg]
                place = f"{path.name}:{node.lineno}"
                yield place, called.removeprefix("xp."), count, keywords


def test_cupy_takes_what_its_functions_are_given(cupy, monkeypatch):
    monkeypatch.undo()
    real = pytest.importorskip("cupy")
    for name, options in fake_cupy.LACKING.items():
        assert not options & inspect.signature(getattr(real, name)).parameters.keys()
    for place, name, count, keywords in calls_of_arrays():
        found = operator.attrgetter(name)(real)
        if isinstance(found, real.ufunc):
            assert {"out", "where", "dtype", "casting"}.issuperset(keywords), place
        elif inspect.isfunction(found):
            given = dict.fromkeys(keywords)
            inspect.signature(found).bind_partial(*[None] * count, **given)


def test_functions_of_the_stand_in_take_no_more_than_those_of_cupy(cupy):
    called = {name for _, name, *_ in calls_of_arrays()}
    assert {"max", "take", "sum"} <= called
    for place, name, _, keywords in calls_of_arrays():
        assert not fake_cupy.LACKING.get(name, set()).intersection(keywords), place
    with pytest.raises(AssertionError, match="initial"):
        cupy.max(cupy.asarray(np.ones(2)), initial=0)


def test_arrays_of_the_device_and_strided_ones_are_inputs_too(cupy):
    types = [tensor_type("f32", (2, 3)), tensor_type("i32", (3,))]
    x, y = (input_node(f"x{k}", type) for k, type in enumerate(types))
    with device("gpu:0"):
        program = compile_graph(Graph((x, y), {"out": call("take", x, y, axis=1)}))
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    order = np.array([2, 0, -1], np.int32)
    for k in range(3):
        given = whole.T[1:3] + np.float32(k)
        wanted = given[:, order]
        one = program([given, cupy.asarray(order)])["out"]
        two = program([cupy.asarray(given), order])["out"]
        np.testing.assert_array_equal(one.get(), wanted)
        np.testing.assert_array_equal(two.get(), wanted)
