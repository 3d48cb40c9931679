"""Which functions are made of arithmetic, of float and of double; C has the others."""

from __future__ import annotations

from collections.abc import Callable

from . import hyperbolic, maths, powers, trigonometry
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
    "asin": trigonometry.asin,
    "acos": trigonometry.acos,
    "atan": trigonometry.atan,
    "atan2": trigonometry.atan2,
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
    "sin": trigonometry.circular("sin", trigonometry.sin),
    "cos": trigonometry.circular("cos", trigonometry.cos),
    "tan": trigonometry.circular("tan", trigonometry.tan),
    **{name: by_double(function) for name, function in INVERSE.items()},
}
DOUBLE: Table = {
    "pow": powers.pow_double,
    "sinh": hyperbolic.sinh,
    "cosh": hyperbolic.cosh,
    "sin": trigonometry.circular("sin", trigonometry.sin_double),
    "cos": trigonometry.circular("cos", trigonometry.cos_double),
    "tan": trigonometry.circular("tan", trigonometry.tan_double),
    **INVERSE,
}
NATIVE = {"float": {**BOTH, **SINGLE}, "double": {**BOTH, **DOUBLE}}
