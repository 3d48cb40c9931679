"""`Program`: a compiled graph that runs on arrays.

A program is generic in the symbolic sizes: each new set of them gets a plan of its own,
which is made by arithmetic and kept. Threads take turns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import Any

import numpy as np

from ..graph.device import array_module, device, module_of, to_numpy
from ..graph.diagnostics import Fault, InternalError, RunShapeError, caller_span
from ..graph.dim import Dim, Symbol
from ..graph.garbage_collection import garbage_collection_paused
from ..graph.graph import Graph
from ..graph.match import Reader, match_types
from ..graph.types import TensorType, TupleType, dtype_of
from ..graph.variable import Variable
from .arena import Arena
from .array_code import ArrayCode
from .cpu import engine
from .cpu.code import NativeCode
from .gpu import code as gpu
from .kept_casts import keeping_of
from .pipeline import lowered
from .pipeline.differentiate import draws
from .pipeline.needs import Need
from .pipeline.plan import Plan, plan
from .pipeline.schedule import Schedule, schedule
from .rooms import Room, room_for

PLANS = 64  # kept for as many sets of sizes; the one not used for longest goes first
STEPS = 1 << 13  # or for more, as long as there are no more steps in all


@dataclass
class Bound:
    """A plan with its memory, as a function of the inputs."""

    plan: Plan
    run: Callable[..., dict[str, Any]]
    memory: Any
    moves: int  # `Variable.moves` when its arrays were looked up
    used: int = 0  # which run of the program was the last one with it


class Program:
    """A graph of primitives and kernels, scheduled and written as Python.

    Call it with arrays in the order of the graph's inputs: it returns the outputs by
    name, assigns the variables and advances the seed generators. Raises
    `RunShapeError` for arrays that do not have the declared types.
    """

    def __init__(
        self,
        graph: Graph,
        device_name: str = "cpu",
        code: ArrayCode | NativeCode | gpu.GpuCode | None = None,
        needs: Sequence[Need] = (),
    ):
        self.graph, self.device = graph, device_name
        self.xp = array_module(device_name)
        self.code = code_for(self.xp) if code is None else code
        self.schedule: Schedule = schedule(graph, self.code)
        self.code.prepare(self.schedule, graph)
        self._draws = tuple(draws(graph.nodes).items())
        self._bound: dict[Any, Bound] = {}
        self._runs = 0
        self.room = Room(self.xp)
        self.apart = False  # whether it shares no room any more
        self._moves = -1  # `Variable.moves` when the code was told of it
        self._lock = RLock()
        self._symbols = _symbols_of(graph)
        self._needs = needs
        self._reader = Reader([node.tensor_type for node in graph.inputs])
        self._variables = self._all_variables()
        self._arenas = _arenas_among(self._variables)
        self._written = tuple(variable for variable, _ in graph.updates)
        read = [one for one in self._variables if one not in self._written]
        self._keeping = keeping_of(read, self._like)

    def _all_variables(self) -> tuple[Variable, ...]:
        nodes = (v.node for v in self.schedule.values if v.node.op.name == "variable")
        read = [node.attributes["variable"] for node in nodes]
        return tuple(dict.fromkeys([*read, *(v for v, _ in self.graph.updates)]))

    def __call__(self, arrays: Sequence[Any]) -> dict[str, Any]:
        """Run once on arrays in the order of the graph's inputs."""
        with self._lock:
            try:
                return self._run(arrays)
            except Fault as fault:
                raise RunShapeError(fault.diagnostic(caller_span())) from None

    def _like(self, graph: Graph) -> Program:
        """A program of another graph that computes as this one does."""
        denormals = isinstance(self.code, NativeCode) and self.code.denormals
        return Program(lowered(graph), self.device, code_for(self.xp, denormals))

    def _run(self, arrays: Sequence[Any]) -> dict[str, Any]:
        if self._keeping is not None:
            self._keeping.refresh()
        try:
            key = tuple([(array.shape, array.dtype) for array in arrays])
            bound = self._bound[key]
        except (KeyError, AttributeError):
            arrays = [_as_array(array) for array in arrays]
            key = tuple([(array.shape, array.dtype) for array in arrays])
            bound = self._bound.get(key) or self._prepare(key, arrays)
        given = arrays
        if self.xp is not np and not self.code.native:
            given = [self.xp.asarray(array) for array in arrays]
        while True:
            room = self.room
            if not room.take():
                room = self._go_apart()
            try:
                if bound.memory is room.memory and bound.moves == Variable.moves:
                    self._runs = bound.used = self._runs + 1
                    outputs = bound.run(*given)
                    break
            finally:
                if Variable.watching:
                    self._tell_written()
                if room.loose:
                    room.tighten()
                room.give()
            bound = self._prepare(key, arrays)
        for generator, count in self._draws:
            generator.count += count
        return outputs

    def _tell_written(self) -> None:
        for variable in self._written:
            variable.written()

    def source(self) -> str:
        """The program as text for people: its steps, and the loops of its kernels."""
        return self.code.source

    @property
    def held_bytes(self) -> int:
        """The memory that stays for what is between the steps."""
        return max((b.plan.peak_bytes for b in self._bound.values()), default=0)

    def plan(self, shapes: Sequence[tuple[int, ...]]) -> Plan:
        """Steps, buffers and peak memory for inputs of given shapes."""
        declared = [node.tensor_type for node in self.graph.inputs]
        types = [t.with_shape(shape) for t, shape in zip(declared, shapes, strict=True)]
        with self._lock:
            return self._plan(self._sizes(types))

    def _sizes(self, actual: Sequence[TensorType]) -> dict[Symbol, int]:
        names = [node.name or "input" for node in self.graph.inputs]
        declared = [node.tensor_type for node in self.graph.inputs]
        try:
            found = match_types(names, declared, actual)
        except Fault as fault:
            raise RunShapeError(fault.diagnostic(None)) from None
        unknown = self._symbols - found.keys()
        if unknown:
            names = [symbol.name for symbol in unknown]
            raise InternalError(f"no input of the program says how large {names} are")
        return {symbol: dim.evaluate({}) for symbol, dim in found.items()}

    def _prepare(self, key: Any, arrays: Sequence[Any]) -> Bound:
        """Check the arrays, plan for their sizes and bind the function to memory."""
        self._check_count(arrays)
        dtypes, shapes = [dtype_of(a.dtype) for a in arrays], [a.shape for a in arrays]
        sizes = self._reader.read(dtypes, shapes)
        if sizes is None or not self._symbols <= sizes.keys():
            dims = [tuple(map(Dim.of, shape)) for shape in shapes]
            sizes = self._sizes(list(map(TensorType, dtypes, dims)))
        for need in self._needs:
            need.check(sizes)
        most = max(PLANS, STEPS // max(1, len(self.schedule.steps)))
        if key not in self._bound and len(self._bound) >= most:
            del self._bound[min(self._bound, key=lambda key: self._bound[key].used)]
        with device(self.device), garbage_collection_paused():
            self._settle()
            found = self._plan(sizes)
            memory = self._reach(found.peak_bytes)
            run = self._bind(memory[: found.peak_bytes], found, sizes)
            bound = Bound(found, run, memory, Variable.moves)
        self._bound[key] = bound
        return bound

    def _reach(self, size: int) -> Any:
        """Memory for a plan: all plans share it, so it is that of the largest."""
        room, before = room_for(self, size), self.room.memory
        if room.take():
            self.room = room
        else:
            room = self._go_apart()
        try:
            memory = room.reach(self, size)
        finally:
            room.give()
        if memory is not before:
            self._bound.clear()
        return memory

    def _go_apart(self) -> Room:
        """A room for this program alone, with its lock: somebody runs in the other."""
        self.room.leave(id(self))
        self.room, self.apart = Room(self.xp), True
        self.room.take()
        return self.room

    def _check_count(self, arrays: Sequence[Any]) -> None:
        wanted = [node.name or "input" for node in self.graph.inputs]
        if len(arrays) != len(wanted):
            fault = Fault(
                "T0203",
                f"the program takes {len(wanted)} arrays ({', '.join(wanted)}) and got "
                f"{len(arrays)}",
            )
            raise RunShapeError(fault.diagnostic(None))

    def _settle(self) -> None:
        """Variables in arrays that stay, on this program's device."""
        for variable in self._variables:
            if not variable.homed or module_of(variable.array) is not self.xp:
                array = self.xp.array(to_numpy(variable.array))
                variable.rehome(array)
        for arena in self._arenas:
            arena.settle()

    def _plan(self, sizes: Mapping[Symbol, int]) -> Plan:
        if self._moves != Variable.moves:
            self.code.moved()
            self._moves = Variable.moves
        return plan(self.schedule, sizes, self.code.scratch(sizes))

    def _bind(
        self, memory: Any, found: Plan, sizes: Mapping[Symbol, int]
    ) -> Callable[..., dict[str, Any]]:
        return self.code.bind(memory, found, sizes)


def code_for(xp: Any, denormals: bool = False) -> ArrayCode | NativeCode | gpu.GpuCode:
    """Generated code, where its compiler is there; else calls of the array library.

    Native code takes denormal numbers as 0 unless they are to stay.
    """
    if xp is not np:
        return gpu.GpuCode(xp) if gpu.available(xp) else ArrayCode(xp)
    if engine.available():
        return NativeCode(denormals)
    _tell_once()
    return ArrayCode(xp)


@cache
def _tell_once() -> None:
    missing = engine.missing()
    if missing:
        logging.getLogger("tulle").warning(
            "programs run on NumPy alone, since %s cannot be imported; "
            "`pip install 'tulle[cpu]'` makes them several times faster",
            missing,
        )


def _symbols_of(graph: Graph) -> set[Symbol]:
    """The symbolic sizes in the types of a graph."""
    dims: set[Dim] = set()
    for node in graph.nodes:
        items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
        dims.update(dim for type in items for dim in type.shape)
    return {symbol for dim in dims for symbol in dim.symbols()}


def _as_array(value: Any) -> Any:
    return (
        value
        if hasattr(value, "dtype") and hasattr(value, "shape")
        else np.asarray(value)
    )


def _arenas_among(variables: Sequence[Variable]) -> list[Arena]:
    found = (v.arena for v in variables if v.arena is not None)
    return [a for a in dict.fromkeys(found) if a.variable in variables]
