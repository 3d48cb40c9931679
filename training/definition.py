"""What `compile` can tell of a functional model before any data are seen.

The graph is known, the losses are: probabilities where logits are announced, and
weights that no gradient reaches.
"""

from __future__ import annotations

from typing import Any

from ..graph.diagnostics import caller_span
from ..graph.network import Network
from ..graph.notices import tell
from ..graph.tensor import SymbolicTensor
from .gradient_reach import unreached
from .objective import Compiled
from .operands import check_logits


def check_definition(model: Any, compiled: Compiled) -> None:
    """Refuse what cannot become good, T0602; warn of weights that would not move."""
    owner: Any = model
    owner.unreached = ()
    if not isinstance(model, Network) or model.foreign or not compiled.goals:
        return
    pairs = list(zip(compiled.goals, model.output_nodes, strict=False))
    for goal, node in pairs:
        settings = getattr(goal.loss, "_given", {})
        if settings.get("from_logits") is True:
            name = type(goal.loss).__name__
            kind = "sigmoid" if "Binary" in name else "softmax"
            check_logits(name, SymbolicTensor(node), kind)
    roots = [node for goal, node in pairs if goal.loss is not None]
    roots += model.loss_nodes
    if roots and not any(_adds_losses(layer) for layer in model.sublayers):
        weights = model.trainable_weights
        found = unreached(weights, roots, caller_span())
        for warning in found:
            tell(warning)
        owner.unreached = tuple(weights) if found else ()


def _adds_losses(layer: Any) -> bool:
    """Whether more than the outputs and what layers add is made small."""
    added = getattr(layer, "loss_nodes", ())
    return bool(layer.activity_regularizer is not None or added)
