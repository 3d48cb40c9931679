"""What a function does: its calls, which no other load changes, and its programs."""

import sys
from collections.abc import Callable
from typing import Any

from tulle.graph import call_programs, programs, pulling


def calls(function: Callable[[], Any]) -> int:
    """How many functions are called while one runs, those of C included."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def programs_come_soon(monkeypatch: Any) -> None:
    """Programs from the second call on, and gradients from the second asking."""
    pulling._KEPT.clear()
    monkeypatch.setattr(call_programs, "FIRST", 1)
    monkeypatch.setattr(pulling, "SOON", 1)


def compiled_graphs(monkeypatch: Any) -> list[Any]:
    """The graphs that become programs from here on, in a list that grows."""
    graphs, compiler = [], programs.compiler

    def noting(graph: Any) -> Any:
        graphs.append(graph)
        return compiler(graph)

    monkeypatch.setattr(programs, "compiler", noting)
    return graphs
