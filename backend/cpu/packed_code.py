"""The code of products that pack their operands; `packed_products` says how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from .building import Code, Entry, Function, Layout, Value, lanes, vector
from .convolution_tiles import claim, release
from .packed_numbers import Numbers
from .packing_code import HEIGHT, PANELS, PITCH, pack_left, pack_right, width

LAYOUT = Layout(
    """a a_row a_term b b_term b_column c c_row m n k rows columns terms heights widths
    pack_a pack_b scratch slot right busy slots rank"""
)
HEIGHTS = (HEIGHT, 4, 2, 1)
UNROLLED = 4  # terms
PACKS, PACKED = 1, 2  # what is done with the right operand, or was done before


@cache
def product_entry(numbers: Numbers) -> Entry:
    """The entry that multiplies matrices of some numbers.

    A second one packs a right operand for several products.
    """
    code = Code("product")
    stored, sums = numbers.stored, numbers.sums
    blocks = {count: block(code, numbers, count) for count in range(1, width() + 1)}
    left, right = pack_left(code, numbers), pack_right(code, numbers)
    f, words, start, stop = code.entry()
    read = LAYOUT.reader(f, words)
    given = {name: read(name) for name in LAYOUT.names if name not in "abc"}
    bases = [read(name, "ptr") for name in "abc"]
    each, axes = given["heights"] * given["widths"], f.at(words, LAYOUT.end, "i64")
    slot = claim(f, words, LAYOUT, given["slots"])
    memory = f.at(read("scratch", "ptr"), slot * given["slot"], "i8")
    unit = Unit(f, numbers, given, (memory, f.at(memory, given["right"], "i8")))
    with f.loop(stop, start) as number:
        kinds = stored, stored, sums
        a, b, c = of_batch(f, axes, given["rank"], bases, number // each, kinds)
        inside = number % each
        row = inside // given["widths"] * given["rows"]
        column = inside % given["widths"] * given["columns"]
        unit.compute(
            (left, right, blocks),
            f.at(a, row * given["a_row"], stored),
            f.at(b, column * given["b_column"], stored),
            f.at(c, row * given["c_row"] + column, sums),
            column,
            (given["m"] - row).minimum(given["rows"]),
            (given["n"] - column).minimum(given["columns"]),
        )
    release(f, words, LAYOUT, slot)
    _pack_ahead(code, numbers, right)
    return code.finished()


def _pack_ahead(code: Code, numbers: Numbers, packs: Function) -> None:
    """The entry that packs all of `b` into `c`, whose rows have whole panels."""
    f, words, start, stop = code.entry()
    read = LAYOUT.reader(f, words)
    n, k, terms, c_row = (read(name) for name in ("n", "k", "terms", "c_row"))
    b_term, b_column = read("b_term"), read("b_column")
    source, target = read("b", "ptr"), read("c", "ptr")
    wide = PANELS * width() * lanes(numbers.packed)
    with f.loop(stop, start) as number, f.loop(k, 0, terms) as first:
        column, depth = number * wide, (k - first).minimum(terms)
        place = numbers.depth(first) * c_row + column * numbers.depth(depth)
        f.call(
            packs,
            f.at(target, place, numbers.packed),
            f.at(source, first * b_term + column * b_column, numbers.stored),
            b_term, b_column, (n - column).minimum(wide), depth,
        )  # fmt: skip


def of_batch(
    f: Function,
    axes: Value,
    rank: Value,
    bases: Sequence[Value],
    number: Value,
    kinds: Sequence[str],
) -> list[Value]:
    """Where the arrays of one product of a batch begin, by its number.

    Of each axis there is its size, and the step along it in each of the arrays.
    """
    rest = f.variable(number)
    steps = [f.variable(f.number(0)) for _ in bases]
    with f.loop(rank) as place:
        axis = f.at(axes, (rank - 1 - place) * (1 + len(bases)), "i64")
        size = f.load(axis, 0, "i64")
        index = rest.get() % size
        rest.set(rest.get() // size)
        for offset, step in enumerate(steps, 1):
            step.set(step.get() + index * f.load(axis, offset, "i64"))
    return [
        f.at(base, step.get(), kind)
        for base, step, kind in zip(bases, steps, kinds, strict=True)
    ]


class Unit:
    """The code that computes a block of the result."""

    def __init__(
        self,
        f: Function,
        numbers: Numbers,
        given: Mapping[str, Value],
        memory: tuple[Value, Value],
    ):
        self.f, self.numbers, self.given = f, numbers, given
        self.left, self.right = memory

    def compute(
        self,
        functions: tuple[Function, Function, Mapping[int, Function]],
        a: Value,
        b: Value,
        c: Value,
        begin: Value,
        rows: Value,
        columns: Value,
    ) -> None:
        """All terms of a block of so many rows and columns, from its first elements;
        `begin` is the number of its first column."""
        f, given, numbers = self.f, self.given, self.numbers
        stored, packed, sums = numbers.stored, numbers.packed, numbers.sums
        packs_left, packs_right, blocks = functions
        lane = lanes(sums)
        step = width() * lane
        a_row, a_term = given["a_row"], given["a_term"]
        b_term, b_column = given["b_term"], given["b_column"]
        packed_a, packs_b = given["pack_a"].differs(0), given["pack_b"].equals(PACKS)
        before = given["pack_b"].equals(PACKED)
        # Without a term the results are still to be written.
        with f.loop(given["k"].maximum(1), 0, given["terms"]) as first:
            terms = (given["k"] - first).minimum(given["terms"])
            depth, down = numbers.depth(terms), numbers.depth(a_row)
            left = f.at(a, first * a_term, stored)
            right = f.at(b, first * b_term, stored)
            ahead = f.at(b, numbers.depth(first) * b_term, packed)
            with f.when(packed_a):
                f.call(packs_left, self.left, left, a_row, a_term, rows, terms)
            shared = (
                packed_a.where(self.left, left),
                packed_a.where(f.number(1), down),
                packed_a.where(f.number(PITCH), a_term),
                packed_a.where(depth * PITCH, down * HEIGHT),
            )
            with f.loop(columns, 0, step) as column:
                inside, rest = column % (PANELS * step), columns - column
                panel = before.where(
                    f.at(ahead, (begin + column) * depth, packed),
                    f.at(right, column * b_column, stored),
                )
                amount = rest.minimum(step)
                with f.when(packs_b & inside.equals(0)):
                    f.call(
                        packs_right, self.right, panel, b_term, b_column,
                        rest.minimum(PANELS * step), terms,
                    )  # fmt: skip
                other = packs_b.where(f.at(self.right, inside * depth, packed), panel)
                along = (packs_b | before).where(f.number(step), b_term)
                target = f.at(c, column, sums)
                for count, one in blocks.items():
                    inside = amount > (count - 1) * lane
                    if count < width():
                        inside = inside & (amount <= count * lane)
                    with f.when(inside):
                        f.call(
                            one, *shared, other, along, target, given["c_row"], rows,
                            depth, first, amount,
                        )  # fmt: skip


def block(code: Code, numbers: Numbers, vectors: int) -> Function:
    """Rows times a panel of so many vectors, the last of them perhaps in part.

    Arguments: left operand, its steps to a row, a term and the next rows that are
    computed together, right operand, its step to a term, results, their step to a row,
    rows, terms, whether results are added to, columns.
    """
    kinds = ["ptr", "i64", "i64", "i64", "ptr", "i64", "ptr", *["i64"] * 5]
    f = code.helper(f"block_{vectors}", kinds)
    a, a_row, _, a_panel, *_, c, c_row, rows, _, _, left = f.arguments
    kind, lane = numbers.sums, lanes(numbers.sums)
    last = f.steps("i64", lane) < f.splat(left - (vectors - 1) * lane, lane)
    together = rows // HEIGHT
    with f.loop(together) as panel:
        target = f.at(c, panel * HEIGHT * c_row, kind)
        source = f.at(a, panel * a_panel, numbers.packed)
        _tile(f, numbers, vectors, HEIGHT, source, target, last)
    begin, end = f.at(a, together * a_panel, numbers.packed), together * HEIGHT
    done = f.variable(f.number(0))
    for height in HEIGHTS[1:]:
        with f.when(rows - end - done.get() >= height):
            target = f.at(c, (end + done.get()) * c_row, kind)
            source = f.at(begin, done.get() * a_row, numbers.packed)
            _tile(f, numbers, vectors, height, source, target, last)
            done.set(done.get() + height)
    return f


def _tile(
    f: Function,
    numbers: Numbers,
    vectors: int,
    height: int,
    source: Value,
    target: Value,
    last: Value,
) -> None:
    """Results of some rows, kept in registers while the sum over the terms runs."""
    _, a_row, a_term, _, b, b_term, _, c_row, _, depth, more, left = f.arguments
    kind, packed = numbers.sums, numbers.packed
    lane = lanes(kind)
    wide, whole = vector(kind, lane), vector(packed, lane)
    bases = [f.at(source, a_row * r, packed) for r in range(height)]
    sums = [f.variable(f.number(0.0, wide)) for _ in range(height * vectors)]
    for r in range(height):
        f.claim_line(f.at(target, c_row * r, kind))

    def add(k: Value) -> None:
        row, offset = f.at(b, k * b_term, packed), k * a_term
        parts = [f.load(row, v * lane, packed, whole) for v in range(vectors)]
        for r in range(height):
            factor = numbers.factor(f, bases[r], offset, lane)
            for v in range(vectors):
                one = sums[r * vectors + v]
                one.set(numbers.added(f, factor, parts[v], one.get()))

    even = f.number(0)
    if (height, vectors) == (HEIGHT, width()):
        even = depth // UNROLLED * UNROLLED
        with f.loop(even, 0, UNROLLED) as k:
            for n in range(UNROLLED):
                add(k + n)
    with f.loop(depth, even) as k:
        add(k)
    places = [
        [f.at(target, c_row * r + v * lane, kind) for v in range(vectors)]
        for r in range(height)
    ]
    with f.when(more.differs(0)):
        for n, one in enumerate(sums):
            r, v = divmod(n, vectors)
            if v < vectors - 1:
                before = f.load(places[r][v], 0, kind, wide)
            else:
                before = f.masked_load(places[r][v], last, wide)
            one.set(one.get() + before)
    full = left >= vectors * lane
    for complete in (True, False):
        with f.when(full if complete else ~full):
            for n, one in enumerate(sums):
                r, v = divmod(n, vectors)
                if complete or v < vectors - 1:
                    f.store(one.get(), places[r][v], 0, kind)
                else:
                    f.masked_store(one.get(), places[r][v], last)
