"""Random numbers: Philox on vectors of blocks, with the bits of the reference.

A group of blocks is computed at once and its words are put into their order. Normal
numbers are made in float64, as by the reference, with polynomials for the functions.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ...graph.node import Node
from ...graph.ops.random import INCREMENTS, MASK, MULTIPLIERS, ROUNDS
from ..strided_arrays import StridedArray
from .building import FLOATS, Code, Entry, Function, Layout, Value, lanes, vector
from .special_base import Special, Work, ceildiv, grain, special

WORDS = Layout("key out scratch count")
MASK_64 = 2**64 - 1
# Polynomials on a quarter of a turn around 0, and of log((1 + s) / (1 - s)).
SINE = (
    -1.66666666666666324348e-01, 8.33333333332248946124e-03,
    -1.98412698298579493134e-04, 2.75573137070700676789e-06,
    -2.50507602534068634195e-08, 1.58969099521155010221e-10,
)  # fmt: skip
COSINE = (
    4.16666666666666019037e-02, -1.38888888888741095749e-03,
    2.48015872894767294178e-05, -2.75573143513906633035e-07,
    2.08757232129817482790e-09, -1.13596475577881948265e-11,
)  # fmt: skip
LOGARITHM = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
    2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
    1.479819860511658591e-01,
)  # fmt: skip
QUARTER = (1.57079632679489655800e00, 6.12323399573676603587e-17)
LOG_2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
MANTISSA = (1 << 52) - 1
Words = list[Value]


@special("random_uniform", "random_normal")
class Draw(Special):
    """Numbers of one distribution, in groups of blocks."""

    def accepts(self, node: Node) -> bool:
        return node.dtype.short in FLOATS and node.inputs[0].dtype.short == "u32"

    def entry(self, node: Node) -> Entry:
        return draw_entry(self.name, FLOATS[node.dtype.short])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        count, kind = math.prod(results[0].shape), FLOATS[attributes["dtype"].short]
        groups = ceildiv(count, group_length(self.name, kind))
        return (Work(groups, grain(groups, count * 4)),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (key,), (out,) = operands, results
        return WORDS.words(
            key=key.address, out=out.address, scratch=scratch, count=out.size
        )


def group_length(name: str, kind: str) -> int:
    """How many numbers a group of blocks gives."""
    numbers = 2 if name == "random_uniform" and kind == "double" else 4
    return lanes("i64") * numbers


@cache
def draw_entry(name: str, kind: str) -> Entry:
    """The code of a distribution: a group of blocks is a unit of work."""
    code = Code(name)
    f, words, start, stop = code.entry()
    read = WORDS.reader(f, words)
    key, out, count = read("key", "ptr"), read("out", "ptr"), read("count")
    parts = [f.load(key, n, "i32").cast("zext", "i64") for n in range(4)]
    length = group_length(name, kind)
    f.places.append(f"  %rest = alloca {vector(kind, length)}")
    rest = Value(f, "ptr", "%rest")
    make = MAKERS[name, kind]
    with f.loop(stop, start) as group:
        numbers = make(f, philox(f, parts, group))
        first = group * length
        left = count - first
        whole = left >= length
        target = f.at(out, first, kind)
        place = whole.where(target, rest)
        for index, vectors in enumerate(numbers):
            f.store(vectors, place, index * (length // len(numbers)), kind)
        with f.when(left < length):
            f.copy(target, rest, left, kind)
    return code.finished()


def philox(f: Function, key: Sequence[Value], group: Value) -> Words:
    """The four words of each block of a group, in lanes of 64 bits."""
    lane = lanes("i64")
    k0, k1, *rest = (f.splat(word, lane) for word in key)
    index = f.splat(group * lane, lane) + f.steps("i64", lane)
    words = [index & MASK, index >> 32, *rest]
    for _ in range(ROUNDS):
        low, high = words[0] * MULTIPLIERS[0], words[2] * MULTIPLIERS[1]
        words = [
            (high >> 32) ^ words[1] ^ k0, high & MASK,
            (low >> 32) ^ words[3] ^ k1, low & MASK,
        ]  # fmt: skip
        k0, k1 = (k0 + INCREMENTS[0]) & MASK, (k1 + INCREMENTS[1]) & MASK
    return words


def interleaved(f: Function, parts: Words) -> Value:
    """One vector with the elements of several in turns."""
    lane = lanes("i64")
    turns = [n // 2 + n % 2 * lane for n in range(2 * lane)]
    if len(parts) == 2:
        return f.shuffle(parts[0], parts[1], turns)
    first, second = (f.shuffle(parts[n], parts[n + 1], range(2 * lane)) for n in (0, 2))
    order = [n // 4 + n % 4 * lane for n in range(4 * lane)]
    return f.shuffle(first, second, order)


def uniform_single(f: Function, words: Words) -> list[Value]:
    """Multiples of 2^-24 from the upper bits of each word."""
    short = vector("i32", lanes("i64"))
    bits = interleaved(f, [(word >> 8).cast("trunc", short) for word in words])
    wide = vector("float", 4 * lanes("i64"))
    return [bits.cast("sitofp", wide) * 2.0**-24]


def uniform_double(f: Function, words: Words) -> list[Value]:
    """Multiples of 2^-53 from two words each."""
    wide = vector("double", lanes("i64"))
    pairs = [((a >> 5) << 26) | (b >> 6) for a, b in (words[:2], words[2:])]
    return [interleaved(f, [bits.cast("sitofp", wide) for bits in pairs]) * 2.0**-53]


def normal(kind: str) -> Callable[[Function, Words], list[Value]]:
    """Two numbers from two words, by Box and Muller."""

    def make(f: Function, words: Words) -> list[Value]:
        found: Words = []
        for first, second in (words[:2], words[2:]):
            radius = f.root(logarithm(f, first + 1) * -2.0)
            cosine, sine = circle(f, second)
            found += [radius * cosine, radius * sine]
        if kind == "float":
            short = vector("float", lanes("i64"))
            found = [value.cast("fptrunc", short) for value in found]
        return [interleaved(f, found)]

    return make


def polynomial(f: Function, x: Value, numbers: Sequence[float]) -> Value:
    """A polynomial by Horner's rule, the constant first."""
    found = f.number(numbers[-1], x.kind)
    for number in numbers[-2::-1]:
        found = f.fma(found, x, f.number(number, x.kind))
    return found


