"""The loop language: typed loop nests over strided arrays, the same for every target.

A nest has outer axes (parallel), folded ones (cut into fixed chunks) and inner ones,
which it passes over once for every turn of its values. `kernel` has what nests make
together, `readable` their text for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...graph.dim import Dim
from ...graph.types import DType

LANES = 16  # elements of a vector, whatever the machine: results depend on it
COLUMNS = 8  # vectors of sums at most that one row of a kernel adds to
BODY = 64  # values in all these vectors, at most: each is written out
ONCE, ROW, MIDDLE, VECTOR = range(4)  # how deep a value stands
EXPENSIVE = frozenset(
    "exp exp2 expm1 log log2 log10 log1p pow tanh erf sin cos tan sinh cosh asin acos "
    "atan atan2 asinh acosh atanh cbrt hypot mod floordiv".split()
)
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

    Arrays are numbered: operands, then outputs, then partial results. One that is
    `picked` from has a dimension along which the argument of its load says the place;
    beside it stands a number that tells loads by different arguments apart.
    """

    array: int
    dtype: DType
    axes: tuple[int | None, ...]
    picked: tuple[int, int] | None = None


class Value(NamedTuple):
    """One value of a nest: `op` on others, along `axes`.

    It is known when `turn` passes over the inner axes are done. `data` is the access
    of a load, the number of a literal, the axis of an index, the kind of a fold. A load
    has an argument where the access is `picked`.
    """

    op: str
    args: tuple[int, ...]
    dtype: DType
    axes: tuple[int, ...]
    turn: int = 0
    data: Any = None


class Store(NamedTuple):
    """An output, and the value that it gets.

    With `by`, values are added up at the place that a value says along the dimension
    from which the access is `picked`, in the order of the folded axes.
    """

    value: int
    access: int
    by: int | None = None


class Total(NamedTuple):
    """A fold over the folded axes, left as partial results.

    `form` says how: "column" keeps the inner axes, "full" folds them too, "row" folds
    a value that does not vary along them.
    """

    form: str
    kind: str
    value: int
    access: int


class Pass(NamedTuple):
    """What one pass over the inner axes folds, stores and leaves, by number."""

    folds: list[int]
    stores: list[Store]
    totals: list[int]


