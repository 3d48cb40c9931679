"""Arguments and commands in memory, and where in them an address stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .call import Call
from .pool import COMMAND

Array = Any


def laid_out(calls: Sequence[Call]) -> tuple[Array, Array]:
    """All arguments side by side, and the table of commands."""
    sizes = [-(-len(call.words) // 8) * 8 for call in calls]
    words = np.zeros(max(1, sum(sizes)), np.int64)
    table = np.zeros((max(1, len(calls)), COMMAND), np.int64)
    start = 0
    for index, (call, size) in enumerate(zip(calls, sizes, strict=True)):
        words[start : start + len(call.words)] = call.words
        address = words.ctypes.data + 8 * start
        table[index] = call.entry, address, call.total, call.grain
        start += size
    return words, table


def places_within(blocks: Sequence[Array], array: Array) -> Iterator[tuple[int, int]]:
    """Where words point into an array: the word's address, and how far into it."""
    low, high = bounds(array)
    for words in blocks:
        flat = words.reshape(-1)
        for place in np.nonzero((flat >= low) & (flat < high))[0].tolist():
            yield flat.ctypes.data + 8 * place, int(flat[place]) - array.ctypes.data


def bounds(array: Array) -> tuple[int, int]:
    """The addresses between which the elements of an array lie, or could begin."""
    low, high = np.lib.array_utils.byte_bounds(array)
    return low, max(high, low + 1)
