"""Right and wrong decisions at thresholds: counts, precision, recall, what is between.

A prediction above a threshold says yes. Counting is by comparison; thresholds in equal
steps from 0 to 1 are counted by buckets, which takes no longer the more there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.registry import call
from ..graph.variable import Variable
from .arguments import MOST_LEVELS, checked_count, checked_fraction, refuse
from .configured import told_to_caller
from .metric import Metric
from .metrics_averages import weights_of
from .operands import as_tensor, divide_no_nan, raise_rank, same_shape

TRUE_POSITIVES, FALSE_POSITIVES = "true_positives", "false_positives"
TRUE_NEGATIVES, FALSE_NEGATIVES = "true_negatives", "false_negatives"
ALL = (TRUE_POSITIVES, FALSE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES)
BELOW_ALL = -1e10  # what a prediction that is not among the best counts as


@dataclass(frozen=True)
class Thresholds:
    """Thresholds, and whether they go from 0 to 1 in equal steps.

    `widened` says that the first lies just below 0 and the last just above 1.
    """

    values: tuple[float, ...]
    even: bool = False
    widened: bool = False

    @classmethod
    def of(cls, values: Sequence[float]) -> Thresholds:
        """Thresholds as given."""
        return cls(tuple(values), are_even(values))

    @classmethod
    def spread(cls, count: int) -> Thresholds:
        """So many thresholds from 0 to 1."""
        if count == 1:
            return cls((0.5,))
        return cls(tuple(i / (count - 1) for i in range(count)), True)

    def __len__(self) -> int:
        return len(self.values)

    def split(self, amounts: Any, y_pred: Any) -> tuple[Any, Any]:
        """The sums f32[thresholds, labels] of amounts whose prediction is above or not.

        Both operands are f32[samples, labels], the number of labels being known.
        """
        if not self.even:
            levels = np.reshape(np.array(self.values, np.float32), (-1, 1, 1))
            said = call("expand_dims", y_pred, 0) > levels
            above = call("sum", call("where", said, amounts, 0.0), axis=1)
            return above, call("sum", call("where", said, 0.0, amounts), axis=1)
        above = self._above(amounts, y_pred, y_pred.type.shape[1].value)
        return above, call("sum", amounts, axis=0) - above

    def _above(self, amounts: Any, y_pred: Any, labels: int) -> Any:
        count = len(self)
        steps = call("ceil", call("clip", y_pred, 0.0, 1.0) * float(count - 1))
        if self.widened:
            steps = call("maximum", steps, 1.0)  # 0 lies above the first
        passed = call("cast", steps, "int32")  # how many thresholds lie below
        place = passed * labels + np.arange(labels, dtype=np.int32)
        flat = [call("reshape", x, (-1,)) for x in (amounts, place)]
        sums = call("segment_sum", *flat, (count + 1) * labels)
        sums = call("reshape", sums, (count + 1, labels))
        return call("flip", call("cumsum", call("flip", sums, 0), axis=0), 0)[1:]


def are_even(values: Sequence[float]) -> bool:
    """Whether at least three thresholds go from 0 to 1 in equal steps."""
    count = len(values)
    return count > 2 and np.allclose(values, np.linspace(0, 1, count), atol=1e-7)


def counts(
    wanted: Sequence[str],
    y_true: Any,
    y_pred: Any,
    weights: Any,
    thresholds: Thresholds,
) -> dict[str, Any]:
    """Counts f32[thresholds, labels] of decisions, from operands f32[samples, labels].

    A target other than 0 says yes.
    """
    yes = call("cast", call("cast", y_true, "bool"), y_pred.dtype)
    no = 1.0 - yes
    if weights is not None:
        yes, no = yes * weights, no * weights
    found = {}
    for label, right, wrong in (
        (yes, TRUE_POSITIVES, FALSE_NEGATIVES),
        (no, FALSE_POSITIVES, TRUE_NEGATIVES),
    ):
        if right in wanted or wrong in wanted:
            found[right], found[wrong] = thresholds.split(label, y_pred)
    return {name: found[name] for name in wanted}


class Decisions(Metric):
    """The base of metrics that count decisions; `kinds` names what is counted."""

    kinds: ClassVar[tuple[str, ...]] = ALL
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable
    thresholds: Any
    top_k: int | None = None
    class_id: int | None = None

    def add_counts(self, shape: Sequence[int]) -> None:
        """Make a variable for each kind of decision, an attribute of that name."""
        for kind in self.kinds:
            setattr(self, kind, self.add_variable(shape, name=kind))

    def add_decisions(
        self,
        thresholds: Thresholds,
        y_true: Any,
        y_pred: Any,
        weights: Any,
        multi_label: bool = False,
    ) -> None:
        """Count further decisions; each label of its own if `multi_label`."""
        if weights is not None:
            weights = call("broadcast_to", weights, y_pred.type.shape)
        if not multi_label:
            y_true, y_pred = _column(y_true), _column(y_pred)
            weights = weights if weights is None else _column(weights)
        for kind, more in counts(
            self.kinds, y_true, y_pred, weights, thresholds
        ).items():
            variable = getattr(self, kind)
            variable.assign_add(call("reshape", more, variable.shape))

    def operands(
        self, y_true: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[Any, Any, Any]:
        """Target and prediction of one shape, and weights that spread over them."""
        y_true, y_pred = as_tensor(y_true, "float32"), as_tensor(y_pred, "float32")
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        weights = None
        if sample_weight is not None:
            weights = weights_of(self.name, sample_weight, y_pred, "float32")
            weights = raise_rank(weights, y_pred.type.rank)
        if (top_k := self.top_k) is not None:
            y_pred = self._best(y_pred, top_k)
        if (class_id := self.class_id) is not None:
            y_true = self._of_class(y_true, class_id)
            y_pred = self._of_class(y_pred, class_id)
            if weights is not None and weights.type.shape[-1].value != 1:
                weights = self._of_class(weights, class_id)
        return y_true, y_pred, weights

    def _best(self, y_pred: Any, top_k: int) -> Any:
        """Predictions that are not among the `top_k` of their row put below all."""
        self._check_classes("top_k", y_pred)
        classes = y_pred.type.shape[-1]
        if classes.value is not None and top_k > classes.value:
            raise Fault(
                "T0204",
                f"`top_k` of `{self.name}` is {top_k}, and the prediction "
                f"{y_pred.type} has {classes} classes",
                operands={1: f"{y_pred.type}, the prediction"},
            )
        places = call("top_k", y_pred, top_k)[1]
        best = call("sum", call("one_hot", places, classes), axis=-2)
        return y_pred * best + BELOW_ALL * (1.0 - best)

    def _of_class(self, x: Any, class_id: int) -> Any:
        self._check_classes("class_id", x)
        classes = x.type.shape[-1].value
        if classes is not None and class_id >= classes:
            raise Fault(
                "T0311",
                f"`class_id` of `{self.name}` is {class_id}, and {x.type} has "
                f"{classes} classes, numbered from 0",
                operands={1: f"{x.type}"},
            )
        return x[..., class_id : class_id + 1]

    def _check_classes(self, argument: str, x: Any) -> None:
        if x.type.rank < 2:
            raise Fault(
                "T0306",
                f"`{self.name}` with `{argument}` looks at classes, and {x.type} has "
                "no axis of classes",
                operands={1: f"{x.type}"},
                help=["targets and predictions are of shape (batch, classes)"],
            )


def _column(x: Any) -> Any:
    return call("reshape", x, (-1, 1))


class Thresholded(Decisions):
    """Decisions at one threshold or several, given as numbers from 0 to 1."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.top_k = None if top_k is None else checked_count("top_k", top_k)
        self.class_id = _class_number(class_id)
        usual = 0.5 if top_k is None else BELOW_ALL
        self.thresholds = [usual] if thresholds is None else listed(thresholds)
        self._levels = Thresholds.of(self.thresholds)
        self.add_counts((len(self.thresholds),))

    @told_to_caller
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the decisions of a batch: f32[batch, …] each, weights f32[batch]."""
        operands = self.operands(y_true, y_pred, sample_weight)
        self.add_decisions(self._levels, *operands)

    def single(self, figures: Any) -> Any:
        """One figure for each threshold; of one threshold the figure alone."""
        return figures[0] if len(self.thresholds) == 1 else figures


def _class_number(class_id: Any) -> int | None:
    return None if class_id is None else checked_count("class_id", class_id, 0)


def listed(thresholds: Any) -> list[float]:
    """Thresholds as a list of numbers from 0 to 1; refuses others, T0204."""
    several = isinstance(thresholds, (list, tuple, np.ndarray))
    given = list(thresholds) if several else [thresholds]
    if not given:
        refuse("thresholds", "a number from 0 to 1 or a list of them", thresholds)
    return [checked_fraction("thresholds", one) for one in given]


class CountOf(Thresholded):
    """How many decisions of one kind there are, at each threshold."""

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(thresholds, None, None, name, dtype)

    def add_counts(self, shape: Sequence[int]) -> None:
        self.accumulator = self.add_variable(shape, name="accumulator")
        setattr(self, self.kinds[0], self.accumulator)

    def result(self) -> Any:
        """The number, one for each threshold if there are several."""
        return self.single(self.accumulator.value)


class TruePositives(CountOf):
    """How often yes was said rightly.

    >>> float(TruePositives()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0]))
    2.0
    """

    kinds = (TRUE_POSITIVES,)


class FalsePositives(CountOf):
    """How often yes was said wrongly.

    >>> float(FalsePositives()([0, 1, 0, 0], [0.9, 0.0, 1.0, 0.1]))
    2.0
    """

    kinds = (FALSE_POSITIVES,)


class TrueNegatives(CountOf):
    """How often no was said rightly.

    >>> float(TrueNegatives(thresholds=0.3)([0, 1, 0], [0.2, 0.0, 0.4]))
    1.0
    """

    kinds = (TRUE_NEGATIVES,)


class FalseNegatives(CountOf):
    """How often no was said wrongly.

    >>> float(FalseNegatives()([0, 1, 1], [0.2, 0.0, 0.4]))
    2.0
    """

    kinds = (FALSE_NEGATIVES,)


class Precision(Thresholded):
    """The share of right ones among the decisions for yes; 0 where there are none.

    `thresholds` is a number from 0 to 1 or a list of them, with a figure for each;
    `top_k` counts only the best classes of each row; `class_id` looks at one class.
    Raises T0601 for unequal shapes.

    >>> float(Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0]))
    0.6666666865348816
    """

    kinds = (TRUE_POSITIVES, FALSE_POSITIVES)

    def result(self) -> Any:
        """The share, one for each threshold if there are several."""
        return self.single(precision(self))


class Recall(Thresholded):
    """The share of samples with yes that were found; 0 where there are none.

    The arguments are those of `Precision`.

    >>> float(Recall()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0]))
    0.6666666865348816
    """

    kinds = (TRUE_POSITIVES, FALSE_NEGATIVES)

    def result(self) -> Any:
        """The share, one for each threshold if there are several."""
        return self.single(recall(self))


# Shares, one for each threshold.


def precision(metric: Any) -> Any:
    """The right ones among the decisions for yes."""
    right = metric.true_positives.value
    return divide_no_nan(right, right + metric.false_positives)


def recall(metric: Any) -> Any:
    """Those found among the samples with yes."""
    right = metric.true_positives.value
    return divide_no_nan(right, right + metric.false_negatives)


def specificity(metric: Any) -> Any:
    """Those found among the samples with no."""
    right = metric.true_negatives.value
    return divide_no_nan(right, right + metric.false_positives)


class BestAt(Decisions):
    """The best share of one kind among the thresholds where another is high enough."""

    wanted: ClassVar[Any]
    given: ClassVar[Any]
    given_name: ClassVar[str]

    def prepare(self, value: Any, num_thresholds: int, class_id: int | None) -> None:
        """Take the arguments in and make the counts."""
        self.value = checked_fraction(self.given_name, value)
        setattr(self, self.given_name, self.value)
        self.num_thresholds = checked_count(
            "num_thresholds", num_thresholds, most=MOST_LEVELS
        )
        self.class_id = _class_number(class_id)
        self._levels = Thresholds.spread(max(num_thresholds, 1))
        self.thresholds = list(self._levels.values)
        self.add_counts((len(self.thresholds),))

    @told_to_caller
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the decisions of a batch: f32[batch, …] each, weights f32[batch]."""
        operands = self.operands(y_true, y_pred, sample_weight)
        self.add_decisions(self._levels, *operands)

    def result(self) -> Any:
        """The share, a scalar; 0 where no threshold is good enough."""
        enough = type(self).given(self) >= self.value
        return call("max", call("where", enough, type(self).wanted(self), 0.0))


class SensitivityAtSpecificity(BestAt):
    """The largest recall at thresholds whose specificity is at least `specificity`.

    >>> metric = SensitivityAtSpecificity(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    wanted, given, given_name = recall, specificity, "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.prepare(specificity, num_thresholds, class_id)


class SpecificityAtSensitivity(BestAt):
    """The largest specificity at thresholds whose recall is at least `sensitivity`.

    >>> metric = SpecificityAtSensitivity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    wanted, given, given_name = specificity, recall, "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.prepare(sensitivity, num_thresholds, class_id)


class PrecisionAtRecall(BestAt):
    """The largest precision at thresholds whose recall is at least `recall`.

    >>> metric = PrecisionAtRecall(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    wanted, given, given_name = precision, recall, "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.prepare(recall, num_thresholds, class_id)


class RecallAtPrecision(BestAt):
    """The largest recall at thresholds whose precision is at least `precision`.

    >>> metric = RecallAtPrecision(0.8)
    >>> float(metric([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.5
    """

    wanted, given, given_name = recall, precision, "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.prepare(precision, num_thresholds, class_id)


__all__ = [
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "PrecisionAtRecall",
    "Recall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "TrueNegatives",
    "TruePositives",
]
