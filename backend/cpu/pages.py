"""Pages of memory that nobody has written yet, mapped before somebody wants them."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from contextlib import suppress
from threading import Thread
from typing import Any

AHEAD = 1 << 26  # bytes that are mapped at a time, at most
STRETCH = 1 << 21  # bytes of a call: others that ask for memory wait for no more
NICE = 10  # of the thread: those that compute go before it
POPULATE_WRITE = 23  # `madvise`: as a write would, but what lies there stays


def map_ahead(memory: Any, size: int) -> int:
    """Map as much again behind the first bytes of an array, in another thread.

    Returns how many bytes are mapped then: no more where they are too few for a thread,
    where there can be no other thread, or where the system maps pages when they are
    written only.
    """
    end: int = min(memory.size, size + min(size, AHEAD))
    if sys.platform != "linux" or end - size < STRETCH:
        return size
    try:
        Thread(target=_map, args=(memory, size, end), daemon=True).start()
    except RuntimeError:  # too many threads, too little memory, or Python is ending
        return size
    return end


def _map(memory: Any, start: int, end: int) -> None:
    """Map the pages that lie whole between two places of an array."""
    with suppress(OSError):
        os.nice(NICE)  # on Linux that is of this thread alone
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    first, last = (
        (memory.ctypes.data + place) // mmap.PAGESIZE * mmap.PAGESIZE
        for place in (start + mmap.PAGESIZE - 1, end)
    )
    for at in range(first, last, STRETCH):
        if advise(at, min(STRETCH, last - at), POPULATE_WRITE):
            return  # a system that does not know of it
