"""`Network`: layers put together as a graph of calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from . import tree
from .calling import told
from .decide import equal
from .diagnostics import (
    Diagnostic,
    Fault,
    Label,
    TensorTypeError,
    TulleError,
    caller_span,
)
from .dim import Dim, Symbol
from .initializers import snake_case
from .input_layer import InputLayer, is_input, keras_order
from .inputs import BATCH as BATCH
from .inputs import Input as Input
from .inputs import check_sizes_of
from .layer import Layer
from .layer_calls import LayerCall, as_declared
from .layer_parts import kind_of
from .match import Reader, Solution, empty_sizes, match_types
from .nearest import nearest_of
from .node import Node, substitute, topological
from .ops.random import draw_key
from .tensor import SymbolicTensor, Value
from .trace import current_trace
from .types import TensorType
from .uncalled_layers import is_layer, not_applied
from .variable import Variable

# The sizes of the networks whose call is under way.
_around: ContextVar[Mapping[Symbol, Dim]] = ContextVar(
    "around", default=MappingProxyType({})
)


def _plain(structure: Any) -> list[Any]:
    """All items of a nest of lists and dictionaries."""
    if isinstance(structure, dict):
        structure = list(structure.values())
    if not isinstance(structure, (list, tuple)):
        return [structure]
    return [item for part in structure for item in _plain(part)]


class Network(Layer):
    """A layer made of calls of layers and ops, from symbolic inputs to outputs.

    Inputs and outputs are a tensor, or lists, tuples and dictionaries of tensors.
    Raises `TensorTypeError` if an output does not follow from the inputs.
    """

    kind_name: str  # what a text calls this layer; its name in a model is made of it

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool = True,
    ):
        super().__init__(name=name, trainable=trainable)
        self.inputs, self.input_structure = tree.flatten(inputs)
        self.outputs, self.output_structure = tree.flatten(outputs)
        self._check_ends()
        self.input_nodes = tuple(tensor.as_node() for tensor in self.inputs)
        check_sizes_of(self.input_nodes)
        self._reader = Reader(self.input_types)
        self.output_nodes = tuple(tensor.as_node() for tensor in self.outputs)
        self.loss_nodes: tuple[Node, ...] = ()
        self._take_in()
        self.input_names = _unique(node.name or "input" for node in self.input_nodes)
        self._name_layers()
        self.built = self._named = True

    def _take_in(self) -> None:
        """Note the nodes, layers and parameters behind outputs and added losses."""
        self.nodes = topological((*self.output_nodes, *self.loss_nodes))
        self._check_connected()
        self.called = self._collect()
        self._parameters = [
            node.attributes["variable"]
            for node in self.nodes
            if node.op.name == "variable"
        ]

    @told
    def add_loss(self, loss: Any) -> None:
        """Add to what training minimizes: a symbolic tensor made of the inputs, or,
        within `call`, a scalar.

        Raises T0505 for a tensor that needs other inputs.
        """
        if current_trace() is not None or not isinstance(loss, SymbolicTensor):
            super().add_loss(loss)
            return
        before = self.loss_nodes
        self.loss_nodes = (*before, loss.as_node())
        try:
            self._take_in()
        except TensorTypeError:
            self.loss_nodes = before
            self._take_in()
            raise
        self._name_layers()

    def _check_ends(self) -> None:
        sides = ((0, "input", self.inputs), (1, "output", self.outputs))
        structures = (self.input_structure, self.output_structure)
        for index, what, ends in sides:
            layer = next(filter(is_layer, _plain(structures[index])), None)
            if layer is not None:
                raise TensorTypeError.of(not_applied(layer, index), caller_span())
            if not ends:
                raise TensorTypeError(
                    Diagnostic(
                        "T0505", f"a model needs an {what} tensor", caller_span()
                    )
                )
        strange = [t for t in self.inputs if t.as_node().op.name != "input"]
        if strange:
            raise TensorTypeError(
                Diagnostic(
                    "T0505",
                    f"an input of a model comes from `Input`, and {strange[0].type} is "
                    f"the result of `{strange[0].as_node().op.name}`",
                    caller_span(),
                )
            )

    def _check_connected(self) -> None:
        known = set(self.input_nodes)
        loose = [n for n in self.nodes if n.op.name == "input" and n not in known]
        if loose:
            labels = [
                Label(n.span, f"`{n.name}` is made here") for n in loose if n.span
            ]
            raise TensorTypeError(
                Diagnostic(
                    "T0505",
                    f"the outputs need the input `{loose[0].name}`, which is not among "
                    "the model's inputs",
                    caller_span(),
                    labels=tuple(labels),
                    help=(f"add it: `Model([…, {loose[0].name}], …)`",),
                )
            )

    def _collect(self) -> list[Layer]:
        order = keras_order((*self.output_nodes, *self.loss_nodes))
        self._order = order
        return [n.attributes["call"].layer for n in order if n.op.name != "input"]

    @property
    def layers(self) -> list[Layer]:
        """The layers in Keras's order, each input as an `InputLayer`."""
        unused = [n for n in self.input_nodes if n not in self._order]
        return [self._layer_at(node) for node in (*self._order, *unused)]

    def _layer_at(self, node: Node) -> Layer:
        if node.op.name != "input":
            layer: Layer = node.attributes["call"].layer
            return layer
        starts = self.__dict__.setdefault("_starts", {})
        if node not in starts:
            place = self.input_nodes.index(node)
            symbol, name = self.inputs[place], self.input_names[place]
            starts[node] = InputLayer(input_tensor=symbol, name=name)
        found: Layer = starts[node]
        return found

    def _name_layers(self) -> None:
        """Names unique within this model: given ones as they are, others counted."""
        taken: dict[str, Layer] = {}
        for layer in self.called:
            if layer.given_name is not None:
                if layer.given_name in taken:
                    raise _same_name(layer, taken[layer.given_name])
                taken[layer.given_name] = layer
        counts: dict[str, int] = {}
        for layer in self.called:
            if layer.given_name is None:
                kind = kind_of(layer)
                base = name = snake_case(kind)
                while name in taken:
                    counts[base] = counts.get(base, 0) + 1
                    name = f"{base}_{counts[base]}"
                layer.auto_name = name
                taken[name] = layer
        self.name_variables("")

    def child_name(self, attribute: str, child: Layer | Variable) -> str:
        return child.name

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        return tuple(node.tensor_type for node in self.input_nodes)

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        return tuple(node.tensor_type for node in self.output_nodes)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or shapes as inputs were given; None for a symbol."""
        return tree.map_leaves(lambda tensor: tensor.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or shapes as outputs were given."""
        return tree.map_leaves(lambda tensor: tensor.shape, self.output)

    @property
    def input(self) -> Any:
        """The symbolic input, or inputs as they were given."""
        return tree.unflatten(self.input_structure, iter(self.inputs))

    @property
    def output(self) -> Any:
        """The symbolic output, or outputs as they were given."""
        return tree.unflatten(self.output_structure, iter(self.outputs))

    @told
    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name or an index."""
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                there = f"`{self.name}` has {len(self.layers)} layers"
                raise Fault("T0201", f"{there}, none at {index}", argument="index")
            return self.layers[index]
        found = next((layer for layer in self.layers if layer.name == name), None)
        if found is None:
            names = [layer.name for layer in self.layers if not is_input(layer)]
            near = nearest_of(str(name), names)
            fault = Fault(
                "T0201",
                f"no layer is called `{name}`",
                argument="name",
                notes=[f"there are {', '.join(names)}"],
                help=[f"did you mean `{near[0]}`?"] if near else [],
            )
            raise TensorTypeError.of(fault, caller_span(), ("name", "index"))
        return found

    def _repr_svg_(self) -> str | None:
        """The picture that a notebook shows, where it can be drawn."""
        from .diagram import diagram_of
        from .drawing import draw

        try:
            return draw(diagram_of(self)).decode()
        except TulleError:
            return None

    def call(self, *arguments: Any) -> Any:
        operands = self.arrange(arguments[0] if len(arguments) == 1 else arguments)
        pairs = zip(operands, self.input_types, strict=True)
        operands = [as_declared(x, type.dtype) for x, type in pairs]
        around = _around.get()
        sizes = self._sizes([operand.type for operand in operands], around)
        values: dict[Node, Any] = dict(zip(self.input_nodes, operands, strict=True))
        ends = (*self.output_nodes, *self.loss_nodes)
        token = _around.set({**around, **sizes})
        try:
            results = replay(self.nodes, ends, values, sizes)
        finally:
            _around.reset(token)
        for loss in results[len(self.output_nodes) :]:
            super().add_loss(loss)
        return tree.unflatten(self.output_structure, iter(results))

    def _sizes(self, types: list[TensorType], around: Mapping[Symbol, Dim]) -> Solution:
        """The sizes that inputs of these types give; numbers are only read off."""
        shapes: Any = [type.static_shape for type in types]
        if not any(None in shape for shape in shapes):
            read = self._reader.read([type.dtype for type in types], shapes)
            if read is not None:
                return {symbol: Dim.of(size) for symbol, size in read.items()}
        empty = empty_sizes(self.input_types, types)
        declared = [type.substitute(empty) for type in self.input_types]
        return empty | match_types(self.input_names, declared, types, around=around)

    def cast_inputs(self, arguments: Any) -> Any:
        """The arguments as they are: inputs have dtypes of their own."""
        return arguments

    def arrange(self, value: Any) -> list[Any]:
        """Operands in the order of the inputs: by key from dictionaries."""
        parts = tree.parts_as(self.input_structure, value)
        if parts is None and isinstance(value, dict):
            named = isinstance(self.input_structure, dict)
            keys = tuple(self.input_structure) if named else self.input_names
            missing = [key for key in keys if key not in value]
            if missing:
                given = ", ".join(map(str, value)) or "nothing"
                raise Fault("T0203", f"input `{missing[0]}` is missing; given: {given}")
            parts = [value[key] for key in keys]
        operands, _ = tree.flatten(value if parts is None else parts)
        if len(operands) != len(self.input_nodes):
            wanted = ", ".join(self.input_names)
            raise Fault(
                "T0203",
                f"`{self.name}` takes {len(self.input_nodes)} inputs ({wanted}) and "
                f"got {len(operands)}",
            )
        if parts is None and self.unordered is not None:
            message, advice = self.unordered
            raise Fault("T0203", message, help=[advice])
        return operands

    @property
    def unordered(self) -> tuple[str, str] | None:
        """Why a list does not tell one input from the other, and what does; or None."""
        return None


def _same_name(layer: Layer, other: Layer) -> TensorTypeError:
    labels = [Label(x.span, f"`{x.name}` is made here") for x in (other,) if x.span]
    return TensorTypeError(
        Diagnostic(
            "T0504",
            f"two layers of this model are called `{layer.name}`",
            layer.span,
            labels=tuple(labels),
            help=("give each its own name, or call the same layer twice to share it",),
        )
    )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        number, free = 0, name
        while free in found:
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return tuple(found)


def replay(
    nodes: Sequence[Node],
    outputs: Sequence[Node],
    values: dict[Node, Any],
    sizes: Mapping[Symbol, Dim],
    layers: Mapping[Layer, Layer] | None = None,
) -> list[Any]:
    """Do again on other operands what nodes in topological order say.

    On tensors this evaluates, inside a trace it rebuilds; layer calls call the layer.
    `values` starts with the inputs and receives every result; `layers` are those to
    call in place of others. Raises T0507 if a layer gives other types in training.
    """
    uses: dict[Node, int] = {}
    for node in nodes:
        for source in node.inputs:
            uses[source] = uses.get(source, 0) + 1
    kept = set(outputs)
    for node in nodes:
        if node in values:
            continue
        operands = [values[source] for source in node.inputs]
        values[node] = _again(node, operands, sizes, layers or {})
        for source in node.inputs:
            uses[source] -= 1
            if not uses[source] and source not in kept:
                values.pop(source, None)
    return [_as_value(values[node]) for node in outputs]


def _as_value(found: Any) -> Value:
    result: Value = found.value if isinstance(found, Variable) else found
    return result


def _again(
    node: Node,
    operands: list[Any],
    sizes: Mapping[Symbol, Dim],
    layers: Mapping[Layer, Layer],
) -> Any:
    match node.op.name:
        case "variable":
            return node.attributes["variable"]
        case "layer_call":
            found = _call_again(node.attributes["call"], operands, layers)
            trace = current_trace()
            if trace is not None and trace.training:
                _check_mode(node, tree.flatten(found)[0], sizes)
            return found
        case "item":
            return operands[0][node.attributes["index"]]
        case "random_key":
            return draw_key(node.attributes["generator"])
        case _:
            attributes = {
                key: substitute(value, sizes) for key, value in node.attributes.items()
            }
            return node.op.dispatch(operands, attributes)


def _check_mode(
    node: Node, results: Sequence[Any], sizes: Mapping[Symbol, Dim]
) -> None:
    """Refuse a layer that returns another type in training than when it was called."""
    types: Any = getattr(node.type, "items", (node.type,))
    for declared, result in zip(types, results, strict=True):
        wanted, found = declared.substitute(sizes), result.type
        if wanted.dtype == found.dtype and wanted.rank == found.rank:
            pairs = zip(wanted.shape, found.shape, strict=True)
            if all(equal(a, b) is not False for a, b in pairs):
                continue
        layer = node.attributes["call"].layer
        raise TensorTypeError(
            Diagnostic(
                "T0507",
                f"`{layer.name}` returns {found} in training and {wanted} in inference",
                node.span,
                help=("let `call` return the same type in training and inference",),
            )
        )


def _call_again(
    call: LayerCall, operands: list[Any], layers: Mapping[Layer, Layer]
) -> Any:
    args, kwargs = call.arguments(iter(operands))
    result = layers.get(call.layer, call.layer)(*args, **kwargs)
    leaves, _ = tree.flatten(result)
    return result if call.result is tree.LEAF else tuple(leaves)
