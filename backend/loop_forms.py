"""What all forms of a `loop` node share: its body, scheduled once, and its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.dim import Symbol
from ..graph.node import Node, resolve
from .pipeline.plan import number, rounded
from .pipeline.schedule import Schedule

Sizes = Mapping[Symbol, int]


class LoopForm:
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

    def _length(self, sizes: Sizes) -> int:
        """How many turns the loop takes."""
        found: int = resolve(self.node.attributes["length"], sizes)
        return found

    def _sizes(self, sizes: Sizes) -> dict[Symbol, int]:
        given = resolve(self.node.attributes["sizes"], sizes)
        return dict(zip(self.body.symbols, given, strict=True))

    def carried_bytes(self, inner: Sizes) -> list[int]:
        """The bytes of each value that is carried."""
        return [rounded(number(size, inner) * item) for size, item in self.carried]
