"""Which functions are made of arithmetic, of float and of double; C has the others."""

from __future__ import annotations

from collections.abc import Callable

from . import circles, hyperbolic, maths, powers
from .exact import by_double
from .writer import Ref

Table = dict[str, Callable[..., Ref]]
BOTH: Table = {
    "exp": maths.exp,
    "exp2": maths.exp2,
    "expm1": maths.expm1,
    "log": maths.log,
    "log1p": maths.log1p,
    "log2": maths.log2,
    "log10": maths.log10,
    "tanh": maths.tanh,
    "erf": maths.erf,
    "fmod": powers.fmod,
}
INVERSE: Table = {
    "asin": circles.asin,
    "acos": circles.acos,
    "atan": circles.atan,
    "atan2": circles.atan2,
    "asinh": hyperbolic.asinh,
    "acosh": hyperbolic.acosh,
    "atanh": hyperbolic.atanh,
    "cbrt": powers.cbrt,
    "hypot": powers.hypot,
}
SINGLE: Table = {
    "pow": powers.pow_float,
    "sinh": hyperbolic.sinh_float,
    "cosh": hyperbolic.cosh_float,
    "sin": circles.circular("sin", circles.sin),
    "cos": circles.circular("cos", circles.cos),
    "tan": circles.circular("tan", circles.tan),
    **{name: by_double(function) for name, function in INVERSE.items()},
}
DOUBLE: Table = {
    "pow": powers.pow_double,
    "sinh": hyperbolic.sinh,
    "cosh": hyperbolic.cosh,
    "sin": circles.circular("sin", circles.sin_double),
    "cos": circles.circular("cos", circles.cos_double),
    "tan": circles.circular("tan", circles.tan_double),
    **INVERSE,
}
NATIVE = {"float": {**BOTH, **SINGLE}, "double": {**BOTH, **DOUBLE}}
