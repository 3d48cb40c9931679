"""Pictures: parsed back, with every text in place, and nothing half-written."""

import json
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pygraphviz
import pytest
from networks import digits, nested, siamese

from tulle.graph.diagnostics import BackendError, DataError, TensorTypeError
from tulle.graph.diagram import diagram_of
from tulle.graph.drawing import FORMATS, Shown, dot_source, draw, plot_model
from tulle.graph.layers import (
    Concatenate,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from tulle.graph.network import Input, Network
from tulle.training.model import Sequential

NASTY = [
    'quo"te',
    "<b>bold</b>",
    "<a>>",
    "<",
    "new\nline",
    "back\\slash \\N \\G \\",
    "{x|y} :p;",
    "ünï漢字🙂",
    "&amp; &",
    "\x00\x1b[31m",
    "\u202eright to left",
    "-- -> ]",
]


def texts(picture):
    root = ElementTree.fromstring(picture)
    return [e.text.strip() for e in root.iter() if e.tag.endswith("}text")]


def named(name):
    x = Input((4,), name=name)
    inner = Network(x, Dense(3, name=f"{name}d")(x), name=name)
    y = Input((4,), name="y")
    return Network(y, {name: inner(y)}, name=name)


def test_svg_holds_every_text():
    found = texts(draw(diagram_of(digits())))
    assert sorted(found) == sorted(
        "Digits|9,610 parameters|image|input|Dense|hidden · relu|8,320 parameters|"
        "Dropout|dropout|Dense|logits|1,290 parameters|output|f32[batch, 64]|"
        "f32[batch, 128]|f32[batch, 128]|f32[batch, 10]".split("|")
    )


@pytest.mark.parametrize("make", [digits, siamese, nested])
def test_dot_parses_back(make):
    diagram = diagram_of(make())
    graph = pygraphviz.AGraph(string=dot_source(diagram))
    drawn = [node for node in graph.nodes() if node.startswith("n")]
    assert len(drawn) == len(diagram.boxes)
    frames = [s.name for s in graph.subgraphs() if s.name.startswith("cluster")]
    assert len(frames) == len([c for c in diagram.clusters if c.parent is None])
    assert draw(diagram, "dot").decode() == dot_source(diagram)
    graph.close()


@pytest.mark.parametrize("name", NASTY)
def test_names_are_only_text(name):
    diagram = diagram_of(named(name))
    found = texts(draw(diagram))
    shown = "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in name)
    assert found.count(shown.strip()) == 3  # title, frame, output
    assert any(text.startswith(f"{shown}d") for text in found)
    graph = pygraphviz.AGraph(string=dot_source(diagram))
    assert len([node for node in graph.nodes() if node.startswith("n")]) == 3
    graph.close()


def test_a_tensor_read_twice_in_a_frame_enters_it_once():
    source = dot_source(diagram_of(nested()))
    assert source.count("shape=point") == 2
    lines = [n for n in source.splitlines() if "->" in n and "invis" not in n]
    assert sum("-> j" in line for line in lines) == 2
    assert all("arrowhead=none" in line for line in lines if "-> j" in line)


def doubled(name, kept):
    x = Input(("H", "W", kept), name="x")
    seen = Conv2D(kept, 3, padding="same")(Conv2D(kept, 3, padding="same")(x))
    return Network(x, seen + x, name=name)


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_no_frame_crosses_a_text(direction):
    x = Input(("H", "W", 4), name="x")
    down = doubled("a", 4)(x)
    half = doubled("bottom", 4)(MaxPooling2D(2, padding="same")(down))
    pooled = GlobalAveragePooling2D()(half), GlobalAveragePooling2D()(down)
    inner = Network(x, Concatenate()(list(pooled)), name="inner")
    y = Input(("H", "W", 4), name="y")
    source = dot_source(diagram_of(Network(y, inner(y))), Shown(direction=direction))
    graph = pygraphviz.AGraph(string=source)
    assert not any(edge.attr["label"] for edge in graph.edges())
    found = json.loads(graph.draw(format="json", prog="dot"))["objects"]
    frames = [list(map(float, one["bb"].split(","))) for one in found if "bb" in one]
    words = [one for one in found if one.get("shape") == "plaintext"]
    assert len(frames) == 3
    assert len(words) > 10
    for word in words:
        x, y = map(float, word["pos"].split(","))
        wide, high = 36 * float(word["width"]), 36 * float(word["height"])
        for left, low, right, top in frames:
            within = left <= x - wide and x + wide <= right
            within = within and low <= y - high and y + high <= top
            beside = x + wide <= left or right <= x - wide
            assert within or beside or y + high <= low or top <= y - high


@pytest.mark.parametrize(
    ("format", "start"),
    [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph")],
)
def test_formats(tmp_path, format, start):
    path = plot_model(siamese(), tmp_path / f"picture.{format}")
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [f"picture.{format}"]


def test_switches_of_keras():
    def drawn(**options):
        return " ".join(texts(draw(diagram_of(digits()), "svg", Shown(**options))))

    assert "f32[" not in drawn(dtypes=False)
    assert "[batch, 64]" in drawn(dtypes=False)
    assert "batch" not in drawn(shapes=False)
    assert "hidden" not in drawn(names=False)
    assert "relu" not in drawn(activations=False)
    model = digits()
    model.layers[1].trainable = False
    for trainable, count in ((True, 1), (False, 0)):
        picture = draw(diagram_of(model), "svg", Shown(trainable=trainable))
        assert texts(picture).count("frozen") == count
    assert "rankdir=LR" in dot_source(diagram_of(digits()), Shown(direction="LR"))
    with pytest.raises(TensorTypeError, match="rankdir"):
        plot_model(digits(), "a.svg", rankdir="UP")


def test_the_c_library_says_nothing(capfd):
    draw(diagram_of(digits()), "png")
    assert capfd.readouterr() == ("", "")


def test_the_same_model_gives_the_same_text():
    assert dot_source(diagram_of(nested())) == dot_source(diagram_of(nested()))


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("picture.jpeg", "T0707"),
        ("picture", "T0707"),
        ("missing/picture.svg", "T0705"),
        ("folder.svg", "T0705"),
    ],
)
def test_places_that_will_not_do(tmp_path, place, code):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(DataError) as caught:
        plot_model(digits(), tmp_path / place)
    assert caught.value.diagnostics[0].code == code
    assert caught.value.diagnostics[0].help
    assert [p.name for p in tmp_path.iterdir()] == ["folder.svg"]


