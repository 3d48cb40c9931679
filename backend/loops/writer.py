"""LLVM's language, written line by line: values that know their type, and loops."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

USUAL = '!0 = !{!"branch_weights", i32 4000, i32 1}'  # ends a text that has branches
INTEGER = {"i1", "i8", "i16", "i32", "i64"}
BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "float": 32, "double": 64}


@dataclass(frozen=True)
class Ref:
    """A value of LLVM: a name or a literal, its element type, its lanes."""

    writer: Writer
    text: str
    type: str
    lanes: int = 1
    literal: bool = False

    @property
    def whole(self) -> str:
        """The type with its lanes."""
        return vector_type(self.type, self.lanes)

    @property
    def is_float(self) -> bool:
        return self.type not in INTEGER

    def number(self, value: Any) -> Ref:
        """A literal of this type."""
        return self.writer.number(value, self.type)

    def _binary(self, floating: str, integer: str, other: Any, turned: bool) -> Ref:
        right = other if isinstance(other, Ref) else self.number(other)
        pair = (right, self) if turned else (self, right)
        return self.writer.binary(floating if self.is_float else integer, *pair)

    def __add__(self, other: Any) -> Ref:
        return self._binary("fadd", "add", other, False)

    def __radd__(self, other: Any) -> Ref:
        return self._binary("fadd", "add", other, True)

    def __sub__(self, other: Any) -> Ref:
        return self._binary("fsub", "sub", other, False)

    def __rsub__(self, other: Any) -> Ref:
        return self._binary("fsub", "sub", other, True)

    def __mul__(self, other: Any) -> Ref:
        return self._binary("fmul", "mul", other, False)

    def __rmul__(self, other: Any) -> Ref:
        return self._binary("fmul", "mul", other, True)

    def __truediv__(self, other: Any) -> Ref:
        return self._binary("fdiv", "sdiv", other, False)

    def __rtruediv__(self, other: Any) -> Ref:
        return self._binary("fdiv", "sdiv", other, True)

    def __and__(self, other: Any) -> Ref:
        return self._binary("and", "and", other, False)

    def __or__(self, other: Any) -> Ref:
        return self._binary("or", "or", other, False)

    def __xor__(self, other: Any) -> Ref:
        return self._binary("xor", "xor", other, False)

    def __lshift__(self, other: Any) -> Ref:
        return self._binary("shl", "shl", other, False)

    def __rshift__(self, other: Any) -> Ref:
        return self._binary("ashr", "ashr", other, False)

    def __neg__(self) -> Ref:
        return self.writer.negative(self)


def vector_type(type: str, lanes: int) -> str:
    """An element type with lanes."""
    return type if lanes == 1 else f"<{lanes} x {type}>"


def literal(value: Any, type: str) -> str:
    """A number in LLVM's spelling; floats as the bits of a double."""
    if type in INTEGER:
        number = int(value)
        if type == "i1":
            return "true" if number else "false"
        bits = BITS[type]
        number &= (1 << bits) - 1
        return str(number - (1 << bits) if number >> (bits - 1) else number)
    wide = float(value)
    if type == "float":
        with np.errstate(over="ignore"):
            wide = float(np.float32(wide))
    return f"0x{struct.pack('>d', wide).hex().upper()}"


class Helper(NamedTuple):
    """A function with a text of its own, which is compiled once for all that call it.

    Its name says all that it depends on.
    """

    name: str
    result: str
    arguments: tuple[str, ...]
    more: str  # what callers have to know
    text: str


