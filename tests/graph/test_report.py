"""Rendering: carets under what they mean, and nothing raw on the terminal."""

import ast
import json
import os
from dataclasses import replace

import pytest

from tulle.graph.callsites import call_site
from tulle.graph.diagnostics import (
    Diagnostic,
    Edit,
    Fix,
    Label,
    PythonSource,
    Source,
    Span,
    TulleError,
)
from tulle.graph.report import render, render_all

TEXT = """net 1

param w: f32[512, 784] = he_normal()
let h = x |> Dense(400) |> relu
let recon = h @ w
"""


def span(source, text, skip=0):
    start = -1
    for _ in range(skip + 1):
        start = source.text.index(text, start + 1)
    return Span.between(source, start, start + len(text))


def fault():
    source = Source("vae.net", TEXT)
    operands = span(source, "h @ w")
    at = operands.column
    left = replace(operands, end_column=at + 1)
    right = replace(operands, column=at + 4)
    return Diagnostic(
        "T0301",
        "inner sizes of `@` differ: 400 and 512",
        span(source, "@"),
        labels=(
            Label(left, "f32[B, 400]"),
            Label(right, "f32[512, 784]"),
            Label(span(source, "512"), "512 is written here"),
            Label(span(source, "400"), "400 is `units`, kept by `relu`"),
        ),
        notes=("first line\nsecond line",),
        help=("give `w` 400 rows",),
    )


def test_full_form():
    assert render(fault()) == (
        "error[T0301]: inner sizes of `@` differ: 400 and 512\n"
        " --> vae.net:5:15\n"
        "  |\n"
        "3 | param w: f32[512, 784] = he_normal()\n"
        "  |              --- 512 is written here\n"
        "4 | let h = x |> Dense(400) |> relu\n"
        "  |                    --- 400 is `units`, kept by `relu`\n"
        "5 | let recon = h @ w\n"
        "  |             - ^ - f32[512, 784]\n"
        "  |             |\n"
        "  |             f32[B, 400]\n"
        "  = note: first line\n"
        "          second line\n"
        "  = help: give `w` 400 rows\n"
        "  = `tulle explain T0301` says more"
    )


