"""Native positions of extremes and running folds: the bits of the reference."""

import numpy as np
import pytest
from native_calls import exact

DTYPES = ["float32", "float64", "int32", "int64"]
SHAPES = [(1,), (5,), (16,), (37,), (3, 130), (2, 7, 19), (4, 1, 3), (3, 5, 64)]


def numbers(shape, dtype, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(-4, 5, shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_extremes(shape, dtype):
    for axis in range(len(shape)):
        x = numbers(shape, dtype)
        exact("argmax", (x,), axis=axis, keepdims=False)
        exact("argmin", (x,), axis=axis, keepdims=True)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("length", [3, 16, 70])
def test_the_first_nan_is_beyond_all(name, length):
    for seed in range(8):
        x = numbers((5, length), "float32", seed)
        x[np.random.default_rng(seed).random(x.shape) < 0.1] = np.nan
        x[0] = -np.inf
        x[1] = np.inf
        for axis in (0, 1):
            exact(name, (x,), axis=axis, keepdims=False)


def test_extremes_of_no_rows():
    exact("argmax", (np.zeros((0, 3), np.float32),), axis=1, keepdims=False)
    exact("argmax", (np.zeros((3, 0), np.float32),), axis=0, keepdims=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (3, 0)])
def test_running_folds(shape, dtype):
    random = np.random.default_rng(0)
    for axis in range(len(shape)):
        x = (random.standard_normal(shape) * 3).astype(dtype)
        exact("cumsum", (x,), axis=axis)
        exact("cumprod", (x,), axis=axis)
