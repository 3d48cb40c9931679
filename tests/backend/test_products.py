"""Products and copies of arrays that lie anyhow, by native calls, against NumPy."""

import subprocess
import sys

import ml_dtypes  # noqa: F401 - NumPy has no bfloat16 without it
import numpy as np
import pytest

engine = pytest.importorskip("tulle.backend.cpu.engine")
if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend.cpu import (  # noqa: E402
    building,
    copying,
    gemm,
    packed_code,
    packed_numbers,
    packed_products,
    packing_code,
    vector_products,
)
from tulle.backend.cpu.command_table import Block, Order, laid_out  # noqa: E402
from tulle.backend.cpu.packed_numbers import numbers_of  # noqa: E402
from tulle.backend.cpu.pool import pool  # noqa: E402
from tulle.backend.strided_arrays import StridedArray  # noqa: E402

DTYPES = ("float32", "float64", "float16", "bfloat16")
SIZES = (1, 1, 2, 3, 7, 16, 17, 49, 64, 65, 130)


def run(call):
    laid = laid_out([Block.of([call])], Order([0]))
    pool().run(laid.table.ctypes.data, 1, 0, 0, 0)


def short_of(array):
    return gemm.short_of(StridedArray.of(array))


def summed_as(dtype):
    """The dtype of sums: float32 for halves."""
    return np.result_type(dtype, np.float32)


def wide(*arrays):
    """The same numbers in the dtype of their sums."""
    return [array.astype(summed_as(array.dtype)) for array in arrays]


