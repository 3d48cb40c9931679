"""A schedule as native code: commands over bound memory, cut where the host has a step.

Everything has an address once a plan is bound. Inputs are bound to places that nobody
touches; wherever an argument points there, each run puts the input's own address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from ...graph.diagnostics import InternalError
from ...graph.dim import Symbol
from ...graph.graph import Graph
from ...graph.node import Node
from ..binding import host_step, shows, standing
from ..lying import Elsewhere, Lying, address_of, number_of, pointing
from ..pipeline import lowered
from ..pipeline.listing import program_listing
from ..pipeline.plan import Plan
from ..pipeline.schedule import Schedule, Step
from . import copying, gemm
from .call import Call
from .copying import copy
from .engine import engine
from .follow import follow
from .forms import Form, Place, form_of
from .layout import Fault, laid_out
from .pool import COMMAND, pool, runtime_fragments
from .scan import scan_of
from .special_random import key_writer
from .values import bound_values

Array = Any
Sizes = Mapping[Symbol, int]
HostStep = Callable[[], None]


class NativeCode:
    """The code of a program that runs as commands of the native runtime."""

    native = True
    fills_inputs = False
    passes = (follow,)

    def __init__(self) -> None:
        self._forms: dict[Node, Form | None] = {}
        self._compiled: dict[str, int] = {}
        for usual in (
            runtime_fragments(),
            gemm.packed_fragment("f32"),
            gemm.fragments("f32"),
            copying.fragments(4),
        ):
            engine().begin(usual)  # nearly every program needs them

    def form(self, node: Node) -> Form | None:
        """The native form of a node, made once."""
        if node not in self._forms:
            found = form_of(node)
            if node.op.name == "loop":
                found = scan_of(node, self, lambda graph: follow(lowered(graph)))
            self._forms[node] = found
        return self._forms[node]

    def in_place(self, node: Node, operand: int, output: int) -> bool:
        """Whether a step may write a result over an operand of the same type."""
        form = self.form(node)
        return form is not None and form.in_place(operand, output)

    def runs_native(self, node: Node) -> bool:
        """Whether a step takes its operands by address."""
        return node.op.name in UNBOUND or self.form(node) is not None

    def prepare(self, schedule: Schedule, graph: Graph) -> None:
        """Compile what the steps of a schedule need."""
        self.schedule, self.graph = schedule, graph
        self.standing = standing(schedule)
        self._compiled = engine().compile(self.fragments(schedule))

    def fragments(self, schedule: Schedule) -> dict[str, str]:
        """The texts of the entries that steps call, with work on them begun."""
        found: dict[str, str] = {}
        for _, form in self._native_steps(schedule):
            texts = form.fragments()
            engine().begin(texts)
            found.update(texts)
        return found

    def _native_steps(self, schedule: Schedule) -> Iterator[tuple[Step, Form]]:
        for step in schedule.steps:
            form = None if step.copy else self.form(step.node)
            if form is not None:
                yield step, form

    @property
    def source(self) -> str:
        """The steps in their order, and the loops of each generated kernel."""
        return self.listing(self.schedule) + "\n"

    def listing(self, schedule: Schedule) -> str:
        """The steps of a schedule, and the loops of each generated kernel."""
        forms = self._native_steps(schedule)
        texts = ((step, form.listing()) for step, form in forms)
        return program_listing(schedule, [pair for pair in texts if pair[1]])

    def scratch(self, step: Step, sizes: Sizes) -> int:
        """The bytes that a step needs beside its operands and results."""
        form = None if step.copy else self.form(step.node)
        return 0 if form is None else form.scratch_bytes(sizes)

    def bind(
        self, kept: dict[str, Any], memory: Any, found: Plan, sizes: Sizes
    ) -> Callable[..., dict[str, Any]]:
        """The program for sizes, with memory for a plan.

        What is the same for all sizes is taken from `kept`, or put there.
        """
        elsewhere, at = Elsewhere(), address_of(memory)
        names = bound_values(self.schedule, found, at, sizes, elsewhere, kept)
        kept.update((name, names[name]) for name in self.standing)
        inputs = [names.get(f"x{index}") for index in range(len(self.graph.inputs))]
        writer = Writer(inputs)
        writer.keep += [memory, *names.values()]
        place = Place(
            (), (), at + found.scratch, sizes, pool().threads, self._compiled,
            elsewhere, writer.keep, writer.blocks, writer.faults,
        )  # fmt: skip
        for step in self.schedule.steps:
            self._bind_step(step, names, place, writer)
        own = {id(variable.array) for variable, _ in self.schedule.updates}
        outputs = {
            name: _apart(names[value.name], own, writer).array()
            for name, value in self.schedule.outputs.items()
        }
        updates = [
            (Lying.of(variable.array), _apart(names[value.name], own, writer))
            for variable, value in self.schedule.updates
        ]
        for target, source in updates:
            _copy(target, source, writer)
        return writer.finish(outputs)

    def _bind_step(
        self, step: Step, names: Mapping[str, Lying], place: Place, writer: Writer
    ) -> None:
        if step.copy or self.form(step.node) is not None:
            for call in self._calls(step, names, place):
                writer.add(call)
            return
        sources = [names[source.name] for source in step.sources]
        targets = [names[target.name] for target in step.targets]
        if step.node.op.name == "random_key":
            writer.between(key_writer(step.node, targets[0]))
            return
        given, results = ([one.array() for one in some] for some in (sources, targets))
        writer.host(host_step(np, step.node, given, results, place.sizes))

    def _calls(
        self, step: Step, names: Mapping[str, Lying], place: Place
    ) -> list[Call]:
        """The calls of a native step."""
        sources = [names[source.name] for source in step.sources]
        targets = [names[target.name] for target in step.targets]
        if step.copy:
            (source,), (target,) = sources, targets
            call = copy(Lying(target.address, source.shape, target.dtype), source)
            return [] if call is None else [call]
        form = self.form(step.node)
        if form is None:
            raise InternalError(f"`{step.node.op.name}` has no native form")
        return form.calls(place.of(sources, targets))

    def step_calls(
        self, schedule: Schedule, names: Mapping[str, Array], place: Place
    ) -> list[Call]:
        """The calls of all steps of an inner schedule."""
        return [
            call for step in schedule.steps for call in self._calls(step, names, place)
        ]


UNBOUND = ("item", "pack", "variable", "constant", "input", "size", "full", "arange")


def _apart(array: Lying, owners: set[int], writer: Writer) -> Lying:
    """A value that later writes into the arrays of owners do not change."""
    if not shows(array.owner, owners):
        return array
    kept = Lying.of(np.empty(array.shape, array.dtype))
    writer.keep.append(kept)
    _copy(kept, array, writer)
    return kept


def _copy(target: Lying, source: Lying, writer: Writer) -> None:
    call = copy(target, source)
    if call is not None:
        writer.add(call)


class Writer:
    """Commands as they come, cut into stretches between steps of the host."""

    def __init__(self, inputs: Sequence[Lying | None]):
        self.inputs = inputs
        self.keep: list[Array] = []
        self.blocks: list[Array] = []  # words of inner tables, which may need patches
        self.faults: list[Fault] = []
        self.by_numpy = False  # whether a step of the host may complain
        self._calls: list[Call] = []
        self._parts: list[list[Call] | HostStep] = []

    def add(self, call: Call) -> None:
        """A native command, to follow those before."""
        self._calls.append(call)

    def host(self, step: HostStep) -> None:
        """A step of the host, to follow those before."""
        self.by_numpy = True
        self.between(step)

    def between(self, step: HostStep) -> None:
        """What is to be done between native commands, and is no work for NumPy."""
        self._flush()
        self._parts.append(step)

    def _flush(self) -> None:
        if self._calls:
            self._parts.append(self._calls)
            self._calls = []

    def finish(self, outputs: Mapping[str, Array]) -> Callable[..., dict[str, Any]]:
        """The whole as a function of the inputs."""
        self._flush()
        native = [part for part in self._parts if isinstance(part, list)]
        calls = [call for part in native for call in part]
        words, table, faults = laid_out(calls)
        patches = patches_of([words, *self.blocks], self.inputs)
        addresses = np.zeros(max(1, len(self.inputs)), np.int64)
        checks = [*faults, *self.faults]
        parts: list[HostStep] = []
        done = 0
        for part in self._parts:
            if not isinstance(part, list):
                parts.append(part)
                continue
            at = table.ctypes.data + done * COMMAND * 8
            parts.append(_stretch(at, len(part), patches, addresses, checks))
            done += len(part)
        keep = [words, table, patches, addresses, self.keep, self.blocks]
        return Runner(parts, addresses, outputs, keep, self.by_numpy)


def patches_of(blocks: Sequence[Array], inputs: Sequence[Lying | None]) -> Array:
    """Triples of where an argument lies, which input it points into, and how far."""
    numbers = {
        number_of(array): index
        for index, array in enumerate(inputs)
        if array is not None  # else nothing reads it
    }
    found: list[int] = []
    for words in blocks:
        flat = words.reshape(-1)
        start = flat.ctypes.data
        for place, number, offset in pointing(flat):
            if number in numbers:
                found += [start + 8 * place, numbers[number], offset]
    return np.array(found, np.int64)


class Runner:
    """A bound program as a function of its inputs."""

    def __init__(
        self,
        parts: Sequence[HostStep],
        addresses: Array,
        outputs: Mapping[str, Array],
        keep: Sequence[Array],
        host: bool,
    ):
        self.parts, self.addresses, self.outputs = parts, addresses, outputs
        self.keep, self.host = keep, host

    def __call__(self, *arrays: Array) -> dict[str, Any]:
        addresses, held = self.addresses, []
        for index, array in enumerate(arrays):
            flags = array.flags
            if not (flags.c_contiguous and flags.aligned):
                array = np.array(array, order="C")
                held.append(array)
            addresses[index] = array.__array_interface__["data"][0]
        with np.errstate(all="ignore") if self.host else nullcontext():
            for part in self.parts:
                part()
        return {name: value.copy() for name, value in self.outputs.items()}


def _stretch(
    at: int, count: int, patches: Array, addresses: Array, checks: Sequence[Fault]
) -> HostStep:
    """A run of commands as one call."""
    run, places = pool().run, len(patches) // 3
    first, inputs = patches.ctypes.data, addresses.ctypes.data

    def stretch() -> None:
        if run(at, count, first, places, inputs):
            for check in checks:
                check.check()

    return stretch
