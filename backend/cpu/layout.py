"""Arguments and commands in memory, and where in them an address stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

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


def laid_out(calls: Sequence[Call]) -> tuple[Array, Array, list[Fault]]:
    """All arguments side by side, the table of commands, and what may be at fault."""
    faults: list[Fault] = []
    flat: list[int] = []
    starts: list[int] = []
    for call in calls:
        starts.append(len(flat))
        flat += call.words
        flat += [0] * (-len(flat) % 8)
    words = np.array(flat or [0], np.int64)
    first = words.ctypes.data
    rows: list[tuple[int, ...]] = []
    for call, start in zip(calls, starts, strict=True):
        address = first + 8 * start
        flag = 0 if call.flag is None else address + 8 * call.flag
        rows.append((call.entry, address, call.total, call.grain, flag))
        if call.flag is not None and call.fault is not None:
            own = words[start : start + len(call.words)]
            faults.append(Fault(own, call.flag, call.fault))
    table = np.zeros((max(1, len(calls)), COMMAND), np.int64)
    if rows:
        table[:, :5] = rows
    return words, table, faults
