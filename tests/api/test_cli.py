"""The command `tulle`: what it prints, what it leaves, and its exit codes."""

import json
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from tulle import cli, commands, commands_train
from tulle.backend.cpu import engine
from tulle.training.saving import load_model

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NET = str(EXAMPLES / "digits.net")
DATA = str(EXAMPLES / "digits.npz")
TRAINED = "epoch 1/2"
BRANCHED = """\
net 1
dim B
config width: int = 4 in 1..9
model Pair(a: f32[B, 3], b: f32[B, 3]) -> (sum: f32[B, 3], wide: f32[B, width]) {
  return (a + b, a |> Dense(width) as wide)
}
model Plain(x: f32[B, 2]) -> f32[B, 1] { return x |> Dense(1) as out }
train Plain(y: f32[B, 1]) {
  loss mean_squared_error(y, output)
  optimizer sgd(0.1)
}
"""


@pytest.fixture(scope="module")
def digits():
    with np.load(DATA) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of digits.net after two epochs."""
    path = tmp_path_factory.mktemp("model") / "digits.tulle"
    options = ["--epochs", "2", "--quiet"]
    assert cli.main(["train", NET, "--data", DATA, "-o", str(path), *options]) == 0
    return path


def process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "tulle.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )


# The way of the demo.


def test_the_demo_from_check_to_predict(run, tmp_path, digits):
    assert run("check", NET) == (0, f"{NET}: no mistakes found\n", "")
    code, out, _ = run("summary", NET)
    assert code == 0
    assert "9,610" in out
    assert run("render", NET, "-o", "digits.svg")[0] == 0
    texts = ElementTree.parse(tmp_path / "digits.svg").getroot().itertext()
    assert {"hidden · relu", "f32[B, 128]"} <= {text.strip() for text in texts}

    code, out, _ = run(
        "train", NET, "--data", DATA, "-o", "digits.tulle", "--epochs", 2
    )
    assert code == 0
    assert TRAINED in out
    assert out.endswith("saved Digits as digits.tulle\n")

    code, out, _ = run("evaluate", "digits.tulle", "--data", DATA)
    assert code == 0
    assert "355 test samples" in out
    assert float(out.split("accuracy ")[1]) > 0.7

    code, out, _ = run("predict", "digits.tulle", DATA)
    classes = np.array(out.split(), int)
    assert code == 0
    assert (classes == digits["test_label"]).mean() > 0.7


def test_the_same_seed_gives_the_same_model(run):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        options = ["--epochs", 1, "--seed", seed, "--quiet"]
        assert (
            run("train", NET, "--data", DATA, "-o", f"{name}.tulle", *options)[0] == 0
        )
    a, b, c = (Path(f"{name}.tulle").read_bytes() for name in "abc")
    assert a == b != c


def test_epochs_batch_and_settings_override_the_file(run):
    options = ["--epochs", 1, "--batch", 1442, "--set", "width=8", "--set", "rate=0.5"]
    assert run("train", NET, "--data", DATA, "-o", "m.tulle", *options)[0] == 0
    assert load_model("m.tulle").count_params() == 64 * 8 + 8 + 8 * 10 + 10


# Looking.


def test_check_tells_every_file(run, tmp_path):
    Path("bad.net").write_text("net 1\nmodel M(x: f32[B, 2]) -> f32[B, 2] { return x }")
    code, out, err = run("check", NET, "bad.net", "missing.net")
    assert code == 1
    assert err == ""
    assert "error[T0201]" in out
    assert "error[T0703]" in out
    assert f"{NET}: no mistakes found" in out
    assert "missing.net: 1 error" in out


def test_names_of_files_cannot_break_lines(run):
    assert "a\\u{a}b.net: 1 error" in run("check", "a\nb.net")[1]


def test_formats_of_check(run):
    Path("bad.net").write_text("net 1\nmodel M(x: f32[2]) -> f32[2] { return y }")
    _, out, _ = run("check", "bad.net", "--format", "json")
    assert json.loads(out)[0]["code"] == "T0201"
    _, out, _ = run("check", "bad.net", "--format", "concise")
    assert out.startswith("bad.net:2:")
    _, out, _ = run("check", "bad.net", "--format", "github")
    assert out.startswith("::error file=bad.net,line=2")
    assert run("check", NET, "--format", "json") == (0, "[]\n", "")
    assert run("check", NET, "--format", "concise") == (0, "", "")


def test_color_only_where_it_is_wanted(run, monkeypatch):
    Path("bad.net").write_text("net 2")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in run("check", "bad.net")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("check", "bad.net")[1]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in run("check", "bad.net")[1]


def test_summary_and_render_of_a_saved_model(run, trained):
    assert "logits" in run("summary", trained)[1]
    for name in ("a.png", "a.pdf", "a.dot", "a.svg"):
        assert run("render", trained, "-o", name)[0] == 0
        assert Path(name).stat().st_size > 500


def test_settings_and_imports_of_every_command(run):
    Path("parts").mkdir()
    Path("parts/blocks.net").write_text(
        "net 1 config width: int = 4 in 1..9 "
        "layer Wide[..S, K]()(x: f32[..S, K]) -> f32[..S, width] "
        "{ return x |> Dense(width) }"
    )
    Path("parts/main.net").write_text(
        'net 1 import "blocks.net" as blocks dim B config rate: f32 = 0.1 in 0.0..0.9 '
        "model M(x: f32[B, 2]) -> f32[B, 6] "
        "{ return x |> Dropout(rate) |> blocks.Wide() }"
    )
    wide, net = ("--set", "blocks.width=6"), "parts/main.net"
    assert run("check", net)[0] == 1
    assert run("check", net, *wide)[0] == 0
    assert run("check", net, *wide, "--root", ".")[0] == 0
    code, out, _ = run("check", net, *wide, "--set", "rate=2")
    assert (code, "rate` is 2, outside" in out) == (1, True)
    assert "T0211" not in run("check", net, "--root", "parts")[1]
    assert "T0221" in run("check", net, *wide, "--root", "elsewhere")[1]
    assert "f32[B, 6]" in run("summary", net, *wide)[1]
    assert run("render", net, *wide, "-o", "m.svg")[0] == 0
    assert "Traceback" not in run("dump", net, *wide)[1]
    np.savez("d.npz", x=np.ones((3, 2), "float32"))
    assert len(run("predict", net, "d.npz", *wide)[1].split()) == 18
    assert run("check", net, "--set", "root=x")[0] == 2


def test_extern_layers_can_be_looked_at(run):
    Path("e.net").write_text(
        "net 1 dim B extern layer Own()(x: f32[B, 2]) -> f32[B, 3] "
        "model M(x: f32[B, 2]) -> f32[B, 4] { return x |> Own() |> Dense(4) }"
    )
    assert run("check", "e.net")[0] == 0
    assert "own" in run("summary", "e.net")[1]
    assert run("render", "e.net", "-o", "e.svg")[0] == 0
    code, _, err = run("dump", "e.net")
    assert (code, "T0351" in err) == (1, True)


def test_a_file_with_several_models(run):
    Path("two.net").write_text(BRANCHED)
    out = run("summary", "two.net", "--set", "width=7")[1]
    assert "Pair" in out
    assert "Plain" in out
    assert "f32[B, 7]" in out
    code, _, err = run("render", "two.net", "-o", "a.svg")
    assert code == 1
    assert "--model NAME" in err
    assert run("render", "two.net", "-o", "a.svg", "--model", "Pair")[0] == 0
    assert "there is Pair, Plain" in run("summary", "two.net", "--model", "X")[2]


def test_nested_models_can_stay_closed(run):
    Path("n.net").write_text(
        "net 1 dim B "
        "layer Block[..S]()(x: f32[..S, 4]) -> f32[..S, 4] "
        "{ return x |> Dense(4) as inner } "
        "model M(x: f32[B, 4]) -> f32[B, 4] { return x |> Block() as block }"
    )
    assert run("render", "n.net", "-o", "open.dot")[0] == 0
    assert run("render", "n.net", "-o", "closed.dot", "--no-expand")[0] == 0
    assert "cluster" in Path("open.dot").read_text()
    assert "cluster" not in Path("closed.dot").read_text()


def test_a_picture_of_very_many_boxes_is_closed_unless_it_is_asked_for(run):
    Path("deep.net").write_text(
        "net 1 dim B "
        "layer Block[..S]()(x: f32[..S, 4]) -> f32[..S, 4] "
        "{ return x |> repeat 20 { Dense(4) as inner } } "
        "model M(x: f32[B, 4]) -> f32[B, 4] { return x |> repeat 6 { Block() } }"
    )
    code, out, _ = run("render", "deep.net", "-o", "closed.dot")
    assert (code, "--expand draws all 122 boxes" in out) == (0, True)
    assert run("render", "deep.net", "-o", "open.dot", "--expand")[0] == 0
    assert "cluster" not in Path("closed.dot").read_text()
    assert Path("open.dot").read_text().count("subgraph") == 6


def test_explain(run):
    assert run("explain", "t0301")[1].startswith("T0301: inner sizes")
    listed = run("explain")[1].splitlines()
    assert len(listed) > 50
    assert listed == sorted(listed)
    code, _, err = run("explain", "T0l01")
    assert code == 1
    assert "did you mean" in err


@pytest.fixture(params=["native", "numpy"])
def kernels(request, monkeypatch):
    """How programs run: machine code, or calls of NumPy."""
    if request.param == "native" and not engine.available():
        pytest.skip("needs llvmlite and SciPy")
    monkeypatch.setenv("TULLE_KERNELS", request.param)
    return request.param


@pytest.mark.parametrize("options", [(), ("--train",)])
def test_dump(run, options, kernels):
    stages = run("dump", NET, "--stage", "list", *options)[1].split()
    assert stages[0] == "graph"
    assert stages[-1] == "program"
    for stage in stages[: stages.index("schedule")]:
        assert (
            " = input image : f32[B, 64]"
            in run("dump", NET, "--stage", stage, *options)[1]
        )
    told = {"native": "    for a at once:", "numpy": "def run("}
    assert told[kernels] in run("dump", NET, *options)[1]
    assert "Dense hidden" in run("dump", NET, "--stage", "graph")[1]
    assert "there is no stage" in run("dump", NET, "--stage", "none")[2]


def test_dump_of_steps_and_memory(run, kernels):
    one, two = {"native": ("b2", "w1"), "numpy": ("b1", "w0")}[kernels]
    steps = run("dump", NET, "--stage", "schedule")[1].splitlines()
    assert f"{two} = variable hidden/kernel : f32[64, 128]" in steps[:6]
    assert f"0: {one} = matmul(x0, {two}) : f32[B, 128]" in steps
    assert steps[-1] == "output_0 = b8"
    buffers = ("dump", NET, "--stage", "buffers")
    assert f"{one}, b4: 512 * B bytes, step 0 to 2" in run(*buffers)[1]
    told = run(*buffers, "--sizes", "B=2")[1].splitlines()
    assert told[0] == f"{one}, b4: 1024 bytes from 0 on, step 0 to 2"
    assert told[1] == "b6, b8: 80 bytes from 1024 on, step 2 to the end"
    assert told[2].startswith("4 steps, 2 buffers, ")
    for form in (buffers, ("dump", NET)):
        assert "no input has a size `C`" in run(*form, "--sizes", "C=2")[2]


def test_version_and_help(run):
    assert run("--version")[1].startswith("tulle 0.")
    code, out, _ = run("--help")
    assert code == 0
    for command in commands.COMMANDS:
        assert f"\n    {command} " in out
        assert run(command, "--help")[0] == 0


# Running.


def test_evaluate_chooses_the_part(run, trained):
    assert "355 test samples" in run("evaluate", trained, "--data", DATA)[1]
    out = run("evaluate", trained, "--data", DATA, "--part", "train")[1]
    assert "1442 training samples" in out


def test_evaluate_takes_the_target_from_what_is_left(run, trained, digits):
    image, label = digits["test_image"], digits["test_label"]
    np.savez("own.npz", image=image, anything=label)
    assert run("evaluate", trained, "--data", "own.npz")[0] == 0
    np.savez("two.npz", image=image, anything=label, more=label)
    code, _, err = run("evaluate", trained, "--data", "two.npz")
    assert code == 1
    assert "`anything`, `more`" in err
    assert "--target NAME" in err
    target = ["--target", "more"]
    assert run("evaluate", trained, "--data", "two.npz", *target)[0] == 0


def test_evaluate_of_a_text_says_that_it_is_not_trained(run):
    code, out, err = run("evaluate", NET, "--data", DATA)
    assert code == 0
    assert "fresh" in err
    assert "accuracy" in out


def test_predict_of_a_text_repeats_and_says_that_it_is_not_trained(run):
    first, second = (run("predict", NET, DATA) for _ in range(2))
    assert first == second
    assert first[0] == 0
    assert "fresh" in first[2]


def test_an_unrelated_array_makes_no_test_part(run, trained, digits):
    image, label = digits["image"][:9], digits["label"][:9]
    np.savez("ids.npz", image=image, label=label, test_ids=np.arange(3))
    assert "9 training" in run("evaluate", trained, "--data", "ids.npz")[1]
    assert len(run("predict", trained, "ids.npz")[1].split()) == 9
    code, _, err = run("predict", trained, "ids.npz", "--part", "test")
    assert code == 1
    assert "no array `test_image`" in err


def test_one_array_cannot_be_evaluated(run, trained, digits):
    np.save("images.npy", digits["image"][:5])
    code, _, err = run("evaluate", trained, "--data", "images.npy")
    assert code == 1
    assert "--target" not in err
    assert "numpy.savez" in err


def test_predict_prints_or_writes_classes_or_values(run, trained, digits):
    np.save("images.npy", digits["test_image"][:5])
    classes = run("predict", trained, "images.npy")[1].split()
    lines = run("predict", trained, "images.npy", "--values")[1].splitlines()
    values = np.array([line.split() for line in lines], float)
    assert values.shape == (5, 10)
    assert [str(c) for c in values.argmax(axis=1)] == classes

    code, out, _ = run("predict", trained, "images.npy", "-o", "out.npy", "--values")
    assert code == 0
    assert "float32[5, 10]" in out
    np.testing.assert_allclose(np.load("out.npy"), values, rtol=1e-4)
    assert run("predict", trained, "images.npy", "-o", "out.npz")[0] == 0
    with np.load("out.npz") as archive:
        assert archive["logits"].astype(str).tolist() == classes


def test_predict_with_several_outputs(run):
    Path("two.net").write_text(BRANCHED)
    np.savez("d.npz", a=np.ones((2, 3), "f4"), b=np.ones((2, 3), "f4"))
    only = ["--model", "Pair"]
    out = run("predict", "two.net", "d.npz", *only)[1]
    assert out.splitlines()[:4] == ["# sum", "2 2 2", "2 2 2", "# wide"]
    assert "one array" in run("predict", "two.net", "d.npz", *only, "-o", "o.npy")[2]
    assert not Path("o.npy").exists()
    assert run("predict", "two.net", "d.npz", *only, "-o", "o.npz")[0] == 0
    assert sorted(np.load("o.npz").files) == ["sum", "wide"]


# Bad input. Each leaves the folder as it was.


def _bad_data(digits):
    image, label = digits["image"], digits["label"]
    holes = image.copy()
    holes[3, 5] = np.nan
    return {
        "named.npz": {"picture": image, "label": label},
        "narrow.npz": {"image": image[:, :63], "label": label},
        "flat.npz": {"image": image.reshape(-1), "label": label},
        "fewer.npz": {"image": image, "label": label[:-1]},
        "halves.npz": {"image": image, "label": label + 0.5},
        "text.npz": {"image": image, "label": label.astype(str)},
        "nan.npz": {"image": holes, "label": label},
        "counted.npz": {"image": image, "label": label + 1},
        "empty.npz": {"image": image[:0], "label": label[:0]},
        "nothing.npz": {},
        "objects.npz": {"image": np.array([{}, []], dtype=object), "label": label},
        "nones.npz": {"image": np.full((99, 64), None), "label": label},
    }


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("named.npz", "T0703", ["no array `image`", "it holds picture, label"]),
        ("narrow.npz", "T0701", ["f32[1442, 63]", "63 in place of 64", "digits.net:7"]),
        ("flat.npz", "T0701", ["`image`", "2 axes against 1"]),
        ("fewer.npz", "T0701", ["`label`", "1441 in place of B = 1442"]),
        ("halves.npz", "T0702", ["`label` is float64", "[0]: 0.5"]),
        ("text.npz", "T0702", ["`label` holds text"]),
        ("nan.npz", "T0706", ["`image` is not finite", "[3, 5]: nan"]),
        ("counted.npz", "T0708", ["`label` holds the class 10", "0 to 9"]),
        ("empty.npz", "T0701", ["axis 0 is 0"]),
        ("nothing.npz", "T0703", ["it holds no arrays"]),
        ("objects.npz", "T0704", ["Python objects"]),
        ("nones.npz", "T0704", ["Python objects"]),
        ("damaged.npz", "T0704", ["is damaged"]),
        ("binary.npz", "T0704", ["no NumPy file", "numpy.savez"]),
        ("folder.npz", "T0703", ["is a folder"]),
        ("missing.npz", "T0703", ["there is no file"]),
        ("single.npy", "T0703", ["holds one array, and 2 are needed"]),
    ],
)
def test_bad_data(run, tmp_path, digits, name, code, words):
    arrays = _bad_data(digits)
    if name in arrays:
        np.savez(name, **arrays[name])
    Path("damaged.npz").write_bytes(Path(DATA).read_bytes()[:9000])
    Path("binary.npz").write_bytes(bytes(range(256)))
    Path("folder.npz").mkdir()
    np.save("single.npy", digits["image"])
    before = sorted(tmp_path.iterdir())
    found, out, err = run("train", NET, "--data", name, "-o", "m.tulle", "--quiet")
    assert found == 1
    assert out == ""
    assert f"error[{code}]" in err
    assert all(word in err for word in words), err
    assert "sys.exit" not in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("command", ["check", "summary", "render", "train", "evaluate"])
@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("", "T0703", "the name of the file is empty"),
        ("missing.net", "T0703", "there is no file"),
        ("folder", "T0703", "is a folder"),
        ("binary.net", "T0704", "is not UTF-8 text"),
        ("latin.net", "T0704", "byte 10 does not fit"),
        ("wide.net", "T0704", "it begins as UTF-16 does: save it as UTF-8"),
        ("empty.net", "T0105", "net 1"),
        ("syntax.net", "T0103", "(`"),
    ],
)
def test_bad_text(run, tmp_path, command, name, code, word):
    Path("folder").mkdir()
    Path("binary.net").write_bytes(bytes(range(256)))
    Path("latin.net").write_bytes("net 1\ndim é\n".encode("latin-1") + b"\n")
    Path("wide.net").write_bytes("net 1\ndim B\n".encode("utf-16"))
    Path("empty.net").touch()
    Path("syntax.net").write_text("net 1\nconst a: int = (1")
    before = sorted(tmp_path.iterdir())
    more = {
        "render": ["-o", "a.svg"],
        "train": ["--data", DATA, "-o", "m.tulle"],
        "evaluate": ["--data", DATA],
    }
    found, out, err = run(command, name, *more.get(command, []))
    assert found == 1
    assert f"error[{code}]" in out + err
    assert word in out + err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("text.tulle", "no intact zip file"),
        ("other.tulle", "it is a zip file, but not"),
        ("cut.tulle", "cannot be loaded"),
        ("missing.tulle", "there is no file"),
    ],
)
@pytest.mark.parametrize("command", ["summary", "render", "evaluate", "predict"])
def test_bad_models(run, trained, command, name, word):
    Path("text.tulle").write_text("hello")
    Path("other.tulle").write_bytes(Path(DATA).read_bytes())
    Path("cut.tulle").write_bytes(trained.read_bytes()[:3000])
    more = {
        "summary": [],
        "render": ["-o", "a.svg"],
        "evaluate": ["--data", DATA],
        "predict": [DATA],
    }
    code, out, err = run(command, name, *more[command])
    assert (code, out) == (1, "")
    assert word in err
    assert not Path("a.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["train", NET, "--data", DATA, "-o", "no/m.tulle"], "T0705", "mkdir -p no"),
        (["train", NET, "--data", DATA, "-o", "folder.tulle"], "T0705", "is a folder"),
        (["train", NET, "--data", DATA, "-o", "m.h5"], "T0707", "`.tulle`"),
        (["train", NET, "--data", DATA, "-o", "folder"], "T0707", "`.tulle`"),
        (["render", NET, "-o", "a.jpeg"], "T0707", ".svg, .png, .pdf, .dot"),
        (["render", NET, "-o", "a"], "T0707", "ending is missing"),
        (["render", NET, "-o", "no/a.svg"], "T0705", "no folder"),
        (["train", NET, "--data", DATA, "-o", "m.tulle", "--set", "widht=3"],
         "T0202", "did you mean `width`"),
        (["train", NET, "--data", DATA, "-o", "m.tulle", "--set", "width=1"],
         "T0204", "8..4096"),
        (["train", NET, "--data", DATA, "-o", "m.tulle", "--device", "gpu:99"],
         "T0801", "no device `gpu:99`"),
        (["train", "plain.net", "--data", DATA, "-o", "m.tulle"], "T0604", "`train`"),
        (["summary", "plain.net", "--model", "X"], "T0201", "there is M"),
        (["summary", "none.net"], "T0201", "defines no model"),
        (["dump", NET, "--stage", "x"], "T0204", "the stages are graph"),
        (["predict", NET, DATA, "-o", "a.txt"], "T0707", "NumPy files"),
        (["predict", NET, "own.npz", "-o", "./own.npz"], "T0705", "is read"),
        (["predict", NET, "--data", "image=own.npz", "-o", "own.npz"],
         "T0705", "is read"),
        (["export", "plain.net", "-o", "plain.net"], "T0705", "is read"),
        (["summary", NET, "--sizes", "B=0"], "T0204", "`B` is at least 1"),
        (["train", NET, "--data", DATA, "-o", "m.tulle", "--set", "rate=nan"],
         "T0204", "`rate` is nan, outside of"),
        (["summary", "fixed.net", "--set", "width=3"], "T0202", "is a `const`"),
        (["evaluate", NET, "--data", "own.npz", "--part", "test"], "T0703", "test_"),
        (["predict", "one.net", "own.npz", "--classes"], "T0204", "no classes"),
        (["predict", NET, "--data", "image="], "T0703", "not of the form name=FILE"),
        (["predict", NET, "--data", "image=own.npz", "--data", "image=a.npy"],
         "T0703", "by several files"),
    ],
)  # fmt: skip
def test_refusals(run, tmp_path, arguments, code, word):
    Path("folder").mkdir()
    Path("folder.tulle").mkdir()
    Path("plain.net").write_text("net 1 model M(x: f32[2]) -> f32[2] { return x }")
    Path("none.net").write_text("net 1")
    Path("one.net").write_text(
        "net 1 dim B model M(image: f32[B, 64]) -> f32[B, 1] "
        "{ return image |> Dense(1) }"
    )
    Path("fixed.net").write_text("net 1 const width: int = 2")
    np.savez("own.npz", image=np.ones((2, 64), "f4"), label=np.ones(2, "i4"))
    before = sorted(tmp_path.iterdir())
    found, out, err = run(*arguments)
    assert (found, out) == (1, "")
    assert f"error[{code}]" in err
    assert word in err
    assert "is set twice" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_is_trained_for_a_place_that_cannot_be_written(run, monkeypatch):
    monkeypatch.setattr(
        commands_train, "load_module", lambda options: pytest.fail("too late")
    )
    assert run("train", NET, "--data", DATA, "-o", "no/m.tulle")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["check"],
        ["check", NET, "--format", "xml"],
        ["train", NET],
        ["train", NET, "--data", DATA, "-o", "m.tulle", "--epochs", "0"],
        ["train", NET, "--data", DATA, "-o", "m.tulle", "--batch", "-1"],
        ["train", NET, "--data", DATA, "-o", "m.tulle", "--set", "width"],
        ["train", NET, "--data", DATA, "-o", "m.tulle", "--seed", "-1"],
        ["train", NET, "--data", DATA, "-o", "m.tulle", "--seed", "9" * 19],
        ["predict", NET, DATA, "--classes", "--values"],
    ],
)
def test_wrong_calls_are_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tulle")
    assert ": error: " in err
    assert err.endswith(" --help` says more\n")
    assert err.count("\n") <= 3


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["chek", NET], "check"),
        (["check", NET, "--sett", "a=1"], "--set"),
        (["check", NET, "--format", "jsn"], "json"),
        (["train", NET, "--epoch=3", "--data", DATA, "-o", "m.tulle", "--sed", "3"],
         "--seed"),
    ],
)  # fmt: skip
def test_the_word_that_was_meant_is_told(run, arguments, near):
    code, _, err = run(*arguments)
    assert code == 2
    assert f"= help: did you mean `{near}`?" in err


def test_an_interruption_while_arguments_are_read(run, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_choose_data", stop)
    code, out, err = run("predict", NET, DATA)
    assert (code, out) == (130, "")
    assert "interrupted" in err


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=1", 1), ("a=1.5", 1.5), ("a=1e-3", 1e-3), ("a=true", True), ("a=x=y", "x=y")],
)
def test_settings_are_read_as_the_language_writes_them(text, value):
    name, found = cli._setting(text)
    assert (name, found, type(found)) == ("a", value, type(value))


# What comes from outside.


def test_a_fault_of_tulle_asks_for_a_report(monkeypatch, capsys):
    def broken(options):
        raise KeyError("gone\nmissing")

    monkeypatch.setitem(commands.COMMANDS, "explain", broken)
    monkeypatch.delenv("TULLE_TRACEBACK", raising=False)
    assert cli.main(["explain"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("internal error: KeyError")
    assert "report" in second
    monkeypatch.setenv("TULLE_TRACEBACK", "1")
    assert cli.main(["explain"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_memory_that_is_not_there_is_no_fault_of_tulle(capsys, monkeypatch):
    monkeypatch.delenv("TULLE_TRACEBACK", raising=False)

    def exhausted(options):
        raise MemoryError("Unable to allocate 3.64 TiB")

    monkeypatch.setitem(commands.COMMANDS, "predict", exhausted)
    assert cli.main(["predict", NET, DATA]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: there is not enough memory: unable to allocate 3.64")
    assert "tulle summary" in told


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_has_read_enough(trained):
    command = (
        f"{sys.executable} -m tulle.cli predict {trained} {DATA} --values | head -1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert len(done.stdout.split()) == 10
    assert done.stderr == ""


def test_a_terminal_without_unicode(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = process("summary", NET, env=environment)
    assert done.returncode == 0
    assert done.stderr == ""
    (tmp_path / "a.net").write_text("net 1 # é\ndim é\n", "utf-8")
    assert process("check", tmp_path / "a.net", env=environment).returncode == 1


def test_the_installed_command(tmp_path):
    done = subprocess.run(
        [Path(sys.executable).with_name("tulle"), "check", NET],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, f"{NET}: no mistakes found\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("redirection", "words"),
    [(">/dev/full", "no space left on device"), (">&-", "standard output is closed")],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("check", NET),
        ("summary", NET),
        ("train", NET, "--data", DATA, "-o", "m.tulle", "--epochs", "1"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_output_that_goes_nowhere(tmp_path, arguments, redirection, words):
    done = shell(arguments, redirection, tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: the output cannot be written: {words}\n"
    # Training goes on where no more can be printed, but not where nothing ever could.
    kept = ["m.tulle"] if arguments[0] == "train" and "full" in redirection else []
    assert [path.name for path in tmp_path.iterdir()] == kept


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_messages_that_go_nowhere(tmp_path, redirection):
    done = shell(("summary", "none.net"), redirection, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def shell(arguments, redirection, folder):
    command = shlex.join([sys.executable, "-m", "tulle.cli", *arguments])
    return subprocess.run(
        f"{command} {redirection}",
        shell=True,
        capture_output=True,
        text=True,
        cwd=folder,
    )
