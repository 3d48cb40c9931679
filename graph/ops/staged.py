"""Ops that hold a traced function: gradients of one's own, and recomputation.

A function is staged once for the types of its operands (`graph/staging.py`) and lives
in the attribute `call`. `isolate` and `barrier` are values themselves; they keep nodes
apart that interning would make one.
"""

from __future__ import annotations

from typing import Any

from ..node import Node, Unique, substituted
from ..op import Op, Results, register
from ..registry import OPS
from ..types import TensorType, TupleType, Type
from .movement import filled_with_zero


@register
class Isolate(Op):
    """The value itself as a node of its own, so that a derivative sees it alone."""

    arithmetic = False
    level = "composite"
    public = False
    remembers = False

    def arguments(self, x: Any) -> Any:
        return (x,), {"symbol": Unique("isolated")}

    def infer(self, x: TensorType, symbol: Any) -> TensorType:
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (cotangent,)

    def expand(self, node: Node) -> Node:
        return node.inputs[0]


@register
class Barrier(Op):
    """The first operand, which is read only once the others are there."""

    arithmetic = False
    public = False
    view = True

    def infer(self, x: TensorType, *tokens: Type) -> TensorType:
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (cotangent, *[None] * (len(node.inputs) - 1))

    def run(self, xp: Any, x: Any, *tokens: Any, out: Any = None) -> Any:
        return x


@register
class TupleOp(Op):
    """Several values as the results of one op; its items are the values."""

    arithmetic = False
    name = "tuple"
    public = False

    def infer(self, *types: TensorType) -> TupleType:
        return TupleType(types)

    def vjp(self, node: Node, cotangent: Any) -> Results:
        return tuple(cotangent)

    def run(self, xp: Any, *arrays: Any, out: Any = None) -> Any:
        return arrays


class Staged(Op):
    """An op with several results that holds a staged function."""

    level = "composite"
    public = False
    remembers = False

    def results(self, node: Node) -> list[Node]:
        """The nodes that the results are, in terms of the operands."""
        raise NotImplementedError

    def expand(self, node: Node) -> Node:
        return OPS["tuple"].apply(tuple(self.results(node)))


@register
class CustomGradient(Staged):
    """Values computed already, with the gradient that a function gives.

    The operands are the results, the arguments, and what the gradient reads besides.
    """

    name = "custom_call"

    def infer(self, *types: TensorType, call: Any, results: int) -> TupleType:
        return TupleType(types[:results])

    def vjp(self, node: Node, cotangent: Any) -> Results:
        count, call = node.attributes["results"], node.attributes["call"]
        arguments = len(call.operands)
        types = [n.tensor_type for n in node.inputs[count : count + arguments]]
        body = call.gradient(types)
        captured = node.inputs[count + arguments :]
        actual = dict(zip(body.captured, captured, strict=True))
        actual.update(zip(body.seeds, cotangent, strict=True))
        parts = substituted(body.gradients, actual)
        return (*[None] * count, *parts, *[None] * len(captured))

    def results(self, node: Node) -> list[Node]:
        return list(node.inputs[: node.attributes["results"]])


@register
class RematCall(Staged):
    """A function whose inside is computed again in the backward pass.

    The operands are its arguments, then the variables and random keys that it reads.
    """

    name = "remat_call"

    def infer(self, *types: TensorType, call: Any) -> TupleType:
        return TupleType(tuple(n.tensor_type for n in call.body(types).outputs))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        body = self._body(node)
        barrier = OPS["barrier"]
        again = [barrier.apply((source, *cotangent)) for source in node.inputs]
        seeds, parts = body.gradients
        actual = dict(zip(body.holes, again, strict=True))
        actual.update(zip(seeds, cotangent, strict=True))
        return substituted(parts, actual)

    def results(self, node: Node) -> list[Node]:
        body = self._body(node)
        actual = dict(zip(body.holes, node.inputs, strict=True))
        return [found for found in substituted(body.outputs, actual) if found]

    def _body(self, node: Node) -> Any:
        types = [source.tensor_type for source in node.inputs]
        return node.attributes["call"].body(types)


@register
class TapedCallOp(RematCall):
    """A call that ran as a program; its gradient reads what it kept.

    The operands are its arguments, then the variables and random keys that it reads.
    """

    name = "taped_call"

    def vjp(self, node: Node, cotangent: Any) -> Results:
        call: Any = node.attributes["call"]
        arrived = [i for i, part in enumerate(cotangent) if not filled_with_zero(part)]
        seeds, parts = call.pulled(tuple(arrived))
        actual = dict(zip(call.holes, node.inputs, strict=True))
        for index, output in enumerate(call.outputs):
            if output not in actual:
                actual[output] = OPS["item"].apply((node,), {"index": index})
        actual.update(zip(seeds, (cotangent[index] for index in arrived), strict=True))
        return substituted(parts, actual)
