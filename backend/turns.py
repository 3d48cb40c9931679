"""The body of a loop, scheduled once: its sizes, its memory, and what is carried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..graph.dim import Symbol
from ..graph.node import Node, resolve
from .pipeline.plan import Plan, number, plan, rounded
from .pipeline.schedule import Schedule

Sizes = Mapping[Symbol, int]


class Turns:
    """What the forms of a `loop` node have in common; `code` runs the body's steps."""

    def __init__(self, node: Node, schedule: Schedule, code: Any):
        self.node, self.schedule, self.code = node, schedule, code
        self.body = node.attributes["body"]
        self.carries = node.attributes["carries"]
        self.slices = node.attributes["slices"]
        self.carried = [
            (output.tensor_type.size, output.dtype.size)
            for output in self.body.outputs[: self.carries]
        ]
        self._planned: tuple[Sizes, Plan] | None = None  # the last one

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The body's memory, and a second place for what is carried."""
        inner = self._sizes(sizes)
        return self._plan(inner).peak_bytes + sum(self._carried(inner))

    def _length(self, sizes: Sizes) -> int:
        """How many turns there are."""
        found: int = resolve(self.node.attributes["length"], sizes)
        return found

    def _sizes(self, sizes: Sizes) -> dict[Symbol, int]:
        given = resolve(self.node.attributes["sizes"], sizes)
        return dict(zip(self.body.symbols, given, strict=True))

    def _plan(self, inner: Sizes) -> Plan:
        found = self._planned
        if found is None or found[0] != inner:
            made = plan(self.schedule, inner, self._scratch(inner))
            found = self._planned = dict(inner), made
        return found[1]

    def _scratch(self, inner: Sizes) -> int:
        """The most bytes that a step of the body needs."""
        raise NotImplementedError

    def _carried(self, inner: Sizes) -> list[int]:
        """The bytes of each value that is carried."""
        return [rounded(number(size, inner) * item) for size, item in self.carried]

    def _pairs(
        self,
        targets: Sequence[Any],
        apart: Callable[[Any, int], Any],
        inner: Sizes,
        turns: int,
    ) -> list[tuple[Any, Any]]:
        """The two places of each carried value, in the order of turns.

        `apart` gives an array like a target, so many bytes into scratch memory.
        """
        pairs, start = [], 0
        for target, size in zip(targets, self._carried(inner), strict=False):
            other = apart(target, start)
            start += size
            # The last turn leaves the value in the target.
            pairs.append((target, other) if turns % 2 == 0 else (other, target))
        return pairs
