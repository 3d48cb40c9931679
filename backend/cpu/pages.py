"""Pages of memory, as Linux is told of them: large or small, wanted or not.

Others keep all pages as they are.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from typing import Any

LARGE = 1 << 21  # bytes of a large page
WHOLE = 1 << 22  # bytes of an array from which on NumPy asks for large ones


def lay_out(memory: Any, before: int, size: int) -> None:
    """Large pages for the first bytes of an array, small ones behind these.

    What is beyond the bytes in use `before` ends in small pages: where sizes grow by a
    row, a large page is dear when it is first written, and little of it is wanted.
    """
    if memory.nbytes < WHOLE:
        return
    start = memory.ctypes.data
    known = _up(start + before, LARGE)
    large = max(known, start + size - (start + size) % LARGE)
    if not before:
        known, large = start, _up(start + size, LARGE)
    end = start + memory.nbytes
    _advise("MADV_HUGEPAGE", known, min(large, end))
    _advise("MADV_NOHUGEPAGE", large, end)


def discard(memory: Any, start: int) -> None:
    """Give the pages behind the first bytes of an array back; what they hold is lost.

    Its addresses stay.
    """
    at = memory.ctypes.data
    _advise("MADV_DONTNEED", at + start, at + memory.nbytes)


def _advise(what: str, start: int, stop: int) -> None:
    """Advice on the pages that lie whole between two addresses; refused, it is none."""
    first, last = _up(start, mmap.PAGESIZE), stop - stop % mmap.PAGESIZE
    if sys.platform == "linux" and first < last and hasattr(mmap, what):
        _madvise()(first, last - first, getattr(mmap, what))


@cache
def _madvise() -> Any:
    found = ctypes.CDLL(None).madvise
    found.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    return found


def _up(address: int, step: int) -> int:
    """The next multiple of a step."""
    return -(-address // step) * step
