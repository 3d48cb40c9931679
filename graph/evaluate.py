"""The reference interpreter: nodes evaluated one by one with their `run` bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .device import array_module, module_of
from .dim import Symbol
from .node import Node, attribute_key, normalize, resolve, topological
from .op import Op
from .tensor import Tensor, input_node
from .trace import building
from .types import TensorType

EXPANSIONS = 1024
_EXPANSIONS: dict[Any, tuple[tuple[Node, ...], Node]] = {}


def expanded(node: Node) -> Node | None:
    """The expansion of a composite; None for other ops."""
    if node.op.level != "composite":
        return None
    with building():
        return node.op.expand(node)


def expand_composites(node: Node) -> Node:
    """A node with every composite below it replaced by primitives."""
    return normalize([node], expanded)[node]


def evaluate_composite(
    op: Op, types: tuple[TensorType, ...], attributes: dict[str, Any], arrays: Any
) -> Any:
    """A composite op on arrays, by its expansion, which is kept for the next time."""
    key = (op.name, types, attribute_key(attributes))
    if key not in _EXPANSIONS:
        if len(_EXPANSIONS) >= EXPANSIONS:
            _EXPANSIONS.clear()
        inputs = tuple(input_node(f"x{i}", type) for i, type in enumerate(types))
        whole = op.apply(inputs, attributes)
        _EXPANSIONS[key] = inputs, expand_composites(whole)
    inputs, body = _EXPANSIONS[key]
    (value,) = evaluate([body], dict(zip(inputs, arrays, strict=True)), {})
    if isinstance(value, tuple):
        return tuple(Tensor(module_of(item).asarray(item)) for item in value)
    return Tensor(module_of(value).asarray(value))


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
