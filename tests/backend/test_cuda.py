"""Loop kernels as CUDA C++: run on the host, and compiled by NVIDIA's compiler."""

import re

import cuda_host
import fake_cupy
import numpy as np
import pytest
import steps
from loop_cases import (
    CASES,
    SYMBOLS,
    B,
    D,
    assert_close,
    fused,
    reference,
    results_of,
    samples,
    sizes_of,
    step,
)
from op_samples import built
from op_table import ROWS

from tulle.backend import stages
from tulle.backend.gpu.code import OPTIONS
from tulle.backend.gpu.launches import CUTS, THREADS, launches, packed
from tulle.backend.loops import lower, lowerable, scratch_bytes
from tulle.backend.loops.cuda import module_source
from tulle.backend.loops.cuda_functions import FUNCTIONS
from tulle.backend.loops.functions import FUNCTIONS as ON_THE_CPU
from tulle.graph.diagnostics import Fault, TulleError
from tulle.graph.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling1D,
    LayerNormalization,
    MaxPooling2D,
    MultiHeadAttention,
)
from tulle.graph.network import Input, Network
from tulle.graph.registry import OPS
from tulle.graph.types import F64, dtype_of, tensor_type

on_host = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)


def shape_of(type, sizes):
    return [dim.evaluate(sizes) for dim in type.shape]


class Module:
    """Kernels of one module on arrays of the stand-in for CuPy."""

    def __init__(self, kernels):
        self.cupy = fake_cupy.make()
        self.module = self.cupy.RawModule(code=module_source(kernels), options=OPTIONS)
        self.module.compile()

    def run(self, node, kernel, arrays, sizes, lanes=None, blocks=9, shared=False):
        """The outputs of a kernel; `lanes` in place of the usual number.

        With `shared` the first result lies in the memory of the first operand.
        """
        cupy = self.cupy
        outputs = [
            cupy.asarray(
                np.full([d.evaluate(sizes) for d in t.shape], 77, t.dtype.numpy)
            )
            for t in results_of(node)
        ]
        size = scratch_bytes(kernel, sizes, CUTS)
        scratch = cupy.asarray(np.full(size + 64, 0x7F, np.uint8))
        sources = [cupy.array(array, order="K") for array in arrays]
        if shared:
            outputs[0] = sources[0]
        found = launches(kernel, sources, outputs, scratch, sizes)
        words, starts = packed(found)
        words = cupy.asarray(words)
        for launch, start in zip(found, starts, strict=True):
            function = self.module.get_function(launch.name)
            taken = launch.lanes if lanes is None else lanes
            given = words[start:], np.int64(launch.total), np.int32(taken)
            given = (*given, np.uint64(0))
            function((min(launch.blocks, blocks),), (THREADS,), given)
        assert (scratch.get()[size:] == 0x7F).all()
        return [output.get() for output in outputs]


SMALL = [
    {"B": 5, "T": 3, "D": 37},
    {"B": 1, "T": 1, "D": 1},
    {"B": 67, "T": 11, "D": 16},
    {"B": 300, "T": 2, "D": 97},
    {"B": 3, "T": 4, "D": 1100},
]


@pytest.fixture(scope="module")
def cases():
    nodes = {name: fused(*case) for name, case in CASES.items()}
    kernels = {name: lower(node) for name, node in nodes.items()}
    return nodes, kernels, Module(kernels.values())


@on_host
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_says_what_numpy_says(name, cases):
    nodes, kernels, module = cases
    for numbers in SMALL:
        sizes = sizes_of(numbers)
        arrays = samples(nodes[name], sizes)
        found = module.run(nodes[name], kernels[name], arrays, sizes)
        assert_close(found, reference(nodes[name], arrays, sizes))
        again = module.run(nodes[name], kernels[name], arrays, sizes, blocks=2)
        for one, two in zip(found, again, strict=True):
            np.testing.assert_array_equal(one, two)


@on_host
@pytest.mark.parametrize("lanes", [1, 2, 16, 32, THREADS])
@pytest.mark.parametrize(
    "name", ["softmax and its columns", "groups", "scalars", "columns"]
)
def test_a_team_of_any_size(name, lanes, cases):
    nodes, kernels, module = cases
    for numbers in SMALL[:3]:
        sizes = sizes_of(numbers)
        arrays = samples(nodes[name], sizes)
        found = module.run(nodes[name], kernels[name], arrays, sizes, lanes)
        assert_close(found, reference(nodes[name], arrays, sizes))


def test_work_is_spread_over_a_card():
    """No thread goes through many rows in turn, and few parts of a sum are one's."""
    kernel, memory = lower(fused(*CASES["columns"])), np.zeros(1 << 20, np.uint8)
    node = fused(*CASES["columns"])
    sizes = sizes_of({"B": 20000, "T": 1, "D": 32})
    arrays = samples(node, sizes)
    outputs = [np.empty([d.evaluate(sizes) for d in t.shape]) for t in results_of(node)]
    device = fake_cupy.to_device
    given = [*map(device, arrays)], [*map(device, outputs)], device(memory)
    first, second = launches(kernel, *given, sizes)
    assert first.lanes == second.lanes == THREADS
    assert first.blocks > 132
    assert 20000 * 32 / (first.blocks * THREADS) < 16


