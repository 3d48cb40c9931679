"""Functional and sequential models as Keras's configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...graph import tree
from ...graph.initializers import snake_case
from ...graph.input_layer import is_input
from ...graph.layer import Layer
from ...graph.layer_calls import LayerCall, first_argument, with_masks
from ...graph.masking import carry
from ...graph.network import Network
from ...graph.node import Node
from ...graph.ops.control import items_of
from ...graph.tensor import SymbolicTensor
from ...graph.types import TensorType
from ..model import Sequential
from .names import OPERATIONS
from .operations import Unwritable, written
from .order import Call, leaves_in_order, order_of_calls
from .serializing import Serializer, unwritable

Json = Any


class Place:
    """Which tensor of a model a symbol is: layer, call of it and result."""

    def __init__(self, name: str, call: int, result: int, type: TensorType):
        self.name, self.call, self.result, self.type = name, call, result, type

    def record(self) -> Json:
        """The tensor as an argument in a configuration."""
        shape = [size.value for size in self.type.shape]
        history = [self.name, self.call, self.result]
        config = {"shape": shape, "dtype": self.type.dtype.name}
        return {
            "class_name": "__keras_tensor__",
            "config": {**config, "keras_history": history},
        }


def functional_config(serializer: Serializer, network: Network) -> dict[str, Json]:
    """The configuration of a model made of calls."""
    return Writer(serializer, network).config()


def sequential_config(serializer: Serializer, model: Sequential) -> dict[str, Json]:
    """The configuration of layers one after the other."""
    layers = [serializer.object(layer) for layer in model.layers if not is_input(layer)]
    config: dict[str, Json] = {
        "name": model.name,
        "trainable": model._trainable,
        "dtype": serializer.value(model.policy),
    }
    if model.start is None:
        return {**config, "layers": layers}
    record = input_record(model.start.node, input_name(model))
    shape = record["config"]["batch_shape"]
    return {**config, "layers": [record, *layers], "build_input_shape": shape}


def input_name(model: Sequential) -> str:
    """A name for the input of a sequential model that no layer has."""
    start = model.start
    taken = {layer.name for layer in model.layers if not is_input(layer)}
    return _free(start.node.name or "input" if start is not None else "input", taken)


def input_record(node: Node, name: str) -> dict[str, Json]:
    """An input as a layer."""
    return {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": [size.value for size in node.shape],
            "dtype": node.dtype.name,
            "sparse": False,
            "ragged": False,
            "name": name,
            "optional": False,
        },
        "registered_name": None,
    }


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 0
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


class Writer:
    """Goes along the nodes of a network and notes the calls of each layer."""

    def __init__(self, serializer: Serializer, network: Network, whole: bool = True):
        self.serializer, self.network, self.whole = serializer, network, whole
        if network.loss_nodes:
            raise unwritable("add_loss", "models of Keras add losses within layers")
        self.taken = {layer.name for layer in network.called}
        self.records: dict[str, dict[str, Json]] = {}
        self.inputs: list[str] = []
        self.sources: dict[Call, list[Call]] = {}
        self.places: dict[Node, Place] = {}
        self.symbols: dict[Node, SymbolicTensor] = {}  # with the masks they carry
        inputs = zip(network.input_nodes, network.input_names, strict=True)
        for node, name in inputs:
            self._input(node, name)
        for node in network.nodes:
            if node not in self.symbols:
                self._note(node)

    def _input(self, node: Node, name: str) -> None:
        name = _free(name, self.taken)
        self.taken.add(name)
        self.records[name] = {**input_record(node, name), "name": name}
        self.records[name]["inbound_nodes"] = []
        self.inputs.append(name)
        self.sources[name, 0] = []
        self.places[node] = Place(name, 0, 0, node.tensor_type)
        self.symbols[node] = SymbolicTensor(node)

    def _note(self, node: Node) -> None:
        if node.op.name == "layer_call":
            self._layer(node)
        elif node.op.name == "constant":
            self.symbols[node] = SymbolicTensor(node)
        elif node.op.name == "variable":
            path = node.attributes["variable"].path
            raise unwritable(path, "weights of Keras belong to layers")
        elif node.op.name != "item":  # an item was noted with its call
            self._operation(node)

    def _layer(self, node: Node) -> None:
        call: LayerCall = node.attributes["call"]
        layer = call.layer
        if layer.name not in self.records:
            record = self.serializer.object(layer) if self.whole else {}
            self.records[layer.name] = {**record, "name": layer.name}
            self.records[layer.name]["inbound_nodes"] = []
        args, kwargs = call.arguments(iter([self.symbols[n] for n in node.inputs]))
        bare = _without_masks(layer, args, kwargs)
        key = self._call(layer.name, args, bare)
        leaves = list(map(SymbolicTensor, items_of(node)))
        single = isinstance(node.type, TensorType)
        structure = tree.LEAF if single else call.result
        order = leaves_in_order(tree.unflatten(structure, iter(range(len(leaves)))))
        for index, leaf in enumerate(leaves):
            found = leaf.as_node()
            place = Place(*key, order.index(index), found.tensor_type)
            self.places[found], self.symbols[found] = place, leaf
        _, mask = with_masks(layer, args, bare)
        result = tree.unflatten(structure, iter(leaves))
        carry(layer, first_argument(args, kwargs), mask, result)

    def _operation(self, node: Node) -> None:
        operands = [self.symbols[source] for source in node.inputs]
        try:
            operation, settings, args = written(node, operands)
        except Unwritable as reason:
            raise unwritable(node.name or node.op.name, str(reason)) from None
        name = _free(snake_case(operation.name), self.taken)
        self.taken.add(name)
        self.records[name] = {
            "module": OPERATIONS + operation.module,
            "class_name": operation.name,
            "config": {"name": name, **self.serializer.value(settings)},
            "registered_name": operation.name,
            "name": name,
            "inbound_nodes": [],
        }
        key = self._call(name, tuple(args), {})
        for index, result in enumerate(items_of(node)):
            self.symbols[result] = SymbolicTensor(result)
            self.places[result] = Place(*key, index, result.tensor_type)

    def _call(self, name: str, args: Any, kwargs: dict[str, Any]) -> Call:
        """Note a call of a layer or operation."""
        calls = self.records[name]["inbound_nodes"]
        key = (name, len(calls))
        nest = leaves_in_order([args, kwargs])
        tensors = [item.as_node() for item in nest if isinstance(item, SymbolicTensor)]
        found = [self.places[node] for node in tensors if node in self.places]
        self.sources[key] = [(place.name, place.call) for place in found]
        calls.append({"args": self._value(list(args)), "kwargs": self._value(kwargs)})
        return key

    def _value(self, item: Any) -> Json:
        """Arguments with tensors as they are told in a configuration."""
        if isinstance(item, (list, tuple)):
            return [self._value(part) for part in item]
        if isinstance(item, dict):
            return {key: self._value(part) for key, part in item.items()}
        if isinstance(item, SymbolicTensor):
            node = item.as_node()
            if node.op.name == "constant":
                return self.serializer.value(node.attributes["value"].array)
            return self.places[node].record()
        return self.serializer.value(item)

    def order(self) -> list[str]:
        """The names of inputs, layers and operations in Keras's order."""
        return order_of_calls(
            self.sources,
            [(place.name, place.call) for place in leaves_in_order(self._outputs())],
            [self.places[node].name for node in self.network.input_nodes],
        )

    def _outputs(self) -> Any:
        found = (self.places[node] for node in self.network.output_nodes)
        return tree.unflatten(self.network.output_structure, found)

    def config(self) -> dict[str, Json]:
        """All of it, the layers in Keras's order."""
        network = self.network
        starts = tree.map_leaves(lambda x: self.places[x.as_node()], network.input)
        return {
            "name": network.name,
            "trainable": network._trainable,
            "layers": [self.records[name] for name in self.order()],
            "input_layers": _ends(starts, {}),
            "output_layers": _ends(self._outputs(), self.records),
        }


