"""A stand-in for the bindings of cuBLASLt: it computes from what it was told.

Names, arguments and sizes of attributes are those of nvmath-python 1.0.0. Matrices have
columns side by side. A flag, a leading size or a stride that is wrong gives wrong
numbers here; addresses that are aligned worse than was said are refused.
"""

import ctypes
import enum
import itertools
import sys
import types

import ml_dtypes
import numpy as np
from fake_capture import perform, refuse

DTYPES = {0: np.float32, 1: np.float64, 2: np.float16, 14: ml_dtypes.bfloat16}
SUCCESS, INVALID_VALUE, NOT_SUPPORTED = 0, 7, 15


class cuBLASLtError(Exception):  # noqa: N801 - its name
    def __init__(self, status):
        self.status = status
        super().__init__(f"CUBLAS_STATUS {status}")


class ComputeType(enum.IntEnum):
    COMPUTE_32F = 68
    COMPUTE_64F = 70
    COMPUTE_32F_FAST_TF32 = 77


class Operation(enum.IntEnum):
    N = 0
    T = 1


class MatmulDescAttribute(enum.IntEnum):
    TRANSA = 3
    TRANSB = 4
    EPILOGUE = 7
    BIAS_POINTER = 8


class Epilogue(enum.IntEnum):
    BIAS = 4


class MatrixLayoutAttribute(enum.IntEnum):
    BATCH_COUNT = 5
    STRIDED_BATCH_OFFSET = 6


class MatmulPreferenceAttribute(enum.IntEnum):
    MAX_WORKSPACE_BYTES = 1
    MIN_ALIGNMENT_A_BYTES = 5
    MIN_ALIGNMENT_B_BYTES = 6
    MIN_ALIGNMENT_C_BYTES = 7
    MIN_ALIGNMENT_D_BYTES = 8


SIZES = {
    "matmul_desc": {3: np.int32, 4: np.int32, 7: np.uint32, 8: np.int64},
    "matrix_layout": {5: np.int32, 6: np.int64},
    "matmul_preference": {
        1: np.uint64, 5: np.uint32, 6: np.uint32, 7: np.uint32, 8: np.uint32,
    },
}  # fmt: skip
things = {}  # by handle
algorithms = {}  # what was promised for them
numbers = itertools.count(1000)
calls = []  # the products that were computed
refused = []  # what is to fail, for tests


def made(**thing):
    handle = next(numbers)
    things[handle] = thing
    return handle


def create():
    return made(handle=True)


def get_version():
    return 130300


def matmul_desc_create(compute_type, scale_type):
    return made(compute=compute_type, scale=scale_type, attributes={})


def matrix_layout_create(type, rows, cols, ld):
    if ld < rows:
        raise cuBLASLtError(INVALID_VALUE)
    return made(type=type, rows=rows, columns=cols, leading=ld, attributes={})


def matmul_preference_create():
    return made(attributes={})


def matmul_desc_destroy(matmul_desc):
    del things[matmul_desc]


def matrix_layout_destroy(mat_layout):
    del things[mat_layout]


def matmul_preference_destroy(pref):
    del things[pref]


def get_matmul_desc_attribute_dtype(attr):
    return SIZES["matmul_desc"][attr]


def get_matrix_layout_attribute_dtype(attr):
    return SIZES["matrix_layout"][attr]


def get_matmul_preference_attribute_dtype(attr):
    return SIZES["matmul_preference"][attr]


def _set(what, handle, attr, buf, size):
    dtype = np.dtype(SIZES[what][attr])
    if size != dtype.itemsize:
        raise cuBLASLtError(INVALID_VALUE)
    value = np.frombuffer(ctypes.string_at(buf, size), dtype)
    things[handle]["attributes"][int(attr)] = int(value[0])


def matmul_desc_set_attribute(matmul_desc, attr, buf, size_in_bytes):
    _set("matmul_desc", matmul_desc, attr, buf, size_in_bytes)


def matrix_layout_set_attribute(mat_layout, attr, buf, size_in_bytes):
    _set("matrix_layout", mat_layout, attr, buf, size_in_bytes)


def matmul_preference_set_attribute(pref, attr, buf, size_in_bytes):
    _set("matmul_preference", pref, attr, buf, size_in_bytes)


