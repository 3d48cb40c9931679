"""Hyperbolic functions and their inverses; of float by way of double."""

from __future__ import annotations

from math import inf, log, nan

from .exact import (
    absolute,
    copy_sign,
    polynomial,
    quick_sum,
    quotient,
    to_double,
    to_float,
    two_product,
    two_sum,
)
from .formats import LOG2E
from .maths import exp_share, expm1_share, log_of
from .powers import exp2_double
from .writer import Ref, Writer

END = 710.6  # behind it sinh and cosh of a double are infinite
LARGE, SMALL = 2.0**28, 2.0**-27  # where 1 or a square are lost beside the other

# Of float.


def sinh_float(writer: Writer, x: Ref) -> Ref:
    """The hyperbolic sine of a float."""
    wide = to_double(x)
    e = _exp_cut(wide)
    square = wide * wide
    terms = [1.0, 1 / 6, 1 / 120, 1 / 5040, 1 / 362880]
    near = wide * polynomial(square, terms)
    far = (e - 1 / e) * 0.5
    small = writer.compare("olt", absolute(wide), 0.5)
    return to_float(writer.select(small, near, far))


def cosh_float(writer: Writer, x: Ref) -> Ref:
    """The hyperbolic cosine of a float."""
    e = _exp_cut(to_double(x))
    return to_float((e + 1 / e) * 0.5)


def _exp_cut(wide: Ref) -> Ref:
    writer = wide.writer
    cut = writer.select(writer.compare("ogt", wide, 100), 100, wide)
    cut = writer.select(writer.compare("olt", cut, -100), -100, cut)
    return exp2_double(cut * LOG2E, 12)


# Of double.


def _size(writer: Writer, x: Ref) -> Ref:
    size = absolute(x)
    return writer.select(writer.compare("ogt", size, END), END, size)


def sinh(writer: Writer, x: Ref) -> Ref:
    """The hyperbolic sine of a double: with e = exp(x) - 1 half of e + e / (1 + e)."""
    size = _size(writer, x)
    quarter, low = expm1_share(size, 0.25)
    half = quarter + quarter
    value = half + (quarter / (half + 0.5) + (low + low))
    small = writer.compare("olt", size, SMALL)
    return copy_sign(writer.select(small, size, value), x)


def cosh(writer: Writer, x: Ref) -> Ref:
    """The hyperbolic cosine of a double."""
    quarter = exp_share(_size(writer, x), 0.25)
    value = quarter + quarter + 0.125 / quarter
    return writer.select(writer.compare("uno", x, x), x, value)


def asinh(writer: Writer, x: Ref) -> Ref:
    """The area of a hyperbolic sine: the logarithm of x + sqrt(x**2 + 1)."""
    size = absolute(x)
    value = _log_with_root(size, 1)
    value = writer.select(writer.compare("olt", size, SMALL), size, value)
    return copy_sign(value, x)


def acosh(writer: Writer, x: Ref) -> Ref:
    """The area of a hyperbolic cosine: the logarithm of x + sqrt(x**2 - 1)."""
    value = _log_with_root(x, -1)
    value = writer.select(writer.compare("oeq", x, 1), 0, value)
    return writer.select(writer.compare("olt", x, 1), nan, value)


def _log_with_root(x: Ref, sign: float) -> Ref:
    """log(x + sqrt(x**2 + sign)), whose argument is a pair, as it may be near 1."""
    writer = x.writer
    square, error = two_product(x, x)
    square, more = two_sum(square, sign)
    error = error + more
    root = writer.call("sqrt", square)
    missing = (writer.fma(-root, root, square) + error) * (0.5 / root)
    high, low = two_sum(root, x)
    large = writer.compare("ogt", x, LARGE)
    high = writer.select(large, x, high)
    low = writer.select(large, 0, low + missing)
    value = log_of(writer, high, low)
    value = writer.select(large, value + log(2), value)
    # Infinity and NaN are their own.
    return writer.select(writer.compare("olt", x, inf), value, x)


def atanh(writer: Writer, x: Ref) -> Ref:
    """The area of a hyperbolic tangent: half the logarithm of (1 + x) / (1 - x)."""
    size = absolute(x)
    high, low = quotient(quick_sum(1, size), quick_sum(1, -size))
    value = log_of(writer, high, low) * 0.5
    value = writer.select(writer.compare("olt", size, SMALL), size, value)
    value = writer.select(writer.compare("oge", size, 1), inf, value)
    value = writer.select(writer.compare("ule", size, 1), value, nan)
    return copy_sign(value, x)
