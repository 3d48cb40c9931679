"""Sums of few columns: a kernel keeps them in registers while it goes through rows."""

from __future__ import annotations

from .language import Nest, Total
from .places import Places
from .writer import Ref


class RegisterColumns:
    """The partial results of totals by columns, in vectors; `number` is the one that
    the text has come to."""

    def __init__(self, nest: Nest, at: Places):
        self.nest, self.at = nest, at
        self.count = -(-(nest.columns or 0) // nest.lanes)
        self.number = 0
        self._rooms: dict[tuple[int, int], str] = {}

    def room(self, total: int) -> str:
        """Where the vector of a total is that the text has come to."""
        return self._rooms[total, self.number]

    def begin(self, total: int, first: Ref) -> None:
        """Put what a total begins with into its vectors."""
        for number in range(self.count):
            if (total, number) not in self._rooms:
                self._rooms[total, number] = self.at.writer.room(first.whole)
            self.at.write_room(self._rooms[total, number], first)

    def end(self, index: int, total: Total, type: str) -> None:
        """Put them into memory, which has room for whole vectors."""
        at, dtype = self.at, self.nest.values[total.value].dtype
        for number in range(self.count):
            ref = at.read_room(self._rooms[index, number], type, self.nest.lanes)
            place = at.writer.index(number * self.nest.lanes)
            at.store(at.offset(at.pointers[total.access], dtype, place), ref, dtype)
