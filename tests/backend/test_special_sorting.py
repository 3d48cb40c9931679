"""Native orders and searches: what NumPy finds, with ties as they stand, NaN last."""

import numpy as np
import pytest
from native_calls import Call, exact, node_of

SHAPES = [(1,), (5,), (37,), (80,), (81,), (1000,), (3, 130), (2, 7, 19), (3, 90, 4)]


def numbers(shape, dtype, spread=4, seed=0):
    random = np.random.default_rng(seed)
    return (random.standard_normal(shape) * spread).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (3, 0)])
def test_argsort(shape, dtype):
    for axis in range(len(shape)):
        for spread in (2, 1e8):
            exact("argsort", (numbers(shape, dtype, spread),), axis=axis)


def test_rows_without_elements_are_no_work():
    x = np.zeros((3, 0), np.float32)
    (work,) = Call(node_of("argsort", (x,), axis=1), (x,)).works
    assert work.total == 0


@pytest.mark.parametrize("length", [9, 80, 200])
def test_the_order_of_what_is_no_usual_number(length):
    x = numbers((8, length), "float32")
    choose = np.random.default_rng(1).random(x.shape)
    odd = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45]
    for place, value in enumerate(odd):
        x[(choose > place / 10) & (choose < (place + 1) / 10)] = value
    x[0] = np.nan
    x[1] = 0.0
    exact("argsort", (x,), axis=1)
    exact("argsort", (x,), axis=0)
    whole = np.array([-(2**31), 2**31 - 1, 0, -1] * length, np.int32)
    exact("argsort", (whole,), axis=0)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 8, 33, 1000])
def test_searchsorted(length, dtype, side):
    borders = np.sort(numbers((length,), dtype))
    values = numbers((7, 50), dtype, 6, seed=1)
    values[:1, : min(length, 50)] = borders[:50]
    exact("searchsorted", (borders, values), side=side)
    if dtype.startswith("float"):
        values[1, ::3], values[2, ::3] = np.nan, -np.inf
        borders[length // 2 :] = np.nan
        exact("searchsorted", (borders, values), side=side)
    exact("searchsorted", (borders, values[:0]), side=side)
