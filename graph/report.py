"""Rendering of diagnostics: quoted source with carets, one line, JSON, GitHub.

Nothing that comes from a source reaches the terminal raw: control and bidirectional
characters are escaped, tabs widened and overlong lines cut around the place meant.
`quote` lays out the lines of one file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .diagnostics import Diagnostic, Label, Source, Span
from .quote import Mark, escaped, quote

SHOWN = 50
FORMATS = ("full", "concise", "json", "github")
STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "primary": "1;31",
    "secondary": "1;34",
    "gutter": "34",
    "help": "32",
    "bold": "1",
}


def paint(text: str, style: str, color: bool) -> str:
    """The text in a style of the terminal, or as it is."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if color and text else text


def render(diagnostic: Diagnostic, *, color: bool = False, width: int = 100) -> str:
    """A diagnostic as text, in the form that compilers of today use.

    >>> print(render(Diagnostic("T0201", "`x` is not defined")))
    error[T0201]: `x` is not defined
      = `tulle explain T0201` says more
    """
    severity = diagnostic.severity if diagnostic.severity in STYLES else "error"
    head = paint(f"{diagnostic.severity}[{diagnostic.code}]", severity, color)
    lines = [f"{head}: {paint(escaped(diagnostic.message), 'bold', color)}"]
    groups = _groups(diagnostic)
    margin = max((len(str(m.span.end_line)) for _, ms in groups for m in ms), default=1)
    for index, (source, marks) in enumerate(groups):
        arrow = "-->" if index == 0 else ":::"
        before = f"{' ' * margin}{paint(arrow, 'gutter', color)} "
        if not source.text:
            # Nothing to quote: what was typed in, or a file that is gone.
            lines += [before + escaped(_told_place(mark)) for mark in marks]
            continue
        lines.append(before + escaped(str(marks[0].span)))
        lines += quote(source, marks, margin, width, lambda t, s: paint(t, s, color))
    indent = " " * (margin + 1) + paint("=", "gutter", color) + " "
    for word, texts in (("note", diagnostic.notes), ("help", diagnostic.help)):
        for text in texts:
            lines += _remark(indent, margin, word, text, color)
    lines.append(f"{indent}`tulle explain {diagnostic.code}` says more")
    return "\n".join(lines)


def _told_place(mark: Mark) -> str:
    return f"{mark.span}: {mark.text}" if mark.text else str(mark.span)


def _remark(indent: str, margin: int, word: str, text: str, color: bool) -> list[str]:
    first, *rest = text.split("\n")
    style = "help" if word == "help" else "bold"
    hang = " " * (margin + 5 + len(word))
    return [
        f"{indent}{paint(word + ':', style, color)} {escaped(first)}",
        *(hang + escaped(line) for line in rest),
    ]


def _groups(diagnostic: Diagnostic) -> list[tuple[Source, list[Mark]]]:
    """The marks by source, that of the primary span first."""
    marks = [Mark(diagnostic.span, diagnostic.label, True)] if diagnostic.span else []
    marks += [Mark(label.span, label.text, False) for label in diagnostic.labels]
    groups: dict[int, tuple[Source, list[Mark]]] = {}
    for mark in dict.fromkeys(marks):
        source = mark.span.source
        groups.setdefault(id(source), (source, []))[1].append(mark)
    return list(groups.values())


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics by place, those without one first; the order is stable."""
    return sorted(diagnostics, key=_place)


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.source.name, span.line, span.column) if span else ("", 0, 0)


def render_all(
    diagnostics: Iterable[Diagnostic],
    format: str = "full",
    *,
    color: bool = False,
    width: int = 100,
) -> str:
    """All diagnostics in order of place, at most fifty of them.

    >>> print(render_all([Diagnostic("T0201", "`x` is not defined")], "concise"))
    error[T0201]: `x` is not defined
    """
    ordered = in_order(diagnostics)
    shown, hidden = ordered[:SHOWN], len(ordered) - SHOWN
    more = [f"{hidden} more are not shown"] if hidden > 0 else []
    if format == "json":
        return json.dumps([_record(d) for d in shown], indent=2)
    if format == "github":
        return "\n".join(_github(d) for d in shown)
    if format == "concise":
        return "\n".join([*(_concise(d) for d in shown), *more])
    if format != "full":
        raise ValueError(f"`{format}` is none of the formats {', '.join(FORMATS)}")
    texts = [render(d, color=color, width=width) for d in shown]
    return "\n\n".join([*texts, *more])


def _concise(diagnostic: Diagnostic) -> str:
    place = f"{escaped(str(diagnostic.span))}: " if diagnostic.span else ""
    head = f"{diagnostic.severity}[{diagnostic.code}]"
    return f"{place}{head}: {escaped(diagnostic.message)}"


def _github(diagnostic: Diagnostic) -> str:
    kind = "warning" if diagnostic.severity == "warning" else "error"
    fields = [f"title={_property(diagnostic.code)}"]
    if span := diagnostic.span:
        fields = [
            f"file={_property(span.source.name)}",
            f"line={span.line}",
            f"col={span.column}",
            f"endLine={span.end_line}",
            f"endColumn={span.end_column}",
            *fields,
        ]
    text = escaped("; ".join([diagnostic.message, *diagnostic.help]))
    return f"::{kind} {','.join(fields)}::{text.replace('%', '%25')}"


def _property(text: str) -> str:
    """A value as GitHub's workflow commands want it."""
    text = escaped(text).replace("%", "%25")
    return text.replace(":", "%3A").replace(",", "%2C")


def _record(diagnostic: Diagnostic) -> dict[str, object]:
    fix = diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "place": _place_record(diagnostic.span),
        "label": diagnostic.label,
        "labels": _label_records(diagnostic.labels),
        "notes": list(diagnostic.notes),
        "help": list(diagnostic.help),
        "fix": fix
        and {
            "title": fix.title,
            "edits": [
                {"place": _place_record(e.span), "replacement": e.replacement}
                for e in fix.edits
            ],
        },
    }


def _label_records(labels: Sequence[Label]) -> list[dict[str, object]]:
    return [{"place": _place_record(x.span), "text": x.text} for x in labels]


def _place_record(span: Span | None) -> dict[str, object] | None:
    if span is None:
        return None
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
