"""Syntax errors around repeated stages, choices, states and what training spares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..graph.diagnostics import Diagnostic
from .tokens import CLOSERS, OPENERS, STATEMENTS, Token
from .told import told

if TYPE_CHECKING:
    from .mistakes import Mistake

STAGES = ("PIPE", "LBRACE")  # what a stage follows


def explain(mistake: Mistake) -> Diagnostic | None:
    """The diagnostic of a form that is nearly right, or None."""
    for rule in (_turns, _block, _arms, _flags, _updates, _training):
        if found := rule(mistake):
            return found
    return None


def _kinds(mistake: Mistake, count: int) -> tuple[str, ...]:
    """The kinds of the tokens before, the nearest last."""
    start = max(mistake.index - count, 0)
    return tuple(token.type for token in mistake.tokens[start : mistake.index])


def _turns(mistake: Mistake) -> Diagnostic | None:
    """The head of a `repeat`."""
    found, before = mistake.found, _kinds(mistake, 2)
    if before[-1:] == ("REPEAT",):
        stage = before[0] in STAGES
        if found.type == "LBRACE" and stage:
            message = "`repeat` needs the number of its turns"
            return told(message, found.span, "for example `repeat 4 { … }`")
        if found.type == "FLOAT" and stage:
            message = (
                f"the number of turns is a whole number, and `{found.text}` is none"
            )
            return told(message, found.span, "for example `repeat 4 { … }`")
        if found.type == "INTEGER":
            message = "`repeat` is a stage, and nothing flows into it"
            return told(message, found.span, "write `x |> repeat 4 { … }`")
    if found.type == "LBRACE" and (opener := _parenthesis(mistake)):
        return _bare_number(mistake, opener)
    if not {"SHARED", "LBRACE"} <= mistake.accepted:
        if found.type == "SHARED" and before[0] == "AS":
            message = "turns that share their weights have no numbers"
            return told(message, found.span, "leave out `shared`, or the `as`")
        return None
    if found.type == "IN" and mistake.previous is not None:
        name = mistake.previous.text
        help = f"write `repeat 4 as {name} {{ … }}`, or `fold {name} in [8, 4] {{ … }}`"
        return told("`repeat` goes through numbers from 0 on", found.span, help)
    if found.type == "COLON":
        help, edit = "leave it out", (found.span, "")
        return told("no `:` stands behind the number of turns", found.span, help, edit)
    place = mistake.behind
    return told("the stages of a `repeat` stand in braces", place, "add `{`")


def _bare_number(mistake: Mistake, opener: int) -> Diagnostic:
    """`repeat (4) { … }`."""
    first, last = mistake.tokens[opener], mistake.tokens[mistake.index - 1]
    inner = mistake.tokens[opener + 1 : mistake.index - 1]
    place = first.span.through(last.span)
    text = " ".join(token.text for token in inner)
    message = "the number of turns stands without parentheses"
    help = f"write `repeat {text} {{ … }}`"
    return told(message, place, help, (place, f" {text}"))


def _parenthesis(mistake: Mistake) -> int:
    """Where the parenthesis of `|> repeat (…) {` opens; 0 if it is none."""
    tokens, depth = mistake.tokens, 0
    for index in range(mistake.index - 1, 1, -1):
        kind = tokens[index].type
        depth += (kind in CLOSERS) - (kind in OPENERS)
        if depth <= 0:
            head = (tokens[index - 2].type, tokens[index - 1].type)
            stage = kind == "LPAREN" and head[1] == "REPEAT" and head[0] in STAGES
            return index if stage else 0
    return 0


def _block(mistake: Mistake) -> Diagnostic | None:
    """The stages between the braces, and what follows them."""
    found, before = mistake.found, mistake.previous
    if before is None:
        return None
    if "FOLD" in mistake.accepted and before.type == "LBRACE":
        if found.type == "PIPE":
            help = "leave out this `|>`: the operand comes from the turn before"
            return told(
                "the first stage stands by itself", found.span, help, (found.span, "")
            )
        what = "is empty" if found.type == "RBRACE" else "has stages, no statements"
        help = "for example `repeat 4 { Dense(8) |> relu }`"
        if found.type == "RBRACE" or found.type in STATEMENTS:
            return told(f"what is repeated {what}", found.span, help)
    if found.type == "AS" and before.type == "RBRACE" and "PIPE" in mistake.accepted:
        message = "a `repeat` or `fold` has no name of its own"
        help = "name the stages inside it: `repeat 4 { Dense(8) as hidden }`"
        return told(message, found.span, help)
    return None


def _arms(mistake: Mistake) -> Diagnostic | None:
    """`if` and `match`."""
    found, accepted = mistake.found, mistake.accepted
    if "FAT_ARROW" in accepted and found.type in ("COLON", "ARROW", "EQUAL"):
        help = "write `=>`"
        return told(
            "`=>` leads from a mode to its value", found.span, help, (found.span, "=>")
        )
    if mistake.previous is not None and mistake.previous.type == "MATCH":
        help = "write `match mode { train => …, infer => … }`"
        return told("`match` chooses by `mode`", found.span, help)
    asked = mistake.last_of(("IF", "WHERE"))
    chosen = asked is not None and asked.type == "IF"
    if chosen and {"LBRACE", "OR"} <= accepted and "PIPE" not in accepted:
        help = "write `if condition { … } else { … }`"
        message = "the branches of an `if` stand in braces"
        return told(message, mistake.behind, help)
    return None


def _flags(mistake: Mistake) -> Diagnostic | None:
    """The flags of a parameter in another order, or twice."""
    found = mistake.found
    if (
        found.type not in ("IF", "DECAY", "FROZEN")
        or not mistake.accepted >= STATEMENTS
    ):
        return None
    begin = _beginning(mistake.tokens, mistake.index)
    if begin is None or begin.type != "PARAM":
        return None
    message = "the flags of a parameter stand in another order"
    return told(message, found.span, "first `if …`, then `decay …`, then `frozen`")


def _beginning(tokens: Sequence[Token], index: int) -> Token | None:
    """The word that begins the statement a token stands in."""
    kinds = (tokens[i] for i in range(index - 1, -1, -1))
    return next((token for token in kinds if token.type in STATEMENTS), None)


def _updates(mistake: Mistake) -> Diagnostic | None:
    if mistake.accepted != {"ASSIGN"} or mistake.previous is None:
        return None
    found, name = mistake.found, mistake.previous.text
    if found.type == "EQUAL":
        message = "an update is written with `:=`"
        return told(
            message, found.span, f"write `update {name} := …`", (found.span, ":=")
        )
    if found.type in ("PLUS", "MINUS", "STAR", "SLASH"):
        help = f"write `update {name} := {name} {found.text} …`"
        return told("an update gives the whole new value", found.span, help)
    return None


def _training(mistake: Mistake) -> Diagnostic | None:
    found, before = mistake.found, mistake.previous
    if found.type == "NAME" and found.text == "clip" and "CLIP" in mistake.accepted:
        help = "write `clip { norm = 1.0 }`"
        return told("the bound of `clip` stands in braces", found.span, help)
    if before is None or before.type != "FREEZE":
        return None
    message = "`freeze` takes paths of parameters, as strings"
    if found.type == "NAME":
        text = f'"{found.text}"'
        return told(message, found.span, f"write `freeze {text}`", (found.span, text))
    apart = found.span.line > before.span.end_line
    place = mistake.behind if apart else found.span
    return told(message, place, 'for example `freeze "encoder/*", "head"`')
