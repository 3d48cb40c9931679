"""Trainings that are killed and go on: the same bits as without that.

The programs are real processes, `crashing.py`, which get a real SIGKILL at marked
places, or at any.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("resource", reason="signals and limits of POSIX")

PROGRAM = Path(__file__).resolve().parents[1] / "crashing.py"
KINDS = [
    "arrays", "accumulated", "scaled", "eager", "dataset", "steps", "generator", "own",
]  # fmt: skip


def start(folder, settings):
    folder.mkdir(exist_ok=True)
    # The seed of the process decides nothing once there is a backup.
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), json.dumps(settings)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )


def run(folder, **settings):
    started = start(folder, settings)
    _, err = started.communicate(timeout=120)
    return started.returncode, err


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a training of a kind that nothing happened to."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            code, err = run(made[kind], kind=kind)
            assert code == 0, err
        return made[kind]

    return of


def same(one, other, log=True):
    """Both folders hold the same weights, bit for bit, and the same figures."""
    first, second = (np.load(f / "weights.npz") for f in (one, other))
    assert first.files == second.files
    assert all(first[n].tobytes() == second[n].tobytes() for n in first.files)
    names = ["figures.json", *(["log.csv"] if log else [])]
    assert all((one / n).read_bytes() == (other / n).read_bytes() for n in names)
    return True


def killed_then_whole(folder, whole, kind, save_freq, kill):
    code, err = run(folder, kind=kind, save_freq=save_freq, kill=kill)
    assert code == -signal.SIGKILL, err
    assert not (folder / "weights.npz").exists()
    seed = 5 if not (folder / "backup" / "latest.state").exists() else 99
    code, err = run(folder, kind=kind, save_freq=save_freq, seed=seed)
    assert code == 0, err
    assert same(whole(kind), folder)


@pytest.mark.parametrize(
    ("kind", "save_freq"), [*((kind, 3) for kind in KINDS), ("arrays", "epoch")]
)
def test_a_kill_between_batches(tmp_path, whole, kind, save_freq):
    moment = random.Random(f"{kind} {save_freq}").randrange(5, 15)
    kill = ["on_train_batch_end", moment]
    killed_then_whole(tmp_path, whole, kind, save_freq, kill)


@pytest.mark.parametrize(
    ("save_freq", "kill"),
    [
        ("epoch", ["writestr", 1]),  # before there is any backup
        ("epoch", ["writestr", 4]),  # half of it is written
        (2, ["fsync", 3]),
        (1, ["replace", 9]),  # complete, and not yet in its place
        (1, ["after_replace", 9]),
        (2, ["on_test_begin", 2]),
        ("epoch", ["on_epoch_end", 3]),
        ("epoch", ["on_train_end", 1]),
    ],
    ids=str,
)
def test_a_kill_at_a_bad_moment(tmp_path, whole, save_freq, kill):
    killed_then_whole(tmp_path, whole, "arrays", save_freq, kill)


@pytest.mark.slow
def test_kills_at_any_moment(tmp_path, whole):
    """One after the other, each whenever it comes."""
    chance = random.Random(2)
    for _ in range(6):
        started = start(tmp_path, {"save_freq": 1, "pause": 0.03})
        time.sleep(chance.uniform(0.2, 2.5))
        started.kill()
        started.communicate()
    code, err = run(tmp_path, save_freq=1)
    assert code == 0, err
    assert same(whole("arrays"), tmp_path)
    assert list((tmp_path / "backup").glob(".tulle-*")) == []


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, -signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
@pytest.mark.parametrize(
    ("where", "count", "told"),
    [
        ("on_train_batch_begin", 6, "after step 2 of epoch 2"),
        ("on_test_batch_begin", 2, "after step 4 of epoch 2"),
        ("on_epoch_end", 2, "after epoch 2"),
    ],
)
def test_a_signal_saves_and_says_how_to_go_on(
    tmp_path, whole, number, code, word, where, count, told
):
    """In the middle of an epoch, of a validation, and between epochs."""
    found, err = run(tmp_path, save_freq="epoch", signal=[number, where, count])
    assert found == code, err
    assert f"stopped by {word} {told}" in err
    assert "with the same model, data and callbacks" in err
    assert run(tmp_path, seed=99)[0] == 0
    assert same(whole("arrays"), tmp_path)


def test_a_full_disk_loses_neither_the_backup_nor_the_run(tmp_path, whole):
    code, err = run(tmp_path, full=4)
    assert code == 0, err
    assert err.count("the one from before stays") == 1  # told once, not each epoch
    assert "latest.state` cannot be written: file too large" in err
    assert same(whole("arrays"), tmp_path)  # the run
    (tmp_path / "weights.npz").unlink()
    assert run(tmp_path, seed=99)[0] == 0  # the backup, of the third epoch
    assert same(whole("arrays"), tmp_path)


def test_a_folder_that_goes_away_does_not_end_the_run(tmp_path, whole):
    code, err = run(tmp_path, gone=3)
    assert code == 0, err
    assert err.count("goes on without this backup") == 1
    assert same(whole("arrays"), tmp_path)
