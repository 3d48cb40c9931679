"""Text to tokens. The table of terminals in `grammars/net.lark` is the only one.

A word of that table is reserved, but where the grammar takes it for a name, and where
`NEIGHBOURS` says so. Characters that begin no token become diagnostics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isinf

from ..graph.diagnostics import Diagnostic, Edit, Fix, Source, Span
from . import parts

ITEMS = frozenset("IMPORT DIM CONFIG CONST FN LAYER EXTERN MODEL TRAIN".split())
STATEMENTS = frozenset("LET PARAM STATE UPDATE LOSS RETURN".split())
SECTIONS = frozenset("LOSS OPTIMIZER METRICS FREEZE CLIP RUN".split())
# Words that are names too, as `_soft` of the grammar has them.
SOFT = frozenset("WHERE REPEAT DECAY FROZEN SHARED".split())
# Words that begin something only with a certain neighbour behind, or without it.
NEIGHBOURS = {"TRAIN": (("FAT_ARROW", "COLON"), False), "CLIP": (("LBRACE",), True)}
OPENERS = {"LPAREN": "RPAREN", "LSQUARE": "RSQUARE", "LBRACE": "RBRACE"}
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}

MAX_BYTES = 2**20
MAX_NESTING = 100
MAX_NAME = 255
MAX_DIGITS = 18
FAILED = "<failed>"  # the name that stands for an expression at fault
MAX_FAULTS = 50


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `type` is the name of its terminal, `$END` after the last one."""

    type: str
    text: str
    span: Span

    @property
    def is_name(self) -> bool:
        """Whether this is a name, one of a file or `file.name`."""
        return self.type in ("NAME", "DOTTED")


@dataclass(frozen=True, slots=True)
class Terminals:
    """What the tokenizer knows of the grammar."""

    pattern: re.Pattern[str]
    words: dict[str, str]  # reserved word -> terminal
    spellings: dict[str, str]  # terminal -> its fixed text, if it has one


def terminals(table: Iterable[tuple[str, str, bool]]) -> Terminals:
    """The tokenizer's table from (name, pattern, whether it is fixed text)."""
    words, spellings, patterns = {}, {}, []
    for name, pattern, fixed in table:
        if fixed:
            spellings[name] = pattern
        if fixed and pattern.isidentifier():
            words[pattern] = name
        else:
            patterns.append((fixed, -len(pattern), name, pattern))
    # A float before an integer, `==` before `=`, longer fixed texts before shorter.
    parts = [
        f"(?P<{name}>{re.escape(pattern) if fixed else pattern})"
        for fixed, _, name, pattern in sorted(patterns)
    ]
    skipped = r"(?P<SKIP>[ \t\r\n\f]+|\#[^\n]*)"
    return Terminals(re.compile("|".join([skipped, *parts])), words, spellings)


