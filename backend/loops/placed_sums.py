"""Sums at places: values that a kernel adds to rows of a result, as indices say."""

from __future__ import annotations

from collections.abc import Mapping

from .folding import combine
from .language import Store
from .places import Places
from .writer import Ref


class PlacedSums:
    """The results of a nest that adds up at places.

    Rows of a result lie apart by the stride of the dimension along which the access
    picks; neighbours in a row are neighbours in memory.
    """

    def __init__(self, at: Places):
        self.at, self.writer = at, at.writer

    def locate(self, refs: Mapping[int, Ref]) -> None:
        """Find the rows that indices say, where values are known."""
        for store in self.at.nest.stores:
            if store.by is not None:
                self._locate(store, refs)

    def _locate(self, store: Store, refs: Mapping[int, Ref]) -> None:
        """The row of an index: counted from the end below 0, and modulo their number,
        as NumPy has it."""
        at, writer, access = self.at, self.writer, store.access
        assert store.by is not None
        index = at.whole(store.by, refs)
        size = at.word(at.layout.lengths[access])
        index = writer.select(writer.compare("slt", index, 0), index + size, index)
        inside = writer.compare("ult", index, size)

        def wrapped() -> Ref:
            rest = writer.binary("srem", index, size)
            return writer.select(writer.compare("slt", rest, 0), rest + size, rest)

        row = writer.either(inside, lambda: index, wrapped)
        at.shifts[access] = row * at.word(at.layout.picks[access])

    def add(self, access: int, value: Ref, index: Ref, mask: Ref) -> None:
        """Add a vector to the row."""
        at, dtype = self.at, self.at.nest.accesses[access].dtype
        pointer = at.offset(at.pointer(access), dtype, index)
        old = at.load_masked(pointer, dtype, mask)
        at.store_masked(pointer, combine("sum", dtype, old, value), dtype, mask)
