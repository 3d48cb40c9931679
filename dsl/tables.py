"""The tables of the LALR parser, and the loop that runs them.

lark makes the tables from `grammars/net.lark`, which takes longer than checking a file;
so they are kept beside it as JSON and used while they belong to the same text of the
grammar. `make grammar` writes them anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .tokens import Token

STARTS = ("file", "item", "statement", "section")
FOLDER = f"{__package__.rpartition('.')[0]}.grammars"


@dataclass(frozen=True)
class Rule:
    """A production: its name, how many symbols it has, and what becomes of them."""

    name: str
    length: int
    spliced: bool  # its children go into the parent
    single: bool  # one child stands for it


@dataclass(frozen=True)
class Tables:
    """What a state does with a symbol: go to state n, or reduce rule -n - 1."""

    starts: Mapping[str, tuple[int, int]]
    states: Sequence[Mapping[str, int]]
    rules: Sequence[Rule]
    terminals: Sequence[tuple[str, str, bool]]  # name, pattern, whether it is fixed


class Refused(Exception):
    """A token that cannot stand here; `accepted` are those that can."""

    def __init__(self, accepted: set[str]):
        super().__init__()
        self.accepted = accepted


class Run:
    """One run of the tables over tokens.

    `build` makes the value of a rule from its name and children.
    """

    def __init__(self, start: str, build: Callable[[str, list[Any]], Any]):
        self.tables, self.build = tables(), build
        first, self.end = self.tables.starts[start]
        self.states, self.values = [first], list[Any]()

    def feed(self, token: Token, value: Any = None) -> None:
        """Take a token; raises `Refused` for one that does not fit.

        `value` stands for it among the children of rules, or the token itself.
        """
        states = self.states
        while (action := self.tables.states[states[-1]].get(token.type)) is not None:
            if action >= 0:
                states.append(action)
                self.values.append(token if value is None else value)
                return
            self._reduce(self.tables.rules[-action - 1])
        raise Refused(self._accepted(states))

    def finish(self, end: Token) -> Any:
        """The value of the whole; raises `Refused` if more is wanted."""
        states = self.states
        while states[-1] != self.end:
            action = self.tables.states[states[-1]].get(end.type)
            if action is None:
                raise Refused(self._accepted(states))
            if action >= 0:
                states.append(action)
            else:
                self._reduce(self.tables.rules[-action - 1])
        return self.values[0]

    def _reduce(self, rule: Rule) -> None:
        children: list[Any] = []
        if rule.length:
            first, *others = self.values[-rule.length :]
            # A list grows at its end: its items are taken over, not copied.
            children = first.children if isinstance(first, _Spliced) else [first]
            for value in others:
                children += value.children if isinstance(value, _Spliced) else [value]
            del self.values[-rule.length :], self.states[-rule.length :]
        if rule.spliced:
            self.values.append(_Spliced(children))
        elif rule.single and len(children) == 1:
            self.values.append(children[0])
        else:
            self.values.append(self.build(rule.name, children))
        self.states.append(self.tables.states[self.states[-1]][rule.name])

    def _accepted(self, states: Sequence[int]) -> set[str]:
        """The tokens that can follow, found by trying each on the states alone."""
        known = {name for name, _, _ in self.tables.terminals} | {"$END"}
        here = self.tables.states[states[-1]]
        return {name for name in here.keys() & known if self._takes(states, name)}

    def _takes(self, states: Sequence[int], name: str) -> bool:
        stack = list(states)
        while stack[-1] != self.end:
            action = self.tables.states[stack[-1]].get(name)
            if action is None:
                return False
            if action >= 0:
                return True
            rule = self.tables.rules[-action - 1]
            del stack[len(stack) - rule.length :]
            stack.append(self.tables.states[stack[-1]][rule.name])
        return True


@dataclass(frozen=True)
class _Spliced:
    """The children of a rule that its parent takes over."""

    children: list[Any]


@cache
def tables() -> Tables:
    """The tables of the grammar: the kept ones, or new ones if it has changed."""
    from pkgutil import get_data

    text = get_data(FOLDER, "net.lark") or b""
    try:
        kept = json.loads(get_data(FOLDER, "net.json") or b"{}")
    except (OSError, ValueError):
        kept = {}
    if kept.get("grammar") != digest(text):
        kept = made(text)
    return Tables(
        {start: (first, end) for start, (first, end) in kept["starts"].items()},
        kept["states"],
        [Rule(*rule) for rule in kept["rules"]],
        [(name, pattern, fixed) for name, pattern, fixed in kept["terminals"]],
    )


def digest(text: bytes) -> str:
    """What tells one text of the grammar from another."""
    return hashlib.sha256(text.replace(b"\r\n", b"\n")).hexdigest()


def made(text: bytes) -> dict[str, Any]:
    """The tables that lark makes of a grammar, as plain lists and dictionaries."""
    from lark import Lark
    from lark.lexer import Lexer
    from lark.parsers.lalr_analysis import Shift

    class NoLexer(Lexer):
        """The tokens are made by `tokenize`."""

        def __init__(self, conf: object):
            self.conf = conf

        def lex(self, *unused: object) -> Any:
            raise NotImplementedError

    grammar = Lark(
        text.decode("utf-8"),
        parser="lalr",
        strict=True,
        lexer=NoLexer,
        start=list(STARTS),
        keep_all_tokens=True,
    )
    table: Any = grammar.parser.parser._parse_table
    rules = {rule: index for index, rule in enumerate(grammar.rules)}
    numbers = _numbered(table)
    return {
        "grammar": digest(text),
        "starts": {
            start: [
                numbers[table.start_states[start]],
                numbers[table.end_states[start]],
            ]
            for start in STARTS
        },
        "states": [
            {
                symbol: numbers[target] if action is Shift else -rules[target] - 1
                for symbol, (action, target) in sorted(table.states[state].items())
            }
            for state in numbers
        ],
        "rules": [
            [
                str(rule.origin.name),
                len(rule.expansion),
                rule.origin.name.startswith("_"),
                bool(rule.options.expand1),
            ]
            for rule in grammar.rules
        ],
        "terminals": [
            [t.name, str(t.pattern.value), t.pattern.type == "str"]
            for t in grammar.terminals
        ],
    }


def _numbered(table: Any) -> dict[int, int]:
    """Numbers for lark's states that are the same each time: by first visit."""
    from lark.parsers.lalr_analysis import Shift

    found: dict[int, int] = {}
    waiting = [table.start_states[start] for start in STARTS]
    for state in waiting:
        if state not in found:
            found[state] = len(found)
            actions = sorted(table.states[state].items())
            waiting += [target for _, (action, target) in actions if action is Shift]
    return found


def write() -> Path:
    """Write the tables beside the grammar."""
    folder = Path(__file__).resolve().parent.parent / "grammars"
    found = made((folder / "net.lark").read_bytes())
    target = folder / "net.json"
    target.write_text(json.dumps(found, separators=(",", ":")) + "\n", "utf-8")
    return target
