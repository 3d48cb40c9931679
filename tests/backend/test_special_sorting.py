"""Native orders and searches: what NumPy finds, with ties as they stand, NaN last."""

import numpy as np
import pytest
from native_calls import Call, exact, node_of

from tulle.backend.cpu import building, special_selecting

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


ROWS = [
    (1,),
    (17,),
    (64,),
    (3, 65),
    (2, 3, 100),
    (3, 300),
    (5, 1000),
    (2, 1024),
    (3, 5003),
]


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("shape", [*ROWS, (0, 3)])
def test_largest_places(shape, dtype):
    for k in sorted({1, 5, 64, shape[-1]}):
        if k <= min(64, shape[-1]):
            for spread in (2, 1e8):
                x = numbers(shape, dtype, spread)
                exact("largest_places", (x,), k=k)
                exact("largest_places", (np.sort(x, -1),), k=k)
                exact("largest_places", (np.sort(x, -1)[..., ::-1].copy(),), k=k)


@pytest.mark.parametrize("length", [9, 80, 3000])
def test_the_largest_of_what_is_no_usual_number(length):
    x = numbers((8, length), "float32")
    choose = np.random.default_rng(1).random(x.shape)
    odd = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45]
    for place, value in enumerate(odd):
        x[(choose > place / 10) & (choose < (place + 1) / 10)] = value
    x[0], x[1], x[2] = np.nan, 0.0, -np.inf
    x[3, :-1] = -np.inf
    ends = np.array([[-(2**31)] * length, [2**31 - 1] * length], np.int32)
    for k in (1, 7, 9):
        exact("largest_places", (x,), k=k)
        exact("largest_places", (ends,), k=k)
        mixed = ends.copy()
        mixed[:, [1, 4, length - 1]] = 5
        exact("largest_places", (mixed,), k=k)
        exact("largest_places", (mixed - 1,), k=k)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_the_largest_with_vectors_of_other_machines(width, monkeypatch):
    monkeypatch.setattr(building, "vector_bytes", lambda: width)
    special_selecting.largest_entry.cache_clear()
    try:
        for shape in ROWS:
            test_largest_places(shape, "float32")
        test_the_largest_of_what_is_no_usual_number(300)
    finally:
        special_selecting.largest_entry.cache_clear()
