"""Tokens to a syntax tree, or to all syntax errors of a text.

After an error the parse goes on at the next word that begins a statement or a
declaration, and each such piece reports one error at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from ..graph.diagnostics import Diagnostic, Source, Span
from . import syntax
from .builder import Builder
from .mistakes import Mistake, explain
from .rescue import Broken, items_of
from .reserved import as_names
from .tables import Refused, Run, tables
from .tokens import (
    CLOSERS,
    ITEMS,
    MAX_BYTES,
    MAX_FAULTS,
    MAX_NESTING,
    OPENERS,
    SECTIONS,
    STATEMENTS,
    Terminals,
    Token,
    terminals,
    tokenize,
)

BEGINNINGS = ITEMS | STATEMENTS | SECTIONS | {"$END"}


def parse(
    source: Source, rescue: bool = False
) -> tuple[syntax.File | None, list[Diagnostic]]:
    """The syntax tree of a text, or None and what is wrong with it.

    With `rescue` the tree of a faulty text has what is whole of it.

    >>> parse(Source("a.net", "net 1 dim B"))[0].items[0].name.text
    'B'
    """
    if (size := len(source.text.encode(errors="replace"))) > MAX_BYTES:
        message = f"the text has {size} bytes, more than the limit of {MAX_BYTES}"
        return None, [Diagnostic("T0901", message)]
    if (zero := source.text.find("\0")) >= 0:
        message = "this is binary data, not the text of a network"
        return None, [
            Diagnostic("T0101", message, Span.between(source, zero, zero + 1))
        ]
    tokens, faults = tokenize(source, table())
    tokens, reserved = as_names(tokens)
    faults += reserved
    if deep := _nesting(tokens):
        return None, [deep]
    parser = _Parser(tokens)
    parser.broken = {parser.piece_at(f.span) for f in faults if f.span}
    tree = parser.file()
    faults += parser.faults
    if not faults:
        return tree, []
    return (parser.rescued() if rescue and len(faults) < MAX_FAULTS else None), faults


def _nesting(tokens: Sequence[Token]) -> Diagnostic | None:
    depth = 0
    for token in tokens:
        if token.type in OPENERS:
            depth += 1
            if depth > MAX_NESTING:
                message = f"brackets are nested more than {MAX_NESTING} deep"
                return Diagnostic("T0902", message, token.span)
        elif token.type in CLOSERS:
            depth = max(depth - 1, 0)
    return None


@cache
def table() -> Terminals:
    """What the tokenizer knows of the grammar."""
    return terminals(tables().terminals)


_BUILDER = Builder()


def _build(rule: str, children: list[Any]) -> Any:
    return getattr(_BUILDER, rule)(children)


def _in_full(accepted: set[str], start: str) -> set[str]:
    """What may follow a piece in the file, where the piece alone could end."""
    follows = {
        "item": ITEMS | {"$END"},
        "statement": STATEMENTS | {"RBRACE"},
        "section": SECTIONS | {"RBRACE"},
    }
    if "$END" not in accepted or start not in follows:
        return accepted
    return accepted - {"$END"} | follows[start]


class _Parser:
    """One text; pieces are runs of tokens that begin with a word of `BEGINNINGS`."""

    def __init__(self, tokens: Sequence[Token]):
        self.tokens = tokens
        self.faults: list[Diagnostic] = []
        self.broken: set[int] = set()
        self.starts = [0]
        self.starts += [
            i for i, t in enumerate(tokens)
            if i and t.type in BEGINNINGS and not self.inside(i)
        ]  # fmt: skip
        self.orphans = False  # a missing `}` leaves statements without a home
        self._unclosed: set[int] | None = None

    def inside(self, index: int) -> bool:
        """Whether a word begins nothing here: the `layer` of `extern layer`."""
        before = self.tokens[index - 1].type if index else ""
        return before == "EXTERN" and self.tokens[index].type == "LAYER"

    def piece_at(self, span: Span) -> int:
        """The piece that a place lies in."""
        place = (span.line, span.column)
        after = [
            n
            for n, start in enumerate(self.starts)
            if (self.tokens[start].span.line, self.tokens[start].span.column) > place
        ]
        return after[0] - 1 if after else len(self.starts) - 1

    def piece_of(self, index: int) -> int:
        """The piece that a token lies in."""
        from bisect import bisect_right

        return bisect_right(self.starts, index) - 1

    def file(self) -> syntax.File | None:
        tree, failed = self.run("file", 0, len(self.tokens) - 1)
        if failed is not None:
            self.recover(failed)
        return tree if isinstance(tree, syntax.File) else None

    def rescued(self) -> syntax.File:
        """What is whole of the file."""
        items = items_of(self.tokens)
        broken = Broken(self.tokens, self.starts, self.broken, items, _build)
        return broken.file()

    def run(self, start: str, first: int, stop: int) -> tuple[Any, int | None]:
        """Parse the tokens from `first` to `stop`: a tree, or the token at fault."""
        if len(self.faults) >= MAX_FAULTS:
            return None, None
        run = Run(start, _build)
        index = first
        try:
            for index in range(first, stop):
                run.feed(self.tokens[index])
            index = stop
            return run.finish(Token("$END", "", self.tokens[stop].span)), None
        except Refused as refused:
            self.report(index, _in_full(refused.accepted, start))
            return None, index

    def report(self, index: int, accepted: set[str]) -> None:
        """Add the diagnostic of a fault, unless its piece has one already."""
        begins = self.tokens[index].type in BEGINNINGS
        piece = self.piece_of(max(index - begins, 0))
        opener = self.unclosed_before(index, accepted)
        orphan = self.orphans and self.tokens[index].type in STATEMENTS
        if self.ends_fault(index):
            self.broken.add(piece)
        if piece in self.broken or orphan or len(self.faults) >= MAX_FAULTS:
            return
        self.broken.add(piece)
        mistake = Mistake(self.tokens, index, accepted, opener, self.open_at(index))
        fault = explain(mistake, table())
        self.faults.append(fault)
        if fault.code == "T0106":
            # A reserved word is no beginning where a name was meant.
            self.broken.add(self.piece_of(index))
        if opener is not None and self.tokens[opener].type == "LBRACE":
            self.orphans = True

    def ends_fault(self, index: int) -> bool:
        """Whether a `}` ends what has been told of: the block of a `for`."""
        opener = self.open_at(index)
        if self.tokens[index].type != "RBRACE" or opener is None:
            return False
        return self.piece_of(opener) in self.broken

    def recover(self, failed: int) -> None:
        """Parse what follows a fault, declaration by declaration."""
        later = [i for i in items_of(self.tokens) if i >= failed]
        stops = [*later, len(self.tokens) - 1]
        self.rest_of_block(failed, stops[0])
        for first, stop in pairwise(stops):
            _, fault = self.run("item", first, stop)
            if fault is not None:
                self.rest_of_block(fault, stop)

    def rest_of_block(self, fault: int, stop: int) -> None:
        """Parse the statements behind a fault, each for itself."""
        words = STATEMENTS | SECTIONS
        starts = [i for i in range(fault, stop) if self.tokens[i].type in words]
        for first, end in pairwise([*starts, stop]):
            if end == stop and self.tokens[end - 1].type == "RBRACE":
                end -= 1
            if self.piece_of(first) not in self.broken:
                section = self.tokens[first].type in SECTIONS
                self.run("section" if section else "statement", first, end)

    def open_at(self, index: int) -> int | None:
        """The innermost bracket that is open before a token."""
        return self._brackets(index)[0]

    def unclosed_before(self, index: int, accepted: set[str]) -> int | None:
        """The bracket whose missing end explains a fault."""
        if self._unclosed is None:
            self._unclosed = self._brackets(len(self.tokens))[1]
        opener = self.open_at(index)
        if opener is None or opener not in self._unclosed:
            return None
        closes = OPENERS[self.tokens[opener].type] in accepted
        return opener if closes or self.tokens[index].type in BEGINNINGS else None

    def _brackets(self, stop: int) -> tuple[int | None, set[int]]:
        """The innermost open bracket before a token, and all that are never closed."""
        stack, unclosed = list[int](), set[int]()
        for index, token in enumerate(self.tokens[:stop]):
            kind = token.type
            inner = kind in STATEMENTS or kind in SECTIONS
            if kind in ITEMS or kind == "$END":
                unclosed.update(stack)
                stack.clear()
            elif kind in OPENERS:
                stack.append(index)
            elif inner or kind == "RBRACE":
                while stack and self.tokens[stack[-1]].type != "LBRACE":
                    unclosed.add(stack.pop())
                if stack and kind == "RBRACE":
                    stack.pop()
            elif kind in CLOSERS and stack:
                if self.tokens[stack[-1]].type == CLOSERS[kind]:
                    stack.pop()
        return (stack[-1] if stack else None), unclosed
