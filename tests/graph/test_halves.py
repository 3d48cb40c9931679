"""Floats of 16 bits: what adds up many elements does it in 32 and rounds once."""

import itertools

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
    # A sum of all digits is off by as much as a whole one of the quotient.
    roundings = 1.55 if name == "pooling" else 0.55
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


MOVING = {
    "RandomRotation": {"factor": 0.1},
    "RandomZoom": {"height_factor": 0.3},
    "RandomTranslation": {"height_factor": 0.3, "width_factor": 0.2},
    "RandomShear": {"x_factor": 0.3},
    "RandomPerspective": {"scale": 0.3, "factor": (1.0, 1.0)},
    "RandomElasticTransform": {"value_range": (-4.0, 4.0)},
    "RandomErasing": {"fill_value": 0.5, "factor": (1.0, 1.0)},
    "CutMix": {},
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", MOVING)
def test_places_in_large_pictures_are_not_rounded(name, dtype):
    # 16 bits have no place 257 (bfloat16) and no fractions beyond 1024 (float16).
    images = RANDOM.uniform(-1.0, 1.0, (2, 300, 290, 1)).astype("float32")
    images = call("cast", images, dtype)

    def moved(kind, picture, compiled=False):
        make = getattr(tulle.layers, name)
        layer = make(**MOVING[name], seed=2, dtype=kind)
        apply = tulle.function(layer) if compiled else layer
        return call("cast", apply(picture, training=True), "float32").numpy()

    wide = moved("float32", call("cast", images, "float32"))
    rounding = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    eager, compiled = moved(dtype, images), moved(dtype, images, compiled=True)
    for found in (eager, compiled):
        assert np.abs(found - wide).max() <= 1.1 * rounding
    assert np.abs(wide - images.numpy().astype("float32")).max() > 0.1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("mode", "silent"),
    [
        *itertools.product(["log", "magnitude", "psd"], [False, True]),
        ("angle", False),  # nothing has no angle
    ],
)
def test_spectrograms_have_finite_gradients(mode, dtype, silent):
    signal = RANDOM.normal(size=(2, 64, 1)) * (0.0 if silent else 1.0)
    layer = tulle.layers.STFTSpectrogram(mode=mode, frame_length=16, dtype=dtype)

    def step(x):
        with tulle.GradientTape() as tape:
            tape.watch(x)
            shown = layer(x)
            total = call("sum", call("cast", shown, "float32"))
        return shown, tape.gradient(total, x)

    x = call("cast", signal, dtype)
    pairs = zip(step(x), tulle.function(step)(x), strict=True)
    for eager, compiled in pairs:
        one, two = (v.numpy().astype("float32") for v in (eager, compiled))
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, two, rtol=1e-2, atol=1e-2)


ORDERS = {
    "sort": lambda x: call("sort", x),
    "argsort": lambda x: call("argsort", x),
    "top_k": lambda x: call("top_k", x, 3)[1],
    "median": lambda x: call("median", x),
    "searchsorted": lambda x: call(
        "searchsorted", call("cast", [0.0, 1.0], x.dtype), x
    ),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ORDERS)
def test_orders_have_nan_last(name, dtype, compiled):
    numbers = np.random.default_rng(2).standard_normal(40).astype("float32")
    numbers[[3, 17, 30]] = np.nan
    x = call("cast", numbers, dtype)
    function = tulle.function(ORDERS[name]) if compiled else ORDERS[name]
    found = call("cast", function(x), "float32").numpy()
    wanted = call("cast", ORDERS[name](call("cast", x, "float32")), "float32").numpy()
    np.testing.assert_array_equal(found, wanted)
