"""What functions on elements are made of: polynomials, bits, and pairs of floats.

A pair is a float and what it lacks of a number; together they have twice the digits.
Sums and products give pairs without any error, as nothing reorders what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .formats import format_of
from .writer import Ref, Writer

Pair = tuple[Ref, Ref]
ROUND = format_of("double").round


def polynomial(x: Ref, coefficients: Sequence[float]) -> Ref:
    """The sum of coefficients times powers of x, the constant one first."""
    found: Ref = x.writer.wide(x.number(coefficients[-1]), x.lanes)
    for coefficient in reversed(coefficients[:-1]):
        found = x.writer.fma(found, x, coefficient)
    return found


# Bits.


def bits(x: Ref) -> Ref:
    """A float's bits."""
    return x.writer.convert("bitcast", x, "i64" if x.type == "double" else "i32")


def unbits(x: Ref) -> Ref:
    """The float of bits."""
    return x.writer.convert("bitcast", x, "double" if x.type == "i64" else "float")


def absolute(x: Ref) -> Ref:
    """x without its sign."""
    return x.writer.call("fabs", x)


def copy_sign(x: Ref, sign: Ref) -> Ref:
    """The absolute value of x with the sign of another."""
    return x.writer.call("copysign", x, sign)


def scaled(value: Ref, n: Ref) -> Ref:
    """value * 2**n for a normal value, where the last bits of n are its own."""
    return unbits(bits(value) + (n << format_of(value.type).mantissa))


# Pairs.


def two_sum(a: Ref, b: Ref | float) -> Pair:
    """a + b and its error."""
    total = a + b
    share = total - a
    return total, (a - (total - share)) + (b - share)


def quick_sum(a: Ref | float, b: Ref) -> Pair:
    """a + b and its error, where a is 0 or no smaller than b."""
    total = a + b
    return total, b - (total - a)


def two_product(a: Ref, b: Ref | float) -> Pair:
    """a * b and its error."""
    product = a * b
    return product, a.writer.fma(a, b, -product)


def quotient(top: Pair, below: Pair) -> Pair:
    """A pair by another, as a pair, for one division."""
    fma, share = top[0].writer.fma, 1 / below[0]
    high = top[0] * share
    rest = fma(-high, below[1], fma(-high, below[0], top[0]) + top[1])
    return high, rest * share


# By way of double.


def to_double(x: Ref) -> Ref:
    """A float as a double."""
    return x.writer.convert("fpext", x, "double")


def to_float(x: Ref) -> Ref:
    """A double as a float."""
    return x.writer.convert("fptrunc", x, "float")


def by_double(function: Callable[..., Ref]) -> Callable[..., Ref]:
    """A function of doubles for floats, which is rounded once more."""

    def of_floats(writer: Writer, *refs: Ref) -> Ref:
        return to_float(function(writer, *map(to_double, refs)))

    return of_floats
