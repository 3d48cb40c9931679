"""Native attention, forwards: tiles of scores that nobody else sees.

A unit of work is a tile of queries of one head. It meets the keys tile by tile, keeps
the peak and the sum of each row of weights, and scales its results where a peak rises.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ...graph.ops.sequence import lowest
from .attention_products import (
    KEYS,
    KIND,
    LANE,
    PITCH,
    STEP,
    WIDE,
    Rows,
    dense_function,
    exponential,
    finite,
    product_function,
    scaled_function,
    spread_function,
    turned_function,
)
from .building import Code, Entry, Function, Layout, Value, vector
from .convolution_tiles import claim, release

LOW = lowest("f32")
TENSORS = ("query", "key", "value", "found", "cotangent")
SIDES = ("batch", "row", "head")  # the strides of a tensor
SHARED = f"""
busy slots slot heads shared rows columns size width tiles scale bias_batch bias_head
bias_row mask_batch mask_head mask_row
{" ".join(f"{tensor}_{side}" for tensor in TENSORS for side in SIDES)}
"""
TILE = KEYS * PITCH
TILES = 3  # of scores, of the bias and of the mask
ROWS = 3  # of peaks, of sums, and of factors


class Kinds(NamedTuple):
    """What takes part in the scores, apart from queries and keys."""

    given: tuple[str, ...]
    causal: bool

    @property
    def masked(self) -> bool:
        """Whether some keys do not count."""
        return self.causal or "mask" in self.given


def forward_layout(kinds: Kinds) -> Layout:
    """The words of the forward pass."""
    given = " ".join(kinds.given)
    return Layout(f"query key value {given} found peak total scratch {SHARED}")


class Tiles:
    """Where things are that both passes read, and the functions that they call."""

    def __init__(self, code: Code, kinds: Kinds, layout: Layout):
        self.code, self.kinds = code, kinds
        self.product, self.turned = product_function(code), turned_function(code)
        self.packed = dense_function(code)
        self.fills = {}
        if "bias" in kinds.given:
            self.fills["bias"] = self.turned, spread_function(code)
        if "mask" in kinds.given:
            self.fills["mask"] = (
                turned_function(code, "i8"),
                spread_function(code, "i8"),
            )
        self.f, self.words, start, stop = code.entry()
        self.bounds = stop, start
        self.read = layout.reader(self.f, self.words)
        self.layout = layout
        names = "rows columns size width heads shared"
        self.rows, self.columns, self.size, self.width, self.heads, self.shared = (
            self.read(name) for name in names.split()
        )
        self.scale = self.read("scale", KIND)

    def tensor(self, name: str, batch: Value, head: Value) -> Rows:
        """The rows of a head."""
        f, read = self.f, self.read
        start = batch * read(f"{name}_batch") + head * read(f"{name}_head")
        return Rows(f.at(read(name, "ptr"), start, KIND), read(f"{name}_row"))

    def dense(self, rows: Rows, count: Value, width: Value, target: Value) -> Rows:
        """Rows that lie side by side: where they are, or copied."""
        f = self.f
        place = f.variable(rows.start)
        with f.when(rows.step.differs(width)):
            f.call(self.packed, *rows, count, width, target)
            place.set(target)
        return Rows(place.get(), width)

    def fill(
        self,
        name: str,
        at: tuple[Value, Value, Value, Value],
        rows: Value,
        keys: Value,
        target: Value,
    ) -> None:
        """A tile of the bias or the mask, for a batch, a head, a query and a key."""
        f, read = self.f, self.read
        batch, head, row, key = at
        kind = KIND if name == "bias" else "i8"
        stride = read(f"{name}_row")
        start = batch * read(f"{name}_batch") + head * read(f"{name}_head")
        source = f.at(read(name, "ptr"), start + row * stride + key, kind)
        turned, spread = self.fills[name]
        more = (f.number(1.0, KIND),) if kind == KIND else ()
        with f.when(stride.differs(0)):
            f.call(turned, source, stride, rows, keys, target, *more)
        with f.when(stride.equals(0)):
            f.call(spread, source, keys, target)


def scores_at(
    f: Function, kinds: Kinds, tiles: tuple[Value, Value, Value], place: Value,
    apart: Value,
) -> tuple[Value, Value | None]:  # fmt: skip
    """A vector of a tile with bias and mask, and which of it counts.

    `tiles` are scores, bias and mask; a key counts for queries `apart` or more behind
    the first of the vector, if order matters.
    """
    scores, bias, mask = tiles
    found, seen = f.load(scores, place, KIND, WIDE), None
    if "bias" in kinds.given:
        found = found + f.load(bias, place, KIND, WIDE)
    whole = vector("i32", LANE)
    if "mask" in kinds.given:
        seen = f.load(mask, place, "i32", whole).differs(0)
    if kinds.causal:
        first = f.splat(apart.cast("trunc", "i32"), LANE)
        below = first <= f.steps("i32", LANE)
        seen = below if seen is None else seen & below
    return (found if seen is None else seen.where(found, LOW)), seen


def weights_function(code: Code, kinds: Kinds) -> Function:
    """A tile of scores becomes one of weights, and the state of its rows goes on.

    Arguments: scores, bias, mask, keys, queries in whole blocks, the place of the first
    query less that of the first key, the state: peaks, sums, and factors for what is
    there.
    """
    f = code.helper("weights", ["ptr", "ptr", "ptr", "i64", "i64", "i64", "ptr"])
    scores, bias, mask, keys, wide, apart, state = f.arguments
    vectors = range(0, STEP, LANE)
    with f.loop(wide, 0, STEP) as first:
        olds = [f.load(state, first + v, KIND, WIDE) for v in vectors]
        tops = [f.variable(old) for old in olds]
        with f.loop(keys) as k:
            for v, top in zip(vectors, tops, strict=True):
                place, gap = k * PITCH + first + v, k - apart - first - v
                score, _ = scores_at(f, kinds, (scores, bias, mask), place, gap)
                if kinds.given or kinds.causal:
                    f.store(score, scores, place, KIND)
                top.set(score.maximum(top.get()))
        peaks, totals = [], []
        for v, old, top in zip(vectors, olds, tops, strict=True):
            peak = finite(f, top.get())
            factor = exponential(f, finite(f, old) - peak)
            factor = old.equals(-float("inf")).where(0.0, factor)
            f.store(top.get(), state, first + v, KIND)
            f.store(factor, state, first + (2 * PITCH + v), KIND)
            total = f.load(state, first + (PITCH + v), KIND, WIDE)
            peaks.append(peak)
            totals.append(f.variable(total * factor))
        with f.loop(keys) as k:
            for v, peak, sums in zip(vectors, peaks, totals, strict=True):
                place = k * PITCH + first + v
                score = f.load(scores, place, KIND, WIDE)
                weight = exponential(f, score - peak)
                f.store(weight, scores, place, KIND)
                sums.set(sums.get() + weight)
        for v, sums in zip(vectors, totals, strict=True):
            f.store(sums.get(), state, first + (PITCH + v), KIND)
    return f


def hidden(f: Function, kinds: Kinds, peaks: Value, rows: Value) -> Value:
    """Whether a row has seen no key that counts; then all keys count the same."""
    found = f.variable(f.number(0))
    if kinds.causal:
        with f.loop(rows) as row:
            low = f.load(peaks, row, KIND) <= LOW
            found.set(found.get() | low.cast("zext", "i64"))
    return found.get()


@cache
def forward_entry(given: tuple[str, ...], causal: bool) -> Entry:
    """The forward pass for what is given beside queries, keys and values."""
    code = Code("attention")
    Forward(code, Kinds(given, causal)).write()
    return code.finished()


class Forward:
    """The entry while it is written."""

    def __init__(self, code: Code, kinds: Kinds):
        self.kinds, self.weights = kinds, weights_function(code, kinds)
        self.multiplied = scaled_function(code)
        self.tiles = Tiles(code, kinds, forward_layout(kinds))
        self.f, self.read = self.tiles.f, self.tiles.read

    def write(self) -> None:
        """Each tile of queries of each head."""
        f, read, tiles = self.f, self.read, self.tiles
        slot = claim(f, tiles.words, tiles.layout, read("slots"))
        base = f.at(read("scratch", "ptr"), slot * read("slot"), "i8")
        self.scores, self.bias, self.mask = (
            f.at(base, n * TILE, KIND) for n in range(TILES)
        )
        self.state = f.at(base, TILES * TILE, KIND)
        self.queries = f.at(self.state, ROWS * PITCH, KIND)
        self.values = f.at(self.queries, tiles.size * PITCH, KIND)
        count = read("tiles")
        with f.loop(*tiles.bounds) as unit:
            rest = unit // count
            batch, head = rest // tiles.heads, rest % tiles.heads
            self.unit(batch, head, unit % count * PITCH)
        release(f, tiles.words, tiles.layout, slot)

    def unit(self, batch: Value, head: Value, first: Value) -> None:
        """A tile of queries with all keys that it may see."""
        f, tiles, state = self.f, self.tiles, self.state
        rows = (tiles.rows - first).minimum(PITCH)
        shared = head // tiles.shared
        query = tiles.tensor("query", batch, head).at(first)
        self.key = tiles.tensor("key", batch, shared)
        self.value = tiles.tensor("value", batch, shared)
        self.out = tiles.tensor("found", batch, head).at(first)
        f.call(tiles.turned, *query, rows, tiles.size, self.queries, tiles.scale)
        with f.loop(PITCH, 0, LANE) as n:
            f.store(f.number(-float("inf"), WIDE), state, n, KIND)
            f.store(f.number(0.0, WIDE), state, n + PITCH, KIND)
        limit = tiles.columns
        if self.kinds.causal:
            limit = limit.minimum(first + rows)
        self.stretch((batch, head, first), rows, f.number(0), limit)
        if self.kinds.causal:
            rest = hidden(f, self.kinds, state, rows).differs(0)
            stop = rest.where(tiles.columns, limit)
            self.stretch((batch, head, first), rows, limit, stop)
        self.finish(batch * tiles.heads + head, first, rows)

    def stretch(
        self, place: tuple[Value, Value, Value], rows: Value, start: Value, stop: Value
    ) -> None:
        """A tile of queries with a stretch of the keys."""
        f, tiles, given = self.f, self.tiles, self.kinds.given
        first, wide = place[2], (rows + (STEP - 1)) // STEP * STEP
        pitch, one = f.number(PITCH), f.number(1)
        with f.loop(stop, start, KEYS) as at:
            keys = (stop - at).minimum(KEYS)
            f.call(
                tiles.product, *self.key.at(at), one, self.queries, pitch, self.scores,
                pitch, keys, wide, tiles.size, f.number(0),
            )  # fmt: skip
            for name, target in (("bias", self.bias), ("mask", self.mask)):
                if name in given:
                    tiles.fill(name, (*place, at), rows, keys, target)
            f.call(
                self.weights, self.scores, self.bias, self.mask, keys, wide,
                first - at, self.state,
            )  # fmt: skip
            with f.when(at.differs(0)):
                self.scaled(rows)
            value = tiles.dense(self.value.at(at), keys, tiles.width, self.values)
            f.call(
                tiles.product, self.scores, one, pitch, *value, *self.out, rows,
                tiles.width, keys, at,
            )  # fmt: skip

    def scaled(self, rows: Value) -> None:
        """Multiply results by the factors of their rows."""
        f, tiles = self.f, self.tiles
        factors = f.at(self.state, 2 * PITCH, KIND)
        f.call(self.multiplied, *self.out, rows, tiles.width, factors)

    def finish(self, number: Value, first: Value, rows: Value) -> None:
        """Divide the results of a tile by the sums of their weights, and keep these."""
        f, tiles, state = self.f, self.tiles, self.state
        with f.when(tiles.columns.equals(0)), f.loop(rows) as row:
            f.clear(self.out.at(row).start, tiles.width, KIND)
        with f.loop(PITCH, 0, LANE) as place:
            total = f.load(state, place + PITCH, KIND, WIDE)
            f.store(f.number(1.0, WIDE) / total, state, place + 2 * PITCH, KIND)
            f.store(finite(f, f.load(state, place, KIND, WIDE)), state, place, KIND)
        with f.when(tiles.columns.differs(0)):
            self.scaled(rows)
        start = number * tiles.rows + first
        for n, name in enumerate(("peak", "total")):
            target = f.at(self.read(name, "ptr"), start, KIND)
            f.copy(target, f.at(state, n * PITCH, KIND), rows, KIND)
