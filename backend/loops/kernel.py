"""The loop language: typed loop nests over strided arrays, the same for every target.

A kernel is one nest, or a main nest that leaves partial results and one that combines
them. A nest has outer axes (parallel), folded ones (cut into fixed chunks) and inner
ones, which it passes over once for every turn of its values. `lower` makes kernels,
`bind` gives them arrays, `llvm` prints them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...graph.dim import Dim
from ...graph.types import DType

FOLDS = ("sum", "prod", "max", "min", "any", "all")


class Unlowerable(Exception):
    """Why a node is no loop kernel, which is nobody's mistake."""


class Axis(NamedTuple):
    """An axis of a nest: outer, folded or inner."""

    size: Dim
    role: str
    name: str


class Access(NamedTuple):
    """An array as a nest walks it: for each of its dimensions the axis, if any.

    Arrays are numbered: operands, then outputs, then partial results.
    """

    array: int
    dtype: DType
    axes: tuple[int | None, ...]


class Value(NamedTuple):
    """One value of a nest: `op` on others, along `axes`.

    It is known when `turn` passes over the inner axes are done. `data` is the access
    of a load, the number of a literal, the axis of an index, the kind of a fold.
    """

    op: str
    args: tuple[int, ...]
    dtype: DType
    axes: tuple[int, ...]
    turn: int = 0
    data: Any = None


class Store(NamedTuple):
    """An output, and the value that it gets."""

    value: int
    access: int


class Total(NamedTuple):
    """A fold over the folded axes, left as partial results.

    `form` says how: "column" keeps the inner axes, "full" folds them too, "row" folds
    a value that does not vary along them.
    """

    form: str
    kind: str
    value: int
    access: int


@dataclass(frozen=True)
class Nest:
    """One loop nest, which becomes one native function."""

    axes: tuple[Axis, ...]
    accesses: tuple[Access, ...]
    values: tuple[Value, ...]
    stores: tuple[Store, ...]
    totals: tuple[Total, ...] = ()

    def along(self, role: str) -> tuple[int, ...]:
        """The axes of a role, in order."""
        return tuple(i for i, axis in enumerate(self.axes) if axis.role == role)

    @cached_property
    def vector(self) -> int | None:
        """The innermost axis, which runs in vectors."""
        inner = self.along("inner")
        return inner[-1] if inner else None

    @cached_property
    def has_folds(self) -> bool:
        """Whether values fold the inner axes within a row."""
        return any(value.op == "fold" for value in self.values)

    def level(self, axes: tuple[int | None, ...], turn: int = 0) -> int:
        """How deep something along axes stands: nowhere, row, middle, vector."""
        if self.vector is not None and self.vector in axes:
            return VECTOR
        roles = {self.axes[axis].role for axis in axes if axis is not None}
        if "inner" in roles:
            return MIDDLE
        return ROW if roles or turn else ONCE

    def level_of(self, value: Value) -> int:
        """How deep a value is computed."""
        return self.level(value.axes, value.turn)

    @cached_property
    def turns(self) -> int:
        """How many passes over the inner axes there are."""
        found = [value.turn for value in self.values if value.op == "fold"]
        found += [self.values[s.value].turn + 1 for s in self.stores if self._deep(s)]
        deep = [t for t in self.totals if t.form != "row"]
        found += [self.values[total.value].turn + 1 for total in deep]
        return max(found, default=0)

    def _deep(self, store: Store) -> bool:
        return self.level(self.accesses[store.access].axes) >= MIDDLE

    @cached_property
    def key(self) -> Any:
        """What decides the code of a nest: everything but sizes."""
        roles = tuple((axis.role, axis.name) for axis in self.axes)
        return roles, self.accesses, self.values, self.stores, self.totals


ONCE, ROW, MIDDLE, VECTOR = range(4)


@dataclass(frozen=True)
class LoopKernel:
    """What a fused node is in loops; `sizes` are numbers that its values read."""

    operands: tuple[tuple[DType, int], ...]  # dtype and rank
    outputs: tuple[tuple[DType, int], ...]
    nests: tuple[Nest, ...]
    sizes: tuple[Dim, ...] = ()

    @cached_property
    def name(self) -> str:
        """A name that equal kernels share."""
        keys = tuple(nest.key for nest in self.nests)
        text = repr((self.operands, self.outputs, keys))
        return "loops_" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the native functions, one a nest."""
        return tuple(f"{self.name}_{index}" for index in range(len(self.nests)))

    @property
    def partials(self) -> int:
        """How many arrays of partial results the main nest leaves."""
        return len(self.nests[0].totals)
