"""The steps of a schedule bound to memory: each kind once, all addresses at a time.

Steps are of one kind if their forms are equal and their arrays lie alike, whatever the
sizes are: the layers of a deep network are much alike. An `Outline` finds the kinds of
a schedule, once. For given sizes a kind is bound to placeholders, and where its
words point into them each step gets the addresses of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.dim import Symbol
from ..binding import is_sized
from ..pipeline.plan import Plan, number
from ..pipeline.schedule import Schedule, Step, Storage, Value
from ..recorded import WORTH, Recipes, Recording, Unrecordable
from ..strided_arrays import (
    OWN,
    WITHIN,
    StridedArray,
    find_placeholders,
    operand_placeholder,
)
from .call import Call
from .command_table import Block, CommandTable, Order, Tell, laid_out
from .forms import Form, Place
from .value_layouts import SizedLayouts, typed
from .value_roots import ValueRoots, made

Sizes = Mapping[Symbol, int]


class StepKind(NamedTuple):
    """Steps that differ in addresses alone, and how their operands and results lie."""

    form: Form
    layouts: tuple[int, ...]
    sources: int  # how many of them are operands
    first: int  # among the operands of all steps those of the first one
    stands: bool  # whether sizes have no say in it

    def calls(self, arrays: Sequence[StridedArray], place: Place) -> list[Call]:
        """The calls that compute it on operands and results."""
        sources, targets = arrays[: self.sources], arrays[self.sources :]
        return self.form.calls(place._replace(sources=sources, targets=targets))


class Outline(ValueRoots):
    """What does not depend on sizes in the binding of a schedule.

    `form` gives the native form of a step, if there is one.
    """

    def __init__(self, schedule: Schedule, form: Callable[[Step], Form | None]):
        super().__init__(schedule)
        self._find_steps(form)
        self.spread = Order([*self.order, len(self.kinds)])  # the last calls behind
        offsets = [0 if one is None else one.offset for one in self.layouts.standing]
        # Of layouts; those of views follow sizes.
        self.offsets = np.array([*offsets, 0], np.int64)
        # Sizes that change many answers do so for many kinds: some are recorded again
        # sooner, some later, since all at once would make one call much slower.
        self.recipes = [Recipes(1 + n % WORTH) for n in range(len(self.kinds))]
        self.symbols: tuple[Symbol, ...] | None = None  # in the order of all recipes
        self.blocks: dict[int, Block] = {}  # of kinds that stand, once they are bound
        self.keep: list[Any] = []  # for these
        self._scratch: dict[int, int] = {}  # for these

    def _find_steps(self, form: Callable[[Step], Form | None]) -> None:
        """The kinds of native steps, and where their operands have their places.

        The last operand of each is the scratch memory.
        """
        self.kinds: list[StepKind] = []
        self.order: list[int] = []  # the kind of each native step
        operands: list[tuple[int, int]] = []
        firsts: list[int] = []
        self.stops: list[tuple[int, Step]] = []  # of the host, after so many others
        scratch = len(self.roots), len(self.layouts.all)
        for step in self.schedule.steps:
            found = form(step)
            if found is None:
                self.stops.append((len(self.order), step))
            else:
                firsts.append(len(operands))
                self.order.append(self._kind(step, found, len(operands)))
                values = (*step.sources, *step.targets)
                operands += [self.places[value.name] for value in values]
                operands.append(scratch)
        self.operands = np.array(operands, np.int64).reshape(-1, 2).T
        self.firsts = np.array(firsts, np.int64)

    def scratch_of(self, kind: StepKind, sizes: Sizes) -> int:
        """The bytes that the steps of a kind need."""
        if not kind.form.has_scratch:
            return 0
        if not kind.stands:
            return kind.form.scratch_bytes(sizes)
        found = self._scratch.get(kind.first)
        if found is None:
            found = self._scratch[kind.first] = kind.form.scratch_bytes(sizes)
        return found

    def _kind(self, step: Step, form: Form, first: int) -> int:
        values = *step.sources, *step.targets
        layouts = tuple([self.places[value.name][1] for value in values])
        count = len(step.sources)
        key = "step", form.key, layouts, count
        found = self._known.setdefault(key, len(self.kinds))
        if found == len(self.kinds):
            stands = not is_sized(step.node)
            stands = stands and all(self.layouts.standing[layout] for layout in layouts)
            self.kinds.append(StepKind(form, layouts, count, first, stands))
        return found


class Sized:
    """An outline for given sizes: layouts and bound kinds, wherever its memory is."""

    def __init__(self, outline: Outline, place: Place):
        self.outline, self.place = outline, place
        place.keep.append(outline.keep)
        self.given = {**outline.fixed}
        for _, value in outline.others:
            self._other(value)
        if outline.symbols is None:
            outline.symbols = tuple(place.sizes)
        self.layouts = SizedLayouts(outline.layouts, place.sizes, self.given)
        sizes = [place.sizes[symbol] for symbol in outline.symbols]
        measured = outline.layouts.measured(sizes, self.layouts, outline.symbols)
        self.numbers, self.offsets = measured
        self.blocks: list[Block] = []
        self.filling: list[int] = []  # of the gaps of blocks, in their order
        self.scratch = 0  # the most bytes that a step needs
        for index, kind in enumerate(outline.kinds):
            block, scratch = self._bound(index, kind)
            self.blocks.append(block)
            self.scratch = max(self.scratch, scratch)

    def _other(self, value: Value) -> None:
        """A placeholder for an input, or what is computed for these sizes."""
        if value.kind == "input":
            array = self.place.placeholders.place(typed(value, self.place.sizes))
        else:
            array = made(value, self.given, self.place.sizes)
            self.place.keep.append(array)
        self.given[value.name] = array

    def _bound(self, index: int, kind: StepKind) -> tuple[Block, int]:
        """The calls of a kind and its scratch memory; their gaps are filled later."""
        outline, sizes = self.outline, self.place.sizes
        if kind.stands:
            return self._standing(index, kind), outline.scratch_of(kind, sizes)
        found = outline.recipes[index].results(
            self.numbers, lambda recording: self._recorded(kind, recording)
        )
        if found is None:
            return Block.of(self._calls(kind)), outline.scratch_of(kind, sizes)
        (scratch, *numbers), block = found
        self.filling += numbers
        return self._telling(block, kind) if block.faults else block, scratch

    def _telling(self, block: Block, kind: StepKind) -> Block:
        """A recorded block with what tells of data at fault for these sizes."""

        def telling(number: int) -> Tell:
            def tell(words: Sequence[int]) -> None:
                _, _, told = Block.of(self._calls(kind)).faults[number]
                told(words)

            return tell

        faults = [
            (stretch, flag, telling(number))
            for number, (stretch, flag, _) in enumerate(block.faults)
        ]
        return block._replace(faults=faults)

    def _standing(self, index: int, kind: StepKind) -> Block:
        """The calls of a kind in which sizes have no say, bound once."""
        found = self.outline.blocks.get(index)
        if found is None:
            place = self.place._replace(keep=self.outline.keep)
            found = self.outline.blocks[index] = Block.of(self._calls(kind, place))
        return found

    def _calls(self, kind: StepKind, place: Place | None = None) -> list[Call]:
        """The calls of a kind on placeholders."""
        arrays = [
            self.layouts[layout].array.at(operand_placeholder(n))
            for n, layout in enumerate(kind.layouts)
        ]
        scratch = operand_placeholder(len(arrays))
        return kind.calls(arrays, (place or self.place)._replace(scratch=scratch))

    def _recorded(
        self, kind: StepKind, recording: Recording
    ) -> tuple[list[Any], Block]:
        """What fills the block of a kind, after its scratch memory."""
        outline, symbols = self.outline, self.outline.symbols or ()
        arrays = [
            outline.layouts.recorded(
                layout, operand_placeholder(n), recording, len(symbols)
            )
            for n, layout in enumerate(kind.layouts)
        ]
        place = self.place._replace(
            sizes={one: recording.number(n) for n, one in enumerate(symbols)},
            scratch=operand_placeholder(len(arrays)), keep=[],
        )  # fmt: skip
        block, filling = Block.recorded(kind.calls(arrays, place))
        if place.keep:
            raise Unrecordable("a step with memory of its own is not recorded")
        # What tells of faults would keep recorded numbers, and so the recording.
        faults = [(stretch, flag, _unsaid) for stretch, flag, _ in block.faults]
        scratch = outline.scratch_of(kind, place.sizes)
        return [scratch, *filling], block._replace(faults=faults)


def _unsaid(words: Sequence[int]) -> None:
    """Nothing to tell."""


class Bound:
    """The steps of an outline for given sizes, and where its values lie.

    `memory` is the address where the buffers of a plan begin; storages that are `apart`
    have addresses of their own. `scratch` is where the scratch memory of steps begins.
    """

    def __init__(
        self,
        sized: Sized,
        found: Plan,
        memory: int,
        scratch: int,
        apart: Mapping[Storage, int] | None = None,
    ):
        self.sized, self.outline, self.given = sized, sized.outline, sized.given
        self.place = sized.place._replace(scratch=scratch)
        outline = self.outline
        self.roots = self._roots(found, memory, apart or {})
        self.roots[-1] = scratch
        operands, layouts = outline.operands
        offsets = outline.offsets.copy()
        offsets[outline.layouts.views] = sized.offsets
        self.addresses = self.roots[operands] + offsets[layouts]

    def _roots(self, found: Plan, memory: int, apart: Mapping[Storage, int]) -> Any:
        """Where all roots begin."""
        outline, sizes = self.outline, self.place.sizes
        starts = memory + np.array(found.starts, np.int64)[outline.numbers]
        if apart:
            for index, storage in enumerate(outline.storages):
                starts[index] = apart.get(storage, starts[index])
        roots = outline.known.copy()
        roots[outline.buffers] += starts
        for root, first, item in outline.parts:
            roots[root] += number(first, sizes) * item
        for root, value in outline.others:
            roots[root] = getattr(self.given[value.name], "address", 0)
        return roots

    def laid_out(self, last: Sequence[Call] = ()) -> CommandTable:
        """The words and commands of all steps, and of calls that come after them."""
        outline, sized = self.outline, self.sized
        blocks = [*sized.blocks, Block.of(last)]
        laid = laid_out(blocks, outline.spread, sized.filling)
        words = laid.words
        places, numbers, offsets = find_placeholders(words)
        ours = numbers >= OWN
        places, numbers, offsets = places[ours], numbers[ours], offsets[ours]
        steps = np.searchsorted(laid.starts, places, "right") - 1
        inner = numbers == WITHIN
        begins = words.ctypes.data + 8 * laid.starts[steps[inner]]
        words[places[inner]] = begins + offsets[inner]
        outer = ~inner
        operands = outline.firsts[steps[outer]] + numbers[outer] - OWN
        words[places[outer]] = self.addresses[operands] + offsets[outer]
        return laid

    def array_of(self, name: str) -> StridedArray:
        """Where a value lies."""
        if name in self.given:
            return self.given[name]
        root, layout = self.outline.places[name]
        found = self.sized.layouts[layout]
        return found.array.at(int(self.roots[root]) + found.offset)
