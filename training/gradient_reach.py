"""Which parameters the gradient of a loss reaches, and what cuts it off the others.

A walk backwards over the graph as it was written, so that every cut has its place; a
layer of the library is taken to let gradients pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from ..graph import tree
from ..graph.diagnostics import Diagnostic, Fault, Label, Span, TulleError
from ..graph.differentiate import gradients_of
from ..graph.layer_ops import expand_call
from ..graph.modes import ByMode, Effects
from ..graph.network import Network
from ..graph.node import Node, topological
from ..graph.ops.movement import full_node
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.trace import Trace
from ..graph.types import TupleType
from ..graph.variable import Variable

SHOWN = 5  # names of parameters in one message


@dataclass(frozen=True)
class Cut:
    """A node that keeps gradients from some of its operands."""

    node: Node
    word: str
    hidden: tuple[Node, ...]


@dataclass
class Reach:
    """What a gradient that starts at the loss may arrive at."""

    variables: set[Variable] = field(default_factory=set)
    cuts: list[Cut] = field(default_factory=list)
    _inside: dict[int, frozenset[Node]] = field(default_factory=dict)

    def walk(self, outputs: Sequence[Node]) -> frozenset[Node]:
        """Follow gradients from outputs; all nodes that they arrive at."""
        below = set(outputs)
        for node in reversed(topological(outputs)):
            if node not in below:
                continue
            if node.op.name == "variable":
                self.variables.add(node.attributes["variable"])
            elif node.op.name == "layer_call":
                below.update(self.through(node))
            elif cuts(node):
                self.cuts.append(Cut(node, node.op.name, tuple(node.inputs)))
            else:
                below.update(node.inputs)
        return frozenset(below)

    def through(self, node: Node) -> Iterable[Node]:
        """The operands of a layer call that gradients arrive at."""
        call = node.attributes["call"]
        layer = call.layer.train if isinstance(call.layer, ByMode) else call.layer
        if isinstance(layer, Effects):
            (outputs, _, _, losses), _ = call.arguments(iter(node.inputs))
            return tree.flatten((outputs, losses))[0]
        inside = _inside(call, node)
        if inside is None:
            self.variables.update(layer.variables)
            return node.inputs
        inputs, outputs = inside
        if id(layer) not in self._inside:
            self._inside[id(layer)] = self.walk(outputs)
        below = self._inside[id(layer)]
        if len(inputs) != len(node.inputs):
            return node.inputs
        pairs = list(zip(inputs, node.inputs, strict=True))
        hidden = tuple(operand for inner, operand in pairs if inner not in below)
        if hidden:
            title = getattr(call.layer, "kind_name", call.layer.name)
            self.cuts.append(Cut(node, title, hidden))
        return [operand for inner, operand in pairs if inner in below]


def _inside(call: Any, node: Node) -> tuple[Sequence[Node], Sequence[Node]] | None:
    """Inputs and outputs of what a layer does, where that is known op by op."""
    layer = call.layer.train if isinstance(call.layer, ByMode) else call.layer
    if isinstance(layer, Network):
        return layer.input_nodes, layer.output_nodes
    if not layer.foreign or not layer.variables:
        return None
    found = layer.__dict__.setdefault("_traced_for_reach", {})
    key = tuple(source.type for source in node.inputs)
    if key not in found:
        found[key] = _traced(call, key)
    return cast("tuple[Sequence[Node], Sequence[Node]] | None", found[key])


def _traced(call: Any, types: Sequence[Any]) -> Any:
    """A user's layer on symbols; None if its code asks for values."""
    holes = [input_node("x", type) for type in types]
    trace = Trace(training=True, placing=True)
    try:
        results = expand_call(call, map(SymbolicTensor, holes), trace)
        leaves = [leaf.as_node() for leaf in tree.flatten(results)[0]]
    except (TulleError, Fault, TypeError, ValueError, AttributeError, LookupError):
        return None
    return holes, [*leaves, *trace.losses]


def cuts(node: Node) -> bool:
    """Whether no gradient passes from a node to its operands.

    None does from whole numbers and truth values, nor where a result moves by steps.
    """
    from .steps import cuts_gradient

    whole = not isinstance(node.type, TupleType) and not node.type.dtype.is_float
    return whole or cuts_gradient(node) or _moves_by_steps(node)


_FLAT: dict[str, bool] = {}


