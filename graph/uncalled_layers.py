"""A layer where a tensor is needed: its call was forgotten."""

from __future__ import annotations

from typing import Any

from .diagnostics import Fault, Span
from .dim import Origin

LONGEST = 60  # characters of a construction that is quoted


def is_layer(value: Any) -> bool:
    """Whether a value is a layer, told by its methods."""
    return hasattr(value, "build") and hasattr(value, "call")


def not_applied(layer: Any, index: int = 0) -> Fault:
    """The refusal of a layer as an operand, at its own line if nothing uses it."""
    unused = getattr(layer, "_first_call", None) is None
    kind = type(layer).__name__
    return refusal(layer.name, kind, layer.span if unused else None, index)


def refusal(
    name: str, kind: str, span: Span | None, index: int = 0, form: str = "{}(x)"
) -> Fault:
    """The refusal; `span` is where the layer was made and left alone."""
    made = quoted(span) or f"{kind}(…)"
    fault = Fault(
        "T0501",
        f"`{name}` is a layer, not a tensor: nothing was put into it",
        operands={index: f"the layer `{name}`"},
        help=[f"apply it: `{form.format(made)}`"],
    )
    if span is not None:
        fault.place = Origin("this makes a layer, and does not apply it", span)
    return fault


def quoted(span: Span | None) -> str:
    """What stands at a place, if it is short."""
    if span is None or span.line != span.end_line:
        return ""
    text = span.source.line(span.line)[span.column - 1 : span.end_column - 1]
    return text if len(text) <= LONGEST else ""
