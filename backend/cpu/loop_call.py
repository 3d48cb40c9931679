"""The call of a loop: the words of its stripes, what moves in them, what is packed.

A stripe is some rows of a loop, or all of it, with a table of commands of its own. Its
words are bound to placeholders for what moves from turn to turn, or lies elsewhere in
another stripe. All stripes but the last are alike: words are there for the first of
them, and how they follow for the others, which each run writes into their own memory.
"""

from __future__ import annotations

import ctypes
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
from .call import Call, Stretch, Tell
from .command_table import ROW, moved_faults, side_by_side
from .pool import COMMAND, pool

ALONG, BY_TURNS = 0, 1  # how an address follows from the number of a turn
FIXED = 2  # it does not
PATCH = 4  # words: the place, then what `runtime.ll` reads
HEAD = 8  # words that say what a stripe is, and as many before them of the others
FLAG = HEAD + 6  # that of the last stripe


class Move(NamedTuple):
    """What a placeholder stands for in the first of some stripes.

    There are the numbers that `runtime.ll` reads, and what is added to both of them
    from one stripe to the next.
    """

    base: int
    more: int
    kind: int
    base_step: int = 0
    more_step: int = 0


class Stripe(NamedTuple):
    """What runs once, what each turn runs, and what placeholders stand for."""

    first: list[Call]
    calls: list[Call]
    moving: dict[int, Move]  # by the numbers of placeholders


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


def loop_call(
    turns: int, last: Stripe, others: int = 0, like: Stripe | None = None, room: int = 0
) -> tuple[Call, int]:
    """The call of a loop, and the memory that it needs: from `room` on.

    Before the last stripe come so many others, of which the first is given.
    """
    written = _Written(turns, last, within(8 * HEAD), like is not None)
    faults = moved_faults(written.faults, HEAD)
    if like is None:
        words = [0] * HEAD + written.words
        return _call(words, 1, _inside, faults), 0
    copied = _Written(turns, like, room, True)
    start = HEAD + len(written.words)
    steps_at = start + len(copied.words)
    words = [others, within(8 * start), len(copied.words), room, copied.bytes,
             within(8 * steps_at), len(copied.steps), 0]  # fmt: skip
    words += written.words + copied.words
    for pair in copied.steps:
        words += pair
    told = _telling(copied.faults) if copied.faults else _inside
    return _call(words, others + 1, told, faults), others * copied.bytes


def _call(words: list[int], total: int, told: Tell, faults: list[Stretch]) -> Call:
    return Call(pool().loop_entry, words, total, 1, FLAG, told, faults)


class _Written:
    """The words of a stripe, which begin at some address.

    They are what it is, what moves, the table, and the arguments of all commands.
    `faults` are stretches that tell of data at fault, `steps` words by their places
    with what is added to them from one stripe to the next. One thread runs a stripe
    that is `alone` among others.
    """

    def __init__(self, turns: int, stripe: Stripe, begin: int, alone: bool):
        words, rows, faults = side_by_side([*stripe.first, *stripe.calls])
        found = [(at, placeholder_at(word)) for at, word in enumerate(words)]
        moves = [(at, one, stripe.moving[one]) for at, one in found
                 if one in stripe.moving]  # fmt: skip
        places = sum(move.kind != FIXED for _, _, move in moves)
        commands = len(rows) // ROW
        table_at = HEAD + PATCH * places
        start = table_at + COMMAND * commands
        self.begin, self.bytes = begin, rounded(8 * (start + len(words)))
        self.faults = moved_faults(faults, start)
        self.words, self.steps = list[int](), list[tuple[int, int]]()
        self._add(pool().address, turns)
        self._inside(HEAD)
        self._add(places)
        self._inside(table_at)
        self._add(commands, 0, len(stripe.first))
        offsets = [words[at] - placeholder_address(one) for at, one, _ in moves]
        for (at, _, move), offset in zip(moves, offsets, strict=True):
            if move.kind != FIXED:
                self._patch(start + at, move, offset)
        for row in range(commands):
            self._command(rows[ROW * row : ROW * (row + 1)], start, alone)
        self._arguments(words)
        for (at, _, move), offset in zip(moves, offsets, strict=True):
            fixed = move.kind == FIXED
            self.words[start + at] = move.base + offset if fixed else 0
            if fixed:
                self._step(start + at, move.base_step)

    def _add(self, *words: int) -> None:
        self.words += words

    def _inside(self, word: int) -> None:
        """The address of one of the words."""
        self._step(len(self.words), self.bytes)
        self.words.append(self.begin + 8 * word)

    def _step(self, place: int, step: int) -> None:
        if step.__class__ is not int or step:
            self.steps.append((place, step))

    def _patch(self, slot: int, move: Move, offset: int) -> None:
        """What moves the word of a slot from turn to turn."""
        self._inside(slot)
        self._step(len(self.words), move.base_step)
        self._step(len(self.words) + 1, move.more_step)
        more = move.more + offset if move.kind == BY_TURNS else move.more
        self._add(move.base + offset, more, move.kind)

    def _command(self, row: Sequence[int], start: int, alone: bool) -> None:
        """A command whose arguments are among the words from a place on."""
        entry, begin, total, grain, flag = row
        self._add(entry)
        self._inside(start + begin)
        self._add(total, total if alone else grain)
        if flag < 0:
            self._add(0)
        else:
            self._inside(start + flag)
        self._add(*[0] * (COMMAND - ROW))

    def _arguments(self, words: Sequence[int]) -> None:
        """Those of all commands; addresses within count from where they begin."""
        start, first = len(self.words), within(0)
        self.words += words
        for at, word in enumerate(words, start):
            if word.__class__ is int and word >= first:
                self.words[at] = self.begin + 8 * start + (word - first)
                self._step(at, self.bytes)


def _telling(faults: Sequence[Stretch]) -> Tell:
    """What tells of faults in the memory of stripes, the first one first."""

    def tell(words: Sequence[int]) -> None:
        others, _, length, room, apart, *_ = words
        for number in range(others):
            found = (ctypes.c_int64 * length).from_address(room + number * apart)
            for stretch, flag, told in faults:
                part = found[stretch]
                if part[flag]:
                    told(part)

    return tell


def _inside(words: Sequence[int]) -> None:
    """Nothing to tell: a command of the loop's own table does."""
