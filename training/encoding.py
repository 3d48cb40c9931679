"""Networks as JSON: nodes, layers, sizes and settings, and back.

A layer is stored by class and configuration and is built again by calling it, so every
type rule is checked anew; arrays go to a table of their own. Objects used twice are
stored once. Nothing in a file names code: only classes that are known here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..graph import tree
from ..graph.bodies import Body
from ..graph.constraints import Constraint
from ..graph.diagnostics import DataError, Diagnostic, caller_span
from ..graph.dim import Compound, Dim
from ..graph.initializers import Initializer
from ..graph.layer import Layer
from ..graph.layer_calls import LayerCall
from ..graph.network import Network
from ..graph.node import Constant, Node, topological
from ..graph.op import Op
from ..graph.regularizers import Regularizer
from ..graph.settings import Settings
from ..graph.types import DType, TensorType
from ..graph.variable import SeedGenerator, Variable
from .configured import Configured
from .joint import Joint, Measured
from .keras_files.names import original
from .loss import Loss
from .metric import Metric
from .model import Functional, Model, Sequential
from .optimizer import Optimizer
from .optimizers_wrapping import OptimizerMap
from .registration import library, name_of
from .schedules import LearningRateSchedule

Json = Any
KINDS: tuple[tuple[str, type], ...] = (
    ("loss", Loss),
    ("metric", Metric),
    ("optimizer", Optimizer),
    ("optimizer", OptimizerMap),
    ("schedule", LearningRateSchedule),
    ("initializer", Initializer),
    ("regularizer", Regularizer),
    ("constraint", Constraint),
)


UNSAVED = ("symbol", "place")  # attributes that tell nodes apart, or their places


class Encoder:
    """Turns objects into JSON, with tables for what is shared."""

    def __init__(self, numbered: bool = False) -> None:
        self.numbered = numbered  # whether a load is given what `own` says
        self.layers: list[Json] = []
        self.symbols: list[Json] = []
        self.conditions: list[Json] = []
        self.variables: list[Json] = []
        self.generators: list[Json] = []
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        # The classes and functions that a load needs, by name.
        self.own: dict[str, Any] = {}
        self._known: dict[tuple[str, int], int] = {}
        self._kept: list[Any] = []  # so that no `id` is used twice

    @property
    def tables(self) -> dict[str, Json]:
        return {
            "layers": self.layers,
            "symbols": self.symbols,
            "conditions": self.conditions,
            "variables": self.variables,
            "generators": self.generators,
        }

    def _entry(
        self, table: list[Json], kind: str, item: Any, make: Callable[[], Json]
    ) -> int:
        """The index of an item in its table; entries may need earlier ones."""
        key = (kind, id(item))
        if key not in self._known:
            self._kept.append(item)
            made = make()
            self._known[key] = len(table)
            table.append(made)
        return self._known[key]

    # Values.

    def value(self, item: Any) -> Json:
        """Any value that configurations and attributes hold."""
        if item is None or isinstance(item, (bool, int, str)):
            return item
        if isinstance(item, float):
            return item if math.isfinite(item) else {"float": str(item)}
        for kind, encode in self._forms():
            if isinstance(item, kind):
                return encode(item)
        if isinstance(getattr(item, "network", None), Network):
            return {"formula": self.layer(item.network)}
        if isinstance(item, type) or callable(item):
            return {"function": self.function(item)}
        raise _unsaved(item)

    def _forms(self) -> tuple[tuple[Any, Callable[[Any], Json]], ...]:
        return (
            (tree.Leaf, lambda _: {"leaf": True}),
            (tuple, lambda x: {"tuple": [self.value(i) for i in x]}),
            (list, lambda x: [self.value(i) for i in x]),
            (dict, lambda x: {"dict": [[self.value(k), self.value(x[k])] for k in x]}),
            (slice, lambda x: {"slice": [*map(self.value, (x.start, x.stop, x.step))]}),
            (type(...), lambda _: {"ellipsis": True}),
            (np.generic, lambda x: self.value(x.item())),
            (np.ndarray, lambda x: {"array": self.array(x)}),
            (Constant, lambda x: {"constant": self.array(x.array)}),
            (Dim, lambda x: {"dim": self.dim(x)}),
            (DType, lambda x: {"dtype": x.short}),
            (TensorType, lambda x: {"type": self.type(x)}),
            (Variable, lambda x: {"variable": self.variable(x)}),
            (SeedGenerator, lambda x: {"generator": self.generator(x)}),
            (Layer, lambda x: {"layer": self.layer(x)}),
            (Op, lambda x: {"op": x.name}),
            (Body, lambda x: {"body": self.body(x)}),
            (Joint, self.joint),
            (Measured, self.measured),
            ((Configured, Initializer, Settings), self.configured),
        )

    def joint(self, item: Joint) -> Json:
        network = None if item.network is None else self.layer(item.network)
        return {"joint": [network, [[n, self.type(t)] for n, t in item.targets]]}

    def measured(self, item: Measured) -> Json:
        return {"measured": [self.value(item.metric), self.layer(item.network)]}

    def configured(self, item: Any) -> Json:
        """An object by its class and configuration."""
        kind = next((name for name, base in KINDS if isinstance(item, base)), None)
        if kind is None:
            raise _unsaved(item)
        return {
            "object": kind,
            "class": self.name(kind, type(item)),
            "config": self.mapping(_config(item)),
        }

    def name(self, kind: str, target: Any) -> str:
        """The name of a class or function, noted if it is not the library's.

        Refuses a second one of a name, T0709, unless the names may be numbered.
        """
        name = name_of(kind, target)
        if library(kind).get(name) is target:
            return name
        if isinstance(target, type):
            target = original(target)
        named = name
        while self.own.setdefault(named, target) != target:
            if not self.numbered:
                raise two_of_a_name(name)
            named = f"{name}#{len(self.own)}"
        return named

    def function(self, function: Any) -> str:
        """The name under which a function is found again; refuses what has none."""
        name = getattr(function, "__name__", None)
        if name is not None and name != "<lambda>":
            return self.name("function", function)
        raise _error(
            "T0709",
            f"{said(function)} has no name, and a file holds no code",
            "write it as a function with a name, `def scaled(x): …`, and load the "
            "model with `custom_objects`, or register it with "
            "`saving.register_serializable()`",
        )

    def mapping(self, config: Mapping[str, Any]) -> dict[str, Json]:
        return {key: self.value(item) for key, item in config.items()}

    def array(self, array: Any) -> str:
        """The name of an array in the table of arrays."""
        name = f"constant/{len(self.arrays)}"
        self.arrays[name] = np.ascontiguousarray(array).reshape(array.shape)
        return name

    def type(self, type: TensorType) -> Json:
        return [type.dtype.short, [self.dim(dim) for dim in type.shape]]

    def dim(self, dim: Dim) -> Json:
        """A number, or the terms of a polynomial."""
        if dim.value is not None:
            return dim.value
        return [
            [factor, [[self._atom(atom), power] for atom, power in monomial]]
            for monomial, factor in dim.terms
        ]

    def _atom(self, atom: Any) -> Json:
        if isinstance(atom, Compound):
            return [atom.kind, self.dim(atom.left), self.dim(atom.right)]
        known = len(self.symbols)
        index = self._entry(self.symbols, "symbol", atom, lambda: self._symbol(atom))
        for condition in atom.conditions if len(self.symbols) > known else ():
            left, right = self._side(condition.left), self._side(condition.right)
            self.conditions.append([index, left, condition.relation, right])
        return index

    def _side(self, dim: Dim) -> Json:
        """A side of a condition, which may be negative as no size is."""
        negative = dim.value is not None and dim.value < 0
        return [[dim.value, []]] if negative else self.dim(dim)

    def _symbol(self, symbol: Any) -> Json:
        """Name, bounds and rigidity; then what else it asks of a size, if it does."""
        row = [symbol.name, symbol.lower, symbol.upper, symbol.rigid]
        if symbol.step == 1 and symbol.members is None:
            return row
        members = None if symbol.members is None else list(symbol.members)
        return [*row, symbol.step, symbol.rest, members]

    def variable(self, variable: Variable) -> int:
        return self._entry(
            self.variables,
            "variable",
            variable,
            lambda: {
                "name": variable.name,
                "type": self.type(variable.type),
                "trainable": variable.made_trainable,
                "regularizer": self.value(variable.regularizer),
                "constraint": self.value(variable.constraint),
            },
        )

    def generator(self, generator: SeedGenerator) -> int:
        return self._entry(
            self.generators,
            "generator",
            generator,
            lambda: [generator.name, generator.seed, generator.count],
        )

    # Layers and networks.

    def layer(self, layer: Layer) -> int:
        """The index of a layer in the table of layers."""
        return self._entry(self.layers, "layer", layer, lambda: self._layer(layer))

    def _layer(self, layer: Layer) -> Json:
        if type(layer) is Sequential:
            return self._sequential(layer)
        if type(layer) in (Network, Functional):
            return self._network(layer)  # type: ignore[arg-type]
        config = _config(layer)
        if layer.given_name is None and layer.auto_name is None:
            config.pop("name", None)  # named by where it stands in another layer
        record: dict[str, Json] = {
            "class": self.name("layer", type(layer)),
            "config": self.mapping(config),
            "trainable": layer._trainable,
        }
        if isinstance(layer, Model) and not isinstance(layer, Network):
            types = layer.called_with
            if types is None:
                raise _error(
                    "T0606",
                    f"`{layer.name}` has not been called, so its weights do not exist",
                    "call it on data once, or train it, before saving",
                )
            record["called_with"] = [self.type(type) for type in types]
            if layer.called_by:
                record["called_by"] = list(layer.called_by)
        return record

    def _sequential(self, layer: Sequential) -> Json:
        start = layer.start
        return {
            "class": "Sequential",
            "name": layer.name,
            "trainable": layer._trainable,
            "layers": [self.layer(item) for item in layer.layers],
            "input": None
            if start is None
            else [start.node.name, self.type(start.type)],
        }

    def _network(self, network: Network) -> Json:
        ends = (*network.output_nodes, *network.loss_nodes)
        inputs, input_structure = tree.flatten(network.input)
        nodes = topological((*network.input_nodes, *ends))
        index = {node: number for number, node in enumerate(nodes)}
        record = {
            "class": type(network).__name__,
            "name": network.name,
            "trainable": network._trainable,
            "nodes": [self._node(node, index) for node in nodes],
            "inputs": [index[tensor.as_node()] for tensor in inputs],
            "outputs": [index[node] for node in network.output_nodes],
            "input_structure": self.value(input_structure),
            "output_structure": self.value(network.output_structure),
        }
        if network.loss_nodes:
            record["losses"] = [index[node] for node in network.loss_nodes]
        return record

    def body(self, body: Body) -> Json:
        """The inside of a loop or a branch: a graph of its own."""
        nodes = topological((*body.inputs, *body.outputs))
        index = {node: number for number, node in enumerate(nodes)}
        return {
            "nodes": [self._node(node, index) for node in nodes],
            "inputs": [index[node] for node in body.inputs],
            "outputs": [index[node] for node in body.outputs],
            "symbols": [self._atom(symbol) for symbol in body.symbols],
        }

    def _node(self, node: Node, index: Mapping[Node, int]) -> Json:
        record: dict[str, Json] = {"op": node.op.name}
        if node.name is not None:
            record["name"] = node.name
        if node.inputs:
            record["inputs"] = [index[source] for source in node.inputs]
        if node.op.name == "layer_call":
            call: LayerCall = node.attributes["call"]
            record["layer"] = self.layer(call.layer)
            record["arguments"] = self.value(call.structure)
        else:
            kept = {k: v for k, v in node.attributes.items() if k not in UNSAVED}
            if kept:
                record["attributes"] = self.mapping(kept)
        return record


def _config(item: Any) -> dict[str, Any]:
    """The configuration of an object, if its constructor will take it, else T0709."""
    config: dict[str, Any] = item.get_config()
    kind = type(item)
    if getattr(kind.from_config, "__func__", None) not in PLAIN_FACTORIES:
        return config  # the class knows itself what to make of it
    signature = inspect.signature(kind.__init__)
    lists = [
        p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL
    ]
    reason = next((f"it takes `*{name}`" for name in lists if name in config), None)
    if reason is None:
        try:
            signature.bind(None, **config)
        except TypeError as error:
            reason = str(error)
    if reason is None:
        return config
    raise _error(
        "T0709",
        f"`{getattr(item, 'name', kind.__name__)}` could not be loaded again: the "
        f"constructor of `{kind.__name__}` does not take what `get_config` gives; "
        f"{reason}",
        f"write `get_config` in `{kind.__name__}`: a dictionary of the constructor's "
        "arguments by name",
    )


def said(item: Any) -> str:
    """A thing in a message, which is the same each time: without its address."""
    if getattr(item, "__name__", None) == "<lambda>":
        return "a `lambda`"
    words = repr(item)
    return f"this `{type(item).__name__}`" if " at 0x" in words else words


BASES: tuple[Any, ...] = (Layer, Model, Configured, Initializer, Settings)
PLAIN_FACTORIES = tuple(base.from_config.__func__ for base in BASES)


def two_of_a_name(name: str) -> DataError:
    """The error of two classes or functions that a file cannot tell apart, T0709."""
    short = name.rpartition(">")[2]
    return _error(
        "T0709",
        f"two classes or functions of this model are called `{name}`, and a file knows "
        "them by name",
        "register one of them under a name of its own: "
        f"`@saving.register_serializable('mine', 'Other{short}')`",
    )


def _unsaved(item: Any) -> DataError:
    return _error(
        "T0709",
        f"{said(item)} cannot be saved: it has no form in a file",
        "give settings as numbers, text, lists or layers, or override `get_config`",
    )


def _error(code: str, message: str, *advice: str) -> DataError:
    return DataError(Diagnostic(code, message, caller_span(), help=advice))
