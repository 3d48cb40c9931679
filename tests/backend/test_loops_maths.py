"""How exact native functions are: over all floats, with NaN and infinities."""

import math
from fractions import Fraction

import numpy as np
import pytest
from loop_cases import Compiled, fused, reference, step

from tulle.graph.dim import Dim, Symbol
from tulle.graph.types import dtype_of, tensor_type

N = Symbol("N")
# The largest error measured, in units in the last place, rounded up to a tenth.
ERRORS = {
    "exp": (1.1, np.exp),
    "exp2": (1.0, np.exp2),
    "expm1": (1.5, np.expm1),
    "log": (0.9, np.log),
    "log2": (2.3, np.log2),
    "log10": (1.9, np.log10),
    "log1p": (1.5, np.log1p),
    "tanh": (2.4, np.tanh),
    "sinh": (0.6, np.sinh),
    "cosh": (0.6, np.cosh),
    "sin": (1.5, np.sin),
    "cos": (1.5, np.cos),
    "tan": (3.4, np.tan),
    "erf": (1.8, np.vectorize(math.erf, otypes=[np.float64])),
    "sigmoid": (2.5, lambda x: 1 / (1 + np.exp(-x))),
    "softplus": (1.8, lambda x: np.logaddexp(x, 0)),
    "rsqrt": (1.5, lambda x: 1 / np.sqrt(x)),
    "sqrt": (0.51, np.sqrt),
    "cbrt": (1.1, np.cbrt),
    "arcsin": (1.1, np.arcsin),
    "arccos": (1.1, np.arccos),
    "arctan": (1.1, np.arctan),
    "arcsinh": (2.1, np.arcsinh),
    "arccosh": (3.1, np.arccosh),
    "arctanh": (2.1, np.arctanh),
}
# The same in double, where the exact value is in long double.
ERRORS_OF_DOUBLES = {
    "exp": 1.1,
    "exp2": 1.2,
    "expm1": 2.2,
    "log": 0.9,
    "log2": 2.4,
    "log10": 1.9,
    "log1p": 1.5,
    "tanh": 2.6,
    "erf": 1.5,
    "sigmoid": 2.4,
    "softplus": 1.8,
}
LONG = np.finfo(np.longdouble)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 2, -2, 0.5, -0.5, 3, -3]


def floats(count, seed=0, dtype=np.float32):
    """Floats of all sizes, those near 0 and 1, and special ones; none is subnormal."""
    random = np.random.default_rng(seed)
    whole = np.dtype(f"u{np.dtype(dtype).itemsize}")
    bits = random.integers(0, np.iinfo(whole).max, count, whole, True).view(dtype)
    parts = [bits, SPECIAL, 1 + random.normal(size=count) / 100]
    parts += [random.normal(size=count) * scale for scale in (1e-3, 1, 10, 60)]
    if dtype == np.float64:
        parts += [random.normal(size=count) * scale for scale in (1e-9, 400)]
    with np.errstate(all="ignore"):
        found = np.concatenate([np.asarray(part, dtype) for part in parts])
    smallest = np.finfo(dtype).tiny
    return found[(np.abs(found) >= smallest) | (found == 0) | np.isnan(found)]


def error(got, wanted):
    """Units in the last place; what is no normal number has to be equal."""
    smallest = np.finfo(got.dtype).tiny
    with np.errstate(all="ignore"):
        rounded = wanted.astype(got.dtype)
        units = np.abs(got - wanted) / np.spacing(np.abs(rounded), dtype=got.dtype)
    normal = np.isfinite(rounded) & (np.abs(wanted) > smallest)
    small = np.abs(wanted) <= smallest
    np.testing.assert_array_equal(got[~normal & ~small], rounded[~normal & ~small])
    assert np.all(np.abs(got[small]) <= smallest)
    assert np.all(np.signbit(got[wanted == 0]) == np.signbit(wanted[wanted == 0]))
    return float(np.max(units[normal]))


def run(name, *arrays, dtype="f32", **attributes):
    type = tensor_type(dtype, (Dim.from_symbol(N),))
    body = [step(name, *range(len(arrays)), **attributes)]
    node = fused([type] * len(arrays), body, [-1])
    sizes = {N: len(arrays[0])}
    return Compiled(node).run(arrays, sizes)[0], reference(node, arrays, sizes)[0]


@pytest.mark.parametrize("name", ERRORS)
def test_errors_stay_within_their_bounds(name):
    bound, exact = ERRORS[name]
    x = floats(30_000)
    got, _ = run(name, x)
    with np.errstate(all="ignore"):
        wanted = exact(x.astype(np.float64))
    assert error(got, wanted) <= min(bound, 4)


@pytest.mark.skipif(LONG.precision < 18, reason="no long double to compare with")
@pytest.mark.parametrize("name", ERRORS_OF_DOUBLES)
def test_errors_of_doubles_stay_within_their_bounds(name):
    x = floats(30_000, dtype=np.float64)
    got, _ = run(name, x, dtype="f64")
    exact = ERRORS[name][1]
    with np.errstate(all="ignore"):
        wanted = exact(x if name == "erf" else x.astype(np.longdouble))
    assert error(got, wanted) <= min(ERRORS_OF_DOUBLES[name], 4)


