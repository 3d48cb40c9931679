"""Floats of 16 bits: what adds up many elements does it in 32 and rounds once."""

import numpy as np
import pytest

import tulle
from tulle.graph.registry import call

RANDOM = np.random.default_rng(5)


def halves(*shape: int) -> np.ndarray:
    return RANDOM.uniform(0.5, 1.5, shape).astype("float16")


SUMS = {
    "matmul": lambda x, y: call("matmul", x, y),
    "sum": lambda x, y: call("sum", x, axis=0),
    "mean": lambda x, y: call("mean", x, axis=0),
    "var": lambda x, y: call("var", x, axis=0),
    "cumsum": lambda x, y: call("cumsum", x, axis=0),
    "convolution": lambda x, y: call(
        "conv",
        call("reshape", x, (1, 30, 60)),
        call("reshape", y, (3, 60, 10)),
        padding="valid",
    ),
    "pooling": lambda x, y: call(
        "average_pool", call("reshape", x, (1, 300, 6)), 100, padding="valid"
    ),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", SUMS)
def test_sums_round_once(name, compiled):
    function = tulle.function(SUMS[name]) if compiled else SUMS[name]
    x, y = halves(30, 60), halves(60, 30)
    if name != "matmul":
        x = halves(1800, 1) if name != "convolution" else x
        y = halves(1800) if name == "convolution" else y
    found = function(tulle.convert_to_tensor(x), tulle.convert_to_tensor(y))
    wide = SUMS[name](*(call("cast", a, "float64") for a in (x, y))).numpy()
    assert found.dtype == "float16"
    ulp = np.spacing(np.abs(wide).astype("float16")).astype("float64")
    roundings = 1.1 if name == "pooling" else 0.55  # of the sum, and of the quotient
    assert (np.abs(found.numpy() - wide) <= roundings * ulp).all()


def test_a_mean_of_many_does_not_overflow():
    ones = np.ones((300, 300), "float16")
    assert float(call("mean", ones)) == 1.0
    assert float(tulle.function(lambda x: call("mean", x))(ones)) == 1.0


def test_gradients_come_back_in_the_dtype_of_what_was_cast():
    x, kernel = tulle.Variable(halves(4, 5)), tulle.Variable(np.ones((5, 2), "float32"))
    with tulle.GradientTape() as tape:
        total = call("sum", call("matmul", x, call("cast", kernel, "float16")))
    found = tape.gradient(total, [x, kernel])
    assert [g.dtype for g in found] == ["float16", "float32"]
    np.testing.assert_allclose(found[1].numpy()[:, 0], x.numpy().sum(0), 1e-3)
