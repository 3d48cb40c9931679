"""What is whole of a text with syntax errors, so that its other faults are told too.

A statement that is not well formed becomes one that binds the same names to a value
that failed; a declaration whose head is broken is left out, and its name has failed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from . import syntax
from .tables import Refused, Run
from .tokens import CLOSERS, FAILED, ITEMS, OPENERS, SECTIONS, STATEMENTS, Token

BINDING = ("LET", "PARAM", "STATE")


@dataclass(frozen=True)
class Broken:
    """The tokens of a text, where its pieces start, and which of them are at fault."""

    tokens: Sequence[Token]
    starts: Sequence[int]
    pieces: Set[int]
    items: Sequence[int]
    build: Any

    def file(self) -> syntax.File:
        """The declarations that are whole, and the names of those that are not."""
        found, lost = list[syntax.Item](), list[str]()
        for first, stop in pairwise([*self.items, len(self.tokens) - 1]):
            item = None
            if self.tokens[first].type == "DIM" and self._at_fault(first, stop):
                found += self._sizes(first, stop)
                continue
            if not self._at_fault(first, stop):
                item = self._attempt(self.tokens[first:stop], stop)
            else:
                item = self._attempt(self._patched(first, stop), stop)
            if item is None:
                lost += self._names(first, stop)
            else:
                found.append(item)
        edition = syntax.Edition(self.tokens[0].span, 1)
        return syntax.File(self.tokens[0].span, edition, tuple(found), tuple(lost))

    def _sizes(self, first: int, stop: int) -> list[syntax.Item]:
        """The sizes that a declaration names side by side, each by itself."""
        names = list[Token]()
        for token in self.tokens[first + 1 : stop]:
            if token.type not in ("NAME", "COMMA"):
                break
            names += [token] if token.type == "NAME" else []
        made = (self._attempt([self.tokens[first], name], stop) for name in names)
        return [item for item in made if item is not None]

    def _at_fault(self, first: int, stop: int) -> bool:
        """Whether a piece of a declaration is not well formed."""
        return any(first <= self.starts[number] < stop for number in self.pieces)

    def _attempt(self, tokens: Sequence[Token] | None, stop: int) -> Any:
        if tokens is None:
            return None
        run = Run("item", self.build)
        try:
            for token in tokens:
                run.feed(token)
            return run.finish(Token("$END", "", self.tokens[stop].span))
        except Refused:
            return None

    def _patched(self, first: int, stop: int) -> list[Token] | None:
        """An item with its faulty statements replaced; None if more is at fault."""
        low, high = bisect_left(self.starts, first), bisect_left(self.starts, stop)
        starts, broken = self.starts[low:high], {self.starts[n] for n in self.pieces}
        if any(self.tokens[i].type in SECTIONS - STATEMENTS for i in starts):
            return None  # what a training lacks is no second fault
        end = stop
        while end > first and self.tokens[end - 1].type == "RBRACE":
            end -= 1
        closers = list(self.tokens[end:stop])[-1:]
        if not closers:
            closers = [Token("RBRACE", "}", self.tokens[stop].span)]
        made = list[Token]()
        for start, after in pairwise([*starts, stop]):
            piece = list(self.tokens[start : min(after, max(end, start))])
            if start in broken:
                if start == first:
                    return None
                later = (self.tokens[i].type for i in starts if i > start)
                piece = _stand_in(piece, "RETURN" in later)
            made += piece
        if not any(token.type == "RETURN" for token in made):
            made += _failed("RETURN", "return", self.tokens[stop])
        return made + closers

    def _names(self, first: int, stop: int) -> list[str]:
        """The names that a declaration would have made known."""
        names = [t.text for t in self.tokens[first:stop] if t.type == "NAME"]
        if self.tokens[first].type == "IMPORT":
            return names
        return [] if self.tokens[first].type == "TRAIN" else names[:1]


def _stand_in(piece: Sequence[Token], early: bool) -> list[Token]:
    """A statement of the same names whose value has failed, or none.

    The `return` of an `early` end, as in an `if` of other languages, is left out.
    """
    first = piece[0]
    if first.type == "RETURN":
        return [] if early else _failed("RETURN", "return", first)
    names = list[Token]()
    for token in piece[1:] if first.type in BINDING else ():
        if token.type in ("EQUAL", "COLON"):
            break
        if token.type == "NAME":
            names.append(token)
    names += _assigned(piece)
    found = list[Token]()
    for name in names:
        let = Token("LET", "let", first.span)
        equal = Token("EQUAL", "=", first.span)
        found += [let, name, equal, Token("NAME", FAILED, first.span)]
    return found


def _assigned(piece: Sequence[Token]) -> list[Token]:
    """The names of `x = …` that stand in a piece without their `let`."""
    found, depth = list[Token](), 0
    for before, token, after in zip(piece, piece[1:], piece[2:], strict=False):
        depth += (before.type in OPENERS) - (before.type in CLOSERS)
        begins = token.span.line > before.span.end_line
        if begins and not depth and (token.type, after.type) == ("NAME", "EQUAL"):
            found.append(token)
    return found


def _failed(kind: str, text: str, place: Token) -> list[Token]:
    return [Token(kind, text, place.span), Token("NAME", FAILED, place.span)]


def items_of(tokens: Sequence[Token]) -> list[int]:
    """Where declarations begin."""
    return [
        i for i, token in enumerate(tokens)
        if token.type in ITEMS
        and not (token.type == "LAYER" and i and tokens[i - 1].type == "EXTERN")
    ]  # fmt: skip
