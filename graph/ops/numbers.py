"""The rest of arithmetic on elements: roots, roundings, signs, mended values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..diagnostics import Fault
from ..kinds import Scalar
from ..node import Node
from ..op import Results
from ..registry import call
from ..types import dtype_of
from .elementwise import TRUTHS_AS_NUMBERS, define
from .formula import Derived, derived, floats, type_of, whole
from .movement import full_node

LN2 = math.log(2)

define(
    "cbrt",
    "The cube root.",
    "x",
    "cbrt",
    lambda g, r, x: (g / (3 * r * r),),
    scalar="cbrt(x)",
    domain=(0.3, 3.0),
    floats=True,
)
define(
    "exp2",
    "2 to the power of x.",
    "x",
    "exp2",
    lambda g, r, x: (g * (r * LN2),),
    scalar="exp2(x)",
    floats=True,
)
define(
    "hypot",
    "sqrt(x1 * x1 + x2 * x2), computed without overflow.",
    "x1 x2",
    "hypot",
    lambda g, r, x, y: (g * x / r, g * y / r),
    scalar="hypot(x, y)",
    domain=(0.3, 2.0),
    floats=True,
)
define(
    "heaviside",
    "0 where x1 is negative, x2 where it is 0, 1 where it is positive.",
    "x1 x2",
    "heaviside",
    lambda g, r, x, y: (
        None,
        call("where", call("equal", x, 0.0), g, 0.0),
    ),
    scalar="x < 0 ? 0 : x > 0 ? 1 : x == 0 ? y : x",
    domain=(0.3, 2.0),
    floats=True,
)
define(
    "truncated",
    "`trunc` of floats.",
    "x",
    "trunc",
    lambda g, r, x: (None,),
    scalar="trunc(x)",
    floats=True,
    public=False,
)
define(
    "nextafter",
    "The next number of the dtype after x1 in the direction of x2.",
    "x1 x2",
    "nextafter",
    lambda g, r, x, y: (g, None),
    scalar="nextafter(x, y)",
    floats=True,
)
define(
    "logical_xor",
    "Exactly one is true.",
    "x1 x2",
    "logical_xor",
    lambda g, r, x, y: (None, None),
    scalar="!x != !y",
    to_bool=True,
    commutative=True,
)
define(
    "signbit",
    "Whether the sign is minus, that of -0.0 included.",
    "x",
    "signbit",
    lambda g, r, x: (None,),
    scalar="signbit(x)",
    floats=True,
    to_bool=True,
)


@derived(1, "float")
def deg2rad(x: Any) -> Any:
    """Degrees as radians."""
    return x * (math.pi / 180)


@derived(1, "float")
def rad2deg(x: Any) -> Any:
    """Radians as degrees."""
    return x * (180 / math.pi)


@derived(1, "float", (0.3, 2.0))
def fabs(x: Any) -> Any:
    """The size of a number, as a fraction."""
    return call("abs", x)


class Sinc(Derived):
    """sin(pi x) / (pi x), and 1 at 0."""

    def vjp(self, node: Node, cotangent: Node) -> Results:
        turn = node.inputs[0] * math.pi
        # Near 0 the difference has no digits left, and its series has them all.
        near = call("less", call("abs", turn), 0.5)
        away = call("where", near, 1.0, turn)
        slope = (call("cos", away) - call("sin", away) / away) / away
        square = turn * turn
        series: Any = 0.0
        for k in range(7, 0, -1):
            series = series * square + (-1) ** k * 2 * k / math.factorial(2 * k + 1)
        slope = call("where", near, series * turn, slope)
        return (cotangent * (slope * math.pi),)


@derived(1, "float", kind=Sinc)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    zero = call("equal", x, 0.0)
    turn = call("where", zero, 1.0, x) * math.pi
    return call("where", zero, 1.0, call("sin", turn) / turn)


@derived(1)
def trunc(x: Any) -> Any:
    """The whole number next to x on the side of 0; integers as they are.

    >>> call("trunc", [-1.5, 1.5]).numpy().tolist()
    [-1.0, 1.0]
    """
    return call("truncated", x) if type_of(x).dtype.is_float else x


class Rest(Derived):
    """What a division leaves that is cut towards 0."""

    def vjp(self, node: Node, cotangent: Node) -> Results:
        x, y = node.inputs
        return cotangent, -(cotangent * call("trunc", x / y))


@derived(
    2,
    "same",
    domain=((0.1, 0.9), (1.1, 2.0)),
    kind=Rest,
    widened=TRUTHS_AS_NUMBERS,
)
def fmod(x1: Any, x2: Any) -> Any:
    """x1 - x2 * trunc(x1 / x2), with the sign of x1.

    >>> call("fmod", [-5.0, 5.0], 3.0).numpy().tolist()
    [-2.0, 2.0]
    """
    if type_of(x1).dtype.is_float:
        rest = call("mod", call("abs", x1), call("abs", x2))
        return call("where", call("signbit", x1), -rest, rest)
    # The smallest integer has no absolute value.
    rest = call("mod", x1, x2)
    differ = call("not_equal", x1 < 0, x2 < 0)
    turned = call("logical_and", call("not_equal", rest, 0), differ)
    return call("where", turned, rest - x2, rest)


def _beside_nan(name: str, x1: Any, x2: Any) -> Any:
    if not type_of(x1).dtype.is_float:
        return call(name, x1, x2)
    # Both are the number then, and as a tie share a gradient that comes to it whole.
    one = call("where", call("isnan", x1), x2, x1)
    return call(name, one, call("where", call("isnan", x2), x1, x2))


@derived(2, "same", ((-2.0, 2.0), (-2.0, 2.0)))
def fmax(x1: Any, x2: Any) -> Any:
    """The larger of both; where one is NaN, the other."""
    return _beside_nan("maximum", x1, x2)


@derived(2, "same", ((-2.0, 2.0), (-2.0, 2.0)))
def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of both; where one is NaN, the other."""
    return _beside_nan("minimum", x1, x2)


