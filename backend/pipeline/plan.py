"""Buffers for concrete sizes: one stretch of memory, shared by what lives in turn."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...graph.dim import Dim, Symbol
from ..recorded import jointly
from .schedule import Schedule, Storage

ALIGNMENT = 64


@dataclass(frozen=True)
class Plan:
    """Where each storage begins, in bytes, and how many bytes there are in all."""

    storages: Sequence[Storage]
    starts: Sequence[int]  # of each
    steps: int
    peak_bytes: int
    scratch: int  # where the scratch memory begins

    @cached_property
    def offsets(self) -> Mapping[Storage, int]:
        """Where each storage begins."""
        return dict(zip(self.storages, self.starts, strict=True))

    @property
    def buffers(self) -> int:
        """How many storages there are."""
        return len(self.starts)

    def __str__(self) -> str:
        return f"{self.steps} steps, {self.buffers} buffers, {self.peak_bytes} bytes"


def number(dim: Dim, sizes: Mapping[Symbol, int]) -> int:
    """A size as a number."""
    found = dim.value
    return dim.evaluate(sizes) if found is None else found


def rounded(size: int) -> int:
    """Bytes up to the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def plan(schedule: Schedule, sizes: Mapping[Symbol, int], scratch: int) -> Plan:
    """Place the storages of a schedule for given sizes, then scratch memory.

    Recorded sizes ask nothing here, since where storages lie is found jointly.
    """
    kinds, which = schedule.sizes

    @jointly
    def placed(*bytes_of: int) -> tuple[int, ...]:
        needed = [bytes_of[kind] for kind in which]
        starts, memory = [0] * len(needed), Memory()
        for storage, ended in schedule.lives:
            for one in ended:
                memory.free(starts[one], needed[one])
            starts[storage] = memory.take(needed[storage])
        return (*starts, memory.top)

    sized = [rounded(number(size, sizes) * item) for size, item in kinds]
    *starts, top = placed(*sized)
    return Plan(schedule.storages, starts, len(schedule.steps), top + scratch, top)


class Memory:
    """A line of bytes with holes; the smallest hole that fits is taken."""

    def __init__(self) -> None:
        self.top = 0
        self._holes: list[tuple[int, int]] = []  # size, start
        self._starts: dict[int, int] = {}  # start -> size
        self._ends: dict[int, int] = {}  # end -> size

    def take(self, size: int) -> int:
        """The start of a free stretch."""
        if not size:
            return 0
        index = bisect_left(self._holes, (size, 0))
        if index < len(self._holes):
            length, start = self._holes[index]
            self._forget(start, length)
            if length > size:
                self._remember(start + size, length - size)
            return start
        start = self.top
        last = self._ends.get(self.top, 0)
        if last:
            start -= last
            self._forget(start, last)
        self.top = start + size
        return start

    def free(self, start: int, size: int) -> None:
        """Give a stretch back; it joins the holes beside it."""
        if not size:
            return
        before = self._ends.get(start, 0)
        if before:
            self._forget(start - before, before)
        after = self._starts.get(start + size, 0)
        if after:
            self._forget(start + size, after)
        self._remember(start - before, before + size + after)

    def _remember(self, start: int, size: int) -> None:
        insort(self._holes, (size, start))
        self._starts[start] = size
        self._ends[start + size] = size

    def _forget(self, start: int, size: int) -> None:
        del self._holes[bisect_left(self._holes, (size, start))]
        del self._starts[start]
        del self._ends[start + size]
