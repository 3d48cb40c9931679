"""Orders of elements and places in them: argsort along an axis, searches in a vector.

An element and its position are one number of 64 bits, so equal elements keep their
order. Short rows are ranked by counting, long ones sorted by bytes (radix).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ...graph.node import Node
from .building import (
    FLOATS,
    Code,
    Entry,
    Function,
    Layout,
    Value,
    count_of,
    element,
    lanes,
    vector,
)
from .special_base import Special, Work, grain, rounded, special

ORDER = Layout("source out scratch size inner pitch")
SEARCH = Layout("source values out scratch size top")
KINDS = {"f32": "float", "i32": "i32"}
COUNTED = 80  # elements of a row that are ranked by counting those before each
LAST = (1 << 31) - 1  # the key of NaN
INFINITY = 0x7F800000  # its bits
BYTES, DIGITS = 4, 256


@special("argsort")
class Argsort(Special):
    """Positions in the rising order of a row's elements, NaN last."""

    def accepts(self, node: Node) -> bool:
        return node.inputs[0].dtype.short in KINDS

    def entry(self, node: Node) -> Entry:
        return argsort_entry(KINDS[node.inputs[0].dtype.short])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        shape = operands[0].shape
        rows = _rows(shape, attributes["axis"]) if math.prod(shape) else 0
        return (Work(rows, grain(rows, 16 * math.prod(shape))),)

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        shape, axis = operands[0].shape, attributes["axis"]
        return rounded(8 * _rows(shape, axis) * _pitch(shape[axis]))

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x,), (out,), axis = operands, results, attributes["axis"]
        size, inner = x.shape[axis], math.prod(x.shape[axis + 1 :])
        return ORDER.words(
            source=x.address, out=out.address, scratch=scratch,
            size=size, inner=inner, pitch=_pitch(size),
        )  # fmt: skip


def _rows(shape: Any, axis: int) -> int:
    return math.prod(shape[:axis]) * math.prod(shape[axis + 1 :])


