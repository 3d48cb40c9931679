"""A schedule as a Python function of calls to NumPy or CuPy: reference and fallback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..graph.dim import Symbol
from ..graph.graph import Graph
from ..graph.node import Node
from .binding import BoundArrays
from .pipeline.emit import bound_calls, emit, works_in_place
from .pipeline.plan import Plan
from .pipeline.schedule import Schedule
from .pipeline.tiles import bound_tiles, scratch_bytes


class ArrayCode:
    """The code of a program that calls an array library step by step."""

    native = False
    fills_inputs = False
    passes = early = unfused = ()

    def __init__(self, xp: Any):
        self.xp = xp

    def in_place(self, node: Node, operand: int, output: int) -> bool:
        """Whether a step may write a result over an operand of the same type."""
        return works_in_place(node, self.xp)

    def runs_native(self, node: Node) -> bool:
        """Never: every step is a call of the array library."""
        return False

    def prepare(self, schedule: Schedule, graph: Graph) -> None:
        """Write the function that runs a schedule."""
        self.schedule, self._arrays = schedule, BoundArrays(schedule, self.xp)
        self._source = emit(schedule, graph, self.xp)
        self._code = compile(self._source.text, "<tulle program>", "exec")

    @property
    def source(self) -> str:
        """The function as text."""
        return self._source.text

    def moved(self) -> None:
        """Forget where variables lay."""
        self._arrays.forget()

    def scratch(self, sizes: Mapping[Symbol, int]) -> int:
        """The most bytes that a step needs beside its operands and results."""
        steps = self.schedule.steps
        return max((scratch_bytes(step, sizes) for step in steps), default=0)

    def bind(
        self, memory: Any, found: Plan, sizes: Mapping[Symbol, int]
    ) -> Callable[..., dict[str, Any]]:
        """The function for sizes, with memory for a plan."""
        names = self._arrays.of(found, memory, sizes)
        for index, (variable, _) in enumerate(self.schedule.updates):
            names[f"a{index}"] = variable.array
        names.update((name, getattr(self.xp, name)) for name in self._source.ufuncs)
        names.update(bound_calls(self._source, sizes, self.xp))
        scratch = memory[found.scratch :]
        for name, step in self._source.kernels.items():
            names[name] = bound_tiles(step, names, scratch, sizes)
        names["copy"] = self.xp.copyto
        names["outputs"] = None
        exec(self._code, names)
        return partial(_quietly, names["run"])


def _quietly(run: Callable[..., dict[str, Any]], *arrays: Any) -> dict[str, Any]:
    """A run without NumPy's warnings: infinities and NaN behave as the ops say."""
    with np.errstate(all="ignore"):
        return run(*arrays)
