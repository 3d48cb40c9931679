"""Products of 16 bits in programs: sums in float32, which are rounded once or never."""

import numpy as np
import pytest

import tulle
from tulle import ops

engine = pytest.importorskip("tulle.backend.cpu.engine")
if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

HALVES = ("float16", "bfloat16")


def halves(dtype, *shape):
    numbers = np.random.default_rng(3).uniform(0.5, 1.5, shape)
    return ops.cast(numbers.astype("float32"), dtype)


def wide(*tensors):
    return [ops.cast(tensor, "float64").numpy() for tensor in tensors]


def steps(function, *tensors):
    """The steps of the function's program, as `source` tells them."""
    found = tulle.function(function)
    found(*tensors)
    return found.source()


@pytest.mark.parametrize("dtype", HALVES)
def test_products_read_halves_as_they_lie(dtype):
    x, y = halves(dtype, 30, 40), halves(dtype, 20, 40)
    text = steps(lambda x, y: ops.relu(x @ ops.transpose(y)), x, y)
    assert text.count("matmul_wide(") == 1
    assert text.count("\nkernel ") == 1
    assert "cast+relu(" in text


@pytest.mark.parametrize("dtype", HALVES)
def test_a_product_is_rounded_once(dtype):
    x, y = halves(dtype, 30, 401), halves(dtype, 401, 20)
    found = tulle.function(lambda x, y: x @ y)(x, y)
    left, right = wide(x, y)
    (given,) = wide(found)
    half = 2.0 ** (-11 if dtype == "float16" else -8)
    assert found.dtype == dtype
    assert (np.abs(given - left @ right) <= 1.01 * half * (left @ right)).all()


@pytest.mark.parametrize("dtype", HALVES)
def test_a_product_that_is_widened_is_not_rounded(dtype):
    x, y = halves(dtype, 6, 50, 40), halves(dtype, 40, 20)
    left, right = wide(x, y)
    found = tulle.function(lambda x, y: ops.cast(x @ y, "float32"))(x, y)
    np.testing.assert_allclose(found.numpy(), left @ right, 1e-6)


@pytest.mark.parametrize("dtype", HALVES)
def test_another_shape_is_no_step_of_its_own(dtype):
    x, y = halves(dtype, 6, 50, 40), halves(dtype, 40, 20)
    text = steps(lambda x, y: ops.relu(ops.relu(x) @ y), x, y)
    assert text.count("\nkernel ") == 2
    assert "cast+relu(" in text


@pytest.mark.parametrize("dtype", HALVES)
def test_parts_of_a_product_are_no_steps_of_their_own(dtype):
    x, y = halves(dtype, 50, 40), halves(dtype, 40, 20)

    def gated(x, y):
        found = x @ y
        return ops.tanh(found[:, :10]) * found[:, 10:]

    text = steps(gated, x, y)
    assert text.count("\nkernel ") == 1
    left, right = wide(x, y)
    (given,) = wide(tulle.function(gated)(x, y))
    wanted = np.tanh((left @ right)[:, :10]) * (left @ right)[:, 10:]
    rounding = 2.0 ** (-10 if dtype == "float16" else -7)
    np.testing.assert_allclose(given, wanted, 2 * rounding)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("shapes", [((40,), (40, 20)), ((3, 1, 40), (3, 40, 20))])
def test_vectors_times_matrices(dtype, shapes):
    x, y = (halves(dtype, *shape) for shape in shapes)
    found = tulle.function(lambda x, y: ops.cast(ops.matmul(x, y), "float32"))(x, y)
    np.testing.assert_allclose(found.numpy(), np.matmul(*wide(x, y)), 1e-6)


@pytest.mark.parametrize("dtype", HALVES)
def test_gradients_of_layers_are_those_of_float32(dtype):
    x = np.random.default_rng(0).standard_normal((32, 24)).astype("float32")
    found = []
    for policy in ("float32", f"mixed_{dtype}"):
        tulle.utils.set_random_seed(0)
        layer = tulle.layers.Dense(16, activation="tanh", dtype=policy)
        layer.build((None, 24))

        @tulle.function
        def step(x, layer=layer):
            with tulle.GradientTape() as tape:
                total = ops.sum(ops.square(ops.cast(layer(x), "float32")))
            return tape.gradient(total, layer.kernel)

        gradient = step(x)
        assert gradient.dtype == "float32"
        found.append(gradient.numpy())
    scale = np.abs(found[0]).max()
    rounding = 2.0 ** (-10 if dtype == "float16" else -7)
    assert np.abs(found[0] - found[1]).max() <= 4 * rounding * scale
    assert (found[0] != found[1]).any()
