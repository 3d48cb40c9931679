"""How LLVM computes the functions on elements: one entry a function."""

from __future__ import annotations

from collections.abc import Callable

from ...graph.types import BOOL, F32, DType
from .libm import lanewise
from .native import NATIVE
from .writer import BITS, Ref, Writer

Function = Callable[..., Ref]


def register_type(dtype: DType) -> str:
    """The type in which values of a dtype are computed; halves in float."""
    if dtype.is_float:
        return "double" if dtype.size == 8 else "float"
    return "i1" if dtype == BOOL else f"i{8 * dtype.size}"


def memory_type(dtype: DType) -> str:
    """The type in which they lie in memory."""
    if dtype.is_half:
        return "half" if dtype.short == "f16" else "i16"
    return "i8" if dtype == BOOL else register_type(dtype)


def loaded(ref: Ref, dtype: DType) -> Ref:
    """What was read from memory, as it is computed with."""
    writer = ref.writer
    if dtype == BOOL:
        return writer.compare("ne", ref, 0)
    if dtype.short == "f16":
        return writer.convert("fpext", ref, "float")
    if dtype.short == "bf16":
        bits = writer.convert("zext", ref, "i32") << 16
        return writer.convert("bitcast", bits, "float")
    return ref


def to_store(ref: Ref, dtype: DType) -> Ref:
    """A computed value as it lies in memory."""
    writer = ref.writer
    if dtype == BOOL:
        return writer.convert("zext", ref, "i8")
    if dtype.short == "f16":
        return writer.convert("fptrunc", ref, "half")
    if dtype.short == "bf16":
        return writer.convert("trunc", _rounded(ref), "i16")
    return ref


def _rounded(ref: Ref) -> Ref:
    """The upper half of a float's bits, rounded to even."""
    writer = ref.writer
    bits = writer.convert("bitcast", ref, "i32")
    odd = writer.binary("lshr", bits, bits.number(16)) & 1
    upper = writer.binary("lshr", bits + (odd + 0x7FFF), bits.number(16))
    quiet = writer.binary("lshr", bits, bits.number(16)) | 0x40
    return writer.select(writer.compare("uno", ref, ref), quiet, upper)


def apply(function: str, dtype: DType, result: DType, refs: list[Ref]) -> Ref:
    """A function on values of a dtype."""
    writer = refs[0].writer
    if function == "cast":
        return cast(writer, refs[0], dtype, result)
    return FUNCTIONS[function](writer, dtype, *refs)


# Arithmetic.


