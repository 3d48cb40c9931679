"""Ops that are called on values again and again: their programs do the same."""

import numpy as np
import pytest
from work import compiled_graphs

import tulle
from tulle.backend.tapes import GradientTape
from tulle.graph import op_programs, programs
from tulle.graph.diagnostics import TulleError
from tulle.graph.op_programs import FIRST, HELD, LINE, NODE, PASSES, WORTH
from tulle.graph.tensor import Tensor
from tulle.graph.variable import SeedGenerator, set_random_seed

k, rng = tulle.ops, tulle.random
RNG = np.random.default_rng(0)
SMALL, LARGE = (6, 8), (128, 160)
CALLS = {
    "add": lambda x, n: k.add(x, x),
    "number": lambda x, n: k.multiply(x, 2.5),
    "softmax": lambda x, n: k.softmax(x),
    "sort": lambda x, n: k.sort(x),
    "argsort": lambda x, n: k.argsort(x, axis=0),
    "top_k": lambda x, n: k.top_k(x, 3),
    "quantile": lambda x, n: k.quantile(x, [0.1, 0.7], axis=1),
    "moments": lambda x, n: k.moments(x, 1),
    "cumsum": lambda x, n: k.cumsum(x, axis=1),
    "take": lambda x, n: k.take(x, n, axis=0),
    "segment_sum": lambda x, n: k.segment_sum(x, n, 9),
    "one_hot": lambda x, n: k.one_hot(n, 9),
    "histogram": lambda x, n: k.histogram(x, 5),
    "unique": lambda x, n: k.unique(n, return_counts=True),
    "bincount": lambda x, n: k.bincount(n),
    "rfft": lambda x, n: k.rfft(x),
    "split": lambda x, n: k.split(x, 2),
    "meshgrid": lambda x, n: k.meshgrid(n, n),
    "svd": lambda x, n: k.svd(x, compute_uv=False),
    "convolution": lambda x, n: k.conv(x[None, :, :, None], KERNEL, 1, "same"),
}
KERNEL = Tensor(RNG.normal(size=(3, 3, 1, 2)).astype("float32"))


def floats(shape):
    return Tensor(RNG.normal(size=shape).astype("float32"))


def arrays(result):
    return [np.array(leaf) for leaf in tulle.tree.flatten(result)]


