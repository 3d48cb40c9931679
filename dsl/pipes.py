"""Phrases and pipes of a text that is written: part of `to_net`.

What follows turn by turn in a pipe is rolled up: equal turns into a `repeat`, turns
that differ in a number into a `fold`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

# How tightly forms bind, from loosest to tightest.
PIPE, SUM, PRODUCT, MINUS, POWER, ATOM = 0, 5, 6, 7, 8, 9
COMPARISON = 4
INFIX = {
    "logical_or": ("or", 1), "logical_and": ("and", 2),
    "equal": ("==", COMPARISON), "not_equal": ("!=", COMPARISON),
    "less": ("<", COMPARISON), "less_equal": ("<=", COMPARISON),
    "greater": (">", COMPARISON), "greater_equal": (">=", COMPARISON),
    "add": ("+", SUM), "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT), "divide": ("/", PRODUCT), "mod": ("%", PRODUCT),
    "floor_divide": ("//", PRODUCT), "matmul": ("@", PRODUCT), "power": ("**", POWER),
}  # fmt: skip
CHOICE = "match"  # what a choice by mode is called, which no `as` can say
MOST_STAGES = 32  # of a turn that is looked for
NUMBERS = re.compile(r'("[^"]*"|(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.]))')
TURNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\[\d+\])+)")
VARIABLES = ("n", "k", "setting")  # of a `fold`


class Phrase:
    """What stands for a node: its text, how deep it goes, how tightly it binds."""

    def __init__(self, text: str, depth: int = 0, level: int = ATOM):
        self._text, self.depth, self.level = text, depth, level

    @property
    def text(self) -> str:
        """How it is written."""
        return self._text

    def tight(self, level: int = ATOM) -> str:
        """The text, in brackets unless it binds as tightly as that."""
        return self.text if self.level >= level else f"({self.text})"


def infix(name: str, left: Phrase, right: Phrase, depth: int) -> Phrase:
    """Two operands with an operator between them."""
    sign, level = INFIX[name]
    sides = (level, level + 1)
    if level in (COMPARISON, POWER):
        sides = (level + 1, level + 1)
    text = f"{left.tight(sides[0])} {sign} {right.tight(sides[1])}"
    return Phrase(text, depth, level)


@dataclass(frozen=True)
class Stage:
    """A stage of a pipe; `name` stands behind `as`, `turns` are its numbers.

    An op has no turns, as it is the same in each. `parts` are the stages of all turns
    that a stage was rolled up from.
    """

    text: str
    name: str = ""
    turns: tuple[int, ...] | None = None
    parts: tuple[Stage, ...] = ()

    def __str__(self) -> str:
        numbers = "".join(f"[{turn}]" for turn in self.turns or ())
        return f"{self.text} as {self.name}{numbers}" if self.name else self.text

    def inside(self, implied: bool) -> str:
        """What stands within a turn, where names get the number of the turn."""
        kind = re.escape(self.text.partition("(")[0])
        choice = self.name.partition("_")[0] == CHOICE
        if choice or (implied and re.fullmatch(rf"{kind}(_\d+)?", self.name)):
            return self.text
        return f"{self.text} as {self.name}" if self.name else self.text


def stage(text: str, name: str) -> Stage:
    """The stage of a layer, which may have a name: `block[0]` for example."""
    turned = TURNED.fullmatch(name)
    if turned is None:
        return Stage(text, name, ())
    return Stage(text, turned[1], tuple(map(int, re.findall(r"\d+", turned[2]))))


class Pipe(Phrase):
    """A phrase that goes on through stages; they are put together when it is asked."""

    def __init__(
        self, head: str, before: Pipe | None, last: Stage, rolling: Rolling, depth: int
    ):
        super().__init__("", depth, PIPE)
        self.head, self.before, self.last, self.rolling = head, before, last, rolling

    @property
    def text(self) -> str:
        """How it is written."""
        if not self._text:
            stages, pipe = [self.last], self
            while pipe.before is not None:
                pipe = pipe.before
                stages.append(pipe.last)
            rolled = self.rolling.rolled(stages[::-1])
            self._text = " |> ".join([pipe.head, *map(str, rolled)])
        return self._text


@dataclass(frozen=True)
class Rolling:
    """How pipes are rolled up; `implied` leaves out names that come of themselves."""

    active: bool = True
    implied: bool = True

    def rolled(self, stages: Sequence[Stage]) -> list[Stage]:
        """The stages with what is repeated in `repeat` and `fold`, from inside out."""
        found = list(stages)
        if not self.active:
            return found
        while True:
            again = self._once(found)
            if len(again) == len(found):
                return _unrolled(again)
            found = again

    def _once(self, stages: Sequence[Stage]) -> list[Stage]:
        found: list[Stage] = []
        start = 0
        while start < len(stages):
            size, count = _run(stages, start)
            if count:
                found.append(self._loop(stages[start : start + size * count], size))
            else:
                found.append(stages[start])
            start += size * count or 1
        return found

    def _loop(self, stages: Sequence[Stage], size: int) -> Stage:
        """A `repeat` or a `fold` in place of its turns."""
        named = next((stage for stage in stages if stage.turns), None)
        turns = named.turns[:-1] if named is not None and named.turns else None
        numbers = _numbers(_columns(stages, size))
        head, variable = f"repeat {len(stages) // size}", ""
        if numbers:
            words = set(re.findall(r"\w+", " ".join(one.text for one in stages)))
            variable = next((name for name in VARIABLES if name not in words), "n_")
            head = f"fold {variable} in [{', '.join(numbers)}]"
        columns = _columns(stages, size)
        body = [_with_variable(one, variable).inside(self.implied) for one in columns]
        text = f"{head} {{ {' |> '.join(body)} }}"
        return Stage(text, "", turns, tuple(stages))


def _unrolled(stages: Sequence[Stage]) -> list[Stage]:
    """Without what was rolled up as a part of turns that were not."""
    found: list[Stage] = []
    stack = [*reversed(stages)]
    while stack:
        one = stack.pop()
        if one.parts and one.turns:
            stack += reversed(one.parts)
        else:
            found.append(one)
    return found


def _run(stages: Sequence[Stage], start: int) -> tuple[int, int]:
    """How many stages make a turn that begins here, and how many turns there are."""
    for size in range(1, min(MOST_STAGES, (len(stages) - start) // 2) + 1):
        count = 1
        while _follows(stages, start, size, count):
            count += 1
        while _numbers(_columns(stages[start : start + size * count], size)) is None:
            count //= 2
        turned = any(stage.turns for stage in stages[start : start + size])
        if count > 2 or (count == 2 and turned):
            return size, count
    return 0, 0


def _follows(stages: Sequence[Stage], start: int, size: int, turn: int) -> bool:
    """Whether a turn of that number stands behind those before it."""
    first = start + size * turn
    if first + size > len(stages):
        return False
    for one, two in zip(stages[start:], stages[first : first + size], strict=False):
        if one.name != two.name or (one.turns is None) != (two.turns is None):
            return False
        if one.turns is None or two.turns is None:
            continue
        if not one.turns or one.turns[-1] or two.turns != (*one.turns[:-1], turn):
            return False
    two_turns = [*stages[start : start + size], *stages[first : first + size]]
    return _numbers(_columns(two_turns, size)) is not None


def _columns(stages: Sequence[Stage], size: int) -> list[Sequence[Stage]]:
    """The stages of each place of a turn."""
    return [stages[place::size] for place in range(size)]


def _numbers(columns: Sequence[Sequence[Stage]]) -> list[str] | None:
    """What changes from turn to turn: one number each, or nothing; None if more."""
    found: list[str] = []
    for column in columns:
        parts = [NUMBERS.split(stage.text) for stage in column]
        if len({len(one) for one in parts}) > 1:
            return None
        for place, pieces in enumerate(zip(*parts, strict=True)):
            if len(set(pieces)) == 1:
                continue
            strange = place % 2 == 0 or any('"' in piece for piece in pieces)
            if strange or (found and found != list(pieces)):
                return None
            found = list(pieces)
    return found


def _with_variable(column: Sequence[Stage], variable: str) -> Stage:
    """The stage of a turn, with the variable in the place of what changes."""
    parts = [NUMBERS.split(stage.text) for stage in column]
    pieces = zip(*parts, strict=True)
    text = "".join(own[0] if len(set(own)) == 1 else variable for own in pieces)
    return replace(column[0], text=text)
