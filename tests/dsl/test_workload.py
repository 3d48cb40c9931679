"""What surely is too much is refused before it is done; nothing else is."""

import pytest
from work import calls

from tulle.dsl import check
from tulle.graph.diagnostics import Source

HEAD = "net 1\ndim B\n"
MODEL = "model M(x: f32[B, 4]) -> f32[B, 4] {{ return x |> {} }}"
LAYER = "layer {}[N, K]({})(x: f32[N, K]) -> f32[N, K] {{ return x |> {} }}\n"
HUGE = "repeat 4096 { repeat 4096 { relu } }"


def told(text):
    return [d.code for d in check(Source("a.net", HEAD + text))]


def layers(count):
    """Layers of which each uses the one before twice."""
    stages = ["Dense(K)", *(f"L{i}() |> L{i}()" for i in range(count))]
    return "".join(LAYER.format(f"L{i}", "", told) for i, told in enumerate(stages))


FUNCTIONS = "fn f0(x: f32[B, 4]) -> f32[B, 4] = x + x\n" + "".join(
    f"fn f{i + 1}(x: f32[B, 4]) -> f32[B, 4] = f{i}(f{i}(x))\n" for i in range(40)
)
BRANCH = LAYER.format("L", "big: bool", "relu").replace(
    "return x |> relu", f"return if big {{ x |> {HUGE} }} else {{ x }}"
)
DEEP = LAYER.format("Deep", "n: int", "repeat n { repeat n { Dense(K) } }")


@pytest.mark.parametrize(
    ("before", "stages", "code"),
    [
        ("", HUGE, "T0905"),
        ("const n: int = 4000\n", "repeat n { repeat n { relu } }", "T0905"),
        (DEEP, "Deep(4000)", "T0905"),
        (layers(40), "L40()", "T0906"),
        (layers(40), "relu", "T0906"),  # what nothing uses is checked too
        (FUNCTIONS, "f40()", "T0906"),
        (LAYER.format("Rare", "", f"repeat 4096 {{ {HUGE} }}"), "Rare()", "T0905"),
    ],
)
def test_nothing_of_it_is_done(before, stages, code):
    text = before + MODEL.format(stages)
    assert told(text) == [code]
    assert calls(lambda: told(text)) < 150_000


@pytest.mark.parametrize(
    ("before", "stages"),
    [
        # The branch that is not taken costs nothing.
        (BRANCH, "L(false)"),
        # Nor do turns that are none, or names that mean something else.
        (DEEP, "repeat 0 { Deep(4000) }"),
        ("", f"repeat 0 {{ {HUGE} }}"),
        (layers(2), "repeat 400 shared { L2() }"),
    ],
)
def test_what_costs_less_is_allowed(before, stages):
    assert told(before + MODEL.format(stages)) == []


def test_a_local_name_hides_a_definition():
    text = f"{layers(6)}const n: int = 4096\n"
    body = "let L6 = Dense(4) let n = 1 "
    body += "return x |> repeat n { repeat 300 { L6 } }"
    assert told(f"{text}model M(x: f32[B, 4]) -> f32[B, 4] {{ {body} }}") == []
