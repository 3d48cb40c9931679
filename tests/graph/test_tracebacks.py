"""What a program that ends with an error shows: lines of the user, none of ours."""

import os
import re
import subprocess
import sys

import pytest

HEAD = """\
import numpy as np
import tulle
x = tulle.Input((4,))
data, target = np.zeros((8, 4), "float32"), np.zeros((8, 1), "float32")
"""
LAYER = """\
class Mine(tulle.layers.Layer):
    def call(self, x, training=False):
        return self.helper(x)
    def helper(self, x):
        raise ValueError("three channels are needed")  # here
"""
LOSS = """\
def loss(target, output):
    return target - output + undefined  # here
model = tulle.Model(x, tulle.layers.Dense(1)(x))
model.compile("sgd", loss)
model.fit(data, target, verbose=0)  # here
"""
CALLBACK = """\
class Mine(tulle.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        np.linalg.inv(np.zeros((2, 3)))  # here
model = tulle.Model(x, tulle.layers.Dense(1)(x))
model.compile("sgd", "mse")
model.fit(data, target, verbose=0, callbacks=[Mine()])  # here
"""
CAUSED = LAYER.replace(
    'raise ValueError("three channels are needed")  # here',
    """\
try:
            x.nothing  # here
        except AttributeError as error:
            raise RuntimeError("no") from error  # here""",
)
CALLED = "Mine()(x)  # here\n"
INSIDE = """\
inner = tulle.Sequential([Mine()])
outer = tulle.Sequential([inner, tulle.layers.Dense(1)])
outer(data)  # here
"""


def ended(tmp_path, program, **environment):
    path = tmp_path / "program.py"
    path.write_text(HEAD + program)
    variables = {**os.environ, **environment}
    command = [sys.executable, str(path)]
    return path, subprocess.run(
        command, capture_output=True, text=True, check=False, env=variables
    ).stderr


@pytest.mark.parametrize(
    "program",
    [
        LAYER.replace("  # here", "  # here", 1) + CALLED,
        LAYER + INSIDE,
        LOSS,
        CALLBACK,
        CAUSED + CALLED,
    ],
    ids=["layer", "inside", "loss", "callback", "caused"],
)
def test_lines_of_the_user_only(tmp_path, program):
    path, shown = ended(tmp_path, program)
    places = re.findall(r'File "(.*?)", line (\d+)', shown)
    lines = (HEAD + program).splitlines()
    marked = {i for i, line in enumerate(lines, 1) if line.endswith("# here")}
    own = {int(line) for name, line in places if name == str(path)}
    assert marked <= own
    others = [name for name, _ in places if name != str(path)]
    assert all("numpy" in name for name in others)


def test_all_frames_are_shown_where_asked_and_where_the_fault_is_ours(tmp_path):
    _, shown = ended(tmp_path, LAYER + CALLED, TULLE_TRACEBACK="1")
    assert "layer.py" in shown
    broken = "tulle.layers.Dense.build = lambda *a: None\nlayers = tulle.layers\n"
    ours = broken + "layers.Dense(1)(x)\n"
    _, shown = ended(tmp_path, ours)
    assert "layer.py" in shown
    assert "AttributeError" in shown
