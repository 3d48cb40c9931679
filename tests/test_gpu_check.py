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


def test_what_is_missing_is_told(tool, monkeypatch):
    monkeypatch.setattr(tool.importlib.util, "find_spec", lambda name: None)
    assert "CuPy is not installed" in tool.missing()
    monkeypatch.setattr(tool.importlib.util, "find_spec", lambda name: "there")
    monkeypatch.setattr(tool, "devices", lambda: ["cpu"])
    assert tool.missing() == "CuPy finds no CUDA device"


@pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
def test_steps_are_compared_and_timed(tool, card, monkeypatch):
    monkeypatch.setattr(tool, "peers", lambda workload: iter(()))
    head, line, row = tool.table(["mlp"], rounds=1, count=2)
    assert head.count("|") == line.count("|") == row.count("|") == 8
    assert row.startswith("| `mlp` | ")
    assert row.endswith("| – | – | same bits |")


@pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
def test_launches_are_timed(tool, card, monkeypatch):
    monkeypatch.setattr(tool, "EMPTY", 3)
    pieces, graph = tool.overhead()
    assert pieces.startswith("3 empty launches as pieces: ")
    assert graph.startswith("3 empty launches as a graph: ")
