"""Text that nobody trusts: only diagnostics come out, in little time and memory."""

import random
import re
from pathlib import Path

import pytest

from tulle.dsl import check
from tulle.graph.diagnostics import Source
from tulle.graph.report import render_all

FOLDER = Path(__file__).parent
SEEDS = [path.read_text("utf-8") for path in sorted(FOLDER.glob("golden/*.net"))]
WORDS = sorted({word for text in SEEDS for word in re.findall(r"\w+|[^\w\s]+", text)})


def codes(text):
    found = check(Source("a.net", text))
    render_all(found)
    return [fault.code for fault in found]


def model(body):
    return f"net 1 dim B model M(x: f32[B, 4]) -> f32[B, 4] {{ {body} }}"


@pytest.mark.parametrize("bracket", ["(", "[", "f(", "{"])
def test_deep_brackets(bracket):
    assert codes("net 1 const a: int = " + bracket * 10_000) == ["T0902"]


def test_nesting_up_to_the_limit():
    depth = 98
    assert codes(model(f"return {'relu(' * depth}x{')' * depth}")) == []
    assert codes(f"net 1 const a: int = {'(' * 100}1{')' * 100}") == []


@pytest.mark.parametrize(
    "body",
    [
        "return x" + " |> relu" * 5_000,
        "return x" + " + x" * 5_000,
        "return " + "-" * 5_001 + "x",
        "return x" + " ** 1" * 2_000,
        "return x" + "[:]" * 2_000,
        "let n = 1" + " + 1" * 5_000 + " return x",
        "let a0 = (x, x)"
        + "".join(f" let a{i + 1} = (a{i}, a{i})" for i in range(200))
        + " return x",
    ],
    ids=["pipe", "sum", "minus", "power", "index", "static", "doubling"],
)
def test_long_chains(body):
    assert codes(model(body)) == []


def test_doubling_result():
    pairs = "".join(f" let a{i + 1} = (a{i}, a{i})" for i in range(200))
    text = model(f"let a0 = (x, x) {pairs} return a200")
    assert codes(text) == ["T0309"]


def test_many_definitions_in_a_row():
    chain = "".join(f"fn f{i}(x: f32[]) -> f32[] = f{i + 1}(x)\n" for i in range(500))
    text = f"net 1\n{chain}fn f500(x: f32[]) -> f32[] = x\n"
    assert codes(text) == ["T0906"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("9" * 5_000, "T0903"),
        ("2 ** 64", "T0903"),
        ("10 ** 18 * 10", "T0903"),
        ("2 ** 2 ** 2 ** 2 ** 2", "T0204"),
        ("1e308 * 1e308 - 1", "T0204"),
        ("(0.0 - 8.0) ** 0.5", "T0204"),
        ("1 // 0", "T0391"),
        ("1 % 0", "T0391"),
        ("max(1)", "T0203"),
        ("ceildiv(1, 0)", "T0391"),
    ],
)
def test_numbers(value, code):
    assert codes(f"net 1 const a: int = {value}") == [code]


def test_sizes():
    assert codes(model("let y: f32[B, 10 ** 12] = x return x")) == ["T0907"]
    assert codes(model("let y: f32[B, 0 - 1] = x return x")) == ["T0907"]
    assert codes(model("let y: f32[B - 5, 4] = x return x")) == ["T0308"]
    big = "param w: f32[2000000000, 2000000000] = zeros()"
    assert codes(model(f"{big} return x")) == ["T0907"]


def test_large_texts():
    assert codes("net 1 " + "a" * 2**20) == ["T0901"]
    assert codes("net 1 dim " + "a" * 1_000) == ["T0904"]
    assert len(codes("net 1 " + "$ " * 100_000)) == 50


@pytest.mark.parametrize(
    "text",
    ["\0", "\x00\xff\x01" * 99, "PK\x03\x04\0", "\ud800", "\u202e\u2066", "\x1b[2J"],
)
def test_garbage(text):
    assert codes(text)


def test_mutated_files():
    chance = random.Random(20261121)
    for _ in range(300):
        text = chance.choice(SEEDS)
        for _ in range(chance.randint(1, 4)):
            text = mutated(text, chance)
        assert all(code.startswith("T0") for code in codes(text))


def mutated(text, chance):
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.randint(0, 12))
    insert = chance.choice(
        ["", chance.choice(WORDS), text[end : end + 30], chr(chance.randint(1, 300))]
    )
    return text[:start] + insert + text[end:]


@pytest.mark.parametrize("statement", ["let a = x +\n", "let a = unknown\n"])
def test_many_faults_end_the_check(statement):
    assert len(codes(model(statement * 20_000 + "return x"))) == 50
