"""Functions of the C library on vectors: each lane calls it in turn."""

from __future__ import annotations

from functools import cache

from .writer import Helper, Ref, Writer, vector_type


def lanewise(writer: Writer, name: str, *refs: Ref) -> Ref:
    """A function of the C library, called for one lane after the other."""
    refs = tuple(writer.level(*refs))
    type, lanes = refs[0].type, refs[0].lanes
    symbol = name + ("f" if type == "float" else "")
    if lanes == 1:
        writer.declare(symbol, type, [type] * len(refs))
        callee = symbol
    else:
        callee = writer.share(_lane_loop(symbol, type, lanes, len(refs)))
    whole = vector_type(type, lanes)
    arguments = ", ".join(f"{whole} {ref.text}" for ref in refs)
    return writer.new(f"call {whole} @{callee}({arguments})", type, lanes)


@cache
def _lane_loop(symbol: str, type: str, lanes: int, count: int) -> Helper:
    name, whole = f"tulle_{symbol}x{lanes}", vector_type(type, lanes)
    names = [f"%x{i}" for i in range(count)]
    places = enumerate(names)
    extracted = "\n".join(
        f"  %e{i} = extractelement {whole} {name}, i64 %i" for i, name in places
    )
    arguments = ", ".join(f"{type} %e{i}" for i in range(count))
    parameters = ", ".join(f"{whole} {name}" for name in names)
    text = f"""declare {type} @{symbol}({", ".join([type] * count)})
define {whole} @{name}({parameters}) {{
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %done = phi {whole} [ zeroinitializer, %entry ], [ %more, %body ]
{extracted}
  %one = call {type} @{symbol}({arguments})
  %more = insertelement {whole} %done, {type} %one, i64 %i
  %next = add i64 %i, 1
  %again = icmp ult i64 %next, {lanes}
  br i1 %again, label %body, label %end
end:
  ret {whole} %more
}}
"""
    return Helper(name, whole, (whole,) * count, "", text)
