"""Products of matrices: blocks of results in registers, operands packed for the caches.

The scheme is that of Goto and van de Geijn, "Anatomy of high-performance matrix
multiplication" (2008). A unit of work is a block of the result. For some terms of the
sum at a time it copies its part of the operands into memory of its own, dense, in the
order of reading; either may instead be read as it lies. Any strides will do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..recorded import jointly
from ..strided_arrays import StridedArray
from .building import vector_bytes
from .convolution_words import slots
from .packed_code import LAYOUT, PACKED
from .packed_numbers import Numbers
from .packing_code import GROUP, HEIGHT, PANELS, PITCH, width
from .pool import pool
from .special_base import ceildiv, grain, rounded

SMALL = 1 << 22  # multiplications up to which the copies of a BLAS do not pay
UNIT = 1 << 17  # multiplications that a unit is worth
WORTH = 1 << 18  # multiplications that are worth a thread
UNITS = "rows columns terms heights widths pack_a pack_b slot right slots".split()


class Blocks(NamedTuple):
    """How a product is cut: rows and columns of a unit, packed terms at a time."""

    rows: int
    columns: int
    terms: int

    def often(self, item: int) -> bool:
        """Whether the rows of the left operand are read again and again."""
        return self.columns > 2 * width() * vector_bytes() // item

    def left_bytes(self, item: int, converts: bool = False) -> int:
        """The room for the packed part of the left operand, at a multiple of 64."""
        if not (converts or self.often(item)):
            return 0
        groups = ceildiv(self.rows, GROUP * HEIGHT)
        return rounded(groups * GROUP * PITCH * self.terms * item)

    def right_bytes(self, item: int) -> int:
        """The room for the packed part of the right operand."""
        return rounded(PANELS * width() * vector_bytes() * self.terms)


def suits(m: int, n: int, k: int) -> bool:
    """Whether these products are at least as fast as those of the BLAS."""
    return m > 1 and n > 1 and (vector_bytes() >= 32 or m * n * k <= SMALL)


def blocks_of(count: int, m: int, n: int, k: int, item: int) -> Blocks:
    """How so many products of a size are cut; results are the same however they are.

    `k` counts packed terms, of `item` bytes each.
    """
    units = min(2 * pool().threads, count * m * n * k // UNIT)
    step = width() * vector_bytes() // item
    return _cut(units, step, count, m, n, k, item)


def _cut(
    units: int, step: int, count: int, m: int, n: int, k: int, item: int
) -> Blocks:
    """Blocks that make so many units of work, where that can be."""
    most = Blocks(264, 512, 1280 // item)
    terms = even(k, most.terms, 8)
    rows, columns = even(m, most.rows, HEIGHT), even(n, most.columns, step)
    while count * ceildiv(m, rows) * ceildiv(n, columns) < units:
        if columns > 8 * step or (columns > step and rows <= 12 * HEIGHT):
            columns = even(n, columns // 2, step)
        elif rows > 4 * HEIGHT:
            rows = even(m, max(rows // 2, 4 * HEIGHT), HEIGHT)
        elif columns > step:
            columns = even(n, columns // 2, step)
        else:
            break
    return Blocks(rows, columns, terms)


def even(whole: int, most: int, multiple: int) -> int:
    """The length of equal parts, multiples of a number but for the last one."""
    parts = max(1, ceildiv(whole, most))
    return max(1, ceildiv(whole, parts * multiple)) * multiple


def scratch_bytes(count: int, m: int, n: int, k: int, numbers: Numbers) -> int:
    """The memory that so many products of a size need beside operands and results."""
    return _scratch_bytes(count, m, n, k, *numbers.packing)


@jointly
def _scratch_bytes(
    count: int, m: int, n: int, k: int, item: int, together: int, converts: bool
) -> int:
    blocks = blocks_of(count, m, n, ceildiv(k, together), item)
    units = count * ceildiv(m, blocks.rows) * ceildiv(n, blocks.columns)
    each = blocks.left_bytes(item, converts) + blocks.right_bytes(item)
    return slots(units) * each


def product(
    x: StridedArray, y: StridedArray, out: StridedArray, scratch: int, numbers: Numbers
) -> tuple[list[int], int, int]:
    """The words, units and grain of `out = x @ y` for matrices, or batches of them.

    `scratch` is the address of `scratch_bytes`.
    """
    (m, n), k = out.shape[-2:], x.shape[-1]
    axes = batch_axes(x, y, out) if out.ndim > 2 else []
    count = math.prod(axes[::4])
    a_row, a_term = x.steps[-2:]
    b_term, b_column = y.steps[-2:]
    steps = a_row, a_term, b_term, b_column
    *units, total, least = _units(count, m, n, k, *numbers.packing, *steps)
    words = LAYOUT.words(
        a=x.address, a_row=a_row, a_term=a_term,
        b=y.address, b_term=b_term, b_column=b_column,
        c=out.address, c_row=out.steps[-2], m=m, n=n, k=k,
        **dict(zip(UNITS, units, strict=True)),
        scratch=scratch, busy=0, rank=len(axes) // 4,
    )  # fmt: skip
    return [*words, *axes], total, least


@jointly
def _units(
    count: int,
    m: int,
    n: int,
    k: int,
    item: int,
    together: int,
    converts: bool,
    a_row: int,
    a_term: int,
    b_term: int,
    b_column: int,
) -> tuple[int, ...]:
    """What follows from how a product is cut: words, units and grain."""
    depth = ceildiv(k, together)
    blocks = blocks_of(count, m, n, depth, item)
    heights, widths = ceildiv(m, blocks.rows), ceildiv(n, blocks.columns)
    left, total = blocks.left_bytes(item, converts), count * heights * widths
    # Pairs of terms that lie side by side are as if packed.
    in_pairs = together == 2 and a_term == 1 and a_row >= 0 and not (a_row | k) % 2
    packs_a = packs_left(a_row, a_term, blocks, item)
    return (
        blocks.rows, blocks.columns, blocks.terms * together, heights, widths,
        not in_pairs if converts else packs_a,
        converts or packs_right(b_term, b_column, blocks, n, item),
        left + blocks.right_bytes(item), left, slots(total),
        total, max(1, WORTH * total // max(1, count * m * n * depth)),
    )  # fmt: skip


class Ahead(NamedTuple):
    """How a right operand is packed once for several products with the same words."""

    size: int  # bytes
    words: list[int]  # of the entry that packs; "c" is to be the memory
    total: int
    grain: int
    product: list[int]  # words of the products, whose "b" is that memory


def ahead(words: list[int], numbers: Numbers) -> Ahead | None:
    """How that is done for a product; None if it is of a batch, or packs nothing."""
    given = dict(zip(LAYOUT.names, words, strict=False))
    item, together, converts = numbers.packing
    n, k, step = given["n"], given["k"], width() * vector_bytes() // item
    lies = given["b_term"], given["b_column"], given["terms"] // together
    if given["rank"] or not k or not (converts or _pays_ahead(*lies, n, item)):
        return None
    row, panels = ceildiv(n, step) * step, ceildiv(n, PANELS * step)
    packing = LAYOUT.words(**{**given, "a": 0, "scratch": 0, "c_row": row})
    product = {**given, "b_term": row, "b_column": 0, "pack_b": PACKED}
    size, work = row * ceildiv(k, together) * item, grain(panels, n * k)
    return Ahead(size, packing, panels, work, LAYOUT.words(**product))


@jointly
def _pays_ahead(b_term: int, b_column: int, terms: int, n: int, item: int) -> int:
    """Whether copying columns pays for several products, of however few rows."""
    return int(must_pack(b_column, n, item) or crowded(b_term * item, terms))


def batch_axes(x: StridedArray, y: StridedArray, out: StridedArray) -> list[int]:
    """The axes in front of matrices: size, and the step in each of the arrays.

    Axes that lie as one in all arrays are joined; those of size 1 are left out.
    """
    batch = out.shape[:-2]
    found: list[int] = []
    columns = [_batch_steps(array, batch) for array in (x, y, out)]
    for size, *steps in zip(batch, *columns, strict=True):
        if size == 1:
            continue
        if found and found[-3:] == [size * step for step in steps]:
            found[-4:] = [found[-4] * size, *steps]
        else:
            found += [size, *steps]
    return found


def _batch_steps(array: StridedArray, batch: tuple[int, ...]) -> list[int]:
    """The steps along the axes of a batch: 0 where an operand is stretched."""
    missing = len(batch) + 2 - array.ndim
    rows = zip(array.shape, array.steps, batch[missing:], strict=False)
    return [0] * missing + [step if size == n else 0 for size, step, n in rows]


def packs_left(a_row: int, a_term: int, blocks: Blocks, item: int) -> bool:
    """Whether copying rows pays, which are read once a panel of columns."""
    if a_term == 1:
        return blocks.columns >= 16 * width() * vector_bytes() // item
    apart = a_row != 1 or crowded(a_term * item, blocks.terms)
    return apart and blocks.often(item)


def packs_right(b_term: int, b_column: int, blocks: Blocks, n: int, item: int) -> bool:
    """Whether copying columns pays, or must be."""
    many = blocks.rows >= 4 * HEIGHT
    return must_pack(b_column, n, item) or (
        many and crowded(b_term * item, blocks.terms)
    )


def must_pack(b_column: int, n: int, item: int) -> bool:
    """Whether columns must be copied: vectors are read without a mask."""
    return b_column != 1 or n % (vector_bytes() // item) > 0


def crowded(step: int, terms: int) -> bool:
    """Whether terms so many bytes apart push each other out of a cache, or are on too
    many pages.

    A cache of 64 sets, 8 lines each, is what most processors have; two lines of a set
    are left to the other operand.
    """
    if step < 512:
        return False
    sets = 64 // math.gcd(step // 64, 64) if step % 64 == 0 else 64
    return terms > 6 * sets or terms * step > 64 * 4096
