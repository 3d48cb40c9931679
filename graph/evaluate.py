"""The reference interpreter: nodes evaluated one by one with their `run` bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .configuration import settings
from .device import array_module
from .dim import Symbol
from .node import Node, attribute_key, normalize, resolve, topological
from .op import Op
from .tensor import input_node
from .trace import building
from .types import TensorType

EXPANSIONS = 1024
_EXPANSIONS: dict[Any, Straight] = {}


def expanded(node: Node) -> Node | None:
    """The expansion of a composite; None for other ops."""
    if node.op.level != "composite":
        return None
    with building():
        return node.op.expand(node)


def expand_composites(node: Node) -> Node:
    """A node with every composite below it replaced by primitives."""
    return normalize([node], expanded)[node]


class Straight:
    """What nodes without variables compute of inputs, as steps that are laid out once.

    A step is an op, the places of its operands and its attributes; a value is dropped
    after the step that reads it last.
    """

    def __init__(self, inputs: Sequence[Node], output: Node):
        order = [node for node in topological([output]) if node not in inputs]
        places = {node: place for place, node in enumerate((*inputs, *order))}
        self.output = places[output]
        last = {source: node for node in order for source in node.inputs}
        self.steps = [
            (
                node.op,
                [places[source] for source in node.inputs],
                {name: resolve(value, {}) for name, value in node.attributes.items()},
                [places[s] for s in dict.fromkeys(node.inputs) if last[s] is node],
            )
            for node in order
        ]

    def run(self, xp: Any, arrays: Sequence[Any]) -> Any:
        """The output for arrays of the inputs."""
        values = list(arrays)
        for op, places, attributes, dropped in self.steps:
            operands = [values[place] for place in places]
            values.append(op.run_rounding(xp, operands, attributes))
            for place in dropped:
                values[place] = None
        return values[self.output]


def expansion(
    op: Op, types: tuple[TensorType, ...], attributes: dict[str, Any]
) -> Straight:
    """What a composite op computes on values, which is kept for the next time."""
    key = (op.name, types, attribute_key(attributes), settings())
    if key not in _EXPANSIONS:
        if len(_EXPANSIONS) >= EXPANSIONS:
            _EXPANSIONS.clear()
        inputs = tuple(input_node(f"x{i}", type) for i, type in enumerate(types))
        whole = op.apply(inputs, attributes)
        _EXPANSIONS[key] = Straight(inputs, expand_composites(whole))
    return _EXPANSIONS[key]


def evaluate(
    outputs: Sequence[Node],
    values: Mapping[Node, Any],
    sizes: Mapping[Symbol, int],
    xp: Any = None,
) -> list[Any]:
    """The arrays of outputs, given arrays of inputs and numbers for symbols.

    Variables give their current value; composites are expanded on the way. This is
    the oracle that executors are compared with.
    """
    final = normalize(outputs, expanded)
    plain = [final[node] for node in outputs]
    found: dict[Node, Any] = dict(values)
    chosen = xp or array_module()
    for node in topological(plain):
        if node not in found:
            operands = [found[source] for source in node.inputs]
            attributes = {k: resolve(v, sizes) for k, v in node.attributes.items()}
            found[node] = node.op.run_rounding(chosen, operands, attributes)
    return [found[node] for node in plain]
