"""Loops and branches as one node each, with bodies as attributes.

`graph/control.py` has what users call and `graph/bodies.py` the bodies. The gradient of
a loop is a loop: it runs forwards again, keeps what was carried, and scans backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from ..bodies import Body, body_of, sizes_of, sizes_of_made, split_sizes
from ..costs import flops_of_body
from ..diagnostics import Fault
from ..differentiate import gradients_of
from ..dim import Dim, maximum
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS
from ..tensor import input_node
from ..types import TensorType, TupleType
from .movement import full_node


def items_of(node: Node) -> list[Node]:
    """The results of a node, each as a node."""
    if not isinstance(node.type, TupleType):
        return [node]
    item = OPS["item"]
    return [item.apply((node,), {"index": i}) for i in range(len(node.type.items))]


def branch_node(
    index: Node,
    bodies: Sequence[Body],
    operands: Sequence[Node],
    sizes: Sequence[Any] | None = None,
) -> list[Node]:
    """The results of the body that an index picks; without sizes these are symbols."""
    known = sizes_of(bodies) if sizes is None else tuple(sizes)
    attributes = {"bodies": tuple(bodies), "sizes": known}
    return items_of(OPS["branch"].apply((index, *operands), attributes))


def _owned(xp: Any, values: Sequence[Any], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Results that share no memory with what may be written over."""
    return tuple(
        xp.array(value)
        if getattr(value, "base", None) is not None
        or any(value is array for array in arrays)
        else xp.asarray(value)
        for value in values
    )


def _seeded(outputs: Sequence[Node], seeds: Sequence[Node | None]) -> dict[Node, Node]:
    """Cotangents by output; an output may stand several times."""
    found: dict[Node, Node] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        if seed is not None:
            found[output] = found[output] + seed if output in found else seed
    return found


def _pulled(
    outputs: Sequence[Node], seeds: Sequence[Node | None], sources: Sequence[Node]
) -> list[Node]:
    """The cotangents of sources, zero where none arrives."""
    parts = gradients_of(_seeded(outputs, seeds), sources)
    return [
        full_node(source.tensor_type, 0.0) if part is None else part
        for source, part in zip(sources, parts, strict=True)
    ]


def _fresh(nodes: Sequence[Node]) -> list[Node]:
    return [input_node("cotangent", node.tensor_type) for node in nodes]


def _float(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if node.dtype.is_float]


def _aligned(nodes: Sequence[Node], parts: Sequence[Node]) -> list[Node | None]:
    """Parts of the floats among nodes, with None for the others."""
    left = iter(parts)
    return [next(left) if node.dtype.is_float else None for node in nodes]


class Control(Op):
    """An op with bodies; its results are a tuple."""

    public = False


@register
class Branch(Control):
    """One of several bodies, picked by the first operand; the others do not run."""

    def infer(
        self, index: TensorType, *types: TensorType, bodies: Any, sizes: Any
    ) -> TupleType:
        return TupleType(bodies[0].types(split_sizes(bodies, sizes)[0]))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        bodies, (index, *operands) = node.attributes["bodies"], node.inputs
        arrived = _float(cotangent)
        backward = [_branch_backward(body) for body in bodies]
        holes = _float(bodies[0].inputs)
        found: list[Node] = []
        if holes and arrived:
            sizes = sizes_of_made(backward, bodies, node.attributes["sizes"])
            found = branch_node(index, backward, (*operands, *arrived), sizes)
        elif holes:
            return None, *[None] * len(operands)
        return None, *_aligned(operands, found)

    def run(
        self,
        xp: Any,
        index: Any,
        *arrays: Any,
        bodies: Any,
        sizes: Any,
        out: Any = None,
    ) -> Any:
        chosen = min(max(int(index), 0), len(bodies) - 1)
        plan = bodies[chosen].plan(xp, split_sizes(bodies, sizes)[chosen])
        found = plan(arrays)
        return _owned(xp, found, (*arrays, *plan.values))

    def flops(self, node: Node) -> Dim:
        """Those of the dearest branch."""
        bodies = node.attributes["bodies"]
        sizes = split_sizes(bodies, node.attributes["sizes"])
        found = map(flops_of_body, bodies, sizes)
        return reduce(maximum, found)


