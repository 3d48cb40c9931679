"""`Graph`: what is compiled. Inputs, named outputs, updates of variables, an objective.

The same class serves all three levels; `verify` holds what must be true between any
two passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .diagnostics import InternalError
from .node import Node, attribute_key, topological
from .types import TupleType
from .variable import Variable

LEVELS = ("layer", "composite", "primitive", "kernel")


@dataclass(frozen=True)
class Objective:
    """What training minimizes: an output by name, the variables that move, and how.

    `apply` receives pairs of gradient and variable as symbols and assigns the
    variables; it runs inside a trace. The variables of one of `groups` come as one flat
    variable, the others as they are; without `groups` all come flat. `gradients` are
    those of a loss that is computed elsewhere.
    """

    loss: str
    variables: tuple[Variable, ...]
    apply: Callable[[Sequence[tuple[Any, Variable]]], Any]
    groups: tuple[tuple[Variable, ...], ...] | None = None
    gradients: Mapping[Variable, Node] | None = None


@dataclass(frozen=True)
class Graph:
    """A computation with effects.

    `outputs` are what the caller gets back, by name; `updates` give variables their
    value after the run. `training` is the mode in which layers are expanded.
    """

    inputs: tuple[Node, ...]
    outputs: Mapping[str, Node]
    updates: tuple[tuple[Variable, Node], ...] = ()
    training: bool = False
    objective: Objective | None = field(default=None, compare=False)

    @property
    def roots(self) -> tuple[Node, ...]:
        """The nodes that must be computed: outputs, then updates."""
        return (*self.outputs.values(), *(node for _, node in self.updates))

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes, each after its inputs."""
        return topological(self.roots)

    def replace(self, new: Mapping[Node, Node]) -> Graph:
        """The graph with other roots."""
        outputs = {name: new.get(node, node) for name, node in self.outputs.items()}
        updates = tuple((v, new.get(node, node)) for v, node in self.updates)
        return Graph(self.inputs, outputs, updates, self.training, self.objective)


def verify(
    graph: Graph, levels: Sequence[str] = LEVELS, checked: set[Node] | None = None
) -> None:
    """Check a graph: types by the ops' rules, levels, inputs, updates.

    Nodes never change, so those in `checked` are not typed again, and others go there.
    Raises `InternalError`: a failure is a fault of a pass, never of a user.
    """
    known = set(graph.inputs)
    for node in graph.nodes:
        name = node.op.name
        if node.op.level not in levels:
            raise InternalError(f"`{name}` is a {node.op.level} op, allowed: {levels}")
        if name == "input" and node not in known:
            raise InternalError(f"the graph reads `{node.name}`, not one of its inputs")
        if node.op.level != "layer" and (checked is None or node not in checked):
            types = tuple(source.type for source in node.inputs)
            found = node.op.infer(*types, **node.attributes)
            if found != node.type:
                raise InternalError(f"`{name}` is {node.type}, its rule says {found}")
            if checked is not None:
                checked.add(node)
    for variable, node in graph.updates:
        if node.type != variable.type:
            raise InternalError(f"{variable} is updated with {node.type}")
    for name, node in graph.outputs.items():
        if isinstance(node.type, TupleType):
            raise InternalError(f"output `{name}` is a tuple")


def same_graph(left: Graph, right: Graph) -> bool:
    """Whether two graphs are equal up to the identity of symbols and layers.

    Inputs correspond by position, layers by class, configuration and name, networks by
    name and graph, variables by path, symbolic sizes by where they stand.
    """
    if _arrangement(left) != _arrangement(right):
        return False
    symbols: dict[Any, Any] = {}
    return (
        all(
            _same_type(a.type, b.type, symbols)
            for a, b in zip(left.inputs, right.inputs, strict=True)
        )
        and all(
            _same_node(a, b, symbols)
            for a, b in zip(left.nodes, right.nodes, strict=True)
        )
        and all(
            _same_attribute(a, b, symbols)
            for (a, _), (b, _) in zip(left.updates, right.updates, strict=True)
        )
        and _same_conditions(symbols)
    )


def _same_conditions(symbols: dict[Any, Any]) -> bool:
    """Whether symbols that correspond are related in the same way."""
    from .dim import Dim

    renamed = {one: Dim.from_symbol(other) for one, other in symbols.items()}
    return all(
        {condition.substitute(renamed) for condition in one.conditions}
        == set(other.conditions)
        for one, other in symbols.items()
    )


