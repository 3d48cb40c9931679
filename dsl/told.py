"""The form of what is told of a syntax error: one help, which may be its fix."""

from __future__ import annotations

from ..graph.diagnostics import Diagnostic, Edit, Fix, Span


def told(
    message: str, span: Span, help: str, edit: tuple[Span, str] | None = None
) -> Diagnostic:
    """A syntax error; `edit`, what is replaced by which text, does what `help` says."""
    fix = None if edit is None else Fix(help, (Edit(*edit),))
    return Diagnostic("T0100", message, span, help=(help,), fix=fix)
