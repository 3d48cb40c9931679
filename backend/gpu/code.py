"""A schedule on a CUDA device: kernels of one module, and CuPy for the other steps.

Everything has an address once a plan is bound; inputs are copied to their places first,
so that the words of the launches are made and sent to the device once a plan.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...graph.dim import Symbol
from ...graph.graph import Graph
from ...graph.node import Node
from .. import loops
from ..binding import host_step, shows
from ..loops import LoopKernel
from ..loops.cuda import module_source
from ..pipeline.emit import works_in_place
from ..pipeline.listing import schedule_listing
from ..pipeline.plan import Plan
from ..pipeline.schedule import Schedule, Step
from .launches import CUTS, THREADS, KernelLaunch, launches, packed

Array = Any
Sizes = Mapping[Symbol, int]
Action = Callable[[Sequence[Array]], None]  # of the inputs

OPTIONS = ("--std=c++17",)  # exact divisions and roots; products and sums contract


class GpuCode:
    """The code of a program that runs on a CUDA device through CuPy."""

    native = True

    def __init__(self, xp: Any):
        self.xp = xp
        self._kernels: dict[Node, LoopKernel | None] = {}
        self._functions: dict[str, Any] = {}

    def kernel(self, node: Node) -> LoopKernel | None:
        """The generated kernel of a node, made once; None if CuPy computes it."""
        if node.op.name != "fused":
            return None
        if node not in self._kernels:
            try:
                self._kernels[node] = loops.lower(node)
            except loops.Unlowerable:
                self._kernels[node] = None
        return self._kernels[node]

    def in_place(self, node: Node, operand: int, output: int) -> bool:
        """Whether a step may write a result over an operand of the same type."""
        if node.op.name == "fused":
            kernel = self.kernel(node)
            return kernel is not None and kernel.may_share(operand, output)
        return works_in_place(node, self.xp)

    def runs_native(self, node: Node) -> bool:
        """Never: inputs are copied to places whose address stays."""
        return False

    def prepare(self, schedule: Schedule, graph: Graph) -> None:
        """Compile the kernels of a schedule, all in one module."""
        self.schedule, self.graph = schedule, graph
        kernels = [kernel for _, kernel in self._generated()]
        if kernels:
            self._functions = self._compiled(kernels)

    def _compiled(self, kernels: Sequence[LoopKernel]) -> dict[str, Any]:
        """The functions of kernels by name; none if the compiler refuses them."""
        module = self.xp.RawModule(code=module_source(kernels), options=OPTIONS)
        error = refusal(self.xp, module)
        if error:
            _tell_once(error)
            return {}
        names = dict.fromkeys(name for kernel in kernels for name in kernel.names)
        return {name: module.get_function(name) for name in names}

    def _generated(self) -> Iterator[tuple[Step, LoopKernel]]:
        for step in self.schedule.steps:
            kernel = None if step.copy else self.kernel(step.node)
            if kernel is not None:
                yield step, kernel

    @property
    def source(self) -> str:
        """The steps in their order, and the loops of each generated kernel."""
        parts = [schedule_listing(self.schedule)]
        for step, kernel in self._generated():
            names = ", ".join(target.name for target in step.targets)
            parts.append(f"{names}:\n{kernel}")
        return "\n\n".join(parts) + "\n"

    def scratch(self, step: Step, sizes: Sizes) -> int:
        """The bytes that a step needs beside its operands and results."""
        kernel = None if step.copy else self.kernel(step.node)
        return 0 if kernel is None else loops.scratch_bytes(kernel, sizes, CUTS)

    def bind(
        self, names: dict[str, Any], memory: Any, found: Plan, sizes: Sizes
    ) -> Callable[..., dict[str, Any]]:
        """The program over bound arrays, with memory for a plan."""
        writer = Writer(self.xp, self._functions, list(names.values()))
        inputs = [f"x{index}" for index in range(len(self.graph.inputs))]
        for step in self.schedule.steps:
            targets = [names[target.name] for target in step.targets]
            source = step.sources[0].name if step.copy else ""
            if source in inputs:
                writer.input(inputs.index(source), targets[0])
                continue
            sources = [names[source.name] for source in step.sources]
            kernel = None if step.copy else self.kernel(step.node)
            if step.copy:
                writer.copy(targets[0].reshape(sources[0].shape), sources[0])
            elif kernel is not None and self._functions:
                scratch = memory[found.scratch :]
                writer.add(launches(kernel, sources, targets, scratch, sizes))
            else:
                writer.call(step.node, sources, targets, sizes)
        updates = [(v.array, names[value.name]) for v, value in self.schedule.updates]
        outputs = {name: names[v.name] for name, v in self.schedule.outputs.items()}
        return writer.finish(outputs, updates)


class Writer:
    """The actions of a bound program, as they come."""

    def __init__(self, xp: Any, functions: Mapping[str, Any], keep: list[Array]):
        self.xp, self.functions = xp, functions
        self.keep = keep  # what the words of launches point to
        self._parts: list[Action | KernelLaunch] = []

    def add(self, found: Sequence[KernelLaunch]) -> None:
        """Launches, to follow what came before."""
        self._parts += found

    def input(self, index: int, place: Array) -> None:
        """An input's copy to its place, which is another value's until then."""
        copyto = self.xp.copyto
        self._parts.append(lambda arrays: copyto(place, arrays[index]))

    def copy(self, target: Array, source: Array) -> None:
        """A copy on the device."""
        copyto = self.xp.copyto
        self._parts.append(lambda arrays: copyto(target, source))

    def call(
        self,
        node: Node,
        sources: Sequence[Array],
        targets: Sequence[Array],
        sizes: Sizes,
    ) -> None:
        """A step that CuPy computes, or a layer of the user's."""
        step = host_step(self.xp, node, sources, targets, sizes)
        self._parts.append(lambda arrays: step())

    def finish(
        self, outputs: Mapping[str, Array], updates: Sequence[tuple[Array, Array]]
    ) -> Callable[..., dict[str, Any]]:
        """The whole as a function of the inputs."""
        return Runner(self.xp, self._actions(), outputs, updates, self.keep)

    def _actions(self) -> list[Action]:
        """What is done in turn; the words of all launches go to the device at once."""
        words, starts = packed([p for p in self._parts if isinstance(p, KernelLaunch)])
        placed, begin = self.xp.asarray(words), iter(starts)
        return [
            self._launch(part, placed[next(begin) :])
            if isinstance(part, KernelLaunch)
            else part
            for part in self._parts
        ]

    def _launch(self, launch: KernelLaunch, words: Array) -> Action:
        function = self.functions[launch.name]
        grid, block = (launch.blocks,), (THREADS,)
        arguments = (words, np.int64(launch.total), np.int32(launch.lanes))
        return lambda arrays: function(grid, block, arguments)


