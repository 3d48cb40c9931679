"""Ops with native code of their own: neither loops over elements nor products.

A `Special` says of an op which nodes it takes, gives their code, and the words that
the code reads for given sizes and memory. `SPECIAL` has them by the name of the op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from ...graph.node import Node
from ..recorded import larger, smaller
from ..strided_arrays import StridedArray
from .building import Entry

SPECIAL: dict[str, Special] = {}
WORTH = 1 << 15  # elementary steps that are worth a thread


class Work(NamedTuple):
    """The length of an entry's parallel axis, and the least of it worth a thread."""

    total: int
    grain: int


class Round(NamedTuple):
    """A run of one of the entries: which, what it has to do, and words of its own."""

    entry: int
    work: Work
    words: Mapping[int, int]  # by their places


class Special:
    """Native code for one op.

    Its words begin with the addresses of the operands, then of the results, then of
    the scratch memory, whether or not there are any. Sizes are plain numbers. All
    entries of a node run in their order on the same words, as long as `rounds` does not
    say otherwise.
    """

    contiguous: ClassVar[bool] = True  # operands have to be; results always are
    flag: ClassVar[int | None] = None  # the word that data at fault makes other than 0

    def __init__(self, name: str):
        self.name = name

    @property
    def has_scratch(self) -> bool:
        """Whether entries may need scratch memory."""
        return type(self).scratch_bytes is not Special.scratch_bytes

    def reads(self, array: StridedArray) -> bool:
        """Whether an operand may lie as it does; else it is copied first."""
        return not self.contiguous or array.dense

    def accepts(self, node: Node) -> bool:
        """Whether there is code for the dtypes and attributes of a node."""
        raise NotImplementedError

    def entry(self, node: Node) -> Entry:
        """The code of a node, the same for nodes that differ in sizes only."""
        raise NotImplementedError

    def works(
        self, attributes: Mapping[str, Any], operands: Sequence[Any], results: Any
    ) -> tuple[Work, ...]:
        """What each entry has to do for given sizes."""
        raise NotImplementedError

    def rounds(
        self, attributes: Mapping[str, Any], operands: Sequence[Any], results: Any
    ) -> Sequence[Round]:
        """The runs of entries in their order; each once, if nothing else is said."""
        works = self.works(attributes, operands, results)
        return [Round(number, work, {}) for number, work in enumerate(works)]

    def words(
        self,
        attributes: Mapping[str, Any],
        operands: Sequence[Any],
        results: Sequence[Any],
        scratch: int,
    ) -> list[int]:
        """The words for arrays and the address of scratch memory."""
        raise NotImplementedError

    def scratch_bytes(
        self, attributes: Mapping[str, Any], operands: Sequence[Any], results: Any
    ) -> int:
        """How much scratch memory the entries need, at a multiple of 64."""
        return 0

    def check(self, attributes: Mapping[str, Any], operands: Sequence[Any]) -> None:
        """Raise what is wrong with the sizes, which only a run shows."""

    def fault(self, attributes: Mapping[str, Any], operands: Sequence[Any]) -> None:
        """Raise what is wrong with the data, after the code has set the flag."""


def special(*names: str) -> Callable[[type[Special]], type[Special]]:
    """Enter a class into `SPECIAL` under the names of its ops."""

    def entered(kind: type[Special]) -> type[Special]:
        SPECIAL.update((name, kind(name)) for name in names)
        return kind

    return entered


def grain(total: int, steps: int) -> int:
    """The least part worth a thread, if the whole takes so many steps."""
    return larger(1, smaller(total, WORTH * total // larger(steps, 1)))


def rounded(size: int) -> int:
    """A number of bytes that keeps what follows at a multiple of 64."""
    return -(-size // 64) * 64


def ceildiv(a: int, b: int) -> int:
    """The quotient rounded up."""
    return -(-a // b)
