"""Ops and their gradients at the edges of dtypes: eagerly, and as both programs."""

import math

import numpy as np
import pytest

from tulle.backend import compile_graph
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tape import GradientTape
from tulle.graph.tensor import SymbolicTensor, convert_to_tensor, input_node
from tulle.graph.types import dtype_of, tensor_type

INF, NAN = math.inf, math.nan
FLOATS = ("float16", "float32", "float64")


@pytest.fixture(params=["eager", "native", "numpy"])
def way(request, monkeypatch):
    if request.param != "eager":
        monkeypatch.setenv("TULLE_KERNELS", request.param)
    return request.param


def slopes(name, operands, options):
    """The result of an op, then the gradients of its operands."""
    with GradientTape() as tape:
        tape.watch(operands)
        result = call(name, *operands, **options)
    if not result.type.dtype.is_float:
        return [result]
    return [result, *(g for g in tape.gradient(result, operands) if g is not None)]


def computed(way, name, *arrays, **options):
    if way == "eager":
        operands = [convert_to_tensor(array) for array in arrays]
        return [part.numpy() for part in slopes(name, operands, options)]
    inputs = tuple(
        input_node("x", tensor_type(dtype_of(a.dtype).short, a.shape)) for a in arrays
    )
    found = slopes(name, [SymbolicTensor(node) for node in inputs], options)
    graph = Graph(inputs, {str(i): part.node for i, part in enumerate(found)})
    return list(compile_graph(graph)(arrays).values())


def close(found, wanted, dtype):
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(found, wanted, tolerance, np.finfo(dtype).tiny)


