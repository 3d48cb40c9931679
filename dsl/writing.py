"""The statements of a network as a text: part of `to_net`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..graph import tree
from ..graph.gradients import Gradient
from ..graph.initializers import snake_case
from ..graph.layer import Layer
from ..graph.layer_calls import LayerCall
from ..graph.modes import ByMode, Effects
from ..graph.network import Network
from ..graph.node import Node
from ..graph.regularizers import L2
from ..graph.types import DTYPES, TupleType
from . import library, own_layers
from .arguments import MAX_LEAVES
from .insides import choice, effects, gradient, updated
from .inversion import call_of, index_of
from .phrases import Phrases, unwritten
from .pipes import (
    ATOM,
    INFIX,
    MINUS,
    POWER,
    SUM,
    TURNED,
    Phrase,
    Pipe,
    Stage,
    infix,
    stage,
)
from .tables import tables

if TYPE_CHECKING:
    from .to_net import Text

DEEPEST = 12  # what stands deeper than this gets a name
VALUES = ("none", "inf", "output", "mode")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Named:
    """An argument that is given by name."""

    name: str
    value: Any


def free_name(wanted: str, taken: set[str]) -> str:
    """A name like the wanted one that is free and means nothing else."""
    base = re.sub(r"[^A-Za-z0-9_]+", "_", wanted.partition("[")[0])
    if not PLAIN.fullmatch(base):
        base = f"_{base}"
    found, number = base, 0
    while found in taken or _means_something(found):
        number += 1
        found = f"{base}_{number}"
    return found


def _means_something(name: str) -> bool:
    reserved = name in words() or name in DTYPES or name in VALUES
    return reserved or library.find(name) is not None


def words() -> set[str]:
    """The reserved words."""
    fixed = {text for _, text, is_fixed in tables().terminals if is_fixed}
    return {text for text in fixed if text.isidentifier()}


def counted(layers: Sequence[Layer]) -> set[int]:
    """The layers of the library whose names are those that they get without one."""
    kinds: dict[str, list[Layer]] = {}
    for layer in layers:
        if not hasattr(layer, "output_nodes"):
            kinds.setdefault(snake_case(type(layer).__name__), []).append(layer)
    found: set[int] = set()
    for base, own in kinds.items():
        names = [base, *(f"{base}_{i}" for i in range(1, len(own)))]
        if names == [layer.name for layer in own]:
            found.update(map(id, own))
    return found


def calls_in(network: Network) -> Counter[int]:
    """How often each layer is called, in the arms of choices too."""
    found: Counter[int] = Counter()
    stack = [network]
    while stack:
        for call in calls_of(stack.pop()):
            found[id(call.layer)] += 1
            if isinstance(call.layer, ByMode):
                stack += [call.layer.train, call.layer.infer]
            elif isinstance(call.layer, Gradient):
                layer = differentiated(call.layer)
                found[id(layer)] += layer is not None
    return found


def calls_of(network: Network) -> list[LayerCall]:
    """The calls of layers in a network."""
    nodes = (node for node in network.nodes if node.op.name == "layer_call")
    return [node.attributes["call"] for node in nodes]


def differentiated(gradient: Gradient) -> Layer | None:
    """The layer that a gradient is of, if it is just that of one layer's result."""
    network = gradient.function
    calls = calls_of(network)
    if len(calls) != 1 or len(network.nodes) != len(network.input_nodes) + 1:
        return None
    args, kwargs = tree.unflatten(calls[0].structure, iter(network.input_nodes))
    if kwargs or tuple(args) != network.input_nodes:
        return None
    layer = calls[0].layer
    if isinstance(layer, Gradient):
        return differentiated(layer)
    return layer


