"""What a diagnostic is: code, message, spans, notes, help and fix; and the errors.

Every mistake of a user ends as one `TulleError` with diagnostics in it. `report`
prints them, `codes` explains them. A `Fault` is how a type rule refuses its operands
before anybody knows where they stand in the source.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Self

import numpy

from . import tracebacks
from .immutable import Immutable

if TYPE_CHECKING:
    from .dim import Dim, Origin


def _own_folders() -> tuple[str, ...]:
    """Where the files of this package are."""
    root = Path(__file__).resolve().parent.parent
    names = ("api", "dsl", "training", "backend", "graph")
    inside = [root / name for name in names] if (root / "api").is_dir() else [root]
    return tuple(f"{folder}{os.sep}" for folder in inside)


OWN_FOLDERS = _own_folders()
# NumPy stands on the way from a user to this package.
NUMPY_FOLDERS = (f"{Path(numpy.__file__).parent}{os.sep}",)
PACKAGE_FOLDERS = OWN_FOLDERS + NUMPY_FOLDERS


@dataclass(frozen=True, eq=False)
class Source:
    """A text that spans point into: a `.net` file or a Python file."""

    name: str
    text: str
    _starts: list[int] = field(default_factory=list, repr=False)

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its newline."""
        starts = self._line_starts()
        if not 0 < number <= len(starts):
            return ""
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def _line_starts(self) -> list[int]:
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(
                index + 1 for index, char in enumerate(self.text) if char == "\n"
            )
        return self._starts


@dataclass(frozen=True, slots=True)
class Span(Immutable):
    """A stretch of a source: lines and columns from 1, the end column exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def between(cls, source: Source, start: int, end: int) -> Span:
        """The span of the offsets `start` up to `end`."""
        return cls(source, *source.position(start), *source.position(end))

    def through(self, last: Span) -> Span:
        """From the start of this place to the end of another."""
        ends = last.end_line, last.end_column
        return Span(self.source, self.line, self.column, *ends)

    @property
    def text(self) -> str:
        """What stands there, as far as it is on one line."""
        line, whole = self.source.line(self.line), self.line == self.end_line
        return line[self.column - 1 : self.end_column - 1 if whole else None]

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Label:
    """A second place of a diagnostic, with words that make sense alone."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of a span."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that mend the mistake, applied together."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake, told to its author."""

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None
    severity: str = "error"

    def __str__(self) -> str:
        from .report import render

        return render(self)


