"""Syntax errors in the words of the author: what stands where, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..graph.diagnostics import Diagnostic, Edit, Fix, Label, Span
from ..graph.nearest import nearest_of
from . import foreign, habits, mistaken_turns
from .tokens import (
    CLOSERS,
    ITEMS,
    OPENERS,
    SECTIONS,
    SOFT,
    STATEMENTS,
    Terminals,
    Token,
)

EXPRESSION = frozenset(
    (
        "NAME",
        "DOTTED",
        "INTEGER",
        "FLOAT",
        "STRING",
        "TRUE",
        "FALSE",
        "LPAREN",
        "LSQUARE",
        "MINUS",
        "NOT",
        "HOLE",
        "IF",
        "MATCH",
        *SOFT,
    )
)
OPERANDS = EXPRESSION - {"STRING", "NOT", "WHERE"}  # what begins any expression
CONTINUATIONS = frozenset(
    "PIPE COMPARISON PLUS MINUS STAR SLASH DOUBLE_SLASH PERCENT AT DOUBLE_STAR "
    "AND OR COLON GUARD AS LPAREN LSQUARE".split()
)
FOREIGN = {
    "def": "fn",
    "class": "layer",
    "func": "fn",
    "function": "fn",
    "var": "let",
    "val": "let",
    "module": "layer",
    "block": "layer",
    "parameter": "param",
    "weight": "param",
    "network": "model",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A token where the grammar has no place for it."""

    tokens: Sequence[Token]
    index: int
    accepted: set[str]
    unclosed: int | None  # the bracket whose missing end explains the fault
    opener: int | None  # the innermost bracket that is open here

    @property
    def found(self) -> Token:
        return self.tokens[self.index]

    @property
    def previous(self) -> Token | None:
        return self.tokens[self.index - 1] if self.index else None

    @property
    def next(self) -> Token | None:
        after = self.index + 1
        return self.tokens[after] if after < len(self.tokens) else None

    def last_of(self, kinds: Collection[str]) -> Token | None:
        """The last token before this one that is of some kinds."""
        before = reversed(self.tokens[: self.index])
        return next((token for token in before if token.type in kinds), None)

    @property
    def behind(self) -> Span:
        """The place right behind the token before."""
        return self.behind_token(self.index)

    def behind_token(self, index: int) -> Span:
        """The place right behind the one before a token."""
        if not index:
            return self.found.span
        span = self.tokens[index - 1].span
        line, column = span.end_line, span.end_column
        return Span(span.source, line, column, line, column + 1)


def explain(mistake: Mistake, table: Terminals) -> Diagnostic:
    """The diagnostic of a syntax error."""
    known = mistaken_turns.explain, habits.explain, foreign.explain
    for nearly in known:
        if told := nearly(mistake):
            return told
    for rule in (
        _unclosed,
        _closes_nothing,
        _edition,
        _reserved,
        _beginning,
        _lists,
        _comma,
    ):
        if diagnostic := rule(mistake, table):
            return diagnostic
    return _expected(mistake, table)


def _unclosed(mistake: Mistake, table: Terminals) -> Diagnostic | None:
    if mistake.unclosed is None:
        return None
    number, end = _outdented(mistake) or (mistake.unclosed, _end_of(mistake))
    opener = mistake.tokens[number]
    closer = table.spellings[OPENERS[opener.type]]
    place = mistake.behind_token(end)
    at = Span(place.source, place.line, place.column, place.line, place.column)
    title = f"add `{closer}`"
    return Diagnostic(
        "T0103",
        f"`{opener.text}` is never closed",
        place,
        f"`{closer}` is missing here",
        (Label(opener.span, f"this `{opener.text}` is open"),),
        help=(title,),
        fix=Fix(title, (Edit(at, closer),)),
    )


def _outdented(mistake: Mistake) -> tuple[int, int] | None:
    """A brace within the open one whose closing brace stands under the open one's line.

    It is the one that lacks its own; the second number is where that should stand.
    """
    tokens, outer = mistake.tokens, mistake.unclosed or 0
    stack = list[int]()
    for index in range(outer + 1, mistake.index):
        token = tokens[index]
        if token.type == "LBRACE":
            stack.append(index)
        elif token.type == "RBRACE" and stack:
            inner = stack.pop()
            begins = token.span.line > tokens[index - 1].span.end_line
            under = token.span.column <= _indent(tokens, outer)
            if begins and under and token.span.column < _indent(tokens, inner):
                return inner, index
    return None


def _indent(tokens: Sequence[Token], index: int) -> int:
    """The column where the line of a token begins."""
    line = tokens[index].span.line
    while index and tokens[index - 1].span.end_line == line:
        index -= 1
    return tokens[index].span.column


