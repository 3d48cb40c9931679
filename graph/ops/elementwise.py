"""Ops that act on each element alone; operands broadcast as in NumPy.

One row an op: name, formula, run (the NumPy name), gradient, fusible form, and the
interval where tests sample. In gradients `g` is the cotangent, `r` the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import Dim
from ..node import Node
from ..op import Op, Results, register
from ..registry import call
from ..types import BOOL, TensorType

Interval = tuple[float, float]
Gradient = Callable[..., tuple[Any, ...]]


class Elementwise(Op):
    """An op on elements, with one type rule: dtypes agree, shapes broadcast."""

    elementwise = True
    writes = True
    operand_dtypes = "same"
    floats = False
    to_bool = False
    body: Any = ""  # the NumPy name, or a function of xp, arrays and out
    gradient: Any = None

    def infer(self, *types: TensorType) -> TensorType:
        dtype = types[0].dtype
        for index, other in enumerate(types[1:], 1):
            if other.dtype != dtype:
                raise dtype_clash(self.name, types[0], index, other)
        if self.floats and not dtype.is_float:
            raise floats_needed(self.name, types[0])
        shape = broadcast_shapes(self.name, types)
        return TensorType(BOOL if self.to_bool else dtype, shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        if self.gradient is None:
            return super().vjp(node, cotangent)
        found: Results = self.gradient(cotangent, node, *node.inputs)
        return found

    def run(self, xp: Any, *arrays: Any, out: Any = None) -> Any:
        if isinstance(self.body, str):
            return getattr(xp, self.body)(*arrays, out=out)
        return self.body(xp, *arrays, out=out)


def dtype_clash(name: str, first: TensorType, index: int, other: TensorType) -> Fault:
    """Operands of different dtypes."""
    return Fault(
        "T0402",
        f"dtypes of `{name}` differ: {first.dtype} and {other.dtype}",
        operands={0: str(first), index: str(other)},
        help=[f"cast one of them: `cast(…, {first.dtype})`"],
    )


def floats_needed(name: str, given: TensorType, index: int = 0) -> Fault:
    """An integer operand where only floating-point values make sense."""
    return Fault(
        "T0403",
        f"`{name}` needs floating-point values and got {given.dtype}",
        operands={index: str(given)},
        help=[
            "if these are ids, look them up with `Embedding`; "
            "if they are quantities, `cast(…, f32)`"
        ],
    )


def broadcast_shapes(name: str, types: tuple[TensorType, ...]) -> tuple[Dim, ...]:
    """The common shape: ranks padded in front, only a literal 1 stretches."""
    rank = max((t.rank for t in types), default=0)
    shape: list[Dim] = []
    for axis in range(-rank, 0):
        sizes = [(i, t.shape[axis]) for i, t in enumerate(types) if t.rank >= -axis]
        wide = [(i, size) for i, size in sizes if size.value != 1]
        for index, size in wide[1:]:
            answer = equal_dims(wide[0][1], size)
            if not answer:
                raise _clash(name, types, wide[0], (index, size), axis, answer)
        shape.append(wide[0][1] if wide else sizes[0][1])
    return tuple(shape)


def _clash(
    name: str,
    types: tuple[TensorType, ...],
    left: tuple[int, Dim],
    right: tuple[int, Dim],
    axis: int,
    answer: bool | None,
) -> Fault:
    operands = {left[0]: str(types[left[0]]), right[0]: str(types[right[0]])}
    if answer is None:
        return Fault(
            "T0308",
            f"`{name}` needs `{left[1]} == {right[1]}`, which cannot be decided",
            operands=operands,
            dims=(left[1], right[1]),
            help=[f"declare it: `where {left[1]} == {right[1]}`"],
        )
    return Fault(
        "T0302",
        f"shapes of `{name}` do not fit: axis {axis} is {left[1]} and {right[1]}",
        operands=operands,
        dims=(left[1], right[1]),
        notes=[
            "sizes are equal, or one of them is a literal 1, axis by axis from the last"
        ],
    )


def _define(
    name: str,
    doc: str,
    parameters: str,
    body: Any,
    gradient: Gradient | None,
    *,
    scalar: str | None = None,
    domain: tuple[Interval, ...] | Interval = (-2.0, 2.0),
    floats: bool = False,
    to_bool: bool = False,
    no_gradient: str = "",
    commutative: bool = False,
    **more: Any,
) -> None:
    names = parameters.split()
    intervals = domain if isinstance(domain[0], tuple) else (domain,) * len(names)
    fields = {
        "__doc__": doc,
        "name": name,
        "body": staticmethod(body) if callable(body) else body,
        "gradient": staticmethod(gradient) if gradient else None,
        "arguments": signature(name, names),
        "scalar": scalar,
        "domain": intervals,
        "floats": floats,
        "operand_dtypes": "float" if floats else "same",
        "to_bool": to_bool,
        "no_gradient": no_gradient,
        "commutative": commutative,
        **more,
    }
    register(type(name, (Elementwise,), fields))


def signature(name: str, operands: Sequence[str], **options: Any) -> Any:
    """An `arguments` method with named operands, and options with their defaults."""
    listed = ", ".join(
        [*operands, *(f"{key}={value!r}" for key, value in options.items())]
    )
    chosen = ", ".join(f"{key!r}: {key}" for key in options)
    method = eval(f"lambda self, {listed}: (({', '.join(operands)},), {{{chosen}}})")
    method.__name__ = method.__qualname__ = f"{name}.arguments"
    return method


def op(name: str) -> Callable[..., Any]:
    """A later op by name, for gradients."""
    return lambda *operands, **options: call(name, *operands, **options)


exp, log, sqrt, square, sign = (
    op("exp"),
    op("log"),
    op("sqrt"),
    op("square"),
    op("sign"),
)
sin, cos, where, cast = op("sin"), op("cos"), op("where"), op("cast")
equal, greater, logical_and = op("equal"), op("greater"), op("logical_and")
reciprocal, sigmoid, erf, log1p = (
    op("reciprocal"),
    op("sigmoid"),
    op("erf"),
    op("log1p"),
)

_STEP = "it is constant between its steps"
_TRUTH = "a truth value has no slope"

# Arithmetic.
_define(
    "add",
    "x1 + x2.",
    "x1 x2",
    "add",
    lambda g, r, x, y: (g, g),
    scalar="x + y",
    commutative=True,
)
_define(
    "subtract",
    "x1 - x2.",
    "x1 x2",
    "subtract",
    lambda g, r, x, y: (g, -g),
    scalar="x - y",
)
_define(
    "multiply",
    "x1 * x2.",
    "x1 x2",
    "multiply",
    lambda g, r, x, y: (g * y, g * x),
    scalar="x * y",
    commutative=True,
)
_define(
    "divide",
    "x1 / x2.",
    "x1 x2",
    "divide",
    lambda g, r, x, y: (g / y, -(g * r / y)),
    scalar="x / y",
    floats=True,
    domain=((-2.0, 2.0), (0.5, 2.0)),
)
_define(
    "power",
    "x1 to the power of x2.",
    "x1 x2",
    "power",
    lambda g, r, x, y: (_power_base(g, x, y), _power_exponent(g, r, x)),
    scalar="pow(x, y)",
    domain=((0.3, 2.0), (-2.0, 2.0)),
)
_define(
    "floor_divide",
    "The largest integer not above x1 / x2.",
    "x1 x2",
    "floor_divide",
    None,
    scalar="floor(x / y)",
    no_gradient=_STEP,
    domain=((-3.0, 3.0), (0.5, 2.0)),
)
_define(
    "mod",
    "x1 - x2 * floor(x1 / x2), with the sign of x2.",
    "x1 x2",
    "mod",
    lambda g, r, x, y: (g, -(g * call("floor_divide", x, y))),
    scalar="x - y * floor(x / y)",
    domain=((0.1, 0.9), (1.1, 2.0)),
)
_define("negative", "-x.", "x", "negative", lambda g, r, x: (-g,), scalar="-x")
_define(
    "abs",
    "The absolute value.",
    "x",
    "absolute",
    lambda g, r, x: (g * sign(x),),
    scalar="abs(x)",
    domain=(0.2, 2.0),
)
_define("sign", "-1, 0 or 1.", "x", "sign", lambda g, r, x: (None,), scalar="sign(x)")
_define(
    "square", "x * x.", "x", "square", lambda g, r, x: (g * (2 * x),), scalar="x * x"
)
_define(
    "sqrt",
    "The square root.",
    "x",
    "sqrt",
    lambda g, r, x: (g * (0.5 / r),),
    scalar="sqrt(x)",
    domain=(0.3, 3.0),
    floats=True,
)
_define(
    "rsqrt",
    "1 / sqrt(x).",
    "x",
    lambda xp, x, out=None: xp.reciprocal(xp.sqrt(x, out=out), out=out),
    lambda g, r, x: (g * (-0.5 * r / x),),
    scalar="1 / sqrt(x)",
    domain=(0.3, 3.0),
    floats=True,
)
_define(
    "reciprocal",
    "1 / x.",
    "x",
    "reciprocal",
    lambda g, r, x: (-(g * r * r),),
    scalar="1 / x",
    domain=(0.4, 3.0),
    floats=True,
)
_define(
    "maximum",
    "The larger of x1 and x2; ties share the gradient.",
    "x1 x2",
    "maximum",
    lambda g, r, x, y: _extreme(g, r, x, y),
    scalar="max(x, y)",
    commutative=True,
)
_define(
    "minimum",
    "The smaller of x1 and x2; ties share the gradient.",
    "x1 x2",
    "minimum",
    lambda g, r, x, y: _extreme(g, r, x, y),
    scalar="min(x, y)",
    commutative=True,
)

# Exponentials and logarithms.
_define(
    "exp",
    "e to the power of x.",
    "x",
    "exp",
    lambda g, r, x: (g * r,),
    scalar="exp(x)",
    floats=True,
)
_define(
    "expm1",
    "exp(x) - 1, exact for small x.",
    "x",
    "expm1",
    lambda g, r, x: (g * (r + 1),),
    scalar="expm1(x)",
    floats=True,
)
_define(
    "log",
    "The natural logarithm.",
    "x",
    "log",
    lambda g, r, x: (g / x,),
    scalar="log(x)",
    domain=(0.3, 3.0),
    floats=True,
)
_define(
    "log1p",
    "log(1 + x), exact for small x.",
    "x",
    "log1p",
    lambda g, r, x: (g / (x + 1),),
    scalar="log1p(x)",
    domain=(-0.5, 3.0),
    floats=True,
)
_define(
    "log2",
    "The logarithm to base 2.",
    "x",
    "log2",
    lambda g, r, x: (g * (1.4426950408889634 / x),),
    scalar="log2(x)",
    domain=(0.3, 3.0),
    floats=True,
)
_define(
    "log10",
    "The logarithm to base 10.",
    "x",
    "log10",
    lambda g, r, x: (g * (0.4342944819032518 / x),),
    scalar="log10(x)",
    domain=(0.3, 3.0),
    floats=True,
)
_define(
    "logaddexp",
    "log(exp(x1) + exp(x2)).",
    "x1 x2",
    "logaddexp",
    lambda g, r, x, y: (g * exp(x - r), g * exp(y - r)),
    commutative=True,
    floats=True,
)

# Trigonometry.
_define(
    "sin",
    "The sine of radians.",
    "x",
    "sin",
    lambda g, r, x: (g * cos(x),),
    scalar="sin(x)",
    floats=True,
)
_define(
    "cos",
    "The cosine of radians.",
    "x",
    "cos",
    lambda g, r, x: (-(g * sin(x)),),
    scalar="cos(x)",
    floats=True,
)
_define(
    "tan",
    "The tangent of radians.",
    "x",
    "tan",
    lambda g, r, x: (g * (r * r + 1),),
    scalar="tan(x)",
    domain=(-1.0, 1.0),
    floats=True,
)
_define(
    "arcsin",
    "The inverse sine.",
    "x",
    "arcsin",
    lambda g, r, x: (g / sqrt(1 - x * x),),
    scalar="asin(x)",
    domain=(-0.8, 0.8),
    floats=True,
)
_define(
    "arccos",
    "The inverse cosine.",
    "x",
    "arccos",
    lambda g, r, x: (-(g / sqrt(1 - x * x)),),
    scalar="acos(x)",
    domain=(-0.8, 0.8),
    floats=True,
)
_define(
    "arctan",
    "The inverse tangent.",
    "x",
    "arctan",
    lambda g, r, x: (g / (x * x + 1),),
    scalar="atan(x)",
    floats=True,
)
_define(
    "arctan2",
    "The angle of the point (x2, x1).",
    "x1 x2",
    "arctan2",
    lambda g, r, x, y: (g * y / (x * x + y * y), -(g * x / (x * x + y * y))),
    scalar="atan2(x, y)",
    domain=((0.3, 2.0), (0.3, 2.0)),
    floats=True,
)
_define(
    "sinh",
    "The hyperbolic sine.",
    "x",
    "sinh",
    lambda g, r, x: (g * call("cosh", x),),
    scalar="sinh(x)",
    floats=True,
)
_define(
    "cosh",
    "The hyperbolic cosine.",
    "x",
    "cosh",
    lambda g, r, x: (g * call("sinh", x),),
    scalar="cosh(x)",
    floats=True,
)
_define(
    "tanh",
    "The hyperbolic tangent.",
    "x",
    "tanh",
    lambda g, r, x: (g * (1 - r * r),),
    scalar="tanh(x)",
    floats=True,
)
_define(
    "arcsinh",
    "The inverse hyperbolic sine.",
    "x",
    "arcsinh",
    lambda g, r, x: (g / sqrt(x * x + 1),),
    scalar="asinh(x)",
    floats=True,
)
_define(
    "arccosh",
    "The inverse hyperbolic cosine.",
    "x",
    "arccosh",
    lambda g, r, x: (g / sqrt(x * x - 1),),
    scalar="acosh(x)",
    domain=(1.3, 3.0),
    floats=True,
)
_define(
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
_define(
    "relu",
    "max(x, 0).",
    "x",
    lambda xp, x, out=None: xp.maximum(x, x.dtype.type(0), out=out),
    lambda g, r, x: (where(greater(r, 0), g, 0.0),),
    scalar="max(x, 0)",
    domain=(0.2, 2.0),
)
_define(
    "sigmoid",
    "1 / (1 + exp(-x)).",
    "x",
    lambda xp, x, out=None: _sigmoid(xp, x, out),
    lambda g, r, x: (g * (r * (1 - r)),),
    scalar="sigmoid(x)",
    floats=True,
)
_define(
    "softplus",
    "log(1 + exp(x)).",
    "x",
    lambda xp, x, out=None: xp.logaddexp(x, x.dtype.type(0), out=out),
    lambda g, r, x: (g * sigmoid(x),),
    scalar="softplus(x)",
    floats=True,
)
_define(
    "erf",
    "The error function.",
    "x",
    lambda xp, x, out=None: _erf(xp, x, out),
    lambda g, r, x: (g * (1.1283791670955126 * exp(-(x * x))),),
    scalar="erf(x)",
    floats=True,
)

# Rounding, tests and comparisons.
_define(
    "floor",
    "The largest integer not above x.",
    "x",
    "floor",
    lambda g, r, x: (None,),
    scalar="floor(x)",
    floats=True,
)
_define(
    "ceil",
    "The smallest integer not below x.",
    "x",
    "ceil",
    lambda g, r, x: (None,),
    scalar="ceil(x)",
    floats=True,
)
_define(
    "rint",
    "The nearest integer, ties to even.",
    "x",
    "rint",
    lambda g, r, x: (None,),
    scalar="rint(x)",
    floats=True,
    public=False,
)
for _name, _doc, _form in (
    ("equal", "x1 == x2.", "x == y"),
    ("not_equal", "x1 != x2.", "x != y"),
    ("less", "x1 < x2.", "x < y"),
    ("less_equal", "x1 <= x2.", "x <= y"),
    ("greater", "x1 > x2.", "x > y"),
    ("greater_equal", "x1 >= x2.", "x >= y"),
):
    _define(
        _name,
        _doc,
        "x1 x2",
        _name,
        lambda g, r, x, y: (None, None),
        scalar=_form,
        to_bool=True,
    )
_define(
    "logical_and",
    "Both are true.",
    "x1 x2",
    "logical_and",
    lambda g, r, x, y: (None, None),
    scalar="x && y",
    to_bool=True,
    commutative=True,
)
_define(
    "logical_or",
    "One is true.",
    "x1 x2",
    "logical_or",
    lambda g, r, x, y: (None, None),
    scalar="x || y",
    to_bool=True,
    commutative=True,
)
_define(
    "logical_not",
    "Not true.",
    "x",
    "logical_not",
    lambda g, r, x: (None,),
    scalar="!x",
    to_bool=True,
)
_define(
    "isnan",
    "Whether an element is not a number.",
    "x",
    "isnan",
    lambda g, r, x: (None,),
    scalar="isnan(x)",
    to_bool=True,
)
_define(
    "isfinite",
    "Whether an element is neither infinite nor NaN.",
    "x",
    "isfinite",
    lambda g, r, x: (None,),
    scalar="isfinite(x)",
    to_bool=True,
)
_define(
    "isinf",
    "Whether an element is infinite.",
    "x",
    "isinf",
    lambda g, r, x: (None,),
    scalar="isinf(x)",
    to_bool=True,
)


def _power_base(g: Node, x: Node, y: Node) -> Any:
    if not x.dtype.is_float:
        return None
    return g * (y * call("power", x, y - 1))


def _power_exponent(g: Node, r: Node, x: Node) -> Any:
    # Where the base is not positive the power is constant in practice, or undefined.
    safe = where(greater(x, 0), x, 1.0)
    return g * (r * log(safe))


def _extreme(g: Node, r: Node, x: Node, y: Node) -> tuple[Any, Any]:
    left, right = cast(equal(x, r), g.dtype.name), cast(equal(y, r), g.dtype.name)
    total = left + right
    return g * (left / total), g * (right / total)


def _sigmoid(xp: Any, x: Any, out: Any) -> Any:
    # 0.5 * (1 + tanh(x / 2)) keeps every intermediate finite.
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    out = xp.empty_like(x) if out is None else out
    xp.multiply(x, half, out=out)
    xp.tanh(out, out=out)
    xp.add(out, one, out=out)
    return xp.multiply(out, half, out=out)


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


@register
class Where(Elementwise):
    """x1 where the condition holds, else x2."""

    unified = slice(1, 3)
    scalar = "x ? y : z"
    writes = False

    def arguments(self, condition: Any, x1: Any, x2: Any) -> Any:
        return (condition, x1, x2), {}

    def apply(
        self, inputs: Any, attributes: Any = None, like: Any = None, name: Any = None
    ) -> Node:
        return super().apply(
            (cast(inputs[0], "bool"), *inputs[1:]), attributes, like, name
        )

    def infer(self, *types: TensorType) -> TensorType:
        if types[1].dtype != types[2].dtype:
            raise dtype_clash(self.name, types[1], 2, types[2])
        return TensorType(types[1].dtype, broadcast_shapes(self.name, types))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        condition = node.inputs[0]
        return (
            None,
            where(condition, cotangent, 0.0),
            where(condition, 0.0, cotangent),
        )

    def run(self, xp: Any, *arrays: Any, out: Any = None) -> Any:
        return xp.where(*arrays)


@register
class Clip(Elementwise):
    """x cut to the interval from x_min to x_max."""

    writes = True
    scalar = "min(max(x, x_min), x_max)"
    domain = ((-0.9, 0.9),)

    def arguments(self, x: Any, x_min: float, x_max: float) -> Any:
        return (x,), {"x_min": x_min, "x_max": x_max}

    def infer(self, x: TensorType, x_min: float, x_max: float) -> TensorType:  # type: ignore[override]
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        x, limits = node.inputs[0], node.attributes
        inside = logical_and(x >= limits["x_min"], x <= limits["x_max"])
        return (where(inside, cotangent, 0.0),)

    def run(self, xp: Any, *arrays: Any, out: Any = None, **limits: Any) -> Any:
        x, x_min, x_max = arrays[0], limits["x_min"], limits["x_max"]
        return xp.clip(x, x.dtype.type(x_min), x.dtype.type(x_max), out=out)
