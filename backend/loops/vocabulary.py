"""The functions on elements that values of a loop are made with, and their dtypes."""

from __future__ import annotations

from ...graph.types import BOOL, DType
from .language import Unlowerable

ORDER = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
LOGIC = frozenset({"and", "or", "not"})
TESTS = frozenset({"isnan", "isinf", "isfinite", "signbit"})
PREDICATES = ORDER | LOGIC | TESTS
BITS = frozenset({"bit_and", "bit_or", "bit_xor", "bit_not"})
WHOLE = frozenset({"add", "sub", "mul", "neg", "abs", "max", "min", "floordiv", "mod"})
COMMON = ORDER | LOGIC | {"select", "cast"}
BY_KIND = {
    "b": COMMON | BITS | {"add", "mul", "max", "min"},
    "i": COMMON | BITS | WHOLE | {"shl", "shr"},
    "u": COMMON | BITS | WHOLE | {"shl", "shr"},
}
# What is true of every number that is no float.
SETTLED = {"isnan": False, "isinf": False, "isfinite": True}
FLOATS = (
    COMMON
    | TESTS
    | WHOLE
    | frozenset(
        "div pow sqrt floor ceil rint trunc exp exp2 expm1 log log2 log10 log1p sin "
        "cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf cbrt hypot "
        "nextafter".split()
    )
)


def result_of(function: str, dtype: DType) -> DType:
    """The dtype of a function on numbers of a dtype; `Unlowerable` if it has none."""
    known = FLOATS if dtype.is_float else BY_KIND[dtype.kind]
    if function not in known or (function == "nextafter" and dtype.is_half):
        raise Unlowerable(f"`{function}` of {dtype} is no loop over elements")
    return BOOL if function in PREDICATES else dtype
