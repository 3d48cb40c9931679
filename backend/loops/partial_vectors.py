"""Vectors that are not whole, or whose elements stand apart: functions as text.

Ends of rows, a few neighbours, are common: they go under a mask or by powers of two.
"""

from __future__ import annotations

from functools import cache

from .writer import Helper, vector_type


@cache
def gatherer(type: str, lanes: int, masked: bool) -> Helper:
    """Reads so many elements into a vector, neighbours perhaps under a mask."""
    whole = vector_type(type, lanes)
    load = f"llvm.masked.load.v{lanes}{type}.p0"
    declared = f"ptr, i32, {vector_type('i1', lanes)}, {whole}"
    name = f"tulle_gather{type[1:]}x{lanes}{'m' if masked else ''}"
    text = f"""{f"declare {whole} @{load}({declared})" if masked else ""}
define {whole} @{name}(ptr %array, i64 %stride, i64 %count) cold {{
entry:{_neighbours(type, lanes, load) if masked else ""}
  %full = icmp eq i64 %count, {lanes}
  br i1 %full, label %whole, label %some
whole:
  %pairs = icmp eq i64 %stride, 2
  br i1 %pairs, label %second, label %steps
second:{_every_second(type, lanes)}
steps:{_all_steps(type, lanes)}
some:
  %buffer = alloca {whole}
  store {whole} zeroinitializer, ptr %buffer
  br label %body
{_walk(type, "some", "%away", "%near")}
end:
  %found = load {whole}, ptr %buffer
  ret {whole} %found
}}
"""
    return Helper(name, whole, ("ptr", "i64", "i64"), "cold", text)


def _every_second(type: str, lanes: int) -> str:
    """Lines that give back every second element, by two loads within their span."""
    whole, align = vector_type(type, lanes), int(type[1:]) // 8
    first, last = range(0, lanes, 2), range(lanes + 1, 2 * lanes, 2)
    listed = ", ".join(f"i32 {lane}" for lane in (*first, *last))
    return f"""
  %low = load {whole}, ptr %array, align {align}
  %half = getelementptr {type}, ptr %array, i64 {lanes - 1}
  %high = load {whole}, ptr %half, align {align}
  %evens = shufflevector {whole} %low, {whole} %high, <{lanes} x i32> <{listed}>
  ret {whole} %evens"""


def _all_steps(type: str, lanes: int) -> str:
    """Lines that give back a whole vector of elements a stride apart."""
    whole, found, text = vector_type(type, lanes), "poison", ""
    for lane in range(lanes):
        text += f"""{_place(type, lane)}
  %one{lane} = load {type}, ptr %place{lane}
  %with{lane} = insertelement {whole} {found}, {type} %one{lane}, i64 {lane}"""
        found = f"%with{lane}"
    return f"{text}\n  ret {whole} {found}"


def _place(type: str, lane: int) -> str:
    """Lines that find where an element of a vector stands."""
    return f"""
  %step{lane} = mul i64 %stride, {lane}
  %place{lane} = getelementptr {type}, ptr %array, i64 %step{lane}"""


def _walk(type: str, before: str, source: str, target: str) -> str:
    """A loop that copies one element after the other, near or away."""
    return f"""body:
  %i = phi i64 [ 0, %{before} ], [ %next, %body ]
  %near = getelementptr {type}, ptr %buffer, i64 %i
  %step = mul i64 %i, %stride
  %away = getelementptr {type}, ptr %array, i64 %step
  %value = load {type}, ptr {source}
  store {type} %value, ptr {target}
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, %count
  br i1 %again, label %body, label %end"""


def _neighbours(type: str, lanes: int, masked: str) -> str:
    """Lines that give back neighbours at once, and go on with all else."""
    whole, counts = vector_type(type, lanes), vector_type("i32", lanes)
    listed = ", ".join(f"i32 {lane}" for lane in range(lanes))
    align, mask = int(type[1:]) // 8, vector_type("i1", lanes)
    arguments = f"ptr %array, i32 {align}, {mask} %mask, {whole} zeroinitializer"
    return f"""
  %one = icmp eq i64 %stride, 1
  br i1 %one, label %neighbours, label %apart
neighbours:
  %short = trunc i64 %count to i32
  %first = insertelement {counts} poison, i32 %short, i64 0
  %all = shufflevector {counts} %first, {counts} poison, {counts} zeroinitializer
  %mask = icmp slt {counts} <{listed}>, %all
  %these = call {whole} @{masked}({arguments})
  ret {whole} %these
apart:"""


@cache
def scatterer(type: str, lanes: int) -> Helper:
    """Writes so many elements of a buffer."""
    name = f"tulle_scatter{type[1:]}x{lanes}"
    text = f"""
define void @{name}(ptr %array, i64 %stride, i64 %count, ptr %buffer) cold {{
entry:
  %neighbours = icmp eq i64 %stride, 1
  br i1 %neighbours, label %part{lanes}, label %apart{_powers(type, lanes)}
apart:
  %full = icmp eq i64 %count, {lanes}
  br i1 %full, label %whole, label %body
whole:{_all_away(type, lanes)}
{_walk(type, "apart", "%near", "%away")}
end:
  ret void
}}
"""
    return Helper(name, "void", ("ptr", "i64", "i64", "ptr"), "cold", text)


def _all_away(type: str, lanes: int) -> str:
    """Lines that put a whole vector into memory, its elements a stride apart."""
    text = ""
    for lane in range(lanes):
        text += f"""{_place(type, lane)}
  %from{lane} = getelementptr {type}, ptr %buffer, i64 {lane}
  %one{lane} = load {type}, ptr %from{lane}
  store {type} %one{lane}, ptr %place{lane}"""
    return f"{text}\n  br label %end"


def _powers(type: str, lanes: int) -> str:
    """Blocks that copy 16, 8, 4, 2 and 1 elements, each if the count has that bit."""
    found, size, align = "", lanes, int(type[1:]) // 8
    while size:
        whole, after = vector_type(type, size), size // 2
        found += f"""
part{size}:
  %bit{size} = and i64 %count, {size}
  %has{size} = icmp ne i64 %bit{size}, 0
  br i1 %has{size}, label %copy{size}, label %{f"part{after}" if after else "end"}
copy{size}:
  %at{size} = and i64 %count, {2 * lanes - 2 * size}
  %near{size} = getelementptr {type}, ptr %buffer, i64 %at{size}
  %away{size} = getelementptr {type}, ptr %array, i64 %at{size}
  %value{size} = load {whole}, ptr %near{size}, align {align}
  store {whole} %value{size}, ptr %away{size}, align {align}
  br label %{f"part{after}" if after else "end"}"""
        size = after
    return found
