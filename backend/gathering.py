"""Rows of arrays into buffers, as a training on shuffled samples asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .cpu import engine

Array = Any
Gather = Callable[[int, int], None]


def gatherer(arrays: Sequence[Array], buffers: Sequence[Array], order: Array) -> Gather:
    """A function that copies the rows `order[start:stop]` of arrays to buffers' front.

    `order` has row numbers within all arrays; buffers are dense, and as long as the
    longest stretch that is asked for.
    """
    if engine.available():
        from .cpu.rows import Rows, suits

        if all(map(suits, arrays)) and order.dtype == np.int64:
            return Rows(arrays, buffers, np.ascontiguousarray(order))

    def gather(start: int, stop: int) -> None:
        chosen = order[start:stop]
        for array, buffer in zip(arrays, buffers, strict=True):
            # "clip" writes without a copy; the indices are in range.
            out = buffer[: stop - start]
            np.take(array, chosen, axis=0, out=out, mode="clip")

    return gather
