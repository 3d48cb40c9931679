"""Exponentials, logarithms and the rest for LLVM, in vectors and without branches.

In float they are polynomials of our own, within 4 units in the last place of the true
value; in double, and where no polynomial stands here, each lane calls the C library.
"""

from __future__ import annotations

from collections.abc import Callable

from .writer import LANES, Ref, Writer, vector_type

NAMES = (
    "pow exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh "
    "cosh tanh asinh acosh atanh erf cbrt hypot nextafter"
).split()
SINGLE: dict[str, Callable[..., Ref]] = {}


def lanewise(writer: Writer, name: str, *refs: Ref) -> Ref:
    """A function of the C library, called for one lane after the other."""
    refs = tuple(writer.level(*refs))
    type, lanes = refs[0].type, refs[0].lanes
    symbol = name + ("f" if type == "float" else "")
    writer.declare(symbol, type, [type] * len(refs))
    if lanes == 1:
        arguments = ", ".join(f"{type} {ref.text}" for ref in refs)
        return writer.new(f"call {type} @{symbol}({arguments})", type)
    helper = f"{writer.prefix}_{symbol}"
    writer.helpers.setdefault(helper, _lane_loop(helper, symbol, type, len(refs)))
    whole = vector_type(type, lanes)
    arguments = ", ".join(f"{whole} {ref.text}" for ref in refs)
    return writer.new(f"call {whole} @{helper}({arguments})", type, lanes)


def _lane_loop(helper: str, symbol: str, type: str, count: int) -> str:
    whole = vector_type(type, LANES)
    names = [f"%x{i}" for i in range(count)]
    extracted = "\n".join(
        f"  %e{i} = extractelement {whole} {name}, i64 %i"
        for i, name in enumerate(names)
    )
    arguments = ", ".join(f"{type} %e{i}" for i in range(count))
    parameters = ", ".join(f"{whole} {name}" for name in names)
    return f"""
define internal {whole} @{helper}({parameters}) noinline {{
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %done = phi {whole} [ zeroinitializer, %entry ], [ %more, %body ]
{extracted}
  %one = call {type} @{symbol}({arguments})
  %more = insertelement {whole} %done, {type} %one, i64 %i
  %next = add i64 %i, 1
  %again = icmp ult i64 %next, {LANES}
  br i1 %again, label %body, label %end
end:
  ret {whole} %more
}}
"""
