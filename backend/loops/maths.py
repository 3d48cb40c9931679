"""Exponentials, logarithms and the rest, as polynomials of our own.

Each is within 4 units in the last place of the true value, NaN and infinities
included (`ERRORS` in the tests has the measured bounds); what lies below the smallest
normal number is 0. Some of float count in double, where that is shorter than being
careful. `formats.py` has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, log, nan, pi

from .formats import COS, EXP2, LOG2E, LOG10E, SIN, Format, format_of
from .libm import lanewise
from .writer import Ref, Writer

ROUND = format_of("double").round
# pi / 2 in two parts.
HALF_PI_HIGH, HALF_PI_LOW = 1.5707963267948966, 6.123233995736766e-17


def polynomial(x: Ref, coefficients: Sequence[float]) -> Ref:
    """The sum of coefficients times powers of x, the constant one first."""
    found: Ref = x.writer.wide(x.number(coefficients[-1]), x.lanes)
    for coefficient in reversed(coefficients[:-1]):
        found = x.writer.fma(found, x, coefficient)
    return found


def bits(x: Ref) -> Ref:
    """A float's bits."""
    return x.writer.convert("bitcast", x, "i64" if x.type == "double" else "i32")


def unbits(x: Ref) -> Ref:
    """The float of bits."""
    return x.writer.convert("bitcast", x, "double" if x.type == "i64" else "float")


def copy_sign(x: Ref, sign: Ref) -> Ref:
    """The absolute value of x with the sign of another."""
    return x.writer.call("copysign", x, sign)


# Exponentials.


def _reduced(x: Ref) -> tuple[Ref, Ref]:
    """x as n log(2) + r: the bits of n + ROUND, and r."""
    writer, numbers = x.writer, format_of(x.type)
    shifted = writer.fma(x, LOG2E, numbers.round)
    n = shifted - numbers.round
    high, low = numbers.ln2
    rest = writer.fma(n, -low, writer.fma(n, -high, x))
    return bits(shifted), rest


def _exp_near(r: Ref) -> Ref:
    """exp of what is left after a reduction."""
    return r.writer.fma(r * r, polynomial(r, format_of(r.type).exp), r) + 1


def _scaled(value: Ref, n: Ref) -> Ref:
    """value * 2**n for a normal value, where the last bits of n are its own."""
    return unbits(bits(value) + (n << format_of(value.type).mantissa))


def _ended(writer: Writer, x: Ref, value: Ref, low: float, high: float) -> Ref:
    """0 below what can be told from it, infinity above all numbers, NaN for NaN."""
    value = writer.select(writer.compare("olt", x, low), 0, value)
    return writer.select(writer.compare("ole", x, high), value, x + inf)


def _exp(writer: Writer, x: Ref) -> Ref:
    n, r = _reduced(x)
    return _ended(writer, x, _scaled(_exp_near(r), n), *format_of(x.type).ends)


def _exp2(writer: Writer, x: Ref) -> Ref:
    numbers = format_of(x.type)
    shifted = x + numbers.round
    r = x - (shifted - numbers.round)
    if x.type == "float":
        value = writer.fma(r, polynomial(r, EXP2), 1)
    else:
        value = _exp_near(r * log(2))
    return _ended(writer, x, _scaled(value, bits(shifted)), *numbers.exp2_ends)


def _half_expm1(x: Ref) -> tuple[Ref, Ref]:
    """Half of exp(x) - 1 where that is finite, and half of 2**n in it."""
    writer, numbers = x.writer, format_of(x.type)
    n, r = _reduced(x)
    half = _scaled(x.number(0.5), n)
    part = writer.fma(r * r, polynomial(r, numbers.expm1), r)
    return writer.fma(half, part, half - 0.5), half


def _expm1(writer: Writer, x: Ref) -> Ref:
    low, high = format_of(x.type).expm1_ends
    cut = writer.select(writer.compare("ogt", x, high), high, x)
    cut = writer.select(writer.compare("olt", cut, low), low, cut)
    half, _ = _half_expm1(cut)
    return writer.select(writer.compare("oeq", x, 0), x, half + half)


def _tanh(writer: Writer, x: Ref) -> Ref:
    size = writer.call("fabs", x)
    end = format_of(x.type).tanh_end
    size = writer.select(writer.compare("ogt", size, end), end, size)
    half, _ = _half_expm1(size + size)
    return copy_sign(half / (half + 1), x)


def _erf(writer: Writer, x: Ref) -> Ref:
    numbers = format_of(x.type)
    size = writer.call("fabs", x)
    near = writer.fma(x, polynomial(x * x, numbers.erf), x)
    end = numbers.erf_end
    cut = writer.select(writer.compare("ogt", size, end), end, size)
    n, r = _reduced(-polynomial(cut - numbers.erfc_middle, numbers.erfc))
    far = copy_sign(1 - _scaled(_exp_near(r), n), x)
    return writer.select(writer.compare("ult", size, 0.9), near, far)


# Logarithms.


