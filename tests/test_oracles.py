"""The reference cases in tests/oracles, by their own runner: eager and compiled."""

import importlib.util
import json
from pathlib import Path

import pytest

import tulle

FOLDER = Path(__file__).resolve().parent / "oracles"
INDEX = json.loads((FOLDER / "cases.json").read_text())
ENTRIES = {entry["id"]: entry for entry in INDEX["cases"]}


def runner():
    spec = importlib.util.spec_from_file_location("oracle_runner", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = runner()


# Metrics that count in integers say so when weights are fractions.
@pytest.mark.filterwarnings("ignore:.*cuts its sample weights")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", ENTRIES)
def test_case(name, compiled):
    engine = RUNNER.Engine(tulle, compiled)
    verdict = RUNNER.Case(engine, ENTRIES[name], FOLDER, INDEX).judge()
    assert verdict["status"] == "passed", verdict["reason"]


def test_all_cases_are_here():
    assert len(ENTRIES) == 394
    assert {Path(e["file"]).name for e in ENTRIES.values()} == {
        path.name for path in (FOLDER / "data").iterdir()
    }
