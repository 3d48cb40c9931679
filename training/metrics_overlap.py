"""Overlap of target and prediction, class by class: intersection over union.

All are made of one table that counts how often a class was taken for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.configuration import epsilon
from ..graph.diagnostics import Fault
from ..graph.kinds import is_number
from ..graph.registry import call
from .arguments import MOST_CLASSES, checked_count, refuse
from .configured import told_to_caller
from .metric import Metric
from .metrics_averages import weights_of
from .notices import warn
from .operands import as_tensor, check_same, raise_rank


class IoU(Metric):
    """The mean over some classes of intersection over union.

    For each of `target_class_ids` the samples that are of the class in target and
    prediction alike, divided by those that are in one of the two; classes that no
    sample has are left out. Target and prediction hold class numbers i32[...], or
    scores with classes along `axis` where `sparse_y_true`, `sparse_y_pred` is false.
    Samples whose target is `ignore_class`, or whose class is none of `num_classes`,
    do not count. Weights are cut down to whole numbers unless `dtype` is a
    floating-point one.

    >>> metric = IoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    usual_dtype = "int32"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(None if dtype == "int" else dtype, name)
        self.num_classes = checked_count("num_classes", num_classes, 1, MOST_CLASSES)
        self.target_class_ids = _class_ids(target_class_ids, self.num_classes)
        self.ignore_class = ignore_class
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable(
            (num_classes, num_classes), dtype=self.dtype, name="total_confusion_matrix"
        )

    @told_to_caller
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the samples of a batch.

        Raises T0601 if target and prediction have another number of samples.
        """
        y_true = self._numbers(y_true, self.sparse_y_true)
        y_pred = self._numbers(y_pred, self.sparse_y_pred)
        weights = self._weights(sample_weight, y_true)
        y_true, y_pred = (call("reshape", x, (-1,)) for x in (y_true, y_pred))
        check_same(self.name, y_true, y_pred)
        count = self.num_classes
        kept = _within(y_true, count) & _within(y_pred, count)
        if self.ignore_class is not None:
            kept = kept & (y_true != self.ignore_class)
        place = call("where", kept, y_true * count + y_pred, 0)
        weights = call("where", kept, weights, call("zeros_like", weights))
        table = call("segment_sum", weights, place, count * count)
        self.total_cm.assign_add(call("reshape", table, (count, count)))

    def _numbers(self, values: Any, sparse: bool) -> Any:
        values = as_tensor(values)
        if not sparse:
            values = call("argmax", values, axis=self.axis)
        return call("cast", values, "int32")

    def _weights(self, sample_weight: Any, y_true: Any) -> Any:
        """One weight for each sample, in a row."""
        if sample_weight is None:
            weights = call("ones_like", y_true)
        else:
            weights = as_tensor(sample_weight)
            if weights.type.dtype.is_float and "int" in self.dtype:
                warn(
                    f"`{self.name}` counts in {self.dtype} and cuts its sample "
                    f"weights {weights.type} down to whole numbers",
                    'give whole weights, or `dtype="float32"` to the metric',
                )
            weights = weights_of(self.name, weights, y_true, self.dtype)
            weights = raise_rank(weights, y_true.type.rank)
            weights = call("broadcast_to", weights, y_true.type.shape)
        return call("reshape", call("cast", weights, self.dtype), (-1,))

    def result(self) -> Any:
        """The mean over the target classes, a scalar f32."""
        table = self.total_cm.value
        found = call("diagonal", table)
        either = call("sum", table, axis=0) + call("sum", table, axis=1) - found
        ids = np.array(self.target_class_ids, np.int32)
        both, either = (
            call("cast", call("take", x, ids, axis=0), "float32")
            for x in (found, either)
        )
        seen = either > 1e-9
        shares = call("where", seen, both / (either + epsilon()), 0.0)
        return call("sum", shares) / (
            call("sum", call("cast", seen, "float32")) + epsilon()
        )


def _within(numbers: Any, count: int) -> Any:
    return (numbers >= 0) & (numbers < count)


def _class_ids(given: Any, count: int) -> list[int]:
    numbers = list(given) if isinstance(given, (list, tuple, range, np.ndarray)) else []
    if not numbers:
        refuse("target_class_ids", "a list of class numbers", given)
    numbers = [checked_count("target_class_ids", number, 0) for number in numbers]
    if max(numbers) >= count:
        raise Fault(
            "T0204",
            f"`target_class_ids` names class {max(numbers)}, and the {count} classes "
            f"are numbered from 0 to {count - 1}",
            argument="target_class_ids",
        )
    return numbers


class BinaryIoU(IoU):
    """The mean of intersection over union for yes (1) and no (0).

    A prediction f32[...] of `threshold` or more says yes; `target_class_ids` names
    those of the two that count.

    >>> metric = BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
    >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        if not is_number(threshold):
            refuse("threshold", "a number", threshold)
        self.threshold = threshold

    @told_to_caller
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_tensor(y_pred, "float32") >= self.threshold
        super().update_state(y_true, y_pred, sample_weight)


class MeanIoU(IoU):
    """The mean over all classes of intersection over union; see `IoU`.

    >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        classes = range(checked_count("num_classes", num_classes, 1, MOST_CLASSES))
        super().__init__(
            num_classes,
            classes,
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )


class OneHotIoU(IoU):
    """`IoU` of one-hot targets [..., classes] and scores, or class numbers.

    >>> metric = OneHotIoU(num_classes=3, target_class_ids=[0, 2])
    >>> y_true = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    >>> y_pred = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    >>> round(float(metric(y_true, y_pred)), 4)
    0.1667
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes,
            target_class_ids,
            name,
            dtype,
            ignore_class,
            False,
            sparse_y_pred,
            axis,
        )


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets [..., classes] and scores, or class numbers.

    >>> metric = OneHotMeanIoU(num_classes=2)
    >>> round(float(metric([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])), 4)
    0.25
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]