def _logarithm(u: Ref, low: Ref | None = None) -> tuple[Ref, Ref, Ref]:
    """log(u + low) as e log(2) + f + rest, with f the larger part: e, f, rest."""
    writer, numbers = u.writer, format_of(u.type)
    mantissa = numbers.mantissa
    tiny = writer.compare("olt", u, numbers.least)
    u = writer.select(tiny, u * 2.0**mantissa, u)
    whole = bits(u)
    # The exponent, such that what is left lies around 1.
    e = (whole - numbers.root_half) >> mantissa
    f = unbits(whole - (e << mantissa)) - 1
    if low is not None:
        shift = writer.call("smax", numbers.bias - e, e.number(1))
        f = writer.fma(low, unbits(shift << mantissa), f)
    exponent = _short(e, u.type)
    exponent = writer.select(tiny, exponent - mantissa, exponent)
    return exponent, f, _log_rest(f, numbers)


def _short(e: Ref, type: str) -> Ref:
    """An exponent as a float; conversions of 64 bits are slow on older machines."""
    writer = e.writer
    short = writer.convert("trunc", e, "i32") if e.type == "i64" else e
    return writer.convert("sitofp", short, type)


def _log_rest(f: Ref, numbers: Format) -> Ref:
    """log(1 + f) - f."""
    writer = f.writer
    square = f * f
    if f.type == "float":
        return writer.fma(square, -0.5, f * square * polynomial(f, numbers.log))
    # With s = f / (2 + f), log(1 + f) is f - f**2 / 2 + s (f**2 / 2 + 2 s**2 / 3 ...).
    s = f / (f + 2)
    z = s * s
    odd = z * polynomial(z, numbers.log)
    return writer.fma(square, -0.5, s * writer.fma(square, 0.5, odd))


def _log_of(writer: Writer, u: Ref, low: Ref | None = None) -> Ref:
    """log(u + low) without its ends."""
    e, f, rest = _logarithm(u, low)
    ln2_high, ln2_low = format_of(u.type).ln2
    return writer.fma(e, ln2_high, writer.fma(e, ln2_low, rest) + f)


def _logged(writer: Writer, x: Ref, value: Ref) -> Ref:
    """The ends of a logarithm: of 0, of what is negative, of infinity."""
    value = writer.select(writer.compare("oeq", x, inf), inf, value)
    below = writer.select(writer.compare("oeq", x, 0), value.number(-inf), nan)
    return writer.select(writer.compare("ogt", x, 0), value, below)


def _log(writer: Writer, x: Ref) -> Ref:
    return _logged(writer, x, _log_of(writer, x))


def _log1p(writer: Writer, x: Ref) -> Ref:
    u = x + 1
    lost = writer.select(writer.compare("ogt", x, 1), 1 - (u - x), x - (u - 1))
    value = _logged(writer, u, _log_of(writer, u, lost))
    return writer.select(writer.compare("oeq", x, 0), x, value)


def _log2(writer: Writer, x: Ref) -> Ref:
    e, f, rest = _logarithm(x)
    # The factor in two parts: 1.4427 exactly, then what is left of it.
    value = writer.fma(f, LOG2E - 1.4375, writer.fma(rest, LOG2E, f * 1.4375))
    return _logged(writer, x, value + e)


def _log10(writer: Writer, x: Ref) -> Ref:
    e, f, rest = _logarithm(x)
    value = writer.fma(rest + f, LOG10E, e * 4.6050389811952137e-06)
    return _logged(writer, x, writer.fma(e, 0.301025390625, value))


# By way of double.


def _double(x: Ref) -> Ref:
    return x.writer.convert("fpext", x, "double")


def _float(x: Ref) -> Ref:
    return x.writer.convert("fptrunc", x, "float")


def _exp2_double(x: Ref, least: int) -> Ref:
    """2 ** x for numbers from -1000 to 1000; relative error below 1e-14 by terms."""
    shifted = x + ROUND
    r = (x - (shifted - ROUND)) * log(2)
    terms, factor = [1.0], 1.0
    for n in range(1, least):
        factor /= n
        terms.append(factor)
    return unbits(bits(polynomial(r, terms)) + (bits(shifted) << 52))


def _log2_double(x: Ref) -> Ref:
    """log2 of a positive double that was a float; relative error below 1e-13."""
    writer = x.writer
    whole = bits(x)
    e = (whole - 0x3FE6A09E667F3BCD) >> 52
    m = unbits(whole - (e << 52))
    s = (m - 1) / (m + 1)
    odd = polynomial(s * s, [2 * LOG2E / n for n in range(1, 17, 2)])
    return writer.fma(s, odd, _short(e, "double"))