def _end_of(mistake: Mistake) -> int:
    """The token before which a bracket that is never closed should end.

    Where the next line goes on with what stands outside of the bracket, it ends above.
    """
    tokens, opener = mistake.tokens, mistake.unclosed or 0
    indent, depth = _indent(tokens, opener), 0
    piped = _piped_before(tokens, opener)
    for index in range(opener + 1, mistake.index):
        token = tokens[index]
        begins = token.span.line > tokens[index - 1].span.end_line
        outside = token.span.column <= indent or (piped and token.type == "PIPE")
        if begins and outside and not depth and token.type not in CLOSERS:
            return index
        depth += (token.type in OPENERS) - (token.type in CLOSERS and depth > 0)
    if mistake.found.type == "EQUAL" and tokens[mistake.index - 2].type == "COMMA":
        return max(mistake.index - 2, opener + 1)
    return mistake.index


def _piped_before(tokens: Sequence[Token], opener: int) -> bool:
    """Whether a bracket belongs to a stage of a pipe that began outside of it."""
    depth = 0
    for index in range(opener - 1, -1, -1):
        kind = tokens[index].type
        depth += (kind in CLOSERS) - (kind in OPENERS)
        if depth < 0 or kind in STATEMENTS | ITEMS | SECTIONS:
            return False
        if kind == "PIPE" and not depth:
            return True
    return False


def _closes_nothing(mistake: Mistake, table: Terminals) -> Diagnostic | None:
    found = mistake.found
    if found.type not in CLOSERS or found.type in mistake.accepted:
        return None
    nothing = Diagnostic(
        "T0104",
        f"`{found.text}` closes nothing",
        found.span,
        help=("leave it out, or open it where it begins",),
    )
    if mistake.opener is None:
        return nothing
    opener = mistake.tokens[mistake.opener]
    if OPENERS[opener.type] == found.type:
        return None
    if opener.type == "LBRACE":
        return nothing
    label = Label(opener.span, f"this `{opener.text}` is open")
    message = f"`{found.text}` cannot close `{opener.text}`"
    return Diagnostic("T0104", message, found.span, labels=(label,))


def _edition(mistake: Mistake, table: Terminals) -> Diagnostic | None:
    if "NET" not in mistake.accepted:
        return None
    start = Span(mistake.found.span.source, 1, 1, 1, 1)
    title = "write `net 1` as the first line"
    return Diagnostic(
        "T0105",
        "the file does not begin with its edition",
        mistake.found.span,
        help=(title,),
        fix=Fix(title, (Edit(start, "net 1\n"),)),
    )


def _reserved(mistake: Mistake, table: Terminals) -> Diagnostic | None:
    found, after = mistake.found, mistake.next
    if found.type == "NAME" or found.text not in table.words:
        return None
    follows = after is not None and after.type in (
        "EQUAL",
        "COLON",
        "LPAREN",
        "LSQUARE",
        "COMMA",
        "RPAREN",
        "RSQUARE",
        "LBRACE",
        "PIPE",
        "PLUS",
        "STAR",
        "SLASH",
        "AT",
    )
    same_line = mistake.previous and mistake.previous.span.line == found.span.line
    if "NAME" in mistake.accepted and follows and same_line:
        title = f"write `{found.text}_`, or another name"
        return Diagnostic(
            "T0106",
            f"`{found.text}` is a reserved word and cannot be a name",
            found.span,
            help=(title,),
        )
    return None


def _beginning(mistake: Mistake, table: Terminals) -> Diagnostic | None:
    """A name where a statement, a section or a declaration has to begin."""
    found, accepted = mistake.found, mistake.accepted
    for group, what in (
        (STATEMENTS, "statement"),
        (SECTIONS, "section"),
        (ITEMS, "declaration"),
    ):
        if not group <= accepted or found.type in ("$END", *CLOSERS):
            continue
        if "PIPE" in accepted and found.type != "NAME":
            continue
        words = sorted(table.spellings[kind].lower() for kind in group)
        if found.type in STATEMENTS | SECTIONS | ITEMS | {"NET"}:
            message = f"`{found.text}` begins no {what}"
            where = _home(found)
            return Diagnostic("T0107", message, found.span, help=where)
        known = f"a {what} begins with {_either([f'`{w}`' for w in words])}"
        help, fix = _suggest(mistake, words, group is STATEMENTS)
        message = f"`{found.text}` begins no {what}"
        notes = () if help else (known,)
        return Diagnostic("T0107", message, found.span, notes=notes, help=help, fix=fix)
    return None


def _home(found: Token) -> tuple[str, ...]:
    if found.type in STATEMENTS:
        return (f"`{found.text}` stands inside a layer, a model or a function",)
    if found.type in SECTIONS:
        return (f"`{found.text}` stands inside `train`",)
    if found.type == "NET":
        return ("the edition stands once, at the top of the file",)
    return (f"`{found.text}` stands at the top level of a file",)


