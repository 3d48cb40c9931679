"""Text that nobody trusts: only diagnostics come out, in little time and memory."""

import importlib.util
import random
import re
from pathlib import Path

import pytest
from work import calls

from tulle.dsl import check
from tulle.graph.diagnostics import Source
from tulle.graph.report import FORMATS, render_all

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
        "let n = 1" + " + 1" * 5_000 + " return x * n",
        "let a0 = (x, x)"
        + "".join(f" let a{i + 1} = (a{i}, a{i})" for i in range(200))
        + " let _ = a200 return x",
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
    power = check(Source("a.net", model("let y: f32[(B + 1) ** 60, 4] = x return x")))
    assert "`(B + 1) ** 60` cannot" in power[0].message
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


@pytest.mark.parametrize("statement", ["let a = x +\n", "let a = reluu(x)\n"])
def test_many_faults_end_the_check(statement):
    assert len(codes(model(statement * 2_000 + "return x"))) == 50


def test_an_unknown_name_is_told_once_in_a_definition():
    assert codes(model("let a = unknown\n" * 20_000 + "return x")) == ["T0201"]


# Files as they lie on a disk, the expected code in front of their names.

CORPUS = sorted((FOLDER / "hostile").glob("*.net"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus(path):
    found = check(path)
    told = "".join(render_all(found, form) for form in FORMATS)
    assert all(char.isprintable() or char == "\n" for char in told)
    wanted = path.stem.partition("_")[0]
    assert {d.code for d in found} == (set() if wanted == "fine" else {wanted})


@pytest.mark.parametrize(
    "text",
    [
        "net 1\n" + "dim a\n" * 40_000,
        "net 1\n" + "".join(f"dim a{i}\n" for i in range(20_000)),
        "net 1\n" + "#" * 2**20,
        "net 1\n" + "model M(x: f32[4]) -> f32[4] { return x }\n" * 4_000,
        model("let y = x\n" * 20_000 + "return x"),
        model("let y = x\n" * 20_000 + "retrun x"),
        "net 1\n" + "".join(f"dim a{i}\n" for i in range(15_000)) + "const b int",
        "net 1 const s: str = " + '"' + "a" * 1_000_000,
        "net 1 dim B where " + "B > 1 and " * 90_000 + "B > 2",
        model("return x" + " |> repeat 4096 shared { relu }" * 30),
    ],
    ids=[
        "twice", "dims", "comment", "models", "lets", "broken", "rescued", "string",
        "where", "repeat",
    ],
)  # fmt: skip
def test_whole_files(text):
    codes(text[: 2**20 - 8])


def test_a_size_has_a_bound_and_may_come_near_it():
    assert codes(model("let y: f32[B, 2 ** 31 - 1] = x return x")) == ["T0309"]
    assert codes(model("let y: f32[B, 2 ** 31] = x return x")) == ["T0907"]


def test_a_weight_has_a_bound_and_may_come_near_it():
    wide = "return x |> Dense({}) |> Dense(4)"
    assert codes(model(wide.format(2**31 - 1))) == []
    near, past = (f"return x |> Dense({2**20}) |> Dense({n}) |> Dense(4)"
                  for n in (2**20, 2**20 + 1))  # fmt: skip
    assert codes(model(near)) == []
    assert codes(model(past)) == ["T0907"]


def test_names_and_numbers_up_to_their_limits():
    assert codes(f"net 1 dim {'a' * 255}") == []
    assert codes(f"net 1 dim {'a' * 256}") == ["T0904"]
    assert codes(f"net 1 const a: int = {'9' * 18}") == []
    assert codes(f"net 1 const a: int = {'9' * 19}") == ["T0903"]


def test_texts_up_to_the_limit():
    assert codes("net 1\n#".ljust(2**20, "a")) == []
    assert codes("net 1\n#".ljust(2**20 + 1, "a")) == ["T0901"]


def chain(count):
    steps = "".join(
        f"let h{i + 1} = h{i} |> Dense(8, activation = relu)\n" for i in range(count)
    )
    return (
        "net 1 dim B model M(x: f32[B, 8]) -> f32[B, 8] "
        f"{{ let h0 = x\n{steps} return h{count} }} train M(y: f32[B, 8]) "
        "{ loss mean_squared_error(y, output) optimizer adam(1e-3) }"
    )


def cost(count):
    text = chain(count)
    return calls(lambda: codes(text))


def test_the_cost_of_a_check_is_linear():
    cost(10)  # what is read once
    assert cost(400) < 4.8 * cost(100)


def fuzzer():
    path = FOLDER.parent.parent / "tools" / "fuzz_language.py"
    spec = importlib.util.spec_from_file_location("fuzz_language", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_fuzzed_texts():
    fuzz = fuzzer()
    texts = fuzz.texts(random.Random(5))
    for _ in range(250):
        text = next(texts)
        assert fuzz.fault_of(text) == "", text


def test_texts_by_the_grammar_are_often_well_formed():
    fuzz, chance = fuzzer(), random.Random(1)
    made = [fuzz.made(chance, 40) for _ in range(60)]
    faults = [check(Source("made.net", text)) for text in made]
    well_formed = [f for f in faults if not any(d.code < "T0200" for d in f)]
    assert len(well_formed) > 10


def test_conditions_up_to_the_limit():
    many = " and ".join(["B > 1"] * 64)
    assert codes(f"net 1 dim B where {many}") == []
    assert codes(f"net 1 dim B where {many} and B > 2") == ["T0390"]
