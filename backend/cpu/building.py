"""A small language in which native functions are written, printed as LLVM's.

A `Value` is a number, a pointer or a vector with Python's operators; a `Function` has
loops, conditions and memory. Loops and vectors run as they are written.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

BYTES = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "float": 4, "double": 8}
FLOATS = {"f32": "float", "f64": "double"}
STORED = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}  # elements that only move, by bytes


class Entry(NamedTuple):
    """Native functions `void(words, start, stop)`: their names, and the IR of all."""

    names: tuple[str, ...]
    text: str

    @property
    def fragments(self) -> dict[str, str]:
        """The text of each function, by its name."""
        return dict.fromkeys(self.names, self.text)


@cache
def vector_bytes() -> int:
    """How wide the vectors of this machine are; imports ask where there is no LLVM."""
    try:
        import llvmlite.binding as llvm
    except ImportError:
        return 16
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") else 16


def lanes(kind: str) -> int:
    """How many elements a vector holds."""
    return vector_bytes() // BYTES[kind]


def vector(kind: str, count: int) -> str:
    """The type of a vector."""
    return f"<{count} x {kind}>"


def element(kind: str) -> str:
    """The type of a vector's elements, or of a number itself."""
    return kind[1:-1].split(" x ")[1] if kind.startswith("<") else kind


def count_of(kind: str) -> int:
    """The length of a vector; 0 for a number."""
    return int(kind[1:].split(" x ")[0]) if kind.startswith("<") else 0


def is_real(kind: str) -> bool:
    """Whether numbers of a type are floats."""
    return element(kind) in ("float", "double")


def align(kind: str) -> int:
    """The alignment that memory is sure to have."""
    return BYTES.get(element(kind), 8)


def mangled(kind: str) -> str:
    """A type in the name of an intrinsic function."""
    names = {"float": "f32", "double": "f64", "ptr": "p0"}
    one = element(kind)
    count = f"v{count_of(kind)}" if count_of(kind) else ""
    return count + names.get(one, one)


def literal(number: Any, kind: str) -> str:
    """A constant in LLVM's notation; of a vector, the same in each lane."""
    if kind.startswith("<"):
        one = element(kind)
        return f"<{', '.join([f'{one} {literal(number, one)}'] * count_of(kind))}>"
    if kind == "float":
        number = struct.unpack("f", struct.pack("f", number))[0]
    if is_real(kind):
        return f"0x{struct.unpack('Q', struct.pack('d', number))[0]:016X}"
    return str(int(number))


class Value:
    """A value with operators. Integers are signed; no operation on them overflows."""

    __slots__ = ("f", "kind", "name")

    def __init__(self, f: Function, kind: str, name: str):
        self.f, self.kind, self.name = f, kind, name

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def _binary(self, whole: str, real: str, other: Any, swap: bool = False) -> Value:
        pair = [self.name, self.f.like(other, self).name]
        left, right = pair[::-1] if swap else pair
        operation = real if is_real(self.kind) else whole
        return self.f.emit(self.kind, f"{operation} {self.kind} {left}, {right}")

    def _compare(self, whole: str, real: str, other: Any) -> Value:
        right = self.f.like(other, self).name
        operation = f"fcmp {real}" if is_real(self.kind) else f"icmp {whole}"
        count = count_of(self.kind)
        kind = vector("i1", count) if count else "i1"
        return self.f.emit(kind, f"{operation} {self.kind} {self.name}, {right}")

    def __add__(self, other: Any) -> Value:
        return self._binary("add", "fadd", other)

    def __radd__(self, other: Any) -> Value:
        return self._binary("add", "fadd", other, True)

    def __sub__(self, other: Any) -> Value:
        return self._binary("sub", "fsub", other)

    def __rsub__(self, other: Any) -> Value:
        return self._binary("sub", "fsub", other, True)

    def __mul__(self, other: Any) -> Value:
        return self._binary("mul", "fmul", other)

    def __rmul__(self, other: Any) -> Value:
        return self._binary("mul", "fmul", other, True)

    def __truediv__(self, other: Any) -> Value:
        return self._binary("fdiv", "fdiv", other)

    def __floordiv__(self, other: Any) -> Value:
        """Division of numbers that are not negative."""
        return self._binary("udiv", "udiv", other)

    def __mod__(self, other: Any) -> Value:
        """The rest of a division of numbers that are not negative."""
        return self._binary("urem", "urem", other)

    def __and__(self, other: Any) -> Value:
        return self._binary("and", "and", other)

    def __or__(self, other: Any) -> Value:
        return self._binary("or", "or", other)

    def __xor__(self, other: Any) -> Value:
        return self._binary("xor", "xor", other)

    def __lshift__(self, other: Any) -> Value:
        return self._binary("shl", "shl", other)

    def __rshift__(self, other: Any) -> Value:
        """Bits moved down, zeros coming in."""
        return self._binary("lshr", "lshr", other)

    def __invert__(self) -> Value:
        return self ^ -1

    def __lt__(self, other: Any) -> Value:
        return self._compare("slt", "olt", other)

    def __le__(self, other: Any) -> Value:
        return self._compare("sle", "ole", other)

    def __gt__(self, other: Any) -> Value:
        return self._compare("sgt", "ogt", other)

    def __ge__(self, other: Any) -> Value:
        return self._compare("sge", "oge", other)

    def equals(self, other: Any) -> Value:
        """Whether two values are equal; never for NaN."""
        return self._compare("eq", "oeq", other)

    def differs(self, other: Any) -> Value:
        """Whether two values are not equal; always for NaN."""
        return self._compare("ne", "une", other)

    def unordered(self, other: Any) -> Value:
        """Whether one of two floats is NaN."""
        return self._compare("", "uno", other)

    def where(self, yes: Any, no: Any) -> Value:
        """One value or the other, by this truth."""
        like = yes if isinstance(yes, Value) else no
        pair = [str(self.f.like(each, like)) for each in (yes, no)]
        return self.f.emit(like.kind, f"select {self}, {', '.join(pair)}")

    def minimum(self, other: Any) -> Value:
        """The smaller one of two numbers."""
        return (self < other).where(self, other)

    def maximum(self, other: Any) -> Value:
        """The larger one of two numbers."""
        return (self > other).where(self, other)

    def cast(self, operation: str, kind: str) -> Value:
        """The value of another type, by an instruction of LLVM."""
        return self.f.emit(kind, f"{operation} {self} to {kind}")


