"""The list of modules: each says what it holds, and words choose among them."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def files():
    spec = importlib.util.spec_from_file_location("files", ROOT / "tools" / "files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_module_says_what_it_holds(files):
    found = dict(files.described())
    assert found["graph/layer.py"].startswith("`Layer`: named state")
    assert all(found.values())


def test_words_choose_among_modules(files, capsys):
    files.main(["Layer", "symbol"])
    assert "graph/layer_symbols.py" in capsys.readouterr().out.split()
    assert list(files.described(["layer", "no such word"])) == []
