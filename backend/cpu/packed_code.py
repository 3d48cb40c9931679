"""The code of products that pack their operands; `packed_products` says how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from .building import Code, Entry, Function, Layout, Value, lanes, vector, vector_bytes
from .convolution_tiles import claim, release

LAYOUT = Layout(
    """a a_row a_term b b_term b_column c c_row m n k rows columns terms heights widths
    pack_a pack_b scratch slot right busy slots rank"""
)
HEIGHT = 6  # rows of results that are computed together
HEIGHTS = (HEIGHT, 4, 2, 1)
PITCH = 8  # from term to term of packed rows
GROUP = 4  # times so many rows are packed together
PANELS = 4  # of columns are packed together: lines of memory that lie side by side
UNROLLED = 4  # terms
PACKS, PACKED = 1, 2  # what is done with the right operand, or was done before


def width() -> int:
    """Vectors of results in a row that are computed together."""
    return 4 if vector_bytes() == 64 else 2


@cache
def product_entry(kind: str) -> Entry:
    """The entry that multiplies matrices of floats or doubles.

    A second one packs a right operand for several products.
    """
    code = Code("product")
    blocks = {count: block(code, kind, count) for count in range(1, width() + 1)}
    left, right = _pack_left(code, kind), _pack_right(code, kind)
    f, words, start, stop = code.entry()
    read = LAYOUT.reader(f, words)
    given = {name: read(name) for name in LAYOUT.names if name not in "abc"}
    bases = [read(name, "ptr") for name in "abc"]
    each, axes = given["heights"] * given["widths"], f.at(words, LAYOUT.end, "i64")
    slot = claim(f, words, LAYOUT, given["slots"])
    memory = f.at(read("scratch", "ptr"), slot * given["slot"], "i8")
    unit = Unit(f, kind, given, (memory, f.at(memory, given["right"], "i8")))
    with f.loop(stop, start) as number:
        a, b, c = of_batch(f, axes, given["rank"], bases, number // each, kind)
        inside = number % each
        row = inside // given["widths"] * given["rows"]
        column = inside % given["widths"] * given["columns"]
        unit.compute(
            (left, right, blocks),
            f.at(a, row * given["a_row"], kind),
            f.at(b, column * given["b_column"], kind),
            f.at(c, row * given["c_row"] + column, kind),
            column,
            (given["m"] - row).minimum(given["rows"]),
            (given["n"] - column).minimum(given["columns"]),
        )
    release(f, words, LAYOUT, slot)
    _pack_ahead(code, kind, right)
    return code.finished()


def _pack_ahead(code: Code, kind: str, pack_right: Function) -> None:
    """The entry that packs all of `b` into `c`, whose rows have whole panels."""
    f, words, start, stop = code.entry()
    read = LAYOUT.reader(f, words)
    n, k, terms, c_row = (read(name) for name in ("n", "k", "terms", "c_row"))
    b_term, b_column = read("b_term"), read("b_column")
    source, target = read("b", "ptr"), read("c", "ptr")
    wide = PANELS * width() * lanes(kind)
    with f.loop(stop, start) as number, f.loop(k, 0, terms) as first:
        column, depth = number * wide, (k - first).minimum(terms)
        f.call(
            pack_right,
            f.at(target, first * c_row + column * depth, kind),
            f.at(source, first * b_term + column * b_column, kind),
            b_term, b_column, (n - column).minimum(wide), depth,
        )  # fmt: skip


def of_batch(
    f: Function,
    axes: Value,
    rank: Value,
    bases: Sequence[Value],
    number: Value,
    kind: str,
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
        f.at(base, step.get(), kind) for base, step in zip(bases, steps, strict=True)
    ]


class Unit:
    """The code that computes a block of the result."""

    def __init__(
        self,
        f: Function,
        kind: str,
        given: Mapping[str, Value],
        memory: tuple[Value, Value],
    ):
        self.f, self.kind, self.given = f, kind, given
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
        f, given, kind = self.f, self.given, self.kind
        pack_left, pack_right, blocks = functions
        step = width() * lanes(kind)
        a_row, a_term = given["a_row"], given["a_term"]
        b_term, b_column = given["b_term"], given["b_column"]
        packed_a, packs_b = given["pack_a"].differs(0), given["pack_b"].equals(PACKS)
        before = given["pack_b"].equals(PACKED)
        # Without a term the results are still to be written.
        with f.loop(given["k"].maximum(1), 0, given["terms"]) as first:
            depth = (given["k"] - first).minimum(given["terms"])
            left, right = f.at(a, first * a_term, kind), f.at(b, first * b_term, kind)
            with f.when(packed_a):
                f.call(pack_left, self.left, left, a_row, a_term, rows, depth)
            shared = (
                packed_a.where(self.left, left),
                packed_a.where(f.number(1), a_row),
                packed_a.where(f.number(PITCH), a_term),
                packed_a.where(depth * PITCH, a_row * HEIGHT),
            )
            with f.loop(columns, 0, step) as column:
                inside, rest = column % (PANELS * step), columns - column
                to_panel = before.where((begin + column) * depth, column * b_column)
                panel, amount = f.at(right, to_panel, kind), rest.minimum(step)
                with f.when(packs_b & inside.equals(0)):
                    f.call(
                        pack_right, self.right, panel, b_term, b_column,
                        rest.minimum(PANELS * step), depth,
                    )  # fmt: skip
                other = packs_b.where(f.at(self.right, inside * depth, kind), panel)
                along = (packs_b | before).where(f.number(step), b_term)
                target = f.at(c, column, kind)
                for count, one in blocks.items():
                    inside = amount > (count - 1) * lanes(kind)
                    if count < width():
                        inside = inside & (amount <= count * lanes(kind))
                    with f.when(inside):
                        f.call(
                            one, *shared, other, along, target, given["c_row"], rows,
                            depth, first, amount,
                        )  # fmt: skip


def block(code: Code, kind: str, vectors: int) -> Function:
    """Rows times a panel of so many vectors, the last of them perhaps in part.

    Arguments: left operand, its steps to a row, a term and the next rows that are
    computed together, right operand, its step to a term, results, their step to a row,
    rows, terms, whether results are added to, columns.
    """
    kinds = ["ptr", "i64", "i64", "i64", "ptr", "i64", "ptr", *["i64"] * 5]
    f = code.helper(f"block_{vectors}", kinds)
    a, a_row, _, a_panel, *_, c, c_row, rows, _, _, left = f.arguments
    lane = lanes(kind)
    last = f.steps("i64", lane) < f.splat(left - (vectors - 1) * lane, lane)
    together = rows // HEIGHT
    with f.loop(together) as panel:
        target = f.at(c, panel * HEIGHT * c_row, kind)
        _tile(f, kind, vectors, HEIGHT, f.at(a, panel * a_panel, kind), target, last)
    begin, end = f.at(a, together * a_panel, kind), together * HEIGHT
    done = f.variable(f.number(0))
    for height in HEIGHTS[1:]:
        with f.when(rows - end - done.get() >= height):
            target = f.at(c, (end + done.get()) * c_row, kind)
            source = f.at(begin, done.get() * a_row, kind)
            _tile(f, kind, vectors, height, source, target, last)
            done.set(done.get() + height)
    return f


def _tile(
    f: Function,
    kind: str,
    vectors: int,
    height: int,
    source: Value,
    target: Value,
    last: Value,
) -> None:
    """Results of some rows, kept in registers while the sum over the terms runs."""
    _, a_row, a_term, _, b, b_term, _, c_row, _, depth, more, left = f.arguments
    lane = lanes(kind)
    wide = vector(kind, lane)
    bases = [f.at(source, a_row * r, kind) for r in range(height)]
    sums = [f.variable(f.number(0.0, wide)) for _ in range(height * vectors)]
    for r in range(height):
        f.claim_line(f.at(target, c_row * r, kind))

    def add(k: Value) -> None:
        row, offset = f.at(b, k * b_term, kind), k * a_term
        parts = [f.load(row, v * lane, kind, wide) for v in range(vectors)]
        for r in range(height):
            factor = f.splat(f.load(bases[r], offset, kind), lane)
            for v in range(vectors):
                one = sums[r * vectors + v]
                one.set(f.fma(factor, parts[v], one.get()))

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
    for whole in (True, False):
        with f.when(full if whole else ~full):
            for n, one in enumerate(sums):
                r, v = divmod(n, vectors)
                if whole or v < vectors - 1:
                    f.store(one.get(), places[r][v], 0, kind)
                else:
                    f.masked_store(one.get(), places[r][v], last)


def _pack_left(code: Code, kind: str) -> Function:
    """Few rows at a time, those of a term side by side.

    Arguments: target, source, its steps to a row and a term, rows, terms.
    """
    f = code.helper("pack_left", ["ptr", "ptr", *["i64"] * 4])
    a_row, rows = f.arguments[2], f.arguments[4]
    with f.when(a_row.equals(1)), f.loop(rows, 0, GROUP * HEIGHT) as row:
        _pack_group(f, kind, row)
    with f.when(a_row.differs(1)), f.loop(rows, 0, HEIGHT) as row:
        _pack_rows(f, kind, row)
    return f


def _pack_group(f: Function, kind: str, first: Value) -> None:
    """Rows side by side in memory: a line of them is read once."""
    target, source, _, a_term, rows, depth = f.arguments
    wide, places = vector(kind, PITCH), f.steps("i64", PITCH)
    starts = [first + n * HEIGHT for n in range(GROUP)]
    masks = [
        places < f.splat((rows - start).minimum(HEIGHT), PITCH) for start in starts
    ]
    to = f.at(target, first // HEIGHT * PITCH * depth, kind)
    with f.loop(depth) as k:
        at = f.at(source, first + k * a_term, kind)
        for n, mask in enumerate(masks):
            some = f.masked_load(f.at(at, n * HEIGHT, kind), mask, wide)
            f.store(some, to, (depth * n + k) * PITCH, kind)


def _pack_rows(f: Function, kind: str, first: Value) -> None:
    """Rows apart: squares of them turned, what is left one by one."""
    target, source, a_row, a_term, rows, depth = f.arguments
    wide = vector(kind, PITCH)
    to = f.at(target, first // HEIGHT * PITCH * depth, kind)
    bases = [
        f.at(source, (first + r).minimum(rows - 1) * a_row, kind) for r in range(HEIGHT)
    ]
    whole = a_term.equals(1).where(depth // PITCH * PITCH, 0)
    with f.loop(whole, 0, PITCH) as k:
        some = [f.load(base, k, kind, wide) for base in bases]
        more = [some[-1]] * (PITCH - HEIGHT)
        for n, column in enumerate(turned(f, [*some, *more])):
            f.store(column, to, (k + n) * PITCH, kind)
    with f.loop(depth, whole) as k:
        for r, base in enumerate(bases):
            f.store(f.load(base, k * a_term, kind), to, k * PITCH + r, kind)


def _pack_right(code: Code, kind: str) -> Function:
    """Panels of as many columns as are computed together, term after term.

    Arguments: target, source, its steps to a term and a column, columns, terms. What
    stands beside the last column is of no account.
    """
    f = code.helper("pack_right", ["ptr", "ptr", *["i64"] * 4])
    target, _, _, b_column, columns, depth = f.arguments
    lane = lanes(kind)
    step = width() * lane
    plain = b_column.equals(1)
    several = plain & columns.equals(PANELS * step)
    with f.when(several):
        _pack_panels(f, kind, f.number(0), PANELS, False)
    with f.when(plain & ~several), f.loop(columns, 0, step) as first:
        whole = columns - first >= step
        with f.when(whole):
            _pack_panels(f, kind, first, 1, False)
        with f.when(~whole):
            _pack_panels(f, kind, first, 1, True)
    with f.when(~plain), f.loop(columns, 0, lane) as column:
        to = f.at(target, column // step * step * depth + column % step, kind)
        _pack_columns(f, kind, to, column)
    return f


def _pack_panels(
    f: Function, kind: str, first: Value, panels: int, masked: bool
) -> None:
    """Panels from a column on, as they lie side by side; of a masked one a part."""
    target, source, b_term, _, columns, depth = f.arguments
    lane = lanes(kind)
    step, wide = width() * lane, vector(kind, lane)
    masks = [
        f.steps("i64", lane) < f.splat(columns - first - v * lane, lane)
        for v in range(width())
    ]
    to = f.at(target, first * depth, kind)
    with f.loop(depth) as k:
        row = f.at(source, k * b_term + first, kind)
        for panel in range(panels):
            for v, mask in enumerate(masks):
                at = f.at(row, panel * step + v * lane, kind)
                some = (
                    f.masked_load(at, mask, wide)
                    if masked
                    else f.load(at, 0, kind, wide)
                )
                f.store(some, to, (depth * panel + k) * step + v * lane, kind)


def _pack_columns(f: Function, kind: str, to: Value, first: Value) -> None:
    """A vector of columns: squares of them turned, what is left one by one."""
    _, source, b_term, b_column, columns, depth = f.arguments
    lane = lanes(kind)
    step, wide = width() * lane, vector(kind, lane)
    bases = [
        f.at(source, (first + c).minimum(columns - 1) * b_column, kind)
        for c in range(lane)
    ]
    whole = b_term.equals(1).where(depth // lane * lane, 0)
    with f.loop(whole, 0, lane) as k:
        rows = turned(f, [f.load(base, k, kind, wide) for base in bases])
        for n, row in enumerate(rows):
            f.store(row, to, (k + n) * step, kind)
    with f.loop(depth, whole) as k:
        for n, base in enumerate(bases):
            f.store(f.load(base, k * b_term, kind), to, k * step + n, kind)


def turned(f: Function, rows: list[Value]) -> list[Value]:
    """The columns of a square of vectors."""
    count = len(rows)
    reach = 1
    while reach < count:
        low = [n + (count - reach if n & reach else 0) for n in range(count)]
        high = [place + reach for place in low]
        found = list(rows)
        for n in range(count):
            if not n & reach:
                found[n] = f.shuffle(rows[n], rows[n + reach], low)
                found[n + reach] = f.shuffle(rows[n], rows[n + reach], high)
        rows = found
        reach *= 2
    return rows
