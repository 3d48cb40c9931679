"""The code that packs operands of products; `packed_products` says when."""

from __future__ import annotations

from .building import Code, Function, Value, lanes, vector_bytes
from .packed_numbers import Numbers

HEIGHT = 6  # rows of results that are computed together
PITCH = 8  # from term to term of packed rows
GROUP = 4  # times so many rows are packed together
PANELS = 4  # of columns are packed together: lines of memory that lie side by side


def width() -> int:
    """Vectors of results in a row that are computed together."""
    return 4 if vector_bytes() == 64 else 2


def pack_left(code: Code, numbers: Numbers) -> Function:
    """Few rows at a time, those of a term side by side.

    Arguments: target, source, its steps to a row and a term, rows, terms.
    """
    f = code.helper("pack_left", ["ptr", "ptr", *["i64"] * 4])
    a_row, rows = f.arguments[2], f.arguments[4]
    with f.when(a_row.equals(1)), f.loop(rows, 0, GROUP * HEIGHT) as row:
        _pack_group(f, numbers, row)
    with f.when(a_row.differs(1)), f.loop(rows, 0, HEIGHT) as row:
        _pack_rows(f, numbers, row)
    return f


def _pack_group(f: Function, numbers: Numbers, first: Value) -> None:
    """Rows side by side in memory: a line of them is read once."""
    target, source, _, a_term, rows, depth = f.arguments
    stored, packed, deep = numbers.stored, numbers.packed, numbers.depth(depth)
    places = f.steps("i64", PITCH)
    starts = [first + n * HEIGHT for n in range(GROUP)]
    masks = [
        places < f.splat((rows - start).minimum(HEIGHT), PITCH) for start in starts
    ]
    to = f.at(target, first // HEIGHT * PITCH * deep, packed)
    for k, term, whole in numbers.terms(f, depth):
        at = f.at(source, first + term * a_term, stored)
        for n, mask in enumerate(masks):
            place = f.at(at, n * HEIGHT, stored)
            some = numbers.beside(f, place, a_term, PITCH, whole, mask)
            f.store(some, to, (deep * n + k) * PITCH, packed)


def _pack_rows(f: Function, numbers: Numbers, first: Value) -> None:
    """Rows apart: squares of them turned, what is left one by one."""
    target, source, a_row, a_term, rows, depth = f.arguments
    stored, packed, deep = numbers.stored, numbers.packed, numbers.depth(depth)
    to = f.at(target, first // HEIGHT * PITCH * deep, packed)
    bases = [
        f.at(source, (first + r).minimum(rows - 1) * a_row, stored)
        for r in range(HEIGHT)
    ]
    squares = a_term.equals(1).where(depth // (PITCH * numbers.together) * PITCH, 0)
    with f.loop(squares, 0, PITCH) as k:
        some = [numbers.along(f, base, k, PITCH) for base in bases]
        more = [some[-1]] * (PITCH - HEIGHT)
        for n, column in enumerate(turned(f, [*some, *more])):
            f.store(column, to, (k + n) * PITCH, packed)
    for k, term, whole in numbers.terms(f, depth, squares):
        for r, base in enumerate(bases):
            one = numbers.beside(f, f.at(base, term * a_term, stored), a_term, 0, whole)
            f.store(one, to, k * PITCH + r, packed)


def pack_right(code: Code, numbers: Numbers) -> Function:
    """Panels of as many columns as are computed together, term after term.

    Arguments: target, source, its steps to a term and a column, columns, terms. What
    stands beside the last column is of no account.
    """
    f = code.helper("pack_right", ["ptr", "ptr", *["i64"] * 4])
    target, _, _, b_column, columns, depth = f.arguments
    lane, deep = lanes(numbers.packed), numbers.depth(depth)
    step = width() * lane
    plain = b_column.equals(1)
    several = plain & columns.equals(PANELS * step)
    with f.when(several):
        _pack_panels(f, numbers, f.number(0), PANELS, False)
    with f.when(plain & ~several), f.loop(columns, 0, step) as first:
        whole = columns - first >= step
        with f.when(whole):
            _pack_panels(f, numbers, first, 1, False)
        with f.when(~whole):
            _pack_panels(f, numbers, first, 1, True)
    with f.when(~plain), f.loop(columns, 0, lane) as column:
        place = column // step * step * deep + column % step
        to = f.at(target, place, numbers.packed)
        _pack_columns(f, numbers, to, column)
    return f


def _pack_panels(
    f: Function, numbers: Numbers, first: Value, panels: int, masked: bool
) -> None:
    """Panels from a column on, as they lie side by side; of a masked one a part."""
    target, source, b_term, _, columns, depth = f.arguments
    stored, packed, deep = numbers.stored, numbers.packed, numbers.depth(depth)
    lane = lanes(packed)
    step = width() * lane
    masks = [
        f.steps("i64", lane) < f.splat(columns - first - v * lane, lane)
        for v in range(width())
    ]
    to = f.at(target, first * deep, packed)
    for k, term, whole in numbers.terms(f, depth):
        row = f.at(source, term * b_term + first, stored)
        for panel in range(panels):
            for v, mask in enumerate(masks):
                at = f.at(row, panel * step + v * lane, stored)
                chosen = mask if masked else None
                some = numbers.beside(f, at, b_term, lane, whole, chosen)
                f.store(some, to, (deep * panel + k) * step + v * lane, packed)


def _pack_columns(f: Function, numbers: Numbers, to: Value, first: Value) -> None:
    """A vector of columns: squares of them turned, what is left one by one."""
    _, source, b_term, b_column, columns, depth = f.arguments
    stored, packed = numbers.stored, numbers.packed
    lane = lanes(packed)
    step = width() * lane
    bases = [
        f.at(source, (first + c).minimum(columns - 1) * b_column, stored)
        for c in range(lane)
    ]
    squares = b_term.equals(1).where(depth // (lane * numbers.together) * lane, 0)
    with f.loop(squares, 0, lane) as k:
        rows = turned(f, [numbers.along(f, base, k, lane) for base in bases])
        for n, row in enumerate(rows):
            f.store(row, to, (k + n) * step, packed)
    for k, term, whole in numbers.terms(f, depth, squares):
        for n, base in enumerate(bases):
            one = numbers.beside(f, f.at(base, term * b_term, stored), b_term, 0, whole)
            f.store(one, to, k * step + n, packed)


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
