"""Powers, roots, lengths and rests.

Powers of doubles come from a logarithm with 65 digits of two and are within one unit in
the last place, those of floats go by way of double; a rest of a division has no error.
"""

from __future__ import annotations

from math import inf, log, nan

from .exact import (
    ROUND,
    Pair,
    absolute,
    bits,
    copy_sign,
    polynomial,
    quick_sum,
    scaled,
    to_double,
    to_float,
    two_product,
    two_sum,
    unbits,
)
from .formats import ATANH, DOUBLE, LOG2E, THIRD_POWER
from .libm import lanewise
from .writer import Ref, Writer

LN2 = 0.6931471805599453, 2.3190468138462996e-17
TWO_LOG2E = 2.8853900817779268, 4.0710547481862066e-17
THIRD = 0.3333333333333333, 1.850371707708594e-17
CBRT2, CBRT4 = 1.2599210498948732, 1.5874010519681994


def short(e: Ref, type: str) -> Ref:
    """An exponent as a float; conversions of 64 bits are slow on older machines."""
    writer = e.writer
    short = writer.convert("trunc", e, "i32") if e.type == "i64" else e
    return writer.convert("sitofp", short, type)


# Powers of floats.


def exp2_double(x: Ref, least: int) -> Ref:
    """2 ** x for numbers from -1000 to 1000; relative error below 1e-14 by terms."""
    shifted = x + ROUND
    r = (x - (shifted - ROUND)) * log(2)
    terms, factor = [1.0], 1.0
    for n in range(1, least):
        factor /= n
        terms.append(factor)
    return scaled(polynomial(r, terms), bits(shifted))


def _log2_double(x: Ref) -> Ref:
    """log2 of a positive double that was a float; relative error below 1e-13."""
    writer = x.writer
    whole = bits(x)
    e = (whole - DOUBLE.root_half) >> 52
    m = unbits(whole - (e << 52))
    s = (m - 1) / (m + 1)
    odd = polynomial(s * s, [2 * LOG2E / n for n in range(1, 17, 2)])
    return writer.fma(s, odd, short(e, "double"))


def pow_float(writer: Writer, x: Ref, y: Ref) -> Ref:
    """A float to the power of another."""
    size = absolute(x)
    exponent = to_double(y) * _log2_double(to_double(size))
    high = writer.select(writer.compare("ogt", exponent, 200), 200, exponent)
    cut = writer.select(writer.compare("olt", high, -200), -200, high)
    return _ended(writer, x, y, to_float(exp2_double(cut, 10)))


def _ended(writer: Writer, x: Ref, y: Ref, value: Ref) -> Ref:
    """x ** y, where `value` is |x| ** y but for special numbers."""
    size = absolute(x)
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


# Powers of doubles.


def pow_double(writer: Writer, x: Ref, y: Ref) -> Ref:
    """A double to the power of another."""
    high, low = _log2_pair(absolute(x))
    exponent, error = two_product(y, high)
    error = writer.fma(y, low, error)
    inside = writer.compare("olt", absolute(exponent), 1100)
    error = writer.select(inside, error, 0)
    return _ended(writer, x, y, _exp2_of_pair(exponent, error))


def _log2_pair(x: Ref) -> Pair:
    """log2 of a positive double; the relative error of the pair is below 2**-64."""
    writer = x.writer
    tiny = writer.compare("olt", x, DOUBLE.least)
    whole = bits(writer.select(tiny, x * 2.0**52, x))
    e = (whole - DOUBLE.root_half) >> 52
    m = unbits(whole - (e << 52))
    exponent = short(e, "double")
    exponent = writer.select(tiny, exponent - 52, exponent)
    # log2(m) is 2 log2(e) times the area whose hyperbolic tangent is s.
    f = m - 1
    below, missing = two_sum(m, 1)
    inverse = 1 / below
    s = f * inverse
    less = (writer.fma(-s, below, f) - s * missing) * inverse
    high, low = _area(s, less)
    product, error = two_product(high, TWO_LOG2E[0])
    error = writer.fma(high, TWO_LOG2E[1], writer.fma(low, TWO_LOG2E[0], error))
    total, rest = quick_sum(exponent, product)
    return quick_sum(total, rest + error)


