"""Metrics: running figures of a model, by Keras's names, arguments and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.registry import call
from ..graph.types import TensorType
from . import losses
from .configured import Kinds, told_to_caller
from .loss import Loss
from .metric import Mean, MeanMetricWrapper, Metric, Sum
from .operands import as_floats, as_tensor, check_labels, check_same

# What a prediction is worth, sample by sample.


@told_to_caller
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where target and prediction are equal, else 0."""
    y_pred = as_tensor(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype)
    check_same("accuracy", y_true, y_pred)
    return call("cast", y_true == y_pred, "float32")


@told_to_caller
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where a prediction lies on the target's side of a threshold, else 0."""
    y_pred = as_floats(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype)
    check_same("binary_accuracy", y_true, y_pred)
    decided = call("cast", y_pred > threshold, y_pred.dtype)
    return call("cast", y_true == decided, "float32")


@told_to_caller
def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of the scores stands where the largest of the target does."""
    y_true, y_pred = as_floats(y_true), as_floats(y_pred)
    check_same("categorical_accuracy", y_true, y_pred)
    wanted, found = (call("argmax", t, axis=-1) for t in (y_true, y_pred))
    return call("cast", wanted == found, "float32")


@told_to_caller
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest score stands at the class number, else 0.

    `y_true` i32[...], `y_pred` f32[..., classes]. Raises T0601 otherwise.

    >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    check_labels("sparse_categorical_accuracy", y_true, y_pred, -1)
    found = call("argmax", y_pred, axis=-1)
    wanted = call("cast", y_true, "int32")
    return call("cast", wanted == found, "float32")


@told_to_caller
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class number is among the `k` largest scores, else 0."""
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    check_labels("sparse_top_k_categorical_accuracy", y_true, y_pred, -1)
    place = call("expand_dims", y_true, -1)
    score = call("take_along_axis", y_pred, place, -1)
    above = call("sum", call("cast", y_pred > score, "int32"), axis=-1)
    return call("cast", above < k, "float32")


@told_to_caller
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of the target is among the `k` largest scores, else 0."""
    y_true, y_pred = as_floats(y_true), as_floats(y_pred)
    check_same("top_k_categorical_accuracy", y_true, y_pred)
    labels = call("argmax", y_true, axis=-1)
    return sparse_top_k_categorical_accuracy(labels, y_pred, k)


class Accuracy(MeanMetricWrapper):
    """How often a prediction equals the target."""

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often a probability lies on the target's side of `threshold`."""

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest score belongs to the class of a one-hot target."""

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest score belongs to the class number."""

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of a one-hot target is among the `k` largest scores."""

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None
    ):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class number is among the `k` largest scores."""

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k)


class MeanSquaredError(MeanMetricWrapper):
    """The mean squared error."""

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean absolute error."""

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error."""

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_pred = as_floats(y_pred)
        y_true = as_tensor(y_true, y_pred.dtype)
        try:
            check_same("root_mean_squared_error", y_true, y_pred)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        super().update_state(call("square", y_true - y_pred), sample_weight)

    def result(self) -> Any:
        return call("sqrt", super().result())


class BinaryCrossentropy(MeanMetricWrapper):
    """The crossentropy of yes-or-no answers."""

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ):
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """The crossentropy of distributions over classes."""

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ):
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The crossentropy of class numbers."""

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            axis=axis,
        )


__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "Sum",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

CLASSES: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_accuracy": CategoricalAccuracy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "mean": Mean,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "sum": Sum,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
}
# For the language: functions of target and output, one value for each sample.
BY_NAME: dict[str, Callable[..., Any]] = {
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "binary_crossentropy": losses.binary_crossentropy,
    "categorical_accuracy": categorical_accuracy,
    "categorical_crossentropy": losses.categorical_crossentropy,
    "mean_absolute_error": losses.mean_absolute_error,
    "mean_squared_error": losses.mean_squared_error,
    "sparse_categorical_accuracy": sparse_categorical_accuracy,
    "sparse_categorical_crossentropy": losses.sparse_categorical_crossentropy,
    "sparse_top_k_categorical_accuracy": sparse_top_k_categorical_accuracy,
    "top_k_categorical_accuracy": top_k_categorical_accuracy,
}
ALIASES = {
    "acc": "accuracy",
    "bce": "binary_crossentropy",
    "ce": "crossentropy",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
}
KINDS = Kinds(Metric, "metric", "metrics", CLASSES, ALIASES, BY_NAME)
BY_SHAPE = ("accuracy", "crossentropy")


def get(identifier: Any) -> Any:
    """The metric that a name, a configuration, a class or a callable means.

    Raises T0204 with the nearest name.

    >>> get("mse").name
    'mean_squared_error'
    """
    found = KINDS.get(identifier)
    if found is None or isinstance(found, Metric):
        return found
    name = (found.name,) if isinstance(found, Loss) else ()
    return MeanMetricWrapper(found, *name)


def by_shape(name: str, y_true: TensorType, y_pred: TensorType) -> Metric:
    """What `accuracy` or `crossentropy` means for a target and a prediction."""
    kind = ALIASES.get(name, name)
    if y_pred.rank < 2 or y_pred.shape[-1].value == 1:
        form = "binary"
    elif y_true.rank < y_pred.rank or y_true.shape[-1].value == 1:
        form = "sparse_categorical"
    else:
        form = "categorical"
    return CLASSES[f"{form}_{kind}"](name=name)