def _arrangement(graph: Graph) -> Any:
    """Who reads whom, by position, and what is told apart by name."""
    nodes = graph.nodes
    index = {node: place for place, node in enumerate(nodes)}
    return (
        [[index[source] for source in node.inputs] for node in nodes],
        [index.get(node) for node in graph.inputs],
        [index[node] for node in graph.roots],
        list(graph.outputs),
        len(graph.updates),
        graph.training,
    )


def _same_node(one: Node, two: Node, symbols: dict[Any, Any]) -> bool:
    """Whether op, type and attributes are equal; inputs are compared elsewhere."""
    return (
        one.op is two.op
        and one.attributes.keys() == two.attributes.keys()
        and _same_type(one.type, two.type, symbols)
        and all(
            _same_attribute(value, two.attributes[key], symbols)
            for key, value in one.attributes.items()
        )
    )


def _same_type(one: Any, two: Any, symbols: dict[Any, Any]) -> bool:
    if isinstance(one, TupleType) or isinstance(two, TupleType):
        return type(one) is type(two) and all(
            _same_type(a, b, symbols) for a, b in zip(one.items, two.items, strict=True)
        )
    if one.dtype != two.dtype or one.rank != two.rank:
        return False
    return all(
        _same_dim(a, b, symbols) for a, b in zip(one.shape, two.shape, strict=True)
    )


def _same_dim(one: Any, two: Any, symbols: dict[Any, Any]) -> bool:
    from .dim import Dim

    taken = set(symbols.values())
    free = [
        sorted((s for s in dim.symbols() if s not in known), key=lambda s: s.number)
        for dim, known in ((one, symbols), (two, taken))
    ]
    if len(free[0]) != len(free[1]):
        return False
    for symbol, other in zip(*free, strict=True):
        if symbol.admitted_key != other.admitted_key:
            return False
        symbols[symbol] = other
    renamed = {s: Dim.from_symbol(t) for s, t in symbols.items()}
    return bool(one.substitute(renamed) == two)


def _same_attribute(one: Any, two: Any, symbols: dict[Any, Any]) -> bool:
    from .bodies import Body
    from .dim import Dim
    from .layer_calls import LayerCall
    from .node import Unique
    from .types import TensorType

    if isinstance(one, tuple) and isinstance(two, tuple):
        return len(one) == len(two) and all(
            _same_attribute(a, b, symbols) for a, b in zip(one, two, strict=True)
        )
    if isinstance(one, Dim) and isinstance(two, Dim):
        return _same_dim(one, two, symbols)
    if isinstance(one, TensorType):
        return _same_type(one, two, symbols)
    if isinstance(one, LayerCall) and isinstance(two, LayerCall):
        return _same_layer(one.layer, two.layer)
    if isinstance(one, Variable) and isinstance(two, Variable):
        return (one.path, one.type, one.trainable) == (
            two.path,
            two.type,
            two.trainable,
        )
    if isinstance(one, Unique):
        return isinstance(two, Unique)
    if isinstance(one, Body) and isinstance(two, Body):
        return same_graph(_body_graph(one), _body_graph(two))
    return bool(attribute_key({"": one}) == attribute_key({"": two}))


def _body_graph(body: Any) -> Graph:
    return Graph(body.inputs, {str(i): node for i, node in enumerate(body.outputs)})


def _same_layer(one: Any, two: Any) -> bool:
    from .network import Network

    if one.name != two.name:
        return False
    if isinstance(one, Network) and isinstance(two, Network):
        return same_graph(graph_of(one), graph_of(two))
    return type(one) is type(two) and _same_settings(one.get_config(), two.get_config())


def _same_settings(one: Any, two: Any) -> bool:
    """Whether configurations are equal, the layers in them included."""
    from .layer import Layer

    if isinstance(one, Layer) and isinstance(two, Layer):
        return _same_layer(one, two)
    if isinstance(one, dict) and isinstance(two, dict):
        same = all(_same_settings(one[key], two.get(key)) for key in one)
        return one.keys() == two.keys() and same
    return bool(one == two)


def graph_of(network: Any) -> Graph:
    """The graph of a network, at the level of layers."""
    names = [f"output_{i}" for i in range(len(network.output_nodes))]
    return Graph(
        network.input_nodes, dict(zip(names, network.output_nodes, strict=True))
    )
