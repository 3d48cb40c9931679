"""What a graph of calls does by mode: two networks for the two modes, and effects.

The language makes these layers: `match mode` is a `ByMode`; `update` and `loss` in a
body hang on its result as `Effects`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .layer import Layer
from .network import Network
from .node import Node
from .trace import current_training
from .variable import Variable


class ByMode(Layer):
    """One network in training and another in inference, on the same operands."""

    kind_name = "match"
    title = "match mode"  # in diagrams

    def __init__(self, train: Network, infer: Network, name: str | None = None):
        super().__init__(name=name, autocast=False)
        self.train, self.infer = train, infer

    def call(self, *inputs: Any) -> Any:
        network = self.train if current_training() else self.infer
        return network(*inputs)

    def cast_inputs(self, arguments: Any) -> Any:
        """The arguments as they are: the networks declare dtypes of their own."""
        return arguments


class Effects(Layer):
    """Its first argument as it is; in training, variables get their next values.

    The values of `updates` are computed before any variable changes, and `losses` are
    added in both modes. `states` names the variables for diagrams.
    """

    def __init__(
        self, states: Sequence[str] = (), losses: int = 0, name: str | None = None
    ):
        super().__init__(name=name, autocast=False)
        self.states, self.losses_added = tuple(states), losses

    @property
    def title(self) -> str:
        """What it does, for diagrams."""
        parts = [f"update {', '.join(self.states)}"] if self.states else []
        return " and ".join([*parts, *(["loss"] if self.losses_added else [])])

    def call(self, outputs: Any, variables: Any, updates: Any, losses: Any) -> Any:
        if current_training():
            for variable, value in zip(variables, updates, strict=True):
                # While the type of the call is inferred, a symbol stands here.
                if isinstance(variable, Variable):
                    variable.assign(value)
        for loss in losses:
            self.add_loss(loss)
        return outputs

    def cast_inputs(self, arguments: Any) -> Any:
        """The arguments as they are: nothing is computed with them."""
        return arguments


def handed(node: Node) -> Node:
    """The node whose value this one hands on, if it is a result of `Effects`."""
    index = node.attributes["index"] if node.op.name == "item" else 0
    source = node.inputs[0] if node.op.name == "item" else node
    if source.op.name == "layer_call":
        if isinstance(source.attributes["call"].layer, Effects):
            return source.inputs[index]
    return node