def _pitch(size: int) -> int:
    """Numbers of 64 bits that a row needs: two rows, or whole vectors of one."""
    return 2 * size if size > COUNTED else -(-size // 8) * 8


@cache
def argsort_entry(kind: str) -> Entry:
    """A row is a unit of work."""
    code = Code("argsort")
    f, words, start, stop = code.entry()
    read = ORDER.reader(f, words)
    source, out, scratch = (read(n, "ptr") for n in ("source", "out", "scratch"))
    size, inner, pitch = read("size"), read("inner"), read("pitch")
    f.places.append(f"  %counts = alloca [{BYTES * DIGITS} x i64]")
    with f.loop(stop, start) as unit:
        place = (unit // inner) * size * inner + unit % inner
        keys = f.at(scratch, unit * pitch, "i64")
        with f.loop(size) as n:
            key = rising_key(f, f.load(source, place + n * inner, kind))
            f.store((key.cast("sext", "i64") << 32) | n, keys, n, "i64")
        with f.when(size <= COUNTED):
            _rank(f, keys, size, (out, place, inner))
        with f.when(size > COUNTED):
            _sort_by_bytes(f, keys, size, (out, place, inner))
    return code.finished()


def rising_key(f: Function, value: Value) -> Value:
    """A whole number of 32 bits in the order of the elements, or a vector of them."""
    if element(value.kind) not in FLOATS.values():
        return value
    count = count_of(value.kind)
    whole = vector("i32", count) if count else "i32"
    bits = value.cast("bitcast", whole)
    size = bits & LAST
    # The bits of negative numbers fall as these rise; minus zero is zero.
    sign = f.emit(whole, f"ashr {bits}, {f.number(31, whole).name}")
    key = size.equals(0).where(f.number(0, whole), bits ^ (sign & LAST))
    return (size > INFINITY).where(f.number(LAST, whole), key)


Target = tuple[Value, Value, Value]  # an array, where a row begins in it, its stride


def _rank(f: Function, keys: Value, size: Value, target: Target) -> None:
    """Each position goes to the place that the number of smaller keys says."""
    lane, (out, place, inner) = lanes("i64"), target
    wide, steps = vector("i64", lane), f.steps("i64", lane)
    # What lies between the row and the end of its last vector comes after all.
    last = (size - 1) // lane * lane
    behind = steps >= f.splat(size - last, lane)
    tail = f.load(keys, last, "i64", wide)
    f.store(behind.where(f.number((1 << 63) - 1, wide), tail), keys, last, "i64")
    with f.loop(size) as n:
        own = f.splat(f.load(keys, n, "i64"), lane)
        smaller = f.variable(f.number(0, wide))
        with f.loop(size, 0, lane) as other:
            before = f.load(keys, other, "i64", wide) < own
            smaller.set(smaller.get() + before.cast("zext", wide))
        rank = f.intrinsic(f"llvm.vector.reduce.add.v{lane}i64", "i64", smaller.get())
        f.store(n.cast("trunc", "i32"), out, place + rank * inner, "i32")


def _sort_by_bytes(f: Function, keys: Value, size: Value, target: Target) -> None:
    """Keys go to and fro between two rows, the lowest byte first."""
    counts, (out, place, inner) = Value(f, "ptr", "%counts"), target
    f.clear(counts, f.number(BYTES * DIGITS), "i64")
    with f.loop(size) as n:
        key = f.load(keys, n, "i64")
        for number in range(BYTES):
            at = _digit(key, f.number(number)) + number * DIGITS
            f.store(f.load(counts, at, "i64") + 1, counts, at, "i64")
    near = f.variable(keys)
    far = f.variable(f.at(keys, size, "i64"))
    with f.loop(BYTES) as byte:
        own = f.at(counts, byte * DIGITS, "i64")
        first = _digit(f.load(near.get(), 0, "i64"), byte)
        # A byte that is the same in all keys changes nothing.
        with f.when(f.load(own, first, "i64").differs(size)):
            total = f.variable(f.number(0))
            with f.loop(DIGITS) as digit:
                before = total.get()
                total.set(before + f.load(own, digit, "i64"))
                f.store(before, own, digit, "i64")
            source, goal = near.get(), far.get()
            with f.loop(size) as n:
                key = f.load(source, n, "i64")
                digit = _digit(key, byte)
                at = f.load(own, digit, "i64")
                f.store(key, goal, at, "i64")
                f.store(at + 1, own, digit, "i64")
            near.set(goal)
            far.set(source)
    found = near.get()
    with f.loop(size) as n:
        position = f.load(found, n, "i64").cast("trunc", "i32")
        f.store(position, out, place + n * inner, "i32")


def _digit(key: Value, byte: Value) -> Value:
    """A byte of a key's upper half; the sign counts the other way round."""
    top = byte.equals(BYTES - 1).where(byte * 0 + DIGITS // 2, 0)
    return ((key >> (byte * 8 + 32)) & (DIGITS - 1)) ^ top


@special("searchsorted")
class Searchsorted(Special):
    """Where elements would go into a sorted vector, NaN last."""

    def accepts(self, node: Node) -> bool:
        return node.inputs[0].dtype.short in {**KINDS, **FLOATS, "i64": "i64"}

    def entry(self, node: Node) -> Entry:
        kind = {**KINDS, **FLOATS}.get(node.inputs[0].dtype.short, "i64")
        return search_entry(kind, node.attributes["side"])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        values = math.prod(operands[1].shape)
        steps = values * (4 + 8 * operands[0].shape[0].bit_length())
        return (Work(values, grain(values, steps)),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x, values), (out,), size = operands, results, operands[0].shape[0]
        return SEARCH.words(
            source=x.address, values=values.address, out=out.address,
            scratch=scratch, size=size, top=size.bit_length(),
        )  # fmt: skip


@cache
def search_entry(kind: str, side: str) -> Entry:
    """Halves of the vector, without a branch."""
    code = Code(f"searchsorted_{side}")
    f, words, start, stop = code.entry()
    read = SEARCH.reader(f, words)
    source, values, out = (read(n, "ptr") for n in ("source", "values", "out"))
    size, top = read("size"), read("top")
    with f.loop(stop, start) as n:
        value, place = f.load(values, n, kind), f.variable(f.number(0))
        with f.loop(top) as turn:
            step = f.number(1) << (top - 1 - turn)
            further = (place.get() + step).minimum(size)
            other = f.load(source, further - 1, kind)
            if side == "left":
                before = _before(other, value)
            else:
                before = _before(value, other) ^ 1
            place.set(before.where(further, place.get()))
        f.store(place.get().cast("trunc", "i32"), out, n, "i32")
    return code.finished()


def _before(one: Value, other: Value) -> Value:
    """Whether one element comes before another in rising order."""
    found = one < other
    if one.kind in FLOATS.values():
        found = found | (other.differs(other) & one.equals(one))
    return found