def _branch_backward(body: Body) -> Body:
    if "backward" not in body.derived:
        seeds = _fresh(_float(body.outputs))
        aligned = _aligned(body.outputs, seeds)
        parts = _pulled(body.outputs, aligned, _float(body.inputs))
        body.derived["backward"] = body_of((*body.inputs, *seeds), parts)
    found: Body = body.derived["backward"]
    return found


def loop_node(
    body: Body,
    carries: Sequence[Node],
    slices: Sequence[Node],
    operands: Sequence[Node],
    length: Dim,
    reverse: bool = False,
    sizes: Sequence[Any] | None = None,
) -> list[Node]:
    """What is carried out of a loop, then what its steps give, stacked.

    The sizes of the body are its symbols if none are given.
    """
    attributes = {
        "body": body,
        "carries": len(carries),
        "slices": len(slices),
        "length": length,
        "reverse": reverse,
        "sizes": sizes_of([body]) if sizes is None else tuple(sizes),
    }
    return items_of(OPS["loop"].apply((*carries, *slices, *operands), attributes))


@register
class Loop(Control):
    """A body done for each slice of some operands, carrying others along.

    The body takes what is carried, a slice of each scanned operand, and the other
    operands; it gives what is carried on, and what is stacked.
    """

    def infer(
        self,
        *types: TensorType,
        body: Body,
        carries: int,
        slices: int,
        length: Dim,
        reverse: bool,
        sizes: Any,
    ) -> TupleType:
        found = body.types(sizes)
        stacked = (type.with_shape((length, *type.shape)) for type in found[carries:])
        return TupleType((*found[:carries], *stacked))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        options = node.attributes
        body, length = options["body"], options["length"]
        start, middle = options["carries"], options["carries"] + options["slices"]
        carried, scanned = node.inputs[:start], node.inputs[start:middle]
        others = node.inputs[middle:]
        saving, backward = _loop_bodies(body, start, middle)
        sizes = [
            sizes_of_made([made], [body], options["sizes"])
            for made in (saving, backward)
        ]
        again = loop_node(
            saving, carried, scanned, others, length, options["reverse"], sizes[0]
        )
        saved = again[len(body.outputs) :]
        zeros = [full_node(n.tensor_type, 0.0) for n in _float(others)]
        found = loop_node(
            backward,
            (*_float(cotangent[:start]), *zeros),
            (*saved, *scanned, *_float(cotangent[start:])),
            others,
            length,
            not options["reverse"],
            sizes[1],
        )
        first, second = len(_float(carried)), len(_float(carried)) + len(zeros)
        return (
            *_aligned(carried, found[:first]),
            *_aligned(scanned, found[second:]),
            *_aligned(others, found[first:second]),
        )

    def run(
        self,
        xp: Any,
        *arrays: Any,
        body: Body,
        carries: int,
        slices: int,
        length: int,
        reverse: bool,
        sizes: Any,
        out: Any = None,
    ) -> Any:
        plan = body.plan(xp, sizes)
        state, others = list(arrays[:carries]), arrays[carries + slices :]
        scanned = arrays[carries : carries + slices]
        types = body.types(sizes)[carries:]
        stacked = [
            xp.empty((length, *(d.value or 0 for d in t.shape)), t.dtype.numpy)
            for t in types
        ]
        steps = range(length)
        for step in reversed(steps) if reverse else steps:
            found = plan([*state, *[x[step, ...] for x in scanned], *others])
            state = found[:carries]
            for whole, value in zip(stacked, found[carries:], strict=True):
                whole[step] = value
        return (*_owned(xp, state, (*arrays, *plan.values)), *stacked)

    def flops(self, node: Node) -> Dim:
        """Those of a turn, for each turn."""
        options = node.attributes
        length: Dim = options["length"]
        return flops_of_body(options["body"], options["sizes"]) * length


