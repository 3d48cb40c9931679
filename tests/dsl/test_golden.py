"""Golden files: `# expect T0301 @ "h @ w"` beside the line, and a stored rendering."""

import re
from pathlib import Path

import pytest
from code_examples import reported

from tulle.dsl import check
from tulle.graph.codes import CODES
from tulle.graph.diagnostics import Source
from tulle.graph.report import FORMATS, render_all

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


def kept(stored, text, request):
    """Compare a text with the stored one, or store it."""
    if request.config.getoption("--update-golden"):
        stored.parent.mkdir(exist_ok=True)
        stored.write_text(text, "utf-8")
    assert stored.exists(), "run with --update-golden, and read what it writes"
    assert text == stored.read_text("utf-8")


@pytest.mark.parametrize("code", CODES)
def test_examples_of_codes(code, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = reported(code, CODES[code].failing, tmp_path)
    assert told.startswith((f"error[{code}]: ", f"warning[{code}]: "))
    assert (
        told.count(f"[{code}]") == len(re.findall(r"(?m)^\w+\[T\d{4}\]: ", told)) == 1
    )
    kept(FOLDER / "codes" / f"{code}.txt", told, request)


def test_each_golden_file_of_a_code_is_of_a_code():
    assert {path.stem for path in (FOLDER / "codes").iterdir()} == set(CODES)


MIXED = """net 1
dim B
model M(x: f32[B, 4]) -> f32[B, 4] {
  let unused = x |> Dense(4)
  return x + Dence(3)(x) + (x |> Dense(3))
}
model N(x: f32[B, 4]) -> f32[B, 4] { return x |> Dense(3, activaton = relu }
"""


@pytest.mark.parametrize("form", FORMATS)
def test_formats(form, request):
    text = render_all(check(Source("mixed.net", MIXED)), form) + "\n"
    kept(FOLDER / "formats" / f"{form}.txt", text, request)


def test_the_order_is_that_of_the_text_and_the_number_is_bounded():
    lines = "".join(f"const c{i}: int = unknown{i}\n" for i in range(80))
    found = check(Source("many.net", f"net 1\n{lines}"))
    assert len(found) == 50
    assert [fault.span.line for fault in found] == list(range(2, 52))