def _suggest(
    mistake: Mistake, words: list[str], statement: bool
) -> tuple[tuple[str, ...], Fix | None]:
    found, after = mistake.found, mistake.next
    word = FOREIGN.get(found.text)
    if word == "fn" and _has_settings(mistake):
        word = "layer"
    if statement and word in ("fn", "layer", "model"):
        return (f"a `{word}` is declared at the top level of a file",), None
    if word not in words:
        word = next(iter(nearest_of(found.text, words)), None)
    if word:
        title = f"write `{word}`"
        return (title,), Fix(title, (Edit(found.span, word),))
    if statement and found.type == "NAME" and after and after.type == "EQUAL":
        title = f"write `let {found.text} = …`"
        at = found.span
        before = Span(at.source, at.line, at.column, at.line, at.column)
        return (title,), Fix("add `let`", (Edit(before, "let "),))
    return (), None


def _has_settings(mistake: Mistake) -> bool:
    """Whether two lists of parameters follow, as in the head of a layer."""
    depth = 0
    for token, after in pairwise(mistake.tokens[mistake.index :]):
        depth += (token.type in OPENERS) - (token.type in CLOSERS)
        if not depth and token.type == "RPAREN":
            return after.type == "LPAREN"
    return False


def _lists(mistake: Mistake, table: Terminals) -> Diagnostic | None:
    """A layer with one list of parameters."""
    found, before = mistake.found, mistake.previous
    if mistake.accepted != {"LPAREN"} or found.type != "ARROW":
        return None
    if before is None or before.type != "RPAREN":
        return None
    return Diagnostic(
        "T0108",
        "a layer has two lists: its settings, then the tensors it takes",
        mistake.behind,
        "the second list is missing here",
        help=("write `()` before this list if there are no settings",),
    )


def _comma(mistake: Mistake, table: Terminals) -> Diagnostic | None:
    """Two expressions side by side in a list."""
    found, before = mistake.found, mistake.previous
    if before is None or mistake.opener is None or "COMMA" not in mistake.accepted:
        return None
    if found.type not in ("NAME", "INTEGER", "FLOAT", "STRING", "TRUE", "FALSE"):
        return None
    place = mistake.behind
    at = Span(place.source, place.line, place.column, place.line, place.column)
    return Diagnostic(
        "T0100",
        f"`,` is missing between `{before.text}` and `{found.text}`",
        place,
        "`,` belongs here",
        help=("add `,`",),
        fix=Fix("add `,`", (Edit(at, ","),)),
    )


def _expected(mistake: Mistake, table: Terminals) -> Diagnostic:
    found, wanted = mistake.found, _wanted(mistake.accepted, table)
    text = _either(wanted)
    label = f"{text} belongs here" if text else ""
    ends = found.type == "$END"
    apart = mistake.previous and mistake.previous.span.end_line < found.span.line
    if len(wanted) == 1 and text != "an expression" and mistake.previous:
        message = f"{text} is missing after `{mistake.previous.text}`"
        return Diagnostic("T0100", message, mistake.behind, label)
    if ends or apart or found.type in ITEMS | STATEMENTS | SECTIONS:
        after = f" after `{mistake.previous.text}`" if mistake.previous else ""
        what = "the text ends" if ends else "something is missing"
        return Diagnostic("T0100", f"{what}{after}", mistake.behind, label)
    help: tuple[str, ...] = ()
    if found.text == "=" and "PIPE" in mistake.accepted:
        help = ("`==` compares",)
    return Diagnostic(
        "T0100",
        f"`{found.text}` cannot stand here",
        found.span,
        label,
        help=help,
    )


def _wanted(accepted: Iterable[str], table: Terminals) -> list[str]:
    """What could stand at a place, as few words as are true."""
    left, texts = set(accepted), list[str]()
    if len(left) > 1:
        left -= {"WHERE"}  # conditions are an addition, never what is missing
    if "PIPE" in left or {"PLUS", "STAR"} <= left:
        left -= CONTINUATIONS
        texts.append("an operator")
    if "FOLD" in left:
        left -= EXPRESSION | {"FOLD", "REPEAT", *SOFT}
        texts.append("a stage")
    if left >= OPERANDS:
        left -= EXPRESSION
        texts.append("an expression")
    elif "NAME" in left:
        left -= {"DOTTED", "LPAREN", "RANGE"}
    for group, text in (
        (STATEMENTS, "a statement"),
        (SECTIONS, "a section"),
        (ITEMS, "a declaration"),
    ):
        if group <= left:
            left -= group
            texts.append(text)
    words = {"NAME": "a name", "INTEGER": "a whole number", "$END": "the end"}
    words |= {"COMPARISON": "a comparison", "FLOAT": "a number", "STRING": "a string"}
    for kind in sorted(left, key=lambda kind: (kind in CLOSERS, kind)):
        texts.append(words.get(kind) or f"`{table.spellings[kind]}`")
    return texts


def _either(texts: Sequence[str]) -> str:
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} or {texts[-1]}"
