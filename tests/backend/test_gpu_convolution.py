"""Convolutions as products of windows, on the stand-ins for CuPy and cuBLASLt."""

import sys

import cuda_host
import fake_cupy
import fake_nvmath
import numpy as np
import pytest
from convolution_geometries import CASES, PARTS, node_and_arrays

from tulle.backend import compile_graph
from tulle.backend.gpu import channels, convolution
from tulle.graph.device import device
from tulle.graph.diagnostics import RunShapeError
from tulle.graph.dim import Dim
from tulle.graph.graph import Graph
from tulle.graph.registry import OPS

pytestmark = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)


@pytest.fixture(autouse=True)
def lt(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.make())
    return fake_nvmath.install(monkeypatch)


@pytest.mark.parametrize("tile", [1, 1 << 26])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", PARTS)
def test_the_three_are_what_their_bodies_say(monkeypatch, name, case, tile):
    monkeypatch.setattr(convolution, "TILE", tile)
    node, inputs, arrays, attributes = node_and_arrays(name, case, "f32", 3)
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    assert program.code.choice.refused == ""
    wanted = OPS[name].run(np, *arrays, **attributes)
    for _ in range(3):
        found = program(arrays)["out"].get()
        np.testing.assert_allclose(found, wanted, 2e-5, 2e-5)


@pytest.mark.parametrize("kind", ["f16", "bf16", "f64"])
@pytest.mark.parametrize("case", ["padded", "channel by channel"])
@pytest.mark.parametrize("name", PARTS)
def test_dtypes(name, case, kind):
    node, inputs, arrays, attributes = node_and_arrays(name, case, kind, 2)
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    wide = [array.astype("float64") for array in arrays]
    wanted = OPS[name].run(np, *wide, **attributes)
    found = program(arrays)["out"].get()
    assert found.dtype == node.dtype.numpy
    limit = {"f16": 5e-3, "bf16": 4e-2, "f64": 1e-13}[kind]
    np.testing.assert_allclose(found.astype("float64"), wanted, limit, 10 * limit)


def test_images_themselves_are_the_windows_of_one_by_one(lt):
    node, inputs, arrays, _ = node_and_arrays("conv_forward", "one by one", "f32", 3)
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    before = cuda_host.RawModule.launches
    program(arrays)
    assert cuda_host.RawModule.launches == before
    assert len(lt.calls) == 1


@pytest.mark.parametrize("case", ["plain", "channel by channel"])
def test_no_images(case):
    for name in PARTS:
        node, inputs, arrays, attributes = node_and_arrays(name, case, "f32", 0)
        with device("gpu:0"):
            program = compile_graph(Graph(inputs, {"out": node}))
        wanted = OPS[name].run(np, *arrays, **attributes)
        found = program(arrays)["out"].get()
        np.testing.assert_array_equal(found, wanted)


def test_many_windows_are_summed_in_chunks(monkeypatch):
    for chunks in (1, 5, 128):
        monkeypatch.setattr(channels, "CHUNKS", chunks)
        case = "channel by channel"
        node, inputs, arrays, attributes = node_and_arrays(
            "conv_kernel", case, "f32", 70
        )
        with device("gpu:0"):
            program = compile_graph(Graph(inputs, {"out": node}))
        wanted = OPS["conv_kernel"].run(np, *arrays, **attributes)
        found = program(arrays)["out"].get()
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-4)


def test_cupy_computes_what_cublaslt_does_not(lt):
    lt.refused.append(fake_nvmath.NOT_SUPPORTED)
    for name in PARTS:
        node, inputs, arrays, attributes = node_and_arrays(name, "groups", "f32", 2)
        with device("gpu:0"):
            program = compile_graph(Graph(inputs, {"out": node}))
        wanted = OPS[name].run(np, *arrays, **attributes)
        np.testing.assert_allclose(program(arrays)["out"].get(), wanted, 1e-5, 1e-5)
        assert "CuPy computes a convolution" in program.source()


def test_a_window_that_does_not_fit_is_told():
    node, inputs, arrays, _ = node_and_arrays("conv_forward", "plain", "f32", 2)
    short = node.op.apply(inputs, {**node.attributes, "count": (Dim.of(0),) * 2})
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": short}))
    with pytest.raises(RunShapeError, match="does not fit"):
        program(arrays)


@pytest.mark.slow
@cuda_host.with_nvcc
def test_nvcc_compiles_what_lays_out_windows(tmp_path):
    from tulle.backend.gpu.forms import form_of
    from tulle.backend.gpu.special import templates
    from tulle.backend.loops.cuda import module_source

    found = {}
    for name in PARTS:
        for kind in ("f16", "bf16", "f32", "f64"):
            for case in ("padded", "channel by channel"):
                node, *_ = node_and_arrays(name, case, kind, 2)
                found.update(form_of(node, sys.modules["cupy"]).texts)
    source = "\n".join([module_source([]), templates(), *found.values()])
    cuda_host.compile_for_card(tmp_path, source)