def _loop_bodies(body: Body, start: int, middle: int) -> tuple[Body, Body]:
    """The body that also gives what it carried in, and the step backwards."""
    if "loop" not in body.derived:
        carried, scanned = body.inputs[:start], body.inputs[start:middle]
        others = body.inputs[middle:]
        saving = body_of(body.inputs, (*body.outputs, *carried))
        on = _fresh(_float(body.outputs[:start]))
        given = _fresh(_float(body.outputs[start:]))
        sums = _fresh(_float(others))
        seeds = _aligned(body.outputs, [*on, *given])
        wanted = (*_float(carried), *_float(others), *_float(scanned))
        parts = _pulled(body.outputs, seeds, wanted)
        first, second = len(_float(carried)), len(_float(carried)) + len(sums)
        added = [a + b for a, b in zip(sums, parts[first:second], strict=True)]
        inputs = (*on, *sums, *carried, *scanned, *given, *others)
        outputs = (*parts[:first], *added, *parts[second:])
        body.derived["loop"] = (saving, body_of(inputs, outputs))
    found: tuple[Body, Body] = body.derived["loop"]
    return found


@register
class While(Control):
    """A body done as long as a condition holds, at most `limit` times (None: any)."""

    def infer(
        self,
        *types: TensorType,
        condition: Body,
        body: Body,
        limit: int | None,
        sizes: Any,
    ) -> TupleType:
        return TupleType(body.types(split_sizes((condition, body), sizes)[1]))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        condition, body = node.attributes["condition"], node.attributes["body"]
        limit = node.attributes["limit"]
        if limit is None:
            raise Fault(
                "T0502",
                "no gradient passes through `while_loop` without a bound on its steps",
                help=["give `maximum_iterations`, or use `fori_loop` or `scan`"],
            )
        count = len(body.outputs)
        step = _guarded(condition, body, count)
        carried, others = node.inputs[:count], node.inputs[count:]
        sizes = sizes_of_made([step], [condition, body], node.attributes["sizes"])
        results = loop_node(step, carried, (), others, Dim.of(limit), sizes=sizes)
        source = results[0].inputs[0]
        return source.op.vjp(source, cotangent)

    def run(
        self,
        xp: Any,
        *arrays: Any,
        condition: Body,
        body: Body,
        limit: int | None,
        sizes: Any,
        out: Any = None,
    ) -> Any:
        first, second = split_sizes((condition, body), sizes)
        test, step = condition.plan(xp, first), body.plan(xp, second)
        state, others = list(arrays[: len(body.outputs)]), arrays[len(body.outputs) :]
        done = 0
        while (limit is None or done < limit) and bool(test([*state, *others])[0]):
            state = step([*state, *others])
            done += 1
        return _owned(xp, state, (*arrays, *step.values))

    def flops(self, node: Node) -> Dim:
        """Those of a turn, for as many turns as there may be; one if nobody says."""
        options = node.attributes
        bodies = (options["condition"], options["body"])
        sizes = split_sizes(bodies, options["sizes"])
        turn = sum(map(flops_of_body, bodies, sizes), Dim.of(0))
        return turn * (options["limit"] or 1)


def _guarded(condition: Body, body: Body, count: int) -> Body:
    """A step that keeps what it carries once the condition no longer holds."""
    key = ("guarded", condition)
    if key not in body.derived:
        holes = dict(zip(condition.inputs, body.inputs, strict=True))
        assert all(one is two for one, two in holes.items())
        kept = body_of(body.inputs, body.inputs[:count])
        flag = condition.outputs[0]
        results = branch_node(flag, (kept, body), body.inputs)
        body.derived[key] = body_of(body.inputs, results)
    found: Body = body.derived[key]
    return found
