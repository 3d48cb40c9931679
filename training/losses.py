"""Losses: what training makes small, by Keras's names, arguments and numbers.

Each comes as a function, which gives one value for each sample, and as a class, which
reduces them to a scalar. Both work on values and on symbols. Shapes of operands must
be equal: nothing is broadcast or squeezed in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.registry import call
from .configured import Kinds, told_to_caller
from .loss import Loss, LossFunction
from .operands import (
    as_floats,
    as_tensor,
    check_labels,
    check_logits,
    check_same,
    element_count,
)


@told_to_caller
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of `(y_true - y_pred)²` over the last axis.

    Both f32[..., n], the result f32[...]. Raises T0601 for unequal shapes.

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy().tolist()
    [2.5]
    """
    y_true, y_pred = _pair("mean_squared_error", y_true, y_pred)
    return call("mean", call("square", y_true - y_pred), axis=-1)


@told_to_caller
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of `|y_true - y_pred|` over the last axis.

    Both f32[..., n], the result f32[...]. Raises T0601 for unequal shapes.

    >>> mean_absolute_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy().tolist()
    [1.5]
    """
    y_true, y_pred = _pair("mean_absolute_error", y_true, y_pred)
    return call("mean", call("abs", y_true - y_pred), axis=-1)


@told_to_caller
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Half the squared error up to `delta`, linear beyond; mean over the last axis.

    Both f32[..., n], the result f32[...]. Raises T0601 for unequal shapes. Formula:
    Huber 1964.

    >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).numpy().tolist()
    [1.5]
    """
    y_true, y_pred = _pair("huber", y_true, y_pred)
    error = y_pred - y_true
    size = call("abs", error)
    inside = 0.5 * call("square", error)
    outside = delta * size - 0.5 * delta * delta
    return call("mean", call("where", size <= delta, inside, outside), axis=-1)


@told_to_caller
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The crossentropy of independent yes-or-no answers, mean over `axis`.

    Both f32[..., n]; `y_pred` holds probabilities, or logits if `from_logits`. Raises
    T0601 for unequal shapes, T0602 for logits that are probabilities.

    >>> round(float(binary_crossentropy([1.0], [0.5])), 4)
    0.6931
    """
    name = "binary_crossentropy"
    y_true, y_pred = _pair(name, y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        check_logits(name, y_pred, "sigmoid")
    return call("mean", call(name, y_true, y_pred, from_logits), axis=axis)


@told_to_caller
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The crossentropy of distributions over classes, which lie along `axis`.

    Both f32[..., classes], the result f32[...]; `y_pred` holds probabilities, or logits
    if `from_logits`. Raises T0601 for unequal shapes, T0602 for logits that are
    probabilities.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4).tolist()
    [0.6930999755859375]
    """
    name = "categorical_crossentropy"
    y_true, y_pred = _pair(name, y_true, y_pred)
    if label_smoothing:
        classes = element_count(y_pred, (axis,))
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / classes
    if from_logits:
        check_logits(name, y_pred, "softmax")
    return call(name, y_true, y_pred, from_logits, axis)


@told_to_caller
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """The crossentropy of class numbers: minus the logarithm of what they were given.

    `y_true` i32[...], `y_pred` f32[..., classes], the result f32[...]. Samples of the
    class `ignore_class` count 0. Raises T0601 if the ranks do not differ by one, T0602
    for logits that are probabilities.

    >>> loss = sparse_categorical_crossentropy([1], [[0.0, 0.0]], from_logits=True)
    >>> round(float(loss[0]), 4)
    0.6931
    """
    name = "sparse_categorical_crossentropy"
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    check_labels(name, y_true, y_pred, axis)
    if from_logits:
        check_logits(name, y_pred, "softmax")
    if ignore_class is None:
        return call(name, y_true, y_pred, from_logits, axis)
    kept = y_true != ignore_class
    labels = call("where", kept, y_true, 0)
    return call("where", kept, call(name, labels, y_pred, from_logits, axis), 0.0)


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Two operands of one shape and one floating-point dtype."""
    y_pred = as_floats(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype)
    check_same(name, y_true, y_pred)
    return y_true, y_pred


class MeanSquaredError(Loss):
    """The mean squared error; see `mean_squared_error`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return mean_squared_error(y_true, y_pred)


class MeanAbsoluteError(Loss):
    """The mean absolute error; see `mean_absolute_error`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return mean_absolute_error(y_true, y_pred)


class Huber(Loss):
    """Squared near the target, linear far from it; see `huber`."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        self.delta = delta

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return huber(y_true, y_pred, self.delta)


class BinaryCrossentropy(Loss):
    """The crossentropy of yes-or-no answers; see `binary_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits, self.axis = from_logits, axis
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return binary_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis
        )


class CategoricalCrossentropy(BinaryCrossentropy):
    """The crossentropy of distributions; see `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis
        )


class SparseCategoricalCrossentropy(Loss):
    """The crossentropy of class numbers; see `sparse_categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits, self.ignore_class = from_logits, ignore_class
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return sparse_categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.ignore_class, self.axis
        )

    def mask(self, y_true: Any, mask: Any) -> Any:
        if self.ignore_class is None:
            return mask
        kept = y_true != self.ignore_class
        return kept if mask is None else call("logical_and", kept, mask)


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]

# For strings and the language: the functions, each with its class.
BY_NAME: dict[str, Callable[..., Any]] = {
    "binary_crossentropy": binary_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "huber": huber,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
}
CLASSES: dict[str, type[Loss]] = {
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "huber": Huber,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}
ALIASES = {
    "bce": "binary_crossentropy",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}
KINDS = Kinds(Loss, "loss", "loss", CLASSES, ALIASES, BY_NAME)


def get(identifier: Any) -> Any:
    """The loss that a name, a configuration, a class or a callable means.

    Raises T0204 with the nearest name.

    >>> get("mse").name
    'mean_squared_error'
    """
    found = KINDS.get(identifier)
    known = found is None or isinstance(found, Loss)
    return found if known else LossFunction(found)
