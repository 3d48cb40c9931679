"""Native attention, backwards: weights are made again from what was kept of them.

A unit of work is a chunk of keys, with values, and meets all queries of the heads that
share these. Where there are several chunks, each adds up cotangents of the queries on
its own, and a second entry adds these in order.
"""

from __future__ import annotations

from functools import cache

from .attention_code import SHARED, TILE, Kinds, Tiles, hidden, scores_at
from .attention_products import (
    KEYS,
    KIND,
    LANE,
    PITCH,
    STEP,
    WIDE,
    Rows,
    exponential,
)
from .building import Code, Entry, Function, Layout, Value
from .convolution_few import folded
from .convolution_kernel import combine_entry
from .convolution_tiles import claim, release

TILES = 4  # of scores, of their cotangents, of the bias and of the mask
ROWS = 3  # of peaks, of sums, and of means of cotangents


def backward_layout(kinds: Kinds) -> Layout:
    """The words of the backward pass; `out` is the cotangent of the queries."""
    given = " ".join(kinds.given)
    return Layout(
        f"""query key value {given} found peak total cotangent out to_key to_value
        scratch chunks chunk shares partial length {SHARED}"""
    )


def cotangents_function(code: Code, kinds: Kinds) -> Function:
    """A tile of scores becomes one of weights, that of theirs one of the scores'.

    Arguments: scores, bias, mask, cotangents, keys, queries in whole blocks, the place
    of the first query less that of the first key, and of the rows: peaks, sums turned
    over, and means of cotangents.
    """
    f = code.helper("cotangents", ["ptr"] * 4 + ["i64"] * 3 + ["ptr"])
    scores, bias, mask, arrived, keys, wide, apart, state = f.arguments
    tiles = scores, bias, mask
    with f.loop(wide, 0, STEP) as first:
        rows = {
            v: [f.load(state, first + (n * PITCH + v), KIND, WIDE) for n in range(3)]
            for v in range(0, STEP, LANE)
        }
        with f.loop(keys) as k:
            for v, (peak, turned, mean) in rows.items():
                place, gap = k * PITCH + first + v, k - apart - first - v
                score, seen = scores_at(f, kinds, tiles, place, gap)
                weight = exponential(f, score - peak) * turned
                f.store(weight, scores, place, KIND)
                found = weight * (f.load(arrived, place, KIND, WIDE) - mean)
                found = found if seen is None else seen.where(found, 0.0)
                f.store(found, arrived, place, KIND)
    return f


def means_function(code: Code) -> Function:
    """Products of rows with each other. Arguments: two matrices with their strides,
    rows, columns, a factor, results."""
    kinds = ["ptr", "i64", "ptr", "i64", "i64", "i64", KIND, "ptr"]
    f = code.helper("means", kinds)
    a, a_row, b, b_row, rows, columns, factor, out = f.arguments
    whole = columns // LANE * LANE
    with f.loop(rows) as row:
        left, right = f.at(a, row * a_row, KIND), f.at(b, row * b_row, KIND)
        total = f.variable(f.number(0.0, WIDE))
        with f.loop(whole, 0, LANE) as n:
            one, two = (f.load(base, n, KIND, WIDE) for base in (left, right))
            total.set(f.fma(one, two, total.get()))
        rest = f.variable(folded(f, total.get()))
        with f.loop(columns, whole) as n:
            one, two = (f.load(base, n, KIND) for base in (left, right))
            rest.set(f.fma(one, two, rest.get()))
        f.store(rest.get() * factor, out, row, KIND)
    return f


@cache
def backward_entry(given: tuple[str, ...], causal: bool) -> Entry:
    """The backward pass for what is given beside queries, keys and values."""
    code = Code("attention_gradient")
    writer = Backward(code, Kinds(given, causal))
    writer.write()
    combine_entry(code, KIND, writer.tiles.layout, "length")
    return code.finished()


