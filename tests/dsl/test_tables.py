"""The kept tables of the parser are those of the grammar as it stands."""

import json
from pathlib import Path

import pytest
from lark.exceptions import GrammarError

from tulle.dsl import tables

FOLDER = Path(__file__).parents[2] / "grammars"


def test_kept_tables_are_what_lark_makes_of_the_grammar():
    made = tables.made((FOLDER / "net.lark").read_bytes())
    kept = json.loads((FOLDER / "net.json").read_text("utf-8"))
    assert kept == json.loads(json.dumps(made)), "run `make grammar`"


def test_a_grammar_with_a_conflict_is_refused():
    text = (FOLDER / "net.lark").read_text("utf-8")
    double = text.replace("loss_section: LOSS", "loss_section: RUN _entries | LOSS")
    with pytest.raises(GrammarError):
        tables.made(double.encode())


def test_a_changed_grammar_has_another_digest():
    text = (FOLDER / "net.lark").read_bytes()
    assert tables.digest(text + b" ") != tables.digest(text)
    assert tables.digest(text.replace(b"\n", b"\r\n")) == tables.digest(text)
