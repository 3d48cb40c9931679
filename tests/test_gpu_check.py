"""`make gpu-check` skips without a card; what it measures works on the stand-in."""

import importlib.util
import sys
from pathlib import Path

import cuda_host
import fake_cudnn
import fake_cupy
import fake_nvmath
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = ROOT / "tools/gpu_check.py"
    spec = importlib.util.spec_from_file_location("gpu_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def card(monkeypatch):
    module = fake_cupy.make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    fake_nvmath.install(monkeypatch)
    fake_cudnn.install(monkeypatch)
    return module


def test_without_a_card_it_says_so_and_does_nothing(tool, monkeypatch, capsys):
    monkeypatch.setattr(tool, "missing", lambda: "no card at all")
    monkeypatch.setattr(sys, "argv", ["gpu_check.py"])
    tool.main()
    assert capsys.readouterr().out == "skipped: no card at all\n"


def test_what_is_missing_is_told(tool, card, monkeypatch):
    assert tool.missing() == ""

    def old():
        raise RuntimeError("the driver is older than the library")

    monkeypatch.setattr(card.cuda.runtime, "getDeviceCount", old)
    assert tool.missing().endswith("RuntimeError: the driver is older than the library")
    monkeypatch.setattr(card.cuda.runtime, "getDeviceCount", lambda: 0)
    assert tool.missing() == "CuPy finds no CUDA device"
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert tool.missing() == "CuPy is not installed: `pip install 'tulle[gpu13]'`"


@pytest.mark.parametrize(
    ("text", "seconds", "reason"),
    [
        ("print(1)", 60, ""),
        ("print(1); raise MemoryError('8 GB')", 60, "exit status 1: MemoryError: 8 GB"),
        ("print(1, flush=True); import os; os.abort()", 60, "ended by signal 6"),
        ("print(1, flush=True); import time; time.sleep(60)", 0.5, "not done after"),
    ],
)
def test_what_goes_wrong_in_a_process_is_told(tool, text, seconds, reason):
    lines, found = tool.alone([sys.executable, "-c", text], seconds)
    assert lines == (["1"] if seconds > 1 else lines)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_a_fault_of_one_part_hides_no_other(tool, monkeypatch, capsys):
    def ran(command, seconds):
        if "--collect-only" in command:
            return ["tests/x.py::test_one[a]", "tests/x.py::test_two"], ""
        if "mlp" in command:
            return [], "exit status 1: OutOfMemoryError: 8 GB"
        if "vae" in command:
            return ["| `vae` | … | DIFFERENT BITS |"], ""
        if "pytest" in command:
            bad = "test_two" in command[-1]
            return [f"{len(command)} {'skipped' if bad else 'passed'} in 1 s"], ""
        return ["fine"], "" if "versions" in command else "ended by signal 11"

    monkeypatch.setattr(tool, "alone", ran)
    monkeypatch.setattr(tool, "missing", lambda: "")
    monkeypatch.setattr(tool.shutil, "which", lambda name: None)
    names = [f"--workload={name}" for name in ("mlp", "vae", "conv")]
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", *names])
    assert tool.main() == 1
    faults = capsys.readouterr().out.split("## Faults")[1].split("\n")
    told = [line.partition(": ")[0] for line in faults if line]
    assert told == [
        "launches", "test_two", "steps --workload mlp", "steps of vae",
        "steps --workload conv",
    ]  # fmt: skip


def test_failing_tests_are_run_once_more_by_themselves(tool, monkeypatch, capsys):
    ids = ["tests/x.py::test_one[a b]", "tests/x.py::test_one[c]"]

    def ran(command, seconds):
        if command[-1] in ids:
            return [], "exit status 1" if command[-1] == ids[0] else ""
        told = [f"FAILED {name} - CUDARuntimeError: x" for name in ids]
        return [*told, "2 failed, 9 passed in 1 s"], "exit status 1"

    monkeypatch.setattr(tool, "alone", ran)
    report = tool.Report()
    report.tests((), ["tests/x.py"], "all")
    out = capsys.readouterr().out
    assert f"by itself: {ids[0]}: exit status 1" in out
    assert f"by itself: {ids[1]}: passes" in out
    assert report.faults == ["all: exit status 1"]


@pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
def test_steps_are_compared_and_timed(tool, card, monkeypatch):
    monkeypatch.setattr(tool, "peers", lambda workload: iter(()))
    (head, line), row = tool.TABLE, tool.row("mlp", rounds=1, count=2)
    assert head.count("|") == line.count("|") == row.count("|") == 8
    assert row.startswith("| `mlp` | ")
    assert row.endswith("| – | – | same bits |")


@pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
def test_launches_are_timed(tool, card, monkeypatch):
    monkeypatch.setattr(tool, "EMPTY", 3)
    pieces, graph = tool.overhead()
    assert pieces.startswith("3 empty launches as pieces: ")
    assert graph.startswith("3 empty launches as a graph: ")
