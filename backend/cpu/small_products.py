"""Products of matrices that are small: a block of results in registers, nothing packed.

The BLAS copies its operands into shapes that it likes, which pays where they are large.
Here the left matrix may have any strides, and rows of the right one lie dense.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from .building import Code, Function, Layout, Value, lanes, vector, vector_bytes
from .call import Call
from .engine import engine

LAYOUT = Layout("a a_row a_term b b_term c c_row m n k heights panels")
VECTORS = 4 if vector_bytes() == 64 else 2  # of a panel of results
ROWS = 48  # of a unit of work
MOST = 1 << 22  # multiplications up to which the copies of a BLAS do not pay
WORTH = 1 << 19  # multiplications that are worth a thread


def suits(a: Any, b: Any, c: Any) -> bool:
    """Whether matrices are as small as this is good for, and lie as it wants them."""
    (m, k), n, item = a.shape, b.shape[1], c.itemsize
    dense = b.strides[1] == item or n == 1
    return dense and m > 1 and n > 1 and 0 < m * n * k <= MOST


def product(a: Any, b: Any, c: Any, places: Sequence[int]) -> Call:
    """The call that computes `c = a @ b` for matrices that suit, at these addresses."""
    (m, k), n, item = a.shape, b.shape[1], c.itemsize
    kind = "float" if item == 4 else "double"
    step = VECTORS * lanes(kind)
    panels, heights = -(-n // step), -(-m // ROWS)
    words = LAYOUT.words(
        a=places[0], a_row=a.strides[0] // item, a_term=a.strides[1] // item,
        b=places[1], b_term=b.strides[0] // item,
        c=places[2], c_row=c.strides[0] // item if m > 1 else n,
        m=m, n=n, k=k, heights=heights, panels=panels,
    )  # fmt: skip
    total = panels * heights
    grain = max(1, WORTH * total // (m * n * k))
    return Call(_entry(kind), words, total, grain)


@cache
def _entry(kind: str) -> int:
    code = Code("small_product")
    blocks = {count: _block(code, kind, count) for count in range(1, VECTORS + 1)}
    lane = lanes(kind)
    f, words, start, stop = code.entry()
    read = LAYOUT.reader(f, words)
    a, b, c = (read(name, "ptr") for name in "abc")
    a_row, a_term, b_term, c_row, m, n, k, panels = (
        read(name) for name in "a_row a_term b_term c_row m n k panels".split()
    )
    with f.loop(stop, start) as unit:
        first, column = unit // panels * ROWS, unit % panels * (VECTORS * lane)
        rows, left = (m - first).minimum(ROWS), n - column
        left_at = f.at(a, first * a_row, kind)
        right_at = f.at(b, column, kind)
        out = f.at(c, first * c_row + column, kind)
        for count, block in blocks.items():
            low, high = (count - 1) * lane, count * lane
            inside = left > low
            if count < VECTORS:
                inside = inside & (left <= high)
            with f.when(inside):
                f.call(
                    block, left_at, a_row, a_term, right_at, b_term, out, c_row, rows,
                    k, left,
                )  # fmt: skip
    entry = code.finished()
    (name,) = entry.names
    return engine().compile({name: entry.text})[name]


def _block(code: Code, kind: str, vectors: int) -> Function:
    """Rows times a panel of so many vectors, the last of them perhaps in part.

    Arguments: left matrix, its strides, right matrix, its stride, results, theirs,
    rows, terms, columns left.
    """
    kinds = ["ptr", "i64", "i64", "ptr", "i64", "ptr", "i64", "i64", "i64", "i64"]
    f = code.helper(f"block_{vectors}", kinds)
    rows, left = f.arguments[7], f.arguments[9]
    lane = lanes(kind)
    last = f.steps("i64", lane) < f.splat(left - (vectors - 1) * lane, lane)
    done = f.number(0)
    for height in (_height(vectors), 4, 2, 1):
        whole = rows - (rows - done) % height
        with f.loop(whole, done, height) as first:
            _tile(f, kind, vectors, height, first, last)
        done = whole
    return f


def _height(vectors: int) -> int:
    """How many rows of so many vectors the registers hold, with their operands."""
    if vector_bytes() == 64:
        return 6 if vectors == 4 else 8
    return 8 if vectors == 1 else 4


def _tile(
    f: Function, kind: str, vectors: int, height: int, first: Value, last: Value
) -> None:
    """Results of some rows, kept in registers while the sum over the terms runs."""
    a, a_row, a_term, b, b_term, c, c_row, _, depth, _ = f.arguments
    lane = lanes(kind)
    wide = vector(kind, lane)
    bases = [f.at(a, (first + r) * a_row, kind) for r in range(height)]
    sums = [f.variable(f.number(0.0, wide)) for _ in range(height * vectors)]
    with f.loop(depth) as k:
        row, offset = f.at(b, k * b_term, kind), k * a_term
        parts = [f.load(row, v * lane, kind, wide) for v in range(vectors - 1)]
        parts.append(f.masked_load(f.at(row, (vectors - 1) * lane, kind), last, wide))
        for r in range(height):
            factor = f.splat(f.load(bases[r], offset, kind), lane)
            for v in range(vectors):
                one = sums[r * vectors + v]
                one.set(f.fma(factor, parts[v], one.get()))
    for r in range(height):
        target = f.at(c, (first + r) * c_row, kind)
        for v in range(vectors - 1):
            f.store(sums[r * vectors + v].get(), target, v * lane, kind)
        end = f.at(target, (vectors - 1) * lane, kind)
        f.masked_store(sums[(r + 1) * vectors - 1].get(), end, last)
