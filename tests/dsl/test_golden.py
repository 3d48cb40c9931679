"""Golden files: `# expect T0301 @ "h @ w"` beside the line, and a stored rendering."""

import re
from pathlib import Path

import pytest

from tulle.dsl import check
from tulle.graph.diagnostics import Source
from tulle.graph.report import render_all

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.glob("*.net"))
EXPECTATION = re.compile(r'(T\d{4})(?: @ "(.*?)")?(?=;|$)')


def expected(text):
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if "# expect " in line:
            for code, place in EXPECTATION.findall(line.split("# expect ")[1]):
                found.append((number, code, place))
    return found


def place_text(span):
    line = span.source.line(span.line)
    return line[span.column - 1 : span.end_column - 1]


def told(path):
    return check(Source(path.name, path.read_text("utf-8")), root=FOLDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_expectations(path):
    # What is wrong with an imported file has its place there: the rendering has it.
    here = [d for d in told(path) if d.span.source.name == path.name]
    faults = [(d.span.line, d.code, place_text(d.span)) for d in here]
    wanted = expected(path.read_text("utf-8"))
    places = {(line, code): place for line, code, place in wanted}
    found = [(n, c, p if places.get((n, c)) else "") for n, c, p in faults]
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rendering(path, request):
    stored, text = path.with_suffix(".txt"), render_all(told(path)) + "\n"
    if request.config.getoption("--update-golden"):
        stored.write_text(text, "utf-8")
    assert stored.exists(), "run with --update-golden, and read what it writes"
    assert text == stored.read_text("utf-8")
