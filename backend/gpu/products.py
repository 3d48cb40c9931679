"""Products by cuBLASLt, which CUDA graphs may hold: what a shape needs is made once.

cuBLASLt has the elements of a column side by side, so `c = a @ b` of rows is asked of
it as `cᵀ = bᵀ @ aᵀ`. Arrays are read as they lie: transposes are flags, batches are
strides. Floats of 16 bits are added up in 32; TF32 is used if `TULLE_TF32=1` is set.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import product as every
from types import ModuleType
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np

from ...graph.node import Node
from ..matrices import TRANSPOSED, as_matrices, as_matrix, batch_axes
from ..strided_arrays import StridedArray

Array = Any

WORKSPACE = 4 << 20  # bytes, as NVIDIA advises
WORKSPACE_HOPPER = 32 << 20  # the same from compute capability 9 on
ALIGNMENT = 256  # of memory: more makes no difference
CALLS = 4  # of one product, at most; other batches are copied first
PRODUCTS = frozenset(("matmul", "matmul_bias"))
COMPUTED = PRODUCTS | {"conv_forward", "conv_input", "conv_kernel"}
CACHE = 4096  # shapes that are remembered


class Kind(NamedTuple):
    """A dtype as CUDA numbers it: of matrices, of the sums and of alpha and beta."""

    matrix: int
    compute: str
    scale: int


REAL_32, REAL_64, REAL_16, BRAIN_16 = 0, 1, 2, 14
KINDS = {
    "f16": Kind(REAL_16, "COMPUTE_32F", REAL_32),
    "bf16": Kind(BRAIN_16, "COMPUTE_32F", REAL_32),
    "f32": Kind(REAL_32, "COMPUTE_32F", REAL_32),
    "f64": Kind(REAL_64, "COMPUTE_64F", REAL_64),
}


class Unsupported(Exception):
    """cuBLASLt has nothing that computes a product."""


class Library:
    """The bindings of cuBLASLt, with a handle for each device."""

    def __init__(self, xp: Any, lt: ModuleType, blas: ModuleType):
        self.xp, self.lt, self.blas = xp, lt, blas
        self.errors: tuple[type[Exception], ...] = (lt.cuBLASLtError,)
        self.refusals = (Unsupported, *self.errors)
        self._handles: dict[int, int] = {}

    @property
    def handle(self) -> int:
        """That of the device in force."""
        device = self.xp.cuda.runtime.getDevice()
        if device not in self._handles:
            self._handles[device] = self.lt.create()
        return self._handles[device]

    @property
    def workspace(self) -> int:
        """How many bytes a product may use beside its result."""
        capability = int(self.xp.cuda.Device().compute_capability)
        return WORKSPACE_HOPPER if capability >= 90 else WORKSPACE

    def run(self, *given: int) -> None:
        """A product on the stream that is current."""
        self.lt.matmul(*given, self.xp.cuda.get_current_stream().ptr)

    def put(self, what: str, place: int, attribute: int, value: int) -> None:
        """Set an attribute of a description, a layout or a preference."""
        dtype = getattr(self.lt, f"get_{what}_attribute_dtype")(attribute)
        number = np.array([value], dtype)
        write = getattr(self.lt, f"{what}_set_attribute")
        write(place, attribute, number.ctypes.data, number.nbytes)

    def compute(self, name: str) -> int:
        """The number of a way to compute, with TF32 if the user has asked for it."""
        if name == "COMPUTE_32F" and less_exact():
            name = "COMPUTE_32F_FAST_TF32"
        return int(self.blas.ComputeType[name])


def less_exact() -> bool:
    """Whether the user has asked for TF32."""
    return os.environ.get("TULLE_TF32", "") == "1"


def library(xp: Any) -> Library | None:
    """The bindings, or None if they are not there."""
    return _looked_for(xp)[0]


@cache
def _looked_for(xp: Any) -> tuple[Library | None, str]:
    """The bindings, or why they are not there."""
    try:
        from nvmath.bindings import cublas, cublasLt

        cublasLt.get_version()
    except (ImportError, RuntimeError, OSError) as error:
        return None, str(error).strip() or type(error).__name__
    return Library(xp, cublasLt, cublas), ""


@cache
def tell_missing(xp: Any) -> None:
    """Say once that the bindings are not there, and why."""
    logging.getLogger("tulle").warning(
        "CuPy computes products, so that steps with products are no CUDA graphs, since "
        "cuBLASLt cannot be used (`pip install 'tulle[gpu13]'` has its bindings): %s",
        _looked_for(xp)[1].splitlines()[0],
    )


def accepts(node: Node) -> bool:
    """Whether a node is a product, or made of them, that cuBLASLt computes."""
    return (
        node.op.name in COMPUTED
        and node.dtype.short in KINDS
        and all(source.dtype == node.dtype for source in node.inputs)
    )


class Matrix(NamedTuple):
    """A matrix, or one for each of a batch, as cuBLASLt is told of it."""

    rows: int
    columns: int
    leading: int  # from one column to the next
    step: int  # from one of the batch to the next
    transposed: bool
    alignment: int


class Problem(NamedTuple):
    """What a plan depends on: its products differ by addresses of matrices alone."""

    kind: Kind
    compute: int
    left: Matrix
    right: Matrix
    result: Matrix
    batch: int
    bias: int  # where there is a number for each column to be added; 0 for none


class Planned:
    """The descriptions of a product, and the algorithm that cuBLASLt advises."""

    def __init__(self, library: Library, problem: Problem, workspace: int):
        self.library, self.problem = library, problem
        lt, kind = library.lt, problem.kind
        self.description = lt.matmul_desc_create(problem.compute, kind.scale)
        finalize(self, lt.matmul_desc_destroy, self.description).atexit = False
        attributes = lt.MatmulDescAttribute
        for name, one in (("TRANSA", problem.left), ("TRANSB", problem.right)):
            flag = int(library.blas.Operation["T" if one.transposed else "N"])
            library.put("matmul_desc", self.description, attributes[name], flag)
        if problem.bias:
            epilogue = int(lt.Epilogue.BIAS)
            library.put("matmul_desc", self.description, attributes.EPILOGUE, epilogue)
            place = attributes.BIAS_POINTER
            library.put("matmul_desc", self.description, place, problem.bias)
        matrices = (problem.left, problem.right, problem.result)
        self.layouts = [self._layout(one) for one in matrices]
        dtype = np.float64 if kind.scale == REAL_64 else np.float32
        self.factors = np.array([1, 0, 1], dtype)  # alpha, and beta: new or added to
        self._result = self._advised(workspace)
        self.algorithm = int(self._result.ptr)  # its first field

    def _layout(self, one: Matrix) -> int:
        lt, batch = self.library.lt, self.problem.batch
        matrix = self.problem.kind.matrix
        found: int = lt.matrix_layout_create(matrix, one.rows, one.columns, one.leading)
        finalize(self, lt.matrix_layout_destroy, found).atexit = False
        if batch > 1:
            names = lt.MatrixLayoutAttribute
            put = self.library.put
            put("matrix_layout", found, names.BATCH_COUNT, batch)
            put("matrix_layout", found, names.STRIDED_BATCH_OFFSET, one.step)
        return found

    def _advised(self, workspace: int) -> Any:
        library, lt = self.library, self.library.lt
        preference = lt.matmul_preference_create()
        try:
            names = lt.MatmulPreferenceAttribute
            result = self.problem.result.alignment
            bias = aligned(self.problem.bias)  # read as what is written: of D's kind
            given = {
                names.MAX_WORKSPACE_BYTES: workspace,
                names.MIN_ALIGNMENT_A_BYTES: self.problem.left.alignment,
                names.MIN_ALIGNMENT_B_BYTES: self.problem.right.alignment,
                names.MIN_ALIGNMENT_C_BYTES: result,
                names.MIN_ALIGNMENT_D_BYTES: min(result, bias),
            }
            for attribute, value in given.items():
                library.put("matmul_preference", preference, attribute, value)
            found, count = lt.MatmulHeuristicResult(1), np.zeros(1, np.int32)
            left, right, out = self.layouts
            lt.matmul_algo_get_heuristic(
                library.handle, self.description, left, right, out, out, preference,
                1, int(found.ptr), count.ctypes.data,
            )  # fmt: skip
        finally:
            lt.matmul_preference_destroy(preference)
        if not count[0] or found.state:
            raise Unsupported("cuBLASLt has no algorithm")
        return found

    def call(
        self, places: Sequence[int], workspace: int, size: int, added: bool
    ) -> Callable[[], None]:
        """The product at addresses, on the stream that is current then."""
        right, left, result = places
        alpha = self.factors.ctypes.data
        beta = alpha + (2 if added else 1) * self.factors.itemsize
        one, two, out = self.layouts
        given = (
            self.library.handle, self.description, alpha, left, one, right, two, beta,
            result, out, result, out, self.algorithm, workspace, size,
        )  # fmt: skip
        return lambda: self.library.run(*given)


@lru_cache(maxsize=CACHE)
def planned(library: Library, device: int, problem: Problem, size: int) -> Planned:
    """The plan of a product on a device."""
    return Planned(library, problem, size)


def _matrix(array: Array, address: int, step: int) -> Matrix:
    """An array of rows at an address, as cuBLASLt sees it: columns are rows there."""
    found = as_matrix(array)
    assert found is not None
    letter, leading, _ = found
    rows, columns = array.shape[-2:]
    flipped = letter == TRANSPOSED
    if not flipped:
        rows, columns = columns, rows
    alignment = aligned(address | step * array.itemsize)
    return Matrix(rows, columns, leading, step, flipped, alignment)


def aligned(bits: int) -> int:
    """The largest power of two that addresses of such bits are multiples of."""
    bits |= ALIGNMENT
    return bits & -bits


def many(x: Array, y: Array, out: Array) -> bool:
    """Whether a product takes many calls, unless its operands are copied."""
    axes = batch_axes(*as_matrices(*map(host_layout, (x, y, out))))
    sizes = [size for size, *_ in axes]
    return math.prod(sizes) > CALLS * max(sizes, default=1)


def host_layout(array: Array) -> Array:
    """A NumPy array that lies as one of the device does; not to be read."""
    return np.asarray(StridedArray.of(array))


def scratch_bytes(library: Library) -> int:
    """What products want: a workspace that begins at a multiple of the alignment."""
    return library.workspace + ALIGNMENT


def product(
    library: Library,
    kind: str,
    x: Array,
    y: Array,
    out: Array,
    scratch: Array,
    added: bool = False,
    bias: int = 0,
) -> list[Callable[[], None]]:
    """The calls for `out = x @ y`, arrays of the device that a BLAS can read.

    With `added` the product is added to what is there; `bias` is the address of a
    number for each column. Raises `Unsupported`, or an
    error of the library's, where it has no way to do it.
    """
    size, lie = library.workspace, KINDS[kind]
    start = scratch.__cuda_array_interface__["data"][0]
    workspace = -(-start // ALIGNMENT) * ALIGNMENT
    arrays = as_matrices(*map(host_layout, (x, y, out)))
    axes = batch_axes(*arrays)
    axes.sort(key=lambda axis: axis[0])
    batch, *steps = axes.pop() if axes else [1, 0, 0, 0]
    device, compute = library.xp.cuda.runtime.getDevice(), library.compute(lie.compute)
    calls = []
    for turn in every(*(range(count) for count, *_ in axes)):
        places = [
            array.ctypes.data + array.itemsize * _offset(turn, axes, index)
            for index, array in enumerate(arrays)
        ]
        right, left, result = map(_matrix, arrays, places, steps)
        problem = Problem(lie, compute, left, right, result, batch, bias)
        plan = planned(library, device, problem, size)
        calls.append(plan.call(places, workspace, size, added))
    return calls


def _offset(turn: Sequence[int], outer: Sequence[Sequence[int]], index: int) -> int:
    """How far a turn of a loop over axes of a batch is from the beginning."""
    return sum(n * axis[1 + index] for n, axis in zip(turn, outer, strict=True))
