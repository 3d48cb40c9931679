"""The grammar for editors follows the table of terminals, and colours the examples."""

import importlib.util
import re
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
)

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location(
    "highlighting", ROOT / "tools/highlighting.py"
)
highlighting = importlib.util.module_from_spec(spec)
spec.loader.exec_module(highlighting)


def test_it_is_up_to_date():
    assert highlighting.TARGET.read_text("utf-8") == highlighting.text()


def scopes(line):
    """The first pattern that matches at each place, as an editor goes on."""
    found, place = {}, 0
    patterns = [
        (p["name"], re.compile(p["match"])) for p in highlighting.grammar()["patterns"]
    ]
    while place < len(line):
        hits = [(m.start(), i, n, m) for i, (n, p) in enumerate(patterns)
                if (m := p.search(line, place)) and m.group()]  # fmt: skip
        if not hits:
            break
        _, _, name, match = min(hits, key=lambda hit: hit[:2])
        found[match.group()] = name.removesuffix(".tulle")
        place = match.end()
    return found


@pytest.mark.parametrize(
    ("line", "word", "scope"),
    [
        (
            "  return x |> Dense(10, bias = true) as out",
            "return",
            "keyword.declaration",
        ),
        ("  return x |> Dense(10, bias = true) as out", "Dense", "entity.name.type"),
        ("  return x |> Dense(10, bias = true) as out", "bias", "variable.parameter"),
        ("  return x |> Dense(10, bias = true) as out", "true", "constant.language"),
        ("  return x |> Dense(10, bias = true) as out", "as", "keyword.control"),
        ("  return x |> Dense(10, bias = true) as out", "|>", "keyword.operator"),
        (
            "  return x |> Dense(10, bias = true) as out",
            "10",
            "constant.numeric.integer",
        ),
        ("model M(x: f32[B, 2])  # let it be", "f32", "storage.type"),
        (
            "model M(x: f32[B, 2])  # let it be",
            "# let it be",
            "comment.line.number-sign",
        ),
        ('let a = f("model # x", 1e-3)', '"model # x"', "string.quoted.double"),
        ('let a = f("model # x", 1e-3)', "1e-3", "constant.numeric.float"),
        ("## what it is", "## what it is", "comment.line.documentation"),
    ],
)
def test_colours(line, word, scope):
    assert scopes(line)[word] == scope


def test_the_example_is_coloured():
    text = (ROOT / "examples/digits.net").read_text("utf-8")
    named = [scopes(line) for line in text.splitlines() if line.strip("} ")]
    assert all(named)


TEXTS = sorted(
    [*(ROOT / "examples").glob("*.net"), *(ROOT / "tests/dsl/golden").glob("*.net")]
)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_pygments_reads_whole_texts(path):
    text = path.read_text("utf-8")
    found = list(get_lexer_by_name("net").get_tokens(text))
    assert "".join(value for _, value in found) == text.rstrip("\n") + "\n"
    if path.parent.name == "examples":
        assert not [value for kind, value in found if kind is Error]


@pytest.mark.parametrize(
    ("text", "word", "kind"),
    [
        ("model M(x: f32[B, 2])", "model", Keyword.Declaration),
        ("model M(x: f32[B, 2])", "M", Name.Class),
        ("model M(x: f32[B, 2])", "f32", Keyword.Type),
        ("return x |> mean(axis = -1)", "|>", Operator),
        ("return x |> mean(axis = -1)", "mean", Name.Function),
        ("return x |> mean(axis = -1)", "axis", Name.Attribute),
        ("return x |> mean(axis = -1)", "(", Punctuation),
        ("let a = f(inf, none, true)", "inf", Keyword.Constant),
        ("repeat 3 as i { g(2.5e-3) }", "repeat", Keyword),
        ("repeat 3 as i { g(2.5e-3) }", "2.5e-3", Number.Float),
        ('import "a # b.net" as a  # let', '"a # b.net"', String.Double),
        ('import "a # b.net" as a  # let', "# let", Comment.Single),
        ("## what it is", "## what it is", String.Doc),
    ],
)
def test_kinds_of_words(text, word, kind):
    found = {value: token for token, value in get_lexer_by_name("net").get_tokens(text)}
    assert found[word] is kind


def test_files_are_known_by_their_name():
    assert get_lexer_for_filename("a.net").name == "Tulle"