@derived(2, "same", no_gradient="a truth value has no slope")
def allclose(
    x1: Any,
    x2: Any,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Any:
    """Whether all elements are as near to each other as `isclose` asks.

    >>> bool(call("allclose", [1.0, 2.0], [1.0, 2.000001]))
    True
    """
    return call("all", call("isclose", x1, x2, rtol, atol, equal_nan))


@derived(2, "float")
def logaddexp2(x1: Any, x2: Any) -> Any:
    """log2(2 ** x1 + 2 ** x2), computed without overflow."""
    return call("logaddexp", x1 * LN2, x2 * LN2) / LN2


@derived(2, "float", ((-2.0, 2.0), (0.5, 2.0)))
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """x1 / x2, and 0 where x2 is 0."""
    zero = call("equal", x2, 0.0)
    return call("where", zero, 0.0, x1 / call("where", zero, 1.0, x2))


@derived(1)
def isposinf(x: Any) -> Any:
    """Whether an element is plus infinity."""
    return call("logical_and", call("isinf", floats(x)), x > 0)


@derived(1)
def isneginf(x: Any) -> Any:
    """Whether an element is minus infinity."""
    return call("logical_and", call("isinf", floats(x)), x < 0)


@derived(2, "float")
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether elements differ by at most atol + rtol * |x2|.

    >>> call("isclose", [1.0, 2.0], [1.0, 2.1]).numpy().tolist()
    [True, False]
    """
    near = call("abs", x1 - x2) <= call("abs", x2) * rtol + atol
    near = call("logical_and", near, call("isfinite", x2))
    same = call("logical_or", near, call("equal", x1, x2))
    if not equal_nan:
        return same
    both = call("logical_and", call("isnan", x1), call("isnan", x2))
    return call("logical_or", same, both)


@derived(1)
def nan_to_num(
    x: Any,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Any:
    """Numbers in place of NaN and infinities, which default to the largest ones."""
    if not type_of(x).dtype.is_float:
        return x
    limit = type_of(x).dtype.largest
    low = -limit if neginf is None else neginf
    high = limit if posinf is None else posinf
    infinite = call("isinf", x)
    plus = call("logical_and", infinite, x > 0)
    minus = call("logical_and", infinite, x < 0)
    x = call("where", call("isnan", x), float(nan), x)
    return call("where", plus, float(high), call("where", minus, float(low), x))


@derived(1)
def round_(x: Any, decimals: int = 0) -> Any:
    """The nearest number of so many decimals, ties to even.

    >>> call("round", [1.25, 2.5]).numpy().tolist()
    [1.0, 2.0]
    """
    places = whole("round", decimals, "decimals")
    if not type_of(x).dtype.is_float:
        if places >= 0:
            return x
        if places < -DIGITS:
            return call("zeros_like", x)
        scale = 10**-places
        wide = call("cast", x, "float64") / float(scale)
        return call("cast", call("rint", wide) * float(scale), type_of(x).dtype)
    if abs(places) > math.log10(type_of(x).dtype.largest):
        return _round_far(x, places)
    if places == 0:
        return call("rint", x)
    if places > 0:
        scale = float(10**places)
        return call("rint", x * scale) / scale
    scale = float(10**-places)
    return call("rint", x / scale) * scale


DIGITS = 20  # no integer has more


def _round_far(x: Any, places: int) -> Any:
    """Rounded to a place whose power of ten the dtype cannot hold."""
    if type_of(x).dtype.is_half:
        wide = call("round", call("cast", x, "float32"), places)
        return call("cast", wide, type_of(x).dtype)
    return x if places > 0 else call("where", call("isfinite", x), 0.0, x)


@derived(2, "any", ((-2.0, 2.0), (-2.0, 2.0)))
def ldexp(x1: Any, x2: Any) -> Any:
    """x1 * 2 ** x2 with whole x2."""
    x1 = floats(x1)
    if not type_of(x2).dtype.is_integer:
        raise Fault(
            "T0402",
            f"the exponent of `ldexp` is a whole number, not {type_of(x2).dtype}",
            operands={1: str(type_of(x2))},
            help=["cast it: `cast(…, i32)`"],
        )
    return x1 * call("exp2", call("cast", x2, type_of(x1).dtype))


class ErfInverse(Derived):
    """The number whose erf is x; infinite at -1 and 1, NaN beyond."""

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (cotangent * (call("exp", node * node) * (math.sqrt(math.pi) / 2)),)


@derived(1, "float", (-0.9, 0.9), kind=ErfInverse)
def erfinv(x: Any) -> Any:
    """The number whose erf is x; infinite at -1 and 1, NaN beyond.

    In float64 it is Winitzki's approximation, mended by Halley steps, else Giles's
    ("Approximating the erfinv function", 2010).
    """
    kind = type_of(x).dtype
    if kind.is_half:
        return call("cast", call("erfinv", call("cast", x, "float32")), kind)
    if kind.size == 4:
        return _erfinv_single(x)
    size = call("abs", x)
    edge = call("equal", size, 1.0)
    inner = call("where", edge, 0.0, size)
    log = call("log1p", -inner) + call("log1p", inner)
    half = log / 2 + 2 / (math.pi * 0.147)
    square = call("sqrt", half * half - log / 0.147) - half
    y = call("sqrt", call("relu", square))
    for _ in range(2):
        # Near 1 the digits are in what is left of it.
        far = (1.0 - inner) - call("erfc", y)
        gap = call("where", inner > 0.5, far, call("erf", y) - inner)
        slope = call("exp", -(y * y)) * (2 / math.sqrt(math.pi))
        step = gap / slope
        y = y - step / (y * step + 1)
    y = call("where", call("isnan", square), math.nan, y)
    y = call("where", edge, math.inf, y)
    return call("where", call("signbit", x), -y, y)


# Of w - 2.5 and of sqrt(w) - 3, where w = -log(1 - x * x), the highest power first.
NEAR = (
    2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 2.1858087e-4,
    -1.25372503e-3, -4.17768164e-3, 0.246640727, 1.50140941,
)  # fmt: skip
BEYOND = (
    -2.00214257e-4, 1.00950558e-4, 1.34934322e-3, -3.67342844e-3, 5.73950773e-3,
    -7.6224613e-3, 9.43887047e-3, 1.00167406, 2.83297682,
)  # fmt: skip


def _erfinv_single(x: Any) -> Any:
    width = -call("log", (1.0 - x) * (1.0 + x))
    near = width < 5.0
    at = call("where", near, width - 2.5, call("sqrt", width) - 3.0)
    found: Any = call("where", near, NEAR[0], BEYOND[0])
    for one, other in zip(NEAR[1:], BEYOND[1:], strict=True):
        found = found * at + call("where", near, one, other)
    ends = call("equal", call("abs", x), 1.0)
    return call("where", ends, x * math.inf, found * x)


# Of 4 / (2 + x) - 2: Press et al., Numerical Recipes, 3rd edition, 6.2.2.
ERFC = (
    -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2,
    -9.561514786808631e-3, -9.46595344482036e-4, 3.66839497852761e-4,
    4.2523324806907e-5, -2.0278578112534e-5, -1.624290004647e-6, 1.303655835580e-6,
    1.5626441722e-8, -8.5238095915e-8, 6.529054439e-9, 5.059343495e-9,
    -9.91364156e-10, -2.27365122e-10, 9.6467911e-11, 2.394038e-12, -6.886027e-12,
    8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15, -1.523e-15,
    -9.4e-17, 1.21e-16, -2.8e-17,
)  # fmt: skip


class ErrorRest(Derived):
    """1 - erf(x), which stays exact where that is small."""

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (x,) = node.inputs
        slope = call("exp", -(x * x)) * (-2 / math.sqrt(math.pi))
        return (cotangent * slope,)


@derived(1, "float", kind=ErrorRest)
def erfc(x: Any) -> Any:
    """1 - erf(x), which stays exact where that is small."""
    size = call("abs", x)
    share = 2.0 / (2.0 + size)
    wide = 4.0 * share - 2.0
    one: Any = 0.0
    two: Any = 0.0
    for factor in reversed(ERFC[1:]):
        one, two = wide * one - two + factor, one
    inner = 0.5 * (ERFC[0] + wide * one) - two
    far = share * call("exp", -(size * size) + inner)
    return call("where", x < 0, 2.0 - far, far)


# Shapes and dtypes of others.


@derived(1)
def copy(x: Any) -> Any:
    """The tensor itself; tensors never change."""
    return call("reshape", x, x.shape)


@derived(1)
def isreal(x: Any) -> Any:
    """Whether an element has no imaginary part: always, there are only real dtypes."""
    return full_node(type_of(x).with_dtype("bool"), True)


@derived(1, "float")
def angle(x: Any) -> Any:
    """The angle of a real number as a complex one: 0, or pi where it is negative."""
    turned = call("cast", x < 0, type_of(x).dtype) * math.pi
    return call("where", call("isnan", x), x, turned)


@derived(1)
def full_like(x: Any, fill_value: Scalar, dtype: Any = None) -> Any:
    """One number in the shape and dtype of a tensor."""
    kind = type_of(x).dtype if dtype is None else dtype_of(dtype)
    return full_node(type_of(x).with_dtype(kind), fill_value)


@derived(1)
def saturate_cast(x: Any, dtype: Any) -> Any:
    """Elements converted to another dtype, cut to what that can hold."""
    wanted, own = dtype_of(dtype), type_of(x).dtype
    if wanted.is_integer and own.kind != "b":
        info = np.iinfo(wanted.name)
        wide = call("cast", x, "float64") if own.is_float else x
        low, high = float(info.min), float(info.max)
        if own.is_integer:
            ours = np.iinfo(own.name)
            bounds = (
                max(int(info.min), int(ours.min)),
                min(int(info.max), int(ours.max)),
            )
            return call("cast", call("clip", x, *bounds), wanted)
        if wanted.size == 8:
            high = math.nextafter(high, 0)
        return call("cast", call("clip", wide, low, high), wanted)
    if wanted.is_float and own.is_float and wanted.size < own.size:
        limit = wanted.largest
        x = call("clip", x, -limit, limit)
    return call("cast", x, wanted)
