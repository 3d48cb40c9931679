"""`tulle types`: what stands at a place, and where its sizes come from."""

import pytest

from tulle import cli
from tulle.dsl.hover import type_at
from tulle.graph.diagnostics import TulleError

TEXT = """\
net 1

dim B
const k: int = 4
fn twice[..S](x: f32[..S]) -> f32[..S] = x + x
layer Scaled[..S, K](start: f32 = 1.0)(x: f32[..S, K]) -> f32[..S, K] {
  param factor: f32[K] = constant(start)
  return x * factor
}
model M(x: f32[B, 8], n: i32[B]) -> f32[B, 4] {
  let (a, b) = (twice(x), x[:, 1:])
  let h = a |> Scaled() as scaled
            |> Dense(k) as last
  return twice(h)
}
"""


def test_settings_and_the_root(tmp_path, capsys):
    (tmp_path / "inner").mkdir()
    (tmp_path / "k.net").write_text("net 1\nconst k: int = 3\n", "utf-8")
    (tmp_path / "inner" / "m.net").write_text(
        'net 1\nimport "../k.net" (k)\ndim B\nconfig width: int = 4\n'
        "model M(x: f32[B, k]) -> f32[B, width] {\n  return x |> Dense(width)\n}\n",
        "utf-8",
    )
    place = f"{tmp_path / 'inner' / 'm.net'}:6:12"
    assert cli.main(["types", place, "--root", str(tmp_path), "--set", "width=7"]) == 0
    assert "f32[B, 7]" in capsys.readouterr().out


@pytest.fixture
def at(tmp_path):
    place = tmp_path / "a.net"
    place.write_text(TEXT)

    def ask(word, line, last=False):
        text = TEXT.split("\n")[line - 1]
        column = (text.rindex(word) if last else text.index(word)) + 1
        found = type_at(place, line, column)
        return [line.replace(str(place), "a.net") for line in found]

    return ask


@pytest.mark.parametrize(
    ("word", "line", "first"),
    [
        ("x:", 10, "x : f32[B, 8]"),
        ("a, b", 11, "a : f32[B, 8]"),
        ("b)", 11, "b : f32[B, 7]"),
        ("[:, 1", 11, "x[:, 1:] : f32[B, 7]"),
        ("h =", 12, "h : f32[B, 4]"),
        ("|> Scaled", 12, "a |> Scaled() as scaled : f32[B, 8]"),
        ("|> Dense", 13, "… |> Dense(k) as last : f32[B, 4]"),
        ("k)", 13, "k : 4"),
        ("h)", 14, "h : f32[B, 4]"),
        ("* f", 8, "x * factor : f32[B, 8]"),
        ("factor", 8, "factor : f32[8]"),
    ],
)
def test_types(at, word, line, first):
    assert at(word, line)[0] == first


def test_sizes_tell_where_they_come_from(at):
    assert at("h =", 12) == [
        "h : f32[B, 4]",
        "  `B` is any size (a.net:3:5)",
        "  4 is `units` of `last` (a.net:13:22)",
    ]


def test_functions_show_their_signature_and_result(at):
    assert at("Scaled()", 12)[:2] == [
        f"Scaled : {TEXT.splitlines()[5].removesuffix(' {')}",
        "a |> Scaled() as scaled : f32[B, 8]",
    ]
    assert at("Dense", 13)[0].startswith("Dense : layer `Dense(units, ")
    found = at("twice(h", 14)
    assert found[0] == "twice : fn twice[..S](x: f32[..S]) -> f32[..S]"
    assert found[1] == "twice(h) : f32[B, 4]"


def test_a_definition_has_an_answer_for_each_use(at):
    found = [line for line in at("x + x", 5) if not line.startswith(" ")]
    assert found == ["x : f32[B, 8]", "x : f32[B, 4]"]


def test_mistakes_elsewhere_do_not_matter(tmp_path):
    place = tmp_path / "a.net"
    place.write_text(TEXT.replace("Dense(k)", "Dnse(k)"))
    assert type_at(place, 11, 8)[0] == "a : f32[B, 8]"
    place.write_text("net 1 dim")
    with pytest.raises(TulleError) as told:
        type_at(place, 1, 1)
    assert told.value.diagnostics[0].code == "T0100"


@pytest.mark.parametrize("place", ["1:1", "99:1", "3:400"])
def test_places_without_a_value(tmp_path, capsys, place):
    (tmp_path / "a.net").write_text(TEXT)
    assert cli.main(["types", f"{tmp_path / 'a.net'}:{place}"]) == 1
    assert "nothing with a value stands at" in capsys.readouterr().err


def test_the_command(tmp_path, capsys):
    (tmp_path / "a.net").write_text(TEXT)
    assert cli.main(["types", f"{tmp_path / 'a.net'}:11:8"]) == 0
    assert capsys.readouterr().out.startswith("a : f32[B, 8]\n")
    for wrong in ("a.net", "a.net:1", "a.net:x:1", ":1:1", "a.net:0:1"):
        assert cli.main(["types", wrong]) == 2
