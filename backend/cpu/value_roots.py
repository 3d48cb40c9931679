"""The roots and layouts of the values of a schedule, as far as no size is asked for.

The root of a value is what its address counts from: a view has that of what it shows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from ...graph.dim import Dim, Symbol
from ...graph.node import attribute_key
from ...graph.types import TupleType
from ..binding import attributes_of, standing
from ..pipeline.schedule import Schedule, Storage, Value
from ..strided_arrays import StridedArray
from .value_layouts import ValueLayout, ValueLayouts

Sizes = Mapping[Symbol, int]


class ValueRoots:
    """The root and the layout of each value of a schedule.

    An `inner` schedule is given the arrays of its inputs and outputs.
    """

    def __init__(self, schedule: Schedule, inner: bool = False):
        self.schedule, self.inner = schedule, inner
        self.roots: list[Value] = []
        self.places: dict[str, tuple[int, int]] = {}  # root and layout of a value
        self.fixed: dict[str, Any] = {}  # a tuple for an op of several results
        self.layouts = ValueLayouts(self.fixed)
        self._known: dict[Hashable, int] = {}
        fixed = frozenset(standing(schedule))
        for value in schedule.values:
            if value.name in fixed:
                self.fixed[value.name] = made(value, self.fixed, {})
            if not isinstance(value.node.type, TupleType):
                self.places[value.name] = self._place(value)
        self._find_buffers()

    def _find_buffers(self) -> None:
        """Which roots are buffers, with their storages; which others follow sizes."""
        self.storages: list[Storage] = []
        self.parts: list[tuple[int, Dim, int]] = []  # where they begin follows sizes
        self.others: list[tuple[int, Value]] = []
        buffers: list[int] = []
        self.known = np.zeros(len(self.roots) + 1, np.int64)  # and of scratch memory
        for root, value in enumerate(self.roots):
            if value.kind == "buffer" and value.storage is not None:
                buffers.append(root)
                self.storages.append(value.storage)
                item, first = value.node.dtype.size, value.offset.value
                if first is None:
                    self.parts.append((root, value.offset, item))
                self.known[root] = (first or 0) * item
            elif value.name in self.fixed:
                self.known[root] = getattr(self.fixed[value.name], "address", 0)
            else:
                self.others.append((root, value))
        self.buffers = np.array(buffers, np.int64)
        numbers = {one: n for n, one in enumerate(self.schedule.storages)}
        self.numbers = np.array([numbers[one] for one in self.storages], np.int64)

    def storage(self, name: str) -> Storage | None:
        """The storage that a value lies in, if it is in a buffer."""
        root, _ = self.places[name]
        return self.roots[root].storage if self.roots[root].kind == "buffer" else None

    def _place(self, value: Value) -> tuple[int, int]:
        """The root and the layout of a value."""
        name, node, fixed = value.name, value.node, self.fixed.get(value.name)
        if value.kind == "computed" and node.op.view and fixed is None:
            root, shown = self.places[value.sources[0].name]
            if self.roots[root].kind in ("buffer", "input", "output"):
                view = node.op.name, attribute_key(node.attributes), shown
                return root, self._layout(view, ValueLayout(value, shown))
        self.roots.append(value)
        key: Hashable = name
        if fixed is not None:
            key = fixed.shape, fixed.steps, fixed.dtype
        elif value.kind == "buffer" or (value.kind == "input" and not self.inner):
            key = node.type
        return len(self.roots) - 1, self._layout(key, ValueLayout(value))

    def _layout(self, key: Hashable, layout: ValueLayout) -> int:
        count = len(self.layouts.all)
        found = self._known.setdefault(key, count)
        if found == count:
            kind = layout.value.kind
            is_given = kind != "buffer" and (kind != "input" or self.inner)
            self.layouts.add(layout, is_given)
        return found


def made(value: Value, names: Mapping[str, Any], sizes: Sizes) -> Any:
    """A value that follows from sizes and variables."""
    node = value.node
    if value.kind == "variable":
        return StridedArray.of(node.attributes["variable"].array)
    sources = [names[source.name] for source in value.sources]
    operands = [s.array() if isinstance(s, StridedArray) else s for s in sources]
    result = node.op.run(np, *operands, **attributes_of(node, sizes))
    several = isinstance(node.type, TupleType)
    return result if several else StridedArray.of(np.asarray(result))
