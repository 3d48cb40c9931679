"""On a CUDA device every op, layer, training step and oracle is as on the CPU."""

import importlib.util
import json
from pathlib import Path

import attention_cases
import convolution_geometries
import layer_cases
import numpy as np
import pytest
import steps
from op_samples import VALUES, built, sample
from op_table import ROWS

import tulle
from tulle.backend import compile_graph
from tulle.backend.gpu.code import GpuCode
from tulle.graph.device import device, to_numpy
from tulle.graph.diagnostics import DataError
from tulle.graph.dim import Dim
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph
from tulle.graph.registry import OPS
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of
from tulle.graph.variable import SeedGenerator, Variable, set_random_seed

pytestmark = pytest.mark.gpu

FOLDER = Path(__file__).parent.parent / "oracles"
INDEX = json.loads((FOLDER / "cases.json").read_text())
ENTRIES = {entry["id"]: entry for entry in INDEX["cases"]}
LAYERS = layer_cases.all_rows()
# Sums go in another order, products contract, and functions are CUDA's.
CLOSE = {"float16": 5e-3, "float32": 2e-5, "float64": 1e-12}
CARRIER = input_node(
    "sizes", TensorType(dtype_of("f32"), tuple(map(Dim.from_symbol, VALUES)))
)


def close(found, wanted):
    found, wanted = to_numpy(found), np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    limit = CLOSE.get(wanted.dtype.name)
    if limit is None:
        np.testing.assert_array_equal(found, wanted)
        return
    scale = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1))
    np.testing.assert_allclose(found, wanted, limit, limit * scale)


def test_kernels_are_generated():
    with device("gpu:0"):
        network = steps.dense_network([7, 5, 2])
        program = compile_graph(steps.step_graph(network, steps.Descent))
    assert isinstance(program.code, GpuCode)
    assert program.code._functions


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_every_op(row):
    inputs, node = built(row)
    arrays = [np.zeros(tuple(VALUES.values()), np.float32), *sample(row)]
    graph = Graph((CARRIER, *inputs), {"out": node})
    given = dict(zip(graph.inputs, arrays, strict=True))
    (wanted,) = evaluate([node], given, VALUES)
    with device("gpu:0"):
        program = compile_graph(graph)
    close(program(arrays)["out"], wanted)


@pytest.mark.parametrize("row", LAYERS, ids=layer_cases.labels(LAYERS))
def test_every_layer(row):
    set_random_seed(1)
    layer = layer_cases.layer_of(row)
    sizes = layer_cases.primes(row)
    set_random_seed(2)
    wanted = [result.numpy() for result in layer_cases.run(row, layer, sizes)]
    set_random_seed(2)
    with device("gpu:0"):
        compiled = tulle.function(lambda: layer_cases.run(row, layer, sizes))
        found = [result.numpy() for result in compiled()]
    for one, other in zip(found, wanted, strict=True):
        close(one, other)


@pytest.mark.parametrize("kind", [steps.Descent, steps.Adam])
@pytest.mark.parametrize("target", ["f32", "i32"])
def test_training(kind, target):
    def train(name):
        network = steps.dense_network([7, 33, 3], "relu")
        with device(name):
            program = compile_graph(steps.step_graph(network, kind, target))
        losses = []
        for count in (12, 300, 12, 1, 300):
            batch = steps.batch(network, count, target=target)
            losses.append(to_numpy(program(batch)["loss"]))
        return losses, network.get_weights()

    losses, weights = train("gpu:0")
    again, weights_again = train("gpu:0")
    assert losses == again
    for one, two in zip(weights, weights_again, strict=True):
        np.testing.assert_array_equal(one, two)
    wanted, wanted_weights = train("cpu")
    np.testing.assert_allclose(losses, wanted, 1e-4)
    for one, two in zip(weights, wanted_weights, strict=True):
        np.testing.assert_allclose(one, two, 1e-3, 1e-4)


@pytest.fixture(params=["1", "0"], ids=["with cuDNN", "without cuDNN"])
def cudnn(request, monkeypatch):
    monkeypatch.setenv("TULLE_CUDNN", request.param)


def twice(program, arrays):
    """What a program gives, the same bits piece by piece, captured, and launched."""
    found = [to_numpy(program(arrays)["out"]) for _ in range(3)]
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()
    return found[0]