@pytest.mark.parametrize("dtype", FLOATS)
def test_angles_of_far_and_near_points(way, dtype):
    """Their squares are beyond the ends of the dtype."""
    far = 2.0 ** (np.finfo(dtype).maxexp // 2 + 2)
    y, x = np.array([[far, 1 / far, 0, far], [far, 1 / far, far, 0]], dtype)
    _, gy, gx = computed(way, "arctan2", y, x)
    with np.errstate(over="ignore"):
        distance = np.hypot(y.astype(float), x.astype(float))
    close(gy, x / distance / distance, dtype)
    close(gx, -(y / distance / distance), dtype)
    assert not np.any(computed(way, "arctan2", 0 * y, 0 * x)[1:])


@pytest.mark.parametrize("dtype", FLOATS)
def test_slopes_of_large_arguments(way, dtype):
    x = np.array([3.0, 2.0 ** (np.finfo(dtype).maxexp // 2 + 2)], dtype)
    close(computed(way, "arcsinh", x)[1], 1 / np.hypot(x.astype(float), 1), dtype)
    wide = x.astype(float)
    slope = 1 / (np.sqrt(wide - 1) * np.sqrt(wide + 1))
    close(computed(way, "arccosh", x)[1], slope, dtype)
    largest = np.array([np.finfo(dtype).max, -np.finfo(dtype).max], dtype)
    assert computed(way, "sparse_plus", largest)[1].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
def test_a_sum_of_exponentials_beside_infinity(way, name):
    x, y = np.float32([[0, INF, -INF, 5, 200], [INF, 0, 5, -INF, 0]])
    result, one, other = computed(way, name, x, y)
    assert result.tolist() == [INF, INF, 5, 5, 200]
    assert one.tolist() == [0, 1, 0, 1, 1]
    assert other.tolist() == [1, 0, 1, 0, 0]


def test_powers_of_nothing_and_powers_that_are_nothing(way):
    x, y = np.float32([[0, 0, 2, -2, 0, 3], [0, 2, 0, 2, -1, 2]])
    result, base, exponent = computed(way, "power", x, y)
    assert result.tolist() == [1, 0, 1, 4, INF, 9]
    assert base.tolist() == [0, 0, 0, -4, -INF, 6]
    log = math.log
    close(exponent, [0, 0, log(2), 0, 0, 9 * log(3)], "float32")


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_whole_powers_are_cut_towards_nothing(way, dtype):
    x = np.array([2, 1, -1, -1, 0, 5, -3, np.iinfo(dtype).min], dtype)
    y = np.array([-1, -3, -3, -4, -2, 0, 3, -1], dtype)
    assert computed(way, "power", x, y)[0].tolist() == [0, 1, -1, 1, 0, 1, -27, 0]
    last = np.iinfo(dtype).max  # its square is 1 in as many bits
    x, y = np.array([last, -last] * 2, dtype), np.array([-1, -1, -2, -2], dtype)
    assert computed(way, "power", x, y)[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_rest_of_a_division_has_the_sign_of_what_is_divided(way, dtype):
    x = np.array([-0.0, 0.0, -5, 5, -5, 5, -6, -INF, 1], dtype)
    y = np.array([3, 3, 3, 3, -3, -3, 3, 3, INF], dtype)
    result, one, other = computed(way, "fmod", x, y)
    with np.errstate(invalid="ignore"):
        wanted = np.fmod(x, y)
    np.testing.assert_array_equal(result, wanted)
    kept = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(result)[kept], np.signbit(wanted)[kept])
    assert one.tolist() == [1] * 9
    assert other[:7].tolist() == [0, 0, 1, -1, -1, 1, 2]


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8"])
def test_the_rest_of_a_division_of_whole_numbers(way, dtype):
    info = np.iinfo(dtype)
    numbers = [0, 1, 2, 7, 100, info.max, info.max - 1]
    if info.min:
        numbers += [-1, -2, -7, -100, info.min, info.min + 1]
    numbers = np.array(numbers, dtype)
    x, y = np.repeat(numbers, numbers.size), np.tile(numbers, numbers.size)
    x, y = x[y != 0], y[y != 0]
    found = computed(way, "fmod", x, y)[0]
    np.testing.assert_array_equal(found, np.fmod(x, y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slope_of_sinc_near_nothing(way, dtype):
    x = np.array([0, 1e-30, -1e-8, 1e-3, 0.1, 0.15, 0.17, -0.5, 1.25, 2.25], dtype)
    result, slope = computed(way, "sinc", x)
    close(result, np.sinc(x.astype(float)), dtype)
    turn = np.pi * x.astype(np.longdouble)
    away = np.where(np.abs(turn) < 0.01, 1, turn)
    exact = (np.cos(away) - np.sin(away) / away) / away
    near = -turn / 3 * (1 - turn**2 / 10 + turn**4 / 280)
    wanted = np.pi * np.where(np.abs(turn) < 0.01, near, exact)
    close(slope, wanted.astype(float), dtype)


def test_inverses_of_the_error_function_near_its_ends(way):
    """By SciPy: a float next to 1 and doubles next to 1, and 0 of either sign."""
    x = np.array([1 - 2.0**-24, 2.0**-24 - 1, 0.9999989, -0.0], np.float32)
    wanted = [3.83250686, -3.83250686, 3.44910888, -0.0]
    found = computed(way, "erfinv", x)[0]
    np.testing.assert_allclose(found, wanted, 1e-6)
    assert np.signbit(found[-1])
    x = np.array([1 - 2.0**-53, 1 - 2.0**-30, 0.5, 1, -1, 1.5])
    found = computed(way, "erfinv", x)[0]
    wanted = [5.8635847487551676, 4.328028275800946, 0.4769362762044699, INF, -INF, NAN]
    np.testing.assert_allclose(found, wanted, 4e-15)


def test_bessel_functions_about_their_edge_and_far_out(way):
    """By mpmath; 712 is beyond where exp overflows in float64, 90.5 in float32."""
    x = np.array([-3.5, 0, 0.001, 7.75, 8, 60, 712, INF])
    i0 = [
        7.3782034322254797, 1.0, 1.0000002500000156, 338.51375374727595,
        427.56411572180479, 5.8940770556098012e24, 2.4684110577627524e307, INF,
    ]  # fmt: skip
    i1 = [
        -6.2058349222583655, 0.0, 0.00050000006250000261, 315.8524809240034,
        399.8731367825601, 5.8447515883904683e24, 2.4666770135246152e307, INF,
    ]  # fmt: skip
    found = computed(way, "i0", x)
    close(found[0], i0, "float64")
    close(found[1], i1, "float64")
    curved = computed(way, "i1", x)[1]
    assert curved[1] == 0.5
    assert curved[-1] == INF
    inner = [0, 2, 3, 4, 5, 6]
    wanted = np.array(i0)[inner] - np.array(i1)[inner] / x[inner]
    close(curved[inner], wanted, "float64")
    narrow = computed(way, "i0", np.array([-3.5, 90.5, NAN], np.float32))
    close(narrow[0], [i0[0], 8.4496670357600721e37, NAN], "float32")
    close(narrow[1], [i1[0], 8.4028533830846311e37, NAN], "float32")


def test_integers_to_the_bessel_function():
    """As in Keras."""
    assert call("i0", np.array([1, 2])).dtype == "float64"
    assert call("i0", np.array([1, 2], np.int32)).dtype == "float32"
    assert call("i0", 1).dtype == "float32"


BEYOND = {
    "int32": [2**31 - 1, -(2**31), 0, 30000, -7, 0],
    "int64": [2**63 - 1, -(2**63), 0, 30000, -7, 0],
    "uint8": [255, 0, 0, 30000 % 256, 249, 0],
    "uint32": [2**32 - 1, 0, 0, 30000, 2**32 - 7, 0],
    "uint64": [2**64 - 1, 0, 0, 30000, 0, 0],
}


@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("dtype", BEYOND)
def test_floats_beyond_the_ends_of_integers(way, source, dtype):
    """The short ones are the last bits of longer ones."""
    x = np.array([INF, -INF, NAN, 3e4, -7.9, 0.5], source)
    found = computed(way, "cast", x, dtype=dtype)[0]
    assert found.dtype == dtype
    assert found.tolist() == BEYOND[dtype]


@pytest.mark.parametrize("name", ["power", "mod", "floor_divide", "fmod"])
def test_truth_values_count_as_integers(way, name):
    """As Keras's: 1 and 0 of int32, of which a quotient by 0 is 0 here."""
    truth = np.array([True, False])
    found = computed(way, name, truth, np.array([True, True]))[0]
    wanted = getattr(np, name)([1, 0], [1, 1])
    assert (found.dtype, found.tolist()) == (np.int32, wanted.tolist())


def test_truth_values_have_no_difference(way):
    truth = np.array([True, False])
    with pytest.raises(TensorTypeError, match="works on numbers and got bool"):
        computed(way, "subtract", truth, truth)


WIDE = {"bool": "int32", "int8": "int32", "int16": "int32"} | {
    short: "uint32" for short in ("uint8", "uint16")
}


@pytest.mark.parametrize("name", ["sum", "prod", "nansum", "nanprod"])
@pytest.mark.parametrize("dtype", [*WIDE, "int32", "uint32", "int64", "uint64"])
def test_folds_of_small_integers_have_32_bits(way, name, dtype):
    x = np.repeat(np.array([[1, 3, 2]]), 300, axis=0)[:, :, None].astype(dtype)
    x[6:, 1:] = 1
    found = computed(way, name, x, axis=(0, 2))[0]
    fold = np.prod if "prod" in name else np.sum
    wanted = fold(x, axis=(0, 2), dtype=np.int64)
    assert (found.dtype, found.tolist()) == (WIDE.get(dtype, dtype), wanted.tolist())


@pytest.mark.parametrize("dtype", [*WIDE, "float16"])
def test_sums_of_products_keep_their_dtype(dtype):
    """As Keras's: `einsum` sums in the dtype that it gets, int8 in int32."""
    x = np.ones((2, 3), dtype)
    found = call("einsum", "ij->i", x).numpy()
    kept = "int32" if dtype == "int8" else dtype
    assert (found.dtype, found.tolist()) == (kept, x.sum(1).astype(kept).tolist())


def test_counts_of_small_integers_and_of_truth_values():
    for dtype in (*WIDE, "int32", "int64"):
        found = call("bincount", np.resize([1, 0, 1], 450).astype(dtype)).numpy()
        assert (found.dtype, found.tolist()) == (np.int32, [150, 300])


@pytest.mark.parametrize("dtype", [*WIDE, "int64"])
def test_whole_numbers_are_numbers(way, dtype):
    x = np.array([0, 1, np.iinfo(dtype).max if dtype != "bool" else 1]).astype(dtype)
    found = computed(way, "nan_to_num", x)[0]
    assert (found.dtype, found.tolist()) == (dtype, x.tolist())


def test_truth_values_squared_and_cut(way):
    truth = np.array([True, False])
    squared = computed(way, "square", truth)[0]
    assert (squared.dtype, squared.tolist()) == (np.int32, [1, 0])
    found = computed(way, "clip", truth, x_min=-0.5, x_max=1.0)[0]
    assert found.tolist() == [True, False]


def test_what_is_no_number_stays_so_where_it_shrinks(way):
    x = np.float32([NAN, 0.2, -2])
    for name in ("hard_shrink", "soft_shrink"):
        assert np.isnan(computed(way, name, x)[0]).tolist() == [True, False, False]


def test_the_first_exponential_that_is_infinite(way):
    x = np.nextafter(np.float32(88.722839), np.float32([0, 100]))
    x = np.append(x, np.float32(88.722839))
    found = computed(way, "exp", x)[0]
    with np.errstate(over="ignore"):
        wanted = np.exp(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(found, wanted, 1e-6)
