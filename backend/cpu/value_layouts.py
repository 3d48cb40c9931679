"""How the values of a schedule lie: what is the same for all sizes, and the rest.

A layout is shared by values that lie alike. What follows from no size is found once;
the shapes of the others are written with numbers in the place of sizes, each size once.
What depends on sizes is a list of numbers, which a `Recording` can be of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.dim import Dim, Symbol
from ..binding import attributes_of, is_sized, shape_of
from ..pipeline.schedule import Value
from ..recorded import Recipes, Recording, larger
from ..strided_arrays import FIRST, StridedArray, dense_steps, is_dense

Sizes = Mapping[Symbol, int]
ALIKE = frozenset(("reshape", "expand_dims", "squeeze", "stop_gradient", "barrier"))


class ValueLayout(NamedTuple):
    """The layout of values that lie alike; that of a view names the layout it shows."""

    value: Value  # one of them
    shown: int | None = None


class PlacedArray(NamedTuple):
    """An array of a layout, and its bytes from the beginning of its root on."""

    array: StridedArray
    offset: int


class ValueLayouts:
    """The layouts of a schedule; `fixed` are arrays that are the same for all sizes."""

    def __init__(self, fixed: Mapping[str, StridedArray]) -> None:
        self.fixed = fixed
        self.all: list[ValueLayout] = []
        self.standing: list[PlacedArray | None] = []  # None where sizes have a say
        self.shapes: list[tuple[int, ...]] = []  # ~n is the n-th of the lengths
        self.lengths: dict[Dim, int] = {}
        # Layouts whose steps do not follow from their shapes, with the place of the
        # first of their numbers behind those of lengths.
        self._loose: dict[int, int] = {}
        self._count = 0  # of these numbers
        self._given: list[int] = []  # layouts of arrays that are given with the sizes
        self.views: list[int] = []  # layouts that sizes have a say in
        self._recipes = Recipes()

    def add(self, layout: ValueLayout, is_given: bool) -> int:
        """The number of another layout; an array of it may be given with the sizes."""
        value, found = layout.value, None
        shape = value.fixed_shape
        if value.name in self.fixed:
            found = PlacedArray(self.fixed[value.name], 0)
        elif layout.shown is not None:
            whole = self.standing[layout.shown]
            if whole is not None and shape is not None and not is_sized(value.node):
                found = self.seen(layout, shape, whole, {})
        elif shape == () or (shape is not None and not is_given):
            found = PlacedArray(typed(value, {}).at(FIRST), 0)
        if found is None and (is_given or layout.shown is not None):
            self._loose[len(self.all)] = self._count
            self._count += 2 + len(value.node.shape)
            (self._given if layout.shown is None else self.views).append(len(self.all))
        self.all.append(layout)
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
        self, sizes: Sequence[int], sized: SizedLayouts, symbols: Sequence[Symbol]
    ) -> tuple[list[int], list[int]]:
        """All that depends on sizes in how values lie, always in the same order.

        The sizes themselves come first. Then the bytes from its root on to each view.
        """
        leaves = [*sizes]
        for layout in self._given:
            leaves += _loose_numbers(sized[layout].array)
        found = self._recipes.results(
            leaves, lambda recording: (self._recorded(recording, symbols), None)
        )
        if found is None:
            numbers, offsets = self._numbers(sized)
            return [*sizes, *numbers], offsets
        count = len(self.views)
        return [*sizes, *found[0][count:]], found[0][:count]

    def _numbers(self, sized: SizedLayouts) -> tuple[list[Any], list[Any]]:
        """The numbers behind sizes, and the bytes to views."""
        numbers = [*sized.lengths]
        for layout in self._loose:
            numbers += _loose_numbers(sized[layout].array)
        return numbers, [sized[layout].offset for layout in self.views]

    def _recorded(self, recording: Recording, symbols: Sequence[Symbol]) -> list[Any]:
        """The bytes to views, then the numbers, all of them recorded."""
        sizes = {one: recording.number(n) for n, one in enumerate(symbols)}
        sized, place = SizedLayouts(self, sizes, {}), len(symbols)
        for layout in self._given:
            sized.known[layout] = PlacedArray(
                self._loosely(
                    sized.shape(layout), self._dtype(layout), recording, place
                ),
                0,
            )
            place += 2 + len(self.shapes[layout])
        numbers, offsets = self._numbers(sized)
        return [*offsets, *numbers]

    def _dtype(self, layout: int) -> np.dtype[Any]:
        return self.all[layout].value.node.dtype.numpy

    def _loosely(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        recording: Recording,
        place: int,
        address: int = FIRST,
    ) -> StridedArray:
        """An array whose steps are recorded, from a place on."""
        if recording.number(place):
            return StridedArray(address, shape, dtype)
        dense = bool(recording.number(place + 1))
        steps = tuple([recording.number(place + 2 + n) for n in range(len(shape))])
        return StridedArray(address, shape, dtype, steps, dense)

    def recorded(
        self, layout: int, address: int, recording: Recording, first: int
    ) -> StridedArray:
        """An array of a layout whose numbers are recorded, from a place of these on."""
        standing = self.standing[layout]
        if standing is not None:
            return standing.array.at(address)
        shape, dtype = self.shapes[layout], self._dtype(layout)
        shape = tuple([n if n >= 0 else recording.number(first + ~n) for n in shape])
        loose = self._loose.get(layout)
        if loose is None:
            return StridedArray(address, shape, dtype)
        place = first + len(self.lengths) + loose
        return self._loosely(shape, dtype, recording, place, address)

    def seen(
        self,
        layout: ValueLayout,
        shape: tuple[int, ...],
        whole: PlacedArray,
        sizes: Sizes,
    ) -> PlacedArray:
        """A view of an array, as the layout of the view says."""
        node, (array, offset) = layout.value.node, whole
        if node.op.name in ALIKE and array.dense:
            return PlacedArray(StridedArray(array.address, shape, array.dtype), offset)
        if node.op.name == "transpose":
            order = node.attributes["axes"]
            steps = tuple([array.steps[axis] for axis in order])
            dense = is_dense(shape, steps)
            return PlacedArray(
                StridedArray(array.address, shape, array.dtype, steps, dense), offset
            )
        attributes = attributes_of(node, sizes)
        if node.op.name == "getitem":
            part = array.part(attributes["index"])
            if part is not None:
                return PlacedArray(part, offset + part.address - array.address)
        seen = node.op.run(np, array.array(), **attributes)
        view = StridedArray.of(seen)
        return PlacedArray(view, offset + view.address - array.address)


class SizedLayouts:
    """An array of each layout for some sizes, made when it is asked for.

    Addresses count from its root on. `lengths` are the sizes of axes.
    """

    def __init__(
        self, layouts: ValueLayouts, sizes: Sizes, given: Mapping[str, StridedArray]
    ):
        self.layouts, self.sizes, self.given = layouts, sizes, given
        self.known: list[PlacedArray | None] = [*layouts.standing]
        self._lengths: list[int] | None = None

    @property
    def lengths(self) -> list[int]:
        """The numbers of elements along axes of all shapes."""
        if self._lengths is None:
            found = [dim.evaluate(self.sizes) for dim in self.layouts.lengths]
            self._lengths = [larger(0, length) for length in found]
        return self._lengths

    def shape(self, layout: int) -> tuple[int, ...]:
        """The shape of a layout on which sizes have a say."""
        lengths = self.lengths
        return tuple(
            [n if n >= 0 else lengths[~n] for n in self.layouts.shapes[layout]]
        )

    def __getitem__(self, number: int) -> PlacedArray:
        found = self.known[number]
        if found is None:
            found = self.known[number] = self._placed(number)
        return found

    def _placed(self, number: int) -> PlacedArray:
        layouts, layout = self.layouts, self.layouts.all[number]
        if layout.shown is not None:
            return layouts.seen(
                layout, self.shape(number), self[layout.shown], self.sizes
            )
        if layout.value.name in self.given:
            return PlacedArray(self.given[layout.value.name], 0)
        return PlacedArray(
            StridedArray(FIRST, self.shape(number), layout.value.node.dtype.numpy), 0
        )


def _loose_numbers(array: StridedArray) -> list[int]:
    """Whether an array has the steps of its shape, whether it is dense, its steps."""
    plain = array.dense and array.steps == dense_steps(array.shape)
    return [plain, array.dense, *array.steps]


def typed(value: Value, sizes: Sizes) -> StridedArray:
    """A dense array of the type of a value, wherever it is."""
    return StridedArray(0, shape_of(value, sizes), value.node.dtype.numpy)
