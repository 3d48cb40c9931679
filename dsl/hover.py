"""What stands at a place of a text: its type, and where its sizes come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..graph.diagnostics import DataError, Diagnostic, LanguageError, Span
from ..graph.report import in_order
from . import library
from . import syntax as s
from .elaborate import elaborate
from .module import _files
from .values import (
    Definition,
    Instance,
    Library,
    Poison,
    Static,
    Tensor,
    Value,
    describe,
)

MOST = 3  # answers: a definition is checked at each of its uses


def type_at(
    path: str | Path,
    line: int,
    column: int,
    config: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
) -> list[str]:
    """What the smallest expression at a place is, then the origin of each of its sizes.

    `config` are settings by name, imported files lie in `root`.

    Raises `LanguageError` if the syntax is wrong, and `DataError` with T0201 if nothing
    that has a value stands there.
    """
    files = _files(path, root)
    seen: list[tuple[Span, Value]] = []
    elaborate(files, config, seen=seen)
    source = files.first.source
    here = [
        (span, value)
        for span, value in seen
        if span.source is source and _within(span, line, column)
        and not isinstance(value, Poison)
    ]  # fmt: skip
    if not here:
        if files.faults:
            raise LanguageError(*in_order(files.faults))
        message = f"nothing with a value stands at {source.name}:{line}:{column}"
        advice = "point at a name, a call, an operator or a stage of a pipe"
        raise DataError(Diagnostic("T0201", message, help=(advice,)))
    smallest = min((_extent(span) for span, _ in here))
    found = [(span, value) for span, value in here if _extent(span) == smallest]
    answers = list(dict.fromkeys(tuple(_told(span, value)) for span, value in found))
    told = [text for answer in answers[:MOST] for text in answer]
    if len(answers) > MOST:
        told.append(
            f"… and {len(answers) - MOST} more, for other uses of the definition"
        )
    if all(isinstance(value, (Library, Definition)) for _, value in found):
        told += _around(here, smallest)
    return list(dict.fromkeys(told))


def _around(here: Sequence[tuple[Span, Value]], smallest: tuple[int, int]) -> list[str]:
    """What comes of the function that stands at a place."""
    larger = sorted(
        (pair for pair in here if _extent(pair[0]) > smallest),
        key=lambda pair: _extent(pair[0]),
    )
    results = [(span, value) for span, value in larger if isinstance(value, Tensor)]
    return _told(*results[0]) if results else []


def _within(span: Span, line: int, column: int) -> bool:
    first, last = (span.line, span.column), (span.end_line, span.end_column)
    return first <= (line, column) < last


def _extent(span: Span) -> tuple[int, int]:
    lines = span.end_line - span.line
    return lines, span.end_column - (0 if lines else span.column)


def _told(span: Span, value: Value) -> list[str]:
    text = span.source.line(span.end_line)[: span.end_column - 1]
    if span.end_line == span.line:
        text = text[span.column - 1 :]
    else:
        text = f"… {text.strip()}"
    return [f"{text} : {_kind(value)}", *_origins(value)]


def _kind(value: Value) -> str:
    match value:
        case Tensor():
            return str(value.type)
        case Library("layer" | "op" | "loss" | "metric" | "optimizer", name, target):
            return f"{value.kind} {library.usage(name, target)}"
        case Definition(s.LayerItem() | s.FunctionItem() as item):
            return _signature(item)
        case Instance(layer=layer) if layer is not None and layer.built:
            return f"layer `{value.title}`, {layer.count_params():,} parameters"
        case Static(str() as plain):
            return f'"{plain}"'
        case Static(plain):
            return describe(value) if isinstance(plain, tuple) else str(plain)
    return describe(value)


def _signature(item: Any) -> str:
    """A definition up to its body, on one line."""
    source, span = item.span.source, item.span
    ends = item.where or item.result
    text = "\n".join(source.line(n) for n in range(span.line, ends.span.end_line + 1))
    tail = len(source.line(ends.span.end_line)) - (ends.span.end_column - 1)
    return " ".join(text[span.column - 1 : len(text) - tail].split())


def _origins(value: Value) -> list[str]:
    """A line for each size of a tensor, or for a number, that tells its origin."""
    if isinstance(value, Static):
        found = [value.origin]
    else:
        found = (
            [d.origin for d in value.type.shape] if isinstance(value, Tensor) else []
        )
    lines = []
    for origin in found:
        if origin is not None:
            place = f" ({origin.span})" if origin.span else ""
            lines.append(f"  {origin.text}{place}")
    return list(dict.fromkeys(lines))
