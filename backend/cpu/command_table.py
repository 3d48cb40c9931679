"""The table of commands that the runtime reads, and the words of their arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..recorded import Recorded
from ..strided_arrays import find_placeholders, within
from .call import Call, Stretch, Tell
from .pool import COMMAND

Array = Any
ROW = 5  # numbers of a row: entry, first word, total, grain, and the word of the flag


class Fault(NamedTuple):
    """The words of a call that may find data at fault, and what then tells so."""

    words: Array
    flag: int
    tell: Tell

    def found(self) -> bool:
        """Whether its flag is set; it is taken back."""
        flag = bool(self.words[self.flag])
        self.words[self.flag] = 0
        return flag


class CommandTable(NamedTuple):
    """All arguments side by side, and the table of commands.

    It says where the words of each step begin, and which its first command is.
    """

    words: Array
    table: Array
    faults: list[Fault]
    starts: Array
    begins: list[int]


class Block(NamedTuple):
    """The calls of a step as numbers: the words of all, then a row for each call.

    A row is a command in which addresses count from the first word on. Some numbers may
    be `gaps`, which sizes fill. Stretches of words that may find data at fault go with
    their flag and what tells so.
    """

    numbers: Array
    words: int
    gaps: Array
    faults: Sequence[Stretch]

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Block:
        """The numbers of calls, of which none is recorded."""
        return cls.recorded(calls)[0]

    @classmethod
    def recorded(cls, calls: Sequence[Call]) -> tuple[Block, list[Any]]:
        """The numbers of calls, with gaps for those that are recorded, which follow."""
        words, rows, faults = side_by_side(calls)
        numbers: list[Any] = [*words, *rows]
        gaps = [n for n, one in enumerate(numbers) if one.__class__ is Recorded]
        filling = [numbers[gap] for gap in gaps]
        for gap in gaps:
            numbers[gap] = 0
        flat, places = np.array(numbers, np.int64), np.array(gaps, np.int64)
        return cls(flat, len(words), places, faults), filling


def side_by_side(
    calls: Sequence[Call],
) -> tuple[list[int], list[int], list[Stretch]]:
    """The words of calls, the rows that say where each has its own, and what tells."""
    words: list[int] = []
    rows: list[int] = []
    faults: list[Stretch] = []
    for call in calls:
        start, flag = len(words), -1 if call.flag is None else call.flag
        words += call.words if call.inner is None else moved(call.words, start)
        if call.fault is not None and call.flag is not None:
            faults.append((slice(start, len(words)), flag, call.fault))
        faults += moved_faults(call.inner or (), start)
        flag = flag if flag < 0 else start + flag
        rows += call.entry, start, call.total, call.grain, flag
        words += [0] * (-len(call.words) % 8)
    return words, rows, faults


def moved(words: Sequence[int], count: int) -> list[int]:
    """Words among others so many words later: addresses within count from there."""
    first = within(0)
    return [
        word + 8 * count if word.__class__ is int and word >= first else word
        for word in words
    ]


def moved_faults(faults: Sequence[Stretch], count: int) -> list[Stretch]:
    """Stretches of words that lie so many words later."""
    return [
        (slice(words.start + count, words.stop + count), flag, tell)
        for words, flag, tell in faults
    ]


class Spread(NamedTuple):
    """Where the words and the rows of blocks are found for steps in their order."""

    bases: Array  # where the numbers of each block begin
    words: Array  # an index into the numbers of all blocks
    starts: Array  # where the words of each step begin
    rows: Array
    begins: list[int]
    places: Array  # where the words of each row's step begin


class Order:
    """The block that each step has, by number.

    Blocks are as long for one set of sizes as for another, nearly always.
    """

    def __init__(self, chosen: Sequence[int]):
        self.chosen = np.array(chosen, np.int64)
        self._known: tuple[list[tuple[int, int]], Spread] | None = None

    def spread(self, blocks: Sequence[Block]) -> Spread:
        """Where all is that blocks have."""
        lengths = [(len(block.numbers), block.words) for block in blocks]
        known = self._known
        if known is None or known[0] != lengths:
            known = self._known = lengths, self._spread(np.array(lengths, np.int64))
        return known[1]

    def _spread(self, lengths: Array) -> Spread:
        whole, counts = lengths.T
        bases = np.cumsum(whole) - whole
        words, starts = _taken(bases, counts, self.chosen)
        rows, begins = _taken(bases + counts, whole - counts, self.chosen)
        places = np.repeat(starts, (whole - counts)[self.chosen] // ROW)
        begins = (begins // ROW).tolist()
        return Spread(bases, words, starts, rows.reshape(-1, ROW), begins, places)


def laid_out(
    blocks: Sequence[Block], order: Order, filling: Sequence[int] = ()
) -> CommandTable:
    """The calls of steps, in an order of blocks, whose gaps are filled."""
    spread = order.spread(blocks)
    numbers = np.concatenate([block.numbers for block in blocks])
    if filling:
        counts = [len(block.gaps) for block in blocks]
        gaps = np.concatenate([block.gaps for block in blocks])
        numbers[gaps + np.repeat(spread.bases, counts)] = filling
    words = numbers[spread.words] if len(spread.words) else np.zeros(8, np.int64)
    table = np.zeros((len(spread.rows), COMMAND), np.int64)
    rows, first = numbers[spread.rows], words.ctypes.data
    flags, places = rows[:, 4], spread.places
    table[:, :4] = rows[:, :4]
    table[:, 1] = first + 8 * (places + rows[:, 1])
    table[:, 4] = np.where(flags < 0, 0, first + 8 * (places + flags))
    faults = _checks(blocks, order, words, spread)
    return CommandTable(words, table, faults, spread.starts, spread.begins)


def _checks(
    blocks: Sequence[Block], order: Order, words: Array, spread: Spread
) -> list[Fault]:
    """What is to be asked about each call that may find data at fault."""
    if not any(block.faults for block in blocks):
        return []
    pairs = zip(spread.starts.tolist(), order.chosen.tolist(), strict=True)
    return [
        Fault(words[start:][stretch], flag, tell)
        for start, number in pairs
        for stretch, flag, tell in blocks[number].faults
    ]


def _taken(bases: Array, sizes: Array, order: Array) -> tuple[Array, Array]:
    """Where parts of some sizes are found for some order of them.

    It is an index into what they lie in, and where each then begins.
    """
    lengths = sizes[order]
    starts = np.cumsum(lengths) - lengths
    shift = np.repeat(bases[order] - starts, lengths)
    return np.arange(int(lengths.sum())) + shift, starts


def pointers(words: Array) -> Iterator[tuple[int, int, int]]:
    """Where words stand that point into placeholders, their numbers, and how far in."""
    places, numbers, offsets = find_placeholders(words.reshape(-1))
    places = words.ctypes.data + 8 * places
    return zip(places.tolist(), numbers.tolist(), offsets.tolist(), strict=True)
