"""The diagram of a network: boxes, links and clusters, ready to be drawn or analysed.

One box a layer call, a small one for each op between layers, a cluster for each nested
network. `drawing` makes pictures of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import activations
from .diagnostics import Diagnostic, Fault, TensorTypeError, caller_span
from .dim import Dim, Symbol
from .kinds import shown
from .layer import Layer
from .layer_calls import LayerCall
from .layer_parts import kind_of
from .match import match_types
from .modes import ByMode
from .network import Network
from .node import Node
from .notation import attribute_texts
from .types import TensorType, TupleType

if TYPE_CHECKING:
    import networkx

PLAIN_NETWORKS = ("Network", "Functional")
DETAIL = 40  # characters of a constant or an attribute that are shown
Sizes = Mapping[Symbol, Dim]


@dataclass(frozen=True, slots=True)
class Box:
    """One box: an input, an output, a layer call, an op, a constant or a parameter."""

    key: str  # unique in the diagram, for example `encoder/hidden`
    kind: str
    title: str
    name: str = ""
    types: tuple[TensorType, ...] = ()
    parameters: int = 0
    remarks: tuple[str, ...] = ()
    detail: str = ""
    cluster: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A tensor on its way from one box to another, as operand number `operand`."""

    source: str
    target: str
    type: TensorType
    operand: int = 0
    role: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The frame around one call of a nested network."""

    number: int
    title: str
    name: str
    parameters: int
    remarks: tuple[str, ...]
    parent: int | None


@dataclass(frozen=True)
class Diagram:
    """What is drawn of a network."""

    title: str
    parameters: int
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    clusters: tuple[Cluster, ...]


def diagram_of(network: Layer, *, expand_nested: bool = True) -> Diagram:
    """The diagram of a network; nested networks are boxes if they are not expanded.

    Raises `TensorTypeError` for a model that is not made of inputs and outputs.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> image = Input((64,), name="image")
    >>> model = Network(image, Dense(10, name="logits")(image), name="Digits")
    >>> [box.key for box in diagram_of(model).boxes]
    ['image', 'logits', 'output']
    """
    if not isinstance(network, Network) or not network.built:
        raise _no_network(network)
    found = _Collector(expand_nested)
    sources: dict[Node, Ends] = {}
    pairs = zip(network.input_nodes, network.input_names, strict=True)
    for node, name in pairs:
        box = Box(name, "input", name, types=(node.tensor_type,))
        sources[node] = (End(found.add(box), node.tensor_type),)
    frame = Frame("", None, {})
    ends = found.walk(network, sources, frame)
    for name, (end,) in zip(output_names(network), ends, strict=True):
        key = found.add(Box(name, "output", name, types=(end.type,)))
        found.links.append(Link(end.key, key, end.type))
    return Diagram(
        network.name,
        network.count_params(),
        tuple(_with_shared(found)),
        tuple(found.links),
        tuple(found.clusters),
    )


def _no_network(layer: object) -> TensorTypeError:
    """The order of the layers is known of networks only."""
    if not isinstance(layer, Layer):
        fault = Fault("T0204", f"a model is drawn, and this is {shown(layer)}")
        return TensorTypeError.of(fault, caller_span())
    unbuilt = isinstance(layer, Network)
    reason = "it has not been built" if unbuilt else "its `call` is Python code"
    traced = (
        "draw what it does to an input: `x = Input(…)`, then `Model(x, model.call(x))`"
    )
    advice = "start it with an `Input`" if unbuilt else traced
    return TensorTypeError(
        Diagnostic(
            "T0204",
            f"`{layer.name}` cannot be drawn: {reason}",
            caller_span(),
            help=(advice,),
        )
    )


def output_names(network: Network) -> list[str]:
    """What the outputs are called: by the keys of a dictionary, else by number."""
    if isinstance(network.output_structure, dict):
        return [str(key) for key in network.output_structure]
    count = len(network.output_nodes)
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def to_networkx(network: Layer, *, expand_nested: bool = True) -> networkx.DiGraph:
    """The network as a `networkx.DiGraph`, one graph node a box of the diagram.

    Nodes carry `kind`, `title`, `name`, `type` and `parameters`; an edge carries the
    `type` of the tensor and `operands`, the places in which the target reads it.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> image = Input((64,), name="image")
    >>> model = Network(image, Dense(10, name="logits")(image))
    >>> to_networkx(model).edges["image", "logits"]["type"]
    'f32[batch, 64]'
    """
    import networkx

    diagram = diagram_of(network, expand_nested=expand_nested)
    graph = networkx.DiGraph(name=diagram.title, parameters=diagram.parameters)
    frames = {cluster.number: cluster.name for cluster in diagram.clusters}
    for box in diagram.boxes:
        graph.add_node(
            box.key,
            kind=box.kind,
            title=box.title,
            name=box.name or box.title,
            type=", ".join(map(str, box.types)),
            parameters=box.parameters,
            network=frames.get(box.cluster, "") if box.cluster is not None else "",
        )
    for link in diagram.links:
        known = graph.get_edge_data(link.source, link.target, {"operands": ()})
        operands = (*known["operands"], link.operand)
        graph.add_edge(link.source, link.target, type=str(link.type), operands=operands)
    return graph


@dataclass(frozen=True, slots=True)
class End:
    """Where a tensor comes from: a box, and the type it has there."""

    key: str
    type: TensorType


Ends = tuple[End, ...]
Operands = Sequence[tuple[int, Node, str]]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a walk is: the path of keys, the cluster, the sizes of this call."""

    path: str
    cluster: int | None
    sizes: Sizes


