"""A product and a bias in one op: the exact graph, equal values, and what stays."""

import sys

import cuda_host
import fake_cupy
import fake_nvmath
import numpy as np
import pytest
import steps

from tulle.backend import compile_graph
from tulle.backend.pipeline import stages
from tulle.backend.pipeline.join_bias import join_bias
from tulle.graph.device import device, to_numpy
from tulle.graph.dim import Dim
from tulle.graph.graph import Graph
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

RANDOM = np.random.default_rng(5)


def placed(*shapes, kind="f32"):
    types = [TensorType(dtype_of(kind), tuple(map(Dim.of, s))) for s in shapes]
    return [input_node(f"x{k}", type) for k, type in enumerate(types)]


def passed(inputs, *outputs):
    graph = Graph(tuple(inputs), {f"y{k}": one for k, one in enumerate(outputs)})
    *_, last = stages(graph, True, (join_bias,))
    assert last.name == "join_bias"
    return last.graph


def joined(x, y, bias):
    return OPS["matmul_bias"].apply((x, y, bias))


def test_the_sum_and_the_product_are_one_op():
    x, y, b = inputs = placed((5, 7), (7, 6), (6,))
    for found in (call("matmul", x, y) + b, b + call("matmul", x, y)):
        assert passed(inputs, found).outputs["y0"] is joined(x, y, b)


def test_axes_may_be_split_in_between():
    x, y, b = inputs = placed((4, 5, 7), (7, 6), (2, 3))
    whole = call("reshape", call("matmul", x, y), (4, 5, 2, 3))
    flat = call("reshape", x, (20, 7))
    found = passed(inputs, whole + b).outputs["y0"]
    wanted = joined(flat, y, call("reshape", b, (6,)))
    assert found is call("reshape", wanted, (4, 5, 2, 3))


def test_what_does_more_or_is_read_twice_stays():
    x, y, b, column = inputs = placed((5, 7), (7, 5), (5,), (5, 1))
    product = call("matmul", x, y)
    for outputs in (
        [call("relu", product + b)],  # what NaN becomes there is not known
        [product + b, product],
        [product + column],
        [product + x[:, :5]],
    ):
        assert "matmul_bias" not in {n.op.name for n in passed(inputs, *outputs).nodes}
    x, y, b = inputs = placed((5, 7), (7, 6), (6,), kind="f64")
    names = {n.op.name for n in passed(inputs, call("matmul", x, y) + b).nodes}
    assert "matmul_bias" not in names


@pytest.fixture
def lt(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.make())
    return fake_nvmath.install(monkeypatch)


@pytest.mark.parametrize("kind", ["f16", "bf16", "f32"])
@pytest.mark.parametrize(
    "shapes", [((5, 7), (7, 6)), ((1, 3), (3, 1)), ((4, 0), (0, 3))]
)
@pytest.mark.parametrize("refused", [False, True])
def test_values(lt, kind, shapes, refused):
    if refused:
        lt.refused.append(fake_nvmath.NOT_SUPPORTED)
    inputs = placed(*shapes, shapes[1][1:], kind=kind)
    dtype = dtype_of(kind).numpy
    arrays = [RANDOM.normal(size=[d.value for d in n.shape]) for n in inputs]
    arrays = [array.astype(dtype) for array in arrays]
    x, y, b = (array.astype("float64") for array in arrays)
    with device("gpu:0"):
        program = compile_graph(
            Graph(tuple(inputs), {"out": call("matmul", *inputs[:2]) + inputs[2]})
        )
    assert any(s.node.op.name == "matmul_bias" for s in program.schedule.steps)
    limit = {"f16": 2e-3, "bf16": 2e-2, "f32": 1e-6}[kind]
    for _ in range(3):
        found = to_numpy(program(arrays)["out"]).astype("float64")
        np.testing.assert_allclose(found, x @ y + b, limit, 5 * limit)
    assert bool(lt.calls) == (not refused and x.size > 0)


@pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
def test_a_network_gives_what_it_gives_on_the_cpu(lt):
    network = steps.dense_network([7, 5, 3], "relu")
    x, _ = steps.batch(network)
    graph = Graph(network.input_nodes, {"out": network.output_nodes[0]})
    wanted = compile_graph(graph)([x])["out"]
    with device("gpu:0"):
        program = compile_graph(graph)
    for _ in range(3):
        np.testing.assert_allclose(program([x])["out"].get(), wanted, 1e-5, 1e-6)
    assert program.code.choice.refused == ""
