"""What the commands of `tulle` print: lines, and diagnostics."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TextIO

from .graph.diagnostics import DataError, Diagnostic, is_python
from .graph.report import render_all


def print_diagnostics(
    diagnostics: Iterable[Diagnostic], stream: TextIO, format: str = "full"
) -> None:
    """Print diagnostics, in colour only on a terminal that wants it."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    color = stream.isatty() and not plain
    width = _columns(stream) if color else 100
    told = map(_without_caller, diagnostics)
    text = render_all(told, format, color=color, width=max(width, 60))
    if text:
        say(text, stream)


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 100


def _without_caller(diagnostic: Diagnostic) -> Diagnostic:
    """A diagnostic without the line of Python that called: here nobody wrote it."""
    span = diagnostic.span
    labels = tuple(label for label in diagnostic.labels if not is_python(label.span))
    if span is not None and is_python(span):
        span = None
    return replace(diagnostic, span=span, labels=labels)


def say(text: str, stream: TextIO | None = None) -> None:
    """Write lines."""
    (stream or sys.stdout).write(f"{text}\n")


def check_apart(output: str | None, *read: str) -> None:
    """Refuse to write over a file that the command reads."""
    for file in read:
        if output is not None and os.path.realpath(output) == os.path.realpath(file):
            message = f"`{output}` is read: it is not written over"
            raise refuse("T0705", message, "choose another place")


def refuse(code: str, message: str, *advice: str) -> DataError:
    """The error of a command that cannot do what it was told."""
    return DataError(Diagnostic(code, message, help=advice))
