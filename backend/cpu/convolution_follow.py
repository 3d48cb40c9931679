"""What follows a tile of a convolution: other entries, on the tile's part of arrays.

Their words lie in a table behind those of the convolution, as for the first tile: once
for whole tiles and once for the last one. A thread copies them to memory of its own and
moves the addresses in them.
"""

from __future__ import annotations

from typing import Any

from .building import Code, Function, Layout, Value

RECORD = Layout("length entry count places whole last")
STEP = Layout("image ratio row slot")  # how an address moves: one for each place
WHOLE, LAST = range(2)


def follow_function(code: Code) -> Function:
    """Run the entries of a table.

    Arguments: table, how many entries it has, the tile's first image and row, the slot
    of scratch memory, whether it is the last tile, room for words.
    """
    f = code.helper("follow", ["ptr", *["i64"] * 5, "ptr"])
    table, entries, image, row, slot, last, room = f.arguments
    start = f.variable(f.number(0))
    with f.loop(entries):
        record = f.at(table, start.get(), "i64")
        read = RECORD.reader(f, record)
        steps, places = f.at(record, RECORD.end, "i64"), read("places")
        count = read("count")
        words = f.at(steps, places * STEP.end + last * count, "i64")
        f.copy(room, words, count, "i64")
        with f.loop(places) as place:
            step = STEP.reader(f, f.at(steps, place * STEP.end, "i64"))
            moved = f.load(words, place, "i64") + image * step("image")
            moved = moved + row // step("ratio") * step("row") + slot * step("slot")
            f.store(moved, room, place, "i64")
        total = last.equals(LAST).where(read("last"), read("whole"))
        f.invoke(read("entry", "ptr"), room, f.number(0), total)
        start.set(start.get() + read("length"))
    return f


class Tail:
    """Where the results of a tile go, and what follows then."""

    def __init__(
        self, code: Code, f: Function, kind: str, slot: Value, words: Value, read: Any
    ):
        self.f, self.kind, self.slot = f, kind, slot
        self.function = follow_function(code)
        self.shift = read("shift_image"), read("shift_row")
        self.out = f.at(read("out", "ptr"), slot * read("out_slot"), "i8")
        self.entries = read("followers")
        self.table = f.at(words, read("follow"), "i64")
        self.room = f.at(read("room", "ptr"), slot * read("slot"), "i8")
        self.whole = read("images"), read("rows")

    def target(self, begin: Value, image: Value, row: Value) -> Value:
        """The place of the first result of a tile."""
        place = begin + image * self.shift[0] + row * self.shift[1]
        return self.f.at(self.out, place, self.kind)

    def follow(self, cut: tuple[Value, Value, Value, Value]) -> None:
        """Run what follows a tile."""
        f, (image, images, row, rows) = self.f, cut
        less = (images < self.whole[0]) | (rows < self.whole[1])
        last = less.where(f.number(LAST), WHOLE)
        places = (self.table, self.entries, image, row)
        f.call(self.function, *places, self.slot, last, self.room)
