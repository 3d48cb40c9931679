"""Exponentials, logarithms, trigonometry and activations on elements, a row an op."""

from __future__ import annotations

from typing import Any

from ..registry import call
from .elementwise import TRUTHS_AS_NUMBERS, define, op

exp = op("exp")
sqrt = op("sqrt")
sin = op("sin")
cos = op("cos")
where = op("where")
greater = op("greater")
sigmoid = op("sigmoid")


# Exponentials and logarithms.
define(
    "exp",
    "e to the power of x.",
    "x",
    "exp",
    lambda g, r, x: (g * r,),
    scalar="exp(x)",
    floats=True,
)
define(
    "expm1",
    "exp(x) - 1, exact for small x.",
    "x",
    "expm1",
    lambda g, r, x: (g * (r + 1),),
    scalar="expm1(x)",
    floats=True,
)
define(
    "log",
    "The natural logarithm.",
    "x",
    "log",
    lambda g, r, x: (g / x,),
    scalar="log(x)",
    domain=(0.3, 3.0),
    floats=True,
)
define(
    "log1p",
    "log(1 + x), exact for small x.",
    "x",
    "log1p",
    lambda g, r, x: (g / (x + 1),),
    scalar="log1p(x)",
    domain=(-0.5, 3.0),
    floats=True,
)
define(
    "log2",
    "The logarithm to base 2.",
    "x",
    "log2",
    lambda g, r, x: (g * (1.4426950408889634 / x),),
    scalar="log2(x)",
    domain=(0.3, 3.0),
    floats=True,
)
define(
    "log10",
    "The logarithm to base 10.",
    "x",
    "log10",
    lambda g, r, x: (g * (0.4342944819032518 / x),),
    scalar="log10(x)",
    domain=(0.3, 3.0),
    floats=True,
)
define(
    "logaddexp",
    "log(exp(x1) + exp(x2)).",
    "x1 x2",
    "logaddexp",
    lambda g, r, x, y: (g * sigmoid(x - y), g * sigmoid(y - x)),
    scalar="x == y ? x + 0.6931471805599453 : max(x, y) + log1p(exp(-abs(x - y)))",
    commutative=True,
    floats=True,
)

# Trigonometry.
define(
    "sin",
    "The sine of radians.",
    "x",
    "sin",
    lambda g, r, x: (g * cos(x),),
    scalar="sin(x)",
    floats=True,
)
define(
    "cos",
    "The cosine of radians.",
    "x",
    "cos",
    lambda g, r, x: (-(g * sin(x)),),
    scalar="cos(x)",
    floats=True,
)
define(
    "tan",
    "The tangent of radians.",
    "x",
    "tan",
    lambda g, r, x: (g * (r * r + 1),),
    scalar="tan(x)",
    domain=(-1.0, 1.0),
    floats=True,
)
define(
    "arcsin",
    "The inverse sine.",
    "x",
    "arcsin",
    lambda g, r, x: (g / sqrt(1 - x * x),),
    scalar="asin(x)",
    domain=(-0.8, 0.8),
    floats=True,
)
define(
    "arccos",
    "The inverse cosine.",
    "x",
    "arccos",
    lambda g, r, x: (-(g / sqrt(1 - x * x)),),
    scalar="acos(x)",
    domain=(-0.8, 0.8),
    floats=True,
)
define(
    "arctan",
    "The inverse tangent.",
    "x",
    "arctan",
    lambda g, r, x: (g / (x * x + 1),),
    scalar="atan(x)",
    floats=True,
)
define(
    "arctan2",
    "The angle of the point (x2, x1).",
    "x1 x2",
    "arctan2",
    lambda g, r, x, y: _angle_slopes(g, x, y),
    scalar="atan2(x, y)",
    domain=((0.3, 2.0), (0.3, 2.0)),
    floats=True,
)
define(
    "sinh",
    "The hyperbolic sine.",
    "x",
    "sinh",
    lambda g, r, x: (g * call("cosh", x),),
    scalar="sinh(x)",
    floats=True,
)
define(
    "cosh",
    "The hyperbolic cosine.",
    "x",
    "cosh",
    lambda g, r, x: (g * call("sinh", x),),
    scalar="cosh(x)",
    floats=True,
)
define(
    "tanh",
    "The hyperbolic tangent.",
    "x",
    "tanh",
    lambda g, r, x: (g * (1 - r * r),),
    scalar="tanh(x)",
    floats=True,
)
define(
    "arcsinh",
    "The inverse hyperbolic sine.",
    "x",
    "arcsinh",
    lambda g, r, x: (g / call("hypot", x, 1.0),),
    scalar="asinh(x)",
    floats=True,
)
define(
    "arccosh",
    "The inverse hyperbolic cosine.",
    "x",
    "arccosh",
    lambda g, r, x: (g / (sqrt(x - 1) * sqrt(x + 1)),),
    scalar="acosh(x)",
    domain=(1.3, 3.0),
    floats=True,
)
define(
    "arctanh",
    "The inverse hyperbolic tangent.",
    "x",
    "arctanh",
    lambda g, r, x: (g / (1 - x * x),),
    scalar="atanh(x)",
    domain=(-0.8, 0.8),
    floats=True,
)