class Writer:
    """The text of one function under construction."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.first: list[str] = []  # of the entry block: room on the stack
        self.block = "entry"
        self.count = 0
        self.declared: dict[str, str] = {}
        self.helpers: dict[str, str] = {}  # functions that texts share, each as a text

    # Lines, names, blocks.

    def put(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def new(self, text: str, type: str, lanes: int = 1) -> Ref:
        name = f"%{self.name('v')}"
        self.put(f"{name} = {text}")
        return Ref(self, name, type, lanes)

    def open(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.block = label

    def room(self, type: str) -> str:
        """A place on the stack."""
        name = f"%{self.name('room')}"
        self.first.append(f"  {name} = alloca {type}, align 64")
        return name

    def declare(
        self, name: str, result: str, arguments: Sequence[str], more: str = ""
    ) -> None:
        line = f"declare {result} @{name}({', '.join(arguments)}) {more}"
        self.declared[name] = line.rstrip()

    def share(self, helper: Helper) -> str:
        """The name of a function that other texts call as well."""
        self.helpers[helper.name] = helper.text
        self.declare(helper.name, helper.result, helper.arguments, helper.more)
        return helper.name

    # Values.

    def number(self, value: Any, type: str) -> Ref:
        return Ref(self, literal(value, type), type, 1, True)

    def index(self, value: int) -> Ref:
        return self.number(value, "i64")

    def wide(self, ref: Ref, lanes: int) -> Ref:
        """A value in so many lanes."""
        if ref.lanes == lanes:
            return ref
        whole = vector_type(ref.type, lanes)
        if ref.literal:
            return Ref(self, f"splat ({ref.type} {ref.text})", ref.type, lanes, True)
        one = self.new(
            f"insertelement {whole} poison, {ref.type} {ref.text}, i64 0",
            ref.type,
            lanes,
        )
        zeros = f"<{lanes} x i32> zeroinitializer"
        return self.new(
            f"shufflevector {whole} {one.text}, {whole} poison, {zeros}",
            ref.type,
            lanes,
        )

    def level(self, *refs: Ref) -> list[Ref]:
        """Values in the lanes of the widest of them."""
        lanes = max(ref.lanes for ref in refs)
        return [self.wide(ref, lanes) for ref in refs]

    def binary(self, op: str, left: Ref, right: Ref) -> Ref:
        left, right = self.level(left, right)
        text = f"{op} {left.whole} {left.text}, {right.text}"
        return self.new(text, left.type, left.lanes)

    def negative(self, ref: Ref) -> Ref:
        if not ref.is_float:
            return self.binary("sub", ref.number(0), ref)
        return self.new(f"fneg {ref.whole} {ref.text}", ref.type, ref.lanes)

    def compare(self, test: str, left: Ref, right: Any) -> Ref:
        """The truth of `fcmp` or `icmp` with a condition, `ogt` or `slt`."""
        right = right if isinstance(right, Ref) else left.number(right)
        left, right = self.level(left, right)
        op = "fcmp" if left.is_float else "icmp"
        text = f"{op} {test} {left.whole} {left.text}, {right.text}"
        return self.new(text, "i1", left.lanes)

    def select(self, condition: Ref, yes: Any, no: Any) -> Ref:
        like = yes if isinstance(yes, Ref) else no
        yes = yes if isinstance(yes, Ref) else like.number(yes)
        no = no if isinstance(no, Ref) else like.number(no)
        condition, yes, no = self.level(condition, yes, no)
        text = (
            f"select {condition.whole} {condition.text}, {yes.whole} {yes.text}, "
            f"{no.whole} {no.text}"
        )
        return self.new(text, yes.type, yes.lanes)

    def convert(self, op: str, ref: Ref, type: str) -> Ref:
        text = f"{op} {ref.whole} {ref.text} to {vector_type(type, ref.lanes)}"
        return self.new(text, type, ref.lanes)

    def saturating(self, op: str, ref: Ref, type: str) -> Ref:
        """A float as an integer of a type, cut to what that can hold; NaN is 0.

        LLVM has an intrinsic for it, which takes vectors apart.
        """
        bits = int(type[1:])
        signed = op == "fptosi"
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
        above = self.compare("oge", ref, float(high))
        below = self.compare("olt", ref, float(low))
        under = self.compare("olt", ref, float(high))
        fits = self.binary("and", under, self.compare("oge", ref, float(low)))
        found = self.convert(op, self.select(fits, ref, 0.0), type)
        return self.select(above, high - 1, self.select(below, low, found))

    def call(self, name: str, *refs: Ref) -> Ref:
        """An intrinsic function of LLVM on values of one type."""
        level = self.level(*refs)
        whole, type, lanes = level[0].whole, level[0].type, level[0].lanes
        short = {"float": "f32", "double": "f64"}.get(type, type)
        full = f"llvm.{name}.{short if lanes == 1 else f'v{lanes}{short}'}"
        self.declare(full, whole, [whole] * len(level))
        arguments = ", ".join(f"{ref.whole} {ref.text}" for ref in level)
        return self.new(f"call {whole} @{full}({arguments})", type, lanes)

    def fma(self, one: Any, two: Any, three: Any) -> Ref:
        """one * two + three, rounded once."""
        like = next(ref for ref in (one, two, three) if isinstance(ref, Ref))
        refs = [r if isinstance(r, Ref) else like.number(r) for r in (one, two, three)]
        return self.call("fma", *refs)

    # Control.

    def jump(self, label: str) -> None:
        self.put(f"br label %{label}")

    def branch(self, condition: Ref, yes: str, no: str, usual: bool = False) -> None:
        """Go one of two ways; the first is the `usual` one."""
        weights = ", !prof !0" if usual else ""
        self.put(f"br i1 {condition.text}, label %{yes}, label %{no}{weights}")

    def any_lane(self, ref: Ref) -> Ref:
        """Whether a condition holds in any lane."""
        if ref.lanes == 1:
            return ref
        name = f"llvm.vector.reduce.or.v{ref.lanes}i1"
        self.declare(name, "i1", [ref.whole])
        return self.new(f"call i1 @{name}({ref.whole} {ref.text})", "i1")

    def either(
        self, condition: Ref, yes: Callable[[], Ref], no: Callable[[], Ref]
    ) -> Ref:
        """One of two values, of which the other is not computed."""
        tag = self.name("")
        first, second, join = f"yes{tag}", f"no{tag}", f"end{tag}"
        self.branch(condition, first, second)
        cases = []
        for label, value in ((first, yes), (second, no)):
            self.open(label)
            found = value()
            cases.append((found, self.block))
            self.jump(join)
        self.open(join)
        return self.merge(*cases)

    def merge(self, *cases: tuple[Ref, str]) -> Ref:
        """The value that comes from whichever block came before."""
        first = cases[0][0]
        sources = ", ".join(f"[ {ref.text}, %{block} ]" for ref, block in cases)
        return self.new(f"phi {first.whole} {sources}", first.type, first.lanes)

    @contextmanager
    def loop(self, start: Ref, stop: Ref, step: int = 1) -> Iterator[Ref]:
        """A loop of an index of 64 bits."""
        tag = self.name("")
        before, head, body = self.block, f"head{tag}", f"body{tag}"
        latch, done = f"latch{tag}", f"done{tag}"
        self.jump(head)
        self.open(head)
        index = Ref(self, f"%i{tag}", "i64")
        self.put(
            f"%i{tag} = phi i64 [ {start.text}, %{before} ], [ %n{tag}, %{latch} ]"
        )
        self.branch(self.compare("slt", index, stop), body, done)
        self.open(body)
        yield index
        self.jump(latch)
        self.open(latch)
        self.put(f"%n{tag} = add nsw i64 %i{tag}, {step}")
        self.jump(head)
        self.open(done)

    def function(self, name: str) -> str:
        """The text of the function, of what it needs and declares."""
        head = f"define void @{name}(ptr %args, i64 %start, i64 %stop) {{\nentry:\n"
        return head + "\n".join([*self.first, *self.lines, "  ret void", "}"]) + "\n"
