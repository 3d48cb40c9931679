"""Whether one loop over rows can compute a fused kernel.

The axes of all values are unified: ops on elements make them equal, a fold drops some,
a broadcast leaves new ones free. They split in those along which rows lie, and inner
ones within a row. A fold of all inner axes may be read again in its row; folds of other
axes, the same ones for all of them, are complete when the loop is, and only stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...graph.dim import Dim
from ...graph.types import TensorType
from ..kernels import Body, body_types
from .fusible import FOLDS

Axes = tuple["int | None", ...]  # None: an axis of size 1


class Unified:
    """The axes of a kernel's values, as numbers that are equal for equal axes."""

    def __init__(self, types: Sequence[TensorType], body: Body):
        self.parent: list[int] = []
        self.values: list[Axes] = [self._fresh(type.shape) for type in types]
        self.folded: dict[int, set[int]] = {}  # by the value
        self.count = len(types)
        found = body_types(types, body)
        for place, (name, operands, attributes) in enumerate(body, self.count):
            options = dict(attributes)
            sources = [self.values[operand] for operand in operands]
            shape = found[place].shape
            self.values.append(self._result(place, name, sources, options, shape))

    def _result(
        self,
        place: int,
        name: str,
        sources: list[Axes],
        options: dict[str, object],
        shape: Sequence[Dim],
    ) -> Axes:
        if name in FOLDS:
            axes: Iterable[int] = options["axis"]  # type: ignore[assignment]
            dropped = set(axes)
            (source,) = sources
            self.folded[place] = {
                axis
                for i, axis in enumerate(source)
                if i in dropped and axis is not None
            }
            if options["keepdims"]:
                return tuple(None if i in dropped else a for i, a in enumerate(source))
            return tuple(a for i, a in enumerate(source) if i not in dropped)
        if name == "transpose":
            order: Iterable[int] = options["axes"]  # type: ignore[assignment]
            return tuple(sources[0][axis] for axis in order)
        if name in ("reshape", "expand_dims", "squeeze"):
            left = iter([axis for axis in sources[0] if axis is not None])
            return tuple(None if size.value == 1 else next(left) for size in shape)
        return self._broadcast(sources, shape)

    def _broadcast(self, sources: list[Axes], shape: Sequence[Dim]) -> Axes:
        found: list[int | None] = []
        for place in range(-len(shape), 0):
            axes = [s[place] for s in sources if len(s) >= -place]
            known = [axis for axis in axes if axis is not None]
            if shape[place].value == 1:
                found.append(None)
            elif known:
                for other in known[1:]:
                    self._join(known[0], other)
                found.append(known[0])
            else:
                found.append(self._new())
        return tuple(found)

    def _fresh(self, shape: Iterable[Dim]) -> Axes:
        return tuple(None if size.value == 1 else self._new() for size in shape)

    def _new(self) -> int:
        self.parent.append(len(self.parent))
        return len(self.parent) - 1

    def root(self, axis: int) -> int:
        """The number of an axis."""
        while self.parent[axis] != axis:
            self.parent[axis] = self.parent[self.parent[axis]]
            axis = self.parent[axis]
        return axis

    def _join(self, one: int, other: int) -> None:
        self.parent[self.root(other)] = self.root(one)

    def roots(self, axes: Iterable[int | None]) -> list[int]:
        """The numbers of axes, those of size 1 left out."""
        return [self.root(axis) for axis in axes if axis is not None]


def refusal(
    types: Sequence[TensorType], body: Body, outputs: Sequence[int]
) -> str | None:
    """Why a kernel cannot be one loop over rows; None if it can."""
    axes = Unified(types, body)
    values = [axes.roots(value) for value in axes.values]
    if any(len(set(value)) < len(value) for value in values):
        return "an axis meets itself"
    domain = {axis for value in values for axis in value}
    folds = {place: set(axes.roots(found)) for place, found in axes.folded.items()}
    read = {operand for one in body for operand in one.operands}
    again = [folds[place] for place in folds if place in read]
    if again:
        inner = again[0]
        if any(other != inner for other in again):
            return "rows of different axes are folded"
        choices = [inner]
    else:
        choices = [set(), *folds.values(), *(domain - f for f in folds.values())]
        choices += [domain - set(values[output]) for output in outputs]
    sources = {
        place: set(values[body[place - axes.count].operands[0]]) for place in folds
    }
    for inner in choices:
        across = {
            frozenset(folds[place] - inner)
            for place in folds
            if folds[place] != sources[place] & inner
        }
        whole = all(
            folds[place] & inner in (set(), sources[place] & inner) for place in folds
        )
        rows = all(folds[place] == inner for place in folds if place in read)
        kept = all(
            _stored(set(values[output]), domain, inner)
            for output in outputs
            if output not in folds
        )
        if len(across) <= 1 and whole and rows and kept:
            return None
    return "its results lie along different axes"


def _stored(value: set[int], domain: set[int], inner: set[int]) -> bool:
    """Whether a value varies along all elements or rows, and so is stored once."""
    return value in (domain, domain - inner)
