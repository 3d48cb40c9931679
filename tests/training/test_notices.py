"""Warnings: told at the user's line in Python, in plain words on the command line."""

import numpy as np
import pytest

from tulle.cli import main
from tulle.graph.notices import TulleWarning
from tulle.training.notices import warn

TEXT = """\
net 1
dim B
model Line(x: f32[B, 1]) -> f32[B, 1] { return x |> Dense(1) as out }
train Line(y: f32[B, 1]) {
  loss mean_squared_error(y, output)
  optimizer sgd(1e6)
  run { epochs = 12 }
}
"""


def test_the_place_is_the_callers():
    with pytest.warns(TulleWarning) as told:
        warn("something", "do this")
    (one,) = told
    assert str(one.message) == "something\n  = help: do this"
    assert one.filename == __file__


def test_the_command_line_prints_the_words(tmp_path, capsys):
    file, arrays = tmp_path / "line.net", tmp_path / "line.npz"
    file.write_text(TEXT)
    x = np.linspace(1, 2, 40, dtype="float32")[:, None]
    np.savez(arrays, x=x, y=3 * x)
    out = tmp_path / "line.tulle"
    given = ["train", str(file), "--data", str(arrays), "-o", str(out), "--quiet"]
    with np.errstate(all="ignore"):
        assert main(given) == 0
    told = capsys.readouterr().err
    assert told.count("warning: the loss is ") == 1
    assert "Warning" not in told
    assert ".py" not in told
