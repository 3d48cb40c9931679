"""Syntax errors of those who know another language, and what is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..graph.diagnostics import Diagnostic, Span
from .tokens import ITEMS, SECTIONS, STATEMENTS
from .told import told

if TYPE_CHECKING:
    from .mistakes import Mistake

HEADS = {"FN", "LAYER", "EXTERN", "MODEL", "TRAIN"}
SIGNS = {"PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "PERCENT", "AT"}
VALUES = {"INTEGER", "FLOAT", "STRING", "TRUE", "FALSE"}


def explain(mistake: Mistake) -> Diagnostic | None:
    """The diagnostic of a form that another language has, or None."""
    for rule in (_colon, _conditional, _comprehension, _changed, _lambda, _beside):
        if found := rule(mistake):
            return found
    return None


def colon_fault(name: str, place: Span, between: Span, value: str) -> Diagnostic:
    """`Dense(units: 3)`: the diagnostic, with the places of the name and of the colon.

    `between` reaches from the name to the value.
    """
    message = f"`{name}` is a setting, which is given with `=`, not with `:`"
    edit = (between, " = ") if between.line == between.end_line else None
    return told(message, place, f"write `{name} = {value}`", edit)


def _colon(mistake: Mistake) -> Diagnostic | None:
    """`Dense(units: 3)`, `run { batch: 32 }`."""
    tokens, index = mistake.tokens, mistake.index
    if mistake.accepted == {"EQUAL"} and mistake.found.type == "COLON" and index > 1:
        name, sign, value = tokens[index - 1], mistake.found, mistake.next
    elif mistake.accepted == {"NAME"} and index > 2 and not _in_head(mistake):
        name, sign, value = tokens[index - 2], tokens[index - 1], mistake.found
    else:
        return None
    before = tokens[index - (3 if value is mistake.found else 2)].type
    known = name.type == "NAME" and sign.type == "COLON" and value is not None
    if not known or value is None or before not in ("LPAREN", "COMMA", "LBRACE"):
        return None
    return colon_fault(name.text, sign.span, gap(name.span, value.span), value.text)


def gap(first: Span, last: Span) -> Span:
    """What stands between two places."""
    source = first.source
    return Span(source, first.end_line, first.end_column, last.line, last.column)


def _in_head(mistake: Mistake) -> bool:
    """Whether a token stands among the parameters of a declaration."""
    for token in reversed(mistake.tokens[: mistake.index]):
        if token.type in ("LBRACE", "EQUAL"):
            return False
        if token.type in ITEMS | STATEMENTS | SECTIONS:
            return token.type in HEADS
    return False


def _conditional(mistake: Mistake) -> Diagnostic | None:
    """`a ? b : c`."""
    if mistake.found.type != "HOLE" or "PIPE" not in mistake.accepted:
        return None
    message = "`?` is a hole that is left to fill, no choice"
    help = "`where(condition, a, b)` chooses element by element"
    return told(message, mistake.found.span, help)


def _comprehension(mistake: Mistake) -> Diagnostic | None:
    """`[f(y) for y in x]`."""
    inside = mistake.opener is not None and "PIPE" in mistake.accepted
    if mistake.found.text != "for" or not inside:
        return None
    message = "lists are written out, `for` makes none"
    help = "`x |> repeat 4 as i { … }` applies stages several times"
    return told(message, mistake.found.span, help)


def _changed(mistake: Mistake) -> Diagnostic | None:
    """`x += 1`."""
    before = mistake.previous
    if mistake.found.type != "EQUAL" or before is None or before.type not in SIGNS:
        return None
    sign = f"{before.text}="
    help = f"give the new value a name: `let y = x {before.text} …`"
    return told(f"`{sign}` changes nothing here: values stay", before.span, help)


def _lambda(mistake: Mistake) -> Diagnostic | None:
    """`lambda y: …`."""
    before = mistake.previous
    if before is None or before.text != "lambda" or mistake.found.type != "NAME":
        return None
    help = "declare it at the top level: `fn f(x: f32[B]) -> f32[B] = …`"
    return told("a function has a name", before.span, help)


def _beside(mistake: Mistake) -> Diagnostic | None:
    """`Dense 3`."""
    found, before = mistake.found, mistake.previous
    if before is None or found.type not in VALUES or before.type != "NAME":
        return None
    apart = before.span.end_line != found.span.line
    within = mistake.opener is not None and (
        mistake.tokens[mistake.opener].type != "LBRACE"
    )
    if apart or within or not {"LPAREN", "PIPE"} <= mistake.accepted:
        return None
    message = "settings stand in parentheses"
    return told(message, found.span, f"write `{before.text}({found.text})`")
