"""Ops with CUDA code of their own give what their bodies say, in every dtype."""

import sys

import cuda_host
import fake_cupy
import numpy as np
import pytest

from tulle.backend import compile_graph
from tulle.backend.gpu.forms import Own
from tulle.backend.gpu.special import (
    ADVANCE,
    INTEGERS,
    KINDS,
    special_of,
    templates,
    wrapped,
)
from tulle.backend.loops.cuda import module_source
from tulle.graph.device import device, to_numpy
from tulle.graph.diagnostics import DataError
from tulle.graph.graph import Graph
from tulle.graph.registry import OPS
from tulle.graph.tensor import input_node
from tulle.graph.types import dtype_of, tensor_type
from tulle.graph.variable import SeedGenerator

pytestmark = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
RANDOM = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.make())


def on_device(name, arrays, **attributes):
    """The value of one op, which has code of its own, on a device."""
    types = [tensor_type(dtype_of(a.dtype).short, a.shape) for a in arrays]
    inputs = tuple(input_node(f"x{k}", type) for k, type in enumerate(types))
    node = OPS[name].apply(inputs, attributes)
    with device("gpu:0"):
        program = compile_graph(Graph(inputs, {"out": node}))
    (form,) = [program.code.form(s.node) for s in program.schedule.steps if not s.copy]
    assert isinstance(form, Own)
    for _ in range(3):
        found = to_numpy(program(arrays)["out"])
    return found


def indices(kind, size, shape):
    low = -size if kind.startswith("i") else 0
    return RANDOM.integers(low, size, shape).astype(dtype_of(kind).numpy)


@pytest.mark.parametrize("kind", sorted(INTEGERS))
def test_indices_of_every_dtype(kind):
    given = indices(kind, 5, (3, 7))
    x = RANDOM.normal(size=(2, 5, 3)).astype("float32")
    found = on_device("positions", [given], size=5, told="take")
    np.testing.assert_array_equal(found, given % 5)
    found = on_device("take", [x, given], axis=1)
    np.testing.assert_array_equal(found, np.take(x, given.astype("int64"), 1))
    wrong = given.copy()
    wrong[1, 2], wrong[2, 0] = 5, 100
    for name, arrays in (("positions", [wrong]), ("take", [x, wrong])):
        attributes = {"size": 5, "told": "take"} if len(arrays) == 1 else {"axis": 1}
        with pytest.raises(DataError, match="index 5 for an axis of size 5"):
            on_device(name, arrays, **attributes)


@pytest.mark.parametrize("kind", ["float16", "bool", "int16", "int32", "float64"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rows_of_every_size(kind, axis):
    x = RANDOM.integers(0, 100, (4, 3, 5)).astype(kind)
    given = indices("i32", x.shape[axis], (6,))
    found = on_device("take", [x, given], axis=axis)
    np.testing.assert_array_equal(found, np.take(x, given, axis))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_index_for_each_element(axis):
    x = RANDOM.normal(size=(4, 3, 5))
    shape = [2 if i == axis else n for i, n in enumerate(x.shape)]
    given = indices("i32", x.shape[axis], shape)
    found = on_device("take_along_axis", [x, given], axis=axis)
    np.testing.assert_array_equal(found, np.take_along_axis(x, given, axis))
    given[1, 1, 1] = -9
    with pytest.raises(DataError, match="`take_along_axis` was given index -9"):
        on_device("take_along_axis", [x, given], axis=axis)


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((70, 300), 0), ((3, 40, 2), 1), ((50,), 0)]
)
def test_rows_are_added_up_in_their_order(kind, shape, axis):
    x = RANDOM.normal(size=shape).astype(kind)
    given = indices("i64", 4, shape[axis])
    attributes = {"axis": axis, "size": 4, "rank": 1}
    found = on_device("add_at", [x, given], **attributes)
    wanted = np.zeros((*shape[:axis], 4, *shape[axis + 1 :]), kind)
    for turn, place in enumerate(given):
        part = (*(slice(None),) * axis, place)
        wanted[part] += x[(*(slice(None),) * axis, turn)]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["random_uniform", "random_normal"])
@pytest.mark.parametrize("kind", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize("shape", [(1,), (9, 7), (1030,)])
def test_random_numbers_have_the_bits_of_the_reference(name, kind, shape):
    key = SeedGenerator(77 << 33).key(5)
    attributes = {"shape": shape, "dtype": dtype_of(kind)}
    wanted = OPS[name].run(np, key, **attributes)
    found = on_device(name, [key], **attributes)
    assert found.dtype == wanted.dtype
    if name == "random_uniform":
        np.testing.assert_array_equal(found, wanted)
        return
    limit = {"f16": 1e-3, "bf16": 1e-2, "f32": 1e-6, "f64": 1e-14}[kind]
    found, wanted = found.astype("float64"), wanted.astype("float64")
    np.testing.assert_allclose(found, wanted, limit, limit)


def every_function():
    """The text of what is launched for each op and dtype."""
    x, key = input_node("x", tensor_type("f32", (4, 3))), input_node("k", KEY)
    nodes = []
    for kind in sorted(INTEGERS):
        index = input_node("i", tensor_type(kind, (2,)))
        added = {"axis": 0, "size": 4, "rank": 1}
        nodes += [
            OPS["positions"].apply((index,), {"size": 4, "told": "take"}),
            OPS["take"].apply((x, index), {"axis": 0}),
            OPS["take_along_axis"].apply((x[:2, 0], index), {"axis": 0}),
            OPS["add_at"].apply((x[:2], index), added),
        ]
    for kind in KINDS:
        attributes = {"shape": (4,), "dtype": dtype_of(kind)}
        nodes += [OPS[n].apply((key,), attributes) for n in DRAWS]
    nodes.append(
        OPS["random_key"].apply((), {"generator": SeedGenerator(1), "draw": 0})
    )
    return [special_of(node).text for node in nodes]


KEY = tensor_type("u32", (4,))
DRAWS = ("random_uniform", "random_normal")


@pytest.mark.slow
@cuda_host.with_nvcc
def test_nvcc_compiles_every_one(tmp_path):
    found = [*every_function(), wrapped(ADVANCE, "random_advance", False)]
    source = "\n".join([module_source([]), templates(), *found])
    cuda_host.compile_for_card(tmp_path, source)