@on_host
@pytest.mark.parametrize("name", ["map", "columns", "all", "softmax", "end of a fold"])
def test_no_elements(name, cases):
    nodes, kernels, module = cases
    for empty in "BD":
        sizes = sizes_of({"B": 2, "T": 2, "D": 2, empty: 0})
        if (name, empty) == ("softmax", "D"):
            continue  # NumPy refuses
        arrays = samples(nodes[name], sizes)
        found = module.run(nodes[name], kernels[name], arrays, sizes)
        assert_close(found, reference(nodes[name], arrays, sizes))


@on_host
@pytest.mark.parametrize("output", [0, 1])
def test_results_in_the_memory_of_operands(output, cases):
    """The stand-in runs threads in turn, so that a thread is late or early."""
    nodes, kernels, module = cases
    name = ["softmax", "scalars"][output]
    sizes = sizes_of(SMALL[0])
    arrays = samples(nodes[name], sizes)
    wanted = reference(nodes[name], arrays, sizes)
    assert kernels[name].may_share(0, 0)
    found = module.run(nodes[name], kernels[name], arrays, sizes, shared=True)
    assert_close(found, wanted)


@on_host
@pytest.mark.parametrize("width", [37, 1100])
def test_a_row_is_read_by_all_before_one_thread_writes_it(width):
    """A result for each row lies in the memory of what a row is added to."""
    body = [step("multiply", 0, 0), step("expand_dims", 0, axis=1), step("add", 1, 3)]
    node = fused([tensor_type("f32", (B,)), tensor_type("f32", (B, D))], body, [2, -1])
    kernel, sizes = lower(node), sizes_of({"B": 40, "T": 1, "D": width})
    arrays = samples(node, sizes)
    assert kernel.may_share(0, 0)
    module = Module([kernel])
    for _ in range(3):
        found = module.run(node, kernel, arrays, sizes, shared=True)
        assert_close(found, reference(node, arrays, sizes))


# Every function on elements, in several dtypes, all in one module.

FLOATS = [0.0, -0.0, np.nan, np.inf, -np.inf, 0.5, -1.5, 1.0, -2.5, 3e9, -7e18, 1e30]
WHOLES = [0, 1, -1, 2, 3, -7, 31, 64, 127, -128, -(2**31), 2**31 - 1]
DTYPES = "bool u8 i8 i16 u32 i32 i64 f16 bf16 f32 f64".split()


def elementwise():
    """The ops with a formula, on vectors of each dtype that they take."""
    for op in OPS.values():
        if op.elementwise and op.scalar is not None:
            row = next(r for r in ROWS if r.name == op.name and applies(r))
            inputs, node = built(row)
            for dtype in DTYPES:
                made = on_dtype(node, inputs, dtype)
                if made is not None and lowerable(made) is None:
                    yield f"{op.name} {dtype}", made
    for source in DTYPES:
        for target in DTYPES:
            if source != target:
                type = tensor_type(source, (D,))
                made = fused([type], [step("cast", 0, dtype=dtype_of(target))], [-1])
                yield f"{source} as {target}", made


def applies(row):
    inputs, node = built(row)
    return node.op.name == row.name and set(node.inputs) <= set(inputs)


def on_dtype(node, inputs, dtype):
    """An op as a kernel on vectors of a dtype, or None if it takes none of them."""
    given = [dtype if i.dtype == F64 else i.dtype.short for i in node.inputs]
    if node.inputs and all(i.dtype.short == "i32" for i in node.inputs):
        given = [dtype] * len(node.inputs)
    types = [tensor_type(short, (D,)) for short in given]
    body = [step(node.op.name, *range(len(types)), **node.attributes)]
    try:
        return fused(types, body, [-1])
    except (Fault, TulleError):
        return None


def values_of(type, place, count=144):
    dtype = type.dtype
    if dtype.is_float:
        found = np.array(FLOATS + [0.1 * k - 1.2 for k in range(24)])
    else:
        found = np.array(WHOLES + list(range(-12, 12)))
    found = np.random.default_rng(place).permutation(np.resize(found, count))
    if dtype.kind == "u":
        found = np.abs(found)
    with np.errstate(all="ignore"):
        return found.astype(dtype.numpy)


# Halves are rounded once where NumPy's own rounds, and a mathematical library may be
# another one than NumPy's.
CLOSE = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 3e-6, "float64": 1e-13}


