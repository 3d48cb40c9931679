"""The call of a loop: the words of its stripes, what moves in them, what is packed.

A stripe is some rows of a loop, or all of it, with a table of commands of its own. Its
words are bound to placeholders for what moves from turn to turn, or lies elsewhere in
another stripe.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

from ..pipeline.plan import rounded
from ..strided_arrays import (
    OWN,
    StridedArray,
    placeholder_address,
    placeholder_at,
    within,
)
from . import gemm
from .call import Call, Stretch
from .command_table import ROW, moved, moved_faults, side_by_side
from .pool import COMMAND, pool

Moving = dict[int, tuple[int, int, int]]  # by the numbers of placeholders
ALONG, BY_TURNS = 0, 1  # how an address follows from the number of a turn
FIXED = 2  # it does not
PATCH = 4  # words: the place, then what `runtime.ll` reads
HEAD = 8  # words that say what a stripe is
FLAG = 6  # among them


class Stripe(NamedTuple):
    """What runs once, what each turn runs, and what placeholders stand for."""

    first: list[Call]
    calls: list[Call]
    moving: Moving


class Packing:
    """What all turns multiply by, packed before them from an address on.

    `spans` are the addresses between which nothing changes. Stripes share what is
    packed: their products differ in rows alone.
    """

    def __init__(self, end: int, spans: Sequence[tuple[int, int]]):
        self.end, self.spans = end, spans
        self.calls = list[Call]()
        self._known = dict[int, tuple[Call, gemm.PackedAhead]]()  # by place in a turn

    def read_by(self, calls: Sequence[Call]) -> list[Call]:
        """The calls of a turn, which read what is packed where they can."""
        return [self._one(place, call) for place, call in enumerate(calls)]

    def _one(self, place: int, call: Call) -> Call:
        before = self._known.get(place)
        memory = self.end
        if before is not None and gemm.multiply_by_the_same(before[0], call):
            memory = before[1].memory
        found = gemm.packed_ahead(call, self._is_fixed, memory)
        if found is None:
            return call
        if before is None:
            self._known[place] = call, found
        if memory is self.end:
            self.calls.append(found.packing)
            self.end = self.end + rounded(found.bytes)
        return found.product

    def _is_fixed(self, address: int) -> bool:
        return any(low <= address < high for low, high in self.spans)


def pairs_of(
    targets: Sequence[StridedArray], rest: int, carried: Sequence[int], turns: int
) -> list[tuple[StridedArray, StridedArray]]:
    """The two places of each carried value, in the order of turns.

    The last turn leaves the value in the target: that is the second place where the
    number of turns is odd. Which one that is changes no question, so recordings hold
    for both; but if the target moves itself, in a loop around this one, which words
    move depends on it.
    """
    pairs = list[tuple[StridedArray, StridedArray]]()
    odd = turns % 2
    for target, size in zip(targets, carried, strict=False):
        if placeholder_at(target.address) < OWN:
            odd = operator.index(odd)
        far = (rest - target.address) * odd
        pairs.append((target.at(target.address + far), target.at(rest - far)))
        rest += size
    return pairs


def loop_call(turns: int, stripes: Sequence[Stripe]) -> Call:
    """The call of a loop: what each stripe is, then its words."""
    words: list[int] = [0] * (HEAD * len(stripes))
    inner = list[Stretch]()
    for n, stripe in enumerate(stripes):
        head, more, faults = _laid(turns, stripe, len(words), len(stripes) > 1)
        words[HEAD * n : HEAD * (n + 1)] = head
        words += more
        inner += faults
    return Call(pool().loop_entry, words, len(stripes), 1, FLAG, _inside, inner)


def _laid(
    turns: int, stripe: Stripe, start: int, alone: bool
) -> tuple[list[int], list[int], list[Stretch]]:
    """What a stripe is, its words, which begin at some place, and what tells of faults.

    The words are what moves, the table, and the arguments of all commands. Where others
    are beside it, one thread runs it `alone`.
    """
    moving = stripe.moving
    words, rows, faults = side_by_side([*stripe.first, *stripe.calls])
    found = [(at, placeholder_at(word)) for at, word in enumerate(words)]
    found = [(at, one) for at, one in found if one in moving]
    places = sum(moving[one][2] != FIXED for _, one in found)
    commands = len(rows) // ROW
    table_at = start + PATCH * places
    words_at = table_at + COMMAND * commands
    patches: list[int] = []
    moved_on = moved(words, words_at)
    for at, one in found:
        base, more, kind = moving[one]
        offset = words[at] - placeholder_address(one)
        moved_on[at] = base + offset if kind == FIXED else 0
        if kind != FIXED:
            more = more + offset if kind == BY_TURNS else more
            patches += within(8 * (words_at + at)), base + offset, more, kind
    table: list[int] = []
    for row in range(commands):
        entry, begin, total, grain, flag = rows[ROW * row : ROW * (row + 1)]
        flag = within(8 * (words_at + flag)) if flag >= 0 else 0
        grain = total if alone else grain
        table += entry, within(8 * (words_at + begin)), total, grain, flag
        table += [0] * (COMMAND - ROW)
    head = [pool().address, turns, within(8 * start), places,
            within(8 * table_at), commands, 0, len(stripe.first)]  # fmt: skip
    return head, [*patches, *table, *moved_on], moved_faults(faults, words_at)


def _inside(words: Sequence[int]) -> None:
    """Nothing to tell: a command of the loop's own table does."""
