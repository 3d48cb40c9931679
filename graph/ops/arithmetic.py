"""Arithmetic on elements, a row an op; `g` is the cotangent, `r` the result."""

from __future__ import annotations

from typing import Any

from ..node import Node
from ..registry import call
from .elementwise import TRUTHS_AS_NUMBERS, define, op

log = op("log")
sqrt = op("sqrt")
sign = op("sign")
where = op("where")
cast = op("cast")
equal = op("equal")
greater = op("greater")


define(
    "add",
    "x1 + x2.",
    "x1 x2",
    "add",
    lambda g, r, x, y: (g, g),
    scalar="x + y",
    commutative=True,
)
define(
    "subtract",
    "x1 - x2.",
    "x1 x2",
    "subtract",
    lambda g, r, x, y: (g, -g),
    scalar="x - y",
    numbers=True,
)
define(
    "multiply",
    "x1 * x2.",
    "x1 x2",
    "multiply",
    lambda g, r, x, y: (g * y, g * x),
    scalar="x * y",
    commutative=True,
)
define(
    "divide",
    "x1 / x2.",
    "x1 x2",
    "divide",
    lambda g, r, x, y: (g / y, -(g * r / y)),
    scalar="x / y",
    floats=True,
    domain=((-2.0, 2.0), (0.5, 2.0)),
)
define(
    "power",
    "x1 to the power of x2.",
    "x1 x2",
    lambda xp, x, y, out=None: _power(xp, x, y, out),
    lambda g, r, x, y: (_power_base(g, x, y), _power_exponent(g, r, x)),
    scalar="pow(x, y)",
    domain=((0.3, 2.0), (-2.0, 2.0)),
    numbers=True,
    widened=TRUTHS_AS_NUMBERS,
)
define(
    "floor_divide",
    "The largest integer not above x1 / x2.",
    "x1 x2",
    "floor_divide",
    None,
    scalar="floordiv(x, y)",
    no_gradient="it is constant between its steps",
    domain=((-3.0, 3.0), (0.5, 2.0)),
    numbers=True,
    widened=TRUTHS_AS_NUMBERS,
)
define(
    "mod",
    "x1 - x2 * floor(x1 / x2), with the sign of x2.",
    "x1 x2",
    "mod",
    lambda g, r, x, y: (g, -(g * call("floor_divide", x, y))),
    scalar="mod(x, y)",
    domain=((0.1, 0.9), (1.1, 2.0)),
    numbers=True,
    widened=TRUTHS_AS_NUMBERS,
)
define(
    "negative",
    "-x.",
    "x",
    "negative",
    lambda g, r, x: (-g,),
    scalar="-x",
    numbers=True,
)
define(
    "abs",
    "The absolute value.",
    "x",
    "absolute",
    lambda g, r, x: (g * sign(x),),
    scalar="abs(x)",
    domain=(0.2, 2.0),
)
define(
    "sign",
    "-1, 0 or 1.",
    "x",
    "sign",
    lambda g, r, x: (None,),
    scalar="x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x",
    numbers=True,
)
define(
    "square",
    "x * x, of truth values as int32.",
    "x",
    lambda xp, x, out=None: xp.multiply(x, x, out=out),
    lambda g, r, x: (g * (2 * x),),
    scalar="x * x",
    widened=TRUTHS_AS_NUMBERS,
)
define(
    "sqrt",
    "The square root.",
    "x",
    "sqrt",
    lambda g, r, x: (g * (0.5 / r),),
    scalar="sqrt(x)",
    domain=(0.3, 3.0),
    floats=True,
)
define(
    "rsqrt",
    "1 / sqrt(x).",
    "x",
    lambda xp, x, out=None: xp.reciprocal(xp.sqrt(x, out=out), out=out),
    lambda g, r, x: (g * (-0.5 * r / x),),
    scalar="1 / sqrt(x)",
    domain=(0.3, 3.0),
    floats=True,
)
define(
    "reciprocal",
    "1 / x.",
    "x",
    "reciprocal",
    lambda g, r, x: (-(g * r * r),),
    scalar="1 / x",
    domain=(0.4, 3.0),
    floats=True,
)
define(
    "maximum",
    "The larger of x1 and x2; ties share the gradient.",
    "x1 x2",
    "maximum",
    lambda g, r, x, y: _extreme(g, r, x, y),
    scalar="max(x, y)",
    commutative=True,
)
define(
    "minimum",
    "The smaller of x1 and x2; ties share the gradient.",
    "x1 x2",
    "minimum",
    lambda g, r, x, y: _extreme(g, r, x, y),
    scalar="min(x, y)",
    commutative=True,
)


def _power(xp: Any, x: Any, y: Any, out: Any) -> Any:
    if x.dtype.kind != "i":
        return xp.power(x, y, out=out)
    # One by a whole number, cut towards 0, which NumPy refuses.
    found = xp.power(x, xp.maximum(y, 0))
    share = xp.where((x == 1) | (x == -1), xp.where(y & 1 == 1, x, 1), 0)
    found = xp.where(y < 0, share, found).astype(x.dtype, copy=False)
    if out is None:
        return found
    out[...] = found
    return out


def _power_base(g: Node, x: Node, y: Node) -> Any:
    if not x.dtype.is_float:
        return None
    slope = y * call("power", x, y - 1)
    if y.op.name == "constant" and y.attributes["value"].array.all():
        return g * slope
    return g * where(equal(y, 0), 0.0, slope)


def _power_exponent(g: Node, r: Node, x: Node) -> Any:
    # Where the base is not positive the power is constant in practice, or undefined.
    safe = where(greater(x, 0), x, 1.0)
    return g * where(equal(x, 0), 0.0, r * log(safe))


def _extreme(g: Node, r: Node, x: Node, y: Node) -> tuple[Any, Any]:
    left, right = cast(equal(x, r), g.dtype.name), cast(equal(y, r), g.dtype.name)
    total = left + right
    return g * (left / total), g * (right / total)