@dataclass(frozen=True)
class Nest:
    """One loop nest, which becomes one native function."""

    axes: tuple[Axis, ...]
    accesses: tuple[Access, ...]
    values: tuple[Value, ...]
    stores: tuple[Store, ...]
    totals: tuple[Total, ...] = ()

    @cached_property
    def _roles(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for index, axis in enumerate(self.axes):
            found[axis.role] = (*found.get(axis.role, ()), index)
        return found

    def along(self, role: str) -> tuple[int, ...]:
        """The axes of a role, in order."""
        return self._roles.get(role, ())

    @cached_property
    def split(self) -> tuple[tuple[int, ...], ...]:
        """The outer, the folded and the inner axes."""
        return self.along("outer"), self.along("folded"), self.along("inner")

    @cached_property
    def vectored(self) -> tuple[int, ...]:
        """The accesses that walk along the innermost axis, but not sideways."""
        every = enumerate(self.accesses)
        found = [i for i, access in every if self.vector in access.axes]
        return tuple([index for index in found if not self.sideways(index)])

    @cached_property
    def joinable(self) -> tuple[tuple[int, ...], ...]:
        """Groups of axes that may be walked as one, where memory allows it."""
        outer, folded, inner = self.split
        if not self.totals and not self.has_folds and not self.scatters:
            groups = [outer + folded + inner]
        elif not self.has_folds and all(total.form == "full" for total in self.totals):
            groups = [outer, folded + inner]
        else:
            groups = [outer, folded, inner]
        counted = {value.data for value in self.values if value.op == "index"}
        return tuple(tuple(a for a in group if a not in counted) for group in groups)

    @cached_property
    def cuttable(self) -> bool:
        """Whether parts of the innermost axis may be different units of work."""
        if self.has_folds or any(total.form == "row" for total in self.totals):
            return False
        levels = [self.level(self.accesses[s.access].axes) for s in self.stores]
        return all(level == VECTOR for level in levels) and MIDDLE not in levels

    @cached_property
    def by_columns(self) -> bool:
        """Whether it sums up columns and no row: then threads may share the rows."""
        if self.vector is None or self.has_folds or len(self.along("inner")) > 1:
            return False
        deep = [self.level(self.accesses[s.access].axes) for s in self.stores]
        if any(level != VECTOR for level in deep) or any(v.turn for v in self.values):
            return False
        if self.totals:
            return all(total.form == "column" for total in self.totals)
        parts = [v for v in self.values if v.op == "partial"]
        columns = any(self.level_of(value) == VECTOR for value in parts)
        return columns and not self.along("folded")

    @cached_property
    def vector(self) -> int | None:
        """The innermost axis, which runs in vectors."""
        inner = self.along("inner")
        return inner[-1] if inner else None

    @cached_property
    def lanes(self) -> int:
        """How many elements a vector has: few where rows are known to be short."""
        length = None if self.vector is None else self.axes[self.vector].size.value
        if length is None or length >= 4 * LANES or self._joined:
            return LANES
        if length <= LANES // 2:
            return LANES // 4 if length <= LANES // 4 else LANES // 2
        return LANES // 2 if length % LANES == LANES // 2 else LANES

    @cached_property
    def in_one_vector(self) -> bool:
        """Whether a row is known to be one vector at most: no pass is a loop then."""
        if len(self.along("inner")) != 1 or not self.has_folds:
            return False  # memory may join rows that are not folded
        assert self.vector is not None
        length = self.axes[self.vector].size.value
        return length is not None and 0 < length <= self.lanes

    @cached_property
    def scatters(self) -> bool:
        """Whether it adds up at places: each unit of work has columns of its own."""
        return any(store.by is not None for store in self.stores)

    @cached_property
    def columns(self) -> int | None:
        """How many columns it sums up, where they are few and little work: all stay in
        registers."""
        forms = {total.form for total in self.totals}
        if forms != {"column"} or self.has_folds or len(self.along("inner")) != 1:
            return None
        assert self.vector is not None
        length = self.axes[self.vector].size.value
        if not length or any(value.op in EXPENSIVE for value in self.values):
            return None
        vectors = -(-length // self.lanes)
        few = vectors * len(self.totals) <= COLUMNS
        return length if few and vectors * len(self.values) <= BODY else None

    @property
    def _joined(self) -> bool:
        """Whether rows lie one after the other in every array, as one long row."""
        group = next((group for group in self.joinable if self.vector in group), ())
        pair = group[: group.index(self.vector) + 1][-2:] if group else ()
        walked = [[axis for axis in one.axes if axis in pair] for one in self.accesses]
        return len(pair) == 2 and all(tuple(axes) in (pair, ()) for axes in walked)

    def sideways(self, access: int) -> bool:
        """Whether an access goes along the innermost axis by steps, as transposed."""
        one = self.accesses[access]
        dimension = None if one.picked is None else one.picked[0]
        pairs = enumerate(one.axes)
        walked = [a for n, a in pairs if a is not None or n == dimension]
        return self.vector is not None and self.vector in walked[:-1]

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

    def pass_of(self, turn: int) -> Pass:
        """What the pass over the inner axes after so many others is for."""
        values = self.values
        folds = [i for i, v in enumerate(values) if v.op == "fold"]
        totals = [i for i, total in enumerate(self.totals) if total.form != "row"]
        stores = [s for s in self.stores if self._deep(s)]
        return Pass(
            [i for i in folds if values[i].turn == turn + 1],
            [s for s in stores if values[s.value].turn == turn],
            [i for i in totals if values[self.totals[i].value].turn == turn],
        )

    def needed(self, made: Pass) -> set[int]:
        """The values that a pass computes: those along inner axes."""
        stack = [self.values[index].args[0] for index in made.folds]
        stack += [store.value for store in made.stores]
        stack += [self.totals[index].value for index in made.totals]
        found = set[int]()
        while stack:
            index = stack.pop()
            if index not in found and self.level_of(self.values[index]) >= MIDDLE:
                found.add(index)
                stack += self.values[index].args
        return found

    @cached_property
    def key(self) -> Any:
        """What decides the code of a nest: everything but sizes."""
        roles = tuple((axis.role, axis.name) for axis in self.axes)
        lanes = self.lanes, self.in_one_vector, self.columns
        return roles, lanes, self.accesses, self.values, self.stores, self.totals