def test_powers():
    random = np.random.default_rng(0)
    special, many = np.float32(SPECIAL), floats(20_000)
    exponents = (random.normal(size=many.size) * 9).astype(np.float32)
    exponents[::3] = np.rint(exponents[::3])
    x = np.concatenate([np.repeat(special, len(special)), many])
    y = np.concatenate([np.tile(special, len(special)), exponents])
    got, _ = run("power", x, y)
    with np.errstate(all="ignore"):
        wanted = np.power(x.astype(np.float64), y.astype(np.float64))
    assert error(got, wanted) <= 0.6


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_many_turns(name):
    """Beyond 1e9 the C library counts turns, for the whole vector."""
    x = np.float32([1e9, 3e9, 1e20, -1e30, 3e38, 1.0, 2.0, 1e5])
    got, _ = run(name, x)
    exact = getattr(np, name)(x.astype(np.float64))
    assert error(got, exact) <= 4


@pytest.mark.parametrize("name", ["maximum", "minimum", "mod", "floor_divide"])
@pytest.mark.parametrize("dtype", ["f32", "f64", "i8", "i32", "i64", "u8", "u32"])
def test_pairs(name, dtype):
    kind = dtype_of(dtype)
    numbers = [*SPECIAL, 7, -7, 2.5, 1e30] if kind.is_float else [0, 1, 2, 3, 7, 100]
    if kind.kind == "i":
        info = np.iinfo(kind.name)
        numbers += [-1, -2, -3, -7, info.min, info.max]
    x = np.repeat(np.asarray(numbers, kind.numpy), len(numbers))
    y = np.tile(np.asarray(numbers, kind.numpy), len(numbers))
    got, wanted = run(name, x, y, dtype=dtype)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    "name", "bitwise_and bitwise_or bitwise_xor bitwise_left_shift".split()
)
@pytest.mark.parametrize("dtype", ["i8", "u16", "i32", "u64"])
def test_bits(name, dtype):
    random = np.random.default_rng(0)
    x, y = random.integers(0, 127, (2, 100)).astype(dtype_of(dtype).numpy)
    if "shift" in name:
        y = y % np.array(8 * y.itemsize + 3, y.dtype)
    got, wanted = run(name, x, y, dtype=dtype)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("source", "bool u8 i8 i32 u32 i64 f16 bf16 f32 f64".split())
@pytest.mark.parametrize(
    "target", "bool u8 i16 i32 u32 i64 u64 f16 bf16 f32 f64".split()
)
def test_casts(source, target):
    random = np.random.default_rng(0)
    x = random.integers(0, 100, 200).astype(dtype_of(source).numpy)
    if dtype_of(source).is_float:
        x = (random.normal(size=200) ** 2 * 10).astype(x.dtype)
    got, wanted = cast(x, source, target)
    np.testing.assert_array_equal(got, wanted)


def cast(x, source, target):
    type = tensor_type(source, (Dim.from_symbol(N),))
    node = fused([type], [step("cast", 0, dtype=dtype_of(target))], [-1])
    sizes = {N: len(x)}
    return Compiled(node).run([x], sizes)[0], reference(node, [x], sizes)[0]


@pytest.mark.parametrize("target", "i8 i32 u32 i64".split())
def test_floats_beyond_an_integer_are_no_accident(target):
    x = np.float32([np.nan, 1e30, -1e30, np.inf])
    one, _ = cast(np.tile(x, 5), "f32", target)
    np.testing.assert_array_equal(one, np.tile(one[:4], 5))


HALF_OPS = ["add", "multiply", "divide", "maximum"]


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("name", HALF_OPS)
def test_halves_are_rounded_once(name, dtype):
    random = np.random.default_rng(0)
    kind = dtype_of(dtype).numpy
    x, y = (random.normal(size=300).astype(kind) for _ in range(2))
    got, wanted = run(name, x, y, dtype=dtype)
    np.testing.assert_array_equal(got, wanted)


def test_a_sum_of_many_halves_keeps_them_all():
    x = np.full(5000, 1, np.float16)
    type = tensor_type("f16", (Dim.from_symbol(N),))
    node = fused([type], [step("sum", 0, axis=(0,))], [-1])
    assert Compiled(node).run([x], {N: 5000})[0] == 5000


def test_a_long_sum_is_exact_to_a_few_units():
    """Lanes and chunks add up fewer numbers each than one running sum."""
    random = np.random.default_rng(0)
    x = random.uniform(size=1_000_003).astype(np.float32)
    node = fused(
        [tensor_type("f32", (Dim.from_symbol(N),))], [step("sum", 0, axis=(0,))], [-1]
    )
    got = Compiled(node).run([x], {N: x.size})[0]
    exact = float(sum(map(Fraction, map(float, x))))
    assert abs(float(got) - exact) / exact < 1e-6
