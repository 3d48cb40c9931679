"""Syntax errors of those who know another language, and what is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..graph.diagnostics import Diagnostic, Span
from ..graph.types import DTYPES
from .tokens import CLOSERS, ITEMS, OPENERS, SECTIONS, STATEMENTS
from .told import told

if TYPE_CHECKING:
    from .mistakes import Mistake

HEADS = {"FN", "LAYER", "EXTERN", "MODEL", "TRAIN"}
SIGNS = {"PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "PERCENT", "AT"}
CHOOSING = {"IF", "WHERE"}
TURNS = ("for", "while", "loop")
BREAKS = CHOOSING | ITEMS | STATEMENTS | SECTIONS
VALUES = {"INTEGER", "FLOAT", "STRING", "TRUE", "FALSE"}
WORDS = VALUES | {"NAME", "DOTTED"}


def explain(mistake: Mistake) -> Diagnostic | None:
    """The diagnostic of a form that another language has, or None."""
    for rule in (
        _comment,
        _colon,
        _conditional,
        _comprehension,
        _counted,
        _changed,
        _lambda,
        _beside,
        _arrow,
        _angles,
        _body,
        _several,
        _names,
        _compared,
        _sizes,
        _bounds,
        _choices,
        _results,
        _share,
        _round,
        _package,
        _headless,
    ):
        if found := rule(mistake):
            return found
    return None


def _comment(mistake: Mistake) -> Diagnostic | None:
    """`// …`, `/* … */`."""
    tokens, index = mistake.tokens, mistake.index
    found, after = mistake.found, mistake.next
    if (
        found.type == "SLASH"
        and after is not None
        and after.span.line == found.span.line
    ):
        if after.type not in ("STAR", "DOUBLE_STAR"):
            return None
    elif found.type != "DOUBLE_SLASH":
        # Words side by side behind a `//` on the same line are no sizes to divide by.
        while index and tokens[index - 1].span.line == found.span.line:
            index -= 1
            if tokens[index].type == "DOUBLE_SLASH":
                break
        found = tokens[index]
        if found.type != "DOUBLE_SLASH" or mistake.found.type not in WORDS:
            return None
    message = f"`{found.text}` begins no comment"
    edit = (found.span, "#") if found.type == "DOUBLE_SLASH" else None
    return told(message, found.span, "a comment begins with `#`", edit)


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


def _counted(mistake: Mistake) -> Diagnostic | None:
    """`x |> for i in range(4) { … }`."""
    tokens, index, before = mistake.tokens, mistake.index, mistake.previous
    if before is None or before.text != "for" or mistake.found.type != "NAME":
        return None
    if index < 2 or tokens[index - 2].type not in ("PIPE", "LBRACE"):
        return None
    name = mistake.found.text
    help = f"write `repeat 4 as {name} {{ … }}`, or `fold {name} in [64, 32] {{ … }}`"
    return told("`for` is no stage", before.span, help)


def changes(mistake: Mistake) -> bool:
    """Whether `x += 1` begins here."""
    after = mistake.tokens[mistake.index + 1 : mistake.index + 3]
    return len(after) == 2 and after[0].type in SIGNS and after[1].type == "EQUAL"


def _changed(mistake: Mistake) -> Diagnostic | None:
    """`x += 1`."""
    before = mistake.next if changes(mistake) else mistake.previous
    if before is None or before.type not in SIGNS:
        return None
    if mistake.found.type != "EQUAL" and before is not mistake.next:
        return None
    sign = f"{before.text}="
    help = f"give the new value a name: `let y = x {before.text} …`"
    return told(f"`{sign}` changes nothing here: values stay", before.span, help)


def _lambda(mistake: Mistake) -> Diagnostic | None:
    """`lambda y: …`, `y => …`."""
    before = mistake.previous
    arrow = mistake.found.type == "FAT_ARROW" and "PIPE" in mistake.accepted
    named = mistake.found.type == "NAME" and before and before.text == "lambda"
    if before is None or not (arrow or named):
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
    if before.text in TURNS:
        help = "`x |> repeat 4 { … }` applies stages several times"
        return told(f"`{before.text}` is no stage", before.span, help)
    message = "settings stand in parentheses"
    return told(message, found.span, f"write `{before.text}({found.text})`")


def _arrow(mistake: Mistake) -> Diagnostic | None:
    """`x -> Dense(3)`."""
    if mistake.found.type != "ARROW" or "PIPE" not in mistake.accepted:
        return None
    place = mistake.found.span
    return told("the pipe is written `|>`", place, "write `|>`", (place, "|>"))


def _angles(mistake: Mistake) -> Diagnostic | None:
    """`layer Block<N, K>`."""
    before = mistake.previous
    if mistake.found.text != "<" or before is None or "LSQUARE" not in mistake.accepted:
        return None
    if not mistake.accepted <= {"LSQUARE", "LPAREN"}:
        return None
    message = "generic sizes stand in square brackets"
    return told(message, mistake.found.span, f"for example `{before.text}[N, K](…)`")


def _body(mistake: Mistake) -> Diagnostic | None:
    """`model M(x: f32[B]) -> f32[B]:`."""
    if mistake.found.type != "COLON" or "LBRACE" not in mistake.accepted:
        return None
    if not mistake.accepted <= {"LBRACE", "WHERE", "EQUAL"}:
        return None
    message = "a body stands in braces"
    return told(message, mistake.found.span, "write `{` here, and `}` at its end")


def _several(mistake: Mistake) -> Diagnostic | None:
    """`return a, b`, `let y = a, b`."""
    ends = mistake.accepted >= STATEMENTS or mistake.accepted >= ITEMS
    if mistake.found.type != "COMMA" or not (ends or "PIPE" in mistake.accepted):
        return None
    begin = mistake.last_of(STATEMENTS | ITEMS | SECTIONS)
    if begin is None or begin.type not in ("RETURN", "LET", "FN"):
        return None
    form = "return (…, …)" if begin.type == "RETURN" else "… = (…, …)"
    message = "several values stand in parentheses"
    return told(message, mistake.found.span, f"write `{form}`")


def _names(mistake: Mistake) -> Diagnostic | None:
    """`let a, b = …`."""
    tokens, index = mistake.tokens, mistake.index
    if mistake.found.type != "COMMA" or index < 2 or tokens[index - 2].type != "LET":
        return None
    names = [tokens[index - 1].text]
    while tokens[index].type == "COMMA" and tokens[index + 1].type == "NAME":
        names.append(tokens[index + 1].text)
        index += 2
    message = "several names stand in parentheses"
    edit = None
    if tokens[index].type == "EQUAL":
        whole = tokens[mistake.index - 1].span.through(tokens[index - 1].span)
        edit = (whole, f"({', '.join(names)})")
    help = f"write `let ({', '.join(names)}) = …`"
    return told(message, mistake.found.span, help, edit)


def _compared(mistake: Mistake) -> Diagnostic | None:
    """`where K % heads = 0`, `if flag = 1 { … }`."""
    found = mistake.found
    if found.type != "EQUAL" or "LBRACE" not in mistake.accepted:
        return None
    last = mistake.last_of(BREAKS | {"COMPARISON", "EQUAL"})
    if last is None or last.type not in CHOOSING:
        return None
    return told("`=` compares nothing", found.span, "write `==`", (found.span, "=="))


def _sizes(mistake: Mistake) -> Diagnostic | None:
    """`dim B, T`."""
    tokens, index = mistake.tokens, mistake.index
    if mistake.found.type != "COMMA" or index < 2 or tokens[index - 2].type != "DIM":
        return None
    names, last = list[str](), tokens[index - 1]
    while tokens[index].type == "COMMA" and tokens[index + 1].type == "NAME":
        last = tokens[index + 1]
        names.append(f"dim {last.text}")
        index += 2
    message = "each size has a `dim` of its own"
    if not names:
        return told(message, mistake.found.span, "for example `dim B`")
    begin, end = mistake.found.span, last.span
    place = Span(begin.source, begin.line, begin.column, end.end_line, end.end_column)
    shown = ", ".join(f"`{name}`" for name in names)
    edit = place, "".join(f"\n{name}" for name in names)
    where = "on a line of its own" if len(names) == 1 else "on lines of their own"
    return told(message, begin, f"write {shown} {where}", edit)


def _bounds(mistake: Mistake) -> Diagnostic | None:
    """`dim N > 3`."""
    tokens, index = mistake.tokens, mistake.index
    compared = mistake.found.type == "COMPARISON" and index > 1
    if not compared or tokens[index - 2].type != "DIM":
        return None
    name = tokens[index - 1].text
    bounds, condition = f"dim {name} in 4..512", f"dim {name} where {name} > 3"
    help = f"bounds are `{bounds}`, a condition `{condition}`"
    message = "a `dim` takes bounds, or conditions behind `where`"
    return told(message, mistake.found.span, help)


def _choices(mistake: Mistake) -> Diagnostic | None:
    """`dim W in [2, 4]`."""
    tokens, index = mistake.tokens, mistake.index
    if "RANGE" not in mistake.accepted or tokens[index - 1].type != "RSQUARE":
        return None
    start = max((i for i in range(index) if tokens[i].type == "DIM"), default=index)
    if index - start < 5 or tokens[start + 3].type != "LSQUARE":
        return None
    sizes = "".join(
        f"{token.text} " if token.type == "COMMA" else token.text
        for token in tokens[start + 4 : index - 1]
    )
    place = tokens[start + 3].span.through(tokens[index - 1].span)
    edit = place, f"{{{sizes}}}"
    help = f"write `dim {tokens[start + 1].text} in {{{sizes}}}`"
    return told("the sizes that a `dim` may have stand in braces", place, help, edit)


def _results(mistake: Mistake) -> Diagnostic | None:
    """`model M(…) -> f32[B, 3], f32[B] { … }`."""
    head = mistake.last_of(ITEMS | STATEMENTS)
    if mistake.found.type != "COMMA" or not mistake.accepted <= {"LBRACE", "WHERE"}:
        return None
    if head is None or head.type not in HEADS:
        return None
    help = "write `-> (f32[B, 3], f32[B])`, each with a name if you like"
    return told("several results stand in parentheses", mistake.found.span, help)


def _share(mistake: Mistake) -> Diagnostic | None:
    """`rate = 50%`."""
    before = mistake.previous
    if before is None or before.type != "PERCENT":
        return None
    if mistake.found.type not in ("RPAREN", "COMMA", "RBRACE"):
        return None
    help = "write a share as a number: `0.5`"
    return told("`%` is the remainder of a division", before.span, help)


def _round(mistake: Mistake) -> Diagnostic | None:
    """`x: f32(B, 4)`."""
    before = mistake.previous
    if mistake.found.type != "LPAREN" or before is None or before.text not in DTYPES:
        return None
    if "LSQUARE" not in mistake.accepted:
        return None
    message = "the sizes of a type stand in square brackets"
    sizes = _within(mistake)
    help = f"write `{before.text}[{sizes}]`" if sizes else "for example `f32[B, 4]`"
    return told(message, mistake.found.span, help)


def _within(mistake: Mistake) -> str:
    """What a bracket holds, if it is closed on its line."""
    depth, start = 0, mistake.found.span
    for token in mistake.tokens[mistake.index :]:
        depth += (token.type in OPENERS) - (token.type in CLOSERS)
        if token.span.end_line != start.line:
            return ""
        if not depth:
            line = start.source.line(start.line)
            return line[start.end_column - 1 : token.span.column - 1]
    return ""


def _package(mistake: Mistake) -> Diagnostic | None:
    """`import numpy as np`."""
    before = mistake.previous
    if mistake.accepted != {"STRING"} or before is None or before.type != "IMPORT":
        return None
    message = "files are imported, and the library is there without it"
    help = 'for example `import "blocks.net" as blocks`'
    return told(message, mistake.found.span, help)


HEADLESS = {
    "MODEL": ("the inputs of a model", "model {}(x: f32[B, 4]) -> f32[B, 2] {{"),
    "LAYER": ("settings and inputs of a layer", "layer {}()(x: f32[B]) -> f32[B] {{"),
    "TRAIN": ("the targets of a training", "train {}(label: i32[B]) {{"),
}


def _headless(mistake: Mistake) -> Diagnostic | None:
    """`model M { … }`, `train M { … }`."""
    tokens, index = mistake.tokens, mistake.index
    if mistake.found.type != "LBRACE" or "LPAREN" not in mistake.accepted or index < 2:
        return None
    if tokens[index - 1].type != "NAME" or tokens[index - 2].type not in HEADLESS:
        return None
    what, form = HEADLESS[tokens[index - 2].type]
    shown = form.format(tokens[index - 1].text)
    message = f"{what} stand in parentheses"
    return told(message, mistake.behind, f"for example `{shown}`")
