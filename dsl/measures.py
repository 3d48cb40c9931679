"""Losses and metrics applied to a target and a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import (
    Fault,
    Label,
    Span,
    TulleError,
    standing_at,
)
from ..graph.trace import Trace, tracing
from ..training.operands import exact_shapes, scores
from . import library
from .arguments import Given, bind, not_tensors, raw, symbolic
from .checker import WRONG_VALUES
from .operations import wrapped
from .values import (
    POISON,
    Library,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

if TYPE_CHECKING:
    from .expressions import Evaluator


def measure(
    evaluator: Evaluator, made: Library, given: Sequence[Given], span: Span
) -> tuple[list[Given], dict[str, Any]] | None:
    """Target and prediction of a loss or metric, and its settings."""
    if not_tensors(evaluator, given):
        return None
    known = library.measure_parameters(made.target)
    own = None if known == library.parameters(made.target) else known
    bound = bind(evaluator, made.name, made.target, given, span, own)
    if bound is None:
        return None
    settings: dict[str, Any] = {}
    for index, (name, item) in enumerate(bound.items()):
        if isinstance(item.value, Tuple) and name in ("y_true", "y_pred"):
            count = len(item.value.items)
            message = f"`{made.name}` compares two tensors, and this is {count}"
            help = ("take one of them, by its name or as `output[0]`",)
            evaluator.checker.error("T0501", message, item.span, help=help)
            return None
        if isinstance(item.value, Tensor) != (name in ("y_true", "y_pred")):
            wanted = "a tensor" if index < 2 else "fixed before anything runs"
            message = f"`{name}` of `{made.name}` is {wanted}"
            note = f"this is {describe(item.value)}"
            evaluator.checker.error("T0204", message, item.span, notes=(note,))
            return None
        if isinstance(item.value, Tensor):
            continue
        settings[name] = raw(item.value)
    return [bound["y_true"], bound["y_pred"]], settings


def _warn_of_scores(evaluator: Evaluator, made: Library, predicted: Given) -> None:
    """Scores of a layer without an activation, where probabilities belong."""
    maker = scores(symbolic(predicted.value))
    if maker is None:
        return
    labels: tuple[Label, ...] = ()
    if maker.span is not None and maker.span != predicted.span:
        labels = (Label(maker.span, "the scores are made here"),)
    evaluator.checker.warn(
        "T0608",
        f"`{made.name}` takes probabilities, and no activation made these",
        predicted.span,
        labels=labels,
        help=(
            f"write `{made.name}(…, from_logits = true)`",
            "`from_logits = false` says that they are probabilities",
        ),
    )


def apply_measure(
    evaluator: Evaluator, made: Library, given: Sequence[Given], span: Span
) -> Value:
    """A loss, which is one number, or a metric, a number for each sample."""
    found = measure(evaluator, made, given, span)
    if found is None:
        return POISON
    operands, settings = found
    if "from_logits" in library.measure_parameters(made.target):
        if "from_logits" not in settings:
            _warn_of_scores(evaluator, made, operands[1])
    spans = {g.name.text: g.span for g in given if g.name}
    try:
        with exact_shapes(), standing_at(span), tracing(Trace(training=False)):
            values = [symbolic(item.value) for item in operands]
            if isinstance(made.target, type):
                metric = made.target(**settings)
                metric.update_state(*values)
                return Static(metric)
            if made.kind == "loss":
                result = library.training_class("loss", made.name)(**settings)(*values)
            else:
                result = made.target(*values, **settings)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        places = {index: item.span for index, item in enumerate(operands)}
        return evaluator.checker.failed(error, span, places, spans)
    return wrapped(result, span)