def _area(s: Ref, less: Ref) -> Pair:
    """The area whose hyperbolic tangent is s + less, below 0.18: s + s**3 / 3 + …"""
    writer = s.writer
    z, z_low = two_product(s, s)
    z_low = writer.fma(s + s, less, z_low)
    sum_, sum_low = quick_sum(THIRD[0], z * polynomial(z, ATANH))
    sum_low = sum_low + THIRD[1]
    cube, cube_low = two_product(z, sum_)
    cube_low = cube_low + writer.fma(z, sum_low, z_low * sum_)
    more, more_low = two_product(s, cube)
    more_low = more_low + writer.fma(s, cube_low, less * cube)
    high, low = quick_sum(s, more)
    return high, low + (more_low + less)


def _exp2_of_pair(exponent: Ref, error: Ref) -> Ref:
    """2 to the power of a pair."""
    writer = exponent.writer
    cut = writer.select(writer.compare("ogt", exponent, 1024.5), 1024.5, exponent)
    cut = writer.select(writer.compare("olt", cut, -1022.5), -1022.5, cut)
    shifted = cut + ROUND
    n = shifted - ROUND
    r, error = two_sum(cut - n, error)
    t, low = two_product(r, LN2[0])
    low = writer.fma(error, LN2[0], writer.fma(r, LN2[1], low))
    small = writer.fma(t * t, polynomial(t, DOUBLE.exp), writer.fma(t, low, low))
    total, rest = quick_sum(1, t)
    found = total + (rest + small)
    over = writer.compare("ogt", n, 1023) & writer.compare("oge", found, 1)
    value = scaled(found, bits(shifted))
    value = writer.select(writer.compare("olt", value, DOUBLE.least), 0, value)
    return writer.select(over, inf, value)


# Roots and lengths.


def cbrt(writer: Writer, x: Ref) -> Ref:
    """The cubic root of a double, from that of its inverse."""
    size = absolute(x)
    whole = bits(size)
    e = (whole >> 52) - 1023
    m = unbits(whole - (e << 52))
    exponent = short(e, "double")
    third = writer.call("floor", (exponent + 0.5) * THIRD[0])
    left = exponent - third * 3
    one, two = (writer.compare("oeq", left, n) for n in (1, 2))
    factor = writer.select(two, m.number(1 / CBRT4), 1)
    factor = writer.select(one, m.number(1 / CBRT2), factor)
    y = polynomial(m, THIRD_POWER) * factor
    m = m * writer.select(two, m.number(4), writer.select(one, m.number(2), 1))
    gap = writer.fma(-(m * y), y * y, 1)
    y = writer.fma(y * gap, polynomial(gap, [1 / 3, 2 / 9, 14 / 81]), y)
    square = y * y
    root = m * square
    high, low = two_product(root, root)
    rest = writer.fma(-high, root, m) - low * root
    root = writer.fma(rest, square * THIRD[0], root)
    value = copy_sign(scaled(root, bits(third + ROUND)), x)
    normal = writer.compare("ogt", size, 0) & writer.compare("olt", size, inf)
    return writer.select(normal, value, x)


def hypot(writer: Writer, x: Ref, y: Ref) -> Ref:
    """The length of a pair of doubles, whose squares need not be doubles."""
    x, y = absolute(x), absolute(y)
    huge, usual = (
        writer.compare("ogt", x, limit) | writer.compare("ogt", y, limit)
        for limit in (2.0**500, 2.0**-400)
    )
    scale, back = (
        writer.select(usual, writer.select(huge, x.number(1 / factor), 1), factor)
        for factor in (2.0**600, 2.0**-600)
    )
    one, two = x * scale, y * scale
    value = writer.call("sqrt", writer.fma(one, one, two * two)) * back
    endless = writer.compare("oeq", x, inf) | writer.compare("oeq", y, inf)
    return writer.select(endless, inf, value)


# Rests.


def fmod(writer: Writer, x: Ref, y: Ref) -> Ref:
    """What a division that is cut leaves of x; the C library counts in long ones."""
    size = absolute(y)
    count = writer.call("trunc", x / y)
    rest = writer.fma(-count, y, x)
    # A quotient that was rounded up to a whole one has left too little.
    turned = writer.compare("slt", bits(x) ^ bits(rest), 0)
    under = turned & writer.compare("one", rest, 0)
    near = writer.select(under, rest + copy_sign(size, x), rest)
    near = writer.select(writer.compare("oeq", size, inf), x - x + x, near)
    limit = 2.0 ** (52 if x.type == "double" else 23)
    far = writer.compare("oge", absolute(count), limit)

    def mended() -> Ref:
        return writer.select(far, lanewise(writer, "fmod", x, y), near)

    return writer.either(writer.any_lane(far), mended, lambda: near)
