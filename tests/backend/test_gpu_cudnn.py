"""Convolutions by cuDNN, on a stand-in that computes from the graphs it is given."""

import importlib.util
import inspect
import json
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import cuda_host
import fake_cudnn
import fake_cupy
import fake_nvmath
import numpy as np
import pytest
import steps
from convolution_geometries import CASES, PARTS, node_and_arrays
from fake_capture import check_one_graph
from real_cudnn import ATTENTION

from tulle.backend import compile_graph
from tulle.backend.gpu import cudnn
from tulle.graph import control
from tulle.graph.device import device, to_numpy
from tulle.graph.graph import Graph
from tulle.graph.layers import Conv2D, Dense, Flatten
from tulle.graph.network import Input, Network
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.types import tensor_type
from tulle.graph.variable import set_random_seed

on_host = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
REAL = importlib.util.find_spec("cudnn") is not None
with_real = pytest.mark.skipif(
    not REAL, reason="nvidia-cudnn-frontend and cuDNN are not installed"
)
RANDOM = np.random.default_rng(9)
LIMITS = {"f16": 5e-3, "bf16": 4e-2, "f32": 2e-5}
# A kernel of one tap is a product, and each channel by itself has kernels of ours.
OURS = ("one by one", "channel by channel", "cut off")


@pytest.fixture
def front(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.make())
    return fake_cudnn.install(monkeypatch)


@pytest.fixture
def lt(front, monkeypatch):
    return fake_nvmath.install(monkeypatch)


def compiled(node, inputs):
    with device("gpu:0"):
        return compile_graph(Graph(inputs, {"out": node}))


def agrees(node, inputs, arrays, attributes):
    """A program of a node, three runs of which gave what its body says."""
    program = compiled(node, inputs)
    wide = [array.astype("float64") for array in arrays]
    wanted = OPS[node.op.name].run(np, *wide, **attributes)
    limit = LIMITS[node.dtype.short]
    for _ in range(3):
        found = program(arrays)["out"].get()
        assert found.dtype == node.dtype.numpy
        np.testing.assert_allclose(found.astype("float64"), wanted, limit, 10 * limit)
    return program


@on_host
@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", PARTS)
def test_the_three_are_what_their_bodies_say(lt, front, name, case, kind):
    program = agrees(*node_and_arrays(name, case, kind, 3))
    assert program.code.choice.refused == ""
    assert len(front.calls) == (0 if case in OURS else 2)  # the third is a graph's
    wanted = "sound" if kind == "f32" else "tensor cores"
    assert {graph.built for graph in front.calls} <= {wanted}


@pytest.mark.parametrize("name", PARTS)
def test_without_cublaslt_too(front, name):
    program = agrees(*node_and_arrays(name, "one by one", "f32", 2))
    assert program.code.choice.refused == ""
    assert front.calls


def test_less_exact_engines_are_the_users_choice(lt, front, monkeypatch):
    case = node_and_arrays("conv_forward", "padded", "f32", 2)
    agrees(*case)
    monkeypatch.setenv("TULLE_TF32", "1")
    agrees(*case)
    assert [graph.built for graph in front.calls] == ["sound"] * 2 + [
        "tensor cores"
    ] * 2


def test_plans_are_made_once_a_shape(lt, front):
    for images in (2, 3, 2):
        agrees(*node_and_arrays("conv_forward", "padded", "f32", images))
    assert len(front.made) == 2


@on_host
def test_where_cudnn_has_no_plan_products_compute_and_a_line_says_so(lt, front, caplog):
    front.refused.append("no engine at all")
    with caplog.at_level(logging.INFO, "tulle"):
        for name in PARTS:
            program = agrees(*node_and_arrays(name, "strided", "f32", 2))
            assert program.code.choice.refused == ""
    assert caplog.text.count("no engine at all") == 3
    assert lt.calls
    assert not front.calls


