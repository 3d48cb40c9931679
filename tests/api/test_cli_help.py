"""Wrong calls of the command `tulle`: told with a right one."""

from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NET = str(EXAMPLES / "digits.net")
DATA = str(EXAMPLES / "digits.npz")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["train", NET], "`tulle train net.net --data data.npz -o net.tulle`"),
        (["train", NET, DATA], "`tulle train net.net --data data.npz -o net.tulle`"),
        (["evaluate", "m.tulle"], "`tulle evaluate net.tulle --data data.npz`"),
        (["check"], "`tulle check net.net`"),
        (
            ["train", NET, "--data", DATA, "-o", "m.tulle", "--lr", "3"],
            "the `train` block says it: `optimizer adam(1e-3)`",
        ),
    ],
)
def test_wrong_calls_are_told_a_right_one(run, arguments, advice):
    code, _, err = run(*arguments)
    assert code == 2
    assert advice in err


def test_arrays_of_other_names_are_told(run):
    np.savez("other.npz", picture=np.zeros((4, 64), "float32"))
    code, _, err = run("train", NET, "--data", "other.npz", "-o", "m.tulle")
    assert code == 1
    assert "note: it holds picture" in err
    assert "arrays go by the names of the model's inputs and targets" in err