class Variable:
    """A place for a value that changes; LLVM makes registers of them."""

    __slots__ = ("f", "kind", "name")

    def __init__(self, f: Function, start: Value):
        self.f, self.kind, self.name = f, start.kind, f.fresh()
        f.places.append(f"  {self.name} = alloca {start.kind}")
        self.set(start)

    def get(self) -> Value:
        return self.f.emit(self.kind, f"load {self.kind}, ptr {self.name}")

    def set(self, value: Any) -> None:
        value = value if isinstance(value, Value) else self.f.number(value, self.kind)
        self.f.write(f"store {value}, ptr {self.name}")


class Function:
    """A function while it is written."""

    def __init__(self, code: Code, name: str, kinds: Sequence[str], linkage: str = ""):
        self.code, self.name, self.linkage = code, name, linkage
        self.lines: list[str] = []
        self.places: list[str] = []
        self.count = 0
        self.arguments = [Value(self, kind, self.fresh()) for kind in kinds]

    def fresh(self) -> str:
        """A new name for a value or a block."""
        self.count += 1
        return f"%v{self.count}"

    def write(self, line: str) -> None:
        """Add an instruction."""
        self.lines.append(f"  {line}")

    def emit(self, kind: str, operation: str) -> Value:
        """The value that an instruction gives."""
        name = self.fresh()
        self.write(f"{name} = {operation}")
        return Value(self, kind, name)

    def like(self, other: Any, like: Value) -> Value:
        """A value, or a number as a constant of the type of another one."""
        return other if isinstance(other, Value) else self.number(other, like.kind)

    def number(self, number: Any, kind: str = "i64") -> Value:
        """A constant; of a vector, the same in each lane."""
        return Value(self, kind, literal(number, kind))

    def variable(self, start: Value) -> Variable:
        """A variable with its first value."""
        return Variable(self, start)

    def at(self, base: Value, index: Any, kind: str) -> Value:
        """The address of an element, by its number."""
        index = index if isinstance(index, Value) else self.number(index)
        return self.emit("ptr", f"getelementptr {kind}, {base}, {index}")

    def load(
        self, base: Value, index: Any, kind: str, of: str | None = None, note: str = ""
    ) -> Value:
        """What stands at an element: one of it, or another type `of` value."""
        place, whole = self.at(base, index, kind), of or kind
        return self.emit(whole, f"load {whole}, {place}, align {align(whole)}{note}")

    def store(self, value: Value, base: Value, index: Any, kind: str) -> None:
        """Put a value or a vector where an element stands."""
        place = self.at(base, index, kind)
        self.write(f"store {value}, {place}, align {align(value.kind)}")

    def masked_load(self, place: Value, mask: Value, kind: str) -> Value:
        """A vector from memory, with zeros where a mask is off."""
        name = f"llvm.masked.load.{mangled(kind)}.p0"
        width = self.number(align(kind), "i32")
        return self.intrinsic(name, kind, place, width, mask, self.number(0, kind))

    def masked_store(self, value: Value, place: Value, mask: Value) -> None:
        """Put the elements of a vector where a mask is on."""
        name = f"llvm.masked.store.{mangled(value.kind)}.p0"
        width = self.number(align(value.kind), "i32")
        self.effect(name, value, place, width, mask)

    def masked_gather(
        self, base: Value, places: Value, mask: Value, kind: str
    ) -> Value:
        """The elements at a vector of numbers, with zeros where a mask is off."""
        count = count_of(places.kind)
        whole, all = vector(kind, count), vector("ptr", count)
        at = self.emit(all, f"getelementptr {kind}, {base}, {places}")
        name = f"llvm.masked.gather.{mangled(whole)}.{mangled(all)}"
        width = self.number(align(kind), "i32")
        return self.intrinsic(name, whole, at, width, mask, self.number(0, whole))

    def claim_line(self, place: Value) -> None:
        """Ask for a line of memory that will be written soon."""
        options = [self.number(n, "i32") for n in (1, 3, 1)]  # write, near, data
        self.effect("llvm.prefetch.p0", place, *options)

    def splat(self, value: Value, count: int) -> Value:
        """A vector with one value in each lane."""
        kind = vector(value.kind, count)
        one = self.emit(kind, f"insertelement {kind} poison, {value}, i32 0")
        picks = vector("i32", count)
        return self.emit(
            kind,
            f"shufflevector {one}, {kind} poison, {picks} zeroinitializer",
        )

    def shuffle(self, a: Value, b: Value, picks: Sequence[int]) -> Value:
        """Elements of two vectors by number, those of the second after the first's."""
        kind = vector(element(a.kind), len(picks))
        which = ", ".join(f"i32 {n}" for n in picks)
        mask = f"{vector('i32', len(picks))} <{which}>"
        return self.emit(kind, f"shufflevector {a}, {b}, {mask}")

    def steps(self, kind: str, count: int) -> Value:
        """The vector 0, 1, 2, …"""
        items = ", ".join(f"{kind} {literal(n, kind)}" for n in range(count))
        return Value(self, vector(kind, count), f"<{items}>")

    def intrinsic(self, name: str, result: str, *operands: Value) -> Value:
        """The value of one of LLVM's own functions."""
        self.code.declare(name, result, [o.kind for o in operands])
        return self.emit(result, f"call {result} @{name}({self._listed(operands)})")

    def effect(self, name: str, *operands: Value) -> None:
        """Call one of LLVM's own functions that gives nothing."""
        self.code.declare(name, "void", [o.kind for o in operands])
        self.write(f"call void @{name}({self._listed(operands)})")

    def call(self, function: Function, *operands: Value) -> None:
        """Call a function of the same code."""
        self.write(f"call void @{function.name}({self._listed(operands)})")

    def invoke(self, function: Value, *operands: Value) -> None:
        """Call a function by its address."""
        self.write(f"call void {function.name}({self._listed(operands)})")

    def _listed(self, operands: Sequence[Value]) -> str:
        return ", ".join(map(str, operands))

    def copy(self, target: Value, source: Value, count: Value, kind: str) -> None:
        """Copy elements to memory that does not overlap."""
        size, plain = count * BYTES[kind], self.number(0, "i1")
        self.effect("llvm.memcpy.p0.p0.i64", target, source, size, plain)

    def clear(self, target: Value, count: Value, kind: str) -> None:
        """Put zeros into memory."""
        size, plain = count * BYTES[kind], self.number(0, "i1")
        self.effect("llvm.memset.p0.i64", target, self.number(0, "i8"), size, plain)

    def move(self, target: Value, source: Value, count: Value, kind: str) -> None:
        """`copy` where elements are few and a call would take longer than they do."""
        for of, n in self._pieces(count, kind):
            self.store(self.load(source, n, kind, of), target, n, kind)

    def join_into(
        self,
        target: Value,
        source: Value,
        count: Value,
        kind: str,
        join: Callable[[Value, Value], Value],
    ) -> None:
        """Join elements with others in memory."""
        for of, n in self._pieces(count, kind):
            pair = (self.load(each, n, kind, of) for each in (target, source))
            self.store(join(*pair), target, n, kind)

    def _pieces(self, count: Value, kind: str) -> Iterator[tuple[str, Value]]:
        """Loops over elements, vectors of them as long as there are."""
        lane = lanes(kind)
        whole = count // lane * lane
        with self.loop(whole, 0, lane) as n:
            yield vector(kind, lane), n
        with self.loop(count, whole) as n:
            yield kind, n

    def across(self, total: Value) -> Value:
        """The sum of a vector's lanes, halves first."""
        width = count_of(total.kind)
        while width > 1:
            width //= 2
            low = self.shuffle(total, total, range(width))
            total = low + self.shuffle(total, total, range(width, 2 * width))
        return self.emit(element(total.kind), f"extractelement {total}, i32 0")

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a * b + c, rounded once."""
        return self.intrinsic(f"llvm.fma.{mangled(a.kind)}", a.kind, a, b, c)

    def root(self, value: Value) -> Value:
        """The square root."""
        return self.intrinsic(f"llvm.sqrt.{mangled(value.kind)}", value.kind, value)

    def label(self, name: str) -> None:
        self.lines.append(f"{name[1:]}:")

    @contextmanager
    def loop(self, stop: Any, start: Any = 0, step: Any = 1) -> Iterator[Value]:
        """The code inside runs with the numbers from start to stop."""
        first, last, by = (
            n if isinstance(n, Value) else self.number(n) for n in (start, stop, step)
        )
        counter = self.variable(first)
        head, body, after = self.fresh(), self.fresh(), self.fresh()
        self.write(f"br label {head}")
        self.label(head)
        index = counter.get()
        self.write(f"br {index < last}, label {body}, label {after}")
        self.label(body)
        yield index
        name = self.fresh()
        self.write(f"{name} = add nsw {index}, {by.name}")
        counter.set(Value(self, "i64", name))
        self.write(f"br label {head}")
        self.label(after)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """The code inside runs if a condition holds."""
        body, after = self.fresh(), self.fresh()
        self.write(f"br {condition}, label {body}, label {after}")
        self.label(body)
        yield
        self.write(f"br label {after}")
        self.label(after)

    def text(self) -> str:
        """The function in LLVM's language."""
        inlined = " noinline" if self.linkage else ""
        head = (
            f"define {self.linkage} void @{self.name}({self._listed(self.arguments)})"
        )
        lines = [
            f"{' '.join(head.split())} nounwind{inlined} {{",
            *self.places,
            *self.lines,
        ]
        return "\n".join([*lines, "  ret void", "}"])