def _add(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
    return x | y if dtype == BOOL else x + y


def _multiply(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
    return x & y if dtype == BOOL else x * y


def _plain(operator: Callable[..., Ref]) -> Function:
    return lambda writer, dtype, *refs: operator(*refs)


def _absolute(writer: Writer, dtype: DType, x: Ref) -> Ref:
    if dtype.is_float:
        return writer.call("fabs", x)
    if dtype.kind == "u":
        return x
    return writer.select(writer.compare("slt", x, 0), -x, x)


def maximum(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
    """The larger one; NaN if one is NaN."""
    return _extreme(writer, dtype, x, y, "gt")


def minimum(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
    """The smaller one; NaN if one is NaN."""
    return _extreme(writer, dtype, x, y, "lt")


def _extreme(writer: Writer, dtype: DType, x: Ref, y: Ref, test: str) -> Ref:
    if dtype == BOOL:
        return x | y if test == "gt" else x & y
    if not dtype.is_float:
        signed = "s" if dtype.kind == "i" else "u"
        return writer.select(writer.compare(signed + test, x, y), x, y)
    if x.literal:
        x, y = y, x
    if y.literal and y.text not in NANS:
        # NaN compares false, and so stays.
        turned = {"gt": "olt", "lt": "ogt"}[test]
        return writer.select(writer.compare(turned, x, y), y, x)
    best = writer.select(writer.compare("o" + test, x, y), x, y)
    return writer.select(writer.compare("uno", x, x), x, best)


NANS = {"0x7FF8000000000000", "0xFFF8000000000000"}


def _floordiv(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
    if not dtype.is_float:
        return _whole_division(writer, dtype, x, y)[0]
    rest = NATIVE[x.type]["fmod"](writer, x, y)
    quotient = (x - rest) / y
    turned = writer.compare("one", rest, 0) & (
        writer.compare("olt", rest, 0) ^ writer.compare("olt", y, 0)
    )
    quotient = writer.select(turned, quotient - 1, quotient)
    floor = writer.call("floor", quotient)
    floor = writer.select(
        writer.compare("ogt", quotient - floor, 0.5), floor + 1, floor
    )
    zero = writer.call("copysign", quotient.number(0), x / y)
    whole = writer.select(writer.compare("oeq", quotient, 0), zero, floor)
    return writer.select(writer.compare("oeq", y, 0), x / y, whole)


def _mod(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
    if not dtype.is_float:
        return _whole_division(writer, dtype, x, y)[1]
    rest = NATIVE[x.type]["fmod"](writer, x, y)
    differ = writer.compare("olt", rest, 0) ^ writer.compare("olt", y, 0)
    moved = writer.select(differ, rest + y, rest)
    zero = writer.call("copysign", rest.number(0), y)
    return writer.select(writer.compare("oeq", rest, 0), zero, moved)


def _whole_division(writer: Writer, dtype: DType, x: Ref, y: Ref) -> tuple[Ref, Ref]:
    """Quotient and rest, rounded down; both 0 where the divisor is."""
    none = writer.compare("eq", y, 0)
    if dtype.kind == "u":
        safe = writer.select(none, 1, y)
        quotient = writer.binary("udiv", x, safe)
        rest = x - quotient * safe
        return writer.select(none, 0, quotient), writer.select(none, 0, rest)
    least = -(1 << (8 * dtype.size - 1))
    beyond = writer.compare("eq", x, least) & writer.compare("eq", y, -1)
    safe = writer.select(none | beyond, 1, y)
    quotient = writer.binary("sdiv", x, safe)
    rest = x - quotient * safe
    differ = writer.compare("slt", rest, 0) ^ writer.compare("slt", safe, 0)
    down = writer.compare("ne", rest, 0) & differ
    quotient = writer.select(down, quotient - 1, quotient)
    rest = writer.select(down, rest + safe, rest)
    return writer.select(none, 0, quotient), writer.select(none, 0, rest)


# Bits, logic, tests.


def _shift(left: bool) -> Function:
    def function(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
        bits = BITS[x.type]
        inside = writer.compare("ult", y, bits)
        safe = writer.select(inside, y, bits - 1)
        if left:
            return writer.select(inside, x << safe, 0)
        if dtype.kind == "i":
            return x >> safe
        return writer.select(inside, writer.binary("lshr", x, safe), 0)

    return function


def _compare(floating: str, integer: str) -> Function:
    def function(writer: Writer, dtype: DType, x: Ref, y: Ref) -> Ref:
        if dtype.is_float:
            return writer.compare(floating, x, y)
        signed = "" if integer in ("eq", "ne") else "s" if dtype.kind == "i" else "u"
        return writer.compare(signed + integer, x, y)

    return function


def _not(writer: Writer, dtype: DType, x: Ref) -> Ref:
    return x ^ (1 if x.type == "i1" else -1)


def _select(writer: Writer, dtype: DType, condition: Ref, yes: Ref, no: Ref) -> Ref:
    return writer.select(condition, yes, no)


def _isnan(writer: Writer, dtype: DType, x: Ref) -> Ref:
    return writer.compare("uno", x, x)


def _isinf(writer: Writer, dtype: DType, x: Ref) -> Ref:
    return writer.compare("oeq", writer.call("fabs", x), float("inf"))


def _isfinite(writer: Writer, dtype: DType, x: Ref) -> Ref:
    return writer.compare("olt", writer.call("fabs", x), float("inf"))


def _signbit(writer: Writer, dtype: DType, x: Ref) -> Ref:
    bits = writer.convert("bitcast", x, f"i{BITS[x.type]}")
    return writer.compare("slt", bits, 0)


def _intrinsic(name: str) -> Function:
    return lambda writer, dtype, x: writer.call(name, x)


# Casts.


def cast(writer: Writer, x: Ref, source: DType, wanted: DType) -> Ref:
    """A value in another dtype; floats beyond an integer's ends stop there."""
    type = register_type(wanted)
    if wanted.is_half:
        single = cast(writer, x, source, F32)
        return loaded(to_store(single, wanted), wanted)
    if source.is_float:
        if wanted.is_float:
            return _resized(writer, x, type)
        return _to_whole(writer, x, wanted)
    if wanted.is_float:
        op = "sitofp" if source.kind == "i" else "uitofp"
        return writer.convert(op, x, type)
    have, want = BITS[x.type], BITS[type]
    if have == want:
        return x
    op = "trunc" if have > want else "sext" if source.kind == "i" else "zext"
    return writer.convert(op, x, type)


def _resized(writer: Writer, x: Ref, type: str) -> Ref:
    if x.type == type:
        return x
    return writer.convert("fpext" if type == "double" else "fptrunc", x, type)


def _to_whole(writer: Writer, x: Ref, wanted: DType) -> Ref:
    # What is shorter than a machine's conversion goes by way of the longer one.
    bits = 8 * wanted.size
    through = {("u", 32): 64}.get((wanted.kind, bits), max(bits, 32))
    op = "fptoui" if (wanted.kind, bits) == ("u", 64) else "fptosi"
    found = writer.saturating(op, x, f"i{through}")
    return found if through == bits else writer.convert("trunc", found, f"i{bits}")


# Functions of one or two floats.


LIBRARY = (
    "pow exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh "
    "cosh tanh asinh acosh atanh erf cbrt hypot nextafter"
).split()


def _of_floats(name: str) -> Function:
    def function(writer: Writer, dtype: DType, *refs: Ref) -> Ref:
        native = NATIVE[refs[0].type].get(name)
        if native is not None:
            return native(writer, *refs)
        return lanewise(writer, name, *refs)

    return function


FUNCTIONS: dict[str, Function] = {
    "add": _add,
    "sub": _plain(Ref.__sub__),
    "mul": _multiply,
    "div": _plain(Ref.__truediv__),
    "neg": _plain(Ref.__neg__),
    "abs": _absolute,
    "max": maximum,
    "min": minimum,
    "floordiv": _floordiv,
    "mod": _mod,
    "bit_and": _plain(Ref.__and__),
    "bit_or": _plain(Ref.__or__),
    "bit_xor": _plain(Ref.__xor__),
    "bit_not": _not,
    "and": _plain(Ref.__and__),
    "or": _plain(Ref.__or__),
    "not": _not,
    "shl": _shift(True),
    "shr": _shift(False),
    "eq": _compare("oeq", "eq"),
    "ne": _compare("une", "ne"),
    "lt": _compare("olt", "lt"),
    "le": _compare("ole", "le"),
    "gt": _compare("ogt", "gt"),
    "ge": _compare("oge", "ge"),
    "select": _select,
    "isnan": _isnan,
    "isinf": _isinf,
    "isfinite": _isfinite,
    "signbit": _signbit,
    "sqrt": _intrinsic("sqrt"),
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "rint": _intrinsic("roundeven"),
    "trunc": _intrinsic("trunc"),
    **{name: _of_floats(name) for name in LIBRARY},
}
