"""Sines and tangents and their inverses; in double within 1.6 units in the last place.

Quarter turns are taken off with 160 bits of pi / 2, so that what is left of an angle
near a multiple keeps its digits; angles beyond 1e9 are left to the C library.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pi

from .exact import (
    ROUND,
    Pair,
    absolute,
    bits,
    copy_sign,
    polynomial,
    quick_sum,
    quotient,
    to_double,
    to_float,
    two_product,
    two_sum,
    unbits,
)
from .formats import ASIN, ATAN, COS, COS_DOUBLE, SIN, SIN_DOUBLE
from .libm import lanewise
from .writer import Ref, Writer

# pi / 2 in three parts.
HALF_PI = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33
QUARTER_PI = pi / 4, HALF_PI[1] / 2
MIDDLE = 0.5  # from where tangents lie nearer to 1
FAR = 1e9


def circular(name: str, value: Callable[[Writer, Ref], Ref]) -> Callable[..., Ref]:
    """A function that asks the C library in lanes where turns are too many to count."""

    def function(writer: Writer, x: Ref) -> Ref:
        far = writer.compare("ogt", absolute(x), FAR)
        near = value(writer, x)

        def mended() -> Ref:
            return writer.select(far, lanewise(writer, name, x), near)

        return writer.either(writer.any_lane(far), mended, lambda: near)

    return function


# Of float, which counts turns in double.


def _turned(x: Ref) -> tuple[Ref, Ref, Ref]:
    """Sine and cosine of what is left of x after quarter turns, and their number."""
    writer = x.writer
    wide = to_double(x)
    shifted = writer.fma(wide, 2 / pi, ROUND)
    n = shifted - ROUND
    r = writer.fma(n, -HALF_PI[1], writer.fma(n, -HALF_PI[0], wide))
    short = to_float(r)
    square = short * short
    sine = writer.fma(short * square, polynomial(square, SIN), short)
    even = writer.fma(square * square, polynomial(square, COS), square * -0.5)
    return sine, even + 1, writer.convert("trunc", bits(shifted), "i32")


def sin(writer: Writer, x: Ref) -> Ref:
    """The sine of a float."""
    value = _quarter(writer, *_turned(x))
    return writer.select(writer.compare("oeq", x, 0), x, value)


def cos(writer: Writer, x: Ref) -> Ref:
    """The cosine of a float."""
    sine, cosine, quarter = _turned(x)
    return _quarter(writer, sine, cosine, quarter + 1)


def _quarter(writer: Writer, sine: Ref, cosine: Ref, quarter: Ref) -> Ref:
    """The sine so many quarter turns further."""
    odd = writer.compare("ne", quarter & 1, 0)
    value = writer.select(odd, cosine, sine)
    sign = 62 if value.type == "double" else 30
    return unbits(bits(value) ^ ((quarter & 2) << sign))


def tan(writer: Writer, x: Ref) -> Ref:
    """The tangent of a float."""
    sine, cosine, quarter = _turned(x)
    odd = writer.compare("ne", quarter & 1, 0)
    top = writer.select(odd, -cosine, sine)
    value = top / writer.select(odd, sine, cosine)
    return writer.select(writer.compare("oeq", x, 0), x, value)


# Of double.


def _left(x: Ref) -> tuple[Ref, Ref, Ref]:
    """x without its quarter turns, as a pair, and bits that end in their number."""
    writer = x.writer
    shifted = writer.fma(x, 2 / pi, ROUND)
    n = shifted - ROUND
    # The first difference is exact: both are multiples of one unit, and it is small.
    rest = writer.fma(n, -HALF_PI[0], x)
    second, error = two_product(n, HALF_PI[1])
    r, low = two_sum(rest, -second)
    return r, low - writer.fma(n, HALF_PI[2], error), bits(shifted)


def _sine(r: Ref, low: Ref) -> Pair:
    writer = r.writer
    z = r * r
    low = writer.fma(low * z, -0.5, low)
    return r, writer.fma(r * z, polynomial(z, SIN_DOUBLE), low)


def _cosine(r: Ref, low: Ref) -> Pair:
    writer = r.writer
    z = r * r
    half = z * 0.5
    high = 1 - half
    rest = writer.fma(z * z, polynomial(z, COS_DOUBLE), -(r * low))
    return high, ((1 - high) - half) + rest


def sin_double(writer: Writer, x: Ref) -> Ref:
    """The sine of a double."""
    r, low, quarter = _left(x)
    (sine, more), (cosine, other) = _sine(r, low), _cosine(r, low)
    value = _quarter(writer, sine + more, cosine + other, quarter)
    return writer.select(writer.compare("oeq", x, 0), x, value)


def cos_double(writer: Writer, x: Ref) -> Ref:
    """The cosine of a double."""
    r, low, quarter = _left(x)
    (sine, more), (cosine, other) = _sine(r, low), _cosine(r, low)
    return _quarter(writer, sine + more, cosine + other, quarter + 1)


def tan_double(writer: Writer, x: Ref) -> Ref:
    """The tangent of a double: a quotient of pairs."""
    r, low, quarter = _left(x)
    sine, cosine = quick_sum(*_sine(r, low)), quick_sum(*_cosine(r, low))
    odd = writer.compare("ne", quarter & 1, 0)
    top = [writer.select(odd, -c, s) for s, c in zip(sine, cosine, strict=True)]
    below = [writer.select(odd, s, c) for s, c in zip(sine, cosine, strict=True)]
    high, low = quotient((top[0], top[1]), (below[0], below[1]))
    return writer.select(writer.compare("oeq", x, 0), x, high + low)


# Inverse functions, of double.


def atan(writer: Writer, x: Ref) -> Ref:
    """The angle of a tangent, from an eighth or a quarter of a turn on if large."""
    size = absolute(x)
    middle = writer.compare("ogt", size, MIDDLE)
    large = writer.compare("ogt", size, 1 / MIDDLE)
    top = writer.select(middle, size - 1, size)
    below = writer.select(middle, size + 1, 1)
    t = writer.select(large, x.number(-1), top) / writer.select(large, size, below)
    high, low = (
        writer.select(large, 2 * part, writer.select(middle, x.number(part), 0))
        for part in QUARTER_PI
    )
    return copy_sign(high + (t + _atan_rest(t, low)), x)


def _atan_rest(t: Ref, low: Ref) -> Ref:
    """atan(t) - t + low for what is at most 1 / 2."""
    z = t * t
    return t.writer.fma(t * z, polynomial(z, ATAN), low)


def atan2(writer: Writer, y: Ref, x: Ref) -> Ref:
    """The angle of a point, counted in eighths of a turn and what is left."""
    tall, wide = absolute(y), absolute(x)
    steep = writer.compare("ogt", tall, wide)
    less, more = writer.select(steep, wide, tall), writer.select(steep, tall, wide)
    # Sums of what is huge, and differences of what is tiny, are not normal.
    scale = writer.select(writer.compare("ogt", more, 1e300), more.number(0.25), 1)
    scale = writer.select(writer.compare("olt", more, 1e-290), 2.0**60, scale)
    less, more = less * scale, more * scale
    middle = writer.compare("ogt", less, more * MIDDLE)
    middle = middle | writer.compare("oeq", less, inf)
    top = writer.select(middle, less - more, less)
    t = top / writer.select(middle, less + more, more)
    t = writer.select(writer.compare("oeq", less, more), 0, t)
    back = writer.compare("slt", bits(x), 0)
    eighths = writer.select(middle, y.number(1), 0)
    eighths = writer.select(steep, 2 - eighths, eighths)
    eighths = writer.select(back, 4 - eighths, eighths)
    t = writer.select(steep ^ back, -t, t)
    high, error = two_product(eighths, QUARTER_PI[0])
    low = writer.fma(eighths, QUARTER_PI[1], error)
    return copy_sign(high + (t + _atan_rest(t, low)), y)


def _half_chord(writer: Writer, x: Ref) -> tuple[Ref, Ref, Ref]:
    """Whether x is beyond a half, the sine that has an angle, and the angle less it."""
    size = absolute(x)
    far = writer.compare("ogt", size, 0.5)
    z = writer.select(far, (1 - size) * 0.5, size * size)
    s = writer.select(far, writer.call("sqrt", z), size)
    return far, s, s * z * polynomial(z, ASIN)


def asin(writer: Writer, x: Ref) -> Ref:
    """The angle of a sine; near 1 by the half of what it lacks of a quarter turn."""
    far, s, more = _half_chord(writer, x)
    high, low = quick_sum(HALF_PI[0], s * -2)
    turned = high + (low + writer.fma(more, -2, HALF_PI[1]))
    return copy_sign(writer.select(far, turned, s + more), x)


def acos(writer: Writer, x: Ref) -> Ref:
    """The angle of a cosine, by that of the sine."""
    far, s, more = _half_chord(writer, x)
    negative = writer.compare("olt", x, 0)
    # A quarter turn less the angle, nothing and twice it, or half a turn less twice it.
    sign = writer.select(far ^ negative, x.number(-1), 1)
    factor = sign * writer.select(far, x.number(2), 1)
    quarters = writer.select(negative, x.number(2), 0)
    quarters = writer.select(far, quarters, 1)
    high, low = quick_sum(quarters * HALF_PI[0], -(s * factor))
    low = low + writer.fma(quarters, HALF_PI[1], -(more * factor))
    return high + low
