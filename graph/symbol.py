"""Unknown sizes, and where a size was born."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .diagnostics import Fault, Span
from .immutable import Immutable

if TYPE_CHECKING:
    from .decide import Condition

_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a size was born, in words, and the place.

    `cause` is the size that it was computed from, `setting` the argument that says it.
    """

    text: str
    span: Span | None = None
    cause: Origin | None = field(default=None, compare=False, repr=False)
    setting: str = ""

    def trail(self) -> Iterator[Origin]:
        """This origin and those before it, the nearest few and the first."""
        steps, last = 0, self
        while last.cause is not None:
            if steps < TRAIL:
                yield last
            steps, last = steps + 1, last.cause
        yield last


TRAIL = 5


class Symbol(Immutable):
    """An unknown size with bounds; two symbols of one name are different sizes.

    A rigid symbol stands for every size at once (a declared `dim`): nothing may force
    it to a number. `step` and `rest` admit only sizes with that remainder, `members`
    only those listed; `conditions` relate it to others.
    """

    __slots__ = (
        "name", "number", "lower", "upper", "rigid", "origin",
        "step", "rest", "members", "conditions",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        lower: int = 1,
        upper: int | None = None,
        rigid: bool = True,
        origin: Origin | None = None,
        step: int = 1,
        rest: int = 0,
        members: Iterable[int] | None = None,
    ):
        if step < 1:
            raise Fault("T0204", f"the step of `{name}` is at least 1, not {step}")
        self.step, self.rest, self.members = step, rest % step, None
        if members is not None:
            self.members = tuple(sorted(set(filter(self._fits, members))))
            if not self.members:
                raise Fault("T0204", f"no size is admitted for `{name}`")
            lower, upper = self.members[0], self.members[-1]
        lower += (self.rest - lower) % step
        upper = None if upper is None else upper - (upper - self.rest) % step
        if upper is not None and upper < lower:
            raise Fault("T0204", f"no size is admitted for `{name}`")
        self.name, self.lower, self.upper = name, lower, upper
        self.rigid, self.origin = rigid, origin
        self.number = next(_counter)
        self.conditions: tuple[Condition, ...] = ()  # what else is taken to hold

    def _fits(self, number: int) -> bool:
        return number % self.step == self.rest

    def admits(self, number: int) -> bool:
        """Whether the size may have this value."""
        above = self.upper is None or number <= self.upper
        listed = self.members is None or number in self.members
        return number >= self.lower and above and listed and self._fits(number)

    @property
    def is_any_size(self) -> bool:
        """Whether nothing is asked of the size, and nothing related to it."""
        known = (1, None, 1, 0, None)
        return self.admitted_key == known and not self.conditions

    @property
    def admitted_key(self) -> tuple[object, ...]:
        """What decides which values the size may have."""
        return (self.lower, self.upper, self.step, self.rest, self.members)

    @property
    def admitted(self) -> str:
        """The values that the size may have, in words."""
        if self.members is not None:
            return f"in {{{', '.join(map(str, self.members))}}}"
        text = f"in {self.lower}..{self.upper}"
        if self.upper is None:
            text = f"at least {self.lower}"
        if self.step == 1:
            return text
        return f"{text} with {self.name} % {self.step} == {self.rest}"

    @property
    def order(self) -> tuple[str, int]:
        return (self.name, self.number)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Symbol({self.name!r})"
