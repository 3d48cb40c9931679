"""The language of `Op.scalar`: what an op does to one element, as a formula.

Operands are called x, y, z; other names are attributes of the op. Signs are those of C,
and stand for functions that every printer knows: `x < 0 ? -x : sqrt(x)`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from ...graph.diagnostics import InternalError

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:e[-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||[<>=!]=|<<|>>|[-+*/&|^~!<>?:(),]))"
)
BINARY = {
    "||": (1, "or"),
    "&&": (2, "and"),
    "|": (3, "bit_or"),
    "^": (4, "bit_xor"),
    "&": (5, "bit_and"),
    "==": (6, "eq"),
    "!=": (6, "ne"),
    "<": (7, "lt"),
    "<=": (7, "le"),
    ">": (7, "gt"),
    ">=": (7, "ge"),
    "<<": (8, "shl"),
    ">>": (8, "shr"),
    "+": (9, "add"),
    "-": (9, "sub"),
    "*": (10, "mul"),
    "/": (10, "div"),
}
UNARY = {"-": "neg", "!": "not", "~": "bit_not"}


class Number(NamedTuple):
    """A literal; it has the dtype of what stands beside it."""

    value: float


class Name(NamedTuple):
    """An operand or an attribute."""

    text: str


class Apply(NamedTuple):
    """A function on expressions; `select` is the choice between two."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Apply


@cache
def parse(text: str) -> Expression:
    """The expression of a formula.

    >>> parse("x + 2")
    Apply(function='add', arguments=(Name(text='x'), Number(value=2)))
    """
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str):
        self.text, self.place = text, 0
        self.tokens: list[tuple[str, str]] = []
        while self.place < len(text.rstrip()):
            found = TOKEN.match(text, self.place)
            if found is None or found.lastgroup is None:
                raise self._wrong()
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            self.place = found.end()
        self.next = 0

    def _wrong(self) -> InternalError:
        return InternalError(f"no formula: {self.text!r}")

    def _peek(self) -> str:
        return self.tokens[self.next][1] if self.next < len(self.tokens) else ""

    def _take(self, wanted: str = "") -> tuple[str, str]:
        if self.next >= len(self.tokens):
            raise self._wrong()
        token = self.tokens[self.next]
        if wanted and token[1] != wanted:
            raise self._wrong()
        self.next += 1
        return token

    def whole(self) -> Expression:
        found = self._choice()
        if self.next != len(self.tokens):
            raise self._wrong()
        return found

    def _choice(self) -> Expression:
        condition = self._binary(1)
        if self._peek() != "?":
            return condition
        self._take("?")
        yes = self._choice()
        self._take(":")
        return Apply("select", (condition, yes, self._choice()))

    def _binary(self, least: int) -> Expression:
        left = self._unary()
        while BINARY.get(self._peek(), (0,))[0] >= least:
            strength, function = BINARY[self._take()[1]]
            left = Apply(function, (left, self._binary(strength + 1)))
        return left

    def _unary(self) -> Expression:
        if self._peek() in UNARY:
            function = UNARY[self._take()[1]]
            return Apply(function, (self._unary(),))
        kind, text = self._take()
        if kind == "number":
            return Number(float(text) if "." in text or "e" in text else int(text))
        if kind == "name":
            return self._call(text) if self._peek() == "(" else Name(text)
        if text != "(":
            raise self._wrong()
        found = self._choice()
        self._take(")")
        return found

    def _call(self, function: str) -> Expression:
        self._take("(")
        arguments = [self._choice()]
        while self._peek() == ",":
            self._take(",")
            arguments.append(self._choice())
        self._take(")")
        return Apply(function, tuple(arguments))
