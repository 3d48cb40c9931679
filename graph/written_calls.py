"""Calls of ops on values that are written as earlier ones were.

`remembered.py` tells calls apart by operands and attributes, which take some time to be
read and checked. What they are follows from the arguments as they are written: from
dtypes and shapes of the values among them, and from all others. So a call whose
arguments are like those of an earlier one is computed at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_not
from typing import TYPE_CHECKING, Any, NamedTuple

from .configuration import settings
from .device import current_device
from .remembered import (
    CALLS,
    NUMBERS,
    PLAIN,
    VALUES,
    Run,
    array_of,
    call_of,
    key_of,
    number_of,
)

if TYPE_CHECKING:
    from .op import Op

LONGEST = 64  # items of a list that stands among arguments
_WRITTEN: dict[Any, Known] = {}


class Known(NamedTuple):
    """How calls that are written alike are computed."""

    run: Run
    token: int
    attributes: dict[str, Any]
    dtype: Any  # of plain numbers among the operands


class Written:
    """The arguments of one call of an op, taken to pieces.

    `operands` are the values among them, in their order, and `arrays` those of these.
    `replaced` says whether variables are among them, `named` whether they may be given
    by name, in any order.
    """

    __slots__ = ("arrays", "key", "named", "numbers", "operands", "replaced")

    def __init__(self, op: Op, named: bool) -> None:
        self.named = named
        self.arrays: list[Any] = []
        self.operands: list[Any] = []
        self.numbers: list[int] | None = [] if op.takes_numbers else None
        self.replaced = False
        self.key: Any = None

    @property
    def known(self) -> Known | None:
        """How it is computed, with arrays in the places of numbers."""
        found = _WRITTEN.get(self.key)
        if found is None or (self.operands and not self.numbers):
            return found
        if current_device() != "cpu":
            return None
        for place in self.numbers or ():
            number = number_of(self.operands[place], found.dtype)
            if number is None:
                return None
            self.arrays[place] = number
        return found

    def keep(self, op: Op, operands: Sequence[Any], attributes: dict[str, Any]) -> None:
        """Remember it, if its values are the operands of the op as they stand."""
        own = self.operands
        if len(own) != len(operands) or any(map(is_not, own, operands)):
            return
        if len(set(map(id, own))) < len(own) and (self.named or not op.elementwise):
            return  # one value in two places does not tell which of them is which
        call = call_of(op, operands, attributes)
        how = None if call is None else call.known
        if call is None or how is None:
            return
        if len(_WRITTEN) >= CALLS:
            _WRITTEN.clear()
        _WRITTEN[self.key] = Known(*how, attributes, call.dtype)

    def piece(self, value: Any) -> Any:
        """What tells an argument apart from others; a `LookupError` if nothing does."""
        kind = value.__class__
        if kind in VALUES:
            array = array_of(value)
            if array is None:
                raise LookupError
            self.replaced = self.replaced or VALUES[kind]
            self.arrays.append(array)
            self.operands.append(value)
            return array.dtype, array.shape
        if self.numbers is not None and kind in NUMBERS:
            self.numbers.append(len(self.arrays))
            self.arrays.append(None)
            self.operands.append(value)
            return kind
        if kind in PLAIN:
            return value
        if kind is tuple or kind is list:
            if len(value) > LONGEST:
                raise LookupError
            return (kind, *map(self.piece, value))
        return key_of(value)


def written(
    op: Op, arguments: Sequence[Any], options: Mapping[str, Any]
) -> Written | None:
    """A call as it is written; None for one with unusual arguments."""
    found = Written(op, bool(options))
    piece = found.piece
    try:
        key = [op, settings(), *map(piece, arguments)]
        if options:
            key += [(name, piece(value)) for name, value in options.items()]
    except (LookupError, RecursionError):  # such as a list that holds itself
        return None
    found.key = tuple(key)
    return found
