"""How the values of a schedule lie: what is the same for all sizes, and the rest.

A way is shared by values that lie alike. What follows from no size is found once; the
shapes of the others are written with numbers in the place of sizes, each size once.
What depends on sizes is a list of numbers, which a `Recording` can be of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...graph.dim import Dim, Symbol
from ..binding import attributes_of, is_sized, shape_of
from ..lying import FIRST, Lying, dense_steps, follows
from ..pipeline.schedule import Value
from ..recorded import Recording

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
        self._shapes: list[tuple[int, ...]] = []  # ~n is the n-th of the sizes
        self._sizes: dict[Dim, int] = {}
        # Ways whose steps do not follow from their shapes, with the place of the first
        # of their numbers behind those of sizes.
        self._loose: dict[int, int] = {}
        self._count = 0  # of these numbers

    def add(self, way: Way, is_given: bool) -> int:
        """The number of another way; an array of it may be given with the sizes."""
        value, found = way.value, None
        shape = value.fixed_shape
        if value.name in self.fixed:
            found = Laid(self.fixed[value.name], 0)
        elif way.shown is not None:
            whole = self.standing[way.shown]
            if whole is not None and shape is not None and not is_sized(value.node):
                found = self._seen(way, shape, whole, {})
        elif shape == () or (shape is not None and not is_given):
            found = Laid(typed(value, {}).at(FIRST), 0)
        if found is None and (is_given or way.shown is not None):
            self._loose[len(self.all)] = self._count
            self._count += 2 + len(value.node.shape)
        self.all.append(way)
        self.standing.append(found)
        self._shapes.append(self._numbered(value) if found is None else ())
        return len(self.all) - 1

    def _numbered(self, value: Value) -> tuple[int, ...]:
        known = self._sizes
        return tuple([
            ~known.setdefault(dim, len(known)) if number is None else max(0, number)
            for dim in value.node.shape
            for number in (dim.value,)
        ])  # fmt: skip

    def lay(self, sizes: Sizes, given: Mapping[str, Lying]) -> list[Laid]:
        """An array of each way for some sizes; addresses count from its root on."""
        numbers = self._numbers(sizes)
        found: list[Laid] = []
        for way, standing, shape in zip(
            self.all, self.standing, self._shapes, strict=True
        ):
            if standing is None:
                shape = tuple([n if n >= 0 else numbers[~n] for n in shape])
                standing = self._laid(way, shape, sizes, given, found)
            found.append(standing)
        return found

    def _numbers(self, sizes: Sizes) -> list[int]:
        return [max(0, dim.evaluate(sizes)) for dim in self._sizes]

    def numbers(self, sizes: Sizes, laid: Sequence[Laid]) -> list[int]:
        """All that depends on sizes in how values lie, always in the same order."""
        found = self._numbers(sizes)
        for way in self._loose:
            array = laid[way].array
            plain = array.dense and array.steps == dense_steps(array.shape)
            found += [plain, array.dense, *array.steps]
        return found

    def recorded(
        self, way: int, laid: Laid, address: int, recording: Recording, first: int
    ) -> Lying:
        """An array of a way whose numbers are recorded, from a place of these on."""
        array, shape = laid.array, self._shapes[way]
        if self.standing[way] is not None:
            return array.at(address)
        shape = tuple([n if n >= 0 else recording.number(first + ~n) for n in shape])
        loose = self._loose.get(way)
        if loose is None:
            return Lying(address, shape, array.dtype)
        place = first + len(self._sizes) + loose
        if recording.number(place):
            return Lying(address, shape, array.dtype)
        dense = bool(recording.number(place + 1))
        steps = tuple([recording.number(place + 2 + n) for n in range(array.ndim)])
        return Lying(address, shape, array.dtype, steps, dense)

    def _laid(
        self,
        way: Way,
        shape: tuple[int, ...],
        sizes: Sizes,
        given: Mapping[str, Lying],
        found: list[Laid],
    ) -> Laid:
        if way.shown is not None:
            return self._seen(way, shape, found[way.shown], sizes)
        if way.value.name in given:
            return Laid(given[way.value.name], 0)
        return Laid(Lying(FIRST, shape, way.value.node.dtype.numpy), 0)

    def _seen(
        self, way: Way, shape: tuple[int, ...], whole: Laid, sizes: Sizes
    ) -> Laid:
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


def typed(value: Value, sizes: Sizes) -> Lying:
    """A dense array of the type of a value, wherever it is."""
    return Lying(0, shape_of(value, sizes), value.node.dtype.numpy)
