"""A schedule as native code: commands over bound memory, cut where the host has a step.

Everything has an address once a plan is bound. Inputs and large results are bound to
places that nobody touches; wherever an argument points there, each run puts an input's
own address, or that of new memory for a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.dim import Symbol
from ...graph.graph import Graph
from ...graph.node import Node
from ..binding import host_step, shows
from ..kept_casts import keep_casts
from ..pipeline import lowered
from ..pipeline.listing import program_listing
from ..pipeline.plan import Plan, number
from ..pipeline.schedule import Schedule, Step, Storage
from ..strided_arrays import (
    Placeholders,
    StridedArray,
    address_of,
    data_address,
    placeholder_number,
)
from . import copying, gemm
from .call import Call
from .command_table import CommandTable, Fault, pointers
from .copying import copy
from .engine import engine
from .follow import follow
from .forms import Copied, Form, Place, form_of
from .outline import Bound, Outline, Sized
from .pool import COMMAND, pool, runtime_fragments
from .scan import scan_of
from .special_random import key_writer
from .take_products import take_products
from .value_layouts import typed

Array = Any
Sizes = Mapping[Symbol, int]
HostStep = Callable[[], None]
LINE = 64  # bytes, at multiples of which new memory begins
LARGE = 1 << 16  # bytes of a result that are better not copied


class NativeCode:
    """The code of a program that runs as commands of the native runtime.

    Numbers that are denormal are taken as 0 unless `denormals` stay.
    """

    native = True
    fills_inputs = False
    passes = (follow,)
    early = ()
    unfused = (keep_casts, take_products)

    def __init__(self, denormals: bool = False) -> None:
        self.denormals = denormals
        self._forms: dict[Node, Form | None] = {}
        self._compiled: dict[str, int] = {}
        self._outline: Outline | None = None
        self._sized: Sized | None = None  # not bound yet
        for usual in (
            runtime_fragments(),
            gemm.packed_fragment("f32"),
            gemm.vector_fragment("f32"),
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

    def step_form(self, step: Step) -> Form | None:
        """The native form of a step; None for one of the host."""
        return COPIED if step.copy else self.form(step.node)

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
            form = self.step_form(step)
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

    def moved(self) -> None:
        """Forget where variables lay."""
        self._outline = self._sized = None

    @property
    def outline(self) -> Outline:
        """What binding the schedule needs, as variables lie now."""
        if self._outline is None:
            self._outline = Outline(self.schedule, self.step_form)
        return self._outline

    def scratch(self, sizes: Sizes) -> int:
        """The most bytes that a step needs beside its operands and results."""
        return self._sized_for(sizes).scratch

    def _sized_for(self, sizes: Sizes) -> Sized:
        """The steps for sizes; those last asked for are what is bound next."""
        found = self._sized
        if found is None or found.place.sizes != sizes:
            threads, placeholders = pool().threads, Placeholders()
            place = Place(
                (), (), 0, dict(sizes), threads, self._compiled, placeholders, []
            )
            found = self._sized = Sized(self.outline, place)
        return found

    def bind(
        self, memory: Array, found: Plan, sizes: Sizes
    ) -> Callable[..., dict[str, Any]]:
        """The program for sizes, with memory for a plan."""
        at = address_of(memory)
        sized, self._sized = self._sized_for(sizes), None
        place = sized.place
        place.keep.append(memory)
        fresh = self._fresh(place)
        apart = {storage: one.address for storage, one in fresh.items()}
        bound = Bound(sized, found, at, at + found.scratch, apart)
        writer = Writer([*fresh.values()], self.denormals)
        last = self._last(bound, writer)
        laid = bound.laid_out(last)
        for native, step in self._stops():
            writer.native(laid.begins[native])
            writer.between(self._host_step(step, bound, writer))
        writer.native(len(laid.table))
        inputs = [bound.given.get(f"x{n}") for n in range(len(self.graph.inputs))]
        return writer.finish(laid, inputs, place)

    def _fresh(self, place: Place) -> dict[Storage, StridedArray]:
        """Storages of large results, which get new memory in each run.

        So nobody copies them. Steps of the host know one place of an array only.
        """
        outline, outputs = self.outline, self.schedule.outputs.values()
        steps = [step for _, step in outline.stops]
        hosted = [v.name for step in steps for v in (*step.sources, *step.targets)]
        standing = {outline.storage(name) for name in hosted}
        storages = [outline.storage(value.name) for value in outputs]
        found: dict[Storage, StridedArray] = {}
        for value, storage in zip(outputs, storages, strict=True):
            if storage is None or storage in standing or storages.count(storage) > 1:
                continue
            size = number(storage.size, place.sizes) * storage.dtype.size
            if LARGE <= size <= 2 * typed(value, place.sizes).nbytes:
                whole = StridedArray(0, (size,), np.dtype(np.uint8))
                found[storage] = place.placeholders.place(whole)
        return found

    def _last(self, bound: Bound, writer: Writer) -> list[Call]:
        """Copies of what must not change at the end, then the updates of variables."""
        schedule, keep = self.schedule, bound.place.keep
        own = {id(variable.array) for variable, _ in schedule.updates}
        found: list[Call | None] = []

        def apart(name: str) -> StridedArray:
            """A value that later writes into variables do not change."""
            array = bound.array_of(name)
            if not shows(array.owner, own):
                return array
            kept = StridedArray.of(np.empty(array.shape, array.dtype))
            keep.append(kept)
            found.append(copy(kept, array))
            return kept

        for name, value in schedule.outputs.items():
            writer.result(name, apart(value.name))
        updates = [
            (StridedArray.of(variable.array), apart(value.name))
            for variable, value in schedule.updates
        ]
        found += [copy(target, source) for target, source in updates]
        return [call for call in found if call is not None]

    def _stops(self) -> Sequence[tuple[int, Step]]:
        """The steps of the host, each with how many native ones come before.

        Whoever looks at a program step by step stops at others as well.
        """
        return self.outline.stops

    def _host_step(self, step: Step, bound: Bound, writer: Writer) -> HostStep:
        """What the host does in a step."""
        sources, targets = (
            [bound.array_of(value.name) for value in values]
            for values in (step.sources, step.targets)
        )
        if step.node.op.name == "random_key":
            return key_writer(step.node, targets[0])
        writer.by_numpy = True
        given, results = ([one.array() for one in some] for some in (sources, targets))
        return host_step(np, step.node, given, results, bound.place.sizes)


COPIED = Copied()
UNBOUND = ("item", "pack", "variable", "constant", "input", "size", "full", "arange")


class Writer:
    """Stretches of a table of commands, with steps of the host between them.

    `fresh` is memory that each run has made for results; `denormals` says whether such
    numbers stay.
    """

    def __init__(self, fresh: Sequence[StridedArray], denormals: bool) -> None:
        self.denormals = denormals
        self.by_numpy = False  # whether a step of the host may complain
        self.fresh = fresh
        self.outputs: dict[str, Array | Fresh] = {}
        self._parts: list[tuple[int, int] | HostStep] = []
        self._done = 0

    def result(self, name: str, array: StridedArray) -> None:
        """Where a result lies at the end."""
        numbers = {
            placeholder_number(one): index for index, one in enumerate(self.fresh)
        }
        index = numbers.get(placeholder_number(array))
        if index is None:
            self.outputs[name] = array.array()
        else:
            offset = array.address - self.fresh[index].address
            self.outputs[name] = Fresh(index, offset, array)

    def native(self, upto: int) -> None:
        """The commands before a number that are not there yet."""
        if upto > self._done:
            self._parts.append((self._done, upto - self._done))
            self._done = upto

    def between(self, step: HostStep) -> None:
        """What the host does after the commands so far."""
        self._parts.append(step)

    def finish(
        self, laid: CommandTable, inputs: Sequence[StridedArray | None], place: Place
    ) -> Callable[..., dict[str, Any]]:
        """The whole as a function of the inputs."""
        moving = [*inputs, *self.fresh]
        patches = patches_of(laid.words, moving)
        addresses = np.zeros(max(1, len(moving)), np.int64)
        parts: list[HostStep] = []
        for part in self._parts:
            if isinstance(part, tuple):
                begin, count = part
                at = laid.table.ctypes.data + begin * COMMAND * 8
                part = self._stretch(at, count, patches, addresses, laid.faults)
            parts.append(part)
        keep = [laid, patches, addresses, place.keep]
        sizes = [one.nbytes for one in self.fresh]
        return Runner(parts, addresses, self.outputs, sizes, keep, self.by_numpy)

    def _stretch(
        self,
        at: int,
        count: int,
        patches: Array,
        addresses: Array,
        checks: Sequence[Fault],
    ) -> HostStep:
        """A run of commands as one call."""
        run, places, flushes = pool().run, len(patches) // 3, not self.denormals
        first, inputs = patches.ctypes.data, addresses.ctypes.data

        def stretch() -> None:
            if run(at, count, first, places, inputs, flushes):
                for check in [one for one in checks if one.found()]:
                    check.tell(check.words.tolist())

        return stretch


def result_memory(size: int) -> tuple[Array, int]:
    """New bytes, and the place where `size` of them begin at a multiple of `LINE`."""
    bytes = np.empty(size + LINE, np.uint8)
    return bytes, -data_address(bytes) % LINE


class Fresh(NamedTuple):
    """A result in memory that a run has made: its number, and where it lies there."""

    number: int
    offset: int
    like: StridedArray

    def array(self, memory: Array, start: int) -> Array:
        """The result, which keeps its memory alive."""
        shape, dtype, strides = self.like.shape, self.like.dtype, self.like.strides
        found = np.ndarray(shape, dtype, memory, start + self.offset, strides)
        return found if self.like.dense else found.copy()


def patches_of(words: Array, inputs: Sequence[StridedArray | None]) -> Array:
    """Triples of where an argument lies, which input it points into, and how far."""
    numbers = {
        placeholder_number(array): index
        for index, array in enumerate(inputs)
        if array is not None  # else nothing reads it
    }
    found: list[int] = []
    for at, one, offset in pointers(words):
        if one in numbers:
            found += [at, numbers[one], offset]
    return np.array(found, np.int64)


class Runner:
    """A bound program as a function of its inputs."""

    def __init__(
        self,
        parts: Sequence[HostStep],
        addresses: Array,
        outputs: Mapping[str, Array | Fresh],
        fresh: Sequence[int],
        keep: Sequence[Any],
        host: bool,
    ):
        self.parts, self.addresses, self.outputs = parts, addresses, outputs
        self.fresh, self.keep, self.host = fresh, keep, host

    def __call__(self, *arrays: Array) -> dict[str, Any]:
        addresses, held = self.addresses, []
        for index, array in enumerate(arrays):
            flags = array.flags
            if not (flags.c_contiguous and flags.aligned):
                array = np.array(array, order="C")
                held.append(array)
            addresses[index] = data_address(array)
        memory = []
        for index, size in enumerate(self.fresh, len(arrays)):
            bytes, start = result_memory(size)
            addresses[index] = data_address(bytes) + start
            memory.append((bytes, start))
        if self.host:
            with np.errstate(all="ignore"):
                self._run()
        else:
            self._run()
        return {
            name: one.array(*memory[one.number])
            if isinstance(one, Fresh)
            else one.copy()
            for name, one in self.outputs.items()
        }

    def _run(self) -> None:
        for part in self.parts:
            part()