class Runner:
    """A bound program as a function of its inputs; what `keep` holds lives as long."""

    def __init__(
        self,
        xp: Any,
        actions: Sequence[Action],
        outputs: Mapping[str, Array],
        updates: Sequence[tuple[Array, Array]],
        keep: Sequence[Array],
    ):
        owners = {id(array) for array, _ in updates}
        self.xp, self.actions = xp, actions
        self.outputs, self.keep = outputs, keep
        self.updates = [(t, source, shows(source, owners)) for t, source in updates]

    def __call__(self, *arrays: Array) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            for action in self.actions:
                action(arrays)
        found = {name: value.copy() for name, value in self.outputs.items()}
        kept = [(t, s.copy() if apart else s) for t, s, apart in self.updates]
        for target, source in kept:
            self.xp.copyto(target, source)
        return found


def available(xp: Any) -> bool:
    """Whether the device's compiler takes generated kernels.

    `TULLE_KERNELS=numpy` in the environment says that they are not to be used.
    """
    if os.environ.get("TULLE_KERNELS", "") == "numpy":
        return False
    error = _first_refusal(xp)
    if error:
        _tell_once(error)
    return not error


@cache
def _first_refusal(xp: Any) -> str:
    return refusal(xp, xp.RawModule(code=module_source([]), options=OPTIONS))


def refusal(xp: Any, module: Any) -> str:
    """Compile a module: why it could not be, or nothing.

    Missing libraries and headers are told by CuPy as errors of several kinds.
    """
    refused = xp.cuda.compiler.CompileException
    try:
        module.compile()
    except (refused, RuntimeError, OSError, ImportError) as error:
        return str(error).strip() or type(error).__name__
    return ""


@cache
def _tell_once(error: str) -> None:
    logging.getLogger("tulle").warning(
        "kernels are not generated for the GPU, and CuPy runs each op, since they "
        "could not be compiled: %s",
        error.splitlines()[0],
    )
