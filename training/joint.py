"""Losses and metrics of everything at once: inputs, targets and outputs of a model.

Only the language makes them: its `train` blocks name all three. What `compile` takes by
Keras's rules belongs to one output and its target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import tree
from ..graph.network import Network
from ..graph.types import TensorType


class Formula:
    """A loss or metric written as a network of target and output."""

    __name__ = "formula"

    def __init__(self, network: Network):
        self.network = network

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        return self.network([y_true, y_pred])


class Joint:
    """A loss of all inputs, targets and outputs, in this order those of `network`.

    `targets` names the targets. Without a network there is no loss but those that
    layers add.
    """

    __name__ = "joint"

    def __init__(
        self, network: Network | None, targets: Sequence[tuple[str, TensorType]]
    ):
        self.network, self.targets = network, tuple(targets)

    def __call__(self, everything: Sequence[Any]) -> list[Any]:
        """The loss, if there is a formula."""
        return [] if self.network is None else [self.network(list(everything))]


class Measured:
    """A metric, and the network that makes what it takes of the same operands."""

    def __init__(self, metric: Any, network: Network):
        self.metric, self.network = metric, network

    def update_state(self, everything: Sequence[Any]) -> None:
        """Take further samples in."""
        found = self.network(list(everything))
        self.metric.update_state(*tree.flatten(found)[0])
