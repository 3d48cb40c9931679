"""Syntax errors out of habit: what is written so in Python, and otherwise here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..graph.diagnostics import Diagnostic, Span
from .foreign import changes
from .library import alias
from .run_settings import SETTINGS
from .tokens import CLOSERS, ITEMS, OPENERS, SECTIONS, STATEMENTS, Token
from .told import told

if TYPE_CHECKING:
    from .mistakes import Mistake

OPERATORS = (
    "PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "PERCENT", "AT", "DOUBLE_STAR",
    "COMPARISON", "AND", "OR",
)  # fmt: skip
NUMBERS = ("INTEGER", "FLOAT", "TRUE", "FALSE")
TYPES = {"TRUE": "bool", "FALSE": "bool", "FLOAT": "f32", "STRING": "str"}
_TURNS = "`x |> repeat 4 as i { … }` applies stages several times"
FLOW = {
    "for": _TURNS,
    "while": _TURNS,
    "if": "`if` gives a value: `return if condition { … } else { … }`",
}
BEGINNINGS = STATEMENTS | SECTIONS | ITEMS
BREAKS = BEGINNINGS | {"EQUAL", "COMMA", "AND", "OR", "NOT", "PIPE", "COLON", "IF"}


def explain(mistake: Mistake) -> Diagnostic | None:
    """The diagnostic of a habit, or None."""
    for rule in (
        _turns_below_zero,
        _compared_twice,
        _behind_pipe,
        _element_type,
        _result,
        _equals,
        _entries,
        _short,
        _unmade,
        _typeless,
        _named,
        _branching,
        _nameless_metric,
        _bare,
        _setting_alone,
    ):
        if found := rule(mistake):
            return found
    return None


def _turns_below_zero(mistake: Mistake) -> Diagnostic | None:
    """`repeat -1 { … }`."""
    before = mistake.previous
    if mistake.found.type != "MINUS" or before is None or before.type != "REPEAT":
        return None
    help = "write how many turns there are: `repeat 4 { … }`"
    return told("the number of turns is from 0 on", mistake.found.span, help)


def _compared_twice(mistake: Mistake) -> Diagnostic | None:
    """`a < b < c`."""
    if mistake.found.type != "COMPARISON":
        return None
    depth = 0
    for token in reversed(mistake.tokens[: mistake.index]):
        depth += (token.type in CLOSERS) - (token.type in OPENERS)
        if depth < 0 or (not depth and token.type in BREAKS):
            return None
        if not depth and token.type == "COMPARISON":
            help = "join two comparisons: `a < b and b < c`"
            message = "comparisons are not chained"
            return told(message, mistake.found.span, help)
    return None


def _behind_pipe(mistake: Mistake) -> Diagnostic | None:
    """`x |> f + y`: an operator behind the last stage."""
    found = mistake.found
    if found.type not in OPERATORS or "PIPE" not in mistake.accepted:
        return None
    first = _piped(mistake)
    if first is None:
        return None
    message = f"`{found.text}` behind a pipe, which binds loosest"
    help = [f"put the pipe in parentheses: `({first.text} |> …) {found.text} …`"]
    if found.type == "DOUBLE_SLASH":
        help.append("a comment begins with `#`")
    return Diagnostic("T0100", message, found.span, help=tuple(help))


def _piped(mistake: Mistake) -> Token | None:
    """What the pipe begins with that a token stands behind, if it does."""
    depth, piped, first = 0, False, None
    for token in reversed(mistake.tokens[: mistake.index]):
        depth += (token.type in CLOSERS) - (token.type in OPENERS)
        if depth < 0 or (not depth and token.type in (*BEGINNINGS, "EQUAL", "COMMA")):
            break
        piped |= not depth and token.type == "PIPE"
        first = token
    return first if piped else None


def _element_type(mistake: Mistake) -> Diagnostic | None:
    """`x: [B, 4]`: sizes without an element type."""
    before = mistake.previous
    if mistake.found.type != "LSQUARE" or mistake.accepted != {"NAME"}:
        return None
    if before is None or before.type not in ("COLON", "ARROW"):
        return None
    at = mistake.found.span
    place = Span(at.source, at.line, at.column, at.line, at.column)
    help = "write `f32[…]`, or `i32[…]` for whole numbers"
    message = "a type begins with its element type"
    return told(message, at, help, (place, "f32"))


def _result(mistake: Mistake) -> Diagnostic | None:
    """A head without `-> type`."""
    found = mistake.found
    if mistake.accepted != {"ARROW"}:
        return None
    if found.type == "COLON":
        message, help = "the type of a result stands behind `->`", "write `->`"
        return told(message, found.span, help, (found.span, "->"))
    if found.type in ("LBRACE", "EQUAL"):
        message = "the type of the result is missing"
        return told(message, mistake.behind, "for example `-> f32[B, 10]`")
    return None


def _equals(mistake: Mistake) -> Diagnostic | None:
    """`loss = …`: a section with a sign that it does not take."""
    found, before = mistake.found, mistake.previous
    if found.type not in ("EQUAL", "COLON") or before is None:
        return None
    if before.type not in SECTIONS or before.type == "FREEZE":
        return None
    form = "{ … }" if before.type in ("METRICS", "RUN", "CLIP") else "…"
    message = f"`{before.text}` takes no `{found.text}`"
    return told(message, found.span, f"write `{before.text} {form}`")


ENTRIES = {
    "METRICS": "metrics { accuracy = binary_accuracy(label, output) }",
    "RUN": "run { batch = 32, epochs = 10 }",
    "CLIP": "clip { norm = 1.0 }",
}


def _entries(mistake: Mistake) -> Diagnostic | None:
    """`metrics [ … ]`: a section without its braces."""
    before = mistake.previous
    if mistake.accepted != {"LBRACE"} or before is None or before.type not in ENTRIES:
        return None
    message = f"the entries of `{before.text}` stand in braces"
    return told(message, mistake.found.span, f"for example `{ENTRIES[before.type]}`")


def _short(mistake: Mistake) -> Diagnostic | None:
    """`layer L()(x: f32[B]) -> f32[B] = …`."""
    if mistake.found.type != "EQUAL" or not mistake.accepted <= {"LBRACE", "WHERE"}:
        return None
    head = mistake.last_of(ITEMS | STATEMENTS | {"WHERE"})
    if head is None or head.type not in ("LAYER", "MODEL"):
        return None
    message = f"the body of a `{head.text}` stands in braces"
    return told(message, mistake.found.span, "write `{ return … }`")


def _unmade(mistake: Mistake) -> Diagnostic | None:
    """`param w: f32[4]`: a variable that nothing makes."""
    tokens = mistake.tokens
    starts = (
        i for i in range(mistake.index - 1, -1, -1) if tokens[i].type in STATEMENTS
    )
    start = next(starts, -1)
    if mistake.accepted != {"EQUAL"} or start < 0:
        return None
    if tokens[start].type not in ("PARAM", "STATE") or mistake.index - start < 4:
        return None
    what = "parameter" if tokens[start].type == "PARAM" else "state"
    first, last = tokens[start].span, tokens[mistake.index - 1].span
    whole = first.line == last.end_line
    text = first.source.line(first.line)[first.column - 1 : last.end_column - 1]
    begun = text if whole else f"{tokens[start].text} {tokens[start + 1].text}: …"
    help = f"for example `{begun} = zeros()`"
    return told(f"an initializer makes a {what}", mistake.behind, help)


def _typeless(mistake: Mistake) -> Diagnostic | None:
    """`const n = 3`, `(x)`: what is declared without its type."""
    found, before = mistake.found, mistake.previous
    if mistake.accepted != {"COLON"} or before is None or before.type != "NAME":
        return None
    if found.type not in ("EQUAL", "COMMA", "RPAREN"):
        return None
    kind = mistake.tokens[mistake.index - 2].type
    message = f"the type of `{before.text}` is missing"
    if kind in ("CONST", "CONFIG"):
        word = TYPES.get(mistake.next.type if mistake.next else "", "int")
        title, at = f"write `{before.text}: {word}`", mistake.behind
        place = Span(at.source, at.line, at.column, at.line, at.column)
        return told(message, at, title, (place, f": {word}"))
    sizes = "f32[4]" if kind in ("PARAM", "STATE") else "f32[B, 4]"
    if _among_settings(mistake):
        sizes = TYPES.get(mistake.next.type if mistake.next else "", "int")
    return told(message, mistake.behind, f"for example `{before.text}: {sizes}`")


def _among_settings(mistake: Mistake) -> bool:
    """Whether a place is in the first of the two lists of a layer."""
    head, opener = mistake.last_of(ITEMS), mistake.opener
    if head is None or head.type != "LAYER" or not opener:
        return False
    return mistake.tokens[opener - 1].type in ("NAME", "RSQUARE")


def _named(mistake: Mistake) -> Diagnostic | None:
    """`Dense(4)(x) as hidden`: a name for what is no stage of a pipe."""
    if mistake.found.type != "AS" or "PIPE" not in mistake.accepted:
        return None
    message = "`as` names a stage behind `|>`"
    help = 'elsewhere a layer is named among its settings: `Dense(4, name = "hidden")`'
    return told(message, mistake.found.span, help)


def _branching(mistake: Mistake) -> Diagnostic | None:
    """`for`, `while` and `if` where a statement begins."""
    found = mistake.found
    if not mistake.accepted >= STATEMENTS or found.text not in FLOW:
        return None
    message = f"`{found.text}` begins no statement"
    return Diagnostic("T0107", message, found.span, help=(FLOW[found.text],))


def _nameless_metric(mistake: Mistake) -> Diagnostic | None:
    """`metrics { accuracy }`."""
    found, before = mistake.found, mistake.previous
    if mistake.accepted != {"EQUAL"} or before is None or before.type != "NAME":
        return None
    if found.type not in ("RBRACE", "COMMA", "LPAREN") or not _within_metrics(mistake):
        return None
    metric = alias(before.text, ("metric",)) or before.text
    help = f"for example `{before.text} = {metric}(label, output)`"
    return told("a metric has a name and a value", before.span, help)


def _within_metrics(mistake: Mistake) -> bool:
    section = mistake.last_of(SECTIONS)
    return section is not None and section.type == "METRICS"


def _bare(mistake: Mistake) -> Diagnostic | None:
    """A value that stands alone, as the last line of a body may in other languages."""
    found, after = mistake.found, mistake.next
    if found.type != "NAME" or not mistake.accepted >= STATEMENTS or after is None:
        return None
    if after.type not in ("PIPE", "LPAREN", *OPERATORS, "RBRACE") or changes(mistake):
        return None
    help = [
        f"`return {found.text} …` gives the result, `let y = {found.text} …` a name"
    ]
    if after.type == "LPAREN" and "PIPE" in mistake.accepted:
        help.insert(
            0, f"a stage of the pipe above begins with it: `|> {found.text}(…)`"
        )
    if found.text == "print":
        help = ["a body has no effects: what is to be seen is one of its results"]
    message = f"`{found.text}` begins no statement"
    return Diagnostic("T0107", message, found.span, help=tuple(help))


def _setting_alone(mistake: Mistake) -> Diagnostic | None:
    """`epochs = 3`, `epochs 3` among the sections of a training."""
    found, after = mistake.found, mistake.next
    if not mistake.accepted >= SECTIONS or after is None:
        return None
    if after.type not in ("EQUAL", "COLON", *NUMBERS):
        return None
    python = {setting.argument: name for name, setting in SETTINGS.items()}
    name = python.get(found.text, found.text)
    if name not in SETTINGS:
        return None
    message = f"`{found.text}` begins no section"
    help = f"how a training runs stands in `run`: `run {{ {name} = … }}`"
    return Diagnostic("T0107", message, found.span, help=(help,))