def test_without_products_cupy_computes_what_cudnn_does_not(front):
    front.refused.append("no engine at all")
    program = agrees(*node_and_arrays("conv_forward", "strided", "f32", 2))
    assert "CuPy computes `conv_forward`" in program.source()


@on_host
def test_without_cudnn_products_compute_and_one_line_says_so(lt, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "cudnn", None)
    with caplog.at_level(logging.WARNING, "tulle"):
        for name in PARTS:
            agrees(*node_and_arrays(name, "padded", "f32", 2))
    assert caplog.text.count("cuDNN cannot be used") == 1
    assert "tulle[gpu13]" in caplog.text


@on_host
def test_cudnn_can_be_declined(lt, front, monkeypatch, caplog):
    monkeypatch.setenv("TULLE_CUDNN", "0")
    with caplog.at_level(logging.INFO, "tulle"):
        agrees(*node_and_arrays("conv_forward", "padded", "f32", 2))
    assert not front.made
    assert not caplog.text


def test_operands_that_are_not_aligned_are_copied(lt, front):
    node, inputs, (x, kernel), attributes = node_and_arrays(
        "conv_forward", "padded", "f16", 3
    )
    whole = input_node("whole", tensor_type("f16", (4, *x.shape[1:])))
    part = SymbolicTensor(whole)[1:].node
    program = compiled(
        node.op.apply((part, inputs[1]), node.attributes), (whole, inputs[1])
    )
    given = np.concatenate([x[:1], x])
    assert x[0].nbytes % cudnn.OPERANDS
    wanted = OPS["conv_forward"].run(
        np, x.astype("float64"), kernel.astype("float64"), **attributes
    )
    for _ in range(3):
        found = program([given, kernel])["out"].get()
        np.testing.assert_allclose(found.astype("float64"), wanted, 5e-3, 5e-2)
    assert front.calls


@on_host
def test_turns_of_a_loop_write_results_that_are_not_aligned(lt, front):
    kernel = RANDOM.normal(size=(3, 3, 3)).astype("float32")
    rows = RANDOM.normal(size=(5, 1, 7, 3)).astype("float32")

    def turn(carried, row):
        found = call("conv", row + carried * 0.0, kernel, padding="same")
        return carried + 1.0, found

    inputs = [
        input_node(f"x{k}", tensor_type("f32", s))
        for k, s in enumerate([(), rows.shape])
    ]
    _, stacked = control.scan(turn, *map(SymbolicTensor, inputs))
    graph = Graph(tuple(inputs), {"out": stacked.node})
    arrays = [np.float32(0), rows]
    wanted = compile_graph(graph)(arrays)["out"]
    with device("gpu:0"):
        program = compile_graph(graph)
    for _ in range(3):
        np.testing.assert_allclose(program(arrays)["out"].get(), wanted, 1e-5, 1e-5)
    assert front.calls


def network():
    set_random_seed(4)
    x = Input((9, 8, 3), name="x")
    h = Conv2D(5, 3, strides=2, padding="same", activation="relu")(x)
    h = Conv2D(4, (2, 3), activation="tanh")(h)
    return Network(x, Dense(3)(Flatten()(h)))


def trained(name, counts=(6, 6, 4, 6, 4, 4)):
    model = network()
    with device(name):
        program = compile_graph(steps.step_graph(model, steps.Adam, "i32"))
    losses = []
    for seed, count in enumerate(counts):
        random = np.random.default_rng(seed)
        x = random.standard_normal((count, 9, 8, 3), np.float32)
        loss = program([x, random.integers(0, 3, count, np.int32)])["loss"]
        losses.append(float(to_numpy(loss)))
    return np.array(losses), model.get_weights(), program


@on_host
def test_training_is_one_graph_with_the_bits_of_its_pieces(lt, front, monkeypatch):
    def then():
        names = {graph.operation[0].__name__ for graph in front.calls}
        assert names == {"forward", "dgrad", "wgrad"}

    near = {"rtol": 1e-3, "atol": 1e-4}
    check_one_graph(trained, monkeypatch, {"rtol": 1e-4}, near, then)


