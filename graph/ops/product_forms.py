"""Which product of matrices a sum of products of two tensors is.

Letters name axes, as in `einsum`. Either tensor may come first, and axes that stand
before the matrices in one of them may be a batch to the other: `btnd,nm->btmd` is
`w.T @ x`, in which nothing is turned, and not `turn(x) @ w`, turned back.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from ..dim import Dim

UNKNOWN = 64  # what a size that is not known counts as
COLUMNS = 16  # that products compute at once


class Form(NamedTuple):
    """A product `first[outer, rows, summed] @ second[outer, summed, columns]`."""

    flipped: bool  # whether the first matrix is the right operand
    outer: str
    rows: str
    summed: str
    columns: str

    @property
    def result(self) -> str:
        return self.outer + self.rows + self.columns


def form_of(
    left: str, right: str, wanted: str, ordered: bool, sizes: Mapping[str, Dim]
) -> Form:
    """The form in which the fewest elements are copied to another order.

    All letters of either alone are wanted; `ordered` says that the result is to have
    the order of `wanted`.
    """
    known = tuple((c, sizes[c].value) for c in dict.fromkeys(left + right))
    kept = "".join(c for c in wanted if c in left or c in right)
    return _best(
        left, right, kept if ordered else "".join(sorted(kept)), ordered, known
    )


@lru_cache(maxsize=1024)
def _best(
    left: str,
    right: str,
    wanted: str,
    ordered: bool,
    known: tuple[tuple[str, int | None], ...],
) -> Form:
    sizes = {c: UNKNOWN if size is None else size for c, size in known}
    goal = wanted if ordered else None
    return min(
        _forms(left, right, wanted, goal, sizes),
        key=lambda form: _turned(form, left, right, goal, sizes),
    )


def _forms(
    left: str, right: str, wanted: str, goal: str | None, sizes: Mapping[str, int]
) -> Iterator[Form]:
    """All that may be the best; of equal ones the first is."""
    shared = [c for c in left if c in right]
    batch = "".join(c for c in shared if c in wanted)
    summed = "".join(c for c in shared if c not in wanted)
    sums = dict.fromkeys((summed, _ordered(summed, right)))
    orders = [left + right] if goal is None else [left + right, goal]
    outers = dict.fromkeys(_ordered(batch, order) for order in orders)
    for flipped in (False, True):
        one, two = (right, left) if flipped else (left, right)
        for order in orders:
            rows = _ordered(set(one) - set(two), order)
            columns = _ordered(set(two) - set(one), order)
            for terms in sums:
                for outer in outers:
                    yield Form(flipped, outer, rows, terms, columns)
                if goal is None:
                    continue
                for cut, rest in _cuts(two, columns, sizes):
                    outer = _ordered(batch + cut, goal)
                    form = Form(flipped, outer, rows, terms, rest)
                    if _long(form.result, sizes) == _long(goal, sizes):
                        yield form


def _cuts(
    letters: str, columns: str, sizes: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """The first columns, and the others if these lie last and products are full.

    The first rows need no such cut: rows of many products with one matrix are those of
    one product.
    """
    for count in range(1, len(columns)):
        rest = columns[count:]
        width = math.prod(sizes[c] for c in rest)
        if letters.endswith(rest) and -width % COLUMNS * 8 <= width:
            yield columns[:count], rest


def _ordered(letters: Collection[str], order: str) -> str:
    return "".join(c for c in dict.fromkeys(order) if c in letters)


def _turned(
    form: Form, left: str, right: str, goal: str | None, sizes: Mapping[str, int]
) -> int:
    """How many elements are copied to another order."""
    one, two = (right, left) if form.flipped else (left, right)
    found = 0
    if not _lies(one, (form.rows, form.summed), sizes):
        found += math.prod(sizes[c] for c in one)
    if not _lies(two, (form.summed, form.columns), sizes):
        found += math.prod(sizes[c] for c in two)
    if goal is not None and _long(form.result, sizes) != _long(goal, sizes):
        found += math.prod(sizes[c] for c in goal)
    return found


def _lies(letters: str, groups: tuple[str, str], sizes: Mapping[str, int]) -> bool:
    """Whether groups of axes lie together, one of them last: as products read them."""
    letters = _long(letters, sizes)
    parts = [_long(group, sizes) for group in groups]
    if not all(part in letters for part in parts):
        return False
    return not any(parts) or any(part and letters.endswith(part) for part in parts)


def _long(letters: str, sizes: Mapping[str, int]) -> str:
    return "".join(c for c in letters if sizes[c] != 1)
