"""Rooms: the memory for what is between the steps of programs, which use one by turns.

Nothing in a room outlives a run, so programs with large plans share one: a prediction
leaves pages that a larger batch of training writes next. Two that run at the same time,
in threads or one within the other, are in rooms of their own from then on.
"""

from __future__ import annotations

import sys
from functools import partial
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np

from .binding import aligned
from .cpu.pages import LARGE, discard, lay_out

SHARED = 1 << 20  # bytes of a plan from which on it shares memory with others
RESERVE = 1 << 28  # bytes of addresses, at most, beyond what a plan wants


class Room:
    """Memory for the largest of several plans.

    Who runs in it, makes it larger or smaller takes it before and gives it back. Where
    it is taken, `take` says so, and nobody waits.
    """

    __slots__ = "_wanted", "_written", "give", "loose", "memory", "take", "xp"

    def __init__(self, xp: Any):
        lock = Lock()
        self.take = partial(lock.acquire, False)
        self.give = lock.release
        self.xp = xp
        self.memory = aligned(xp, 0)
        self.loose = False  # whether somebody has left since it was tightened
        self._written = 0  # bytes of it that runs have met
        self._wanted: dict[int, int] = {}  # bytes at most, by program

    def reach(self, program: Any, size: int) -> Any:
        """Memory for a plan of a program; that of other plans may be elsewhere then."""
        if size > self.memory.size:
            if self.xp is np:
                discard(self.memory, 0)  # plans of others still point there
            self._written, self.memory = 0, self._reserved(size)
        if size > self._written:
            if self.xp is np:
                lay_out(self.memory, self._written, size)
            self._written = size
        self._wanted[id(program)] = max(self._wanted.get(id(program), 0), size)
        return self.memory

    def _reserved(self, size: int) -> Any:
        return reserved(self.xp, size, RESERVE if self is shared else 3 * size)

    def leave(self, program: int) -> None:
        """A program, by its `id`, is gone."""
        self._wanted.pop(program, None)
        self.loose = True
        if self.take():  # else who has it does so
            self.tighten()
            self.give()

    def tighten(self) -> None:
        """Give back what only programs wanted that are gone."""
        self.loose = False
        most = max([*self._wanted.values()], default=0)
        if self.xp is np and self._written - most >= LARGE:
            discard(self.memory, most)
            self._written = most


shared = Room(np)


def room_for(program: Any, size: int) -> Room:
    """The room where a program goes on with a plan, or begins to share one."""
    own: Room = program.room
    shares = size >= SHARED and program.xp is np and sys.platform == "linux"
    if own is shared or program.apart or not shares:
        return own
    finalize(program, shared.leave, id(program)).atexit = False
    return shared


def reserved(xp: Any, size: int, more: int) -> Any:
    """Bytes that begin at a multiple of 64, on the CPU more than are wanted.

    There what nobody touches takes addresses and no memory; a larger batch then finds
    pages that are mapped already.
    """
    if xp is np:
        try:
            return aligned(np, size + min(more, RESERVE))
        except MemoryError:
            pass
    return aligned(xp, size)
