"""Warnings that carry a diagnostic: the work goes on."""

from __future__ import annotations

import warnings

from .diagnostics import Diagnostic, caller_span


class TulleWarning(UserWarning):
    """Something that is probably not meant, and does not stop anything."""

    diagnostic: Diagnostic | None = None


def tell(warning: Diagnostic) -> None:
    """Warn at the place of a diagnostic, with all that it says."""
    span = warning.span or caller_span()
    place = (span.source.name, span.line) if span is not None else ("tulle", 0)
    told = TulleWarning(f"\n{warning}")
    told.diagnostic = warning
    warnings.warn_explicit(told, TulleWarning, *place)