class MatmulHeuristicResult:
    """Structures of an algorithm, a workspace size, a state and more."""

    def __init__(self, size=1):
        fields = [
            ("algo", np.uint64, (8,)), ("workspace_size", np.uint64),
            ("state", np.int32), ("waves_count", np.float32),
            ("reserved", np.int32, (4,)),
        ]  # fmt: skip
        self.data = np.zeros(size, np.dtype(fields, align=True))

    @property
    def ptr(self):
        return self.data.ctypes.data

    @property
    def state(self):
        return int(self.data["state"][0])


def matmul_algo_get_heuristic(
    light_handle, operation_desc, adesc, bdesc, cdesc, ddesc, preference,
    requested_algo_count, heuristic_results_array, return_algo_count,
):  # fmt: skip
    refuse("an algorithm is looked for")
    assert things[light_handle]["handle"]
    if refused:
        raise cuBLASLtError(refused[0])
    algorithm = next(numbers)
    promised = dict(things[preference]["attributes"])
    algorithms[algorithm] = (operation_desc, adesc, bdesc, ddesc, promised)
    ctypes.memset(heuristic_results_array, 0, 96 * requested_algo_count)
    ctypes.c_uint64.from_address(heuristic_results_array).value = algorithm
    ctypes.c_int32.from_address(return_algo_count).value = 1


def _matrices(address, layout, batch):
    """The matrices of a layout: [batch, rows, columns]."""
    dtype = np.dtype(DTYPES[layout["type"]])
    step = layout["attributes"].get(6, 0)
    rows, columns, leading = (layout[k] for k in ("rows", "columns", "leading"))
    length = (batch - 1) * step + (columns - 1) * leading + rows
    memory = (ctypes.c_uint8 * (length * dtype.itemsize)).from_address(address)
    flat = np.frombuffer(memory, dtype)
    item = dtype.itemsize
    strides = (step * item, item, leading * item)
    return np.lib.stride_tricks.as_strided(flat, (batch, rows, columns), strides)


def matmul(
    light_handle, compute_desc, alpha, a, adesc, b, bdesc, beta, c, cdesc, d, ddesc,
    algo, workspace, workspace_size_in_bytes, stream,
):  # fmt: skip
    given = ctypes.c_uint64.from_address(algo).value
    operation, *layouts, promised = algorithms[given]
    assert [operation, *layouts] == [compute_desc, adesc, bdesc, ddesc]
    assert things[light_handle]["handle"]
    assert isinstance(stream, int)
    assert (c, cdesc) == (d, ddesc)
    assert workspace % 256 == 0
    assert workspace_size_in_bytes >= promised[1]
    for address, attribute in ((a, 5), (b, 6), (c, 7), (d, 8)):
        assert address % promised.get(attribute, 256) == 0
    bias = things[operation]["attributes"].get(8, 0)
    assert bias % promised.get(8, 256) == 0
    ctypes.memset(workspace, 0x7F, 64)  # it is ours to write to
    description, *found = (things[h] for h in (operation, *layouts))
    wide = np.float64 if description["scale"] == 1 else np.float32
    factor = np.dtype(wide).itemsize
    one, other = (
        np.frombuffer(ctypes.string_at(at, factor), wide)[0] for at in (alpha, beta)
    )
    assert one == 1
    perform(lambda: _multiply(description, found, (a, b, d), wide, other))


def _multiply(description, layouts, places, wide, beta):
    flags = description["attributes"]
    counts = {layout["attributes"].get(5, 1) for layout in layouts}
    (batch,) = counts
    left, right, out = (
        _matrices(place, layout, batch)
        for place, layout in zip(places, layouts, strict=True)
    )
    left = left.transpose(0, 2, 1) if flags.get(3) else left
    right = right.transpose(0, 2, 1) if flags.get(4) else right
    found = left.astype(wide) @ right.astype(wide)
    if flags.get(7) == Epilogue.BIAS:
        bias = dict(layouts[2], columns=1, attributes={})  # one for each row
        found = found + _matrices(flags[8], bias, 1).astype(wide)
    assert found.shape == out.shape
    out[...] = found + beta * out.astype(wide) if beta else found
    calls.append((description["compute"], flags.get(3, 0), flags.get(4, 0), batch))


def install(monkeypatch):
    """Have `nvmath.bindings` be the stand-in."""
    own = sys.modules[__name__]
    bindings = types.ModuleType("nvmath.bindings")
    bindings.cublasLt = bindings.cublas = own
    package = types.ModuleType("nvmath")
    package.bindings = bindings
    for name, module in {
        "nvmath": package,
        "nvmath.bindings": bindings,
        "nvmath.bindings.cublas": own,
        "nvmath.bindings.cublasLt": own,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    calls.clear()
    refused.clear()
    return own
