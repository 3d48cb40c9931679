"""Fixes applied to a text: what `tulle check --fix` does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..graph.diagnostics import Diagnostic, Edit, Fix, Source
from .module import check

ROUNDS = 20  # a fix may uncover another mistake that has one


def mended(source: Source, root: Path | None = None) -> tuple[Source, list[Fix]]:
    """A text with all fixes of its diagnostics applied, and these fixes.

    Mistakes without a fix stay, and so does what a fix would make worse. Imports lie
    inside `root`.

    >>> mended(Source("a.net", "net 1 const a: f32 = .5"))[0].text
    'net 1 const a: f32 = 0.5'
    """
    applied: list[Fix] = []
    found = check(source, root=root)
    for _ in range(ROUNDS):
        fixes = _together(source, found)
        if not fixes:
            break
        edits = [edit for fix in fixes for edit in fix.edits]
        better = Source(source.name, edited(source.text, edits))
        left = check(better, root=root)
        if _errors(left) > _errors(found) or better.text == source.text:
            break
        source, found = better, left
        applied += fixes
    return source, applied


def edited(text: str, edits: Iterable[Edit]) -> str:
    """A text with edits applied that do not overlap."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for edit in sorted(edits, key=_place, reverse=True):
        span = edit.span
        begin = starts[span.line - 1] + span.column - 1
        end = starts[span.end_line - 1] + span.end_column - 1
        text = text[:begin] + edit.replacement + text[end:]
    return text


def _together(source: Source, found: Iterable[Diagnostic]) -> list[Fix]:
    """The fixes of this text that can be applied together, the first ones first."""
    chosen: list[Fix] = []
    taken: list[Edit] = []
    for fix in (diagnostic.fix for diagnostic in found):
        if fix is None or any(e.span.source.name != source.name for e in fix.edits):
            continue
        if not any(_overlap(e, other) for e in fix.edits for other in taken):
            chosen.append(fix)
            taken += fix.edits
    return chosen


def _place(edit: Edit) -> tuple[int, int]:
    return edit.span.line, edit.span.column


def _overlap(one: Edit, other: Edit) -> bool:
    first, second = sorted((one, other), key=_place)
    end = (first.span.end_line, first.span.end_column)
    return _place(second) < end or _place(second) == _place(first)


def _errors(found: Iterable[Diagnostic]) -> int:
    return sum(diagnostic.severity == "error" for diagnostic in found)
