"""Colours for texts: what each terminal of the grammar is, and a lexer for Pygments.

Both come from the table of terminals, as the grammar for editors does, so that they
cannot differ. Pygments finds the lexer by the name `net`; nothing here imports it else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pygments.lexer import RegexLexer
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
)

from ..graph.types import DTYPES
from .tables import tables
from .tokens import ITEMS, OPENERS, SECTIONS, STATEMENTS

BEGINNINGS = ITEMS | STATEMENTS | SECTIONS | {"NET"}
CONSTANTS = {"TRUE", "FALSE"}
VALUES = ("none", "inf")
KINDS = (*DTYPES, "int", "str")
WORD = r"[A-Za-z_][A-Za-z0-9_]*"


def fixed() -> list[tuple[str, str]]:
    """The terminals that are one word or sign each, with their text."""
    return [(name, text) for name, text, is_fixed in tables().terminals if is_fixed]


def free() -> dict[str, str]:
    """The patterns of the other terminals, by name."""
    return {name: text for name, text, is_fixed in tables().terminals if not is_fixed}


def reserved() -> set[str]:
    """The terminals that are words."""
    return {name for name, text in fixed() if text.isidentifier()}


def signs(of: Iterable[str] | None = None) -> list[str]:
    """The terminals that are signs, or those of some names; the longest first."""
    names = {name for name, _ in fixed()} - reserved()
    chosen = names if of is None else names & set(of)
    found = [text for name, text in fixed() if name in chosen]
    return sorted(found, key=lambda text: (-len(text), text))


def words(names: Iterable[str]) -> str:
    """The pattern of reserved words."""
    chosen = set(names)
    return rf"\b({'|'.join(sorted(t for n, t in fixed() if n in chosen))})\b"


def _rules() -> list[tuple[str, object]]:
    brackets = {*OPENERS, *OPENERS.values(), "COMMA"}
    marks = "|".join(map(re.escape, signs(brackets)))
    patterns = free()
    return [
        (r"##[^\n]*", String.Doc),
        (r"#[^\n]*", Comment.Single),
        (r"\s+", Whitespace),
        (patterns["STRING"], String.Double),
        (patterns["FLOAT"], Number.Float),
        (patterns["INTEGER"], Number.Integer),
        (words(BEGINNINGS), Keyword.Declaration),
        (words(reserved() - BEGINNINGS - CONSTANTS), Keyword),
        (rf"{words(CONSTANTS)}|\b({'|'.join(VALUES)})\b", Keyword.Constant),
        (rf"\b({'|'.join(KINDS)})\b", Keyword.Type),
        (r"[A-Z][A-Za-z0-9_]*(?=\s*\()", Name.Class),
        (rf"{WORD}(?=\s*\()", Name.Function),
        (rf"{WORD}(?=\s*=[^=])", Name.Attribute),
        (patterns["COMPARISON"], Operator),
        (rf"{marks}", Punctuation),
        ("|".join(map(re.escape, signs())), Operator),
        (WORD, Name),
    ]


class NetLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """The lexer of `.net` texts.

    >>> from pygments.lexers import get_lexer_by_name
    >>> next(iter(get_lexer_by_name("net").get_tokens("model")))
    (Token.Keyword.Declaration, 'model')
    """

    name = "Tulle"
    aliases = ("net", "tulle")
    filenames = ("*.net",)
    mimetypes = ("text/x-tulle",)
    url = ""
    version_added = ""
    tokens = {"root": _rules()}  # noqa: RUF012 - Pygments wants a dictionary
