"""Rows of several arrays gathered by all threads, with one call of the runtime."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .building import STORED
from .call import Call
from .command_table import Block, Order, laid_out
from .copying import WORTH
from .engine import engine
from .pool import pool
from .special_gathering import LAYOUT, take_entry

Array = Any
TOTAL = 2  # the column of a table of commands that says how much there is to do


def suits(array: Array) -> bool:
    """Whether rows of an array can be copied as they lie."""
    return bool(array.flags.c_contiguous and array.itemsize in STORED)


class Rows:
    """Call it with `start` and `stop` to get the rows `order[start:stop]`."""

    def __init__(self, arrays: Sequence[Array], buffers: Sequence[Array], order: Array):
        calls = [_call(*pair, order) for pair in zip(arrays, buffers, strict=True)]
        self._laid = laid_out([Block.of(calls)], Order([0]))
        each = self._laid.words.reshape(len(calls), -1)
        self._index = each[:, LAYOUT.places["index"]]
        self._count = each[:, LAYOUT.places["count"]]
        self._total = self._laid.table[:, TOTAL]
        self._first = order.ctypes.data
        self._keep = [*arrays, *buffers, order]
        self._run, self._at = pool().run, self._laid.table.ctypes.data
        self._commands = len(calls)

    def __call__(self, start: int, stop: int) -> None:
        self._index[:] = self._first + 8 * start
        self._count[:] = self._total[:] = stop - start
        self._run(self._at, self._commands, 0, 0, 0)


def _call(array: Array, buffer: Array, order: Array) -> Call:
    inner = math.prod(array.shape[1:])
    words = LAYOUT.words(
        source=array.ctypes.data, index=order.ctypes.data, out=buffer.ctypes.data,
        scratch=0, fault=0, outer=1, size=len(array), count=0, inner=inner, columns=0,
    )  # fmt: skip
    entry = take_entry(STORED[array.itemsize], "i64")
    (address,) = engine().compile(entry.fragments).values()
    return Call(address, words, 1, max(1, WORTH // max(1, inner * array.itemsize)))
