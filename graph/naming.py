"""Names that a module does not have, told with the nearest one that it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .diagnostics import Diagnostic, Span, TulleError, caller_span
from .missing_keras_names import reason
from .nearest import nearest_of


class UnknownNameError(TulleError, AttributeError):
    """A name that a module of Tulle does not have."""


def unknown_name(module: str, names: Iterable[str]) -> Callable[[str], Any]:
    """A `__getattr__` for a module that refuses what is not among its names."""
    known = sorted(names)

    def refuse(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        near = nearest_of(name, known) or _other_case(name, known)
        why = reason(module, name)
        told = Diagnostic(
            "T0201",
            f"`{module}` has no `{name}`",
            _word(caller_span(), name),
            notes=(f"Keras has it, and it is left out: {why}",) if why else (),
            help=(f"did you mean `{near[0]}`?",) if near and not why else (),
        )
        raise UnknownNameError(told)

    return refuse


def _other_case(name: str, known: list[str]) -> list[str]:
    return [one for one in known if one.lower() == name.lower()][:1]


def _word(span: Span | None, name: str) -> Span | None:
    """The name alone, at the end of an attribute."""
    if span is None or span.line != span.end_line:
        return span
    text = span.source.line(span.line)[: span.end_column - 1]
    if not text.endswith(name):
        return span
    start = span.end_column - len(name)
    return Span(span.source, span.line, start, span.line, span.end_column)
