"""Pooling: folds over windows, vectors of channels at a time.

A result looks at a range of taps on each axis of space. Forwards that range is cut to
the input; backwards it holds the taps that meet the place, every `stride`-th one. Taps
come in the order of the kernel, so sums have the bits of the reference.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache, reduce
from typing import Any, NamedTuple

from ...graph.dim import Dim
from ...graph.node import Node
from ...graph.ops.windows import run_counts
from .building import FLOATS, Code, Entry, Function, Layout, Value, lanes, vector
from .special_base import Special, Work, grain, special

AXES = range(3)
FIELDS = " ".join(
    f"count{a} size{a} kernel{a} stride{a} low{a}" for a in AXES
)  # count: of results; size: of what they look at
ONE = Layout(f"source out scratch batch channels {FIELDS}")
TWO = Layout(f"source index out scratch batch channels {FIELDS}")
BACKWARDS = ("window_spread", "window_put")
INDEXED = ("window_pick", "window_put")
FOLDING = ("window_sum", "window_max", "window_argmax")
WIDTHS = (4, 2, 1)  # vectors that are folded together
MOST_TAPS = 16  # that are written out one by one

Kernel = tuple[int, ...]


class Along(NamedTuple):
    """The taps of a result on one axis, and the places where they are."""

    first: Value
    stop: Value
    step: Value
    place: Value
    way: int


def last_axes(values: Sequence[int], neutral: int) -> list[int]:
    """One number an axis of space, for three axes, those that are lacking in front."""
    return [*[neutral] * (3 - len(values)), *values]


def _not_negative(size: Any) -> bool:
    """Whether a size, which may be symbolic, is known not to be below 0."""
    least, _ = Dim.of(size).bounds()
    return least is not None and least >= 0


@special(
    "window_sum",
    "window_max",
    "window_argmax",
    "window_pick",
    "window_spread",
    "window_put",
)
class Windows(Special):
    """One of the folds."""

    def __init__(self, name: str):
        super().__init__(name)
        self.layout = TWO if name in INDEXED else ONE

    def accepts(self, node: Node) -> bool:
        indexed = self.name in INDEXED
        return (
            node.inputs[0].dtype.short in FLOATS
            and (not indexed or node.inputs[1].dtype.short == "i32")
            and all(_not_negative(low) for low in node.attributes["low"])
        )

    def entry(self, node: Node) -> Entry:
        kind = FLOATS[node.inputs[0].dtype.short]
        kernel, strides, low = (
            [Dim.of(size).value for size in node.attributes[name]]
            for name in ("kernel", "strides", "low")
        )
        known = [size for size in kernel if size is not None]
        if len(known) < len(kernel) or math.prod(known) > MOST_TAPS:
            return window_entry(self.name, kind)
        if self.name in BACKWARDS and not all(
            step is not None and step >= size and first == 0
            for size, step, first in zip(known, strides, low, strict=True)
        ):
            return window_entry(self.name, kind)
        return window_entry(self.name, kind, tuple(last_axes(known, 1)))

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        shape = results[0].shape
        total = math.prod(shape[: max(1, len(shape) - 2)]) if math.prod(shape) else 0
        taps = math.prod(attributes["kernel"])
        steps = math.prod(shape) // 8 * (2 if self.name in BACKWARDS else taps)
        return (Work(total, grain(total, steps)),)

    def check(self, attributes: Any, operands: Any) -> None:
        if "count" in attributes:
            name = "average_pool" if self.name == "window_sum" else "max_pool"
            run_counts(name, operands[0].shape[1:-1], attributes["count"])

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        source, (out,) = operands[0], results
        spaces = {
            "count": out.shape[1:-1], "size": source.shape[1:-1],
            "kernel": attributes["kernel"], "stride": attributes["strides"],
            "low": attributes["low"],
        }  # fmt: skip
        numbers = {
            f"{name}{axis}": number
            for name, values in spaces.items()
            for axis, number in enumerate(last_axes(values, name != "low"))
        }
        if self.name in INDEXED:
            numbers["index"] = operands[1].address
        return self.layout.words(
            source=source.address, out=out.address, scratch=scratch,
            batch=out.shape[0], channels=out.shape[-1], **numbers,
        )  # fmt: skip


@cache
def window_entry(name: str, kind: str, kernel: Kernel | None = None) -> Entry:
    """The code of a fold: a row of results is a unit of work.

    With a `kernel` taps are written out; backwards no two windows meet then.
    """
    code = Code(name)
    f, words, start, stop = code.entry()
    layout = TWO if name in INDEXED else ONE
    read = layout.reader(f, words)
    fold = Fold(f, name, kind, read)
    count = [read(f"count{a}") for a in AXES]
    with f.loop(stop, start) as row:
        image, outer = row // (count[0] * count[1]), row % (count[0] * count[1])
        first, second = outer // count[1], outer % count[1]
        axes = [fold.along(0, first), fold.along(1, second)]
        begin = row * count[2] * fold.channels
        if name in BACKWARDS and kernel is not None:
            _apart_row(fold, image, axes, begin, kernel)
        elif name in BACKWARDS:
            _backwards_row(fold, image, axes, begin, count[2])
        else:
            _forward_row(fold, image, axes, begin, kernel)
    return code.finished()


def _forward_row(
    fold: Fold, image: Value, axes: list[Along], begin: Value, kernel: Kernel | None
) -> None:
    """A row of windows; those that lie within the input have their taps written out."""
    f = fold.f
    if fold.name not in FOLDING:
        kernel = None
    inside = f.number(int(kernel is not None), "i1")
    for one, size in zip(axes, kernel or (), strict=False):
        inside = inside & (one.stop - one.first).equals(size)
    row = (image * fold.size[0] + axes[0].place) * fold.size[1] + axes[1].place
    row = row * fold.size[2]
    offsets = fold.tap_offsets(kernel) if kernel else []
    with f.loop(fold.count[2]) as third:
        along, target = fold.along(2, third), begin + third * fold.channels
        whole = inside
        if kernel is not None:
            whole = inside & (along.stop - along.first).equals(kernel[2])
            with f.when(whole):
                fold.whole(offsets, (row + along.place) * fold.channels, target)
        with f.when(~whole):
            fold.place(image, [*axes, along], target)


def _apart_row(
    fold: Fold, image: Value, axes: list[Along], begin: Value, kernel: Kernel
) -> None:
    """A row backwards where no two windows meet: each cotangent is read once."""
    f, (count, size) = fold.f, (fold.count[2], fold.size[2])
    met = (axes[0].first < axes[0].stop) & (axes[1].first < axes[1].stop)
    f.clear(f.at(fold.out, begin, fold.kind), count * fold.channels, fold.kind)
    row = (image * fold.size[0] + axes[0].place) * fold.size[1] + axes[1].place
    tap = (axes[0].first * kernel[1] + axes[1].first) * kernel[2]
    with f.when(met), f.loop(size) as window:
        source = (row * size + window) * fold.channels
        place = window * fold.stride[2]
        for j in range(kernel[2]):
            with f.when(place + j < count):
                target = begin + (place + j) * fold.channels
                fold.put(source, target, tap + j)


def _backwards_row(
    fold: Fold, image: Value, axes: list[Along], begin: Value, count: Value
) -> None:
    """A row without a division for each place."""
    f, stride = fold.f, fold.stride[2]
    rest, whole = f.variable(fold.low[2] % stride), f.variable(fold.low[2] // stride)
    with f.loop(count) as third:
        here = [*axes, fold.met(2, third, rest.get(), whole.get())]
        fold.place(image, here, begin + third * fold.channels)
        more = rest.get() + 1
        full = more.equals(stride)
        whole.set(full.where(whole.get() + 1, whole.get()))
        rest.set(full.where(0, more))


class Fold:
    """What a fold reads, and the code for one place."""

    def __init__(self, f: Function, name: str, kind: str, read: Any):
        self.f, self.name, self.kind = f, name, kind
        self.source, self.out = read("source", "ptr"), read("out", "ptr")
        self.index = read("index", "ptr") if name in INDEXED else self.source
        self.channels = read("channels")
        self.count, self.size, self.kernel, self.stride, self.low = (
            [read(f"{word}{a}") for a in AXES]
            for word in ("count", "size", "kernel", "stride", "low")
        )

    def along(self, axis: int, place: Value) -> Along:
        """The taps of a result at a place."""
        f, low, stride = self.f, self.low[axis], self.stride[axis]
        if self.name in BACKWARDS:
            moved = place + low
            return self.met(axis, place, moved % stride, moved // stride)
        begin = place * stride - low
        first = (f.number(0) - begin).maximum(0)
        stop = (self.size[axis] - begin).minimum(self.kernel[axis])
        return Along(first, stop, f.number(1), begin + first, 1)

    def met(self, axis: int, place: Value, rest: Value, whole: Value) -> Along:
        """The taps that meet a place of the input: every `stride`-th from a rest on."""
        stride, moved = self.stride[axis], place + self.low[axis]
        last = self.size[axis] - 1
        beyond = whole > last
        first = beyond.where(moved - last * stride, rest)
        stop = (moved + 1).minimum(self.kernel[axis])
        # Tap `rest` meets result `whole`, the next ones those before it.
        return Along(first, stop, stride, beyond.where(last, whole), -1)

    def place(self, image: Value, axes: list[Along], target: Value) -> None:
        """All channels of one result."""

        def use(channel: Value, count: int, mask: Value | None) -> None:
            self.block(image, axes, channel, target + channel, count, mask)

        self.each_block(use)

    def each_block(self, use: Callable[[Value, int, Value | None], None]) -> None:
        """Call `use(first channel, vectors, mask)` for blocks of channels."""
        f, lane = self.f, lanes(self.kind)
        done = f.number(0)
        for count in WIDTHS:
            wide = lane * count
            whole = self.channels // wide * wide
            with f.loop(whole, done, wide) as channel:
                use(channel, count, None)
            done = whole
        with f.when(done < self.channels):
            mask = f.steps("i64", lane) < f.splat(self.channels - done, lane)
            use(done, 1, mask)

    def tap_offsets(self, kernel: Kernel) -> list[Value]:
        """Where the taps of a window stand, from its first one."""
        first, second = self.size[1:]
        return [
            ((first * a + b) * second + c) * self.channels
            for a, b, c in itertools.product(*map(range, kernel))
        ]

    def whole(self, offsets: Sequence[Value], source: Value, target: Value) -> None:
        """All channels of a result whose window lies within the input."""
        f, kind, lane = self.f, self.kind, lanes(self.kind)

        def use(channel: Value, count: int, mask: Value | None) -> None:
            for v in range(count):
                at = channel + v * lane
                parts = [
                    load(f, self.source, source + offset + at, kind, lane, mask)
                    for offset in offsets
                ]
                result = self.folded(parts)
                of = "i32" if self.name == "window_argmax" else kind
                save(f, result, self.out, target + at, of, mask)

        self.each_block(use)

    def folded(self, parts: Sequence[Value]) -> Value:
        """The fold of all taps of a window."""
        f, lane = self.f, lanes(self.kind)
        if self.name == "window_sum":
            return reduce(operator.add, parts, f.number(0.0, vector(self.kind, lane)))
        if self.name == "window_max":
            best, *rest = parts
            for part in rest:
                best = (part > best).where(part, best)
            pairs = [(parts[n], parts[n - 1]) for n in range(len(parts) - 1, 0, -2)]
            pairs += [(parts[0], parts[0])] if len(parts) % 2 else []
            nan = reduce(operator.or_, (one.unordered(two) for one, two in pairs))
            return nan.where(math.nan, best)
        best, found = parts[0], f.number(0, vector("i32", lane))
        for number, part in enumerate(parts[1:], 1):
            better = (part > best) | (part.differs(part) & best.equals(best))
            found, best = better.where(number, found), better.where(part, best)
        return found

    def put(self, source: Value, target: Value, tap: Value) -> None:
        """All channels of a place of the input that one tap meets."""
        f, kind, lane = self.f, self.kind, lanes(self.kind)
        number = f.splat(tap.cast("trunc", "i32"), lane)

        def use(channel: Value, count: int, mask: Value | None) -> None:
            for v in range(count):
                at = channel + v * lane
                part = load(f, self.source, source + at, kind, lane, mask)
                if self.name == "window_put":
                    index = load(f, self.index, source + at, "i32", lane, mask)
                    part = index.equals(number).where(part, 0.0)
                save(f, part, self.out, target + at, kind, mask)

        self.each_block(use)

    def block(
        self,
        image: Value,
        axes: list[Along],
        channel: Value,
        target: Value,
        count: int,
        mask: Value | None,
    ) -> None:
        """A few vectors of channels of one result."""
        f, kind, lane = self.f, self.kind, lanes(self.kind)
        wide, marks = vector(kind, lane), vector("i32", lane)
        worst = -math.inf if self.name in ("window_max", "window_argmax") else 0.0
        best = [f.variable(f.number(worst, wide)) for _ in range(count)]
        found = [f.variable(f.number(-1, marks)) for _ in range(count)]
        wanted = [
            load(f, self.index, target + v * lane, "i32", lane, mask)
            for v in range(count)
            if self.name == "window_pick"
        ]
        with ExitStack() as stack:
            at, tap = image, f.number(0)
            for axis, one in enumerate(axes):
                place = f.variable(one.place)
                j = stack.enter_context(f.loop(one.stop, one.first, one.step))
                here = place.get()
                place.set(here + one.way)
                at = at * self.size[axis] + here
                tap = tap * self.kernel[axis] + j
            number = f.splat(tap.cast("trunc", "i32"), lane)
            for v in range(count):
                where = at * self.channels + channel + v * lane
                part = load(f, self.source, where, kind, lane, mask)
                if self.name == "window_put":
                    hit = load(f, self.index, where, "i32", lane, mask).equals(number)
                    part = hit.where(part, 0.0)
                if self.name == "window_pick":
                    part = wanted[v].equals(number).where(part, best[v].get())
                self.fold(best[v], found[v], part, number)
        for v in range(count):
            result = found[v] if self.name == "window_argmax" else best[v]
            of = "i32" if self.name == "window_argmax" else kind
            save(f, result.get(), self.out, target + v * lane, of, mask)

    def fold(self, best: Any, found: Any, part: Value, number: Value) -> None:
        """Take one tap into the results."""
        old = best.get()
        if self.name == "window_pick":
            best.set(part)
        elif self.name not in ("window_max", "window_argmax"):
            best.set(old + part)
        else:
            # The first NaN stays.
            better = (part > old) | (part.differs(part) & old.equals(old))
            if self.name == "window_argmax":
                better = better | (found.get() < 0)
                found.set(better.where(number, found.get()))
            best.set(better.where(part, old))


def load(
    f: Function, base: Value, at: Value, kind: str, lane: int, mask: Value | None
) -> Value:
    """A vector from memory, or as much of it as a mask allows."""
    wide = vector(kind, lane)
    if mask is None:
        return f.load(base, at, kind, wide)
    return f.masked_load(f.at(base, at, kind), mask, wide)


def save(
    f: Function, value: Value, base: Value, at: Value, kind: str, mask: Value | None
) -> None:
    """Put a vector into memory, or as much of it as a mask allows."""
    if mask is None:
        f.store(value, base, at, kind)
    else:
        f.masked_store(value, f.at(base, at, kind), mask)
