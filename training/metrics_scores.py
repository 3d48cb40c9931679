"""Scores of a whole set: F-scores and the coefficient of determination."""

from __future__ import annotations

from typing import Any

from ..graph.configuration import epsilon
from ..graph.diagnostics import Fault
from ..graph.kinds import is_number
from ..graph.registry import call
from ..graph.tensor import SymbolicTensor
from ..graph.variable import Variable
from .arguments import MOST_LEVELS, checked_choice, checked_count, refuse
from .configured import told_to_caller
from .metric import Metric
from .metrics_averages import weights_of
from .notices import warn
from .operands import as_tensor, element_count, raise_rank, same_shape

SMALLEST = 1e-9  # a row whose largest prediction is not above this says nothing


class ByColumn(Metric):
    """The base of scores that are reckoned column by column f32[batch, columns]."""

    columns: int | None = None

    def operands(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Target and prediction of one shape; the first ones say how many columns."""
        y_true, y_pred = as_tensor(y_true, self.dtype), as_tensor(y_pred, self.dtype)
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        found = y_pred.type.shape[-1].value if y_pred.type.rank == 2 else None
        if found is None or self.columns not in (None, found):
            there = "columns" if self.columns is None else f"{self.columns} columns"
            raise Fault(
                "T0306",
                f"`{self.name}` takes targets and predictions of shape (batch, {there})"
                f", and got {y_pred.type}",
                operands={1: f"{y_pred.type}, the prediction"},
                help=["`reshape(…, (-1, columns))` brings them to it"]
                if y_pred.type.rank != 2
                else [],
            )
        if self.columns is None:
            self.columns = found
            self.build(found)
        return y_true, y_pred

    def build(self, columns: int) -> None:
        """Make the state that depends on the number of columns."""
        raise NotImplementedError


class FBetaScore(ByColumn):
    """The weighted harmonic mean of precision and recall, F-beta.

    `(1 + β²) · precision · recall / (β² · precision + recall)` for each class of
    targets and predictions f32[batch, classes]. `average` makes one figure of them:
    their mean (`"macro"`), the mean by how often a class occurs (`"weighted"`), or the
    score of all decisions together (`"micro"`). A prediction above `threshold` says
    yes; without one the largest of each row does. Formula: van Rijsbergen 1979.

    >>> y_true = [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    >>> y_pred = [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    >>> metric = FBetaScore(beta=2.0, threshold=0.5)
    >>> [round(float(score), 4) for score in metric(y_true, y_pred)]
    [0.3846, 0.9091, 0.8333]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        choices = (None, "micro", "macro", "weighted")
        self.average = checked_choice("average", average, choices)
        if not is_number(beta) or beta <= 0:
            refuse("beta", "a number above 0", beta)
        if threshold is not None and not (is_number(threshold) and 0 < threshold <= 1):
            refuse("threshold", "a number above 0 and up to 1", threshold)
        self.beta, self.threshold = float(beta), threshold

    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def build(self, columns: int) -> None:
        shape = () if self.average == "micro" else (columns,)
        names = ("true_positives", "false_positives", "false_negatives")
        for name in (*names, "intermediate_weights"):
            variable = self.add_variable(shape, dtype=self.dtype, name=name)
            setattr(self, name, variable)

    @told_to_caller
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the decisions of a batch f32[batch, classes], weights f32[batch].

        Raises T0306 for another rank, T0601 for unequal shapes.
        """
        y_true, y_pred = self.operands(y_true, y_pred)
        if self.threshold is None:
            largest = call("max", y_pred, axis=-1, keepdims=True)
            said = (y_pred >= largest) & (call("abs", y_pred) > SMALLEST)
        else:
            said = y_pred > self.threshold
        said = call("cast", said, self.dtype)
        if sample_weight is not None:
            weights = weights_of(self.name, sample_weight, y_pred, self.dtype)
            sample_weight = raise_rank(weights, 2)
        for variable, amounts in (
            (self.true_positives, said * y_true),
            (self.false_positives, said * (1.0 - y_true)),
            (self.false_negatives, (1.0 - said) * y_true),
            (self.intermediate_weights, y_true),
        ):
            if sample_weight is not None:
                amounts = amounts * sample_weight
            axis = None if self.average == "micro" else 0
            variable.assign_add(call("sum", amounts, axis=axis))

    def result(self) -> Any:
        """The score, f32[classes] unless averaged; 0 before the first update."""
        if self.columns is None:
            return as_tensor(0.0, self.dtype)
        right = self.true_positives.value
        precision = right / (right + self.false_positives + epsilon())
        recall = right / (right + self.false_negatives + epsilon())
        square = self.beta * self.beta
        below = square * precision + recall + epsilon()
        scores = precision * recall / below * (1.0 + square)
        if self.average == "weighted":
            often = self.intermediate_weights.value
            return call("sum", scores * (often / (call("sum", often) + epsilon())))
        return scores if self.average is None else call("mean", scores)


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall; `FBetaScore` with `beta` 1.

    >>> metric = F1Score(average="micro", threshold=0.5)
    >>> round(float(metric([[1.0, 0.0], [1.0, 1.0]], [[0.9, 0.6], [0.2, 0.8]])), 4)
    0.6667
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)


class R2Score(ByColumn):
    """The coefficient of determination: 1 - residual / total sum of squares.

    Reckoned for each column of targets and predictions f32[batch, columns].
    `class_aggregation` makes one figure of them: `"uniform_average"`, or
    `"variance_weighted_average"` by the columns' sums of squares; None leaves one for
    each. `num_regressors` p above 0 gives the adjusted score
    `1 - (1 - R²)(n - 1)/(n - p - 1)` of n samples.

    >>> metric = R2Score()
    >>> float(metric([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]))
    0.5714285373687744
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        choices = (None, "uniform_average", "variance_weighted_average")
        self.class_aggregation = checked_choice(
            "class_aggregation", class_aggregation, choices
        )
        self.num_regressors = checked_count(
            "num_regressors", num_regressors, 0, MOST_LEVELS
        )
        self.num_samples = self.add_variable(name="num_samples")

    def build(self, columns: int) -> None:
        self.squared_sum = self.add_variable((columns,), name="squared_sum")
        self.sum = self.add_variable((columns,), name="sum")
        self.total_mse = self.add_variable((columns,), name="residual")
        self.count = self.add_variable((columns,), name="count")

    @told_to_caller
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch f32[batch, columns] in, weights f32[batch] or as the batch.

        Raises T0306 for another rank, T0601 for unequal shapes.
        """
        y_true, y_pred = self.operands(y_true, y_pred)
        weights = call("ones_like", y_true)
        if sample_weight is not None:
            given = weights_of(self.name, sample_weight, y_true, self.dtype)
            weights = weights * raise_rank(given, 2)
        for variable, amounts in (
            (self.sum, y_true * weights),
            (self.squared_sum, call("square", y_true) * weights),
            (self.total_mse, call("square", y_true - y_pred) * weights),
            (self.count, weights),
        ):
            variable.assign_add(call("sum", amounts, axis=0))
        self.num_samples.assign_add(element_count(y_true, (0,)))

    def result(self) -> Any:
        """The score, f32[columns] unless aggregated; 0 before the first update."""
        if self.columns is None:
            return as_tensor(0.0)
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1.0 - self.total_mse / total
        scores = call("where", call("isinf", scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = call("mean", scores)
        elif self.class_aggregation is not None:
            scores = call("sum", total * scores) / call("sum", total)
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores: Any) -> Any:
        samples: Any = self.num_samples.value
        free = samples - 1.0 - float(self.num_regressors)
        if not isinstance(free, SymbolicTensor) and float(free) <= 0:
            warn(
                f"`{self.name}` is not adjusted: {self.num_regressors} regressors are "
                f"too many for {int(float(samples))} samples"
            )
        adjusted = 1.0 - (1.0 - scores) * (samples - 1.0) / free
        return call("where", free > 0.0, adjusted, scores)


__all__ = ["F1Score", "FBetaScore", "R2Score"]