def _ends(nest: Any, records: Mapping[str, Any]) -> Json:
    """Inputs or outputs as a configuration names them."""
    if isinstance(nest, Place):
        # Keras counts calls of a functional model from 1 here, and only here.
        record = records.get(nest.name, {})
        shift = int(record.get("registered_name") == "Functional")
        return [nest.name, nest.call + shift, nest.result]
    if isinstance(nest, dict):
        return {key: _ends(part, records) for key, part in nest.items()}
    return [_ends(part, records) for part in nest]


def _without_masks(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Named arguments without the masks that come with the tensors anyway."""
    masks = [key for key in kwargs if key == "mask" or key.endswith("_mask")]
    bare = {key: value for key, value in kwargs.items() if key not in masks}
    implied, _ = with_masks(layer, args, bare)
    kept = {
        key: kwargs[key] for key in masks if not _same(implied.get(key), kwargs[key])
    }
    return {**bare, **kept}


def _same(one: Any, two: Any) -> bool:
    """Whether two nests hold the same symbols."""
    (left, form), (right, other) = tree.flatten(one), tree.flatten(two)
    pairs = zip(left, right, strict=False)
    same = all(a.as_node() is b.as_node() for a, b in pairs)
    return same and len(left) == len(right) and repr(form) == repr(other)


__all__ = ["functional_config", "sequential_config"]
