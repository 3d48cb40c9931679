"""Random numbers: the published bits, moments, keys, and graphs."""

import numpy as np
import pytest

from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.ops import random
from tulle.graph.registry import call
from tulle.graph.tensor import Tensor
from tulle.graph.trace import Trace, tracing
from tulle.graph.types import dtype_of
from tulle.graph.variable import SeedGenerator, set_random_seed


# Known answers of the authors' library (kat_vectors), counter words 0 to 3, key 0 to 1.
# Ours puts the block in counter words 0 and 1 and the draw in words 2 and 3.
def test_known_answer():
    words = random.philox(np, np.zeros(4, np.uint32), 4)
    assert [f"{word:08x}" for word in words] == [
        "6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8",
    ]  # fmt: skip


def slow_philox(key, block):
    """The generator as its paper writes it, one block with Python integers."""
    c = [block & 0xFFFFFFFF, block >> 32, key[2], key[3]]
    k = [key[0], key[1]]
    for _ in range(10):
        low, high = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            high >> 32 ^ c[1] ^ k[0],
            high & 0xFFFFFFFF,
            low >> 32 ^ c[3] ^ k[1],
            low & 0xFFFFFFFF,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_philox_by_hand():
    key = np.array([0xFFFFFFFF, 7, 123456789, 0xDEADBEEF], np.uint32)
    words = random.philox(np, key, 22)
    wanted = [w for block in range(6) for w in slow_philox(key.tolist(), block)]
    assert words.tolist() == wanted[:22]
    assert words.dtype == np.uint32
    assert random.philox(np, key, 0).shape == (0,)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_uniform(dtype):
    found = random.uniform((400, 500), dtype=dtype, seed=4).numpy()
    assert found.dtype == dtype
    assert found.min() >= 0
    assert found.max() < 1
    wide = found.astype("float64")
    assert abs(wide.mean() - 0.5) < 2e-3
    assert abs(wide.std() - 12**-0.5) < 2e-3
    moved = random.uniform((1000,), -3.0, 5.0, seed=1).numpy()
    assert -3 <= moved.min() < -2.9
    assert 4.9 < moved.max() <= 5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal(dtype):
    found = random.normal((400, 501), dtype=dtype, seed=4).numpy()
    assert found.dtype == dtype
    assert np.isfinite(found).all()
    assert abs(found.mean()) < 0.01
    assert abs(found.std() - 1) < 0.01
    assert abs((found**3).mean()) < 0.03
    assert abs((found**4).mean() - 3) < 0.1
    moved = random.normal((100_000,), 2.0, 3.0, seed=1).numpy()
    assert abs(moved.mean() - 2) < 0.05
    assert abs(moved.std() - 3) < 0.05


def test_randint():
    found = random.randint((10_000,), -2, 3, seed=1).numpy()
    assert found.dtype == np.int32
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert counts.min() > 1800
    with pytest.raises(TensorTypeError, match="no integer"):
        random.randint((2,), 3, 3)


def test_bernoulli():
    found = random.bernoulli((100_000,), 0.3, seed=1).numpy()
    assert set(np.unique(found)) == {0.0, 1.0}
    assert abs(found.mean() - 0.3) < 0.01


def test_dropout():
    x = np.ones((100, 100), "float32")
    found = random.dropout(Tensor(x), 0.2, seed=1).numpy()
    assert set(np.unique(found)) == {np.float32(0), np.float32(1.25)}
    with pytest.raises(TensorTypeError, match=r"\(1,\) does not fit"):
        random.dropout(Tensor(x), 0.2, (1,))


def test_floats_only():
    with pytest.raises(TensorTypeError, match="not int32"):
        random.uniform((2,), dtype="int32")


def test_seeds():
    """A number repeats, a generator goes on, the global seed starts all over."""
    one, two = (random.uniform((5,), seed=3).numpy() for _ in range(2))
    np.testing.assert_array_equal(one, two)
    generator = SeedGenerator(3)
    first = random.uniform((5,), seed=generator).numpy()
    np.testing.assert_array_equal(first, one)
    assert (random.uniform((5,), seed=generator).numpy() != first).all()
    set_random_seed(5)
    some = random.uniform((5,)).numpy()
    fresh = SeedGenerator().seed
    set_random_seed(5)
    np.testing.assert_array_equal(random.uniform((5,)).numpy(), some)
    assert SeedGenerator().seed == fresh
    assert fresh != SeedGenerator().seed


def test_key_words():
    generator = SeedGenerator((5 << 32) + 6)
    generator.count = (7 << 32) + 8
    assert generator.key(1).tolist() == [6, 5, 9, 7]
    assert generator.next().tolist() == [6, 5, 8, 7]
    assert generator.count == (7 << 32) + 9


def test_size_does_not_change_the_beginning():
    """The numbers depend on key and position alone."""
    short, long = (random.normal((n,), seed=2).numpy() for n in (10, 1000))
    np.testing.assert_array_equal(short, long[:10])


def test_in_a_graph():
    symbol = Symbol("n")
    generator = SeedGenerator(11)
    with tracing(Trace()) as trace:
        noise = random.normal((Dim.from_symbol(symbol), 2), seed=generator)
        more = random.normal((Dim.from_symbol(symbol), 2), seed=generator)
    assert noise.node is not more.node
    assert trace.draws == {generator: 2}
    assert str(noise.type) == "f32[n, 2]"
    found = evaluate([noise.node, more.node], {}, {symbol: 3})
    for array in found:
        eager = call("random_normal", Tensor(generator.next()), (3, 2))
        np.testing.assert_array_equal(array, eager.numpy())
    assert dtype_of("float32").numpy == found[0].dtype


def test_long_orders_are_those_of_the_numbers_that_were_drawn():
    """By halves of 32 bits each, which give the order of the whole."""
    draws = np.random.default_rng(0).random(5000)
    draws[100:120] = draws[7]
    draws[200:300] = draws[8] + np.arange(100) * 2.0**-53
    found = random._order(Tensor(draws)).numpy()
    np.testing.assert_array_equal(found, np.argsort(draws, kind="stable"))
