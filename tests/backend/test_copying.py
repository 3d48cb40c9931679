"""Copies between arrays of any strides: what NumPy's indexing gives."""

import ctypes
import mmap
import sys

import numpy as np
import pytest

engine = pytest.importorskip("tulle.backend.cpu.engine")
if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend.cpu import building, copying, stepping, turning  # noqa: E402
from tulle.backend.strided_arrays import StridedArray  # noqa: E402

DTYPES = ["int8", "int16", "float32", "int64", "complex128"]
LENGTHS = [1, 2, 3, 7, 16, 17, 31, 65, 200]


def numbers(*shape, dtype="float32"):
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def copied(source):
    """The array that a call makes of another one, unit by unit."""
    target = np.full(source.shape, 111, source.dtype)
    call = copying.copy(StridedArray.of(target), StridedArray.of(source))
    assert call is not None
    words = np.array(call.words, np.int64)
    kinds = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    entry = ctypes.CFUNCTYPE(None, *kinds)(call.entry)
    for unit in reversed(range(call.total)):
        entry(words.ctypes.data, unit, unit + 1)
    return target


def same(source):
    np.testing.assert_array_equal(copied(source), source)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, -1, -2])
def test_rows_with_a_step(step, dtype):
    for length in LENGTHS:
        x = numbers(2, 3, length, dtype=dtype)
        part = x[..., ::step]
        for each in (part, part[0, 0], part[:, 1], part[::-1], part.swapaxes(0, 1)):
            same(each)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("times", [2, 3, 4, 5, 40])
def test_elements_that_come_several_times(times, dtype):
    for length in LENGTHS:
        x = numbers(2, 3, length, dtype=dtype)
        for part in (x[..., None], x[:, ::-1, ::2, None], x[0, ..., None], x[0, 0, :1]):
            same(np.broadcast_to(part, (*part.shape[:-1], times)))


@pytest.mark.parametrize("shape", [(5, 3, 7, 8), (3, 1, 2, 64), (2, 2, 700, 3)])
def test_short_rows(shape):
    x = numbers(*shape)
    for axes in ((1, 0, 2, 3), (0, 2, 1, 3), (2, 1, 0, 3), (0, 1, 3, 2)):
        same(x.transpose(axes))


def test_long_rows_are_cut():
    long = 2 * copying.BLOCK + 77
    x = numbers(2, 4 * long)
    for step in (-1, 2, 4):
        same(x[:, ::step])
        same(x[0, ::step])
    same(np.broadcast_to(x[0, :, None], (4 * long, 3)))


@pytest.mark.parametrize("width", [16, 32, 64])
def test_vectors_of_other_machines(width, monkeypatch):
    monkeypatch.setattr(building, "vector_bytes", lambda: width)
    caches = (
        stepping.stepping_entry, copying._stepping_address,
        turning.turning_entry, copying._turning_address,
    )  # fmt: skip
    for cache in caches:
        cache.cache_clear()
    try:
        for dtype in DTYPES:
            for step in (2, 3, 4, -1):
                test_rows_with_a_step(step, dtype)
            for times in (2, 3, 4):
                test_elements_that_come_several_times(times, dtype)
    finally:
        for cache in caches:
            cache.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="needs `mprotect`")
@pytest.mark.parametrize("step", [2, 3, 4])
def test_nothing_is_read_behind_the_last_element(step):
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    whole = np.frombuffer(memory, np.float32)
    at = whole.ctypes.data + page
    libc = ctypes.CDLL(None)
    libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    assert libc.mprotect(at, page, 0) == 0
    try:
        for length in (16, 17, 32, 33, 100):
            size = (length - 1) * step + 1
            same(whole[page // 4 - size : page // 4 : step])
    finally:
        libc.mprotect(at, page, mmap.PROT_READ | mmap.PROT_WRITE)