@pytest.mark.slow
@on_host
def test_every_function_on_elements():
    nodes = dict(elementwise())
    kernels = {name: lower(node) for name, node in nodes.items()}
    module = Module(kernels.values())
    sizes = sizes_of({"D": 144})
    assert len(nodes) > 300
    for name, node in nodes.items():
        arrays = [values_of(x.tensor_type, k) for k, x in enumerate(node.inputs)]
        (found,) = module.run(node, kernels[name], arrays, sizes)
        (wanted,) = reference(node, arrays, sizes)
        assert found.dtype == node.dtype.numpy, name
        with np.errstate(all="ignore"):
            wanted = wanted.astype(found.dtype)  # NumPy squares truth values to int8
        if " as " in name:
            defined = settled(arrays[0], found.dtype)
            found, wanted = found[defined], wanted[defined]
        close = CLOSE.get(found.dtype.name, 0)
        found, wanted = found.astype("float64"), wanted.astype("float64")
        np.testing.assert_allclose(found, wanted, close, close, err_msg=name)


def settled(array, wanted):
    """Where NumPy says what a cast gives: floats within the ends of whole numbers."""
    if array.dtype.kind in "iub" or wanted.kind not in "iu":
        return np.ones(array.shape, bool)
    ends = np.iinfo(wanted)
    given = array.astype("float64")
    return (given > ends.min - 1) & (given < float(ends.max))


@on_host
def test_floats_beyond_the_ends_of_whole_numbers_stop_there():
    given = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 3e9, -3e9], np.float32)
    type = tensor_type("f32", (D,))
    nodes = {
        short: fused([type], [step("cast", 0, dtype=dtype_of(short))], [-1])
        for short in ("i32", "i64", "u64")
    }
    kernels = {short: lower(node) for short, node in nodes.items()}
    module = Module(kernels.values())
    least, most, huge = -(2**31), 2**31 - 1, 2**63 - 1
    wanted = {
        "i32": [0, most, least, most, least, most, least],
        "i64": [0, huge, -huge - 1, huge, -huge - 1, 3 * 10**9, -3 * 10**9],
        "u64": [0, 2**64 - 1, 0, 2**64 - 1, 0, 3 * 10**9, 0],
    }
    for short, node in nodes.items():
        (found,) = module.run(node, kernels[short], [given], sizes_of({"D": 7}))
        assert found.tolist() == wanted[short]


@on_host
def test_elements_of_any_size_and_stride():
    nodes = []
    for dtype in DTYPES:
        type = tensor_type(dtype, (B, D))
        body = [step("maximum", 0, 0), step("max", 1, axis=(1,))]
        nodes.append(fused([type], body, [-2, -1]))
    kernels = [lower(node) for node in nodes]
    module = Module(kernels)
    for node, kernel in zip(nodes, kernels, strict=True):
        dtype = node.inputs[0].dtype.numpy
        wide = np.random.default_rng(0).integers(0, 100, (9, 70)).astype(dtype)
        for view in (wide, wide[:, ::-2], wide[:, :3], wide.T, wide[:1]):
            sizes = dict(zip([SYMBOLS["B"], SYMBOLS["D"]], view.shape, strict=True))
            found = module.run(node, kernel, [view], sizes)
            for one, two in zip(found, reference(node, [view], sizes), strict=True):
                np.testing.assert_array_equal(one, two)


def test_every_function_of_the_cpu_is_there():
    assert FUNCTIONS.keys() == ON_THE_CPU.keys()


def test_equal_kernels_are_printed_once():
    kernel = lower(fused(*CASES["softmax"]))
    text = module_source([kernel, lower(fused(*CASES["softmax"]))])
    assert re.findall(r"__global__ void .* (\w+)\(const", text) == list(kernel.names)
    assert "atomic" not in text


def training_kernels(network, kind, target):
    graph = steps.step_graph(network, kind, target)
    *_, last = stages(graph, generated=True)
    nodes = [node for node in last.graph.nodes if node.op.name == "fused"]
    assert all(lowerable(node) is None for node in nodes)
    return [lower(node) for node in nodes]


def convolutions():
    x = Input((12, 12, 3))
    h = Conv2D(8, 3, activation="relu")(x)
    h = MaxPooling2D(2)(BatchNormalization()(h))
    return Network(x, Dense(4)(Dropout(0.3)(Flatten()(h))))


def attention():
    x = Input((9, 16))
    h = LayerNormalization()(x + MultiHeadAttention(2, 8)(x, x))
    return Network(x, Dense(4)(GlobalAveragePooling1D()(h)))


def recurrent():
    x = Input((9, 16))
    return Network(x, Dense(4)(LSTM(8)(x)))


@pytest.mark.slow
@cuda_host.with_nvcc
def test_nvcc_compiles_the_modules_of_models(tmp_path):
    kernels = []
    for network in (convolutions(), attention(), recurrent()):
        kernels += training_kernels(network, steps.Adam, "i32")
    kernels += training_kernels(steps.dense_network([7, 5, 3]), steps.Descent, "f32")
    kernels += [lower(fused(*case)) for case in CASES.values()]
    cuda_host.compile_for_card(tmp_path, module_source(kernels))


@pytest.mark.slow
@cuda_host.with_nvcc
def test_nvcc_compiles_every_function(tmp_path):
    kernels = [lower(node) for name, node in elementwise() if "f32" in name]
    cuda_host.compile_for_card(tmp_path, module_source(kernels))
