"""Sixteen mistakes that authors make, as programs in text and in Python.

The line of the mistake says `# expect T0301 @ "word"`, the lines that a report must
point at besides say `# from`, and `# mend:` holds the line that would have been right.
The stored renderings are there to be read.
"""

import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tulle.dsl import check
from tulle.graph.diagnostics import Source, TulleError, is_python
from tulle.graph.report import render_all

FOLDER = Path(__file__).parent.parent / "situations"
PROGRAMS = sorted([*FOLDER.glob("*.net"), *FOLDER.glob("*.py")])
EXPECTED = re.compile(r'# expect (T\d{4})(?: @ "(.+)")?$')
MEND = "# mend:"
NAMES = [path.name for path in PROGRAMS]


def told(path):
    """The diagnostics of a program: refused, or warned of."""
    if path.suffix == ".net":
        return check(Source(path.name, path.read_text("utf-8")))
    found = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            runpy.run_path(str(path))
        except TulleError as error:
            found += error.diagnostics
    return [*found, *(w.message.diagnostic for w in caught)]


def shown(path):
    return render_all(told(path)).replace(f"{path.parent}/", "") + "\n"


def marked(path):
    """The expected faults, and the lines that have to be pointed at."""
    faults, origins = [], []
    for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
        if found := EXPECTED.search(line):
            faults.append((number, found[1], found[2]))
        if line.rstrip().endswith("# from"):
            origins.append(number)
    return faults, origins


@pytest.fixture(params=PROGRAMS, ids=NAMES, scope="module")
def program(request):
    return request.param, told(request.param)


def test_each_situation_is_there_in_text_and_in_python():
    numbers = {f"{number:02}" for number in range(1, 17)}
    # What data do cannot be in a text, and Python tells of its own brackets.
    assert {name[:2] for name in NAMES if name.endswith(".net")} >= numbers - {"13"}
    assert {name[:2] for name in NAMES if name.endswith(".py")} >= numbers - {"12"}


def test_the_mistake_is_told_once_at_its_own_place(program):
    path, faults = program
    wanted, _ = marked(path)
    assert [(d.span.line, d.code) for d in faults] == [w[:2] for w in wanted]
    for fault, (_, _, place) in zip(faults, wanted, strict=True):
        span = fault.span
        text = span.source.line(span.line)[span.column - 1 : span.end_column - 1]
        assert place is None or text == place


def test_origins_are_pointed_at_and_nothing_of_ours(program):
    path, faults = program
    labels = [label for fault in faults for label in fault.labels]
    lines = {x.span.line for x in labels if x.span.source.name.endswith(path.name)}
    assert lines >= set(marked(path)[1])
    for place in [*(fault.span for fault in faults), *(x.span for x in labels)]:
        assert Path(place.source.name).name in (path.name, "<text>")
        assert is_python(place) == (place.source.name.endswith(".py"))


def test_there_is_advice(program):
    assert all(fault.help for fault in program[1])


def test_rendering(program, request):
    path = program[0]
    stored, text = path.with_suffix(path.suffix + ".txt"), shown(path)
    if request.config.getoption("--update-golden"):
        stored.write_text(text, "utf-8")
    assert stored.exists(), "run with --update-golden, and read what it writes"
    assert text == stored.read_text("utf-8")


@pytest.mark.parametrize("path", PROGRAMS, ids=NAMES)
def test_the_program_without_the_mistake_is_right(path, tmp_path):
    lines = path.read_text("utf-8").split("\n")
    for number, line in enumerate(lines):
        if MEND in line:
            lines[number - 1 : number + 1] = ["", line.split(MEND)[1]]
    twin = tmp_path / path.name
    twin.write_text("\n".join(lines), "utf-8")
    assert told(twin) == []


def test_a_program_ends_without_frames_of_ours():
    path = FOLDER / "01_tied_weight.py"
    command = [sys.executable, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    frames = re.findall(r'File "(.*?)"', ended.stderr)
    assert ended.returncode == 1
    assert frames == [str(path)]
    assert "error[T0301]" in ended.stderr
