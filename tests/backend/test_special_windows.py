"""Native pooling: the bits of the reference, in any cut of the work."""

import numpy as np
import pytest
from native_calls import SPECIAL, exact, node_of, reference

from tulle.graph.dim import Dim, Symbol


def windows(random):
    rank = int(random.integers(1, 4))

    def numbers(low, high):
        return tuple(int(n) for n in random.integers(low, high, rank))

    kernel, strides, low, high = (
        numbers(1, 4),
        numbers(1, 4),
        numbers(0, 3),
        numbers(0, 3),
    )
    size = numbers(4, {1: 60, 2: 18, 3: 10}[rank])
    rows = zip(size, low, high, kernel, strides, strict=True)
    count = tuple((n + a + b - k) // s + 1 for n, a, b, k, s in rows)
    return size, count, {"kernel": kernel, "strides": strides, "low": low}


def check(x, size, count, shared):
    """All six folds, each fed with what the others give."""
    exact("window_sum", (x,), count=count, **shared)
    exact("window_max", (x,), count=count, **shared)
    exact("window_argmax", (x,), count=count, **shared)
    index = reference("window_argmax", (x,), count=count, **shared)
    exact("window_pick", (x, index), **shared)
    g = reference("window_pick", (x, index), **shared)
    exact("window_put", (g, index), size=size, **shared)
    exact("window_spread", (g,), size=size, **shared)


@pytest.mark.parametrize("seed", range(12))
def test_random_windows(seed):
    random = np.random.default_rng(seed)
    size, count, shared = windows(random)
    channels = int(random.choice([1, 2, 3, 16, 17, 37, 64, 71]))
    dtype = (np.float32, np.float64)[seed % 2]
    shape = (int(random.integers(1, 4)), *size, channels)
    x = random.integers(-3, 4, shape).astype(dtype)
    if seed % 3 == 0:
        x[random.random(shape) < 0.05] = np.nan
    check(x, size, count, shared)


@pytest.mark.parametrize("channels", [1, 8, 13, 40])
@pytest.mark.parametrize(
    ("kernel", "strides", "count"),
    [((2, 2), (2, 2), (4, 3)), ((1, 2), (2, 3), (5, 3)), ((3, 3), (3, 3), (3, 3)),
     ((5, 4), (5, 4), (2, 2)), ((3, 3), (2, 1), (4, 5))],
)  # fmt: skip
def test_windows_apart_and_beyond_the_end(kernel, strides, count, channels):
    random = np.random.default_rng(channels)
    x = random.integers(-3, 4, (2, 9, 7, channels)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    shared = {"kernel": kernel, "strides": strides, "low": (0, 0)}
    check(x, (9, 7), count, shared)


@pytest.mark.parametrize("batch", [0, 1])
def test_few_images(batch):
    x = np.ones((batch, 5, 3, 4), np.float32)
    shared = {"kernel": (2, 2), "strides": (2, 1), "low": (0, 0)}
    check(x, (5, 3), (2, 2), shared)


def test_integers_are_not_taken():
    node = node_of(
        "window_sum", (np.zeros((1, 4, 2), np.int32),),
        kernel=(2,), strides=(2,), low=(0,), count=(2,),
    )  # fmt: skip
    assert not SPECIAL["window_sum"].accepts(node)


def test_padding_that_may_be_negative_is_not_taken():
    x = np.zeros((1, 4, 2), np.float32)
    options = {"kernel": (2,), "strides": (2,), "count": (2,)}
    n = Dim.from_symbol(Symbol("n"))
    for low, taken in ((Dim.of(0), True), (n, True), (n - 3, False), (-1, False)):
        node = node_of("window_sum", (x,), low=(low,), **options)
        assert SPECIAL["window_sum"].accepts(node) == taken