# Activations with a formula of their own.
define(
    "relu",
    "max(x, 0).",
    "x",
    lambda xp, x, out=None: xp.maximum(x, x.dtype.type(0), out=out),
    lambda g, r, x: (where(greater(r, 0), g, 0.0),),
    scalar="max(x, 0)",
    domain=(0.2, 2.0),
    widened=TRUTHS_AS_NUMBERS,
)
define(
    "sigmoid",
    "1 / (1 + exp(-x)).",
    "x",
    lambda xp, x, out=None: _sigmoid(xp, x, out),
    lambda g, r, x: (g * (r * (1 - r)),),
    scalar="1 / (1 + exp(-x))",
    floats=True,
)
define(
    "softplus",
    "log(1 + exp(x)).",
    "x",
    lambda xp, x, out=None: xp.logaddexp(x, x.dtype.type(0), out=out),
    lambda g, r, x: (g * sigmoid(x),),
    scalar="max(x, 0) + log1p(exp(-abs(x)))",
    floats=True,
)
define(
    "erf",
    "The error function.",
    "x",
    lambda xp, x, out=None: _erf(xp, x, out),
    lambda g, r, x: (g * (1.1283791670955126 * exp(-(x * x))),),
    scalar="erf(x)",
    floats=True,
)


def _angle_slopes(g: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """By the distance, whose square may be too large or too small; 0 at 0."""
    distance = call("hypot", x, y)
    far = where(call("equal", distance, 0.0), 1.0, distance)
    return g * (y / far) / far, -(g * (x / far) / far)


def _sigmoid(xp: Any, x: Any, out: Any) -> Any:
    # Where exp(-x) is infinite the result is 0, as it should be. By tanh(x / 2) small
    # results would be differences of numbers near 1, and lose their digits.
    out = xp.empty_like(x) if out is None else out
    xp.negative(x, out=out)
    xp.exp(out, out=out)
    xp.add(out, x.dtype.type(1), out=out)
    return xp.reciprocal(out, out=out)


def _erf(xp: Any, x: Any, out: Any) -> Any:
    if xp.__name__ == "cupy":
        from cupyx.scipy.special import erf as device_erf

        return device_erf(x, out=out)
    value = error_function(x)
    if out is None:
        return value
    out[...] = value
    return out


def error_function(x: Any) -> Any:
    """erf by its Maclaurin series near 0 and a continued fraction far from it."""
    import numpy as np

    wide = np.asarray(x, np.float64)
    size = np.minimum(np.abs(wide), 6.0)
    near = np.minimum(size, 2.5)
    term = near.copy()
    series = near.copy()
    for n in range(1, 60):
        term *= -(near * near) / n
        series += term / (2 * n + 1)
    series *= 2 / np.sqrt(np.pi)
    far = np.maximum(size, 2.0)
    fraction = far.copy()
    for k in range(60, 0, -1):
        fraction = far + (k / 2) / fraction
    tail = 1 - np.exp(-far * far) / (fraction * np.sqrt(np.pi))
    value = np.where(size < 2.25, series, tail)
    found = np.where(np.isnan(wide), wide, np.copysign(value, wide))
    return found.astype(x.dtype)
