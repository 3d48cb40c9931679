"""Products by cuBLASLt, on a stand-in that computes from what it is told."""

import inspect
import logging
import re
import sys

import cuda_host
import fake_cupy
import fake_nvmath
import numpy as np
import pytest
import steps
from fake_capture import check_one_graph

from tulle.backend import arenas, compile_graph
from tulle.backend.gpu.forms import Called, Product
from tulle.graph.device import device, to_numpy
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.types import dtype_of, tensor_type
from tulle.graph.variable import Variable

on_host = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
RANDOM = np.random.default_rng(3)


@pytest.fixture
def cupy(monkeypatch):
    module = fake_cupy.make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.fixture
def lt(cupy, monkeypatch):
    return fake_nvmath.install(monkeypatch)


def compiled(function, *arrays):
    """A program of one function on a device."""
    types = [tensor_type(dtype_of(a.dtype).short, a.shape) for a in arrays]
    inputs = [input_node(f"x{k}", type) for k, type in enumerate(types)]
    out = function(*map(SymbolicTensor, inputs))
    with device("gpu:0"):
        return compile_graph(Graph(tuple(inputs), {"out": out.node}))


def normal(*shape, dtype="float32"):
    return RANDOM.normal(size=shape).astype(dtype)


def swapped(x):
    return call("transpose", x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def matmul(x, y):
    return call("matmul", x, y)


CASES = {
    "plain": (matmul, (5, 7), (7, 3)),
    "left transposed": (lambda x, y: matmul(swapped(x), y), (7, 5), (7, 3)),
    "right transposed": (lambda x, y: matmul(x, swapped(y)), (5, 7), (3, 7)),
    "both": (lambda x, y: matmul(swapped(x), swapped(y)), (7, 5), (3, 7)),
    "a part of rows": (lambda x, y: matmul(x[:, 1:8], y[2:9]), (5, 9), (9, 3)),
    "a part of columns": (lambda x, y: matmul(x, y[:, 1:4]), (5, 7), (7, 6)),
    "neither axis dense": (lambda x, y: matmul(x[:, ::2], y), (5, 14), (7, 3)),
    "one row": (matmul, (1, 7), (7, 3)),
    "one column": (matmul, (5, 7), (7, 1)),
    "one term": (matmul, (5, 1), (1, 3)),
    "vectors": (matmul, (7,), (7,)),
    "vector and matrix": (matmul, (7,), (7, 3)),
    "matrix and vector": (matmul, (5, 7), (7,)),
    "no terms": (matmul, (5, 0), (0, 3)),
    "no rows": (matmul, (0, 4), (4, 3)),
    "a batch": (matmul, (4, 5, 7), (4, 7, 3)),
    "a batch on the right": (matmul, (5, 7), (4, 7, 3)),
    "a broadcast batch": (matmul, (2, 1, 5, 7), (3, 7, 4)),
    "a large broadcast batch": (matmul, (5, 1, 5, 7), (6, 7, 4)),
    "heads": (
        lambda x, y: matmul(
            call("transpose", x, (0, 2, 1, 3)), call("transpose", y, (0, 2, 3, 1))
        ),
        (2, 5, 3, 4),
        (2, 6, 3, 4),
    ),
}


NO_SUMS = ("one term", "no terms", "no rows")  # a multiplication, or nothing


@pytest.mark.parametrize("name", CASES)
def test_products_of_every_form(lt, name):
    function, *shapes = CASES[name]
    x, y = (normal(*shape) for shape in shapes)
    program = compiled(function, x, y)
    wanted = function(call("multiply", x, 1.0), call("multiply", y, 1.0)).numpy()
    for _ in range(3):
        found = program([x, y])["out"].get()
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-5)
    assert program.code.choice.refused == ""
    assert {call[0] for call in lt.calls} <= {lt.ComputeType.COMPUTE_32F}
    assert bool(lt.calls) == (name not in NO_SUMS)


def test_transposes_are_flags_and_batches_strides(lt):
    x, y = normal(2, 5, 3, 4), normal(2, 6, 3, 4)
    compiled(CASES["heads"][0], x, y)([x, y])
    # Each image is one call for its three heads; rows there are columns here.
    assert [found[1:] for found in lt.calls] == [(1, 0, 3)] * 2


@pytest.mark.parametrize("kind", ["f16", "bf16", "f32", "f64"])
def test_dtypes(lt, kind):
    dtype = dtype_of(kind).numpy
    x, y = normal(6, 40).astype(dtype), normal(40, 3).astype(dtype)
    found = compiled(matmul, x, y)([x, y])["out"].get()
    assert found.dtype == dtype
    wanted = (x.astype("float64") @ y.astype("float64")).astype(dtype)
    limit = {"f16": 1e-3, "bf16": 8e-3, "f32": 1e-6, "f64": 1e-14}[kind]
    found, wanted = found.astype("float64"), wanted.astype("float64")
    np.testing.assert_allclose(found, wanted, limit, 10 * limit)
    wide = lt.ComputeType.COMPUTE_64F if kind == "f64" else lt.ComputeType.COMPUTE_32F
    assert lt.calls[0][0] == wide


