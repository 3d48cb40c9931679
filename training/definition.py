"""What `compile` can tell of a functional model before any data are seen.

The graph is known, the losses are: probabilities where logits are announced, scores
where probabilities belong, and weights that no gradient reaches.
"""

from __future__ import annotations

import inspect
from typing import Any

from ..graph.diagnostics import Diagnostic, Label, caller_span
from ..graph.network import Network
from ..graph.node import Node
from ..graph.notices import tell
from ..graph.tensor import SymbolicTensor
from ..graph.watching import is_of_library
from .gradient_reach import unreached
from .loss import FunctionLoss
from .objective import Compiled
from .operands import check_logits, scores


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
        elif _takes_probabilities(goal.loss):
            _warn_of_scores(goal.loss, node)
    roots = [node for goal, node in pairs if goal.loss is not None]
    roots += model.loss_nodes
    if roots and not any(_adds_losses(layer) for layer in model.sublayers):
        weights = model.trainable_weights
        found = unreached(weights, roots, caller_span())
        for warning in found:
            tell(warning)
        owner.unreached = tuple(weights) if found else ()


def _takes_probabilities(loss: Any) -> bool:
    """Whether a loss of the library was left to take probabilities."""
    if isinstance(loss, FunctionLoss) and is_of_library(loss.function):
        known = inspect.signature(loss.function).parameters
        return "from_logits" in known and "from_logits" not in loss._said
    return False


def _warn_of_scores(loss: Any, node: Node) -> None:
    """Scores of a layer without an activation, where probabilities belong: T0608."""
    maker = scores(SymbolicTensor(node))
    if maker is None:
        return
    span = caller_span()
    labels: tuple[Label, ...] = ()
    if maker.span is not None and maker.span != span:
        labels = (Label(maker.span, "the scores are made here"),)
    tell(
        Diagnostic(
            "T0608",
            f"`{loss.name}` takes probabilities, and no activation made these",
            span,
            labels=labels,
            severity="warning",
            help=(
                f"`losses.{type(loss).__name__}(from_logits=True)` takes scores",
                "`from_logits=False` says that they are probabilities",
            ),
        )
    )


def _adds_losses(layer: Any) -> bool:
    """Whether more than the outputs and what layers add is made small."""
    added = getattr(layer, "loss_nodes", ())
    return bool(layer.activity_regularizer is not None or added)
