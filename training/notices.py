"""Warnings: what a user should know although the work goes on, at the user's place."""

from __future__ import annotations

import sys
import warnings

from ..graph.diagnostics import caller_span
from ..graph.notices import TulleWarning


def warn(message: str, *advice: str) -> None:
    """Warn at the line that called Tulle; the command line prints the words alone."""
    text = "\n".join([message, *(f"  = help: {line}" for line in advice)])
    span = caller_span()
    place = (span.source.name, span.line) if span is not None else ("tulle", 0)
    warnings.warn_explicit(text, TulleWarning, *place)


def say(text: str) -> None:
    """Print a line, as a callback with `verbose` does."""
    sys.stdout.write(f"{text}\n")
