"""Fixes: applied to the text, they mend the mistake and break nothing."""

from pathlib import Path

import pytest

from tulle.dsl import check
from tulle.graph.codes import CODES
from tulle.graph.diagnostics import Source

FOLDER = Path(__file__).parent / "golden"
EXAMPLES = {c: e.failing for c, e in CODES.items() if e.form == "net"}
GOLDEN = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.net")}
TEXTS = {**EXAMPLES, **GOLDEN}
PLACES = [
    (name, index)
    for name, text in TEXTS.items()
    for index, fault in enumerate(check(Source(name, text)))
    if fault.fix
]


def mended(text, fix):
    lines = text.split("\n")
    for edit in fix.edits:
        span = edit.span
        assert span.line == span.end_line
        line = lines[span.line - 1]
        start, end = span.column - 1, span.end_column - 1
        lines[span.line - 1] = line[:start] + edit.replacement + line[end:]
    return "\n".join(lines)


@pytest.mark.parametrize(("name", "index"), PLACES)
def test_fix(name, index):
    text = TEXTS[name]
    before = check(Source(name, text))
    after = check(Source(name, mended(text, before[index].fix)))
    left = [(d.code, d.message) for d in after]
    fault = before[index]
    assert left.count((fault.code, fault.message)) < [
        (d.code, d.message) for d in before
    ].count((fault.code, fault.message))
    assert len(after) <= len(before)


def test_there_are_fixes():
    kinds = {check(Source(n, TEXTS[n]))[i].code for n, i in PLACES}
    assert {"T0101", "T0103", "T0105", "T0107", "T0201", "T0202"} <= kinds