class Backward:
    """The first entry while it is written."""

    def __init__(self, code: Code, kinds: Kinds):
        self.kinds = kinds
        self.cotangents = cotangents_function(code, kinds)
        self.means = means_function(code)
        self.tiles = Tiles(code, kinds, backward_layout(kinds))
        self.f, self.read = self.tiles.f, self.tiles.read

    def write(self) -> None:
        """Each chunk of keys with all queries of its heads."""
        f, read, tiles = self.f, self.read, self.tiles
        slot = claim(f, tiles.words, tiles.layout, read("slots"))
        # What chunks add up for queries lies in front of what threads have.
        start = read("shares") + slot * read("slot")
        base = f.at(read("scratch", "ptr"), start, "i8")
        self.scores, self.arrived, self.bias, self.mask = (
            f.at(base, n * TILE, KIND) for n in range(TILES)
        )
        self.state = f.at(base, TILES * TILE, KIND)
        self.queries = f.at(self.state, ROWS * PITCH, KIND)
        self.changes = f.at(self.queries, tiles.size * PITCH, KIND)
        self.query_rows = f.at(self.changes, tiles.width * PITCH, KIND)
        self.change_rows = f.at(self.query_rows, tiles.size * PITCH, KIND)
        self.key_rows = f.at(self.change_rows, tiles.width * PITCH, KIND)
        chunks, shared = read("chunks"), tiles.heads // tiles.shared
        with f.loop(*tiles.bounds) as unit:
            chunk, rest = unit % chunks, unit // chunks
            self.unit(chunk, rest % shared, rest // shared)
        release(f, tiles.words, tiles.layout, slot)

    def unit(self, chunk: Value, head: Value, batch: Value) -> None:
        """A chunk of the keys of a head."""
        f, tiles, shared = self.f, self.tiles, self.tiles.heads // self.tiles.shared
        first = chunk * self.read("chunk")
        last = (first + self.read("chunk")).minimum(tiles.columns)
        self.chunk, self.batch, self.bounds = chunk, batch, (first, last)
        self.key = tiles.tensor("key", batch, head)
        self.value = tiles.tensor("value", batch, head)
        at = batch * tiles.columns * shared + head
        self.to_key, self.to_value = (
            Rows(f.at(self.read(name, "ptr"), at * width, KIND), width * shared)
            for name, width in (("to_key", tiles.size), ("to_value", tiles.width))
        )
        # Behind a causal mask, tiles of keys differ in which queries they meet first.
        clear = f.number(1, "i1") if self.kinds.causal else tiles.rows.equals(0)
        with f.when(clear), f.loop(last, first) as key:
            f.clear(self.to_key.at(key).start, tiles.size, KIND)
            f.clear(self.to_value.at(key).start, tiles.width, KIND)
        count = self.read("tiles")
        with f.loop(tiles.shared) as member, f.loop(count) as tile:
            self.more = f.number(1) if self.kinds.causal else member * count + tile
            self.queries_tile(head * tiles.shared + member, tile * PITCH)

    def queries_tile(self, head: Value, first: Value) -> None:
        """A tile of queries with the chunk of keys."""
        f, tiles = self.f, self.tiles
        count = (tiles.rows - first).minimum(PITCH)
        self.load_state(head, first, count)
        begin, limit = self.bounds
        if self.kinds.causal:
            low = hidden(f, self.kinds, self.state, count).differs(0)
            limit = low.where(limit, limit.minimum(first + count))
        out = self.share(head, first)
        with f.when(limit <= begin), f.loop(count) as row:
            f.clear(out.at(row).start, tiles.size, KIND)
        with f.when(begin < limit):
            query, arrived = self.turn(head, first, count)
            with f.loop(limit, begin, KEYS) as at:
                keys = (limit - at).minimum(KEYS)
                self.weigh(head, (first, count), (at, keys))
                self.add((query, arrived, out), count, (at, keys))

    def share(self, head: Value, first: Value) -> Rows:
        """Where a chunk adds up the cotangents of queries."""
        f, tiles, read = self.f, self.tiles, self.read
        start = (self.batch * tiles.rows + first) * tiles.heads + head
        start = self.chunk * read("partial") + start * tiles.size
        alone = read("chunks").equals(1)
        base = alone.where(read("out", "ptr"), read("scratch", "ptr"))
        return Rows(f.at(base, start, KIND), tiles.heads * tiles.size)

    def load_state(self, head: Value, first: Value, rows: Value) -> None:
        """Peaks and sums of a tile, the sums turned over."""
        f, tiles = self.f, self.tiles
        start = (self.batch * tiles.heads + head) * tiles.rows + first
        for n, name in enumerate(("peak", "total")):
            source = f.at(self.read(name, "ptr"), start, KIND)
            f.copy(f.at(self.state, n * PITCH, KIND), source, rows, KIND)
        with f.loop(PITCH, 0, LANE) as place:
            total = f.load(self.state, place + PITCH, KIND, WIDE)
            turned = f.number(1.0, WIDE) / total
            # A score of +inf makes all weights of its row NaN.
            turned = (total < float("inf")).where(turned, float("nan"))
            f.store(turned, self.state, place + PITCH, KIND)

    def turn(self, head: Value, first: Value, count: Value) -> tuple[Rows, Rows]:
        """Turned queries and cotangents, and the means of these; both as rows.

        Cotangents and means are multiplied by the scale, and so what comes of them.
        """
        f, tiles = self.f, self.tiles
        query, found, arrived = (
            tiles.tensor(name, self.batch, head).at(first)
            for name in ("query", "found", "cotangent")
        )
        size, width = tiles.size, tiles.width
        f.call(tiles.turned, *query, count, size, self.queries, tiles.scale)
        f.call(tiles.turned, *arrived, count, width, self.changes, tiles.scale)
        means = f.at(self.state, 2 * PITCH, KIND)
        f.call(self.means, *arrived, *found, count, width, tiles.scale, means)
        return (
            tiles.dense(query, count, size, self.query_rows),
            tiles.dense(arrived, count, width, self.change_rows),
        )

    def weigh(
        self, head: Value, rows: tuple[Value, Value], columns: tuple[Value, Value]
    ) -> None:
        """Weights of a tile of queries and a tile of keys, and cotangents of scores."""
        f, tiles = self.f, self.tiles
        (first, count), (at, keys) = rows, columns
        wide = (count + (STEP - 1)) // STEP * STEP
        pitch, one, zero = f.number(PITCH), f.number(1), f.number(0)
        for left, right, result, depth in (
            (self.key, self.queries, self.scores, tiles.size),
            (self.value, self.changes, self.arrived, tiles.width),
        ):
            f.call(
                tiles.product, *left.at(at), one, right, pitch, result, pitch, keys,
                wide, depth, zero,
            )  # fmt: skip
        for name, target in (("bias", self.bias), ("mask", self.mask)):
            if name in self.kinds.given:
                tiles.fill(name, (self.batch, head, first, at), count, keys, target)
        f.call(
            self.cotangents, self.scores, self.bias, self.mask, self.arrived, keys,
            wide, first - at, self.state,
        )  # fmt: skip

    def add(
        self, rows: tuple[Rows, Rows, Rows], count: Value, columns: tuple[Value, Value]
    ) -> None:
        """What queries, their cotangents and keys add to the three cotangents."""
        f, tiles = self.f, self.tiles
        (query, arrived, out), (at, keys) = rows, columns
        pitch, one = f.number(PITCH), f.number(1)
        for left, right, target, width in (
            (self.scores, arrived, self.to_value, tiles.width),
            (self.arrived, query, self.to_key, tiles.size),
        ):
            f.call(
                tiles.product, left, pitch, one, *right, *target.at(at), keys, width,
                count, self.more,
            )  # fmt: skip
        key = tiles.dense(self.key.at(at), keys, tiles.size, self.key_rows)
        f.call(
            tiles.product, self.arrived, one, pitch, *key, *out, count, tiles.size,
            keys, at - self.bounds[0],
        )  # fmt: skip
