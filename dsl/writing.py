"""The statements of a network as a text: part of `to_net`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..graph import tree
from ..graph.initializers import snake_case
from ..graph.layer import Layer, LayerCall
from ..graph.network import Network
from ..graph.node import Node
from ..graph.types import DTYPES, TupleType
from . import library
from .inversion import call_of, index_of
from .phrases import Phrases, unwritten
from .tables import tables

if TYPE_CHECKING:
    from .to_net import Text

DEEPEST = 12  # what stands deeper than this gets a name
# How tightly forms bind, from loosest to tightest.
PIPE, SUM, PRODUCT, MINUS, POWER, ATOM = 0, 5, 6, 7, 8, 9
COMPARISON = 4
INFIX = {
    "logical_or": ("or", 1), "logical_and": ("and", 2),
    "equal": ("==", COMPARISON), "not_equal": ("!=", COMPARISON),
    "less": ("<", COMPARISON), "less_equal": ("<=", COMPARISON),
    "greater": (">", COMPARISON), "greater_equal": (">=", COMPARISON),
    "add": ("+", SUM), "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT), "divide": ("/", PRODUCT), "mod": ("%", PRODUCT),
    "floor_divide": ("//", PRODUCT), "matmul": ("@", PRODUCT), "power": ("**", POWER),
}  # fmt: skip
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def free_name(wanted: str, taken: set[str]) -> str:
    """A name like the wanted one that is free and means nothing else."""
    base = re.sub(r"[^A-Za-z0-9_]+", "_", wanted)
    if not PLAIN.fullmatch(base):
        base = f"_{base}"
    found, number = base, 0
    while found in taken or _means_something(found):
        number += 1
        found = f"{base}_{number}"
    return found


def _means_something(name: str) -> bool:
    reserved = name in words() or name in DTYPES or name in ("none", "output", "mode")
    return reserved or library.find(name) is not None


def words() -> set[str]:
    """The reserved words."""
    fixed = {text for _, text, is_fixed in tables().terminals if is_fixed}
    return {text for text in fixed if text.isidentifier()}


@dataclass(frozen=True)
class Phrase:
    """What stands for a node: its text, how deep it goes, how tightly it binds."""

    text: str
    depth: int = 0
    level: int = ATOM

    def tight(self, level: int = ATOM) -> str:
        """The text, in brackets unless it binds as tightly as that."""
        return self.text if self.level >= level else f"({self.text})"


def infix(name: str, left: Phrase, right: Phrase, depth: int) -> Phrase:
    """Two operands with an operator between them."""
    sign, level = INFIX[name]
    sides = (level, level + 1)
    if level in (COMPARISON, POWER):
        sides = (level + 1, level + 1)
    text = f"{left.tight(sides[0])} {sign} {right.tight(sides[1])}"
    return Phrase(text, depth, level)


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


class Body:
    """The statements of one network."""

    def __init__(self, text: Text, network: Network):
        self.text, self.network = text, network
        self.phrases = Phrases(text.symbol)
        self.statements: list[str] = []
        self.taken = set(text.taken) | set(text.symbols.values())
        self.known: dict[Node, Phrase] = {}
        self.several: dict[Node, list[str]] = {}
        self.layers: dict[int, str] = {}
        self.uses: dict[Node, int] = {}
        sources = [source for node in network.nodes for source in node.inputs]
        for node in (*network.output_nodes, *sources):
            self.uses[node] = self.uses.get(node, 0) + 1
        self.unnamed = counted(network.layers)
        self.calls: dict[int, int] = {}
        for node in network.nodes:
            if node.op.name == "layer_call":
                key = id(node.attributes["call"].layer)
                self.calls[key] = self.calls.get(key, 0) + 1

    def item(self, word: str, name: str) -> str:
        parameters = []
        for node, label in zip(
            self.network.input_nodes, self.network.input_names, strict=True
        ):
            own = self.name(label)
            self.known[node] = Phrase(own)
            parameters.append(f"{own}: {self.text.type(node.tensor_type)}")
        for node in self.network.nodes:
            if node not in self.known:
                self.node(node)
        ends = [self.known[node].text for node in self.network.output_nodes]
        result = ends[0] if len(ends) == 1 else f"({', '.join(ends)})"
        self.statements.append(f"return {result}")
        settings = "()" if word == "layer" else ""
        lines = "\n".join(self.statements)
        head = f"{word} {name}{settings}({', '.join(parameters)})"
        return f"{head} -> {self.result()} {{\n{lines}\n}}"

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
        if isinstance(node.type, TupleType):
            self.several[node] = []
            phrase, base = self.phrase(node)
            call = node.attributes.get("call")
            shape = (tree.LEAF,) * len(node.type.items) if call is None else call.result
            self.unpack(node, shape, phrase.text, base)
            return
        phrase, base = self.phrase(node)
        plain = node.op.name in ("constant", "size", "variable", "item")
        if not plain and (self.uses.get(node, 0) > 1 or phrase.depth > DEEPEST):
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
                self.several[node].append(names[-1])
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
                names = self.several[node.inputs[0]]
                return Phrase(names[node.attributes["index"]]), ""
            case "layer_call":
                call: LayerCall = node.attributes["call"]
                return self.layer_call(call, node), call.layer.name
        return self.op_call(node), node.name or node.op.name

    def constant(self, node: Node) -> Phrase:
        array = node.attributes["value"].array
        if array.ndim:
            shape = ", ".join(map(str, array.shape))
            reason = f"it holds an array of the shape [{shape}]"
            raise unwritten(f"`{self.network.name}`", reason)
        text = self.phrases.value(array.item(), "a number")
        return Phrase(text, 0, MINUS if text.startswith("-") else ATOM)

    def variable(self, node: Node) -> Phrase:
        variable = node.attributes["variable"]
        name = self.name(variable.name)
        place = f"`{variable.name}`"
        if name != variable.name or variable.initializer is None:
            raise unwritten(place, "it has no initializer, or a name that is taken")
        start = self.phrases.value(variable.initializer, f"the beginning of {place}")
        start = start if start.endswith(")") else f"{start}()"
        flags = "" if variable.trainable else " frozen"
        type = self.text.type(variable.kept)
        self.statements.append(f"param {name}: {type} = {start}{flags}")
        return Phrase(name)

    def op_call(self, node: Node) -> Phrase:
        operands = [self.known[source] for source in node.inputs]
        depth = 1 + max((phrase.depth for phrase in operands), default=0)
        name = node.op.name
        if name == "getitem":
            return Phrase(f"{operands[0].tight()}[{self.index(node)}]", depth)
        if name in INFIX and not node.attributes:
            return infix(name, operands[0], operands[1], depth)
        if name == "negative":
            return Phrase(f"-{operands[0].tight(POWER)}", depth, MINUS)
        if name == "ensure":
            type = self.text.type(node.tensor_type)
            return Phrase(f"({operands[0].text} :? {type})", depth)
        if not node.op.public:
            place = f"`{name}` in `{self.network.name}`"
            raise unwritten(place, "it is a part of ops that has no name of its own")
        return Phrase(self.function(node, operands), depth)

    def function(self, node: Node, operands: Sequence[Phrase]) -> str:
        """The call of an op that gives the same node."""
        names = dict(zip(node.inputs, (p.text for p in operands), strict=True))
        found = call_of(node)
        if found is None:
            place = f"`{node.op.name}` in `{self.network.name}`"
            raise unwritten(place, "no call in a text gives the same")
        positional, named = found
        parts = [self.argument(item, names, node) for item in positional]
        parts += [f"{k} = {self.argument(v, names, node)}" for k, v in named.items()]
        return f"{node.op.name}({', '.join(parts)})"

    def argument(self, item: Any, names: Mapping[Node, str], node: Node) -> str:
        if isinstance(item, Node):
            return names[item]
        if isinstance(item, (list, tuple)):
            return f"[{', '.join(self.argument(i, names, node) for i in item)}]"
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
        operands = iter([self.known[source] for source in node.inputs])
        depth = 1 + max((self.known[source].depth for source in node.inputs), default=0)
        args, kwargs = tree.unflatten(call.structure, operands)
        if not args:
            raise unwritten(f"`{layer.name}`", "it is called without a first argument")
        head, piped = self.head(args[0], layer)
        more = [self.nest(item, layer) for item in args[1:]]
        more += [
            f"{key} = {self.nest(item, layer)}"
            for key, item in kwargs.items()
            if item is not None and not self.implied(key, item)
        ]
        target, named = self.target(layer, bool(more))
        rest = f"({', '.join(more)})" if more else ""
        text = f"{head} |> {target}{rest}{named}"
        return Phrase(text, 0 if piped else depth, PIPE)

    def implied(self, key: str, item: Any) -> bool:
        """Whether an argument is a mask that a tensor carries by itself."""
        if not isinstance(item, Phrase) or key.rpartition("_")[2] != "mask":
            return False
        self.text.masked = True
        return not self.text.masks

    def head(self, first: Any, layer: Layer) -> tuple[str, bool]:
        """What flows into a layer, and whether it comes out of a pipe."""
        if not isinstance(first, Phrase):
            return self.nest(first, layer), False
        piped = first.level == PIPE
        return (first.text if piped else first.tight(1)), piped

    def target(self, layer: Layer, more: bool) -> tuple[str, str]:
        """What is called, and the name that it gets there."""
        inner = isinstance(layer, Network) or hasattr(layer, "output_nodes")
        if self.calls[id(layer)] > 1 and id(layer) in self.layers:
            return self.layers[id(layer)], ""
        given = None if id(layer) in self.unnamed else layer.given_name
        plain = given is not None and PLAIN.fullmatch(given) and given not in words()
        if inner:
            if given is not None and not plain:
                raise unwritten(f"`{given}`", "the name of a layer of a text is a word")
            made = f"{self.text.nested(layer)}()"  # type: ignore[arg-type]
            if not layer._trainable:
                raise unwritten(f"`{layer.name}`", "a frozen model inside a model")
        else:
            made = self.phrases.layer(layer, named=given is not None and not plain)
        named = f" as {given}" if plain else ""
        if self.calls[id(layer)] > 1:
            self.layers[id(layer)] = self.name(layer.name)
            self.statements.append(f"let {self.layers[id(layer)]} = {made}")
            made = self.layers[id(layer)]
        return made, named

    def nest(self, item: Any, layer: Layer) -> str:
        if isinstance(item, Phrase):
            return item.text
        if isinstance(item, dict):
            raise unwritten(f"`{layer.name}`", "it is called with a dictionary")
        if isinstance(item, (list, tuple)):
            return f"[{', '.join(self.nest(i, layer) for i in item)}]"
        return self.phrases.value(item, f"an argument of `{layer.name}`")
