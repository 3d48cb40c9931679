"""Networks from JSON; a file that nobody trusts ends as a `DataError` at worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..graph import dim as dims
from ..graph import tree
from ..graph.bodies import Body, body_of
from ..graph.decide import RELATIONS, Condition
from ..graph.diagnostics import DataError, Diagnostic, caller_span
from ..graph.dim import Dim, Symbol
from ..graph.layer import Layer
from ..graph.network import Network
from ..graph.node import Constant, Node, Unique, topological
from ..graph.registry import OPS
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.types import DTYPES, TensorType, TupleType
from ..graph.variable import SeedGenerator, Variable
from .encoding import PLAIN_FACTORIES
from .joint import Formula, Joint, Measured
from .model import Functional, Sequential
from .registration import find

Json = Any
POWER = 16


class Decoder:
    """Makes objects from the tables of an `Encoder`."""

    def __init__(
        self,
        tables: Mapping[str, Json],
        arrays: Mapping[str, np.ndarray[Any, Any]],
        custom: Mapping[str, Any],
    ):
        self.arrays, self.custom = arrays, custom
        self.symbols = [
            Symbol(name, low, high, rigid, None, *more)
            for name, low, high, rigid, *more in tables["symbols"]
        ]
        for index, left, relation, right in tables.get("conditions", ()):
            if relation not in RELATIONS:
                _damaged(f"`{relation}` is no relation between sizes")
            found = Condition(self.dim(left), relation, self.dim(right))
            self.symbols[index].conditions += (found,)
        self.generators = [self._generator(*row) for row in tables["generators"]]
        self.variables = [self._variable(row) for row in tables["variables"]]
        self.layers: list[Layer] = []
        for record in tables["layers"]:
            self.layers.append(self._layer(record))

    def _generator(self, name: str, seed: int, count: int) -> SeedGenerator:
        generator = SeedGenerator(seed, name)
        generator.count = count
        return generator

    def _variable(self, row: Json) -> Variable:
        type = self.type(row["type"])
        return Variable(
            "zeros",
            type.shape,
            type.dtype,
            bool(row["trainable"]),
            name=row["name"],
            regularizer=self.value(row.get("regularizer")),
            constraint=self.value(row.get("constraint")),
        )

    # Values.

    def value(self, item: Json) -> Any:
        """The value behind its form in the file."""
        if isinstance(item, list):
            return [self.value(part) for part in item]
        if not isinstance(item, dict):
            return item
        if "object" in item:
            return self._configured(item)
        ((form, content),) = item.items()
        return getattr(self, f"_{FORMS[form]}")(content)

    def _float(self, content: str) -> float:
        return float(content)

    def _leaf(self, content: Json) -> Any:
        return tree.LEAF

    def _tuple(self, content: Json) -> tuple[Any, ...]:
        return tuple(self.value(part) for part in content)

    def _dict(self, content: Json) -> dict[Any, Any]:
        return {self.value(key): self.value(part) for key, part in content}

    def _slice(self, content: Json) -> slice:
        return slice(*map(self.value, content))

    def _ellipsis(self, content: Json) -> Any:
        return ...

    def _array(self, content: str) -> Any:
        return self.arrays[content]

    def _constant(self, content: str) -> Constant:
        return Constant(np.array(self.arrays[content]))

    def _dim(self, content: Json) -> Dim:
        return self.dim(content)

    def _dtype(self, content: str) -> Any:
        return DTYPES[content]

    def _type(self, content: Json) -> TensorType:
        return self.type(content)

    def _shared_variable(self, content: int) -> Variable:
        return self.variables[content]

    def _shared_generator(self, content: int) -> SeedGenerator:
        return self.generators[content]

    def _shared_layer(self, content: int) -> Layer:
        return self.layers[content]

    def _op(self, content: str) -> Any:
        return OPS[content]

    def _formula(self, content: int) -> Formula:
        return Formula(self._network_at(content))

    def _network_at(self, index: int) -> Network:
        network = self.layers[index]
        if not isinstance(network, Network):
            _damaged("a formula is no network")
        return network

    def _joint(self, content: Json) -> Joint:
        network, targets = content
        named = [(str(name), self.type(type)) for name, type in targets]
        return Joint(None if network is None else self._network_at(network), named)

    def _measured(self, content: Json) -> Measured:
        metric, network = content
        return Measured(self.value(metric), self._network_at(network))

    def _function(self, content: str) -> Any:
        return find("function", content, self.custom)

    def _configured(self, item: Json) -> Any:
        kind = find(item["object"], item["class"], self.custom)
        return kind.from_config(self.mapping(item["config"]))

    def mapping(self, config: Mapping[str, Json]) -> dict[str, Any]:
        return {key: self.value(item) for key, item in config.items()}

    def type(self, content: Json) -> TensorType:
        dtype, shape = content
        return TensorType(DTYPES[dtype], tuple(self.dim(size) for size in shape))

    def dim(self, content: Json) -> Dim:
        if isinstance(content, int):
            if not 0 <= content < dims.LIMIT:
                _damaged(f"the size {content} is out of range")
            return Dim.of(content)
        total = Dim.of(0)
        for factor, monomial in content:
            term = Dim.of(factor)
            for atom, power in monomial:
                if not 0 < power <= POWER:
                    _damaged(f"the power {power} is out of range")
                for _ in range(power):
                    term = term * self._atom(atom)
            total = total + term
        return total

    def _atom(self, content: Json) -> Dim:
        if isinstance(content, int):
            return Dim.from_symbol(self.symbols[content])
        kind, left, right = content
        one, two = self.dim(left), self.dim(right)
        rules: dict[str, Callable[[Dim, Dim], Dim]] = {
            "//": lambda a, b: a // b,
            "%": lambda a, b: a % b,
            "min": dims.minimum,
            "max": dims.maximum,
        }
        return rules[kind](one, two)

    # Layers and networks.

    def _layer(self, record: Json) -> Layer:
        name = record["class"]
        if name in ("Network", "Functional"):
            return self._network(record)
        if name == "Sequential":
            return self._sequential(record)
        kind = find("layer", name, self.custom)
        layer: Layer = self._configured_layer(kind, self.mapping(record["config"]))
        if not isinstance(layer, Layer):
            _damaged(f"`{name}` is no layer")
        layer.trainable = record["trainable"]
        types = record.get("called_with")
        if types is not None:
            layer.called_by = tuple(map(str, record.get("called_by", ())))  # type: ignore[attr-defined]
            symbols = [
                SymbolicTensor(input_node(f"x{i}", self.type(type)))
                for i, type in enumerate(types)
            ]
            layer.output_types_for([symbol.type for symbol in symbols])  # type: ignore[attr-defined]
        return layer

    def _configured_layer(self, kind: Any, config: dict[str, Any]) -> Any:
        """A layer of a class; those inside are the ones of the file, maybe shared."""
        made = kind.from_config
        plain = getattr(made, "__func__", None) in PLAIN_FACTORIES
        return kind(**config) if plain else made(config)

    def _sequential(self, record: Json) -> Sequential:
        layers: list[Any] = [self.layers[index] for index in record["layers"]]
        if record["input"] is not None:
            name, type = record["input"]
            layers.insert(0, SymbolicTensor(input_node(name, self.type(type))))
        return Sequential(layers, record["trainable"], record["name"])

    def _body(self, content: Json) -> Body:
        """The inside of a loop or a branch; the sizes that it knows are its own."""
        nodes = self._nodes(content["nodes"])
        inputs = [nodes[index] for index in content["inputs"]]
        outputs = [nodes[index] for index in content["outputs"]]
        if any(node.op.name != "input" for node in inputs):
            _damaged("an input of a body is none")
        symbols = tuple(self.symbols[index] for index in content["symbols"])
        body = body_of(inputs, outputs)
        loose = {n for n in topological(body.outputs) if n.op.name == "input"}
        same = len(symbols) == len(body.symbols) and {*symbols} == {*body.symbols}
        if not same or loose - set(inputs):
            _damaged("a body is not closed")
        return Body(body.inputs, body.outputs, symbols)

    def _nodes(self, entries: Json) -> list[Any]:
        nodes: list[Any] = []
        for entry in entries:
            nodes.append(self._node(entry, nodes))
        return nodes

    def _network(self, record: Json) -> Network:
        nodes = self._nodes(record["nodes"])
        source = self._ends("input", record, nodes)
        result = self._ends("output", record, nodes)
        kind = Functional if record["class"] == "Functional" else Network
        made = kind(source, result, name=record["name"], trainable=record["trainable"])
        for index in record.get("losses", ()):
            made.add_loss(SymbolicTensor(nodes[index]))
        return made

    def _ends(self, what: str, record: Json, nodes: Sequence[Any]) -> Any:
        """The inputs or outputs in their arrangement."""
        ends = [SymbolicTensor(nodes[index]) for index in record[f"{what}s"]]
        return tree.unflatten(self.value(record[f"{what}_structure"]), iter(ends))

    def _node(self, entry: Json, nodes: Sequence[Any]) -> Any:
        inputs = tuple(nodes[index] for index in entry.get("inputs", ()))
        op, name = entry["op"], entry.get("name")
        if op == "layer_call":
            return self._call(entry, inputs)
        if op == "item" and isinstance(inputs[0], Results):
            return inputs[0].nodes[entry["attributes"]["index"]]
        attributes = self.mapping(entry.get("attributes", {}))
        if op == "input":
            return input_node(name or "input", attributes["type"])
        if op == "variable":
            return attributes["variable"].node
        if op in REFUSED or op not in OPS:
            _damaged(f"`{op}` is no op that a file may hold")
        if op == "isolate":
            attributes["symbol"] = Unique("isolated")  # a node of its own
        return OPS[op].apply(inputs, attributes, name=name)

    def _call(self, entry: Json, inputs: Sequence[Node]) -> Any:
        """A layer called again; several results come as `Results`."""
        structure = self.value(entry["arguments"])
        operands = iter([SymbolicTensor(node) for node in inputs])
        args, kwargs = tree.unflatten(structure, operands)
        result = self.layers[entry["layer"]](*args, **kwargs)
        if isinstance(result, SymbolicTensor):
            return result.node
        return Results([leaf.as_node() for leaf in tree.flatten(result)[0]])


class Results:
    """The results of a layer that has several."""

    def __init__(self, nodes: list[Node]):
        self.nodes = nodes
        self.type = TupleType(tuple(node.tensor_type for node in nodes))


REFUSED = ("opaque", "opaque_gradient")
FORMS = {
    "float": "float",
    "leaf": "leaf",
    "tuple": "tuple",
    "dict": "dict",
    "slice": "slice",
    "ellipsis": "ellipsis",
    "array": "array",
    "constant": "constant",
    "dim": "dim",
    "dtype": "dtype",
    "type": "type",
    "variable": "shared_variable",
    "generator": "shared_generator",
    "layer": "shared_layer",
    "op": "op",
    "body": "body",
    "formula": "formula",
    "function": "function",
    "joint": "joint",
    "measured": "measured",
}


def _damaged(reason: str) -> NoReturn:
    raise DataError(
        Diagnostic("T0704", f"the model file is damaged: {reason}", caller_span())
    )
