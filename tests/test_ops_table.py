"""docs/ops.md is made from the registry, and answers for every name of keras.ops."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("t", ROOT / "tools" / "ops_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(table):
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), "run `make docs`"


def test_every_name_of_keras_is_there_or_has_a_reason(table):
    assert [name for name, why in table.missing().items() if not why] == []


def test_reasons_are_for_names_of_keras(table):
    names = set(table.NAMES.read_text().split())
    assert set(table.LEFT_OUT) <= names
