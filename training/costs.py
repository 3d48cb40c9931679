"""What a model costs: operations and memory, as polynomials in the sizes of its inputs.

Operations are those of a forward pass in inference, by the rules of the ops. Memory is
that of the weights, of what training keeps beside them, and of the results of layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..graph import tree
from ..graph.costs import flops_of
from ..graph.diagnostics import DataError, Diagnostic
from ..graph.dim import Dim, Symbol
from ..graph.network import Network, replay
from ..graph.node import Node, topological
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.trace import Trace, tracing
from ..graph.types import TensorType, TupleType

ZERO = Dim.of(0)
UNCOUNTED = ("input", "variable", "constant", "size", "item")


@dataclass(frozen=True)
class Costs:
    """Operations of a forward pass; bytes of gradients, slots and results.

    `slots` is what the optimizer keeps, None without one; `activations` are the results
    of all layers and ops right in the model, which training keeps for its way back.
    """

    flops: Dim
    activations: Dim
    gradients: int
    slots: int | None


def costs_of(model: Any, optimizer: Any = None) -> Costs | None:
    """What a model costs; None where its graph is not known.

    >>> from ..graph.layers import Dense
    >>> from ..graph.network import Input
    >>> x = Input((4,))
    >>> print(costs_of(Network(x, Dense(2)(x))).flops)
    18 * batch
    """
    network = model if isinstance(model, Network) else getattr(model, "network", None)
    if not isinstance(network, Network) or not network.built:
        return None
    learning = model.trainable_weights
    return Costs(
        _flops(network.input_nodes, network.output_nodes),
        sum((_bytes(n) for n in network.nodes if n.op.name not in UNCOUNTED), ZERO),
        sum(v.size * v.type.dtype.size for v in learning),
        None if optimizer is None else _slots(optimizer, learning),
    )


def flops_of_node(node: Node) -> Dim:
    """The operations of one layer or op."""
    if node.op.name in UNCOUNTED:
        return ZERO
    types = [source.tensor_type for source in node.inputs]
    inputs = tuple(input_node(f"x{i}", type) for i, type in enumerate(types))
    if node.op.level != "layer":
        return flops_of([node.op.apply(inputs, node.attributes)])
    call = node.attributes["call"]
    args, kwargs = call.arguments(map(SymbolicTensor, inputs))
    with tracing(Trace(training=False)):
        outputs, _ = tree.flatten(call.layer(*args, **kwargs))
    return flops_of([output.as_node() for output in outputs])


def _flops(inputs: Iterable[Node], outputs: Iterable[Node]) -> Dim:
    roots = list(outputs)
    values: dict[Node, Any] = {node: SymbolicTensor(node) for node in inputs}
    with tracing(Trace(training=False)):
        found = replay(topological(roots), roots, values, {})
        nodes = [value.as_node() for value in found]
    return flops_of(nodes)


def _bytes(node: Node) -> Dim:
    if node.op.view:
        return ZERO
    items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    return sum((item.size * item.dtype.size for item in items), ZERO)


def _slots(optimizer: Any, weights: Iterable[Any]) -> int:
    """The bytes that a new optimizer of the same settings keeps for weights."""
    twin = type(optimizer).from_config(optimizer.get_config())
    twin.build(list(weights))
    return sum(v.size * v.type.dtype.size for v in twin.variables)


def put_in(dim: Dim, sizes: Mapping[str, int]) -> Dim:
    """A polynomial with numbers for the sizes of these names."""
    values = {s: Dim.of(sizes[s.name]) for s in dim.symbols() if s.name in sizes}
    return dim.substitute(values)


def check_sizes(types: Iterable[TensorType], sizes: Mapping[str, int]) -> None:
    """Refuse sizes that no input has, and numbers that a size cannot be."""
    known: dict[str, Symbol] = {
        symbol.name: symbol
        for type in types
        for dim in type.shape
        for symbol in dim.symbols()
    }
    for name, number in sizes.items():
        if name not in known:
            there = ", ".join(known) or "none"
            message = f"no input has a size `{name}`"
            raise DataError(Diagnostic("T0201", message, notes=(f"there are {there}",)))
        if not known[name].admits(number):
            note = f"`{name}` is {known[name].admitted}"
            message = f"`{name}` cannot be {number}"
            raise DataError(Diagnostic("T0204", message, notes=(note,)))


__all__ = ["Costs", "check_sizes", "costs_of", "flops_of_node", "put_in"]
