"""Pooling in kernels of its own gives what its bodies say."""

import sys

import cuda_host
import fake_cupy
import numpy as np
import pytest
from window_geometry import geometry

from tulle.backend import compile_graph
from tulle.backend.gpu.forms import Own
from tulle.graph.device import device
from tulle.graph.diagnostics import RunShapeError
from tulle.graph.dim import Dim
from tulle.graph.graph import Graph
from tulle.graph.registry import OPS
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

pytestmark = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
RANDOM = np.random.default_rng(9)
FOLDS = ("window_sum", "window_max", "window_argmax")
NAMES = (*FOLDS, "window_pick", "window_put", "window_spread")
CASES = {
    "plain": ((6, 4), (2, 2), {"strides": 2}),
    "overlapping": ((7, 6), (3, 2), {"strides": (2, 1)}),
    "padded": ((5, 6), (3, 3), {"strides": 2, "low": 1, "high": 1}),
    "nothing but padding": ((3, 4), (2, 2), {"low": 2, "high": 2}),
    "a line": ((9,), (4,), {"strides": 3}),
    "space": ((4, 5, 3), (2, 3, 2), {"low": (1, 0, 0), "high": 1}),
}


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.make())


def node_and_arrays(name, case, kind):
    size, kernel, options = CASES[case]
    shared, count = geometry(size, kernel, **options)
    attributes = {"kernel": kernel, **{k: shared[k] for k in ("strides", "low")}}
    images, dtype = (2, *size, 3), dtype_of(kind)
    x = RANDOM.integers(-3, 4, images).astype(dtype.numpy)
    if name in FOLDS:
        x[0, 0] = np.nan if name != "window_sum" else 1
        x[1, -1] = -np.inf
    g = RANDOM.integers(-9, 9, (2, *count, 3)).astype(dtype.numpy)
    index = RANDOM.integers(-1, np.prod(kernel), g.shape).astype("int32")
    arrays = {"window_pick": [x, index], "window_put": [g, index],
              "window_spread": [g]}.get(name, [x])  # fmt: skip
    if name in FOLDS:
        attributes["count"] = count
    elif name != "window_pick":
        attributes["size"] = size
    types = [TensorType(dtype_of(a.dtype), tuple(map(Dim.of, a.shape))) for a in arrays]
    inputs = tuple(input_node(f"x{k}", type) for k, type in enumerate(types))
    sizes = {k: tuple(map(Dim.of, v)) if k in ("count", "size") else v
             for k, v in attributes.items()}  # fmt: skip
    return OPS[name].apply(inputs, sizes), inputs, arrays, attributes


@pytest.mark.parametrize("kind", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_folds_of_windows_and_what_undoes_them(name, case, kind):
    node, inputs, arrays, attributes = node_and_arrays(name, case, kind)
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    (form,) = [program.code.form(s.node) for s in program.schedule.steps if not s.copy]
    assert isinstance(form, Own)
    with np.errstate(all="ignore"):
        wanted = OPS[name].run(np, *arrays, **attributes)
    found = program(arrays)["out"].get()
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found.astype("float64"), wanted.astype("float64"))


@pytest.mark.parametrize("name", ["window_max", "window_sum"])
def test_a_window_that_does_not_fit_is_told(name):
    node, inputs, arrays, _ = node_and_arrays(name, "plain", "f32")
    short = node.op.apply(inputs, {**node.attributes, "count": (Dim.of(0),) * 2})
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": short}))
    with pytest.raises(RunShapeError, match="does not fit"):
        program(arrays)


@pytest.mark.slow
@cuda_host.with_nvcc
def test_nvcc_compiles_every_fold(tmp_path):
    from tulle.backend.gpu.special import special_of, templates
    from tulle.backend.loops.cuda import module_source

    nodes = [node_and_arrays(n, "padded", k)[0] for n in NAMES for k in ("f16", "f64")]
    nodes += [node_and_arrays(n, "space", k)[0] for n in NAMES for k in ("bf16", "f32")]
    texts = [special_of(node).text for node in nodes]
    source = "\n".join([module_source([]), templates(), *texts])
    cuda_host.compile_for_card(tmp_path, source)
