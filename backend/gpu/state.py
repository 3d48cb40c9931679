"""What a program keeps on its device beside arrays: random counters, faults, inputs.

With these a run needs no number of the host and waits for nothing of the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np

from ...graph.device import module_of, tell_later
from ...graph.ops.gathering import outside
from ...graph.variable import SeedGenerator

Array = Any

WORD = 0xFFFFFFFFFFFFFFFF
BUFFERS = 2  # of pinned memory: one is filled while the other is read


class Counters:
    """The seeds and counts of random generators, which the program itself advances.

    Only when something else has drawn from a generator are they sent again.
    """

    def __init__(self, xp: Any, draws: Mapping[SeedGenerator, int]):
        self.generators, self.draws = list(draws), list(draws.values())
        self.words = xp.zeros(2 * len(draws), np.uint64)
        self._there: list[int] = []

    def number(self, generator: SeedGenerator) -> int:
        """Which of the generators it is."""
        return self.generators.index(generator)

    def before_run(self) -> None:
        """See to it that the device has what the host has."""
        pairs = [(g.seed & WORD, g.count & WORD) for g in self.generators]
        wanted = [word for pair in pairs for word in pair]
        if wanted != self._there:
            self.words.set(np.array(wanted, np.uint64))
        for place, count in enumerate(self.draws):
            wanted[2 * place + 1] += count
        self._there = wanted


class Check(NamedTuple):
    """A check of indices: in whose name it speaks, and whether they may be negative."""

    told: str
    signed: bool


class Faults:
    """What the checks of a program found, read when a result is asked for.

    The first word is a flag, at which kernels that come later do nothing. Two follow
    for each check: place and value of the first wrong index, and the size of its axis.
    """

    def __init__(self, xp: Any, checks: Sequence[Check]):
        self.checks = checks
        self._clear = np.array([0, *[-1, 0] * len(checks)], np.int64)
        self.words = xp.asarray(self._clear)

    def after_run(self) -> None:
        """Have them told with the next result."""
        if self.checks:
            tell_later(self.tell)

    def tell(self) -> None:
        """Raise `DataError` for the first check that found something."""
        flag, *found = self.words.get().tolist()
        if not flag:
            return
        self.words.set(self._clear)
        for check, first, size in zip(
            self.checks, found[0::2], found[1::2], strict=True
        ):
            if first != -1:
                value = first & 0xFFFFFFFF
                wrapped = check.signed and value >= 1 << 31
                raise outside(check.told, value - (wrapped << 32), size)


def waited(events: Sequence[Any]) -> None:
    """Wait for the copies out of buffers, which others may be given then."""
    for event in events:
        if event is not None:
            event.synchronize()


class Inputs:
    """The way of inputs to their places: from the host through pinned memory.

    A buffer is filled anew, or given back, once the copies out of it are done, which
    a run of two runs ago began.
    """

    def __init__(self, xp: Any):
        self.xp, self._turn = xp, 0
        self._memory: list[Any] = [None] * BUFFERS
        self._events: list[Any] = [None] * BUFFERS
        finalize(self, waited, self._events).atexit = False

    def send(self, arrays: Sequence[Array], places: Mapping[int, Array]) -> None:
        """Copy each input that is read to its place."""
        hosts = []
        for index, place in places.items():
            array = arrays[index]
            if module_of(array) is np:
                hosts.append((place, array))
            else:
                self.xp.copyto(place, array)
        if hosts:
            self._send(hosts)

    def _send(self, hosts: Sequence[tuple[Array, Array]]) -> None:
        self._turn = turn = (self._turn + 1) % BUFFERS
        waited(self._events[turn : turn + 1])
        starts = np.cumsum([0, *(-(-place.nbytes // 64) * 64 for place, _ in hosts)])
        buffer = self._buffer(turn, int(starts[-1]))
        for (place, array), start in zip(hosts, starts.tolist(), strict=False):
            part = buffer[start : start + place.nbytes]
            np.copyto(part.view(place.dtype).reshape(place.shape), array)
            place.data.copy_from_host_async(part.ctypes.data, place.nbytes)
        stream = self.xp.cuda.get_current_stream()
        self._events[turn] = stream.record(self._events[turn])

    def _buffer(self, turn: int, size: int) -> np.ndarray[Any, Any]:
        memory = self._memory[turn]
        if memory is None or memory.size < size:
            pinned = self.xp.cuda.alloc_pinned_memory(max(size, 64))
            memory = self._memory[turn] = np.frombuffer(pinned, np.uint8)
        return memory  # type: ignore[no-any-return]
