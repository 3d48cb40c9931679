"""Attention of 16 bits by cuDNN, which keeps no weight of a pair.

Heads are read where they lie, between places and sizes. The backward pass is asked for
the algorithm that repeats bit for bit. A plan is code that cuDNN compiles for a set of
sizes, for some seconds; equal layers share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...graph.graph import Graph
from ...graph.node import Node
from ...graph.ops.movement import full_node
from ...graph.registry import OPS
from ...graph.tensor import input_node
from ...graph.types import TupleType
from ..pipeline.plan import number
from ..pipeline.schedule import Schedule
from ..strided_arrays import address_of, dense_steps
from .cudnn import Front, Planned, aligned, is_aligned, planned, result, tensor
from .expanded import Expanded
from .form import Place, Sizes
from .products import ALIGNMENT

if TYPE_CHECKING:
    from .code import GpuCode
    from .writer import Writer

Shape = tuple[int, ...]

FORWARD, BACKWARD = "attention_logsum", "attention_logsum_gradient"


def accepts(node: Node) -> bool:
    """Whether a node is attention that was left to cuDNN."""
    return node.op.name in (FORWARD, BACKWARD)


@dataclass(frozen=True)
class Attention:
    """Attention of a set of sizes, forwards or backwards."""

    name: str
    kind: str
    query: Shape  # batch, places, heads, size
    key: Shape
    value: Shape
    scale: float
    is_causal: bool

    @property
    def found(self) -> Shape:
        """The shape of the result."""
        return (*self.query[:3], self.value[3])

    def put(self, graph: Any, front: Front) -> list[Any]:
        """The attention of a graph, and its tensors: operands, then results."""
        options = {"attn_scale": self.scale, "use_causal_mask": self.is_causal}
        operands = [self._operand(graph, front, shape) for shape in self._three]
        logsum = self._logsum
        if self.name == FORWARD:
            found, kept = graph.sdpa(*operands, generate_stats=True, **options)
            self._result(found, front, self.found)
            result(kept, front, "f32", *logsum)
            return [*operands, found, kept]
        operands += [
            self._operand(graph, front, self.found),
            self._operand(graph, front, self.found),  # the cotangent
            tensor(graph, front, "f32", *logsum),
        ]
        slopes = graph.sdpa_backward(
            *operands, use_deterministic_algorithm=True, **options
        )
        for slope, shape in zip(slopes, self._three, strict=True):
            self._result(slope, front, shape)
        # As they stand in the program: what was kept comes before the cotangent.
        *first, cotangent, kept = operands
        return [*first, kept, cotangent, *slopes]

    @property
    def _three(self) -> tuple[Shape, Shape, Shape]:
        return self.query, self.key, self.value

    @property
    def _logsum(self) -> tuple[Shape, Shape]:
        batch, rows, heads, _ = self.query
        shape = (batch, heads, rows, 1)
        return shape, dense_steps(shape)

    def _operand(self, graph: Any, front: Front, shape: Shape) -> Any:
        return tensor(graph, front, self.kind, *heads_second(shape))

    def _result(self, found: Any, front: Front, shape: Shape) -> None:
        result(found, front, self.kind, *heads_second(shape))


def heads_second(shape: Shape) -> tuple[Shape, Shape]:
    """Shape and strides of [batch, places, heads, size], as cuDNN orders its axes."""
    (batch, places, heads, size), steps = shape, dense_steps(shape)
    return (batch, heads, places, size), (steps[0], steps[2], steps[1], steps[3])


class Attended(Expanded):
    """Attention by cuDNN; where it has no plan, what its expansion says."""

    def __init__(self, node: Node, front: Front | None, steps: Schedule, code: GpuCode):
        super().__init__(node, steps, code)
        self.front = front

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Those of cuDNN; the steps of the expansion have their own."""
        return () if self.front is None else self.front.errors

    def refused(self) -> str:
        """Why, if it is clear that cuDNN does not compute it."""
        return super().refused() if self.front is None else ""

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The workspace, from a multiple of the alignment on."""
        plan = self._planned(sizes)
        if plan is None:
            return super().scratch_bytes(sizes)
        return ALIGNMENT + plan.workspace

    def _planned(self, sizes: Sizes) -> Planned | None:
        """The plan; backwards there is one only if there is one forwards too.

        What the forward pass keeps is not there where its expansion computes.
        """
        query, key, value = (
            tuple(number(dim, sizes) for dim in source.shape)
            for source in self.node.inputs[:3]
        )
        if self.front is None or 0 in (*query, *key, *value):
            return None
        options = self.node.attributes["scale"], self.node.attributes["is_causal"]
        found = None
        for name in dict.fromkeys((FORWARD, self.node.op.name)):
            kind = self.node.inputs[0].dtype.short
            operation = Attention(name, kind, query, key, value, *options)
            found = planned(self.front, operation)
            if found is None:
                return None
        return found

    def put(self, writer: Writer, place: Place) -> None:
        """The call, or the expansion."""
        plan = self._planned(place.sizes)
        if plan is None:
            writer.choice.refuse(super().refused())
            super().put(writer, place)
            return
        sources = [aligned(writer, writer.dense(source)) for source in place.sources]
        results = [
            target if is_aligned(target) else writer.apart(target)
            for target in place.targets
        ]
        begin = address_of(place.scratch)
        workspace = begin + -begin % ALIGNMENT
        places = [address_of(array) for array in (*sources, *results)]
        writer.act(plan.call(places, workspace))
        for target, found in zip(place.targets, results, strict=True):
            if found is not target:
                writer.copy(target, found)


def expansion(node: Node) -> Graph:
    """The graph of what a node computes, of inputs and outputs like its own.

    What the forward pass keeps is nothing there: the backward pass does without.
    """
    assert isinstance(node.type, TupleType)
    inputs = tuple(
        input_node(f"x{k}", source.tensor_type) for k, source in enumerate(node.inputs)
    )
    options = {
        "scale": node.attributes["scale"],
        "is_causal": node.attributes["is_causal"],
        "soft_cap": None,
        "given": (),
    }
    if node.op.name == FORWARD:
        found = OPS["dot_product_attention"].apply(inputs[:3], options)
        outputs = [found, full_node(node.type.items[1], 0.0)]
    else:
        gradient = OPS["dot_product_attention_gradient"]
        whole = gradient.apply((*inputs[:3], inputs[-1]), options)
        outputs = [OPS["item"].apply((whole,), {"index": n}) for n in range(3)]
    return Graph(inputs, {f"output_{k}": one for k, one in enumerate(outputs)})
