"""Layout of quoted source lines with marks under them.

A line becomes cells, one a character, so that escapes, tabs and wide characters keep
the carets under what they mean.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from .diagnostics import Source, Span

TAB = 4
ELLIPSIS = "..."
Painter: TypeAlias = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Mark:
    """A span to underline, with a label."""

    span: Span
    text: str
    primary: bool


@dataclass(frozen=True, slots=True)
class Stroke:
    """A mark on one line, in display columns from 0, the end exclusive."""

    start: int
    end: int
    text: str
    primary: bool

    @property
    def style(self) -> str:
        return "primary" if self.primary else "secondary"


def escaped(text: str) -> str:
    """The text with control and formatting characters made visible."""
    return text if text.isprintable() else "".join(map(_cell, text))


def _cell(char: str) -> str:
    if char == "\t":
        return " " * TAB
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"):
        return f"\\u{{{ord(char):x}}}"
    return char


def _columns(cell: str) -> int:
    if len(cell) > 1 or cell.isascii():
        return len(cell)
    if unicodedata.combining(cell):
        return 0
    return 2 if unicodedata.east_asian_width(cell) in "WF" else 1


def quote(
    source: Source, marks: Sequence[Mark], margin: int, width: int, paint: Painter
) -> list[str]:
    """The marked lines of one source between gutters."""
    bar = paint("|", "gutter")
    blank = f"{' ' * (margin + 1)}{bar}"
    lines = [blank]
    for number, strokes in sorted(_by_line(marks).items()):
        text = source.line(number).rstrip("\r")
        text, strokes = _display(text, strokes, max(width - margin - 3, 40))
        head = paint(f"{number:>{margin}}", "gutter")
        lines.append(f"{head} {bar} {text}".rstrip())
        lines += [f"{blank} {row}" for row in _rows(strokes, paint)]
    return lines


def _by_line(marks: Sequence[Mark]) -> dict[int, list[Stroke]]:
    """The marks cut into lines; of a long one only the first and the last line."""
    found: dict[int, list[Stroke]] = {}
    for mark in marks:
        span = mark.span
        start, end = span.column - 1, max(span.end_column - 1, 0)
        if span.line == span.end_line:
            stroke = Stroke(start, max(end, start + 1), mark.text, mark.primary)
            found.setdefault(span.line, []).append(stroke)
            continue
        text = span.source.line(span.line).rstrip()
        first = Stroke(start, max(len(text), start + 1), "", mark.primary)
        found.setdefault(span.line, []).append(first)
        indent = len(last := span.source.line(span.end_line)) - len(last.lstrip())
        stroke = Stroke(min(indent, max(end - 1, 0)), end, mark.text, mark.primary)
        if end:
            found.setdefault(span.end_line, []).append(stroke)
    return found


def _display(text: str, strokes: list[Stroke], width: int) -> tuple[str, list[Stroke]]:
    """The line as shown, and the strokes in its display columns."""
    cut, shift, last = _window(len(text), strokes, width)
    before = ELLIPSIS if shift else ""
    cells = [_cell(char) for char in text[shift : shift + cut]]
    columns = [len(before)]
    for cell in cells:
        columns.append(columns[-1] + _columns(cell))

    def place(column: int) -> int:
        inside = min(max(column - shift, 0), len(cells))
        return columns[inside] + min(max(column - shift - len(cells), 0), 1)

    moved = []
    for stroke in strokes:
        if stroke.start <= shift + cut and (stroke.end > shift or not shift):
            start = place(stroke.start)
            moved.append(
                replace(stroke, start=start, end=max(place(stroke.end), start + 1))
            )
    return before + "".join(cells) + (ELLIPSIS if last else ""), moved


def _window(
    length: int, strokes: Sequence[Stroke], width: int
) -> tuple[int, int, bool]:
    """How many characters to show, from which one, and whether the end is cut."""
    if length <= width:
        return length, 0, False
    centre = next((s for s in strokes if s.primary), strokes[0])
    room = width - 2 * len(ELLIPSIS)
    middle = centre.start + min(centre.end - centre.start, room) // 2
    shift = min(max(middle - room // 2, 0), length - room)
    return room, shift, shift + room < length


def _rows(strokes: Sequence[Stroke], paint: Painter) -> Iterator[str]:
    """The underline with the last label behind it, the others hanging below."""
    ordered = sorted(strokes, key=lambda s: (s.start, -s.end, s.primary))
    labelled = [s for s in ordered if s.text]
    canvas: dict[int, tuple[str, str]] = {}
    # What lies inside of a longer stroke is drawn over it.
    for stroke in sorted(ordered, key=lambda s: (s.start - s.end, s.primary)):
        mark = "^" if stroke.primary else "-"
        canvas |= {c: (mark, stroke.style) for c in range(stroke.start, stroke.end)}
    hanging = list(labelled)
    tail = ""
    if labelled and ordered[-1] is labelled[-1]:
        tail = " " + paint(escaped(labelled[-1].text), labelled[-1].style)
        hanging.pop()
    yield _draw(canvas, paint) + tail
    if hanging:
        yield _draw(_bars(hanging), paint)
    while hanging:
        stroke = hanging.pop()
        bars = _bars([s for s in hanging if s.start < stroke.start])
        text = paint(escaped(stroke.text), stroke.style)
        yield _draw(bars, paint, stroke.start) + text


def _bars(strokes: Sequence[Stroke]) -> dict[int, tuple[str, str]]:
    return {s.start: ("|", s.style) for s in strokes}


def _draw(canvas: dict[int, tuple[str, str]], paint: Painter, width: int = 0) -> str:
    """The canvas as text, neighbours of one style painted together."""
    parts: list[tuple[str, str]] = []
    for column in range(max([*(c + 1 for c in canvas), width], default=0)):
        char, style = canvas.get(column, (" ", ""))
        if parts and parts[-1][1] == style:
            parts[-1] = (parts[-1][0] + char, style)
        else:
            parts.append((char, style))
    return "".join(paint(t, s) if s else t for t, s in parts)
