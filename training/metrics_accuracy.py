"""How often a prediction is right, as functions of samples and as metrics."""

from __future__ import annotations

from typing import Any

from ..graph.registry import call
from .arguments import checked_count
from .configured import told_to_caller
from .metrics_averages import MeanOf, named
from .operands import as_floats, as_tensor, labels_of, raise_rank, same_shape


def _hits(found: Any) -> Any:
    return call("cast", found, "float32")


@told_to_caller
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where target and prediction are equal, else 0.

    Both of one shape, the result f32 of that shape. Raises T0601 otherwise.

    >>> accuracy([1, 2], [1, 3]).numpy().tolist()
    [1.0, 0.0]
    """
    y_pred = as_tensor(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_shape("accuracy", y_true, y_pred)
    return _hits(y_true == y_pred)


@told_to_caller
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where a prediction lies on the target's side of a threshold, else 0.

    Both f32[...], the result likewise; the threshold itself is on the side of 0.
    Raises T0601 for unequal shapes.

    >>> binary_accuracy([1.0, 0.0], [0.7, 0.6]).numpy().tolist()
    [1.0, 0.0]
    """
    y_pred = as_floats(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_shape("binary_accuracy", y_true, y_pred)
    return _hits(y_true == call("cast", y_pred > threshold, y_pred.dtype))


@told_to_caller
def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of the scores stands where the largest of the target does.

    Both f32[..., classes], the result f32[...]. Raises T0601 for unequal shapes.

    >>> categorical_accuracy([[0.0, 1.0]], [[0.2, 0.8]]).numpy().tolist()
    [1.0]
    """
    y_true, y_pred = same_shape(
        "categorical_accuracy", as_floats(y_true), as_floats(y_pred)
    )
    return _hits(call("argmax", y_true, axis=-1) == call("argmax", y_pred, axis=-1))


@told_to_caller
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest score stands at the class number, else 0.

    `y_true` i32[...], `y_pred` f32[..., classes]. Raises T0601 otherwise.

    >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]]).numpy().tolist()
    [1.0, 0.0]
    """
    y_pred = as_floats(y_pred)
    y_true = labels_of("sparse_categorical_accuracy", as_tensor(y_true), y_pred, -1)
    found = call("argmax", y_pred, axis=-1)
    return _hits(call("cast", y_true, "int32") == found)


@told_to_caller
def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 where the class number is among the `k` largest scores, else 0.

    `y_true` i32[...], `y_pred` f32[..., classes], or with `from_sorted_ids` the class
    numbers from the best on. Equal scores share a place. Raises T0601 otherwise.

    >>> scores = [[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]
    >>> sparse_top_k_categorical_accuracy([2, 1], scores, k=2).numpy().tolist()
    [1.0, 0.0]
    """
    name = "sparse_top_k_categorical_accuracy"
    y_pred = as_floats(y_pred)
    y_true = labels_of(name, as_tensor(y_true), y_pred, -1)
    place = raise_rank(y_true, y_pred.type.rank)
    if from_sorted_ids:
        best = y_pred[..., :k]
        return _hits(call("any", call("cast", place, best.dtype) == best, axis=-1))
    score = call("take_along_axis", y_pred, place, -1)
    return _hits(call("sum", call("cast", y_pred > score, "int32"), axis=-1) < k)


@told_to_caller
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of the target is among the `k` largest scores, else 0.

    Both f32[..., classes], the result f32[...]. Raises T0601 for unequal shapes.

    >>> top_k_categorical_accuracy([[0.0, 1.0]], [[0.8, 0.2]], k=2).numpy().tolist()
    [1.0]
    """
    y_true, y_pred = same_shape(
        "top_k_categorical_accuracy", as_floats(y_true), as_floats(y_pred)
    )
    labels = call("argmax", y_true, axis=-1)
    return sparse_top_k_categorical_accuracy(labels, y_pred, k)


class Accuracy(MeanOf):
    """How often a prediction equals the target.

    >>> float(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
    0.75
    """

    function = accuracy
    __init__ = named("accuracy")


class BinaryAccuracy(MeanOf):
    """How often a probability lies on the target's side of `threshold`.

    >>> float(BinaryAccuracy(threshold=0.9)([[1.0], [0.0]], [[0.8], [0.1]]))
    0.5
    """

    function = binary_accuracy

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: Any = None,
        threshold: float = 0.5,
    ):
        super().__init__(name, dtype)
        self.settle(threshold=threshold)


class CategoricalAccuracy(MeanOf):
    """How often the largest score belongs to the class of a one-hot target."""

    function = categorical_accuracy
    __init__ = named("categorical_accuracy")


class SparseCategoricalAccuracy(MeanOf):
    """How often the largest score belongs to the class number."""

    function = sparse_categorical_accuracy
    __init__ = named("sparse_categorical_accuracy")


class TopKCategoricalAccuracy(MeanOf):
    """How often the class of a one-hot target is among the `k` largest scores."""

    function = top_k_categorical_accuracy

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: Any = None,
    ):
        super().__init__(name, dtype)
        self.settle(k=checked_count("k", k))


class SparseTopKCategoricalAccuracy(MeanOf):
    """How often the class number is among the `k` largest scores."""

    function = sparse_top_k_categorical_accuracy

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(name, dtype)
        self.settle(k=checked_count("k", k), from_sorted_ids=from_sorted_ids)


__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]