def test_less_exact_products_are_the_users_choice(lt, monkeypatch):
    monkeypatch.setenv("TULLE_TF32", "1")
    x = normal(4, 4)
    compiled(matmul, x, x)([x, x])
    assert lt.calls[0][0] == lt.ComputeType.COMPUTE_32F_FAST_TF32


def trained(name, counts=(12, 12, 5, 12, 5, 5)):
    network = steps.dense_network([7, 33, 5, 3], "relu")
    with device(name):
        program = compile_graph(steps.step_graph(network, steps.Adam, "i32"))
    losses = []
    for seed, count in enumerate(counts):
        batch = steps.batch(network, count, seed, "i32")
        losses.append(float(np.asarray(getattr(
            (loss := program(batch)["loss"]), "get", lambda: loss)())))  # fmt: skip
    return np.array(losses), network.get_weights(), program


@on_host
def test_training_is_one_graph_with_the_bits_of_its_pieces(lt, monkeypatch):
    near = {"rtol": 1e-3, "atol": 1e-4}
    check_one_graph(trained, monkeypatch, {"rtol": 1e-4}, near)


def test_a_bias_that_lies_anywhere_is_told_of(lt):
    weight, bias = Variable(normal(5, 3)), Variable(normal(3))
    with device("gpu:0"):
        arenas([weight, bias])
    x = normal(4, 5)

    def dense(given):
        return matmul(given, SymbolicTensor(weight.node)) + SymbolicTensor(bias.node)

    program = compiled(dense, x)
    found = program([x])["out"].get()
    wanted = x @ to_numpy(weight.array) + to_numpy(bias.array)
    np.testing.assert_allclose(found, wanted, 1e-5, 1e-5)
    assert "matmul_bias" in [s.node.op.name for s in program.schedule.steps]
    assert bias.array.ctypes.data % 16 == 4 * 15 % 16  # behind the weight


def test_plans_are_made_once_a_shape(lt):
    x = normal(4, 4)
    program = compiled(lambda x, y: matmul(matmul(x, y), y), x, x)
    before = len(fake_nvmath.algorithms)
    program([x, x])
    assert len(fake_nvmath.algorithms) - before <= 2  # they may be aligned otherwise


def test_cupy_computes_what_cublaslt_does_not(lt, caplog):
    lt.refused.append(fake_nvmath.NOT_SUPPORTED)
    x = normal(3, 3)
    program = compiled(matmul, x, x)
    assert program.code.choice.refused == ""
    for _ in range(3):
        np.testing.assert_allclose(program([x, x])["out"].get(), x @ x, 1e-5)
    assert "CuPy computes a product" in program.source()


def test_without_the_bindings_cupy_computes_and_one_line_says_so(
    cupy, monkeypatch, caplog
):
    monkeypatch.setitem(sys.modules, "nvmath.bindings", None)
    x = normal(3, 3)
    with caplog.at_level(logging.WARNING, "tulle"):
        program = compiled(matmul, x, x)
        compiled(matmul, x, x)
    np.testing.assert_allclose(program([x, x])["out"].get(), x @ x, 1e-5)
    assert caplog.text.count("tulle[gpu13]") == 1
    assert "CuPy computes `matmul` with cuBLAS" in program.source()
    (step,) = [s for s in program.schedule.steps if s.node.op.name == "matmul"]
    assert isinstance(program.code.form(step.node), Called)
    assert not isinstance(program.code.form(step.node), Product)


def test_the_stand_in_is_called_as_the_bindings_are():
    bindings = pytest.importorskip("nvmath.bindings")
    real = bindings.cublasLt
    functions = [f for f in vars(fake_nvmath).values() if inspect.isfunction(f)]
    named = [f for f in functions if hasattr(real, f.__name__)]
    assert len(named) > 12
    for function in named:
        head = getattr(real, function.__name__).__doc__.splitlines()[0]
        inside = re.search(r"\((.*?)\)", head)[1]
        names = [part.split()[-1].split("=")[0] for part in inside.split(",") if part]
        assert names == list(inspect.signature(function).parameters), head
    for name in ("MatmulDescAttribute", "MatrixLayoutAttribute", "Epilogue",
                 "MatmulPreferenceAttribute"):  # fmt: skip
        for one in getattr(fake_nvmath, name):
            assert getattr(real, name)[one.name] == one
    for what, sizes in fake_nvmath.SIZES.items():
        for attribute, dtype in sizes.items():
            size = getattr(real, f"get_{what}_attribute_dtype")(attribute)
            assert np.dtype(size) == dtype
    for kind in ("ComputeType", "Operation"):
        for one in getattr(fake_nvmath, kind):
            assert getattr(bindings.cublas, kind)[one.name] == one
