"""`tulle train` and what it leaves: checkpoints, logs, pictures, JSON; going on."""

import csv
import importlib.util
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from tulle import cli
from tulle.graph.diagnostics import DataError, Diagnostic
from tulle.training.model import Model
from tulle.training.saving import load_model
from tulle.training.snapshot_files import read_snapshot

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NET = str(EXAMPLES / "digits.net")
DATA = str(EXAMPLES / "digits.npz")
TRAIN = ["train", NET, "--data", DATA, "-o", "m.tulle", "--seed", "3"]

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What four epochs without an interruption leave."""
    path = tmp_path_factory.mktemp("whole") / "m.tulle"
    more = ["--epochs", "4", "--quiet"]
    assert cli.main([*TRAIN[:5], str(path), *TRAIN[6:], *more]) == 0
    return path.read_bytes()


def started(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tulle.cli", *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell makes what it runs in the background deaf to the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def stopped_by(number, folder, *arguments):
    """A process that gets a signal once its first epoch is over: code and messages."""
    process = started(folder, *arguments)
    assert "epoch 1/" in process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


# Stopped, killed, gone on.


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("often", [(), ("--save-every", "5")])
def test_a_killed_command_goes_on(tmp_path, run, often):
    """With the same bits in its file, and each epoch once in its log."""
    kept = ["--checkpoint", "kept", "--log", "log.jsonl", *often]
    process = started(tmp_path, *TRAIN, "--epochs", 4000, *kept)
    while not process.stdout.readline().startswith("epoch 3/"):
        pass
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    state = read_snapshot(Path("kept/latest.state"))
    epochs = state.config["epoch"] + 2
    code, out, _ = run(*TRAIN, "--epochs", epochs, *kept, "--resume")
    assert code == 0
    assert out.startswith(f"going on {state.place}\n")
    lines = Path("log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(epochs))
    run(*TRAIN[:5], "whole.tulle", *TRAIN[6:], "--epochs", epochs)
    assert Path("m.tulle").read_bytes() == Path("whole.tulle").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_a_stopped_command_tells_the_one_that_goes_on(
    tmp_path, run, number, code, word
):
    found, err = stopped_by(number, tmp_path, *TRAIN, "--epochs", "4000")
    assert found == code
    assert f"stopped by {word} after " in err
    assert "kept in `m.checkpoint`" in err
    assert [path.name for path in tmp_path.iterdir()] == ["m.checkpoint"]
    command = shlex.split(re.search("`(tulle train .*)` goes on", err)[1])
    assert command == ["tulle", *TRAIN, "--epochs", "4000", "--resume"]
    code, _, err = run(*TRAIN, "--epochs", 4)
    assert code == 1
    assert "holds a training that was stopped after" in err
    assert "--resume" in err
    before = int(re.search(r"epoch (\d+)", err)[1])
    code, out, _ = run(*TRAIN, "--epochs", before + 2, "--resume")
    assert code == 0
    assert f"epoch {before + 2}/{before + 2}" in out
    assert [path.name for path in tmp_path.iterdir()] == ["m.tulle"]
    run(*TRAIN[:5], "whole.tulle", *TRAIN[6:], "--epochs", before + 2)
    assert Path("m.tulle").read_bytes() == Path("whole.tulle").read_bytes()


def test_a_finished_checkpoint_can_be_trained_further(run, whole):
    kept = ["--checkpoint", "kept", "--quiet"]
    assert run(*TRAIN, "--epochs", 2, *kept) == (0, "saved Digits as m.tulle\n", "")
    assert run(*TRAIN, "--epochs", 4, *kept, "--resume")[0] == 0
    assert Path("m.tulle").read_bytes() == whole
    assert run(*TRAIN, "--epochs", 4, *kept, "--resume")[0] == 0  # nothing to do
    assert Path("m.tulle").read_bytes() == whole
    assert run(*TRAIN, "--epochs", 1, *kept)[0] == 0  # and anew
    assert Path("m.tulle").read_bytes() != whole


def test_going_on_from_nothing_is_the_beginning(run, whole):
    code, _, err = run(*TRAIN, "--epochs", 4, "--resume", "--quiet")
    assert code == 0
    assert "there is no checkpoint in `m.checkpoint` yet" in err
    assert Path("m.tulle").read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: ["--set", "width=16"], ["another model", "shape (64, 128)"]),
        (lambda: cut("kept/latest.state"), ["cannot be gone on from", "begin anew"]),
        (lambda: swap("kept/latest.state"), ["latest.state", "begin anew"]),
    ],
)
def test_states_that_do_not_fit(run, change, words):
    kept = ["--checkpoint", "kept", "--quiet"]
    run(*TRAIN, "--epochs", 1, *kept)
    more = change() or []
    code, out, err = run(*TRAIN, "--epochs", 2, *kept, "--resume", *more)
    assert (code, out) == (1, "")
    assert "error[T0704]" in err
    assert all(word in err for word in words), err


def cut(name):
    path = Path(name)
    path.write_bytes(path.read_bytes()[:5000])


def swap(name):
    path = Path(name)
    data = bytearray(path.read_bytes())
    data[-3000] ^= 1
    path.write_bytes(data)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_reader_that_has_read_enough_loses_no_training(tmp_path):
    command = shlex.join([sys.executable, "-m", "tulle.cli", *TRAIN, "--epochs", "3"])
    done = subprocess.run(
        f"{command} | head -1", shell=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.startswith("epoch 1/3")
    assert done.stderr == ""
    assert load_model(tmp_path / "m.tulle").name == "Digits"


def test_a_model_that_cannot_be_saved_is_saved_elsewhere(run, tmp_path, monkeypatch):
    folder = tmp_path / "full"
    folder.mkdir()
    real = Model.save

    def save(self, path, overwrite=True):
        if Path(path).parent == folder:
            told = Diagnostic("T0705", f"`{path}` cannot be written: no space left")
            raise DataError(told)
        real(self, path, overwrite)

    monkeypatch.setattr(Model, "save", save)
    to = folder / "m.tulle"
    code, out, err = run(
        "train", NET, "--data", DATA, "-o", to, "--epochs", 1, "--quiet"
    )
    assert code == 1
    assert "no space left" in err
    place = Path(re.search(r"saved Digits as (.*)\n", out)[1])
    assert place.parent == tmp_path
    assert load_model(place).name == "Digits"


# What is measured and written.


def test_validation_data_and_a_share_of_the_data(run):
    brief = [*TRAIN, "--epochs", 2]
    out = run(*brief, "--validation-data", DATA)[1]
    first = float(re.search(r"val_accuracy ([\d.]+)", out.splitlines()[-2])[1])
    measured = run("evaluate", "m.tulle", "--data", DATA)[1]  # on the test part
    assert float(measured.split("accuracy ")[1]) == pytest.approx(first, abs=1e-4)
    out = run(*brief, "--validation-split", "0.25")[1]
    assert out.count("val_loss") == 2
    with np.load(DATA) as archive:
        np.savez("wrong.npz", image=archive["image"])
    code, _, err = run(*brief, "--validation-data", "wrong.npz")
    assert (code, "no array `label`" in err) == (1, True)


def test_logs(run):
    run(*TRAIN, "--epochs", 2, "--log", "log.csv", "--quiet")
    with Path("log.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["epoch", "accuracy", "loss"]
    assert [row[0] for row in rows] == ["0", "1"]
    run(*TRAIN, "--epochs", 2, "--log", "log.jsonl", "--quiet")
    lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == [float(row[2]) for row in rows]


def test_outcomes_as_json(run):
    code, out, err = run(*TRAIN, "--epochs", 2, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["model"], found["saved"], found["epochs"]) == ("Digits", "m.tulle", 2)
    out = run("evaluate", "m.tulle", "--data", DATA, "--json", "--batch", 100)[1]
    measured = json.loads(out)
    assert measured["samples"] == 355
    assert measured["part"] == "test"
    assert 0 < measured["accuracy"] <= 1
    out = run("predict", "m.tulle", "--data", DATA, "--json")[1]
    classes = json.loads(out)["logits"]
    with np.load(DATA) as archive:
        hits = np.mean(np.array(classes) == archive["test_label"])
    assert hits == pytest.approx(measured["accuracy"])
    out = run("predict", "m.tulle", DATA, "--values", "-o", "o.npz", "--json")[1]
    assert json.loads(out) == {"saved": "o.npz", "logits": [355, 10]}


def test_predictions_as_a_table_are_data_again(run):
    run(*TRAIN, "--epochs", 1, "--quiet")
    with np.load(DATA) as archive:
        images = archive["test_image"][:9]
    np.save("pictures.npy", images)
    by_name = ["--data", "image=pictures.npy"]
    values = run("predict", "m.tulle", *by_name, "--values", "-o", "o.csv")
    assert values[0] == 0
    run("predict", "m.tulle", *by_name, "--values", "-o", "o.npz")
    from tulle.training.data_files import load_arrays

    table = load_arrays("o.csv", ["logits"])["logits"]
    with np.load("o.npz") as archive:
        np.testing.assert_allclose(table, archive["logits"], rtol=1e-6)
    run("predict", "m.tulle", *by_name, "-o", "c.csv")
    assert Path("c.csv").read_text().splitlines()[0] == "logits"


@needs_matplotlib
def test_curves(run):
    for name in ("c.svg", "c.png", "c.pdf", "d.svg"):
        options = ["--validation-split", "0.2", "--plot", name, "--quiet"]
        assert run(*TRAIN, "--epochs", 3, *options)[0] == 0
        assert Path(name).stat().st_size > 2000
    texts = ElementTree.parse("c.svg").getroot().itertext()
    shown = {text.strip() for text in texts}
    assert {"Digits", "loss", "accuracy", "training", "validation", "epoch"} <= shown
    assert Path("c.svg").read_bytes() == Path("d.svg").read_bytes()


def test_curves_without_matplotlib(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = run(*TRAIN, "--plot", "c.svg")
    assert (code, out) == (1, "")
    assert "tulle[plot]" in err


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--log", "log.txt"], "T0707", ".jsonl"),
        (["--log", "no/log.csv"], "T0705", "no folder"),
        (["--validation-data", "v.csv", "--log", "v.csv"], "T0705", "is read"),
        (["--plot", "c.jpeg"], "T0707", ".svg"),
        (["--checkpoint", NET], "T0705", "digits.net"),
        (["--validation-data", "no.npz"], "T0703", "no file"),
        (["--validation-split", "0.9999"], "T0204", "no sample on one side"),
    ],
)
def test_refusals(run, tmp_path, arguments, code, word):
    found, _, err = run(*TRAIN, "--quiet", *arguments)
    assert found == 1
    assert f"error[{code}]" in err
    assert word in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [*TRAIN, "--validation-split", "1"],
        [*TRAIN, "--validation-split", "much"],
        [*TRAIN, "--validation-split", "0.1", "--validation-data", DATA],
        [*TRAIN, "--save-every", "0"],
        ["predict", NET],
        ["predict", NET, DATA, "--data", DATA],
        ["evaluate", NET, "--data", DATA, "--batch", "0"],
    ],
)
def test_wrong_calls_are_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tulle")
    assert ": error: " in err
