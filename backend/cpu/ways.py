"""How the values of a schedule lie: what is the same for all sizes, and the rest.

A way is shared by values that lie alike. What follows from no size is found once; the
shapes of the others are written with numbers in the place of sizes, each size once.
What depends on sizes is a list of numbers, which a `Recording` can be of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.dim import Dim, Symbol
from ..binding import attributes_of, is_sized, shape_of
from ..lying import FIRST, Lying, dense_steps, follows
from ..pipeline.schedule import Value
from ..recorded import Recipes, Recording, larger

Sizes = Mapping[Symbol, int]
ALIKE = frozenset(("reshape", "expand_dims", "squeeze", "stop_gradient", "barrier"))


class Way(NamedTuple):
    """How values lie that lie alike; a view says how what it shows does."""

    value: Value  # one of them
    shown: int | None = None


class Laid(NamedTuple):
    """An array that lies some way, and its bytes from the beginning of its root on."""

    array: Lying
    offset: int


class Ways:
    """The ways of a schedule; `fixed` are arrays that are the same for all sizes."""

    def __init__(self, fixed: Mapping[str, Lying]) -> None:
        self.fixed = fixed
        self.all: list[Way] = []
        self.standing: list[Laid | None] = []  # None where sizes have a say
        self.shapes: list[tuple[int, ...]] = []  # ~n is the n-th of the lengths
        self.lengths: dict[Dim, int] = {}
        # Ways whose steps do not follow from their shapes, with the place of the first
        # of their numbers behind those of lengths.
        self._loose: dict[int, int] = {}
        self._count = 0  # of these numbers
        self._given: list[int] = []  # ways of arrays that are given with the sizes
        self.views: list[int] = []  # ways that sizes have a say in
        self._recipes = Recipes()

    def add(self, way: Way, is_given: bool) -> int:
        """The number of another way; an array of it may be given with the sizes."""
        value, found = way.value, None
        shape = value.fixed_shape
        if value.name in self.fixed:
            found = Laid(self.fixed[value.name], 0)
        elif way.shown is not None:
            whole = self.standing[way.shown]
            if whole is not None and shape is not None and not is_sized(value.node):
                found = self.seen(way, shape, whole, {})
        elif shape == () or (shape is not None and not is_given):
            found = Laid(typed(value, {}).at(FIRST), 0)
        if found is None and (is_given or way.shown is not None):
            self._loose[len(self.all)] = self._count
            self._count += 2 + len(value.node.shape)
            (self._given if way.shown is None else self.views).append(len(self.all))
        self.all.append(way)
        self.standing.append(found)
        self.shapes.append(self._numbered(value) if found is None else ())
        return len(self.all) - 1

    def _numbered(self, value: Value) -> tuple[int, ...]:
        known = self.lengths
        return tuple([
            ~known.setdefault(dim, len(known)) if number is None else max(0, number)
            for dim in value.node.shape
            for number in (dim.value,)
        ])  # fmt: skip

    def measured(
        self, sizes: Sequence[int], lay: Lay, symbols: Sequence[Symbol]
    ) -> tuple[list[int], list[int]]:
        """All that depends on sizes in how values lie, always in the same order.

        The sizes themselves come first. Then the bytes from its root on to each view.
        """
        leaves = [*sizes]
        for way in self._given:
            leaves += _loose_numbers(lay[way].array)
        found = self._recipes.results(
            leaves, lambda recording: (self._recorded(recording, symbols), None)
        )
        if found is None:
            numbers, offsets = self._numbers(lay)
            return [*sizes, *numbers], offsets
        count = len(self.views)
        return [*sizes, *found[0][count:]], found[0][:count]

    def _numbers(self, lay: Lay) -> tuple[list[Any], list[Any]]:
        """The numbers behind sizes, and the bytes to views."""
        numbers = [*lay.lengths]
        for way in self._loose:
            numbers += _loose_numbers(lay[way].array)
        return numbers, [lay[way].offset for way in self.views]

    def _recorded(self, recording: Recording, symbols: Sequence[Symbol]) -> list[Any]:
        """The bytes to views, then the numbers, all of them recorded."""
        sizes = {one: recording.number(n) for n, one in enumerate(symbols)}
        lay, place = Lay(self, sizes, {}), len(symbols)
        for way in self._given:
            lay.known[way] = Laid(
                self._loosely(lay.shape(way), self._dtype(way), recording, place), 0
            )
            place += 2 + len(self.shapes[way])
        numbers, offsets = self._numbers(lay)
        return [*offsets, *numbers]

    def _dtype(self, way: int) -> np.dtype[Any]:
        return self.all[way].value.node.dtype.numpy

    def _loosely(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        recording: Recording,
        place: int,
        address: int = FIRST,
    ) -> Lying:
        """An array whose steps are recorded, from a place on."""
        if recording.number(place):
            return Lying(address, shape, dtype)
        dense = bool(recording.number(place + 1))
        steps = tuple([recording.number(place + 2 + n) for n in range(len(shape))])
        return Lying(address, shape, dtype, steps, dense)

    def recorded(
        self, way: int, address: int, recording: Recording, first: int
    ) -> Lying:
        """An array of a way whose numbers are recorded, from a place of these on."""
        standing = self.standing[way]
        if standing is not None:
            return standing.array.at(address)
        shape, dtype = self.shapes[way], self._dtype(way)
        shape = tuple([n if n >= 0 else recording.number(first + ~n) for n in shape])
        loose = self._loose.get(way)
        if loose is None:
            return Lying(address, shape, dtype)
        place = first + len(self.lengths) + loose
        return self._loosely(shape, dtype, recording, place, address)

    def seen(self, way: Way, shape: tuple[int, ...], whole: Laid, sizes: Sizes) -> Laid:
        """A view of what lies some way."""
        node, (array, offset) = way.value.node, whole
        if node.op.name in ALIKE and array.dense:
            return Laid(Lying(array.address, shape, array.dtype), offset)
        if node.op.name == "transpose":
            order = node.attributes["axes"]
            steps = tuple([array.steps[axis] for axis in order])
            dense = follows(shape, steps)
            return Laid(Lying(array.address, shape, array.dtype, steps, dense), offset)
        attributes = attributes_of(node, sizes)
        if node.op.name == "getitem":
            part = array.part(attributes["index"])
            if part is not None:
                return Laid(part, offset + part.address - array.address)
        seen = node.op.run(np, array.array(), **attributes)
        view = Lying.of(seen)
        return Laid(view, offset + view.address - array.address)


class Lay:
    """An array of each way for some sizes, made when it is asked for.

    Addresses count from its root on. `lengths` are the sizes of axes.
    """

    def __init__(self, ways: Ways, sizes: Sizes, given: Mapping[str, Lying]):
        self.ways, self.sizes, self.given = ways, sizes, given
        self.known: list[Laid | None] = [*ways.standing]
        self._lengths: list[int] | None = None

    @property
    def lengths(self) -> list[int]:
        """The numbers of elements along axes of all shapes."""
        if self._lengths is None:
            found = [dim.evaluate(self.sizes) for dim in self.ways.lengths]
            self._lengths = [larger(0, length) for length in found]
        return self._lengths

    def shape(self, way: int) -> tuple[int, ...]:
        """The shape of a way on which sizes have a say."""
        lengths = self.lengths
        return tuple([n if n >= 0 else lengths[~n] for n in self.ways.shapes[way]])

    def __getitem__(self, number: int) -> Laid:
        found = self.known[number]
        if found is None:
            found = self.known[number] = self._laid(number)
        return found

    def _laid(self, number: int) -> Laid:
        ways, way = self.ways, self.ways.all[number]
        if way.shown is not None:
            return ways.seen(way, self.shape(number), self[way.shown], self.sizes)
        if way.value.name in self.given:
            return Laid(self.given[way.value.name], 0)
        return Laid(Lying(FIRST, self.shape(number), way.value.node.dtype.numpy), 0)


def _loose_numbers(array: Lying) -> list[int]:
    """Whether an array has the steps of its shape, whether it is dense, its steps."""
    plain = array.dense and array.steps == dense_steps(array.shape)
    return [plain, array.dense, *array.steps]


def typed(value: Value, sizes: Sizes) -> Lying:
    """A dense array of the type of a value, wherever it is."""
    return Lying(0, shape_of(value, sizes), value.node.dtype.numpy)
