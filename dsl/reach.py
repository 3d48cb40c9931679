"""Which parameters a loss can change, and what keeps it off the others.

A walk backwards over the graph as it was written, so that every cut has its place; a
layer of the library is taken to let gradients pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..graph import tree
from ..graph.modes import ByMode, Effects
from ..graph.network import Network
from ..graph.node import Node, topological
from ..graph.variable import Variable
from .checker import Checker

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
        from ..training.steps import cuts_gradient

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


def warn_of_lost(checker: Checker, model: Network, loss: Node) -> None:
    """Warn of trainable parameters that training would leave as they are."""
    reach = Reach()
    reach.walk([loss])
    left = [
        v
        for v in model.trainable_weights
        if v not in reach.variables and v.regularizer is None
    ]
    for cut in reach.cuts:
        behind = _variables_behind(cut.hidden) if left else set()
        lost = [v for v in left if v in behind]
        if lost and cut.node.span is not None:
            message = f"`{cut.word}` lets no gradient pass to {_listed(lost)}"
            checker.warn("T0508", message, cut.node.span, notes=(NOTE,))
            left = [v for v in left if v not in behind]
    if left and loss.span is not None:
        message = f"the loss does not depend on {_listed(left)}"
        checker.warn("T0508", message, loss.span, notes=(NOTE,))


NOTE = "training leaves what the loss does not reach as it is"


def _variables_behind(nodes: Sequence[Node]) -> set[Variable]:
    found: set[Variable] = set()
    for node in topological(nodes):
        if node.op.name == "variable":
            found.add(node.attributes["variable"])
        elif node.op.name == "layer_call":
            found.update(node.attributes["call"].layer.variables)
    return found


def _listed(variables: Sequence[Variable]) -> str:
    names = ", ".join(f"`{v.path}`" for v in variables[:SHOWN])
    more = len(variables) - SHOWN
    return f"{names} and {more} more" if more > 0 else names