@pytest.mark.parametrize("package", ["graphviz", "pygraphviz"])
def test_a_missing_package_is_told(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackendError, match=f"pip install {package}") as caught:
        plot_model(digits(), tmp_path / "a.svg")
    assert caught.value.diagnostics[0].code == "T0802"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_told():
    with pytest.raises(DataError, match="no kind of picture"):
        draw(diagram_of(digits()), "gif")
    assert "gif" not in FORMATS


def test_values_are_not_drawn():
    x = Input((2000,))
    big = np.arange(2000, dtype="float32")
    assert len(dot_source(diagram_of(Network(x, x + big)))) < 5000


def test_notebooks_show_the_picture(monkeypatch):
    assert "hidden · relu" in texts(digits()._repr_svg_())
    assert Sequential([Dense(2)])._repr_svg_() is None
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert digits()._repr_svg_() is None


def test_dots_an_inch(tmp_path):
    image = Input((4,))
    network = Network(image, Dense(2)(image))
    sizes = []
    for dpi in (72, 144):
        path = plot_model(network, tmp_path / f"{dpi}.png", dpi=dpi)
        sizes.append(int.from_bytes(path.read_bytes()[16:20], "big"))
    assert 1.9 < sizes[1] / sizes[0] < 2.1
    with pytest.raises(TensorTypeError, match="whole number from 10 to 1200"):
        plot_model(network, tmp_path / "x.png", dpi=0)