class TulleError(Exception):
    """The root of all errors that a user can cause; carries diagnostics."""

    def __init__(self, *diagnostics: Diagnostic):
        super().__init__(*diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics

    fault: Fault | None = None

    @classmethod
    def of(
        cls,
        fault: Fault,
        span: Span | None,
        parameters: Sequence[str] = (),
        given: Sequence[Any] = (),
    ) -> Self:
        """The error of a refusal at a place; whoever knows better re-places it.

        In Python code the operands and arguments of the call are found, too;
        `parameters` are the names of the positional ones, `given` their values.
        """
        from .callsites import call_site

        site = call_site(span, parameters, given)
        place = site.place(fault)
        named = {fault.argument: place} if fault.argument and place else {}
        error = cls(fault.diagnostic(span, site.operands, named))
        error.fault = fault
        return error

    def __str__(self) -> str:
        return "\n" + "\n\n".join(map(str, self.diagnostics))


tracebacks.install(TulleError, OWN_FOLDERS, NUMPY_FOLDERS)


class LanguageError(TulleError, ValueError):
    """A `.net` text that is not well formed, or names what does not exist."""


class TensorTypeError(TulleError, ValueError):
    """Shapes, dtypes or arguments that do not fit, found before anything runs."""


class RunShapeError(TulleError, ValueError):
    """Data whose shape or dtype is not the declared one."""


class GradientError(TulleError, ValueError):
    """A gradient that does not exist."""


class DataError(TulleError, ValueError):
    """A file or an array that cannot be used."""


def placed(error: DataError, where: str) -> DataError:
    """An error of data at the user's line, with a note, unless it has a place."""
    first, *others = error.diagnostics
    if first.span is not None:
        return error
    told = replace(first, span=caller_span(), notes=(*first.notes, where))
    return DataError(told, *others)


class BackendError(TulleError, RuntimeError):
    """A device or library that is missing or refuses."""


class InternalError(Exception):
    """A fault of Tulle itself, never of the user."""

    def __init__(self, message: str):
        super().__init__(f"{message}. This is a fault of Tulle: please report it.")


class Fault(Exception):
    """A refusal by a rule that does not know source positions.

    `operands` labels operands by their index, `argument` names the static argument at
    fault, `op` the op whose it is, as the message has it, `dims` are sizes whose origin
    belongs into the message. `repair` says what to write in place of an operand or
    argument, which stands where the form has `{}`.
    `origins` are other places to show; `place` is where the mistake was made, if that
    is not where it shows. `<0:x>` in `help` is operand 0 as its author wrote it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        operands: Mapping[int, str] | None = None,
        argument: str | None = None,
        dims: Sequence[Dim] = (),
        notes: Sequence[str] = (),
        help: Sequence[str] = (),
        repair: Mapping[int | str, str] | None = None,
        origins: Sequence[Origin] = (),
        op: str | None = None,
    ):
        super().__init__(message)
        self.code, self.message = code, message
        self.repair, self.origins = dict(repair or {}), list(origins)
        self.place: Origin | None = None
        self.operands = dict(operands or {})
        self.argument, self.op = argument, op
        self.dims = tuple(dims)
        self.notes, self.help = tuple(notes), tuple(help)

    def diagnostic(
        self,
        span: Span | None,
        operand_spans: Mapping[int, Span] | None = None,
        argument_spans: Mapping[str, Span] | None = None,
    ) -> Diagnostic:
        """The diagnostic, once the places are known."""
        spans = operand_spans or {}
        primary = (argument_spans or {}).get(self.argument or "", span)
        labels = [Label(spans[i], t) for i, t in self.operands.items() if i in spans]
        notes = [
            f"operand {index + 1} is {text}"
            for index, text in self.operands.items()
            if index not in spans and text not in self.message
        ]
        told = [origin for dim in self.dims for origin in dim.history()]
        for origin in [*told, *self.origins]:
            if origin.span:
                labels.append(Label(origin.span, origin.text))
            else:
                notes.append(origin.text)
        if self.place is not None and self.place.span is not None:
            primary, labels = self._moved(self.place, primary, labels)
        unique = list(dict.fromkeys(labels))
        here = [label.text for label in unique if label.span == primary]
        return Diagnostic(
            self.code,
            self.message,
            primary,
            here[0] if here else "",
            labels=tuple(label for label in unique if label.span != primary),
            notes=tuple(dict.fromkeys([*self.notes, *here[1:], *notes])),
            help=tuple(
                self._named(text, spans) for text in (*self.help, *self._alike())
            ),
            fix=self._fix({**spans, **(argument_spans or {})}),
        )

    def _alike(self) -> list[str]:
        """What to do about sizes of one name that are bounded in different ways."""
        met: dict[str, Any] = {}
        for symbol in [symbol for dim in self.dims for symbol in dim.symbols()]:
            other = met.setdefault(symbol.name, symbol)
            if other.rigid != symbol.rigid:
                continue  # one of them is solved for at each use
            if other.admitted != symbol.admitted:
                bounded = symbol if symbol.upper else other
                write = f"write `{bounded} {bounded.admitted}` for both"
                same = write if bounded.upper else "give both the same bounds"
                return [
                    f"the sizes called `{symbol}` are two, {other.admitted} and "
                    f"{symbol.admitted}: {same}, or give one another name"
                ]
        return []

    def _named(self, text: str, spans: Mapping[int, Span]) -> str:
        """Advice in the author's words: `<1:w>` is what stands there, if short."""

        def written(found: re.Match[str]) -> str:
            span = spans.get(int(found[1]))
            if span is None or span.line != span.end_line:
                return found[2]
            text = span.source.line(span.line)[span.column - 1 : span.end_column - 1]
            return text if re.fullmatch(r"[\w.\[\]]{1,30}", text) else found[2]

        return re.sub(r"<(\d+):(\w+)>", written, text)

    def _moved(
        self, place: Origin, span: Span | None, labels: list[Label]
    ) -> tuple[Span | None, list[Label]]:
        """The mistake's own place first; where it shows is a second one."""
        used = [label.span for label in labels] or ([span] if span else [])
        others = [Label(s, "a tensor is needed here") for s in used]
        first = [Label(place.span, place.text)] if place.span else []
        return place.span, first + others

    def _fix(self, spans: Mapping[Any, Span]) -> Fix | None:
        """The repair, if what is replaced stands in one line of a text."""
        found = [(spans.get(index), form) for index, form in self.repair.items()]
        edits = [
            Edit(span, form.format(span.source.line(span.line)[span.column - 1 : end]))
            for span, form in found
            if span is not None and span.line == span.end_line
            for end in (span.end_column - 1,)
        ]
        if not edits or len(edits) < len(found):
            return None
        return Fix(f"write `{edits[0].replacement}`", tuple(edits))


class PythonSource(Source):
    """The text of a Python file, or of a cell of a notebook."""


_SOURCES: dict[str, tuple[list[str], PythonSource]] = {}


def python_source(filename: str) -> Source:
    """The source of a Python file as it is now, the same object until it changes."""
    linecache.checkcache(filename)
    lines = linecache.getlines(filename)
    known = _SOURCES.get(filename)
    if known is None or known[0] != lines:
        known = _SOURCES[filename] = lines, PythonSource(filename, "".join(lines))
    return known[1]


_PLACE: ContextVar[Span | None] = ContextVar("place", default=None)


@contextmanager
def standing_at(span: Span | None) -> Iterator[None]:
    """Let `caller_span` be a place in a text, for what is built on behalf of it."""
    token = _PLACE.set(span)
    try:
        yield
    finally:
        _PLACE.reset(token)


def is_python(span: Span) -> bool:
    """Whether a span lies in the Python code that called, not in a text."""
    return isinstance(span.source, PythonSource)


CallPlace = Span | tuple[CodeType, int] | None


def caller_span() -> Span | None:
    """Where the user's code called into Tulle: the innermost frame outside of it."""
    return span_at(caller_place())


def caller_place() -> CallPlace:
    """What `span_at` makes the span of: an instruction, or a place in a text."""
    if (place := _PLACE.get()) is not None:
        return place
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        own = _OWN.get(name)
        if own is None:
            own = _OWN[name] = name.startswith(PACKAGE_FOLDERS)
        if not own:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


_OWN: dict[str, bool] = {}  # whether a file is one of Tulle's


def span_at(place: CallPlace) -> Span | None:
    """The span of a place that `caller_place` gave."""
    return frame_span(*place) if isinstance(place, tuple) else place


def called_by_user(files: tuple[str, ...]) -> bool:
    """Whether only these files of Tulle stand between here and a user's code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.endswith(files):
        frame = frame.f_back
    return frame is None or not frame.f_code.co_filename.startswith(PACKAGE_FOLDERS)


_SPANS: dict[tuple[int, int], tuple[CodeType, Span]] = {}
SPANS = 4096


def frame_span(code: CodeType, instruction: int) -> Span:
    """The span of the expression that an instruction of a code object belongs to."""
    # Code objects hash slowly, so their identity is the key; they are kept alive.
    key = (id(code), instruction)
    found = _SPANS.get(key)
    if found is None:
        if len(_SPANS) >= SPANS:
            _SPANS.clear()
        found = _SPANS[key] = code, _found_span(code, instruction)
    return found[1]


def _found_span(code: CodeType, instruction: int) -> Span:
    line, end_line, column, end_column = _positions(code, instruction)
    source = python_source(code.co_filename)
    text = source.line(line)
    # CPython counts columns in UTF-8 bytes.
    start = len(text.encode()[:column].decode(errors="ignore")) + 1
    last = source.line(end_line)
    end = len(last.encode()[:end_column].decode(errors="ignore")) + 1
    return Span(source, line, start, end_line, end)


def _positions(code: CodeType, instruction: int) -> tuple[int, int, int, int]:
    for index, found in enumerate(code.co_positions()):
        if index == instruction // 2:
            line, end_line, column, end_column = found
            first = line or code.co_firstlineno
            return first, end_line or first, column or 0, end_column or 0
    return code.co_firstlineno, code.co_firstlineno, 0, 0