def logarithm(f: Function, whole: Value) -> Value:
    """log(whole / 2^32) for integers from 1 to 2^32."""
    wide = vector("double", lanes("i64"))
    bits = whole.cast("sitofp", wide).cast("bitcast", whole.kind)
    # The mantissa lies between the root of a half and that of two.
    moved = bits + (0x3FF0000000000000 - ROOT_HALF_BITS)
    power = (moved >> 52) - (1023 + 32)
    mantissa = (moved & MANTISSA) + ROOT_HALF_BITS
    rest = mantissa.cast("bitcast", wide) - 1.0
    s = rest / (rest + 2.0)
    z = s * s
    tail = z * polynomial(f, z, LOGARITHM)
    half = rest * rest * 0.5
    k = power.cast("sitofp", wide)
    small = f.fma(k, f.number(LOG_2[1], wide), s * (half + tail))
    return k * LOG_2[0] - ((half - small) - rest)


def circle(f: Function, word: Value) -> tuple[Value, Value]:
    """Cosine and sine of a word as a part of a turn, 2^32 being the whole."""
    wide = vector("double", lanes("i64"))
    angle = word.cast("sitofp", wide) * (2.0 * math.pi * 2.0**-32)
    turns = (word + (1 << 29)) >> 30
    quarters = turns.cast("sitofp", wide) * -1.0
    r = f.fma(quarters, f.number(QUARTER[0], wide), angle)
    r = f.fma(quarters, f.number(QUARTER[1], wide), r)
    z = r * r
    sine = f.fma(r * z, polynomial(f, z, SINE), r)
    half = z * 0.5
    top = half * -1.0 + 1.0
    slack = ((top * -1.0 + 1.0) - half) + z * z * polynomial(f, z, COSINE)
    cosine = top + slack
    odd = (turns & 1).differs(0)
    below, left = (turns & 2).differs(0), ((turns + 1) & 2).differs(0)
    first, second = odd.where(sine, cosine), odd.where(cosine, sine)
    return left.where(first * -1.0, first), below.where(second * -1.0, second)


MAKERS: dict[tuple[str, str], Callable[[Function, Words], list[Value]]] = {
    ("random_uniform", "float"): uniform_single,
    ("random_uniform", "double"): uniform_double,
    ("random_normal", "float"): normal("float"),
    ("random_normal", "double"): normal("double"),
}


def key_writer(node: Node, target: StridedArray) -> Callable[[], None]:
    """What puts the key of a draw, as the generator counts now, into its place."""
    generator, draw = node.attributes["generator"], node.attributes["draw"]
    if sys.byteorder != "little":
        return lambda: target.array().__setitem__(..., generator.key(draw))
    words = (ctypes.c_uint64 * 2).from_address(target.address)

    def write() -> None:
        words[0] = generator.seed & MASK_64
        words[1] = generator.count + draw

    return write
