"""Arguments and commands in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..lying import pointing
from .call import Call
from .pool import COMMAND

Array = Any


class Fault(NamedTuple):
    """The words of a call that may find data at fault, and what then tells so."""

    words: Array
    flag: int
    tell: Callable[[Sequence[int]], None]

    def check(self) -> None:
        """Raise what is wrong, if anything is."""
        if self.words[self.flag]:
            self.words[self.flag] = 0
            self.tell(self.words.tolist())


class Laid(NamedTuple):
    """All arguments side by side, and the table of commands.

    It says where the words of each step begin, and which its first command is.
    """

    words: Array
    table: Array
    faults: list[Fault]
    starts: Array
    begins: list[int]


class Block(NamedTuple):
    """The calls of a step, their words side by side.

    Each has a row of its command, in which addresses count from the first word on.
    """

    words: list[int]
    rows: list[tuple[int, ...]]
    faults: list[tuple[int, Call]]

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Block:
        """The words and the rows of calls."""
        found = cls([], [], [])
        for call in calls:
            start = len(found.words)
            flag = -1 if call.flag is None else start + call.flag
            found.rows.append((call.entry, start, call.total, call.grain, flag))
            found.words.extend(call.words)
            found.words.extend([0] * (-len(call.words) % 8))
            if call.fault is not None:
                found.faults.append((start, call))
        return found


class Spread(NamedTuple):
    """Where the words and the rows of blocks are found for steps in their order."""

    words: Array  # an index into those of all blocks
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
        self._known: tuple[list[int], list[int], Spread] | None = None

    def spread(self, sizes: list[int], counts: list[int]) -> Spread:
        """Where all is, for blocks of so many words and rows."""
        known = self._known
        if known is None or known[0] != sizes or known[1] != counts:
            lengths = np.array(counts, np.int64)
            words, starts = _spread(np.array(sizes, np.int64), self.chosen)
            rows, begins = _spread(lengths, self.chosen)
            places = np.repeat(starts, lengths[self.chosen])
            found = Spread(words, starts, rows, begins.tolist(), places)
            known = self._known = sizes, counts, found
        return known[2]


def laid_out(blocks: Sequence[Block], order: Order) -> Laid:
    """The calls of steps, in an order of blocks."""
    flat = [word for block in blocks for word in block.words]
    rows = [row for block in blocks for row in block.rows]
    spread = order.spread(
        [len(block.words) for block in blocks], [len(block.rows) for block in blocks]
    )
    words = np.array(flat or [0] * 8, np.int64)
    words = words[spread.words] if flat else words
    table = np.zeros((len(spread.rows), COMMAND), np.int64)
    if rows:
        found, first = np.array(rows, np.int64)[spread.rows], words.ctypes.data
        flags, places = found[:, 4], spread.places
        table[:, :4] = found[:, :4]
        table[:, 1] = first + 8 * (places + found[:, 1])
        table[:, 4] = np.where(flags < 0, 0, first + 8 * (places + flags))
    faults = _checks(blocks, order, words, spread)
    return Laid(words, table, faults, spread.starts, spread.begins)


def _checks(
    blocks: Sequence[Block], order: Order, words: Array, spread: Spread
) -> list[Fault]:
    """What is to be asked about each call that may find data at fault."""
    if not any(block.faults for block in blocks):
        return []
    pairs = zip(spread.starts.tolist(), order.chosen.tolist(), strict=True)
    return [
        Fault(words[start + at : start + at + len(call.words)], call.flag, call.fault)
        for start, number in pairs
        for at, call in blocks[number].faults
        if call.flag is not None and call.fault is not None
    ]


def _spread(sizes: Array, order: Array) -> tuple[Array, Array]:
    """Where parts that lie one after the other are found for some order of them.

    It is an index into what they lie in, and where each then begins.
    """
    lengths = sizes[order]
    starts = np.cumsum(lengths) - lengths
    shift = (np.cumsum(sizes) - sizes)[order] - starts
    return np.arange(int(lengths.sum())) + np.repeat(shift, lengths), starts


def pointers(words: Array) -> Iterator[tuple[int, int, int]]:
    """Where words stand that point elsewhere, numbers of arrays, and how far in."""
    places, numbers, offsets = pointing(words.reshape(-1))
    places = words.ctypes.data + 8 * places
    return zip(places.tolist(), numbers.tolist(), offsets.tolist(), strict=True)