class _Collector:
    """Boxes, links and clusters, collected along the nodes of networks."""

    def __init__(self, expand_nested: bool):
        self.expand_nested = expand_nested
        self.boxes: dict[str, Box] = {}
        self.taken: Counter[str] = Counter()
        self.links: list[Link] = []
        self.clusters: list[Cluster] = []
        self.calls: dict[str, Layer] = {}  # by key of the box
        self.nested: list[Layer] = []  # by number of the cluster

    def add(self, box: Box) -> str:
        """Keep a box, under a key that is free."""
        key = box.key
        while key in self.boxes:
            self.taken[box.key] += 1
            key = f"{box.key} ({self.taken[box.key] + 1})"
        self.boxes[key] = replace(box, key=key)
        return key

    def walk(
        self, network: Network, ends: dict[Node, Ends], frame: Frame
    ) -> list[Ends]:
        """Collect a network whose inputs come from `ends`; where its outputs are."""
        for node in network.nodes:
            if node in ends or node.op.name == "random_key":
                continue
            match node.op.name:
                case "item":
                    ends[node] = (ends[node.inputs[0]][node.attributes["index"]],)
                case "layer_call":
                    ends[node] = self.layer(node, ends, frame)
                case "constant" if not node.shape:
                    continue
                case _:
                    ends[node] = self.op(node, ends, frame)
        return [self.end_of(node, ends, frame) for node in network.output_nodes]

    def end_of(self, node: Node, ends: dict[Node, Ends], frame: Frame) -> Ends:
        """Where a node's result comes from; numbers get a box only when asked for."""
        if node not in ends:
            ends[node] = self.op(node, ends, frame)
        return ends[node]

    def layer(self, node: Node, ends: dict[Node, Ends], frame: Frame) -> Ends:
        call: LayerCall = node.attributes["call"]
        if isinstance(call.layer, Network) and self.expand_nested:
            return self.network(node, call.layer, ends, frame)
        layer = call.layer
        if isinstance(layer, ByMode) and self.expand_nested:
            return self.modes(node, layer, ends, frame)
        box = Box(
            frame.path + layer.name,
            "layer",
            getattr(layer, "title", kind_of(layer)),
            layer.name,
            types_of(node, frame.sizes),
            layer.count_params(),
            remarks_of(layer),
            settings_of(layer),
            frame.cluster,
        )
        key = self.add(box)
        self.calls[key] = layer
        operands = [(index, source, "") for index, source in enumerate(node.inputs)]
        return self.linked(key, operands, ends, frame)

    def modes(
        self, node: Node, layer: ByMode, ends: dict[Node, Ends], frame: Frame
    ) -> Ends:
        """Both networks, and a box that takes the results of one of them."""
        types = types_of(node, frame.sizes)
        path = frame.path + layer.name
        box = Box(path, "layer", layer.title, layer.name, types, cluster=frame.cluster)
        key, below = self.add(box), Frame(f"{path}/", frame.cluster, frame.sizes)
        for index, arm in enumerate((layer.train, layer.infer)):
            for end in self.network(node, arm, ends, below):
                self.links.append(Link(end.key, key, end.type, index, arm.name))
            if set(arm.nodes) <= set(arm.input_nodes):  # a frame around nothing
                self.clusters.pop()
                self.nested.pop()
        return tuple(End(key, type) for type in types)

    def linked(
        self, key: str, operands: Operands, ends: dict[Node, Ends], frame: Frame
    ) -> Ends:
        """Link operands to a box; the ends of its results."""
        for index, source, role in operands:
            (end,) = self.end_of(source, ends, frame)
            self.links.append(Link(end.key, key, end.type, index, role))
        return tuple(End(key, type) for type in self.boxes[key].types)

    def network(
        self, node: Node, inner: Network, ends: dict[Node, Ends], frame: Frame
    ) -> Ends:
        number = len(self.clusters)
        self.nested.append(inner)
        self.clusters.append(
            Cluster(
                number,
                title_of(inner),
                inner.name,
                inner.count_params(),
                remarks_of(inner),
                frame.cluster,
            )
        )
        args, kwargs = node.attributes["call"].arguments(iter(node.inputs))
        given = [*args, *(v for k, v in kwargs.items() if k != "training")]
        operands = inner.arrange(given[0] if len(given) == 1 else given)
        used = set(inner.nodes)
        sources = {
            source: self.end_of(operand, ends, frame)
            for source, operand in zip(inner.input_nodes, operands, strict=True)
            if source in used or not is_number(operand)
        }
        wanted = [source.tensor_type for source in sources]
        types = [end.type for (end,) in sources.values()]
        names = [str(source.name) for source in sources]
        sizes = match_types(names, wanted, types)
        below = Frame(f"{frame.path}{inner.name}/", number, sizes)
        return tuple(end for (end,) in self.walk(inner, sources, below))

    def op(self, node: Node, ends: dict[Node, Ends], frame: Frame) -> Ends:
        kind, title, detail = describe(node)
        name = node.name if kind == "parameter" and node.name else ""
        variable = node.attributes.get("variable")
        box = Box(
            frame.path + (name or node.op.name),
            kind,
            title,
            name,
            types_of(node, frame.sizes),
            variable.size if variable is not None else 0,
            (),
            detail,
            frame.cluster,
        )
        key = self.add(box)
        operands = [
            (index, source, role)
            for index, (source, role) in enumerate(
                zip(node.inputs, roles_of(node), strict=True)
            )
            if not is_number(source) and source.op.name != "random_key"
        ]
        return self.linked(key, operands, ends, frame)