def _moves_by_steps(node: Node) -> bool:
    """Whether the slope of an op on elements is 0 wherever it has one."""
    op = node.op
    if len(node.inputs) != 1 or isinstance(node.type, TupleType):
        return False
    if node.inputs[0].type != node.type or node.inputs[0].op.name == "tuple":
        return False
    if op.name not in _FLAT:
        x = input_node("x", node.tensor_type)
        _FLAT[op.name] = False
        with suppress(TulleError, Fault, NotImplementedError):
            result = op.apply((x,), node.attributes)
            start = full_node(result.tensor_type, 1.0)
            slope = gradients_of({result: start}, [x])
            _FLAT[op.name] = result is not x and slope == [None]
    return _FLAT[op.name]


def culprit(cut: Node, behind: set[Variable]) -> Node:
    """What cuts the path of a gradient: the last op on its way to the variables."""
    found = cut
    while True:
        below = [
            source
            for source in found.inputs
            if cuts(source) and behind & _variables_behind([source]).keys()
        ]
        if not below or below[0].op.level == "layer":
            return found
        found = below[0]


def unreached(
    weights: Sequence[Variable], roots: Sequence[Node], place: Span | None
) -> list[Diagnostic]:
    """Warnings of weights that training would leave as they are, at what cuts them."""
    reach = Reach()
    reach.walk(roots)
    left = [v for v in weights if v not in reach.variables and v.regularizer is None]
    found: list[Diagnostic] = []
    for cut in reach.cuts:
        behind = _variables_behind(cut.hidden) if left else {}
        lost = [v for v in left if v in behind]
        if lost and cut.node.span is not None:
            left = [v for v in left if v not in behind]
            found.append(_lost_behind(cut, lost, behind[lost[0]]))
    if left and place is not None:
        message = f"the loss does not depend on {_listed(left)}"
        found.append(_warning(message, place, help=(USE,)))
    return found


def _lost_behind(cut: Cut, lost: Sequence[Variable], owner: Node) -> Diagnostic:
    node, word = cut.node, cut.word
    if node.op.level != "layer":
        node = culprit(node, set(lost))
        node, word = (
            (node, WORDS.get(node.op.name, node.op.name))
            if node.span
            else (cut.node, cut.word)
        )
    op = node.op.name
    labels = []
    if owner.span is not None and owner.span != node.span:
        labels = [Label(owner.span, f"`{lost[0].path}` is used here")]
    return _warning(
        f"`{word}` lets no gradient pass to {_listed(lost)}",
        node.span,
        "the gradient stops here",
        labels=tuple(labels),
        help=(INSTEAD.get(op, OTHERWISE), FREEZE),
    )


def _warning(
    message: str, span: Span | None, label: str = "", **more: Any
) -> Diagnostic:
    return Diagnostic(
        "T0508", message, span, label, notes=(NOTE,), severity="warning", **more
    )


WORDS = {
    "greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=",
    "equal": "==", "not_equal": "!=",
}  # fmt: skip
STEEP = "`sigmoid` of the difference, made steep, is a choice that has a slope"
ROUND = "let the gradient pass it by: `x + stop_gradient(round(x) - x)`"
INSTEAD = {
    **dict.fromkeys(("greater", "greater_equal", "less", "less_equal", "sign"), STEEP),
    **dict.fromkeys(("round", "rint", "floor", "ceil", "trunc", "cast"), ROUND),
    "argmax": "`softmax` gives weights that a gradient passes through",
    "argmin": "`softmax` of the negative gives weights that a gradient passes through",
    "stop_gradient": "leave out `stop_gradient`, if they shall be trained",
}
OTHERWISE = "take an op that has a gradient, if they shall be trained"
FREEZE = "if they shall stay as they are, say so: `trainable = False`, or `freeze`"
USE = "use them, or set `trainable = False`"
NOTE = "training leaves what the loss does not reach as it is"


def _variables_behind(nodes: Sequence[Node]) -> dict[Variable, Node]:
    """The variables that nodes need, each with what uses it."""
    found: dict[Variable, Node] = {}
    for node in topological(nodes):
        if node.op.name == "variable":
            found.setdefault(node.attributes["variable"], node)
        elif node.op.name == "layer_call":
            for variable in node.attributes["call"].layer.variables:
                found.setdefault(variable, node)
    return found


def _listed(variables: Sequence[Variable]) -> str:
    names = ", ".join(f"`{v.path}`" for v in variables[:SHOWN])
    more = len(variables) - SHOWN
    return f"{names} and {more} more" if more > 0 else names