def tokenize(source: Source, table: Terminals) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens, an end token included, and what is wrong with characters."""
    text, tokens, faults = source.text, list[Token](), list[Diagnostic]()
    line, start_of_line, place = 1, 0, 0
    match_at, words, foreign = table.pattern.match, table.words, set[str]()
    while place < len(text) and len(faults) < MAX_FAULTS:
        found = match_at(text, place)
        if found is None or found.lastgroup == "NAME":
            word = _WORD.match(text, place)
            if word and not word.group().isascii():
                # It stands for a name, so that the rest is read as it was meant.
                found = word
        if found is None:
            end = _stray_end(text, place)
            faults.append(_stray(source, place, end))
            place = end
            continue
        end, kind = found.end(), found.lastgroup or ""
        value = found.group()
        if kind == "SKIP":
            if lines := value.count("\n"):
                line, start_of_line = line + lines, place + value.rindex("\n") + 1
        else:
            column = place - start_of_line + 1
            span = Span(source, line, column, line, column + len(value))
            if kind == "FOREIGN":
                kind = "NAME"
                if value not in foreign:
                    faults.append(_foreign(value, span))
                foreign.add(value)
            elif kind == "NAME":
                kind = words.get(value, kind)
            if tokens and tokens[-1].type in NEIGHBOURS:
                tokens[-1] = _beside(tokens[-1], kind)
            tokens.append(Token(kind, value, span))
        place = end
    last = Span.between(source, len(text.rstrip()), len(text.rstrip()))
    tokens.append(Token("$END", "", last))
    return tokens, faults + _too_long(tokens)


def _beside(word: Token, kind: str) -> Token:
    """A word, or the name that it is with such a neighbour behind it."""
    neighbours, wanted = NEIGHBOURS[word.type]
    if (kind in neighbours) == wanted:
        return word
    return Token("NAME", word.text, word.span)


def _foreign(word: str, span: Span) -> Diagnostic:
    """A word with letters that no name has, told at its first place."""
    shown = word if word.isprintable() else ascii(word)[1:-1]
    message = f"`{shown}` is not a name"
    letters = "names are made of the letters a to z, digits and `_`"
    return Diagnostic("T0101", message, span, help=(letters,))


def _too_long(tokens: Sequence[Token]) -> list[Diagnostic]:
    faults = []
    for token in tokens:
        if token.type == "FLOAT" and isinf(float(token.text)):
            message = f"`{token.text}` is larger than every number"
            help = ("`inf` is infinity",)
            faults.append(Diagnostic("T0903", message, token.span, help=help))
        if len(token.text) <= MAX_DIGITS:
            continue
        if token.type == "INTEGER":
            message = f"the number has more than {MAX_DIGITS} digits"
            faults.append(Diagnostic("T0903", message, token.span))
        elif token.is_name and max(map(len, token.text.split("."))) > MAX_NAME:
            message = f"the name is longer than {MAX_NAME} characters"
            faults.append(Diagnostic("T0904", message, token.span))
    return faults


# Letters of all scripts, and the accents that are characters of their own.
_WORD = re.compile(r"(?P<FOREIGN>[^\W\d][\w\u0300-\u036f]*)")
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_MALFORMED = re.compile(
    rf"\d[\w.]*(?:(?<=[eE])[{_DASHES}]\d+)?|\.\d[\w.]*"
    r"|[\"\u201c-\u201f\u00ab][^\n\"\u201c-\u201f\u00bb]*[\"\u201c-\u201f\u00bb]"
    r"|\"[^\n]*|'[^'\n]*'?|&&|\|\||\W|\w+"
)
_ADVICE = {
    ";": "statements need no `;` between them: each begins with its own word",
    "'": 'strings stand in double quotes: `"same"`',
    "!": "only `!=` begins with `!`",
    "&": "both of two conditions: `a and b`",
    "|": "the pipe is written `|>`",
    "`": "names stand without quotes",
    "^": "a power is written `**`",
    ".": "a number has a digit before and behind its point",
    "\\": "a statement goes on over the end of a line by itself",
    "$": "names stand without a sign before them",
}
# What a text processor, a page or a formula has for a sign of the language.
_MEANT = dict.fromkeys(_DASHES, "-") | {
    "\u00d7": "*", "\u00b7": "*", "\u22c5": "*", "\u2217": "*", "\u2715": "*",
    "\u00f7": "/", "\u2215": "/", "\u2044": "/",
    "\u2192": "->", "\u27f6": "->", "\u21d2": "=>", "\u25b7": "|>", "\u25b6": "|>",
    "\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u2026": "..",
}  # fmt: skip


def _stray_end(text: str, place: int) -> int:
    found = _MALFORMED.match(text, place)
    end = found.end() if found else place + 1
    if text[place].isdigit():
        # `1..2` is a range between two numbers, not a malformed one.
        end = place + len(text[place:end].split("..")[0])
    return max(end, place + 1)


def _stray(source: Source, place: int, end: int) -> Diagnostic:
    text, span = source.text[place:end], Span.between(source, place, end)
    if text[0].isdigit() or (text[0] == "." and len(text) > 1):
        return _bad_number(text, span)
    if text[0] in _QUOTES or (text[0] == '"' and text[-1] in _QUOTES):
        return _quoted(text, span)
    if text[0] == '"':
        if text.count('"') > 1:
            message = "a string has no backslashes"
            return Diagnostic("T0102", message, span)
        message = 'the string has no closing `"`'
        help = ("a string ends on the line on which it begins",)
        return Diagnostic("T0102", message, span, help=help)
    meant = " " if text.isspace() else _MEANT.get(text)
    if meant is not None:
        return _looks_like(text, meant, span)
    advice = _ADVICE.get(text[0])
    if text == "." and source.text[:place].endswith(".."):
        advice = "there is no `...`: write `:` for each axis"
    elif text == "." and re.match(r"[A-Za-z_]", source.text[end:]):
        advice = _behind_point(source.text[place + 1 : place + 40])
    shown = f"`{text}`" if text.isprintable() else f"U+{ord(text[0]):04X}"
    message = f"{shown} has no meaning in a `.net` file"
    return Diagnostic("T0101", message, span, help=(advice,) if advice else ())


_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb"


def _quoted(text: str, span: Span) -> Diagnostic:
    """A string in the quotes of a text processor."""
    plain = text.strip(_QUOTES + '"')
    message = f"`{text[0]}` begins no string"
    if text[0] == '"':
        message = f"`{text[-1]}` ends no string"
    help = f'strings stand in plain double quotes: `"{plain or "same"}"`'
    fix = Fix(help, (Edit(span, f'"{plain}"'),)) if len(text) > 1 else None
    return Diagnostic("T0101", message, span, help=(help,), fix=fix)


def _looks_like(text: str, meant: str, span: Span) -> Diagnostic:
    """A character that stands for another one elsewhere."""
    shown = f"`{text}`" if text.isprintable() else f"U+{ord(text):04X}"
    message = f"{shown} has no meaning in a `.net` file"
    help = "write a plain space" if meant == " " else f"write `{meant}`"
    return Diagnostic(
        "T0101", message, span, help=(help,), fix=Fix(help, (Edit(span, meant),))
    )


def _behind_point(rest: str) -> str:
    """What to write in place of `….T`, `….shape` or a method."""
    found = re.match(r"[A-Za-z_]\w*", rest)
    told = parts.part_of(found[0], "…", None) if found else None
    name = found[0] if found else "relu"
    return told or f"there are no methods: `x |> {name}` applies `{name}`"


_FLOAT = re.compile(r"\d+(?:\.\d+)?[eE]-\d+")


def _bad_number(text: str, span: Span) -> Diagnostic:
    message = f"`{text}` is not a number"
    better = f"0{text}" if text[0] == "." else f"{text}0" if text[-1] == "." else ""
    plain = text.translate(dict.fromkeys(map(ord, _DASHES), "-"))
    if plain != text and _FLOAT.fullmatch(plain):
        better = plain
    elif not better.replace(".", "", 1).isdigit():
        better = ""
    if better:
        title = f"write `{better}`"
        return Diagnostic(
            "T0101", message, span, help=(title,), fix=Fix(title, (Edit(span, better),))
        )
    return Diagnostic("T0101", message, span)
