"""The area under a curve that decisions at many thresholds draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.configuration import epsilon
from ..graph.diagnostics import Fault
from ..graph.kinds import FiniteArray
from ..graph.registry import call
from .arguments import MOST_LEVELS, checked_choice, checked_count, refuse
from .configured import told_to_caller
from .metrics_confusion import (
    Decisions,
    Thresholds,
    are_even,
    listed,
    precision,
    recall,
)
from .operands import as_tensor, divide_no_nan

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "majoring", "minoring")


class AUC(Decisions):
    """The area under the curve that decisions at many thresholds draw, by strips.

    `curve` is `"ROC"` (recall over the share of wrong yes), `"PR"` (precision over
    recall) or `"PRGAIN"` (the gains of Flach and Kull 2015). `summation_method` takes
    the middle of each strip (`"interpolation"`; for PR the interpolation of Davis and
    Goadrich 2006), the higher side (`"majoring"`) or the lower (`"minoring"`). There
    are `num_thresholds` in equal steps from 0 to 1, or those of `thresholds` between
    0 and 1. With `multi_label` each column f32[batch, num_labels] has a curve of its
    own, and the result is their mean, weighted by `label_weights`. `from_logits` sends
    predictions through a sigmoid.

    Raises T0601 for unequal shapes.

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: FiniteArray | None = None,
        from_logits: bool = False,
    ):
        super().__init__(dtype, name)
        self.curve = checked_choice("curve", _known(curve, CURVES), CURVES)
        method = _known(summation_method, SUMMATIONS)
        self.summation_method = checked_choice("summation_method", method, SUMMATIONS)
        inner = None if thresholds is None else sorted(listed(thresholds))
        self._levels = _levels(num_thresholds, inner)
        self.num_thresholds = len(self._levels)
        self.multi_label, self.num_labels = bool(multi_label), num_labels
        self.label_weights = _weights(label_weights)
        self.from_logits = from_logits
        if not multi_label:
            if num_labels:
                refuse("num_labels", "for `multi_label=True` alone", num_labels)
            self.add_counts((self.num_thresholds,))
        elif num_labels:
            self._build(checked_count("num_labels", num_labels))

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, from just below 0 to just above 1."""
        return list(self._levels.values)

    def get_config(self) -> dict[str, Any]:
        """The arguments as they are understood."""
        config = super().get_config()
        for name in ("num_thresholds", "curve", "summation_method"):
            config[name] = getattr(self, name)
        if config["thresholds"] is not None:
            config["thresholds"] = self.thresholds[1:-1]
        return config

    def _build(self, labels: int) -> None:
        if self.label_weights is not None and len(self.label_weights) != labels:
            _refuse_weights(self.label_weights, labels)
        self.add_counts((self.num_thresholds, labels))

    @told_to_caller
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the decisions of a batch: f32[batch, …] each, weights f32[batch]."""
        y_pred = as_tensor(y_pred, "float32")
        if self.from_logits:
            y_pred = call("sigmoid", y_pred)
        y_true, y_pred, weights = self.operands(y_true, y_pred, sample_weight)
        if self.multi_label:
            self._check_labels(y_pred)
        elif self.label_weights is not None:
            labels = self._label_weights(y_pred)
            weights = labels if weights is None else weights * labels
        self.add_decisions(self._levels, y_true, y_pred, weights, self.multi_label)

    def _check_labels(self, y_pred: Any) -> None:
        """Refuse predictions without a known number of labels, or with another."""
        found = y_pred.type.shape[-1].value if y_pred.type.rank == 2 else None
        known = self.true_positives.shape[1] if self._variables else found
        if found is None or found != known:
            labels = "labels" if known is None else f"{known} labels"
            raise Fault(
                "T0306",
                f"`{self.name}` with `multi_label` takes predictions of shape (batch, "
                f"{labels}), and got {y_pred.type}",
                operands={1: f"{y_pred.type}, the prediction"},
            )
        if not self._variables:
            self._build(found)

    def _label_weights(self, y_pred: Any) -> Any:
        """The weights of labels, which lie along the last axis."""
        labels = y_pred.type.shape[-1] if y_pred.type.rank > 1 else None
        if labels is None or labels.value != len(self.label_weights):
            _refuse_weights(self.label_weights, labels)
        return self.label_weights

    def result(self) -> Any:
        """The area, a scalar; 0 before the first update."""
        if not self._variables:
            return as_tensor(0.0)
        if (self.curve, self.summation_method) == ("PR", "interpolation"):
            strips = self._interpolated()
        else:
            x, y = getattr(self, f"_{self.curve.lower()}")()
            sides = (y[:-1], y[1:])
            if self.summation_method == "interpolation":
                heights = (sides[0] + sides[1]) / 2.0
            else:
                side = "maximum" if self.summation_method == "majoring" else "minimum"
                heights = call(side, *sides)
            strips = (x[:-1] - x[1:]) * heights
        if not self.multi_label:
            return call("sum", strips)
        areas = call("sum", strips, axis=0)
        if self.label_weights is None:
            return call("mean", areas)
        weights = self.label_weights
        return divide_no_nan(call("sum", areas * weights), float(weights.sum()))

    # Curves, as x and y at each threshold.

    def _roc(self) -> tuple[Any, Any]:
        wrong = self.false_positives.value
        return divide_no_nan(wrong, wrong + self.true_negatives), recall(self)

    def _pr(self) -> tuple[Any, Any]:
        return recall(self), precision(self)

    def _prgain(self) -> tuple[Any, Any]:
        right = self.true_positives.value
        missed, wrong = self.false_negatives.value, self.false_positives.value
        odds = divide_no_nan(right + missed, wrong + self.true_negatives)
        none = right == 0.0
        recalled = 1.0 - odds * divide_no_nan(missed, right)
        precise = 1.0 - odds * divide_no_nan(wrong, right)
        x = call("maximum", call("where", none, 0.0, recalled), 0.0)
        return x, call("where", none, 1.0, precise)

    def _interpolated(self) -> Any:
        """Strips under the curve of precision over recall (Davis and Goadrich 2006).

        Between two thresholds right and wrong ones grow in proportion, which makes of
        precision a hyperbola; its integral has a logarithm.
        """
        right = self.true_positives.value
        said = right + self.false_positives
        more = right[:-1] - right[1:]
        slope = divide_no_nan(more, call("maximum", said[:-1] - said[1:], 0.0))
        start = right[1:] - slope * said[1:]
        both = call("logical_and", said[:-1] > 0.0, said[1:] > 0.0)
        grown = call("where", both, divide_no_nan(said[:-1], said[1:]), 1.0)
        area = slope * (more + start * call("log", grown))
        return divide_no_nan(area, right[1:] + self.false_negatives.value[1:])


def _known(value: Any, names: Sequence[str]) -> Any:
    """The name that a text, or the member of an enumeration, means in any spelling."""
    text = str(getattr(value, "value", value)).lower()
    return next((name for name in names if name.lower() == text), value)


def _levels(count: Any, inner: list[float] | None) -> Thresholds:
    """Thresholds with one just below 0 in front and one just above 1 at the end."""
    if inner is None:
        count = checked_count("num_thresholds", count, 2, MOST_LEVELS)
        even, inner = True, [i / (count - 1) for i in range(1, count - 1)]
    else:
        even = are_even([0.0, *inner, 1.0])
    return Thresholds((-epsilon(), *inner, 1.0 + epsilon()), even, True)


def _weights(given: Any) -> Any:
    if given is None:
        return None
    weights = np.asarray(given, np.float32)
    if weights.ndim != 1:
        refuse("label_weights", "a list with a number for each label", given)
    return weights


def _refuse_weights(weights: Any, labels: Any) -> None:
    there = "no axis of labels" if labels is None else f"{labels} labels"
    raise Fault(
        "T0204",
        f"`label_weights` has {len(weights)} numbers, and the predictions have {there}",
        argument="label_weights",
    )


__all__ = ["AUC"]
