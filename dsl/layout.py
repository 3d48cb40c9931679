"""Documents and their layout in lines of a width, after Wadler and Oppen.

A document is text, a place where a line may end, or parts of those. A group is set on
one line if it fits, else its own places all end lines. A comment goes behind the line
that it stands in, or on a line of its own if the line is still empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88
INDENT = 2
FARTHEST = 40  # where stages may be aligned with the first one


@dataclass(frozen=True, slots=True)
class Line:
    """Where a line may end; `flat` stands there if it does not."""

    flat: str = " "


@dataclass(frozen=True, slots=True)
class Hard:
    """Where a line ends, with an empty one behind it if `gap`."""

    gap: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A text for groups that take several lines."""

    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; `own` is one that had a line of its own, `gap` an empty one behind."""

    text: str
    own: bool
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that are set on one line, or whose places all end lines."""

    parts: tuple[Document, ...]
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Indent:
    """Parts whose lines are indented.

    `aligned` ones begin behind a space in the present line and line up with that place,
    unless it lies too far to the right.
    """

    parts: tuple[Document, ...]
    aligned: bool = False


Document: TypeAlias = str | Line | Hard | Broken | Comment | Group | Indent
_Task: TypeAlias = tuple[int, bool, Document]  # indentation, whether flat, what


def layout(parts: Iterable[Document]) -> str:
    """The text of a document.

    >>> layout([Group(("f(", Indent((Line(""), "x")), Line(""), ")"))])
    'f(x)\\n'
    """
    writer = _Writer()
    stack: list[_Task] = [(0, False, part) for part in reversed([*parts])]
    while stack:
        indent, flat, part = stack.pop()
        match part:
            case str():
                writer.line += part
            case Comment():
                writer.comment(part)
            case Broken(text):
                writer.line += "" if flat else text
            case Line(text) if flat:
                writer.line += text
            case Line():
                writer.end(indent)
            case Hard(gap):
                writer.end(indent, gap)
            case Indent(inner, True) if flat or len(writer.line) < FARTHEST:
                writer.line += " "
                stack += [(len(writer.line), flat, item) for item in reversed(inner)]
            case Indent(inner, aligned):
                deeper = indent + INDENT
                stack += [(deeper, flat, item) for item in reversed(inner)]
                if aligned:
                    stack.append((deeper, flat, Line()))
            case Group(inner, broken):
                flat = flat or (not broken and _fits(writer, inner, stack))
                stack += [(indent, flat, item) for item in reversed(inner)]
    writer.end(0)
    return writer.text()


def on_one_line(parts: Iterable[Document]) -> str | None:
    """The text of parts that need no line of their own, else None.

    >>> on_one_line([Group(("f32[", Indent((Line(""), "B", Broken(","))), "]"))])
    'f32[B]'
    """
    text, stack = "", [*parts][::-1]
    while stack:
        part = stack.pop()
        match part:
            case str():
                text += part
            case Line(flat):
                text += flat
            case Group(broken=True) | Hard() | Comment():
                return None
            case Group(inner) | Indent(inner):
                stack += reversed(inner)
    return text


class _Writer:
    """Lines with the comments behind them."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.line, self.behind = "", ""

    @property
    def blank(self) -> bool:
        return not self.line.strip()

    def comment(self, comment: Comment) -> None:
        if comment.own and self.blank and not self.behind:
            indent = len(self.line)
            self.line += comment.text
            self.end(indent, comment.gap)
        else:
            self.behind += ("  " if self.behind else "") + comment.text

    def end(self, indent: int, gap: bool = False) -> None:
        self.lines.append((self.line.rstrip(), self.behind))
        self.line, self.behind = " " * indent, ""
        if gap:
            self.lines.append(("", ""))

    def text(self) -> str:
        """All lines; the comments behind neighbouring ones begin in one column."""
        found: list[str] = []
        start = 0
        while start < len(self.lines):
            stop = start + 1
            if self.lines[start][1]:
                while stop < len(self.lines) and self.lines[stop][1]:
                    stop += 1
            found += _aligned(self.lines[start:stop])
            start = stop
        return "\n".join(found).strip("\n") + "\n"


def _aligned(lines: Sequence[tuple[str, str]]) -> list[str]:
    column = max(len(line) for line, _ in lines)
    if any(column + 2 + len(comment) > WIDTH for _, comment in lines):
        column = 0
    return [f"{line:<{column}}  {more}" if more else line for line, more in lines]


def _fits(writer: _Writer, parts: Sequence[Document], rest: Sequence[_Task]) -> bool:
    """Whether parts, and what follows up to the end of a line, fit on this line."""
    trial = _Trial(WIDTH - len(writer.line), writer.blank, bool(writer.behind))
    stack: list[tuple[bool, Document]] = [(True, part) for part in reversed(parts)]
    waiting = len(rest)
    while trial.answer is None:
        if not stack:
            if not waiting:
                return True
            waiting -= 1
            stack.append((rest[waiting][1], rest[waiting][2]))
            trial.first = trial.fresh = False
        flat, part = stack.pop()
        trial.take(flat, part)
        if isinstance(part, (Indent, Group)):
            stack += [(flat, item) for item in reversed(part.parts)]
    return trial.answer


@dataclass(slots=True)
class _Trial:
    """One line on trial; `answer` is whether it fits, once that is known."""

    room: int
    first: bool  # nothing stands in the line yet
    commented: bool  # what follows stands behind a comment, and so in a new line
    fresh: bool = False  # a line could end here
    answer: bool | None = None

    def take(self, flat: bool, part: Document) -> None:
        match part:
            case str():
                self.room -= len(part)
                if part.strip():
                    self.fresh = self.first = False
            case Broken(text):
                self.room -= 0 if flat else len(text)
            case Line(text):
                self.room -= len(text)
                self.fresh = True
                if not flat or self.commented:
                    self.answer = not flat
            case Hard():
                self.answer = not flat
            case Comment(_, own):
                self.commented |= not (own and self.first)
                if own and self.fresh:
                    self.answer = False
            case Indent(_, aligned):
                self.room -= aligned
            case Group(_, broken) if broken and flat:
                self.answer = False
        if self.room < 0 and self.answer is None:
            self.answer = False