def _pow(writer: Writer, x: Ref, y: Ref) -> Ref:
    size = writer.call("fabs", x)
    exponent = _double(y) * _log2_double(_double(size))
    high = writer.select(writer.compare("ogt", exponent, 200), 200, exponent)
    cut = writer.select(writer.compare("olt", high, -200), -200, high)
    value = _float(_exp2_double(cut, 10))
    value = _pow_of_ends(writer, size, y, value)
    # A negative base takes whole exponents only, and keeps its sign in odd ones.
    whole = writer.compare("oeq", writer.call("floor", y), y)
    half = y * 0.5
    odd = whole & writer.compare("one", writer.call("floor", half), half)
    negative = writer.compare("slt", bits(x), 0)
    value = writer.select(negative & odd, -value, value)
    finite = writer.compare("olt", size, inf) & writer.compare("ogt", size, 0)
    # An infinite exponent counts as whole.
    bad = negative & finite & writer.compare("one", writer.call("floor", y), y)
    value = writer.select(bad, nan, value)
    one = writer.compare("oeq", x, 1) | writer.compare("oeq", y, 0)
    return writer.select(one, 1, value)


def _pow_of_ends(writer: Writer, size: Ref, y: Ref, value: Ref) -> Ref:
    """|x| ** y where |x| is 0, 1 or infinite, or where something is NaN."""
    up = writer.compare("ogt", y, 0)
    of_zero = writer.select(up, value.number(0), inf)
    of_infinity = writer.select(up, value.number(inf), 0)
    value = writer.select(writer.compare("oeq", size, 0), of_zero, value)
    value = writer.select(writer.compare("oeq", size, inf), of_infinity, value)
    value = writer.select(writer.compare("oeq", size, 1), 1, value)
    return writer.select(writer.compare("uno", size, y), nan, value)


def _sinh(writer: Writer, x: Ref) -> Ref:
    wide = _double(x)
    e = _exp_for_hyperbolic(wide)
    square = wide * wide
    terms = [1.0, 1 / 6, 1 / 120, 1 / 5040, 1 / 362880]
    near = wide * polynomial(square, terms)
    far = (e - 1 / e) * 0.5
    small = writer.compare("olt", writer.call("fabs", wide), 0.5)
    return _float(writer.select(small, near, far))


def _cosh(writer: Writer, x: Ref) -> Ref:
    e = _exp_for_hyperbolic(_double(x))
    return _float((e + 1 / e) * 0.5)


def _exp_for_hyperbolic(wide: Ref) -> Ref:
    writer = wide.writer
    cut = writer.select(writer.compare("ogt", wide, 100), 100, wide)
    cut = writer.select(writer.compare("olt", cut, -100), -100, cut)
    return _exp2_double(cut * LOG2E, 12)


# Circles.


def _turned(x: Ref) -> tuple[Ref, Ref, Ref]:
    """Sine and cosine of what is left of x after quarter turns, and their number."""
    writer = x.writer
    wide = _double(x)
    shifted = writer.fma(wide, 2 / pi, ROUND)
    n = shifted - ROUND
    r = writer.fma(n, -HALF_PI_LOW, writer.fma(n, -HALF_PI_HIGH, wide))
    short = _float(r)
    square = short * short
    sine = writer.fma(short * square, polynomial(square, SIN), short)
    even = writer.fma(square * square, polynomial(square, COS), square * -0.5)
    return sine, even + 1, writer.convert("trunc", bits(shifted), "i32")


def _circular(name: str, value: Callable[[Writer, Ref], Ref]) -> Callable[..., Ref]:
    """A function that calls the C library where turns are too many to count."""

    def function(writer: Writer, x: Ref) -> Ref:
        far = writer.any_lane(writer.compare("ogt", writer.call("fabs", x), 1e9))
        return writer.either(
            far, lambda: lanewise(writer, name, x), lambda: value(writer, x)
        )

    return function


def _sin(writer: Writer, x: Ref) -> Ref:
    return _quarter(writer, *_turned(x))


def _cos(writer: Writer, x: Ref) -> Ref:
    sine, cosine, quarter = _turned(x)
    return _quarter(writer, sine, cosine, quarter + 1)


def _quarter(writer: Writer, sine: Ref, cosine: Ref, quarter: Ref) -> Ref:
    """The sine so many quarter turns further."""
    odd = writer.compare("ne", quarter & 1, 0)
    value = writer.select(odd, cosine, sine)
    return unbits(bits(value) ^ ((quarter & 2) << 30))


def _tan(writer: Writer, x: Ref) -> Ref:
    sine, cosine, quarter = _turned(x)
    odd = writer.compare("ne", quarter & 1, 0)
    top = writer.select(odd, -cosine, sine)
    return top / writer.select(odd, sine, cosine)


# Functions of float and double, and those of float alone.
BOTH: dict[str, Callable[..., Ref]] = {
    "exp": _exp,
    "exp2": _exp2,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "log2": _log2,
    "log10": _log10,
    "tanh": _tanh,
    "erf": _erf,
}
SINGLE: dict[str, Callable[..., Ref]] = {
    "pow": _pow,
    "sinh": _sinh,
    "cosh": _cosh,
    "sin": _circular("sin", _sin),
    "cos": _circular("cos", _cos),
    "tan": _circular("tan", _tan),
}
NATIVE = {"float": {**BOTH, **SINGLE}, "double": BOTH}
