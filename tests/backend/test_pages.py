"""Pages that are mapped before they are written, with what lies there."""

import os
import resource
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from tulle.backend.cpu import pages
from tulle.backend.cpu.pages import STRETCH, map_ahead

SIZE = 4 * STRETCH


def mapped(memory, size):
    """Where mapping has ended, after it has."""
    before = set(threading.enumerate())
    end = map_ahead(memory, size)
    for thread in set(threading.enumerate()) - before:
        thread.join()
    return end


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def test_what_lies_there_stays():
    memory = np.empty(3 * SIZE, np.uint8)
    memory[:] = 7
    assert mapped(memory, SIZE) == (2 * SIZE if sys.platform == "linux" else SIZE)
    assert (memory == 7).all()


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_pages_that_are_mapped_are_there():
    memory = np.empty(12 * SIZE, np.uint8)
    end = mapped(memory, 4 * SIZE)
    before = faults()
    memory[4 * SIZE : end - STRETCH : 4096] = 1
    first = faults() - before
    memory[end + STRETCH :: 4096] = 1
    second = faults() - before - first
    if first > second:
        pytest.skip("a system before Linux 5.14")
    assert first < second / 4  # Python has faults of its own


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_threads_that_compute_go_before_the_one_that_maps(monkeypatch):
    found = {}

    def run(*given):
        pages_map(*given)
        found["nice"] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    pages_map, own = pages._map, os.getpriority(os.PRIO_PROCESS, 0)
    monkeypatch.setattr(pages, "_map", run)
    mapped(np.empty(3 * SIZE, np.uint8), SIZE)
    assert found["nice"] == min(own + pages.NICE, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_no_more_than_there_is_and_than_is_allowed(monkeypatch):
    monkeypatch.setattr(pages, "sys", SimpleNamespace(platform="linux"))
    monkeypatch.setattr(pages, "_map", lambda *given: None)
    monkeypatch.setattr(pages, "AHEAD", 2 * STRETCH)
    memory = np.empty(3 * SIZE, np.uint8)
    assert map_ahead(memory, SIZE) == SIZE + 2 * STRETCH
    assert map_ahead(memory, STRETCH) == 2 * STRETCH
    assert map_ahead(memory, STRETCH - 1) == STRETCH - 1  # too few for a thread
    assert map_ahead(memory, memory.size) == memory.size
    assert map_ahead(memory, memory.size - STRETCH) == memory.size
    pages.sys.platform = "darwin"
    assert map_ahead(memory, SIZE) == SIZE


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_where_no_thread_can_start_pages_are_mapped_when_they_are_written(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pages.Thread, "start", start)
    memory = np.empty(3 * SIZE, np.uint8)
    assert map_ahead(memory, SIZE) == SIZE
