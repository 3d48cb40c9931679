"""The words of a sort of steps with gaps for what follows from sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..recorded import Recorded
from .call import Call
from .layout import Block


class Template(NamedTuple):
    """A block without its recorded numbers, and the places of its words that are some.

    Totals and grains of its rows are left out whatever they are.
    """

    block: Block
    places: list[int]

    @classmethod
    def of(cls, block: Block) -> tuple[Template, list[Any]]:
        """The template of a block, and what fills it: words, then totals and grains."""
        given: list[Any] = block.words
        places = [n for n, one in enumerate(given) if isinstance(one, Recorded)]
        wanted = [block.words[place] for place in places]
        for _, _, total, grain, _ in block.rows:
            wanted += [total, grain]
        words = [0 if isinstance(one, Recorded) else one for one in given]
        rows: list[tuple[int, ...]] = [
            (entry, start, 0, 0, flag) for entry, start, *_, flag in block.rows
        ]
        faults = [
            (at, Call(call.entry, words[at : at + len(call.words)], 0, 0, call.flag))
            for at, call in block.faults
        ]
        return cls(Block(words, rows, faults), places), wanted

    def filled(
        self, numbers: Sequence[int], tell: Callable[[int, Sequence[int]], None]
    ) -> Block:
        """The block; `tell` says what is wrong with the data of a call, by its number
        among those that may find some at fault."""
        words, count = self.block.words.copy(), len(self.places)
        for place, number in zip(self.places, numbers, strict=False):
            words[place] = number
        works = zip(numbers[count::2], numbers[count + 1 :: 2], strict=True)
        rows: list[tuple[int, ...]] = [
            (entry, start, *work, flag)
            for (entry, start, _, _, flag), work in zip(
                self.block.rows, works, strict=True
            )
        ]
        faults = [
            (start, call._replace(fault=_teller(tell, number)))
            for number, (start, call) in enumerate(self.block.faults)
        ]
        return Block(words, rows, faults)


def _teller(
    tell: Callable[[int, Sequence[int]], None], number: int
) -> Callable[[Sequence[int]], None]:
    return lambda words: tell(number, words)