def multiply(x, y, out, threads):
    size = 0
    if x.ndim > 1 and y.ndim > 1:
        size = gemm.scratch_bytes(out.shape, x.shape[-1], short_of(x))
    scratch = np.full(size // 8 + 8, np.nan)
    x, y, out = map(StridedArray.of, (x, y, out))
    call = gemm.product(x, y, out, threads, scratch.ctypes.data)
    if call is not None:
        run(call)


def matrix(random, batch, rows, columns, dtype):
    """A matrix, or several, that lies in one of the ways that views make."""

    def new(*shape):
        return random.standard_normal(shape).astype(dtype)

    return (
        lambda: new(*batch, rows, columns),
        lambda: np.swapaxes(new(*batch, columns, rows), -1, -2),
        lambda: np.broadcast_to(new(rows, columns), (*batch, rows, columns)),
        lambda: new(*batch, rows, columns + 3)[..., 1 : columns + 1],
        lambda: new(*batch, rows, 2 * columns)[..., ::2],
    )[random.integers(5)]()


def close(found, wanted):
    slack = 1e-4 if wanted.dtype == np.float32 else 1e-11
    np.testing.assert_allclose(found, wanted, slack, slack * 10)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", DTYPES)
def test_products(seed, dtype):
    random = np.random.default_rng(seed)
    for _ in range(60):
        m, k, n = random.choice(SIZES, 3).tolist()
        k *= int(random.random() > 0.05)
        batch = [(), (), (3,), (2, 5)][random.integers(4)]
        x = matrix(random, batch, m, k, dtype)
        y = matrix(random, batch, k, n, dtype)
        if not batch and random.random() < 0.1:
            x = x[0]
        if not batch and random.random() < 0.1:
            y = y[:, 0]
        out = np.full(np.matmul(x, y).shape, np.nan, summed_as(dtype))
        suits = gemm.readable_by(*map(StridedArray.of, (x, y)))
        x, y = (
            array if suits(StridedArray.of(array)) else np.ascontiguousarray(array)
            for array in (x, y)
        )
        multiply(x, y, out, int(random.integers(1, 4)))
        close(out, np.matmul(*wide(x, y)))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads_gives_the_same_bits(seed, dtype):
    random = np.random.default_rng(seed)
    for _ in range(20):
        m, k, n = np.exp(random.uniform(np.log(8), np.log(900), 3)).astype(int)
        m, n = [(m, n), (m, n), (1, 8 * n), (8 * m, 1)][random.integers(4)]
        x = random.standard_normal((m, k)).astype(dtype)
        y = random.standard_normal((k, n)).astype(dtype)
        x, y = (np.asarray(one, order=str(random.choice(["C", "F"]))) for one in (x, y))
        found = set()
        for threads in (1, 2, 3, 5, 16):
            out = np.full((m, n), np.nan, summed_as(dtype))
            multiply(x, y, out, threads)
            found.add(out.tobytes())
        assert len(found) == 1, (m, k, n, x.strides, y.strides)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", DTYPES)
def test_products_in_any_parts_and_blocks(seed, dtype, monkeypatch):
    random = np.random.default_rng(seed)
    for _ in range(30):
        m, k, n = random.choice([*SIZES[2:], 300], 3).tolist()
        x = matrix(random, (), m, k, dtype)
        y = matrix(random, (), k, n, dtype)
        found = set()
        for rows, columns in ((192, 512), (6, 64), (24, 128)):
            item, together, _ = numbers_of(short_of(x)).packing
            blocks = packed_products.blocks_of(1, m, n, -(-k // together), item)
            chosen = blocks._replace(rows=rows, columns=columns)
            out = np.full((m, n), np.nan, summed_as(dtype))
            with monkeypatch.context() as patch:
                patch.setattr(packed_products, "blocks_of", lambda *_, c=chosen: c)
                one_by_one(x, y, out)
            close(out, np.matmul(*wide(x, y)))
            found.add(out.tobytes())
            ahead = np.full((m, n), np.nan, out.dtype)
            with monkeypatch.context() as patch:
                patch.setattr(packed_products, "blocks_of", lambda *_, c=chosen: c)
                one_by_one(x, y, ahead, before=True)
            found.add(ahead.tobytes())
        assert len(found) == 1


def one_by_one(x, y, out, before=False):
    """A product, each unit of it by a call of its own; its right operand is packed
    `before`, if it is at all."""
    (m, n), k, numbers = out.shape, x.shape[1], numbers_of(short_of(x))
    size = packed_products.scratch_bytes(1, m, n, k, numbers)
    scratch = np.full(size // 8 + 8, np.nan)
    x, y, out = map(StridedArray.of, (x, y, out))
    words, total, _ = packed_products.product(x, y, out, scratch.ctypes.data, numbers)
    words = np.array(words, np.int64)
    entry, pack = map(engine_function, gemm.packed_entries(numbers.short))
    ahead = packed_products.ahead(words.tolist(), numbers) if before else None
    if ahead is not None:
        memory = np.full(ahead.size, 0xFF, np.uint8)
        ahead.words[gemm.RESULT] = ahead.product[gemm.RIGHT] = memory.ctypes.data
        packing, words = (np.array(w, np.int64) for w in (ahead.words, ahead.product))
        for part in range(ahead.total):
            pack(packing.ctypes.data, part, part + 1)
    for unit in range(total):
        entry(words.ctypes.data, unit, unit + 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_with_vectors_cut_anywhere(dtype, monkeypatch):
    random = np.random.default_rng(0)
    for _ in range(40):
        k, n = random.choice([*SIZES, 300], 2).tolist()
        x = random.standard_normal((2 * k, 3))[::2, 1].astype(dtype)
        y = matrix(random, (3,), k, n, dtype)
        if not vector_products.reads(StridedArray.of(y)):
            continue
        found = set()
        for length in (1, 8, 40, 1000):
            each = -(-n // length)
            cut = length, each, 1
            monkeypatch.setattr(vector_products, "_cut", lambda *_, c=cut: c)
            out = np.full((3, n), np.nan, summed_as(dtype))
            multiply(np.ascontiguousarray(x), y, out, 1)
            close(out, np.matmul(*wide(x, y)))
            found.add(out.tobytes())
        assert len(found) == 1 or y.strides[-1] != y.itemsize


def engine_function(address):
    import ctypes

    number = ctypes.c_int64
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, number, number)(address)


@pytest.mark.parametrize("dtype", ["bool", "int16", "float32", "float64"])
def test_copies(dtype):
    random = np.random.default_rng(0)
    for _ in range(150):
        shape = random.choice([1, 2, 3, 7, 40], random.integers(0, 5)).tolist()
        whole = (random.standard_normal(shape) * 50).astype(dtype)
        source = np.transpose(whole, random.permutation(len(shape)))
        steps = tuple(slice(None, None, int(random.choice([1, -1, 2]))) for _ in shape)
        source = source[(*steps, ...)]
        if random.random() < 0.2:
            source = np.broadcast_to(source, (3, *source.shape))
        target = np.zeros((*source.shape, 2), dtype)[..., 1]
        run(copying.copy(StridedArray.of(target), StridedArray.of(source)))
        np.testing.assert_array_equal(target, source)


def test_large_copies_are_cut():
    source = np.arange(1 << 20, dtype=np.float32)
    target = np.zeros_like(source)
    call = copying.copy(StridedArray.of(target), StridedArray.of(source))
    assert call.total > 1
    run(call)
    np.testing.assert_array_equal(target, source)


def test_nothing_to_copy():
    target, source = StridedArray.of(np.zeros((0, 3))), StridedArray.of(np.ones((0, 3)))
    assert copying.copy(target, source) is None


@pytest.mark.parametrize("width", [16, 32, 64])
def test_products_with_vectors_of_other_machines(width, monkeypatch):
    monkeypatch.setattr(packed_numbers, "multiplies_pairs", lambda: False)
    caches = (
        packed_code.product_entry, gemm.packed_entries,
        vector_products.vector_entry, gemm.vector_entries,
    )  # fmt: skip
    modules = building, packing_code, packed_numbers, packed_products, vector_products
    for module in modules:
        monkeypatch.setattr(module, "vector_bytes", lambda: width)
    for cache in caches:
        cache.cache_clear()
    try:
        for dtype in DTYPES:
            test_products(0, dtype)
            test_products_in_any_parts_and_blocks(0, dtype, monkeypatch)
    finally:
        for cache in caches:
            cache.cache_clear()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("terms", [3, 64, 700])
def test_products_of_halves_keep_what_is_no_number(terms, dtype):
    x = np.ones((9, terms), dtype)
    y = np.ones((terms, 20), dtype)
    x[1, 2], x[2, 1], x[3, 0], y[1, 5] = np.inf, np.nan, -np.inf, np.inf
    x[4, 1] = 0
    out = np.zeros((9, 20), np.float32)
    multiply(x, y, out, 2)
    with np.errstate(invalid="ignore"):
        wanted = np.matmul(*wide(x, y))
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize(
    "shape", [(64, 784, 32), (1, 128, 512), (300, 40, 1), (0, 3, 3), (5, 64, 128, 64)]
)
def test_a_call_tells_the_memory_that_its_sizes_ask_for(shape):
    *batch, m, k, n = shape
    places = [(*batch, m, k), (*batch, k, n), (*batch, m, n)]
    x, y, out = (StridedArray(1 << 20, place, np.dtype("f4")) for place in places)
    call = gemm.product(x, y, out, 2, 1 << 30)
    assert gemm.scratch_of(call) == gemm.scratch_bytes(out.shape, k, "f32")


TOGETHER = """
import sys, threading
sys.setswitchinterval(1e-6)
from tulle.backend.cpu.blas import functions
found, barrier = [], threading.Barrier(8)
def ask():
    barrier.wait()
    found.append(functions())
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(found) == 8 and "sgemm" in found[0]
"""


def test_threads_may_ask_for_the_first_product_together():
    subprocess.run([sys.executable, "-c", TOGETHER], check=True)