def test_colour_adds_only_escapes():
    painted = render(fault(), color=True)
    assert "\x1b[1;31m" in painted
    plain = painted
    for code in ("1;31", "1;34", "34", "32", "1", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render(fault())


def test_other_files_follow():
    other = Source("model.py", "Dense(400)\n")
    found = replace(fault(), labels=(Label(span(other, "400"), "400 is `units`"),))
    lines = render(found).split("\n")
    assert " ::: model.py:1:7" in lines
    assert lines.index(" ::: model.py:1:7") > lines.index(" --> vae.net:5:15")


def test_control_and_bidi_characters_are_escaped():
    source = Source("a\x1bb.net", "let \u202e = \x1b[31m x\n")
    text = render(Diagnostic("T0101", "bad \x07", span(source, "x"), "la\x00bel"))
    assert text.replace("\n", "").isprintable()
    assert "let \\u{202e} = \\u{1b}[31m x" in text
    line, carets = text.split("\n")[3:5]
    assert line.index("x", 20) == carets.index("^")


def test_tabs_and_wide_characters_keep_carets_in_place():
    source = Source("a.net", "\tlet 日本 = x\n")
    line, carets = render(Diagnostic("T0101", "m", span(source, "x"))).split("\n")[3:5]
    assert "\t" not in line
    # Two characters of two columns each come before the caret.
    assert carets.index("^") == line.index("x") + 2


def test_long_lines_are_cut_around_the_span():
    source = Source("a.net", "a + " * 100 + "yyy" + " + b" * 100)
    rows = render(Diagnostic("T0101", "m", span(source, "yyy")), width=80).split("\n")
    assert max(map(len, rows)) <= 80
    assert rows[3].index("yyy") == rows[4].index("^^^")
    assert "..." in rows[3][:8]
    assert rows[3].endswith("...")


def test_a_span_of_several_lines_shows_its_ends():
    source = Source("a.net", "one (\n  two\n  three)\n")
    place = Span.between(source, 4, len(source.text) - 1)
    rows = render(Diagnostic("T0101", "m", place, "here")).split("\n")
    assert rows[3:] == [
        "1 | one (",
        "  |     ^",
        "3 |   three)",
        "  |   ^^^^^^ here",
        "  = `tulle explain T0101` says more",
    ]


def test_without_a_place():
    assert render(Diagnostic("T0703", "there is no file")) == (
        "error[T0703]: there is no file\n  = `tulle explain T0703` says more"
    )


def test_order_and_number():
    source = Source("a.net", "x\n" * 60)
    places = [Span(source, n, 1, n, 2) for n in range(60, 0, -1)]
    text = render_all(
        [Diagnostic("T0201", f"no {p.line}", p) for p in places], "concise"
    )
    lines = text.split("\n")
    assert lines[0] == "a.net:1:1: error[T0201]: no 1"
    assert len(lines) == 51
    assert lines[-1] == "10 more are not shown"


def test_json_has_everything():
    fix = Fix("write `x`", (Edit(fault().span, "x"),))
    (record,) = json.loads(render_all([replace(fault(), fix=fix)], "json"))
    assert record["code"] == "T0301"
    assert record["place"]["line"] == 5
    assert record["labels"][0]["text"] == "f32[B, 400]"
    assert record["fix"]["edits"][0]["replacement"] == "x"


def test_github_escapes_what_would_end_a_property():
    source = Source("a,b:c.net", "x\n")
    text = render_all([Diagnostic("T0201", "50% of\nx", span(source, "x"))], "github")
    assert text.startswith("::error file=a%2Cb%3Ac.net,line=1,col=1,")
    assert text.endswith("::50%25 of\\u{a}x")


def test_unknown_format():
    with pytest.raises(ValueError, match="none of the formats"):
        render_all([], "xml")


def test_a_source_that_cannot_be_read_is_not_quoted():
    typed = Source("<stdin>", "")
    found = Diagnostic(
        "T0301",
        "inner sizes differ",
        Span(typed, 2, 1, 2, 9),
        labels=(Label(Span(typed, 1, 5, 1, 6), "f32[2, 3]"),),
    )
    lines = render(found).splitlines()
    assert lines[1:3] == [" --> <stdin>:2:1", " --> <stdin>:1:5: f32[2, 3]"]
    assert "^" not in render(found)
    assert "|" not in render(found)


def test_a_file_that_was_edited_and_loaded_again_is_quoted_as_it_is(tmp_path):
    """As `importlib.reload` and notebooks do it."""
    path = tmp_path / "own.py"
    for number, text in enumerate(["ops.add(1.0)", "\n\nx = ops.mean(1.0, axis=7)"]):
        path.write_text(f"from tulle import ops\n{text}\n")
        os.utime(path, (number, number))
        with pytest.raises(TulleError) as refused:
            exec(compile(path.read_text(), path, "exec"), {})
        assert text.split()[-1] in str(refused.value)
        assert text.strip() in str(refused.value)


def test_trees_that_python_fails_to_make_at_first_are_asked_for_again(monkeypatch):
    source, parse, tries = PythonSource("f.py", "add(a, b)"), ast.parse, []

    def failing_once(text):
        tries.append(text)
        if len(tries) == 1:
            raise SystemError("AST constructor recursion depth mismatch")
        return parse(text)

    monkeypatch.setattr(ast, "parse", failing_once)
    site = call_site(Span(source, 1, 1, 1, 10))
    assert [site.operands[i].column for i in (0, 1)] == [5, 8]


def test_operands_are_not_told_where_python_makes_no_tree(monkeypatch):
    def failing(text):
        raise SystemError("AST constructor recursion depth mismatch")

    monkeypatch.setattr(ast, "parse", failing)
    assert not call_site(Span(PythonSource("f.py", "a + b"), 1, 1, 1, 6)).operands
