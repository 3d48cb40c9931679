"""`clone_model`: a model of the same layers with weights of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph import tree
from ..graph.diagnostics import Fault
from ..graph.layer import Layer
from ..graph.network import Network, replay
from ..graph.node import Node
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.variable import Variable
from .configured import told_to_caller
from .model import Functional, Sequential

Cloning = Callable[[Layer], Layer]


@told_to_caller
def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Cloning | None = None,
    call_function: Any = None,
    recursive: bool = False,
) -> Any:
    """A functional or sequential model made anew: same layers, fresh weights.

    `clone_function` makes the new layer of each old one; models inside are handed to it
    as layers, or with `recursive` are cloned with it themselves. `input_tensors` are
    symbols to begin with. A subclassed model is made from its configuration. Raises
    T0204 for `call_function`, which has no meaning here.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> model = Sequential([Input((3,)), Dense(2)])
    >>> clone_model(model).count_params()
    8
    """
    if call_function is not None:
        raise Fault(
            "T0204",
            "`call_function` is not taken: a clone calls its layers as the model does",
            argument="call_function",
        )
    if not isinstance(model, Network):
        if not hasattr(model, "get_config"):
            raise Fault("T0204", f"{model!r} is no model", argument="model")
        return type(model).from_config(model.get_config())
    made: Cloning = clone_function or _alike

    def cloned(layer: Layer) -> Layer:
        if isinstance(layer, Network) and (recursive or clone_function is None):
            found: Layer = clone_model(layer, None, clone_function, None, recursive)
            return found
        return made(layer)

    if isinstance(model, Sequential):
        return _sequential(model, input_tensors, cloned)
    return _functional(model, input_tensors, cloned)


def _alike(layer: Layer) -> Layer:
    found: Layer = type(layer).from_config(layer.get_config())
    return found


def _sequential(model: Sequential, given: Any, cloned: Cloning) -> Sequential:
    start = tree.flatten(given)[0][0] if given is not None else model.start
    if given is None and start is not None:
        start = _like(start)
    items = [*([] if start is None else [start]), *map(cloned, model.layers)]
    return Sequential(items, name=model.name)


def _like(symbol: SymbolicTensor) -> SymbolicTensor:
    return SymbolicTensor(input_node(symbol.node.name or "input", symbol.type))


def _functional(model: Network, given: Any, cloned: Cloning) -> Network:
    inputs = list(map(_like, model.inputs))
    if given is not None:
        parts = tree.parts_as(model.input_structure, given)
        inputs = tree.flatten(given if parts is None else parts)[0]
        if len(inputs) != len(model.inputs):
            raise Fault(
                "T0203",
                f"`{model.name}` has {len(model.inputs)} inputs, and `input_tensors` "
                f"are {len(inputs)}",
                argument="input_tensors",
            )
    layers = {layer: cloned(layer) for layer in model.called}
    starts = dict(zip(model.input_nodes, inputs, strict=True))
    values: dict[Node, Any] = {**starts}
    for node in model.nodes:
        if node.op.name == "variable":
            values[node] = _counterpart(node.attributes["variable"], layers)
    ends = (*model.output_nodes, *model.loss_nodes)
    found = replay(model.nodes, ends, values, {}, layers=layers)
    outputs, losses = found[: len(model.outputs)], found[len(model.outputs) :]
    kind = type(model) if isinstance(model, Functional) else Network
    made = (kind if kind in (Functional, Network) else Functional)(
        tree.map_leaves(lambda tensor: starts[tensor.as_node()], model.input),
        tree.unflatten(model.output_structure, iter(outputs)),
        name=model.name,
    )
    for loss in losses:
        made.add_loss(loss)
    return made


def _counterpart(variable: Variable, layers: dict[Layer, Layer]) -> Variable:
    """The variable of a clone that stands where one does in its layer."""
    for old, new in layers.items():
        own = old.variables
        place = next((i for i, v in enumerate(own) if v is variable), None)
        if place is not None:
            if not new.built:
                new.build_from_config(old.get_build_config())
            found: Variable = new.variables[place]
            return found
    return variable
