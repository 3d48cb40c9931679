"""Reverse-mode differentiation, graph to graph.

Each op gives the cotangents of its operands; this driver adds contributions and sums
broadcast axes, once for all ops. Layer calls are expanded before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .diagnostics import Fault, InternalError
from .node import Node, rewrite, topological
from .ops.movement import filled_with_zero, full_node, sum_to
from .tensor import input_node
from .trace import building
from .types import TupleType


def gradients(
    output: Node, sources: Sequence[Node], cotangent: Node | None = None
) -> list[Node | None]:
    """The gradients of an output with respect to sources; None where none arrives.

    `cotangent` has the output's type; without one the output is a float scalar and
    counts once.
    """
    if cotangent is None:
        if output.shape or not output.dtype.is_float:
            raise Fault(
                "T0502",
                f"a gradient is taken of a float scalar, and this is {output.type}",
                help=["reduce it first, with `mean` or `sum`"],
            )
        cotangent = full_node(output.tensor_type, 1.0)
    return gradients_of({output: cotangent}, sources)


def gradients_of(
    cotangents: Mapping[Node, Node], sources: Sequence[Node]
) -> list[Node | None]:
    """What cotangents of several outputs become at sources; None where none arrives."""
    order = topological(cotangents)
    wanted = _depending(order, set(sources))
    found: dict[Node, Node] = dict(cotangents)
    several: dict[Node, dict[int, Node]] = {}
    for node in reversed(order):
        arrived: Any = several.get(node) or found.get(node)
        if arrived is None or node not in wanted or not node.inputs:
            continue
        if node.op.name == "item":
            index, source = node.attributes["index"], node.inputs[0]
            several.setdefault(source, {})[index] = arrived
            continue
        for source, part in _contributions(node, arrived):
            if source in wanted:
                found[source] = found[source] + part if source in found else part
    return [found.get(source) for source in sources]


def _depending(order: list[Node], sources: set[Node]) -> set[Node]:
    """The nodes through which a gradient may reach a source."""
    wanted: set[Node] = set()
    for node in order:
        if node in sources or any(operand in wanted for operand in node.inputs):
            wanted.add(node)
    return wanted


def _contributions(node: Node, arrived: Any) -> list[tuple[Node, Node]]:
    if node.op.no_gradient:
        return []
    if isinstance(node.type, TupleType):
        arrived = tuple(
            arrived[index] if index in arrived else full_node(type, 0.0)
            for index, type in enumerate(node.type.items)
        )
    parts = node.op.vjp(node, arrived)
    if parts is None:
        parts = by_expansion(node, arrived)
    if len(parts) != len(node.inputs):
        raise InternalError(f"`{node.op.name}` gives {len(parts)} cotangents")
    return [
        (source, sum_to(part, source.shape))
        for source, part in zip(node.inputs, parts, strict=True)
        if part is not None
    ]


def by_expansion(node: Node, arrived: Any) -> list[Node | None]:
    """The cotangents of a composite that leaves its gradient to its expansion."""
    # Operands may coincide or depend on each other, so fresh inputs stand for them.
    holes = tuple(input_node("x", source.tensor_type) for source in node.inputs)
    with building():
        body = node.op.expand(node.op.apply(holes, node.attributes))
    several = isinstance(node.type, TupleType)
    actual = dict(zip(holes, node.inputs, strict=True))
    cotangents: dict[Node, Node] = {}
    pairs = zip(body.inputs, arrived, strict=True) if several else [(body, arrived)]
    for result, cotangent in pairs:
        if filled_with_zero(cotangent):
            continue
        seed = input_node("cotangent", result.tensor_type)
        actual[seed] = cotangent
        known = cotangents.get(result)
        cotangents[result] = seed if known is None else known + seed
    parts = gradients_of(cotangents, holes)
    new = rewrite(
        (p for p in parts if p is not None), lambda old, inputs: actual.get(old)
    )
    return [None if part is None else new[part] for part in parts]


def added(pairs: Any) -> dict[Node, Node]:
    """Cotangents by node; a node may stand several times, or be none."""
    found: dict[Node, Node] = {}
    for node, cotangent in pairs:
        if node is not None and node.dtype.is_float:
            found[node] = found[node] + cotangent if node in found else cotangent
    return found


def refuse_curved(parts: Sequence[Node | None], seeds: Sequence[Node]) -> None:
    """Refuse gradients that cannot be differentiated in their cotangents."""
    moving = set(seeds)
    for node in topological(part for part in parts if part is not None):
        if any(source in moving for source in node.inputs):
            moving.add(node)
            if node.op.no_gradient and node.tensor_type.dtype.is_float:
                raise Fault(
                    "T0502",
                    f"no forward derivative passes through `{node.op.name}`: "
                    f"{node.op.no_gradient}",
                )