class Code:
    """A fragment while it is written: entries, and functions that only they call."""

    def __init__(self, label: str):
        self.label = label
        self.functions: list[Function] = []
        self.entries: list[str] = []
        self.declarations: dict[str, str] = {}

    def helper(
        self, name: str, kinds: Sequence[str], linkage: str = "internal"
    ) -> Function:
        """A function that only this code calls."""
        return self._added(Function(self, name, kinds, linkage))

    def entry(self) -> tuple[Function, Value, Value, Value]:
        """An entry: the function, its words, and where it starts and stops."""
        name = f"entry.{len(self.entries)}"
        self.entries.append(name)
        f = self._added(Function(self, name, ["ptr", "i64", "i64"]))
        words, start, stop = f.arguments
        return f, words, start, stop

    def _added(self, function: Function) -> Function:
        self.functions.append(function)
        return function

    def declare(self, name: str, result: str, kinds: Sequence[str]) -> None:
        """Say what a function is that LLVM knows."""
        self.declarations[name] = f"declare {result} @{name}({', '.join(kinds)})"

    def finished(self) -> Entry:
        """The code under names that are hashes of it."""
        declared = sorted(self.declarations.values())
        parts = [*declared, *(f.text() for f in self.functions)]
        text = "\n".join([*parts, ""])
        digest = hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
        names = tuple(f"{self.label}_{digest}_{i}" for i in range(len(self.entries)))
        for old, new in zip(self.entries, names, strict=True):
            text = text.replace(f"@{old}(", f"@{new}(")
        return Entry(names, text)


class Layout:
    """Names for the words that an entry reads, in their order."""

    def __init__(self, names: str):
        self.names = tuple(names.split())
        self.places = {name: place for place, name in enumerate(self.names)}

    def words(self, **values: int) -> list[int]:
        """The words as a list; each has to be given."""
        if len(values) != len(self.names):
            raise KeyError(*values.keys() ^ self.places.keys())
        return [values[name] for name in self.names]

    def reader(self, f: Function, words: Value) -> Callable[..., Value]:
        """A function that loads words by name."""

        def read(name: str, kind: str = "i64") -> Value:
            return f.load(words, self.places[name], "i64", kind)

        return read

    @property
    def end(self) -> int:
        """Where tables of a length of their own begin."""
        return len(self.names)
