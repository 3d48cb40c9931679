"""Parameters that training would leave as they are, told by the check of a text."""

from __future__ import annotations

from ..graph.network import Network
from ..graph.node import Node
from ..training.gradient_reach import unreached
from .checker import Checker


def warn_of_lost(checker: Checker, model: Network, loss: Node) -> None:
    """Warn of trainable parameters that the loss does not reach."""
    for found in unreached(model.trainable_weights, [loss], loss.span):
        checker.note(found)
