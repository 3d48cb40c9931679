"""What numbers an argument may be: a class says it once, by the argument's name.

`ConfiguredKind` holds every call of a class to its `argument_bounds`, in Python and in
a text alike, and `docs/catalogue.md` tells them. What kind of value an argument takes
stands in its annotation, see `graph.kinds`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..graph.diagnostics import Fault
from ..graph.kinds import is_number, plain_scalar, shown


@dataclass(frozen=True)
class Bounds:
    """The numbers from `least` to `most`, without an end that is open.

    >>> str(Bounds(0, 1, open_above=True)), 1.0 in Bounds(0, 1, open_above=True)
    ('from 0 to below 1', False)
    """

    least: float = -math.inf
    most: float = math.inf
    open_below: bool = False
    open_above: bool = False
    advice: str = ""

    def __contains__(self, value: float) -> bool:
        try:
            finite = math.isfinite(value)
        except OverflowError:  # a whole number above all floats
            return False
        if not finite or not self.least <= value <= self.most:
            return False
        at_open_end = (self.open_below and value == self.least) or (
            self.open_above and value == self.most
        )
        return not at_open_end

    def __str__(self) -> str:
        if self.least == -math.inf:
            return f"{'below' if self.open_above else 'at most'} {self.most:g}"
        if self.most == math.inf:
            return f"above {self.least:g}" if self.open_below else f"{self._start} on"
        end = "below " if self.open_above else ""
        return f"{self._start} to {end}{self.most:g}"

    @property
    def _start(self) -> str:
        return f"{'above' if self.open_below else 'from'} {self.least:g}"

    def check(self, argument: str, value: Any) -> None:
        """Refuse a number outside, T0204; other kinds are for `graph.kinds`."""
        value = plain_scalar(value)
        if not is_number(value) or value in self:
            return
        message = f"`{argument}` is a number {self}, not {shown(value)}"
        help = [self.advice] if self.advice else []
        raise Fault("T0204", message, argument=argument, help=help)


FROM_0 = Bounds(0)
ABOVE_0 = Bounds(0, open_below=True)
AT_MOST_0 = Bounds(most=0)
SHARE = Bounds(0, 1)
SHARE_ABOVE_0 = Bounds(0, 1, open_below=True)
BELOW_1 = Bounds(0, 1, open_above=True)
RATE = Bounds(0, advice="to make a loss large, train on its negative")


@lru_cache(1024)
def bounds_of(kind: type) -> Mapping[str, Bounds]:
    """The bounds of a class's arguments, those of its bases included."""
    found: dict[str, Bounds] = {}
    for base in reversed(kind.__mro__):
        found |= vars(base).get("argument_bounds", {})
    return found
