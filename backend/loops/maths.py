"""Exponentials, logarithms and hyperbolic functions, as polynomials of our own.

Each is within 4 units in the last place of the true value, those of double within 2,
NaN and infinities included (`ERRORS` in the tests has the measured bounds); what lies
below the smallest normal number is 0. `formats.py` has the numbers.
"""

from __future__ import annotations

import math
from math import inf, nan

from .exact import (
    Pair,
    absolute,
    bits,
    copy_sign,
    polynomial,
    quick_sum,
    quotient,
    scaled,
    two_product,
    two_sum,
    unbits,
)
from .formats import (
    EXP2,
    LOG2E,
    LOG2E_LOW,
    LOG10_2,
    LOG10E,
    LOG10E_LOW,
    Format,
    format_of,
)
from .powers import short
from .writer import Ref, Writer

# Exponentials.


def _reduced(x: Ref) -> tuple[Ref, Ref]:
    """x as n log(2) + r: the bits of n + ROUND, and r."""
    return _reduced_pair(x)[:2]


def _reduced_pair(x: Ref) -> tuple[Ref, Ref, Ref]:
    """The same, and what r lacks."""
    writer, numbers = x.writer, format_of(x.type)
    shifted = writer.fma(x, LOG2E, numbers.round)
    n = shifted - numbers.round
    high, low = numbers.ln2
    rest = writer.fma(n, -high, x)
    r = writer.fma(n, -low, rest)
    return bits(shifted), r, writer.fma(n, -low, rest - r)


def exp_near(r: Ref) -> Ref:
    """exp of what is left after a reduction."""
    return r.writer.fma(r * r, polynomial(r, format_of(r.type).exp), r) + 1


def exp(writer: Writer, x: Ref) -> Ref:
    """The exponential function."""
    return _ended(writer, x, exp_share(x, 1), *format_of(x.type).ends)


def exp_share(x: Ref, share: float) -> Ref:
    """A share, a power of two, of exp(x) where it is normal."""
    n, r = _reduced(x)
    return scaled(exp_near(r) * share, n)


def _ended(writer: Writer, x: Ref, value: Ref, low: float, high: float) -> Ref:
    """0 below what can be told from it, infinity above all numbers, NaN for NaN."""
    value = writer.select(writer.compare("olt", x, low), 0, value)
    return writer.select(writer.compare("ole", x, high), value, x + inf)


def exp2(writer: Writer, x: Ref) -> Ref:
    """2 to the power of x."""
    numbers = format_of(x.type)
    shifted = x + numbers.round
    r = x - (shifted - numbers.round)
    if x.type == "float":
        value = writer.fma(r, polynomial(r, EXP2), 1)
    else:
        value = exp_near(r * math.log(2))
    return _ended(writer, x, scaled(value, bits(shifted)), *numbers.exp2_ends)


def expm1_share(x: Ref, share: float) -> Pair:
    """A share, a power of two, of exp(x) - 1 while finite; of a double, as a pair."""
    writer, numbers = x.writer, format_of(x.type)
    n, r, low = _reduced_pair(x)
    unit = scaled(x.number(share), n)
    more = polynomial(r, numbers.expm1)
    if x.type == "float":
        value = writer.fma(unit, writer.fma(r * r, more, r), unit - share)
        return value, value.number(0)
    total, rest = two_sum(unit - share, unit * r)
    return quick_sum(total, writer.fma(unit, writer.fma(r * r, more, low), rest))


def expm1(writer: Writer, x: Ref) -> Ref:
    """exp(x) - 1, exact near 0 too."""
    low, high = format_of(x.type).expm1_ends
    cut = writer.select(writer.compare("ogt", x, high), high, x)
    cut = writer.select(writer.compare("olt", cut, low), low, cut)
    half, _ = expm1_share(cut, 0.5)
    # So small it is x; half of what is hardly normal would be 0.
    small = writer.compare("olt", absolute(x), 2.0 ** -(format_of(x.type).mantissa + 2))
    return writer.select(small, x, half + half)


def tanh(writer: Writer, x: Ref) -> Ref:
    """The hyperbolic tangent."""
    size = absolute(x)
    end = format_of(x.type).tanh_end
    size = writer.select(writer.compare("ogt", size, end), end, size)
    half, _ = expm1_share(size + size, 0.5)
    if x.type == "float":
        return copy_sign(half / (half + 1), x)
    high, low = quotient((half, half.number(0)), two_sum(half, 1))
    return copy_sign(high + low, x)


def erf(writer: Writer, x: Ref) -> Ref:
    """The error function."""
    numbers = format_of(x.type)
    size = absolute(x)
    near = writer.fma(x, polynomial(x * x, numbers.erf), x)
    end = numbers.erf_end
    cut = writer.select(writer.compare("ogt", size, end), end, size)
    n, r = _reduced(-polynomial(cut - numbers.erfc_middle, numbers.erfc))
    far = copy_sign(1 - scaled(exp_near(r), n), x)
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
    exponent = short(e, u.type)
    exponent = writer.select(tiny, exponent - mantissa, exponent)
    return exponent, f, _log_rest(f, numbers)


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


def log_of(writer: Writer, u: Ref, low: Ref | None = None) -> Ref:
    """log(u + low) without its ends."""
    e, f, rest = _logarithm(u, low)
    ln2_high, ln2_low = format_of(u.type).ln2
    return writer.fma(e, ln2_high, writer.fma(e, ln2_low, rest) + f)


def _logged(writer: Writer, x: Ref, value: Ref) -> Ref:
    """The ends of a logarithm: of 0, of what is negative, of infinity."""
    value = writer.select(writer.compare("oeq", x, inf), inf, value)
    below = writer.select(writer.compare("oeq", x, 0), value.number(-inf), nan)
    return writer.select(writer.compare("ogt", x, 0), value, below)


def log(writer: Writer, x: Ref) -> Ref:
    """The natural logarithm."""
    return _logged(writer, x, log_of(writer, x))


def log1p(writer: Writer, x: Ref) -> Ref:
    """log(1 + x), exact near 0 too."""
    u = x + 1
    lost = writer.select(writer.compare("ogt", x, 1), 1 - (u - x), x - (u - 1))
    value = _logged(writer, u, log_of(writer, u, lost))
    return writer.select(writer.compare("oeq", x, 0), x, value)


def log2(writer: Writer, x: Ref) -> Ref:
    """The logarithm to base 2."""
    e, f, rest = _logarithm(x)
    if x.type == "double":
        high, low = two_product(f, LOG2E)
        low = writer.fma(f, LOG2E_LOW, writer.fma(rest, LOG2E, low))
        total, error = quick_sum(e, high)
        return _logged(writer, x, total + (error + low))
    # The factor in two parts: 1.4375 exactly, then what is left of it.
    value = writer.fma(f, LOG2E - 1.4375, writer.fma(rest, LOG2E, f * 1.4375))
    return _logged(writer, x, value + e)


def log10(writer: Writer, x: Ref) -> Ref:
    """The logarithm to base 10."""
    e, f, rest = _logarithm(x)
    if x.type == "float":
        value = writer.fma(rest + f, LOG10E, e * 4.6050389811952137e-06)
        return _logged(writer, x, writer.fma(e, 0.301025390625, value))
    first, less = two_product(e, LOG10_2)
    high, low = two_product(f, LOG10E)
    low = writer.fma(f, LOG10E_LOW, writer.fma(rest, LOG10E, low))
    total, error = quick_sum(first, high)
    return _logged(writer, x, total + ((error + less) + low))
