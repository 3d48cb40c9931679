"""How CUDA C++ computes the functions on elements: one entry a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...graph.types import BOOL, DType
from .functions import LIBRARY
from .readable import SIGNS

Function = Callable[..., str]


def register_type(dtype: DType) -> str:
    """The type in which values of a dtype are computed; halves in float."""
    if dtype.is_float:
        return "double" if dtype.size == 8 else "float"
    if dtype == BOOL:
        return "bool"
    return f"{'i' if dtype.kind == 'i' else 'u'}{8 * dtype.size}".replace("i32", "int")


def memory_type(dtype: DType) -> str:
    """The type in which they lie in memory."""
    if dtype.is_half:
        return "u16"
    return "u8" if dtype == BOOL else register_type(dtype)


def loaded(text: str, dtype: DType) -> str:
    """What was read from memory, as it is computed with."""
    if dtype.is_half:
        return f"from_{dtype.short}({text})"
    return f"({text} != 0)" if dtype == BOOL else text


def to_store(text: str, dtype: DType) -> str:
    """A computed value as it lies in memory."""
    return f"to_{dtype.short}({text})" if dtype.is_half else text


def literal(number: float, dtype: DType) -> str:
    """A number as C++ writes it, exactly."""
    if dtype == BOOL:
        return "true" if number else "false"
    if not dtype.is_float:
        return _whole_literal(int(number), dtype)
    single = register_type(dtype) == "float"
    value = float(np.float32(number)) if single else float(number)
    if math.isfinite(value):
        return value.hex() + ("f" if single else "")
    if single:
        return f"float_of({int(np.float32(number).view(np.uint32)):#x}u)"
    return f"double_of({int(np.float64(number).view(np.uint64)):#x}ull)"


def _whole_literal(number: int, dtype: DType) -> str:
    bits = 8 * dtype.size
    number %= 1 << bits
    return f"(({register_type(dtype)}){number:#x}ull)"


def apply(function: str, dtype: DType, result: DType, args: Sequence[str]) -> str:
    """A function on values of a dtype, as an expression."""
    if function == "cast":
        return cast(args[0], dtype, result)
    return FUNCTIONS[function](dtype, *args)


def cast(text: str, source: DType, wanted: DType) -> str:
    """A value in another dtype; floats beyond an integer's ends stop there."""
    type = register_type(wanted)
    if wanted.is_half:
        return loaded(to_store(f"(float)({text})", wanted), wanted)
    if not source.is_float or wanted.is_float:
        return f"({type})({text})"
    bits = 8 * wanted.size
    # As on the CPU, short ones go by way of longer ones, which wrap around.
    through = {("u", 32): 64}.get((wanted.kind, bits), max(bits, 32))
    unsigned = (wanted.kind, bits) == ("u", 64)
    least = 0 if unsigned else -(1 << (through - 1))
    most = (1 << 64) - 1 if unsigned else (1 << (through - 1)) - 1
    middle = "u64" if unsigned else {32: "int", 64: "i64"}[through]
    floating = register_type(source)
    ends = f"({floating}){float(most + 1).hex()}, ({middle}){least % (1 << 64):#x}ull"
    return f"({type})whole<{middle}>({text}, {ends}, ({middle}){most:#x}ull)"


def _float_or(sign: str, whole: str, truth: str = "") -> Function:
    def function(dtype: DType, x: str, y: str) -> str:
        if dtype.is_float:
            return f"({x} {sign} {y})"
        if dtype == BOOL:
            return f"({x} {truth} {y})"
        return f"{whole}({x}, {y})"

    return function


def _sign(name: str) -> Function:
    return lambda dtype, x, y: f"({x} {SIGNS[name]} {y})"


def _bits(name: str) -> Function:
    return lambda dtype, x, y: f"(({register_type(dtype)})({x} {SIGNS[name]} {y}))"


def _named(floating: str, whole: str) -> Function:
    def function(dtype: DType, *args: str) -> str:
        return f"{floating if dtype.is_float else whole}({', '.join(args)})"

    return function


def _negative(dtype: DType, x: str) -> str:
    zero = literal(0, dtype)
    return f"(-{x})" if dtype.is_float else f"difference({zero}, {x})"


def _absolute(dtype: DType, x: str) -> str:
    if dtype.is_float:
        return _library("fabs")(dtype, x)
    return f"magnitude({x})" if dtype.kind == "i" else x


def _not(dtype: DType, x: str) -> str:
    return f"(!{x})" if dtype == BOOL else f"(({register_type(dtype)})~{x})"


def _library(name: str) -> Function:
    """A function of CUDA's mathematics, in float or double."""

    def function(dtype: DType, *args: str) -> str:
        single = "f" if register_type(dtype) == "float" else ""
        return f"{name}{single}({', '.join(args)})"

    return function


def _finite(sign: str) -> Function:
    def function(dtype: DType, x: str) -> str:
        return f"({_absolute(dtype, x)} {sign} {literal(math.inf, dtype)})"

    return function


def _negative_sign(dtype: DType, x: str) -> str:
    bits = 8 * (8 if register_type(dtype) == "double" else 4)
    return f"((bits_of({x}) >> {bits - 1}) != 0)"


FUNCTIONS: dict[str, Function] = {
    "add": _float_or("+", "sum_of", "||"),
    "sub": _float_or("-", "difference"),
    "mul": _float_or("*", "product", "&&"),
    "div": _sign("div"),
    "neg": _negative,
    "abs": _absolute,
    "max": lambda dtype, x, y: f"larger({x}, {y})",
    "min": lambda dtype, x, y: f"smaller({x}, {y})",
    "floordiv": _named("float_floor_divide", "floor_divide"),
    "mod": _named("float_modulo", "modulo"),
    "bit_and": _bits("bit_and"),
    "bit_or": _bits("bit_or"),
    "bit_xor": _bits("bit_xor"),
    "bit_not": _not,
    "and": _sign("and"),
    "or": _sign("or"),
    "not": _not,
    "shl": lambda dtype, x, y: f"shifted_left({x}, {y})",
    "shr": lambda dtype, x, y: f"shifted_right({x}, {y})",
    **{name: _sign(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "select": lambda dtype, condition, yes, no: f"({condition} ? {yes} : {no})",
    "isnan": lambda dtype, x: f"({x} != {x})",
    "isinf": _finite("=="),
    "isfinite": _finite("<"),
    "signbit": _negative_sign,
    **{name: _library(name) for name in ("sqrt", "floor", "ceil", "rint", "trunc")},
    **{name: _library(name) for name in LIBRARY},
}
