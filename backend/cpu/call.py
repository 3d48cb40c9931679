"""`Call`: an entry of native code with its arguments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """What a command is made of.

    `words` are the arguments, `total` the length of the entry's parallel axis, and
    `grain` the shortest part of it that is worth a thread.
    """

    entry: int
    words: list[int]
    total: int
    grain: int = 1
