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


def laid_out(sorts: Sequence[Sequence[Call]], order: Sequence[int]) -> Laid:
    """The calls of steps; each sort of step has its calls, and `order` the steps."""
    flat: list[int] = []
    rows: list[tuple[int, ...]] = []
    sizes, counts = [], []
    faults: dict[int, list[tuple[int, Call]]] = {}
    for sort, calls in enumerate(sorts):
        begin = len(flat)
        for call in calls:
            start = len(flat) - begin
            flag = -1 if call.flag is None else start + call.flag
            rows.append((call.entry, start, call.total, call.grain, flag))
            flat += call.words
            flat += [0] * (-len(flat) % 8)
            if call.fault is not None:
                faults.setdefault(sort, []).append((start, call))
        sizes.append(len(flat) - begin)
        counts.append(len(calls))
    chosen = np.array(order, np.int64)
    index, starts = _spread(np.array(sizes, np.int64), chosen)
    words = np.array([*flat, 0], np.int64)[index] if flat else np.zeros(8, np.int64)
    index, begins = _spread(np.array(counts, np.int64), chosen)
    table = np.zeros((len(index), COMMAND), np.int64)
    if rows:
        found, first = np.array(rows, np.int64)[index], words.ctypes.data
        places = np.repeat(starts, np.array(counts, np.int64)[chosen])
        flags = found[:, 4]
        table[:, :4] = found[:, :4]
        table[:, 1] = first + 8 * (places + found[:, 1])
        table[:, 4] = np.where(flags < 0, 0, first + 8 * (places + flags))
    checks = [
        Fault(words[start + at : start + at + len(call.words)], call.flag, call.fault)
        for start, sort in zip(starts.tolist(), order, strict=True)
        for at, call in faults.get(sort, ())
        if call.flag is not None and call.fault is not None
    ]
    return Laid(words, table, checks, starts, begins.tolist())


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
