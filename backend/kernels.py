"""Ops of the lowest level, which only the pipeline makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..graph.dim import Dim
from ..graph.node import Node
from ..graph.notation import plain
from ..graph.op import Op, register
from ..graph.registry import OPS
from ..graph.types import F32, TensorType, TupleType, Type


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


@register
class MatmulBias(Kernel):
    """A product of matrices, and a number for each of its columns added to it."""

    name = "matmul_bias"
    writes = True

    def infer(self, x: TensorType, y: TensorType, bias: TensorType) -> Type:
        return OPS["matmul"].infer(x, y)

    def run(self, xp: Any, x: Any, y: Any, bias: Any, *, out: Any = None) -> Any:
        return xp.add(xp.matmul(x, y), bias, out=out)


@register
class MatmulWide(Kernel):
    """A product of matrices of 16 bits whose sums are float32, not rounded."""

    name = "matmul_wide"
    writes = True

    def infer(self, x: TensorType, y: TensorType) -> TensorType:
        found = OPS["matmul"].infer(x, y)
        assert isinstance(found, TensorType)
        return found.with_dtype(F32.name)

    def run(self, xp: Any, x: Any, y: Any, *, out: Any = None) -> Any:
        return xp.matmul(x.astype(F32.name), y.astype(F32.name), out=out)

    def flops(self, node: Node) -> Dim:
        """Those of `matmul`."""
        return OPS["matmul"].flops(node)


@register
class Pick(Kernel):
    """A `take` by positions, which have been checked: kernels read through them."""

    def infer(self, x: TensorType, positions: TensorType, axis: int) -> Type:
        return OPS["take"].infer(x, positions, axis=axis)

    def run(self, xp: Any, x: Any, positions: Any, *, axis: int) -> Any:
        return xp.take(x, positions, axis=axis)


@register
class SumAt(Kernel):
    """An `add_at` that may end a kernel, which then adds up what it computes."""

    name = "sum_at"

    def infer(
        self, x: TensorType, indices: TensorType, axis: int, size: Dim, rank: int
    ) -> Type:
        return OPS["add_at"].infer(x, indices, axis=axis, size=size, rank=rank)

    def run(self, xp: Any, x: Any, indices: Any, **attributes: Any) -> Any:
        return OPS["add_at"].run(xp, x, indices, **attributes)


class Instruction(NamedTuple):
    """One op of a fused kernel; operands count the kernel's own, then results.

    `attributes` are pairs of name and value, sizes among them symbolic.

    >>> print(Instruction("sum", (2,), (("axis", (0,)),)))
    sum(2, axis=[0])
    """

    op: str
    operands: tuple[int, ...]
    attributes: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        settings = (f"{key}={plain(value)}" for key, value in self.attributes)
        return f"{self.op}({', '.join([*map(str, self.operands), *settings])})"


Body = tuple[Instruction, ...]


@register
class Fused(Kernel):
    """A small graph in one kernel: ops on elements, folds of axes, and movements.

    `outputs` numbers the values that the kernel gives, counted as operands of its
    instructions are. Their results are the node's: one tensor, or a tuple of them.
    """

    writes = True

    def infer(self, *types: TensorType, body: Body, outputs: tuple[int, ...]) -> Type:
        found = body_types(types, body)
        results = tuple(found[index] for index in outputs)
        return results[0] if len(results) == 1 else TupleType(results)

    def run(
        self,
        xp: Any,
        *arrays: Any,
        body: Body,
        outputs: tuple[int, ...],
        out: Any = None,
    ) -> Any:
        """The values one op at a time, which is the reference for generated code."""
        found = list(arrays)
        for name, operands, attributes in body:
            sources = [found[index] for index in operands]
            value = OPS[name].run(xp, *sources, **dict(attributes))
            found += value if isinstance(value, tuple) else (value,)
        results = tuple(found[index] for index in outputs)
        if len(results) > 1:
            return results
        return results[0] if out is None else _written(xp, results[0], out)


@register
class Followed(Fused):
    """A convolution, and what reads it tile by tile while the tile is in the cache.

    The body is as that of `fused`; an instruction with several results counts as often.
    The first instruction is the convolution, the others are kernels and pooling.
    """

    name = "followed"


def _written(xp: Any, value: Any, out: Any) -> Any:
    xp.copyto(out, value)
    return out


def body_types(types: Sequence[TensorType], body: Body) -> list[TensorType]:
    """The types of a kernel's operands and of the results of its instructions."""
    found = list(types)
    for name, operands, attributes in body:
        sources = [found[index] for index in operands]
        type = OPS[name].infer(*sources, **dict(attributes))
        found += type.items if isinstance(type, TupleType) else (type,)
    return found


def alone(node: Node) -> Node:
    """An op as a kernel of its own."""
    places = tuple(range(len(node.inputs)))
    step = Instruction(node.op.name, places, tuple(node.attributes.items()))
    attributes = {"body": (step,), "outputs": (len(places),)}
    return OPS["fused"].apply(node.inputs, attributes)


def arena_view(flat: Node, offset: int, shape: tuple[Dim, ...]) -> Node:
    """The node of a variable's place in its arena."""
    return OPS["arena_view"].apply((flat,), {"offset": offset, "shape": shape})


def pack(nodes: list[Node]) -> Node:
    """The node of tensors side by side."""
    return OPS["pack"].apply(tuple(nodes))
