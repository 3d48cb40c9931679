"""The steps of a schedule bound to memory: each sort once, all addresses at a time.

Steps are of one sort if their forms are equal and their arrays lie alike, whatever the
sizes are: the layers of a deep network are much alike. An `Outline` finds the sorts of
a schedule, once. For given sizes a sort is bound to arrays that are not there, and
where its words point to them each step gets the addresses of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.dim import Symbol
from ...graph.node import attribute_key
from ...graph.types import TupleType
from ..binding import attributes_of, shape_of, standing
from ..lying import Lying, pointing
from ..pipeline.plan import Plan, number
from ..pipeline.schedule import Schedule, Step, Storage, Value
from .call import Call
from .forms import Form, Place
from .layout import Laid, laid_out

Sizes = Mapping[Symbol, int]


class Way(NamedTuple):
    """How values lie that lie alike; a view says how what it shows does."""

    value: Value  # one of them
    shown: int | None = None


class Sort(NamedTuple):
    """Steps that differ in addresses alone; the ways of their operands and results."""

    form: Form
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    first: int  # among the operands of all steps those of the first one


class Outline:
    """What does not depend on sizes in the binding of a schedule.

    A value has a root, where an address comes from, and a way to lie. `form` gives the
    native form of a step, if there is one. An `inner` schedule is given the arrays of
    its inputs and outputs.
    """

    def __init__(
        self,
        schedule: Schedule,
        form: Callable[[Step], Form | None],
        inner: bool = False,
    ):
        self.schedule, self.inner = schedule, inner
        self.ways: list[Way] = []
        self.roots: list[Value] = []
        self.places: dict[str, tuple[int, int]] = {}  # root and way of a value
        self.fixed: dict[str, Lying] = {}
        self._known: dict[Hashable, int] = {}
        fixed = frozenset(standing(schedule))
        for value in schedule.values:
            if value.name in fixed:
                self.fixed[value.name] = _made(value, self.fixed, {})
            if value.kind != "tuple":
                self.places[value.name] = self._place(value)
        self.sorts: list[Sort] = []
        self.order: list[int] = []  # the sort of each native step
        operands: list[tuple[int, int]] = []
        firsts: list[int] = []
        self.stops: list[tuple[int, Step]] = []  # of the host, after so many others
        for step in schedule.steps:
            found = form(step)
            if found is None:
                self.stops.append((len(self.order), step))
            else:
                firsts.append(len(operands))
                self.order.append(self._sort(step, found, len(operands)))
                values = (*step.sources, *step.targets)
                operands += [self.places[value.name] for value in values]
        self.operands = np.array(operands, np.int64).reshape(-1, 2).T
        self.firsts = np.array(firsts, np.int64)
        self._find_buffers()

    def _find_buffers(self) -> None:
        """Which roots are buffers, with their storages; which others follow sizes."""
        self.storages: list[Storage] = []
        self.parts: list[tuple[int, Value]] = []  # of storages, not at their beginning
        self.others: list[tuple[int, Value]] = []
        buffers: list[int] = []
        self.known = np.zeros(len(self.roots), np.int64)
        for root, value in enumerate(self.roots):
            if value.kind == "buffer" and value.storage is not None:
                buffers.append(root)
                self.storages.append(value.storage)
                if value.offset.terms:
                    self.parts.append((root, value))
            elif value.name in self.fixed:
                self.known[root] = getattr(self.fixed[value.name], "address", 0)
            else:
                self.others.append((root, value))
        self.buffers = np.array(buffers, np.int64)

    def scratch(self, sizes: Sizes) -> int:
        """The most bytes that a step needs beside its operands and results."""
        return max((sort.form.scratch_bytes(sizes) for sort in self.sorts), default=0)

    def storage(self, name: str) -> Storage | None:
        """The storage that a value lies in, if it is in a buffer."""
        root, _ = self.places[name]
        return self.roots[root].storage if self.roots[root].kind == "buffer" else None

    def _place(self, value: Value) -> tuple[int, int]:
        """The root and the way of a value."""
        name, node, fixed = value.name, value.node, self.fixed.get(value.name)
        if value.kind == "computed" and node.op.view and fixed is None:
            root, shown = self.places[value.sources[0].name]
            if self.roots[root].kind in ("buffer", "input"):
                view = node.op.name, attribute_key(node.attributes), shown
                return root, self._way(view, Way(value, shown))
        self.roots.append(value)
        key: Hashable = name
        if fixed is not None:
            key = fixed.shape, fixed.steps, fixed.dtype
        elif value.kind == "buffer" or (value.kind == "input" and not self.inner):
            key = node.type
        return len(self.roots) - 1, self._way(key, Way(value))

    def _way(self, key: Hashable, way: Way) -> int:
        found = self._known.setdefault(key, len(self.ways))
        if found == len(self.ways):
            self.ways.append(way)
        return found

    def _sort(self, step: Step, form: Form, first: int) -> int:
        sources, targets = (
            tuple([self.places[value.name][1] for value in values])
            for values in (step.sources, step.targets)
        )
        key = form if form.key is None else (form.key, sources, targets)
        found = self._known.setdefault(("step", key), len(self.sorts))
        if found == len(self.sorts):
            self.sorts.append(Sort(form, sources, targets, first))
        return found


def typed(value: Value, sizes: Sizes) -> Lying:
    """A dense array of the type of a value, wherever it is."""
    return Lying(0, shape_of(value, sizes), value.node.dtype.numpy)


def _made(value: Value, names: Mapping[str, Any], sizes: Sizes) -> Any:
    """A value that follows from sizes and variables."""
    node = value.node
    if value.kind == "variable":
        return Lying.of(node.attributes["variable"].array)
    sources = [names[source.name] for source in value.sources]
    operands = [s.array() if isinstance(s, Lying) else s for s in sources]
    result = node.op.run(np, *operands, **attributes_of(node, sizes))
    several = isinstance(node.type, TupleType)
    return result if several else Lying.of(np.asarray(result))


class Bound:
    """The steps of an outline, and where its values lie, for given sizes.

    `memory` is the address where the buffers of a plan begin; storages that are `apart`
    have addresses of their own. Inputs are not there, unless they are `given`, as
    results of an inner schedule are.
    """

    def __init__(
        self,
        outline: Outline,
        found: Plan,
        memory: int,
        place: Place,
        given: Mapping[str, Lying],
        apart: Mapping[Storage, int] | None = None,
    ):
        self.outline, self.place = outline, place
        apart = apart or {}
        self.given = {**outline.fixed, **given}
        self.roots = outline.known.copy()
        starts = [
            apart.get(storage, memory + found.offsets[storage])
            for storage in outline.storages
        ]
        self.roots[outline.buffers] = np.array(starts, np.int64)
        for root, value in outline.parts:
            start = number(value.offset, place.sizes) * value.node.dtype.size
            self.roots[root] += start
        for root, value in outline.others:
            self.roots[root] = getattr(self._other(value), "address", 0)
        self._lay()
        operands, ways = outline.operands
        self.addresses = self.roots[operands] + self.offsets[ways]
        self._absent: list[int] = []  # numbers of arrays
        self._operands: list[int] = []  # and of the operands in their place
        self.calls = [self._calls(sort) for sort in outline.sorts]

    def _other(self, value: Value) -> Any:
        """What is an input, or is computed for these sizes."""
        if value.name not in self.given:
            if value.kind == "input":
                array = self.place.elsewhere.place(typed(value, self.place.sizes))
            else:
                array = _made(value, self.given, self.place.sizes)
                self.place.keep.append(array)
            self.given[value.name] = array
        return self.given[value.name]

    def _lay(self) -> None:
        """An array of each way, and where it begins from its root on."""
        sizes, elsewhere = self.place.sizes, self.place.elsewhere
        self.ways: list[Lying] = []
        offsets: list[int] = []
        for value, shown in self.outline.ways:
            offset = 0
            if shown is not None:
                whole, node = self.ways[shown], value.node
                seen = node.op.run(np, whole.array(), **attributes_of(node, sizes))
                array = Lying.of(seen)
                offset = offsets[shown] + array.address - whole.address
            elif value.name in self.given:
                array = self.given[value.name]
            else:
                array = elsewhere.place(typed(value, sizes))
            self.ways.append(array)
            offsets.append(offset)
        self.offsets = np.array(offsets, np.int64)

    def _calls(self, sort: Sort) -> list[Call]:
        """The calls of a sort, or of the one step of it."""
        ways = [self.ways[way] for way in (*sort.sources, *sort.targets)]
        if sort.form.key is None:
            at = self.addresses[sort.first : sort.first + len(ways)].tolist()
            arrays = [way.at(address) for way, address in zip(ways, at, strict=True)]
        else:
            elsewhere = self.place.elsewhere
            first = elsewhere.count
            arrays = [elsewhere.place(way) for way in ways]
            self._absent += range(first, elsewhere.count)
            self._operands += range(len(ways))
        count = len(sort.sources)
        return sort.form.calls(
            self.place._replace(sources=arrays[:count], targets=arrays[count:])
        )

    def laid_out(self, last: Sequence[Call] = ()) -> Laid:
        """The words and commands of all steps, and of calls that come after them."""
        outline = self.outline
        order = [*outline.order, len(self.calls)]
        laid = laid_out([*self.calls, last], order)
        operands = np.full(self.place.elsewhere.count, -1)
        operands[self._absent] = self._operands
        places, numbers, offsets = pointing(laid.words)
        found = operands[numbers]
        own = found >= 0
        places, found, offsets = places[own], found[own], offsets[own]
        steps = np.searchsorted(laid.starts, places, "right") - 1
        laid.words[places] = self.addresses[outline.firsts[steps] + found] + offsets
        return laid

    def lying(self, name: str) -> Lying:
        """Where a value lies."""
        if name in self.given:
            return self.given[name]
        root, way = self.outline.places[name]
        return self.ways[way].at(int(self.roots[root] + self.offsets[way]))
