"""docs/reference.md: what is made of the code is up to date, the rest names it all."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("r", ROOT / "tools" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(reference):
    assert reference.PAGE.read_text("utf-8") == reference.page(), "run `make docs`"


def test_the_grammar_is_whole(reference):
    told = reference.grammar()
    rules = set(re.findall(r"^(\w+) =", told, re.MULTILINE))
    used = set(re.findall(r"(?<!\")\b[a-z_]+\b(?!\")", re.sub(r'"[^"]*"', "", told)))
    assert used - rules <= {"ebnf", *reference.SPOKEN.values()}
    assert {"file", "block", "expression", "atom", "train_item"} <= rules
    assert not re.search(r"\b[A-Z]{2,}", told)


def test_every_word_of_the_language_is_explained(reference):
    above = reference.PAGE.read_text("utf-8").split("## Names of the library")[0]
    every = re.findall(r"`(\w+)`", reference.words())
    assert len(every) > 30
    assert [word for word in every if not re.search(rf"\b{word}\b", above)] == []


def test_every_code_is_listed(reference):
    told = reference.codes()
    assert [code for code in reference.CODES if f"| {code} |" not in told] == []