def _with_shared(found: _Collector) -> Iterable[Box]:
    """The boxes, and the clusters, with a remark where a layer is called again.

    What lies in a shared network is shared because of it: only the frame says so.
    """
    counts = Counter(id(layer) for layer in (*found.calls.values(), *found.nested))
    seen: Counter[int] = Counter()
    around = [counts[id(layer)] for layer in found.nested]

    def remark(layer: Layer | None, cluster: int | None) -> tuple[str, ...]:
        count = counts[id(layer)]
        if count <= (1 if cluster is None else around[cluster]):
            return ()
        seen[id(layer)] += 1
        return (f"shared, call {seen[id(layer)]} of {count}",)

    found.clusters = [
        replace(frame, remarks=(*remark(layer, frame.parent), *frame.remarks))
        for frame, layer in zip(found.clusters, found.nested, strict=True)
    ]
    for key, box in found.boxes.items():
        remarks = remark(found.calls.get(key), box.cluster)
        yield replace(box, remarks=(*remarks, *box.remarks))


def types_of(node: Node, sizes: Sizes) -> tuple[TensorType, ...]:
    """The types of a node's results in one call of its network."""
    types = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    return tuple(type.substitute(sizes) for type in types)


def title_of(layer: Layer) -> str:
    """The class of a layer, or nothing for a plain network."""
    name = kind_of(layer)
    return "" if name in PLAIN_NETWORKS else name


FROZEN = "frozen"


def remarks_of(layer: Layer) -> tuple[str, ...]:
    """What is unusual about a layer."""
    frozen = bool(layer.variables) and not layer.trainable
    python = layer.opaque
    return (*([FROZEN] if frozen else []), *(["runs in Python"] if python else []))


def settings_of(layer: Layer) -> str:
    """The activation of a layer, if it has one."""
    activation = getattr(layer, "activation", None)
    name = activations.serialize(activation)
    name = name if isinstance(name, str) else getattr(name, "__name__", "")
    return "" if name == "linear" else name


def is_number(node: Node) -> bool:
    """Whether a node is a constant scalar, shown within the op that reads it."""
    return node.op.name == "constant" and not node.shape


def describe(node: Node) -> tuple[str, str, str]:
    """Kind, title and detail of a node that is no layer call."""
    if node.op.name == "constant":
        value = node.attributes["value"]
        return "constant", shortened(repr(value)), ""
    if node.op.name == "variable":
        return "parameter", "parameter", ""
    if any(is_number(source) for source in node.inputs):
        operands = [_operand(source) for source in node.inputs]
        return "op", f"{node.op.name}({', '.join(operands)})", _attributes(node)
    return "op", node.op.name, _attributes(node)


def _operand(node: Node) -> str:
    return shortened(repr(node.attributes["value"])) if is_number(node) else "·"


def _attributes(node: Node) -> str:
    texts = attribute_texts(node)
    if node.op.name == "getitem":
        return shortened(texts["index"])
    shown = [f"{k} = {text}" for k, text in texts.items() if text != "False"]
    return shortened(", ".join(shown))


def shortened(text: str) -> str:
    """A text that fits into a small box."""
    return text if len(text) <= DETAIL else f"{text[: DETAIL - 1]}…"


def roles_of(node: Node) -> Sequence[str]:
    """The names of the operands where it matters which is which."""
    import inspect

    tensors = {source for source in node.inputs if not is_number(source)}
    if len(tensors) < 2 or node.op.commutative:
        return [""] * len(node.inputs)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(node.op.infer).parameters.values()
    names = [p.name for p in parameters if p.kind in kinds]
    count = len(node.inputs)
    numbered = [f"x{index}" for index in range(1, count + 1)]
    return names[:count] if len(names) >= count else numbered
