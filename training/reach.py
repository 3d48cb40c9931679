"""Which parameters a loss can change, and what keeps it off the others.

A walk backwards over the graph as it was written, so that every cut has its place; a
layer of the library is taken to let gradients pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..graph import tree
from ..graph.diagnostics import Diagnostic, Label, Span
from ..graph.modes import ByMode, Effects
from ..graph.network import Network
from ..graph.node import Node, topological
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
        from .steps import cuts_gradient

        below = set(outputs)
        for node in reversed(topological(outputs)):
            if node not in below:
                continue
            if node.op.name == "variable":
                self.variables.add(node.attributes["variable"])
            elif node.op.name == "layer_call":
                below.update(self.through(node))
            elif cuts_gradient(node):
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
        if not isinstance(layer, Network):
            self.variables.update(layer.variables)
            return node.inputs
        if id(layer) not in self._inside:
            self._inside[id(layer)] = self.walk(layer.output_nodes)
        below = self._inside[id(layer)]
        if len(layer.input_nodes) != len(node.inputs):
            return node.inputs
        pairs = list(zip(layer.input_nodes, node.inputs, strict=True))
        hidden = tuple(operand for inner, operand in pairs if inner not in below)
        if hidden:
            self.cuts.append(Cut(node, call.layer.kind_name, hidden))
        return [operand for inner, operand in pairs if inner in below]


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
    op = cut.node.op.name
    labels = []
    if owner.span is not None and owner.span != cut.node.span:
        labels = [Label(owner.span, f"`{lost[0].path}` is used here")]
    return _warning(
        f"`{cut.word}` lets no gradient pass to {_listed(lost)}",
        cut.node.span,
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


INSTEAD = {
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
