"""Ops of the lowest level, which only the pipeline makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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


@dataclass(frozen=True, slots=True)
class Instruction:
    """One op of a fused kernel; operands count the kernel's own, then results."""

    op: str
    operands: tuple[int, ...]


Body = tuple[Instruction, ...]


@register
class Fused(Kernel):
    """Elementwise ops in one kernel; the last instruction gives the result."""

    writes = True
    elementwise = True

    def infer(self, *types: TensorType, body: Body) -> TensorType:
        found = list(types)
        for instruction in body:
            operands = [found[index] for index in instruction.operands]
            found.append(OPS[instruction.op].infer(*operands))  # type: ignore[arg-type]
        return found[-1]

    def run(self, xp: Any, *arrays: Any, body: Body, out: Any = None) -> Any:
        found = list(arrays)
        for index, instruction in enumerate(body):
            operands = [found[i] for i in instruction.operands]
            place = out if index == len(body) - 1 else None
            found.append(OPS[instruction.op].run(xp, *operands, out=place))
        return found[-1]


def fusible(node: Node) -> bool:
    """Whether an op is one pass of a ufunc over its elements."""
    body = getattr(node.op, "body", None)
    return (
        node.op.elementwise
        and isinstance(body, str)
        and isinstance(getattr(np, body, None), np.ufunc)
        and not node.attributes
    )


def arena_view(flat: Node, offset: int, shape: tuple[Dim, ...]) -> Node:
    """The node of a variable's place in its arena."""
    return OPS["arena_view"].apply((flat,), {"offset": offset, "shape": shape})


def pack(nodes: list[Node]) -> Node:
    """The node of tensors side by side."""
    return OPS["pack"].apply(tuple(nodes))
