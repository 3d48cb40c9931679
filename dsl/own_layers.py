"""Layers in Python as `extern layer` of a text: part of `to_net`.

The signature has the settings of the layer's configuration, and the types that it is
called with and gives. Who loads the text gives the class.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..graph import tree
from ..graph.configuration import default_float
from ..graph.layer import Layer
from ..graph.layer_calls import LayerCall
from ..graph.layer_parts import constructor_parameters
from ..graph.node import Node
from ..graph.types import TupleType
from . import library
from .phrases import Phrases, same_setting, unwritten

if TYPE_CHECKING:
    from .to_net import Text

KINDS = {bool: "bool", int: "int", float: default_float().short, str: "str"}

# What only a run decides; in a layer of one's own it is that layer's.
RUNNING = {
    "branch": "a branch that data decide",
    "loop": "a loop",
    "while": "a loop",
    "random_uniform": "a random number",
    "random_normal": "a random number",
}
IN_A_LAYER = "put it into a `Layer` of your own: a text declares that `extern layer`"


def refuse_nameless(node: Node, network: str) -> None:
    """Refuse an op that no text has a word for, T0710."""
    name = node.op.name
    if name in RUNNING:
        place = f"{RUNNING[name]} in `{network}`"
        raise unwritten(place, "the language has no word for it", IN_A_LAYER)
    if not node.op.public:
        place, reason = (
            f"`{name}` in `{network}`",
            "it is a part of ops that has no name",
        )
        raise unwritten(place, f"{reason} of its own")


def is_own(layer: Layer) -> bool:
    """Whether a layer's class is none of the library."""
    kind = type(layer)
    found = library.layers().get(kind.__name__)
    return found is None or found.target is not kind


def constructor(text: Text, layer: Layer, node: Node, hidden: bool) -> str:
    """The call that makes a layer, whose signature the text then has."""
    place = f"`{layer.name}`"
    if hidden:
        raise unwritten(place, "its name is none of a text")
    settings = dict(_settings(layer))
    declared = [
        f"{key}: {_kind(value, f'`{key}` of {place}')}"
        for key, value in settings.items()
    ]
    call: LayerCall = node.attributes["call"]
    tensors, result = _operands(text, call, node), _result(text, node)
    head = f"({', '.join(declared)})({tensors}) -> {result}"
    name = text.extern(type(layer), head)
    write = Phrases(text.symbol).value
    given = [f"{k} = {write(v, f'`{k}` of {place}')}" for k, v in settings.items()]
    return f"{name}({', '.join(given)})"


def _settings(layer: Layer) -> Iterator[tuple[str, Any]]:
    """What the configuration says beside what every layer has."""
    known: Mapping[str, inspect.Parameter] = constructor_parameters(type(layer))
    usual = {"dtype": default_float().name, "trainable": True}
    for key, value in layer.get_config().items():
        if key == "name" or usual.get(key) == value:
            continue
        parameter = known.get(key)
        if parameter is None or not same_setting(value, parameter.default):
            yield key, value


def _kind(value: Any, place: str) -> str:
    kind = KINDS.get(type(value))
    if kind is None:
        reason = "an `extern layer` takes numbers, truth values and words"
        raise unwritten(place, reason)
    return kind


def _operands(text: Text, call: LayerCall, node: Node) -> str:
    """The tensors of a call, by the names that the layer has for them."""
    args, kwargs = tree.unflatten(call.structure, iter(node.inputs))
    names = list(inspect.signature(type(call.layer).call).parameters)[1:]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    given = {key: item for key, item in given.items() if item is not None}
    if len(given) < len(args) or not all(isinstance(x, Node) for x in given.values()):
        raise unwritten(f"`{call.layer.name}`", "it is called with more than tensors")
    types = {key: text.type(item.tensor_type) for key, item in given.items()}
    return ", ".join(f"{key}: {type}" for key, type in types.items())


def _result(text: Text, node: Node) -> str:
    if not isinstance(node.type, TupleType):
        return text.type(node.tensor_type)
    if any(part is not tree.LEAF for part in node.attributes["call"].result):
        raise unwritten(f"`{node.attributes['call'].layer.name}`", "it gives a nest")
    return f"({', '.join(text.type(item) for item in node.type.items)})"