def test_each_thread_has_a_handle_of_its_own(lt, front):
    case = node_and_arrays("conv_forward", "padded", "f32", 2)
    agrees(*case)
    failed = []

    def elsewhere():
        try:
            agrees(*case)
        except AssertionError as error:
            failed.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert not failed
    assert len(front.made) == 1


# The real front end.

PRELUDE = """
import cudnn, inspect, json
graph = cudnn.pygraph()
x = graph.tensor(dim=[1, 8, 4, 4], stride=[128, 1, 32, 8])
print(json.dumps({
    "names": sorted(dir(cudnn)), "graph": sorted(dir(graph)), "tensor": sorted(dir(x)),
    "notes": sorted(dir(cudnn.numerical_note)),
    "execute": list(inspect.signature(graph.execute).parameters),
    "made": list(inspect.signature(cudnn.pygraph.__init__).parameters),
    "stream": list(inspect.signature(cudnn.set_stream).parameters),
    "convolutions": {
        name: graph_op.__doc__ for name in ("conv_fprop", "conv_dgrad", "conv_wgrad")
        for graph_op in [getattr(cudnn.pygraph, name)]
    },
    "attention": {
        name: getattr(cudnn._pybind_module.backend_graph, name).__doc__
        for name in ("sdpa", "sdpa_backward")
    },
}))
"""


def told(*arguments):
    """What a script prints, in a process of its own with the real front end."""
    folder = Path(fake_cudnn.__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@with_real
def test_the_stand_in_has_the_names_of_the_front_end():
    real = told("-c", PRELUDE)
    for name in ("create_handle", "set_stream", "pygraph", "backend_version",
                 "cudnnGraphNotSupportedError"):  # fmt: skip
        assert name in real["names"]
        assert hasattr(fake_cudnn, name)
    assert set(fake_cudnn.NOTES) <= set(real["notes"])
    public = [n for n, _ in inspect.getmembers(fake_cudnn.pygraph) if n[0] != "_"]
    own = {"result", "enter", "plan"}
    assert set(public) - own <= set(real["graph"])
    setters = [n for n in vars(fake_cudnn.Tensor) if n.startswith(("set", "get"))]
    assert set(setters) <= set(real["tensor"])
    for name, function in {
        "execute": fake_cudnn.pygraph.execute,
        "made": fake_cudnn.pygraph.__init__,
        "stream": fake_cudnn.set_stream,
    }.items():
        parameters = set(inspect.signature(function).parameters)
        assert parameters - {"self"} <= set(real[name]), name
    assert "image, weight" in real["convolutions"]["conv_fprop"]
    assert "loss, filter" in real["convolutions"]["conv_dgrad"]
    assert "image, loss" in real["convolutions"]["conv_wgrad"]
    for name, words in real["attention"].items():
        own = inspect.signature(getattr(fake_cudnn.pygraph, name)).parameters
        heads = re.findall(r"(\w+): ", words.splitlines()[0])
        assert set(own) - {"self"} <= set(heads), name
        # What is given by place stands in this order.
        placed = [one for one in own if one in ("q", "k", "v", "o", "dO", "stats")]
        assert heads[: len(placed)] == placed


@pytest.mark.slow
@with_real
@on_host
def test_cudnn_plans_what_it_is_asked_for_on_cards_that_are_not_there():
    found = told(str(Path(fake_cudnn.__file__).with_name("real_cudnn.py")))["found"]
    assert len(found) == 2 * (4 * 3 * len(CASES) + 2 * 2 * len(ATTENTION))
    for name, plan in found.items():
        if "cut off" in name:
            assert "cut off" in plan["refused"], name
            continue
        assert plan.get("engine"), (name, plan)
        assert plan["workspace"] <= cudnn.WORKSPACE
        # All buffers are taken as they come, and one that is missing is seen.
        assert "handle is NULL" in plan["with 0"], name
        assert "missing a buffer" in plan["with -1"], name
