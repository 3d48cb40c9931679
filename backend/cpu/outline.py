"""The steps of a schedule bound to memory: each sort once, all addresses at a time.

Steps are of one sort if their forms are equal and their arrays lie alike, whatever the
sizes are: the layers of a deep network are much alike. An `Outline` finds the sorts of
a schedule, once. For given sizes a sort is bound to arrays that are not there, and
where its words point to them each step gets the addresses of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.dim import Symbol
from ..binding import is_sized
from ..lying import OWN, WITHIN, Lying, own, pointing
from ..pipeline.plan import Plan, number
from ..pipeline.schedule import Schedule, Step, Storage, Value
from ..recorded import WORTH, Recipes, Recording
from .call import Call
from .forms import Form, Place
from .layout import Block, Laid, Order, Tell, laid_out
from .rooted import Rooted, made
from .ways import Lay, typed

Sizes = Mapping[Symbol, int]


class Sort(NamedTuple):
    """Steps that differ in addresses alone; the ways of their operands and results."""

    form: Form
    ways: tuple[int, ...]
    sources: int  # how many of them are operands
    first: int  # among the operands of all steps those of the first one
    stands: bool  # whether sizes have no say in it

    def calls(self, arrays: Sequence[Lying], place: Place) -> list[Call]:
        """The calls that compute it on operands and results."""
        sources, targets = arrays[: self.sources], arrays[self.sources :]
        return self.form.calls(place._replace(sources=sources, targets=targets))


class Outline(Rooted):
    """What does not depend on sizes in the binding of a schedule.

    `form` gives the native form of a step, if there is one.
    """

    def __init__(self, schedule: Schedule, form: Callable[[Step], Form | None]):
        super().__init__(schedule)
        self._find_steps(form)
        self.spread = Order([*self.order, len(self.sorts)])  # the last calls behind
        offsets = [0 if one is None else one.offset for one in self.ways.standing]
        self.offsets = np.array([*offsets, 0], np.int64)  # of ways; views follow sizes
        # Sizes that change many answers do so for many sorts: some are recorded again
        # sooner, some later, since all at once would make one call much slower.
        self.recipes = [Recipes(1 + n % WORTH) for n in range(len(self.sorts))]
        self.symbols: tuple[Symbol, ...] | None = None  # in the order of all recipes
        self.blocks: dict[int, Block] = {}  # of sorts that stand, once they are bound
        self.keep: list[Any] = []  # for these
        self._scratch: dict[int, int] = {}  # for these

    def _find_steps(self, form: Callable[[Step], Form | None]) -> None:
        """The sorts of native steps, and where their operands have their places.

        The last operand of each is the scratch memory.
        """
        self.sorts: list[Sort] = []
        self.order: list[int] = []  # the sort of each native step
        operands: list[tuple[int, int]] = []
        firsts: list[int] = []
        self.stops: list[tuple[int, Step]] = []  # of the host, after so many others
        scratch = len(self.roots), len(self.ways.all)
        for step in self.schedule.steps:
            found = form(step)
            if found is None:
                self.stops.append((len(self.order), step))
            else:
                firsts.append(len(operands))
                self.order.append(self._sort(step, found, len(operands)))
                values = (*step.sources, *step.targets)
                operands += [self.places[value.name] for value in values]
                operands.append(scratch)
        self.operands = np.array(operands, np.int64).reshape(-1, 2).T
        self.firsts = np.array(firsts, np.int64)

    def scratch_of(self, sort: Sort, sizes: Sizes) -> int:
        """The bytes that the steps of a sort need."""
        if not sort.form.has_scratch:
            return 0
        if not sort.stands:
            return sort.form.scratch_bytes(sizes)
        found = self._scratch.get(sort.first)
        if found is None:
            found = self._scratch[sort.first] = sort.form.scratch_bytes(sizes)
        return found

    def _sort(self, step: Step, form: Form, first: int) -> int:
        values = *step.sources, *step.targets
        ways, count = tuple([self.places[v.name][1] for v in values]), len(step.sources)
        key = "step", form.key, ways, count
        found = self._known.setdefault(key, len(self.sorts))
        if found == len(self.sorts):
            stands = not is_sized(step.node)
            stands = stands and all(self.ways.standing[way] for way in ways)
            self.sorts.append(Sort(form, ways, count, first, stands))
        return found


class Sized:
    """The ways and the sorts of an outline for given sizes, wherever its memory is."""

    def __init__(self, outline: Outline, place: Place):
        self.outline, self.place = outline, place
        place.keep.append(outline.keep)
        self.given = {**outline.fixed}
        for _, value in outline.others:
            self._other(value)
        if outline.symbols is None:
            outline.symbols = tuple(place.sizes)
        self.lay = Lay(outline.ways, place.sizes, self.given)
        sizes = [place.sizes[symbol] for symbol in outline.symbols]
        measured = outline.ways.measured(sizes, self.lay, outline.symbols)
        self.numbers, self.offsets = measured
        self.blocks: list[Block] = []
        self.filling: list[int] = []  # of the gaps of blocks, in their order
        self.scratch = 0  # the most bytes that a step needs
        for index, sort in enumerate(outline.sorts):
            block, scratch = self._bound(index, sort)
            self.blocks.append(block)
            self.scratch = max(self.scratch, scratch)

    def _other(self, value: Value) -> None:
        """What is an input, which is not there, or is computed for these sizes."""
        if value.kind == "input":
            array = self.place.elsewhere.place(typed(value, self.place.sizes))
        else:
            array = made(value, self.given, self.place.sizes)
            self.place.keep.append(array)
        self.given[value.name] = array

    def _bound(self, index: int, sort: Sort) -> tuple[Block, int]:
        """The calls of a sort and its scratch memory; their gaps are filled later."""
        outline, sizes = self.outline, self.place.sizes
        if sort.stands:
            return self._standing(index, sort), outline.scratch_of(sort, sizes)
        found = outline.recipes[index].results(
            self.numbers, lambda recording: self._recorded(sort, recording)
        )
        if found is None:
            return Block.of(self._calls(sort)), outline.scratch_of(sort, sizes)
        (scratch, *numbers), block = found
        self.filling += numbers
        return self._telling(block, sort) if block.faults else block, scratch

    def _telling(self, block: Block, sort: Sort) -> Block:
        """A recorded block with what tells of data at fault for these sizes."""

        def telling(number: int) -> Tell:
            def tell(words: Sequence[int]) -> None:
                _, _, told = Block.of(self._calls(sort)).faults[number]
                told(words)

            return tell

        faults = [
            (stretch, flag, telling(number))
            for number, (stretch, flag, _) in enumerate(block.faults)
        ]
        return block._replace(faults=faults)

    def _standing(self, index: int, sort: Sort) -> Block:
        """The calls of a sort in which sizes have no say, bound once."""
        found = self.outline.blocks.get(index)
        if found is None:
            place = self.place._replace(keep=self.outline.keep)
            found = self.outline.blocks[index] = Block.of(self._calls(sort, place))
        return found

    def _calls(self, sort: Sort, place: Place | None = None) -> list[Call]:
        """The calls of a sort on arrays that are not there."""
        arrays = [self.lay[way].array.at(own(n)) for n, way in enumerate(sort.ways)]
        scratch = own(len(arrays))
        return sort.calls(arrays, (place or self.place)._replace(scratch=scratch))

    def _recorded(self, sort: Sort, recording: Recording) -> tuple[list[Any], Block]:
        """What fills the block of a sort, after its scratch memory."""
        outline, symbols = self.outline, self.outline.symbols or ()
        arrays = [
            outline.ways.recorded(way, own(n), recording, len(symbols))
            for n, way in enumerate(sort.ways)
        ]
        place = self.place._replace(
            sizes={one: recording.number(n) for n, one in enumerate(symbols)},
            scratch=own(len(arrays)), keep=[],
        )  # fmt: skip
        block, filling = Block.recorded(sort.calls(arrays, place))
        if place.keep:
            raise TypeError("a step with memory of its own is not recorded")
        # What tells of faults would keep recorded numbers, and so the recording.
        faults = [(stretch, flag, _unsaid) for stretch, flag, _ in block.faults]
        scratch = outline.scratch_of(sort, place.sizes)
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
        operands, ways = outline.operands
        offsets = outline.offsets.copy()
        offsets[outline.ways.views] = sized.offsets
        self.addresses = self.roots[operands] + offsets[ways]

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

    def laid_out(self, last: Sequence[Call] = ()) -> Laid:
        """The words and commands of all steps, and of calls that come after them."""
        outline, sized = self.outline, self.sized
        blocks = [*sized.blocks, Block.of(last)]
        laid = laid_out(blocks, outline.spread, sized.filling)
        words = laid.words
        places, numbers, offsets = pointing(words)
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

    def lying(self, name: str) -> Lying:
        """Where a value lies."""
        if name in self.given:
            return self.given[name]
        root, way = self.outline.places[name]
        found = self.sized.lay[way]
        return found.array.at(int(self.roots[root]) + found.offset)
