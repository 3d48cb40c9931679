"""Ops of the lowest level, which only the pipeline makes."""

from __future__ import annotations

from typing import Any

from ..graph.dim import Dim
from ..graph.node import Node
from ..graph.op import Op, register
from ..graph.registry import OPS
from ..graph.types import TensorType


class Kernel(Op):
    """An op that no user writes."""

    level = "kernel"
    public = False
    no_gradient = "gradients are taken before kernels are made"


@register
class ArenaView(Kernel):
    """A variable's place in its arena, in the variable's shape."""

    name = "arena_view"
    view = True

    def infer(self, flat: TensorType, offset: int, shape: Any) -> TensorType:
        return flat.with_shape(shape)

    def run(self, xp: Any, flat: Any, *, offset: int, shape: Any) -> Any:
        size = 1
        for length in shape:
            size *= length
        return flat[offset : offset + size].reshape(shape)


@register
class Pack(Kernel):
    """Tensors of one dtype laid side by side in one flat array."""

    writes = True

    def infer(self, *types: TensorType) -> TensorType:
        return types[0].with_shape((sum((t.size for t in types), Dim.of(0)),))

    def run(self, xp: Any, *arrays: Any, out: Any = None) -> Any:
        flat = [array.reshape(-1) for array in arrays]
        return xp.concatenate(flat, out=out)


def arena_view(flat: Node, offset: int, shape: tuple[Dim, ...]) -> Node:
    """The node of a variable's place in its arena."""
    return OPS["arena_view"].apply((flat,), {"offset": offset, "shape": shape})


def pack(nodes: list[Node]) -> Node:
    """The node of tensors side by side."""
    return OPS["pack"].apply(tuple(nodes))
