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
    "cbrt": (0.51, np.cbrt),
    "arcsin": (0.51, np.arcsin),
    "arccos": (0.51, np.arccos),
    "arctan": (0.51, np.arctan),
    "arcsinh": (0.51, np.arcsinh),
    "arccosh": (0.51, np.arccosh),
    "arctanh": (0.51, np.arctanh),
}
# The same in double, where the exact value is in long double.
ERRORS_OF_DOUBLES = {
    "exp": 1.1,
    "exp2": 1.2,
    "expm1": 1.2,
    "log": 0.9,
    "log2": 1.2,
    "log10": 0.9,
    "log1p": 1.5,
    "tanh": 1.7,
    "sinh": 1.8,
    "cosh": 1.5,
    "sin": 0.8,
    "cos": 0.8,
    "tan": 1.0,
    "erf": 1.5,
    "sigmoid": 2.4,
    "softplus": 1.8,
    "cbrt": 0.51,
    "arcsin": 1.2,
    "arccos": 1.2,
    "arctan": 1.5,
    "arcsinh": 1.6,
    "arccosh": 1.6,
    "arctanh": 1.6,
}
# Functions of two numbers, in float and in double.
ERRORS_OF_PAIRS = {"power": (0.6, 0.8), "arctan2": (0.51, 1.6), "hypot": (0.51, 1.2)}
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


def pairs(name, dtype, count=20_000):
    """All pairs of special numbers, and numbers of all sizes with others that suit."""
    random = np.random.default_rng(0)
    special, many = np.asarray(SPECIAL, dtype), floats(count, dtype=dtype)
    with np.errstate(all="ignore"):
        bits = np.abs(np.log2(np.abs(many.astype(np.float64))))
        limit = np.log2(float(np.finfo(dtype).max)) / bits
    others = random.uniform(-1.1, 1.1, many.size)
    if name == "power":
        others = np.clip(np.nan_to_num(others * limit), -1e30, 1e30)
        others[::3] = np.rint(random.normal(size=others[::3].size) * 9)
    else:
        with np.errstate(all="ignore"):
            others = many * others
            others[::3] = np.roll(many, 1)[::3]
    with np.errstate(all="ignore"):
        others = others.astype(dtype)
    x = np.concatenate([np.repeat(special, len(special)), many])
    return x, np.concatenate([np.tile(special, len(special)), others])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ERRORS_OF_PAIRS)
def test_errors_of_pairs_stay_within_their_bounds(name, dtype):
    wide, place = (np.float64, 0) if dtype == np.float32 else (np.longdouble, 1)
    if place and LONG.precision < 18:
        pytest.skip("no long double to compare with")
    x, y = pairs(name, dtype)
    got, _ = run(name, x, y, dtype=("f32", "f64")[place])
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x.astype(wide), y.astype(wide))
    assert error(got, wanted) <= ERRORS_OF_PAIRS[name][place]


@pytest.mark.skipif(LONG.precision < 18, reason="no long double to compare with")
def test_powers_near_the_ends_of_doubles():
    """Exponents of a thousand are where a logarithm has to have the most digits."""
    random = np.random.default_rng(0)
    x = np.exp(random.uniform(-200, 200, 20_000))
    y = random.uniform(-1022, 1024, x.size) / np.log2(x)
    x[:3], y[:3] = (1 + 2**-52, 1 - 2**-53, 2), (2.0**61, 2.0**62, 1023)
    got, _ = run("power", x, y, dtype="f64")
    with np.errstate(all="ignore"):
        wanted = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    assert error(got, wanted) <= 0.8


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_many_turns(name):
    """Beyond 1e9 the C library counts turns."""
    x = np.float32([1e9, 3e9, 1e20, -1e30, 3e38, 1.0, 2.0, 1e5])
    got, _ = run(name, x)
    exact = getattr(np, name)(x.astype(np.float64))
    assert error(got, exact) <= 4


@pytest.mark.skipif(LONG.precision < 18, reason="no long double to compare with")
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_turns_of_doubles(name):
    """Doubles nearest to multiples of pi / 2, where digits go, and far ones."""
    n = np.concatenate([np.arange(1, 3000), np.arange(1, 600_000_000, 99_991)])
    near = (n * (np.pi / 2)).astype(np.float64)
    hard = [1e300, 1.7e308, 1e22, -2e9, 1e15]
    x = np.concatenate([near, -near, hard])
    got, _ = run(name, x, dtype="f64")
    exact = getattr(np, name)(x.astype(np.longdouble))
    assert error(got, exact) <= 1.1


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("name", ["sin", "cos", "tan", "mod"])
def test_what_stands_beside_changes_no_bits(name, dtype):
    """The C library, asked for one number of a vector, answers for that alone."""
    x = np.random.default_rng(0).normal(size=64).astype(dtype_of(dtype).numpy) * 90
    rest = [np.full_like(x, 0.7)] if name == "mod" else []
    alone, _ = run(name, x, *rest, dtype=dtype)
    crowded = x.copy()
    crowded[::5] = 3e30
    got, _ = run(name, crowded, *rest, dtype=dtype)
    kept = np.arange(64) % 5 > 0
    np.testing.assert_array_equal(got[kept], alone[kept])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sin", "tan", "arctan", "arcsin", "sinh", "cbrt"])
def test_zeros_keep_their_sign(name, dtype):
    zeros = np.array([0.0, -0.0] * 8, dtype)
    got, _ = run(name, zeros, dtype="f32" if dtype == np.float32 else "f64")
    np.testing.assert_array_equal(got, zeros)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(zeros))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["expm1", "sinh", "tanh", "arctan2"])
def test_what_is_hardly_normal_keeps_its_digits(name, dtype):
    sizes = np.array([1, 1.5, 1.75, 2, 3, 5, 2.0**40], dtype) * np.finfo(dtype).tiny
    x = np.concatenate([sizes, -sizes])
    given = [x]
    if name == "arctan2":
        given = [np.repeat(x, x.size), np.tile(x, x.size)]
    got, _ = run(name, *given, dtype="f32" if dtype == np.float32 else "f64")
    wanted = getattr(np, name)(*(each.astype(np.longdouble) for each in given))
    np.testing.assert_allclose(got, wanted, 2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["mod", "floor_divide"])
def test_rests_have_no_error(name, dtype):
    x, y = pairs(name, dtype)
    got, wanted = run(name, x, y, dtype="f32" if dtype == np.float32 else "f64")
    smallest = np.finfo(dtype).tiny
    normal = ~(np.abs(wanted) < smallest) | (wanted == 0)
    np.testing.assert_array_equal(got[normal], wanted[normal])


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
