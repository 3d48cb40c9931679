"""`Call`: an entry of native code with its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Tell = Callable[[Sequence[int]], None]
Stretch = tuple[slice, int, Tell]  # words that may find data at fault, and their flag


class Call(NamedTuple):
    """What a command is made of.

    `words` are the arguments, `total` the length of the entry's parallel axis, and
    `grain` the shortest part of it that is worth a thread. An entry that may find
    data at fault sets the word `flag`: no other command runs then, and `fault` raises
    what is wrong from the words. If it has `inner` commands, `words` hold their table
    and arguments as well, and addresses `within`; the stretches among them that may
    find data at fault are told.
    """

    entry: int
    words: list[int]
    total: int
    grain: int = 1
    flag: int | None = None
    fault: Tell | None = None
    inner: Sequence[Stretch] | None = None
