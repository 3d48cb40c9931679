"""What the system is told of pages: large ones in use, small ones behind, or none."""

import mmap
import sys

import numpy as np
import pytest

from tulle.backend.cpu import pages
from tulle.backend.cpu.pages import LARGE, WHOLE, discard, lay_out

PAGE = mmap.PAGESIZE


@pytest.fixture
def told(monkeypatch):
    """What is told: the advice, and from where to where."""
    found = []

    def advise(at, size, advice):
        found.append((advice, at, at + size))

    monkeypatch.setattr(pages, "_madvise", lambda: advise)
    monkeypatch.setattr(pages.sys, "platform", "linux")
    for number, name in enumerate(("HUGEPAGE", "NOHUGEPAGE", "DONTNEED")):
        monkeypatch.setattr(mmap, f"MADV_{name}", number, raising=False)
    return found


def memory_at(offset, size):
    """Bytes that begin so far behind a multiple of a large page."""
    whole = np.empty(size + 2 * LARGE, np.uint8)
    return whole[-whole.ctypes.data % LARGE + offset :][:size]


def test_first_pages_are_large_and_those_behind_are_small(told):
    memory = memory_at(64, 8 * LARGE)
    start, end = memory.ctypes.data - 64, memory.ctypes.data + memory.nbytes
    lay_out(memory, 0, LARGE + 5)
    first, last = start + PAGE, end - end % PAGE
    assert told == [(0, first, start + 2 * LARGE), (1, start + 2 * LARGE, last)]


@pytest.mark.parametrize(
    ("size", "large"), [(LARGE + 6, 2), (2 * LARGE + 9, 2), (5 * LARGE + 9, 5)]
)
def test_what_grows_ends_in_small_pages(told, size, large):
    memory = memory_at(64, 8 * LARGE)
    start, end = memory.ctypes.data - 64, memory.ctypes.data + memory.nbytes
    lay_out(memory, LARGE + 5, size)
    known, upto = start + 2 * LARGE, start + large * LARGE
    growing = [(0, known, upto)] if upto > known else []
    assert told == [*growing, (1, upto, end - end % PAGE)]


def test_large_pages_end_with_their_array(told):
    memory = memory_at(64, WHOLE + 5)
    lay_out(memory, 0, memory.nbytes)
    assert [(advice, stop - start) for advice, start, stop in told] == [
        (0, WHOLE - PAGE)
    ]


def test_small_arrays_have_the_pages_that_they_have(told):
    lay_out(np.empty(WHOLE - 1, np.uint8), 0, 5)
    assert not told


def test_other_systems_are_told_nothing(told, monkeypatch):
    monkeypatch.setattr(pages.sys, "platform", "darwin")
    memory = np.empty(WHOLE, np.uint8)
    lay_out(memory, 0, 5)
    discard(memory, 0)
    assert not told


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_what_lies_before_stays():
    memory = np.full(2 * WHOLE, 7, np.uint8)
    lay_out(memory, 0, WHOLE)
    lay_out(memory, WHOLE, memory.nbytes - 5)
    assert (memory == 7).all()
    discard(memory, WHOLE + 5)
    assert (memory[: WHOLE + 5] == 7).all()
    assert not memory[WHOLE + PAGE : -PAGE].any()  # the system has those pages
    memory[:] = 3
    assert (memory == 3).all()
