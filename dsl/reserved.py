"""Reserved words where names are meant: told once, and read as the names they were."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.diagnostics import Diagnostic, Edit, Fix
from .tokens import ITEMS, SECTIONS, STATEMENTS, Token

WORDS = ITEMS | STATEMENTS | SECTIONS | set("NET IN AS IF ELSE MATCH FOLD".split())
OPERATORS = frozenset(
    "PLUS STAR SLASH DOUBLE_SLASH PERCENT AT DOUBLE_STAR COMPARISON AND OR".split()
)
# What stands around a name, and around no word that begins something.
AHEAD = OPERATORS | set("LPAREN LSQUARE COMMA EQUAL AS PIPE".split())
BEHIND = OPERATORS | set("COLON COMMA RPAREN RSQUARE EQUAL PIPE".split())
DECLARED = {
    "LET": {"EQUAL", "COLON"}, "PARAM": {"COLON"}, "STATE": {"COLON"},
    "UPDATE": {"ASSIGN"}, "DIM": {"IN", "EQUAL", "WHERE"}, "CONFIG": {"COLON"},
    "CONST": {"COLON"}, "FN": {"LPAREN", "LSQUARE"}, "LAYER": {"LPAREN", "LSQUARE"},
    "MODEL": {"LPAREN"},
}  # fmt: skip


def as_names(tokens: Sequence[Token]) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens with names for the words that stand where only names do."""
    found, told = list(tokens), dict[str, list[int]]()
    for index in range(1, len(found) - 1):
        token = found[index]
        if token.type in WORDS and _is_name(found, index, token.text in told):
            told.setdefault(token.text, []).append(index)
            found[index] = Token("NAME", token.text, token.span)
    return found, [_fault(found, places) for places in told.values()]


def _is_name(tokens: Sequence[Token], index: int, known: bool) -> bool:
    """Whether a word is meant as a name; `known` if it was one further up."""
    before, after = tokens[index - 1].type, tokens[index + 1].type
    if after in DECLARED.get(before, ()):
        return True
    if before in AHEAD and after in BEHIND:
        return True
    return known and (before in AHEAD or before == "RETURN" or after in BEHIND)


def _is_setting(tokens: Sequence[Token], place: int) -> bool:
    """Whether a word is given as the name of a setting: `softmax(x, dim = 1)`."""
    around = tokens[place - 1].type, tokens[place + 1].type
    return around[0] in ("LPAREN", "COMMA") and around[1] == "EQUAL"


def _fault(tokens: Sequence[Token], places: Sequence[int]) -> Diagnostic:
    word = tokens[places[0]].text
    if word == "dim" and all(_is_setting(tokens, place) for place in places):
        edits = tuple(Edit(tokens[place].span, "axis") for place in places)
        return Diagnostic(
            "T0106",
            "`dim` declares a size, and is no setting",
            tokens[places[0]].span,
            help=("an axis is given by `axis`",),
            fix=Fix("write `axis`", edits),
        )
    title = f"write `{word}_`, or another name"
    edits = tuple(Edit(tokens[place].span, f"{word}_") for place in places)
    return Diagnostic(
        "T0106",
        f"`{word}` is a reserved word and cannot be a name",
        tokens[places[0]].span,
        help=(title,),
        fix=Fix(f"write `{word}_`", edits),
    )
