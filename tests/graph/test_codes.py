"""Every code that the sources use is explained, and each example does what it says."""

import re
from pathlib import Path

import pytest
from code_examples import reported

from tulle.graph.codes import CODES, explain, families

ROOT = Path(__file__).parents[2]
FOLDERS = ("api", "dsl", "training", "backend", "graph")


def used():
    found = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if not path.name.startswith("codes"):
                for code in re.findall(r'"(T0\d{3})"', path.read_text("utf-8")):
                    found.setdefault(code, path.relative_to(ROOT))
    return found


def test_every_code_in_use_is_explained():
    assert {c: str(p) for c, p in used().items() if c not in CODES} == {}


def test_every_code_belongs_to_a_family():
    assert {code[:3] for code in CODES} <= set(families())


@pytest.mark.parametrize("code", CODES)
def test_mended_example_is_fine(code, tmp_path, monkeypatch):
    # `test_golden.py` shows that the other one fails with its code alone.
    monkeypatch.chdir(tmp_path)
    assert reported(code, CODES[code].mended, tmp_path) == ""


def test_page():
    page = explain("T0301")
    assert page.startswith(
        "T0301: inner sizes of a matrix product differ\n\nIn `a @ b`"
    )
    assert "    param w: f32[512, 10]" in page.replace("      ", "    ")
