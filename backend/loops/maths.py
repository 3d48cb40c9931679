"""Exponentials, logarithms and the rest in float, as polynomials of our own.

Each is within 4 units in the last place of the true value, NaN and infinities
included (`ERRORS` in the tests has the measured bounds); what lies below the smallest
normal number is 0. Some count in double, where that is shorter than being careful.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, log, nan, pi

from .libm import lanewise
from .writer import Ref, Writer

LOG2E = 1 / log(2)
# log(2) and pi/2 in two parts, of which the first has zeros at its end.
LN2_HIGH, LN2_LOW = 0.693145751953125, 1.428606820309417e-06
HALF_PI_HIGH, HALF_PI_LOW = 1.5707963267948966, 6.123233995736766e-17
ROUND = 12582912.0  # 1.5 * 2**23: added to a float it leaves a whole number at the end
ROUND_DOUBLE = 6755399441055744.0  # likewise 1.5 * 2**52
LARGEST, SMALLEST = 88.72283935546875, -87.33654022216797  # where exp ends

# Each fits its function with the least relative error, by reweighted least squares.
EXP = (0.5, 0.166665181517601, 0.04166620597243309, 0.008368954062461853,
       0.0013950599823147058)  # fmt: skip
EXPM1 = (0.5, 0.1666666716337204, 0.04166635498404503, 0.00833327416330576,
         0.0013941116631031036, 0.00019913706637453288)  # fmt: skip
EXP2 = (0.6931471824645996, 0.24022650718688965, 0.055503275245428085,
        0.009618005715310574, 0.001340030925348401, 0.000154759269207716)  # fmt: skip
LOG = (0.33333316445350647, -0.2500082552433014, 0.20002374053001404,
       -0.16623997688293457, 0.1417882889509201, -0.13132230937480927,
       0.1290014237165451, -0.07872853428125381)  # fmt: skip
SIN = (-0.1666666716337204, 0.008333329111337662, -0.0001983933470910415,
       2.7183041311218403e-06)  # fmt: skip
COS = (0.04166664555668831, -0.0013887366512790322, 2.4438377295155078e-05)
ERF = (0.1283791065216064, -0.3761253356933594, 0.11282230168581009,
       -0.02678195759654045, 0.005016228184103966, -0.000611129158642143)  # fmt: skip
ERFC = (0.0001664390874793753, 1.127797245979309, 0.6369760036468506,
        0.10411374270915985, -0.02231524884700775, 0.003065499709919095,
        -0.00019822070316877216)  # fmt: skip  # of -log(1 - erf(x)), from 0.9 to 4


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
    writer = x.writer
    shifted = writer.fma(x, LOG2E, ROUND)
    n = shifted - ROUND
    rest = writer.fma(n, -LN2_LOW, writer.fma(n, -LN2_HIGH, x))
    return bits(shifted), rest


def _ended(writer: Writer, x: Ref, value: Ref, low: float, high: float) -> Ref:
    """0 below what can be told from it, infinity above all numbers, NaN for NaN."""
    value = writer.select(writer.compare("olt", x, low), 0, value)
    return writer.select(writer.compare("ole", x, high), value, x + inf)


def _exp(writer: Writer, x: Ref) -> Ref:
    n, r = _reduced(x)
    value = writer.fma(r * r, polynomial(r, EXP), r) + 1
    return _ended(writer, x, unbits(bits(value) + (n << 23)), SMALLEST, LARGEST)


def _exp2(writer: Writer, x: Ref) -> Ref:
    shifted = x + ROUND
    r = x - (shifted - ROUND)
    value = writer.fma(r, polynomial(r, EXP2), 1)
    found = unbits(bits(value) + (bits(shifted) << 23))
    return _ended(writer, x, found, -126, 127.99999237060547)


def _half_expm1(x: Ref) -> tuple[Ref, Ref]:
    """Half of exp(x) - 1 for numbers between -30 and 89, and half of 2**n in it."""
    writer = x.writer
    n, r = _reduced(x)
    half = unbits((n << 23) + (126 << 23))
    part = writer.fma(r * r, polynomial(r, EXPM1), r)
    return writer.fma(half, part, half - 0.5), half


def _expm1(writer: Writer, x: Ref) -> Ref:
    cut = writer.select(writer.compare("ogt", x, 89), 89, x)
    cut = writer.select(writer.compare("olt", cut, -30), -30, cut)
    half, _ = _half_expm1(cut)
    return writer.select(writer.compare("oeq", x, 0), x, half + half)


def _tanh(writer: Writer, x: Ref) -> Ref:
    size = writer.call("fabs", x)
    size = writer.select(writer.compare("ogt", size, 10), 10, size)
    half, _ = _half_expm1(size + size)
    return copy_sign(half / (half + 1), x)


def _erf(writer: Writer, x: Ref) -> Ref:
    size = writer.call("fabs", x)
    near = writer.fma(x, polynomial(x * x, ERF), x)
    cut = writer.select(writer.compare("ogt", size, 4), 4, size)
    n, r = _reduced(-polynomial(cut, ERFC))
    tail = writer.fma(r * r, polynomial(r, EXP), r) + 1
    far = copy_sign(1 - unbits(bits(tail) + (n << 23)), x)
    return writer.select(writer.compare("ult", size, 0.9), near, far)


# Logarithms.


def _logarithm(u: Ref, low: Ref | None = None) -> tuple[Ref, Ref, Ref]:
    """log(u + low) as e log(2) + f + rest, with f the larger part: e, f, rest."""
    writer = u.writer
    tiny = writer.compare("olt", u, 1.1754943508222875e-38)
    u = writer.select(tiny, u * 8388608.0, u)
    whole = bits(u)
    # The exponent, such that what is left lies around 1.
    e = (whole - 0x3F3504F3) >> 23
    f = unbits(whole - (e << 23)) - 1
    if low is not None:
        shift = writer.call("smax", 127 - e, e.number(1))
        f = writer.fma(low, unbits(shift << 23), f)
    exponent = writer.convert("sitofp", e, "float")
    exponent = writer.select(tiny, exponent - 23, exponent)
    square = f * f
    rest = writer.fma(square, -0.5, f * square * polynomial(f, LOG))
    return exponent, f, rest


def _logged(writer: Writer, x: Ref, value: Ref) -> Ref:
    """The ends of a logarithm: of 0, of what is negative, of infinity."""
    value = writer.select(writer.compare("oeq", x, inf), inf, value)
    below = writer.select(writer.compare("oeq", x, 0), value.number(-inf), nan)
    return writer.select(writer.compare("ogt", x, 0), value, below)


def _log(writer: Writer, x: Ref) -> Ref:
    e, f, rest = _logarithm(x)
    value = writer.fma(e, LN2_HIGH, writer.fma(e, LN2_LOW, rest) + f)
    return _logged(writer, x, value)


def _log1p(writer: Writer, x: Ref) -> Ref:
    u = x + 1
    lost = writer.select(writer.compare("ogt", x, 1), 1 - (u - x), x - (u - 1))
    e, f, rest = _logarithm(u, lost)
    value = writer.fma(e, LN2_HIGH, writer.fma(e, LN2_LOW, rest) + f)
    value = _logged(writer, u, value)
    return writer.select(writer.compare("oeq", x, 0), x, value)


def _log2(writer: Writer, x: Ref) -> Ref:
    e, f, rest = _logarithm(x)
    # The factor in two parts: 1.4427 exactly, then what is left of it.
    value = writer.fma(f, LOG2E - 1.4375, writer.fma(rest, LOG2E, f * 1.4375))
    return _logged(writer, x, value + e)


def _log10(writer: Writer, x: Ref) -> Ref:
    e, f, rest = _logarithm(x)
    value = writer.fma(rest + f, 1 / log(10), e * 4.6050389811952137e-06)
    return _logged(writer, x, writer.fma(e, 0.301025390625, value))


# By way of double.


def _double(x: Ref) -> Ref:
    return x.writer.convert("fpext", x, "double")


def _float(x: Ref) -> Ref:
    return x.writer.convert("fptrunc", x, "float")


def _exp2_double(x: Ref, least: int) -> Ref:
    """2 ** x for numbers from -1000 to 1000; relative error below 1e-14 by terms."""
    shifted = x + ROUND_DOUBLE
    r = (x - (shifted - ROUND_DOUBLE)) * log(2)
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
    # A short exponent: conversions of 64 bits are slow on older machines.
    exponent = writer.convert("trunc", e, "i32")
    return writer.fma(s, odd, writer.convert("sitofp", exponent, "double"))


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
    shifted = writer.fma(wide, 2 / pi, ROUND_DOUBLE)
    n = shifted - ROUND_DOUBLE
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


SINGLE: dict[str, Callable[..., Ref]] = {
    "exp": _exp,
    "exp2": _exp2,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "log2": _log2,
    "log10": _log10,
    "tanh": _tanh,
    "erf": _erf,
    "pow": _pow,
    "sinh": _sinh,
    "cosh": _cosh,
    "sin": _circular("sin", _sin),
    "cos": _circular("cos", _cos),
    "tan": _circular("tan", _tan),
}