@pytest.fixture
def compiled(monkeypatch):
    """The graphs that become programs while a test runs."""
    return compiled_graphs(monkeypatch)


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("name", CALLS)
def test_calls_give_the_same_however_often_they_come(monkeypatch, name, shape):
    compute = CALLS[name]
    given = [
        (floats(shape), Tensor(RNG.integers(0, 6, shape[0]).astype("int32")))
        for _ in range(FIRST + 3)
    ]
    found = [compute(*pair) for pair in given]
    monkeypatch.setattr(programs, "compiler", None)
    monkeypatch.setattr("tulle.graph.remembered._CALLS", {})
    for pair, result in zip(given, found, strict=True):
        wanted = compute(*pair)
        assert type(result) is type(wanted)
        for one, other in zip(arrays(result), arrays(wanted), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def times_compiled(compiled, compute, times):
    before = len(compiled)
    for _ in range(times):
        compute()
    return len(compiled) - before


def test_what_has_much_to_do_is_compiled_sooner(compiled, monkeypatch):
    small, large = floats((31, 7)), floats((512, 128))
    assert times_compiled(compiled, lambda: k.softmax(small), FIRST) == 0
    assert times_compiled(compiled, lambda: k.softmax(small), 5) == 1
    work = PASSES["argsort"] * large.array.size + NODE
    monkeypatch.setattr(op_programs, "MUCH", 3 * work)
    assert times_compiled(compiled, lambda: k.argsort(large), 3) == 0
    assert times_compiled(compiled, lambda: k.argsort(large), 1) == 1


def test_what_needs_much_memory_between_steps_is_compiled_at_once(
    compiled, monkeypatch
):
    x, y = floats((40, 30)), floats((50, 30))
    monkeypatch.setattr(op_programs, "LARGE", 40 * 50 * 30 - 1)
    found = []
    assert times_compiled(compiled, lambda: found.append(k.cdist(x, y)), 1) == 1
    gaps = x.numpy()[:, None] - y.numpy()
    np.testing.assert_allclose(found[0], np.sqrt((gaps**2).sum(-1)), rtol=1e-5)


def test_one_call_alone_is_no_program(compiled, monkeypatch):
    monkeypatch.setattr(op_programs, "MUCH", 1)
    x = floats((9, 130))
    assert times_compiled(compiled, lambda: k.softmax(x), 1) == 0
    assert times_compiled(compiled, lambda: k.softmax(x), 1) == 1


def test_a_call_that_never_comes_again_makes_no_nodes(monkeypatch):
    monkeypatch.setattr("tulle.graph.evaluate.on_inputs", None)
    x = floats((9, 131))
    assert k.add(x, x).shape == (9, 131)


def test_transforms_of_long_lines_are_no_programs(compiled):
    long, short = floats((LINE + 8,)), floats((4, 250))
    assert times_compiled(compiled, lambda: k.rfft(long), FIRST + 2) == 0
    assert times_compiled(compiled, lambda: k.rfft(short), FIRST + 2) == 1


def test_one_small_op_is_no_program(compiled):
    x = floats((4, WORTH // 8))
    assert times_compiled(compiled, lambda: k.add(x, x), 2 * FIRST) == 0
    assert times_compiled(compiled, lambda: k.matmul(x, x.T), 2 * FIRST) == 0


@pytest.mark.parametrize(
    ("compute", "count"),
    [
        (lambda x: k.add(x, 1.0), 0),
        (lambda x: k.exp(x), 1),
        (lambda x: k.sort(x), 0),
        (lambda x: k.argmax(x, axis=-1), 0),
        (lambda x: k.argmax(x, axis=0), 1),
        (lambda x: k.outer(x[0], x[1]), 1),
        (lambda x: k.repeat(x, 2, axis=1), 1),
        (lambda x: k.transpose(x), 0),
        (lambda x: k.matmul(x, x), 1),
    ],
)
def test_one_op_is_a_program_where_numpy_takes_longer(compiled, compute, count):
    x = floats((256, 256))
    assert times_compiled(compiled, lambda: compute(x), FIRST + 2) == count


def test_parts_are_views_however_often_they_are_taken(compiled):
    x = floats((8, 4096))
    for _ in range(FIRST + 3):
        parts = k.split(x, 4)
        assert all(np.shares_memory(part.array, x.array) for part in parts)
    assert not compiled


def test_several_results_are_followed_by_a_tape():
    x = floats((3, 17))
    for _ in range(FIRST + 3):
        k.top_k(x, 2)
    with GradientTape() as tape:
        tape.watch(x)
        largest, _ = k.top_k(x, 2)
        total = k.sum(largest * largest)
    found = np.array(tape.gradient(total, x))
    kept = x.array >= np.sort(x.array)[:, -2:-1]
    np.testing.assert_allclose(found, np.where(kept, 2 * x.array, 0), rtol=1e-6)


def test_values_at_fault_are_told_after_many_calls():
    x, good = floats((300, 64)), Tensor(np.arange(300, dtype="int32"))
    for _ in range(FIRST + 3):
        k.take(x, good, axis=0)
    with pytest.raises(TulleError, match="300"):
        k.take(x, Tensor(good.array + 1), axis=0)
    assert k.take(x, good, axis=0).shape == (300, 64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_numbers_are_those_of_their_seed(dtype):
    seeds = [SeedGenerator(3), SeedGenerator(3)]
    for _ in range(FIRST + 3):
        drawn = [rng.normal((5, 700), dtype=dtype, seed=seed) for seed in seeds]
        np.testing.assert_array_equal(*drawn)
    more = rng.normal((5, 701), dtype=dtype, seed=SeedGenerator(3))  # step by step
    first = rng.normal((5, 700), dtype=dtype, seed=SeedGenerator(3))
    np.testing.assert_array_equal(np.ravel(first), np.ravel(more)[:3500])


def test_after_a_new_seed_everything_is_done_as_before():
    x = floats((19, 23))

    def turns():
        set_random_seed(1)
        return [np.array(k.softmax(x)) for _ in range(FIRST + 3)]

    np.testing.assert_array_equal(turns(), turns())


def test_programs_hold_a_limited_amount_of_memory():
    for width in range(4000, 4012):
        x = floats((1000, width // 4))
        for _ in range(FIRST + 1):
            k.argsort(x)
    assert 0 < sum(op_programs._HELD.values()) <= HELD


def test_programs_are_limited_in_number(monkeypatch):
    monkeypatch.setattr(op_programs, "KEPT", 3)
    for width in range(30, 38):
        x = floats((5, width))
        for _ in range(FIRST + 1):
            k.softmax(x)
    assert len(op_programs._HELD) == 3


def test_a_program_whose_first_call_is_at_fault_is_kept(compiled):
    x, good = floats((310, 64)), Tensor(np.arange(310, dtype="int32"))
    for _ in range(FIRST):
        k.take(x, good, axis=0)

    def at_fault():
        with pytest.raises(TulleError, match="310"):
            k.take(x, Tensor(good.array + 1), axis=0)

    assert times_compiled(compiled, at_fault, 4) == 1


def test_denormal_numbers_are_what_they_are_however_often_they_come(compiled):
    x = Tensor((RNG.normal(size=(64, 4096)) * 1e-40).astype("float32"))
    layer = tulle.layers.Dense(3, use_bias=False)
    weight = tulle.Variable(np.full((64, 4096), 1e-40, "float32"))
    rate = tulle.optimizers.SGD(2.0**-3)

    def outcomes():
        shares = k.divide(x, k.max(k.abs(x), axis=1, keepdims=True))
        with GradientTape() as tape:
            tape.watch(x)
            loss = k.sum(k.relu(layer(x)) * 1e30)
        weight.assign(np.full((64, 4096), 1e-40, "float32"))
        rate.apply_gradients([(x, weight)])
        found = [
            k.sum(x > 0),
            shares,
            layer(x),
            *tape.gradient(loss, [x, layer.kernel]),
        ]
        return [*map(np.array, found), weight.numpy()]

    first = outcomes()
    for _ in range(FIRST + 4):
        last = outcomes()
    assert len(compiled) > 3
    for one, two in zip(first, last, strict=True):
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-44)
