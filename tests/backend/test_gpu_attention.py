"""Attention of 16 bits by cuDNN, on a stand-in that computes from given graphs."""

import logging
import sys

import cuda_host
import fake_cudnn
import fake_cupy
import fake_nvmath
import numpy as np
import pytest
import steps
from attention_cases import (
    CASES,
    LIMITS,
    RANDOM,
    S,
    T,
    agree,
    graph_of,
    numbers,
    operands,
)
from fake_capture import check_one_graph

from tulle.backend import compile_graph
from tulle.backend.pipeline.select_attention import FEW_OF_LIBRARY
from tulle.graph import control
from tulle.graph.device import device, to_numpy
from tulle.graph.dim import Dim
from tulle.graph.graph import Graph
from tulle.graph.layers import Dense, MultiHeadAttention
from tulle.graph.network import Input, Network
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.types import TensorType, dtype_of, tensor_type
from tulle.graph.variable import set_random_seed

pytestmark = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
OURS = {"attention_logsum", "attention_logsum_gradient"}


@pytest.fixture(autouse=True)
def front(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.make())
    return fake_cudnn.install(monkeypatch)


@pytest.fixture(autouse=True)
def lt(monkeypatch):
    return fake_nvmath.install(monkeypatch)


def names(program):
    return {node.op.name for node in program.graph.nodes}


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("case", CASES)
def test_forwards_and_backwards(front, case, kind):
    program = agree(kind, **CASES[case])
    assert names(program) >= OURS
    assert program.code.choice.refused == ""
    assert [g.operation[0].__name__ for g in front.calls] == [
        "attention", "attention_backward",
    ] * 2  # fmt: skip


def test_no_array_of_all_weights():
    shapes = [(2, 512, 4, 8)] * 3
    graph = graph_of(operands())
    with device("gpu:0"):
        peak = compile_graph(graph).plan(shapes).peak_bytes
    assert peak < 2 * 4 * 512 * 512 * 2


@pytest.mark.parametrize(
    "options",
    [
        {"attn_logits_soft_cap": 2.0},
        {"size": 12},
        {"size": 264},
        {"rows": FEW_OF_LIBRARY - 1},
    ],
)
def test_what_stays_as_it_is(front, options):
    program = agree(**options)
    assert not names(program) & OURS
    assert not front.made


def test_masks_stay_as_they_are(front):
    mask = input_node(
        "mask", TensorType(dtype_of("bool"), (Dim.of(2), Dim.of(1), T, S))
    )
    program = agree(mask=mask, more=(mask,))
    assert not names(program) & OURS
    assert program.code.choice.refused == ""


def test_where_cudnn_has_no_plan_the_expansion_computes_and_a_line_says_so(
    front, caplog
):
    front.refused.append("no engine at all")
    with caplog.at_level(logging.INFO, "tulle"):
        program = agree(is_causal=True, shared=2)
    assert names(program) >= OURS
    assert program.code.choice.refused == ""  # products and kernels, in a graph
    assert not front.calls
    assert caplog.text.count("no engine at all") == 1  # backwards nobody asks


def test_backwards_alone_may_have_no_plan(front):
    agree(sizes={T: 1, S: 1})
    assert {g.operation[0].__name__ for g in front.calls} == {"attention"}


def test_without_cudnn_or_where_it_is_declined(front, monkeypatch, caplog):
    monkeypatch.setenv("TULLE_CUDNN", "0")
    with caplog.at_level(logging.INFO, "tulle"):
        assert not names(agree()) & OURS
    assert not caplog.text
    monkeypatch.delenv("TULLE_CUDNN")
    monkeypatch.setitem(sys.modules, "cudnn", None)
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.make())
    with caplog.at_level(logging.WARNING, "tulle"):
        assert not names(agree()) & OURS
        agree(is_causal=True)
    assert caplog.text.count("cuDNN cannot be used") == 1


def test_a_program_without_attention_asks_for_nothing(front, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "cudnn", None)
    x = input_node("x", tensor_type("f32", (3,)))
    with caplog.at_level(logging.INFO, "tulle"), device("gpu:0"):
        compile_graph(Graph((x,), {"out": call("tanh", x)}))
    assert "cuDNN" not in caplog.text


def test_no_keys(front):
    program = agree(columns=0)
    assert names(program) >= OURS
    assert not front.made


def test_in_turns_of_a_loop(front):
    types = [tensor_type("f16", (2, 1, 5, 4, 8)), tensor_type("f16", (1, 5, 4, 8))]
    rows, start = (input_node(n, t) for n, t in zip("xy", types, strict=True))

    def turn(carried, row):
        found = call("dot_product_attention", carried, row, row)
        return found, found

    _, stacked = control.scan(turn, SymbolicTensor(start), SymbolicTensor(rows))
    graph = Graph((rows, start), {"out": stacked.node})
    arrays = numbers(graph.inputs)
    wanted = compile_graph(graph)(arrays)["out"].astype("float64")
    with device("gpu:0"):
        program = compile_graph(graph)
    for _ in range(3):
        found = to_numpy(program(arrays)["out"]).astype("float64")
        np.testing.assert_allclose(found, wanted, 4e-3, 4e-3)


def trained(name):
    set_random_seed(6)
    x = Input((None, 12), name="x")
    h = MultiHeadAttention(3, 8, dtype="mixed_bfloat16")(x, x, use_causal_mask=True)
    model = Network(x, Dense(5)(h))
    with device(name):
        program = compile_graph(steps.step_graph(model, steps.Descent))
    losses = []
    for seed, count in enumerate((4, 4, 3, 4, 3, 3)):
        random = np.random.default_rng(seed)
        batch = [random.standard_normal((count, 9, n), np.float32) for n in (12, 5)]
        losses.append(float(to_numpy(program(batch)["loss"])))
    return np.array(losses), model.get_weights(), program


def test_training_is_one_graph_with_the_bits_of_its_pieces(front, monkeypatch):
    def then():
        names = {graph.operation[0].__name__ for graph in front.calls}
        assert names == {"attention", "attention_backward"}

    near = {"rtol": 5e-2, "atol": 5e-2}
    check_one_graph(trained, monkeypatch, {"rtol": 2e-2}, near, then)


@pytest.mark.parametrize("causal", [False, True])
def test_bodies_say_what_kernels_do(causal):
    arrays = [a.astype("float64") for a in numbers(operands(shared=2))]
    options = {"scale": 0.4, "is_causal": causal, "given": ()}
    cotangent = RANDOM.normal(size=(2, 11, 4, 8))
    one = OPS["attention_forward"].run(np, *arrays, **options)
    other = OPS["attention_logsum"].run(np, *arrays, **options)
    np.testing.assert_allclose(other[0], one[0], 1e-5, 1e-5)
    np.testing.assert_allclose(other[1], one[1] + np.log(one[2]), 1e-5, 1e-5)
    wanted = OPS["attention_backward"].run(np, *arrays, *one, cotangent, **options)
    gradient = OPS["attention_logsum_gradient"]
    found = gradient.run(np, *arrays, *other, cotangent, **options)
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, 1e-4, 1e-5)