@pytest.mark.parametrize("kind", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize("case", convolution_geometries.CASES)
@pytest.mark.parametrize("name", convolution_geometries.PARTS)
def test_convolutions(cudnn, name, case, kind):
    node, inputs, arrays, attributes = convolution_geometries.node_and_arrays(
        name, case, kind, 3
    )
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    found = twice(program, arrays).astype("float64")
    wide = [array.astype("float64") for array in arrays]
    limit = {"f16": 5e-3, "bf16": 4e-2, "f32": 1e-5, "f64": 1e-12}[kind]
    wanted = OPS[name].run(np, *wide, **attributes)
    np.testing.assert_allclose(found, wanted, limit, 10 * limit)


@pytest.mark.parametrize("name", convolution_geometries.PARTS)
def test_convolutions_of_f32_are_no_less_exact_than_asked_for(cudnn, name):
    node, inputs, arrays, attributes = convolution_geometries.node_and_arrays(
        name, convolution_geometries.LARGE, "f32", 4
    )
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    found = twice(program, arrays)
    wide = [array.astype("float64") for array in arrays]
    wanted = OPS[name].run(np, *wide, **attributes)
    # TF32 has 11 bits: of sums of hundreds of terms the error is some hundredths.
    assert np.max(np.abs(found - wanted)) < 1e-3


def test_what_is_no_number_stays_in_its_windows(cudnn):
    node, inputs, (x, kernel), _ = convolution_geometries.node_and_arrays(
        "conv_forward", "padded", "f32", 2
    )
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    x[0, 3, 2, 1], x[1, 5, 5, 0] = np.nan, np.inf
    found = twice(program, [x, kernel])
    told = ~np.isfinite(found).all(-1)
    assert told[0, 2:5, 1:4].all()
    assert told[1, 4:7, 4:6].all()
    assert told.sum() == 9 + 6


@pytest.mark.parametrize("kind", attention_cases.LIMITS)
@pytest.mark.parametrize("case", attention_cases.CASES)
def test_attention(cudnn, case, kind):
    attention_cases.agree(kind, **attention_cases.CASES[case])


def test_attention_over_many_places(cudnn):
    sizes = {attention_cases.T: 300, attention_cases.S: 300}
    attention_cases.agree("bf16", sizes, is_causal=True, size=64)


def test_graphs_and_their_pieces_give_the_same_bits(monkeypatch):
    def train():
        network = steps.dense_network([7, 33, 3], "relu")
        with device("gpu:0"):
            program = compile_graph(steps.step_graph(network, steps.Adam, "i32"))
        losses = []
        for seed, count in enumerate((12, 300, 12, 300, 12, 300, 1)):
            batch = steps.batch(network, count, seed, "i32")
            losses.append(to_numpy(program(batch)["loss"]).tobytes())
        return losses, [w.tobytes() for w in network.get_weights()], program

    losses, weights, program = train()
    assert program.code.choice.refused == ""
    monkeypatch.setenv("TULLE_CUDA_GRAPHS", "0")
    assert train()[:2] == (losses, weights)


def test_draws_have_the_bits_of_the_cpu():
    def drawn(name):
        generator = SeedGenerator(5 << 40)
        key = OPS["random_key"].apply((), {"generator": generator, "draw": 0})
        attributes = {"shape": (1000,), "dtype": dtype_of("f32")}
        out = OPS["random_uniform"].apply((key,), attributes)
        with device(name):
            program = compile_graph(Graph((), {"out": out}))
        found = [to_numpy(program([])["out"]) for _ in range(4)]
        generator.count = 100
        return [*found, to_numpy(program([])["out"])]

    for one, other in zip(drawn("gpu:0"), drawn("cpu"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_indices_at_fault_are_told_and_change_nothing():
    table = Variable(np.ones((4, 3), np.float32))
    index = input_node("index", TensorType(dtype_of("i32"), (Dim.of(2),)))
    rows = OPS["take"].apply((table.node, index), {"axis": 0})
    more = {"axis": 0, "size": Dim.of(4), "rank": 1}
    added = OPS["add_at"].apply((rows, index), more)
    with device("gpu:0"):
        program = compile_graph(Graph((index,), {"out": rows}, ((table, added),)))
    good, wrong = np.array([1, -1], np.int32), np.array([0, 9], np.int32)
    for _ in range(3):
        program([good])
    before = table.numpy()
    assert before.tolist() == [[0] * 3, [1] * 3, [0] * 3, [1] * 3]
    found = program([wrong])["out"]
    with pytest.raises(DataError, match="index 9 for an axis of size 4"):
        to_numpy(found)
    np.testing.assert_array_equal(table.numpy(), before)


@pytest.mark.parametrize("kind", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize(
    ("one", "other"),
    [((64, 96), (96, 40)), ((5, 7), (7, 3)), ((3, 2, 9, 17), (1, 2, 17, 33))],
)
def test_products(kind, one, other):
    dtype, random = dtype_of(kind), np.random.default_rng(1)
    arrays = [random.normal(size=s).astype(dtype.numpy) for s in (one, other)]
    inputs = [
        input_node(f"x{k}", TensorType(dtype, tuple(map(Dim.of, a.shape))))
        for k, a in enumerate(arrays)
    ]
    with device("gpu:0"):
        program = compile_graph(
            Graph(tuple(inputs), {"out": OPS["matmul"].apply(tuple(inputs))})
        )
    left, right = (array.astype("float64") for array in arrays)
    limit = {"f16": 2e-3, "bf16": 2e-2, "f32": 1e-5, "f64": 1e-13}[kind]
    for _ in range(3):
        found = to_numpy(program(arrays)["out"]).astype("float64")
        np.testing.assert_allclose(found, left @ right, limit, 10 * limit)


@pytest.mark.filterwarnings("ignore:.*cuts its sample weights")
@pytest.mark.parametrize("name", ENTRIES)
def test_oracles(name):
    spec = importlib.util.spec_from_file_location("oracle_runner", FOLDER / "run.py")
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    with device("gpu:0"):
        engine = runner.Engine(tulle, True)
        verdict = runner.Case(engine, ENTRIES[name], FOLDER, INDEX).judge()
    assert verdict["status"] == "passed", verdict["reason"]
