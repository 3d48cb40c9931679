"""How the numbers of a product lie: in memory, in packed operands, and as sums.

Halves are converted while they are packed, and summed up in float32. Where the
processor multiplies pairs of bfloat16 (AVX512_BF16), two terms of the sum are packed
side by side. Its instruction takes numbers too small to be normal for zeros whatever a
thread's mode says, as most programs do anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from .building import BYTES, Function, Value, count_of, vector, vector_bytes


class Numbers(NamedTuple):
    """The types of a product's numbers; so many terms are `together` when packed."""

    short: str
    stored: str
    packed: str
    sums: str
    together: int = 1

    @property
    def packing(self) -> tuple[int, int, bool]:
        """The bytes of a packed term, how many terms it has, and whether they are
        converted: then operands are packed, unless pairs lie side by side."""
        return BYTES[self.packed], self.together, self.stored != self.packed

    def depth(self, terms: Value) -> Value:
        """How many are packed for so many terms, not a negative number."""
        return terms if self.together == 1 else (terms + 1) // self.together

    def terms(
        self, f: Function, depth: Value, start: Value | int = 0
    ) -> Iterator[tuple[Value, Value, bool]]:
        """Code for each packed term, from one on: its number, that of its first term,
        and whether it is whole."""
        whole = depth if self.together == 1 else depth // self.together
        with f.loop(whole, start) as k:
            yield k, k if self.together == 1 else k * self.together, True
        if self.together > 1:
            with f.when((depth % self.together).differs(0)):
                yield whole, whole * self.together, False

    def beside(
        self,
        f: Function,
        place: Value,
        step: Value,
        count: int,
        whole: bool,
        mask: Value | None = None,
    ) -> Value:
        """A packed term of numbers that lie side by side; of one, if `count` is 0.

        The next term lies a step on; without one it is zero.
        """
        kind = vector(self.stored, count) if count else self.stored

        def read(at: Value) -> Value:
            if mask is None:
                return f.load(at, 0, self.stored, kind)
            return f.masked_load(at, mask, kind)

        if self.together == 1:
            return self._widened(read(place))
        wide = vector("i32", count) if count else "i32"
        found = read(place).cast("zext", wide)
        if whole:
            second = read(f.at(place, step, self.stored)).cast("zext", wide)
            found = found | (second << 16)
        return found

    def along(self, f: Function, base: Value, k: Value, count: int) -> Value:
        """So many packed terms that lie one after the other, from a number on."""
        if self.together == 1:
            kind = vector(self.stored, count)
            return self._widened(f.load(base, k, self.stored, kind))
        place, kind = f.at(base, k * self.together, self.stored), vector("i32", count)
        return f.emit(kind, f"load {kind}, {place}, align 2")

    def wide(self, f: Function, place: Value, mask: Value | None, count: int) -> Value:
        """Numbers side by side as sums have them, with zeros where a mask is off; one
        if `count` is 0."""
        kind = vector(self.stored, count) if count else self.stored
        if mask is not None:
            return self._widened(f.masked_load(place, mask, kind))
        return self._widened(f.load(place, 0, self.stored, kind))

    def _widened(self, value: Value) -> Value:
        if self.stored == self.sums:
            return value
        count = count_of(value.kind)
        if self.short == "f16":
            half = vector("half", count) if count else "half"
            single = vector("float", count) if count else "float"
            return value.cast("bitcast", half).cast("fpext", single)
        whole = vector("i32", count) if count else "i32"
        single = vector("float", count) if count else "float"
        return (value.cast("zext", whole) << 16).cast("bitcast", single)

    def factor(self, f: Function, base: Value, k: Value, count: int) -> Value:
        """A packed term in each lane."""
        if self.together == 1:
            return f.splat(f.load(base, k, self.packed), count)
        place = f.at(base, k, self.packed)
        return f.splat(f.emit("i32", f"load i32, {place}, align 2"), count)

    def added(self, f: Function, factor: Value, part: Value, total: Value) -> Value:
        """`total + factor * part`, for pairs both products."""
        if self.together == 1:
            return f.fma(factor, part, total)
        pairs = vector("bfloat", 2 * count_of(total.kind))
        both = [one.cast("bitcast", pairs) for one in (factor, part)]
        name = "llvm.x86.avx512bf16.dpbf16ps.512"
        return f.intrinsic(name, total.kind, total, *both)


def plain(kind: str) -> Numbers:
    """Floats or doubles that are packed as they are."""
    return Numbers("f32" if kind == "float" else "f64", kind, kind, kind)


def numbers_of(short: str) -> Numbers:
    """How numbers of a dtype lie on this machine."""
    if short in ("f32", "f64"):
        return plain("float" if short == "f32" else "double")
    if short == "bf16" and vector_bytes() == 64 and multiplies_pairs():
        return Numbers(short, "i16", "i32", "float", 2)
    return Numbers(short, "i16", "float", "float")


@cache
def multiplies_pairs() -> bool:
    """Whether the processor has an instruction for products of pairs of bfloat16."""
    try:
        import llvmlite.binding as llvm
    except ImportError:
        return False
    return bool(llvm.get_host_cpu_features().get("avx512bf16"))
