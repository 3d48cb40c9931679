"""Which axes of the values of a kernel are one: union of what must have equal indices.

Elementwise ops join the axes of their operands, broadcasting leaves axes free, folds
drop them, movements carry them along. Axes of literal size 1 are no axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...graph.decide import equal as equal_dims
from ...graph.dim import Dim
from ...graph.registry import OPS
from ...graph.types import TensorType
from ..kernels import Body
from .language import FOLDS, Unlowerable

Dims = tuple["int | None", ...]  # for each dimension its axis; None for size 1


class Unifier:
    """Axes under construction: a forest of numbers with their sizes."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.sizes: list[Dim] = []

    def fresh(self, type: TensorType, without: int | None = None) -> Dims:
        """New axes for the dimensions of a type, but for one that is picked along."""
        return tuple(
            None if size.value == 1 or n == without else self._new(size)
            for n, size in enumerate(type.shape)
        )

    def _new(self, size: Dim) -> int:
        self.parents.append(len(self.parents))
        self.sizes.append(size)
        return len(self.parents) - 1

    def find(self, axis: int) -> int:
        while self.parents[axis] != axis:
            self.parents[axis] = self.parents[self.parents[axis]]
            axis = self.parents[axis]
        return axis

    def join(self, one: int | None, two: int | None) -> None:
        """Make one axis of two; an axis of size 1 bows to any."""
        if one is not None and two is not None:
            low, high = sorted((self.find(one), self.find(two)))
            self.parents[high] = low

    def roots(self, dims: Dims) -> Dims:
        return tuple(None if axis is None else self.find(axis) for axis in dims)


def unify(
    types: Sequence[TensorType], leaves: int, body: Body
) -> tuple[Unifier, list[Dims]]:
    """The axes of every value of a body, whose first `leaves` are its operands.

    Raises `Unlowerable` where an index would stand for two dimensions at once.
    """
    axes = Unifier()
    picked = picked_leaves(leaves, body)
    dims = [axes.fresh(type, picked.get(n)) for n, type in enumerate(types[:leaves])]
    for place, (name, operands, attributes) in enumerate(body, leaves):
        rule = RULES.get(name) or (_elementwise if OPS[name].elementwise else None)
        if rule is None:
            raise Unlowerable(f"`{name}` is no loop over elements")
        sources = [(dims[index], types[index]) for index in operands]
        dims.append(rule(axes, sources, types[place], dict(attributes)))
    found = [axes.roots(each) for each in dims]
    for each in found:
        known = [axis for axis in each if axis is not None]
        if len(set(known)) != len(known):
            raise Unlowerable("two dimensions of a value have one index")
    return axes, found


def picked_leaves(leaves: int, body: Body) -> dict[int, int]:
    """The leaves from which a body takes slices, and along which dimension.

    No other step may read them.
    """
    found: dict[int, int] = {}
    for name, operands, attributes in body:
        if name == "pick":
            if operands[0] >= leaves:
                raise Unlowerable("`pick` picks from what the kernel computes")
            found[operands[0]] = dict(attributes)["axis"]
    return found


Sources = list[tuple[Dims, TensorType]]
Rule = Callable[[Unifier, Sources, TensorType, dict[str, Any]], Dims]


def _elementwise(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    found: list[int | None] = [None] * type.rank
    for dims, _ in sources:
        for place, axis in enumerate(dims, type.rank - len(dims)):
            axes.join(found[place], axis)
            found[place] = axis if found[place] is None else found[place]
    return tuple(found)


def _broadcast(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    fresh = axes.fresh(type)
    _elementwise(axes, [*sources, (fresh, type)], type, attributes)
    return fresh


def _kept(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    """The axes of size 1 may come and go; the others stay in order."""
    ((dims, source),) = sources
    known = [a for a in dims if a is not None]
    sizes = [d for d in source.shape if d.value != 1]
    wanted = [d for d in type.shape if d.value != 1]
    same = len(sizes) == len(wanted) and all(map(equal_dims, sizes, wanted))
    if not same:
        raise Unlowerable("a reshape merges or cuts axes")
    return tuple(None if d.value == 1 else known.pop(0) for d in type.shape)


def _transpose(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    ((dims, _),) = sources
    return tuple(dims[axis] for axis in attributes["axes"])


def _fold(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    ((dims, _),) = sources
    gone = attributes["axis"]
    if attributes["keepdims"]:
        return tuple(None if i in gone else axis for i, axis in enumerate(dims))
    return tuple(axis for i, axis in enumerate(dims) if i not in gone)


def _pick(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    (dims, _), (places, _) = sources
    axis = attributes["axis"]
    return (*dims[:axis], *places, *dims[axis + 1 :])


def _sum_at(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    (dims, _), (places, _) = sources
    axis = attributes["axis"]
    behind = axis + attributes["rank"]
    for one, two in zip(dims[axis:behind], places, strict=True):
        axes.join(one, two)
    return (*dims[:axis], None, *dims[behind:])


def _source(
    axes: Unifier, sources: Sources, type: TensorType, attributes: dict[str, Any]
) -> Dims:
    return axes.fresh(type)


RULES: dict[str, Rule] = {
    "broadcast_to": _broadcast,
    "expand_dims": _kept,
    "squeeze": _kept,
    "reshape": _kept,
    "stop_gradient": _kept,
    "transpose": _transpose,
    "pick": _pick,
    "sum_at": _sum_at,
    "full": _source,
    "constant": _source,
    "size": _source,
    "arange": _source,
    **dict.fromkeys(FOLDS, _fold),
}


def in_order(accesses: Sequence[Dims], ahead: bool = False) -> list[int]:
    """All axes in one order, the innermost last, as the first accesses have them.

    An axis that nothing puts before another comes last, or with `ahead` to where later
    accesses have it.
    """
    found: list[int] = []
    every = [[axis for axis in dims if axis is not None] for dims in accesses]
    for known in every:
        for place, axis in enumerate(known):
            if axis in found:
                continue
            later = [found.index(a) for a in known[place:] if a in found]
            if ahead and not later:
                first = max([found.index(a) for a in known[:place]], default=-1)
                others = [a for dims in every for a in _behind(dims, axis)]
                places = [found.index(a) for a in others if a in found]
                later = [place for place in places if place > first]
            found.insert(min(later, default=len(found)), axis)
    return found


def _behind(axes: Sequence[int], axis: int) -> Sequence[int]:
    return axes[axes.index(axis) + 1 :] if axis in axes else ()
