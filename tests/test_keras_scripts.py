"""Programs as users of Keras 3 write them run with the import changed.

Their assertions hold on Keras too: `tools/compare_keras/scripts.py` runs them there.
"""

import runpy
import warnings
from pathlib import Path

import pytest

from tulle.graph import configuration, policies

SCRIPTS = sorted((Path(__file__).parent / "keras_scripts").glob("*.py"))


@pytest.fixture(autouse=True)
def _as_at_first():
    yield
    policies.set_dtype_policy(None)
    configuration.set_floatx("float32")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_for_keras_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runpy.run_path(str(path), run_name="__main__")


def test_there_are_scripts():
    assert len(SCRIPTS) >= 45