class Body:
    """The statements of one network; those of an arm are of a body around it."""

    def __init__(self, text: Text, network: Network, outer: Body | None = None):
        self.text, self.network = text, network
        self.phrases = Phrases(text.symbol)
        self.statements: list[str] = []
        self.known: dict[Node, Phrase] = {}
        self.several: dict[Node, list[Phrase]] = {}
        self.states: set[Node] = set()
        ends = (*network.output_nodes, *network.loss_nodes)
        self.uses: Counter[Node] = Counter(ends)
        for node in network.nodes:
            self.uses.update(node.inputs)
            if node.op.name == "layer_call":
                self.states.update(updated(node))
        self.unnamed = counted(network.called)
        self.taken = set(text.taken) | set(text.symbols.values())
        self.layers: dict[int, str] = {}
        self.calls = calls_in(network)
        if outer is not None:
            self.taken, self.layers, self.calls = outer.taken, outer.layers, outer.calls
        self.outer, self.own = outer, calls_in(network) if outer else self.calls
        self.names = self._variable_names()

    def _variable_names(self) -> dict[Node, str]:
        """The names of the parameters, which nothing else may have."""
        used = {node.op.name for node in self.network.nodes if node.op.public}
        used |= {type(layer).__name__ for layer in self.network.called}
        found = {}
        for node in self.network.nodes:
            if node.op.name != "variable":
                continue
            name = node.attributes["variable"].name
            plain = PLAIN.fullmatch(name) and name not in words() | used | self.taken
            if not plain or name in DTYPES:
                reason = "its name is none of a text, or another thing has it"
                raise unwritten(f"`{name}`", reason)
            found[node] = name
            self.taken.add(name)
        return found

    def item(self, word: str) -> tuple[str, str]:
        """Parameters and result, then what stands in the braces."""
        head = self.head(word)
        self.all_nodes()
        losses = [self.known[node].text for node in self.network.loss_nodes]
        self.statements += [f"loss {text}" for text in losses]
        return head, "\n".join([*self.statements, f"return {self.returned()}"])

    def head(self, word: str, labels: Sequence[str] | None = None) -> str:
        """The parameters, which have names of their own or these, and the result."""
        parameters = []
        for node, label in zip(
            self.network.input_nodes, labels or self.network.input_names, strict=True
        ):
            own = self.name(label)
            self.known[node] = Phrase(own)
            parameters.append(f"{own}: {self.text.type(node.tensor_type)}")
        settings = "()" if word == "layer" else ""
        return f"{settings}({', '.join(parameters)}) -> {self.result()}"

    def all_nodes(self) -> None:
        """Find what stands for each node."""
        for node in self.network.nodes:
            if node not in self.known:
                self.node(node)

    def returned(self) -> str:
        """The results of the network."""
        ends = [self.known[node].text for node in self.network.output_nodes]
        return ends[0] if len(ends) == 1 else f"({', '.join(ends)})"

    def result(self) -> str:
        nodes = self.network.output_nodes
        types = [self.text.result(node.tensor_type) for node in nodes]
        structure = self.network.output_structure
        if isinstance(structure, dict):
            keys = [str(key) for key in structure]
            if all(leaf is tree.LEAF for leaf in structure.values()) and all(
                PLAIN.fullmatch(key) and key not in words() for key in keys
            ):
                named = zip(keys, types, strict=True)
                return f"({', '.join(f'{k}: {t}' for k, t in named)})"
            reason = "its outputs are nested, or their names are none of a text"
            raise unwritten(f"`{self.network.name}`", reason)
        return types[0] if len(types) == 1 else f"({', '.join(types)})"

    def name(self, wanted: str) -> str:
        found = free_name(wanted, self.taken)
        self.taken.add(found)
        return found

    # Nodes.

    def node(self, node: Node) -> None:
        """Find what stands for a node; a statement names what is used again."""
        if node.op.name == "layer_call" and isinstance(
            node.attributes["call"].layer, Effects
        ):
            effects(self, node)
            return
        phrase, base = self.phrase(node)
        if isinstance(node.type, TupleType):
            self.several[node] = []
            call = node.attributes.get("call")
            if call is not None and _single(call.layer):
                self.several[node] = [phrase]
                return
            shape = (tree.LEAF,) * len(node.type.items) if call is None else call.result
            self.unpack(node, shape, phrase.text, base)
            return
        plain = node.op.name in ("constant", "size", "variable", "isolate")
        plain = plain or (node.op.name == "item" and phrase.level == ATOM)
        if not plain and (self.uses[node] > 1 or phrase.depth > DEEPEST):
            name = self.name(base)
            self.statements.append(f"let {name} = {phrase.text}")
            phrase = Phrase(name)
        self.known[node] = phrase

    def unpack(self, node: Node, structure: Any, value: str, base: str) -> None:
        """Names for the results of a node, nested as they come."""
        items = structure.values() if isinstance(structure, dict) else structure
        names, inner = list[str](), list[tuple[Any, str]]()
        for item in items:
            names.append(self.name(f"{base}_{len(self.several[node])}"))
            if item is tree.LEAF:
                self.several[node].append(Phrase(names[-1]))
            else:
                inner.append((item, names[-1]))
        self.statements.append(f"let ({', '.join(names)}) = {value}")
        for item, name in inner:
            self.unpack(node, item, name, base)

    def phrase(self, node: Node) -> tuple[Phrase, str]:
        match node.op.name:
            case "constant":
                return self.constant(node), "number"
            case "size":
                text = self.phrases.dim(node.attributes["value"])
                return Phrase(text, 0, SUM if " " in text else ATOM), "size"
            case "variable":
                return self.variable(node), "weight"
            case "item":
                return self.several[node.inputs[0]][node.attributes["index"]], "part"
            case "layer_call":
                call: LayerCall = node.attributes["call"]
                return self.layer_call(call, node), call.layer.name
        return self.op_call(node), node.name or node.op.name

    def constant(self, node: Node) -> Phrase:
        array = node.attributes["value"].array
        if array.ndim and not 0 < array.size <= MAX_LEAVES:
            shape = ", ".join(map(str, array.shape))
            reason = f"it holds an array of the shape [{shape}]"
            raise unwritten(f"`{self.network.name}`", reason)
        text = self.phrases.number(array, "a number")
        return Phrase(text, 0, MINUS if text.startswith("-") else ATOM)

    def variable(self, node: Node) -> Phrase:
        variable, name = node.attributes["variable"], self.names[node]
        place = f"`{name}`"
        if variable.initializer is None:
            raise unwritten(place, "it has no initializer")
        start = self.phrases.value(variable.initializer, f"the beginning of {place}")
        start = start if start.endswith(")") else f"{start}()"
        word = "state" if node in self.states else "param"
        flags = ""
        if variable.regularizer is not None:
            flags = f" decay {self.decay(variable.regularizer, place)}"
        if word == "param" and not variable.trainable and not flags:
            flags = " frozen"
        type = self.text.type(variable.kept)
        self.statements.append(f"{word} {name}: {type} = {start}{flags}")
        return Phrase(name)

    def decay(self, regularizer: Any, place: str) -> str:
        """The factor of the squares of a weight in the loss."""
        config = regularizer.get_config()
        if type(regularizer) is not L2:
            raise unwritten(place, "its regularizer is no decay")
        return self.phrases.value(float(config["l2"]), place)

    def op_call(self, node: Node) -> Phrase:
        operands = [self.known[source] for source in node.inputs]
        depth = 1 + max((phrase.depth for phrase in operands), default=0)
        name = node.op.name
        if name == "getitem":
            return Phrase(f"{operands[0].tight()}[{self.index(node)}]", depth)
        if name in INFIX and not node.attributes:
            return infix(name, operands[0], operands[1], depth)
        if name == "isolate":  # matters while a derivative is made, and not later
            return operands[0]
        if name == "negative":
            return Phrase(f"-{operands[0].tight(POWER)}", depth, MINUS)
        if name == "ensure":
            type = self.text.type(node.tensor_type)
            return Phrase(f"({operands[0].text} :? {type})", depth)
        if node.op.text:
            written, given = self.phrases.value, node.attributes.items()
            named = {key: written(each, f"`{key}` of `{name}`") for key, each in given}
            texts = (phrase.text for phrase in operands)
            return Phrase(node.op.text.format(*texts, **named), depth)
        own_layers.refuse_nameless(node, self.network.name)
        parts = self.function(node)
        first = operands[0] if operands else None
        if isinstance(first, Pipe) and parts and parts[0] == node.inputs[0]:
            more = ", ".join(self.written(parts[1:], node))
            last = Stage(f"{name}({more})" if more else name)
            return Pipe(first.head, first, last, self.text.rolling, first.depth)
        return Phrase(f"{name}({', '.join(self.written(parts, node))})", depth)

    def function(self, node: Node) -> list[Any]:
        """The arguments of an op that give the same node: values, and pairs by name."""
        found = call_of(node)
        if found is None:
            place = f"`{node.op.name}` in `{self.network.name}`"
            raise unwritten(place, "no call in a text gives the same")
        positional, named = found
        return [*positional, *(Named(key, value) for key, value in named.items())]

    def written(self, arguments: Sequence[Any], node: Node) -> list[str]:
        """Arguments as they stand in brackets."""
        return [self.argument(item, node) for item in arguments]

    def argument(self, item: Any, node: Node) -> str:
        if isinstance(item, Named):
            return f"{item.name} = {self.argument(item.value, node)}"
        if isinstance(item, Node):
            return self.known[item].text
        if isinstance(item, (list, tuple)):
            return f"[{', '.join(self.argument(i, node) for i in item)}]"
        return self.phrases.value(item, f"a setting of `{node.op.name}`")

    def index(self, node: Node) -> str:
        """The brackets behind a tensor."""
        items = index_of(node)
        if items is None:
            raise unwritten(f"an index in `{self.network.name}`", "no slice gives it")
        return ", ".join(map(self.index_text, items))

    def index_text(self, item: Any) -> str:
        if not isinstance(item, slice):
            return self.phrases.value(item, "an index")
        parts = [item.start, item.stop, item.step]
        shown = ["" if p is None else self.phrases.value(p, "an index") for p in parts]
        return ":".join(shown if shown[2] else shown[:2])

    # Layers.

    def layer_call(self, call: LayerCall, node: Node) -> Phrase:
        """`x |> Dense(3) as name`, or `x |> shared`."""
        layer = call.layer
        operands = [self.known[source] for source in node.inputs]
        depth = 1 + max((phrase.depth for phrase in operands), default=0)
        args, kwargs = tree.unflatten(call.structure, iter(operands))
        if isinstance(layer, ByMode):
            return choice(self, layer, operands, depth)
        if isinstance(layer, Gradient):
            return gradient(self, layer, operands, depth)
        if isinstance(layer, Network):
            args, kwargs = self.in_order(layer, args), {}
        if not args:
            raise unwritten(f"`{layer.name}`", "it is called without a first argument")
        first = args[0]
        more = [self.nest(item, layer) for item in args[1:]]
        more += [
            f"{key} = {self.nest(item, layer)}"
            for key, item in kwargs.items()
            if item is not None and not self.implied(key, item)
        ]
        last = self.target(layer, more, node)
        if isinstance(first, Pipe):
            return Pipe(first.head, first, last, self.text.rolling, first.depth)
        head = first.tight(1) if isinstance(first, Phrase) else self.nest(first, layer)
        return Pipe(head, None, last, self.text.rolling, depth)

    def in_order(self, layer: Network, args: Sequence[Any]) -> list[Any]:
        """The operands of a model in the order of its inputs."""
        value: Any = args[0] if len(args) == 1 else list(args)
        if isinstance(value, dict):
            named = isinstance(layer.input_structure, dict)
            keys = layer.input_structure if named else layer.input_names
            value = [value[key] for key in keys]
        found, stack = [], [value]
        while stack:
            item = stack.pop()
            if isinstance(item, dict):
                item = [*item.values()]
            if isinstance(item, (list, tuple)):
                stack += reversed(item)
            else:
                found.append(item)
        return found

    def implied(self, key: str, item: Any) -> bool:
        """Whether an argument is a mask that a tensor carries by itself."""
        if not isinstance(item, Phrase) or key.rpartition("_")[2] != "mask":
            return False
        self.text.masked = True
        return not self.text.masks

    def target(
        self, layer: Layer, more: Sequence[str] = (), node: Node | None = None
    ) -> Stage:
        """What is called, further operands, and the name that it gets there."""
        rest = f"({', '.join(more)})" if more else ""
        if isinstance(layer, Network) and (made := self.text.model(layer)):
            return Stage(f"{made}{rest}")
        if id(layer) in self.layers:
            return Stage(f"{self.layers[id(layer)]}{rest}")
        given = None if id(layer) in self.unnamed else layer.given_name
        plain = given is not None and _plain_name(given)
        hidden = given if given is not None and not plain else None
        if isinstance(layer, Network):
            name = "" if hidden is None else f"name = {self.phrases.value(hidden, '')}"
            made = f"{self.text.nested(layer)}({name})"
        elif node is not None and own_layers.is_own(layer):
            made = own_layers.constructor(self.text, layer, node, hidden is not None)
        else:
            made = self.phrases.layer(layer, named=hidden is not None)
        if self.calls[id(layer)] > 1:
            own = self.layers[id(layer)] = self.name(layer.name)
            self.home(layer).statements.append(f"let {own} = {made}")
            made, plain = own, plain and own != given
            if not plain:
                return Stage(f"{own}{rest}")
        return stage(f"{made}{rest}", given if plain and given else "")

    def home(self, layer: Layer) -> Body:
        """The body around all calls of a layer."""
        found = self
        while found.outer is not None and self.calls[id(layer)] > found.own[id(layer)]:
            found = found.outer
        return found

    def nest(self, item: Any, layer: Layer) -> str:
        if isinstance(item, Phrase):
            return item.text
        if isinstance(item, dict):
            raise unwritten(f"`{layer.name}`", "it is called with a dictionary")
        if isinstance(item, (list, tuple)):
            return f"[{', '.join(self.nest(i, layer) for i in item)}]"
        return self.phrases.value(item, f"an argument of `{layer.name}`")


def _plain_name(name: str) -> bool:
    """Whether a name may stand behind `as`."""
    base = TURNED.fullmatch(name)
    base_name = base[1] if base else name
    return bool(PLAIN.fullmatch(base_name)) and base_name not in words()


def _single(layer: Layer) -> bool:
    return isinstance(layer, Gradient) and len(layer.wrt) == 1
