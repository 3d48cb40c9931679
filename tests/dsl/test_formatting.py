"""`tulle fmt`: one style, every comment kept, the same tree, no second change."""

import random
import re
from pathlib import Path

import pytest

from tulle.dsl.formatting import formatted, same
from tulle.dsl.parser import parse, table
from tulle.dsl.tokens import tokenize
from tulle.graph.diagnostics import LanguageError, Source

ROOT = Path(__file__).resolve().parents[2]
FORMS = (Path(__file__).parent / "forms.net").read_text("utf-8")
EXAMPLES = sorted(ROOT.glob("examples/*.net"))
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.net"))
BLOCKS = re.findall(
    r"```net\n(.*?)```", (ROOT / "docs/language.md").read_text("utf-8"), re.S
)
TEXTS = [FORMS, *BLOCKS, *(path.read_text("utf-8") for path in [*EXAMPLES, *GOLDEN])]
PARSED = [text for text in TEXTS if parse(Source("a.net", text))[0]]


def fmt(text):
    return formatted(Source("a.net", text))


def notes(text):
    """The words of all comments."""
    found = re.findall(r"#[^\n]*", re.sub(r'"[^"\n]*"', "", text))
    return sorted(" ".join(found).split())


def check(text):
    once = fmt(text)
    assert fmt(once) == once
    assert notes(once) == notes(text)
    trees = [parse(Source("a.net", t))[0] for t in (text, once)]
    assert same(*trees)
    return once


def test_forms_are_set_in_the_one_style():
    assert fmt(FORMS) == FORMS


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_formatted(path):
    text = path.read_text("utf-8")
    assert fmt(text) == text


def test_what_is_said_again_is_the_same():
    assert len(PARSED) > 15
    for text in PARSED:
        check(text)


@pytest.mark.parametrize("seed", range(60))
def test_comments_and_breaks_anywhere(seed):
    generator = random.Random(seed)
    text = generator.choice(PARSED)
    tokens, _ = tokenize(Source("a.net", text), table())
    rate = generator.choice([0, 0.02, 0.1, 0.5])
    made = ""
    for number, token in enumerate(tokens[:-1]):
        chance = generator.random()
        if chance < rate / 2:
            made += f" # behind {number}\n"
        elif chance < rate:
            made += "\n" * generator.choice([1, 1, 2, 3]) + f"# own {number}\n"
            made += "\n" * generator.choice([0, 0, 1, 2])
        else:
            made += "\n" if chance < rate + 0.1 else generator.choice([" ", "   "])
        made += token.text
    check(made + generator.choice(["", "\n", " # end", "\n\n# end\n"]))


def test_lines_are_at_most_88_wide():
    assert max(map(len, FORMS.split("\n"))) <= 88
    call = ", ".join(f"argument_{i} = {i}" for i in range(12))
    text = check(f"net 1 const a: int = f({call}) ** 2 + g([1, 2])")
    assert max(map(len, text.split("\n"))) <= 88
    assert "  argument_11 = 11,\n" in text


def test_the_sizes_of_a_type_stay_together():
    tensors = "  x: f32[N, L, D],\n  mask: bool[N, L],\n  place: i32[N, L],\n"
    wanted = f"layer Encoder[N, L, D](heads: int)(\n{tensors}) -> f32[N, L, D] {{\n"
    head = "x: f32[N, L, D], mask: bool[N, L], place: i32[N, L]) -> f32[N, L, D]"
    text = f"net 1 layer Encoder[N, L, D](heads: int)({head} {{ return x }}"
    assert wanted in check(text)


def test_comments_of_neighbouring_lines_begin_in_one_column():
    text = "net 1\ndim B # any\ndim Time in 1..9 # bounded\n"
    wanted = "net 1\n\ndim B             # any\ndim Time in 1..9  # bounded\n"
    assert check(text) == wanted


def test_stages_stay_below_each_other_if_the_author_had_them_so():
    head = "net 1\n\nfn f(x: f32[]) -> f32[] = "
    flat = "x |> relu |> tanh"
    assert fmt(head + flat).endswith(flat + "\n")
    assert "x |> relu\n" in check(head + "x |> relu\n|> tanh")


def test_a_comma_of_one_item_stays():
    head = "net 1\n\nconst a: int = "
    assert fmt(f"{head}(1 ,)") == f"{head}(1,)\n"
    assert fmt(f"{head}(1 , 2, )") == f"{head}(1, 2)\n"
    assert fmt(f"{head}f(1 , )") == f"{head}f(1)\n"


def test_wrong_syntax_is_told():
    with pytest.raises(LanguageError) as told:
        fmt("net 1 dim 3")
    assert told.value.diagnostics[0].code == "T0100"


@pytest.mark.parametrize(
    "value",
    [
        "(" * 99 + "1" + ")" * 99,
        "-(f(2 + 3 * [" * 24 + "1" + "]))" * 24,
        "1" + " + 1" * 2_000,
        "x" + "[:]" * 2_000,
        "if a { 1 } else " * 2_000 + "{ 2 }",
        "-" * 2_000 + "1",
        "f(" + "1, # note\n" * 2_000 + ")",
    ],
    ids=["groups", "mixed", "sum", "index", "if", "minus", "notes"],
)
def test_deep_and_long_texts(value):
    check(f"net 1 const a: int = {value}")
