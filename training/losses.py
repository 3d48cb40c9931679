"""Losses: what training makes small, by Keras's names, arguments and numbers.

Each comes as a function, which gives one value for each sample, and as a class, which
reduces them to a scalar. Both work on values and on symbols. Shapes of operands must
be equal: nothing is broadcast or squeezed in silence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.initializers import snake_case
from ..graph.registry import call
from .configured import Configured, find
from .operands import (
    as_floats,
    as_tensor,
    check_labels,
    check_logits,
    check_same,
    check_weights,
    divide_no_nan,
    element_count,
    raise_rank,
)

EPSILON = 1e-7
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def told_to_caller(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    """Let refusals of a public function point at the line that called it."""

    @functools.wraps(function)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    return wrapper


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


class Loss(Configured):
    """The base of losses: `call` gives values for samples, `reduction` joins them.

    `reduction` is `sum_over_batch_size` (the mean over all values of `call`, the
    default), `sum`, `mean`, `mean_with_sample_weight` (divided by the sum of weights)
    or `none`. A subclass gives `call(y_true, y_pred)`.

    >>> class Error(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (y_true - y_pred) * (y_true - y_pred)
    >>> Error()([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        reduction = "none" if reduction is None else reduction
        if reduction not in REDUCTIONS:
            raise Fault(
                "T0204",
                f"`{reduction}` is no reduction of a loss",
                argument="reduction",
                help=[f"there are {', '.join(REDUCTIONS)}"],
            )
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction
        self.dtype = dtype or "float32"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        fault = Fault("T0204", f"`{type(self).__name__}` has no `call`")
        raise TensorTypeError.of(fault, caller_span())

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss; `sample_weight` has the shape of the samples' losses."""
        y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
        mask = getattr(y_pred, "_keras_mask", None)
        try:
            losses = as_floats(self.call(y_true, y_pred))
            mask = self.mask(y_true, mask)
            return reduce_losses(losses, sample_weight, mask, self.reduction, self.name)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def mask(self, y_true: Any, mask: Any) -> Any:
        """Which samples count: the mask that the prediction carries."""
        return mask

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def reduce_losses(
    losses: Any, sample_weight: Any, mask: Any, reduction: str, name: str
) -> Any:
    """Losses weighted, masked and joined into a scalar."""
    weights = None
    if sample_weight is not None:
        weights = as_tensor(sample_weight, losses.dtype)
        check_weights(name, losses, weights)
    if mask is not None:
        weights = _masked_weights(losses, weights, mask, reduction)
    if weights is not None:
        losses = losses * weights
    if reduction == "none" or not losses.type.rank:
        return losses
    total = call("sum", losses)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        return divide_no_nan(total, call("sum", weights))
    return total / element_count(losses)


def _masked_weights(losses: Any, weights: Any, mask: Any, reduction: str) -> Any:
    """Weights with 0 for what does not count, scaled so that a mean stays a mean."""
    keep = as_tensor(mask, losses.dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        keep = keep * (element_count(keep) / (call("sum", keep) + EPSILON))
    keep = raise_rank(keep, losses.type.rank)
    return keep if weights is None else weights * keep


class LossFunction(Loss):
    """A function of `y_true` and `y_pred` as a loss, with fixed further arguments."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
        **arguments: Any,
    ):
        super().__init__(name or getattr(function, "__name__", None), reduction, dtype)
        self.function, self.arguments = function, arguments

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.function(y_true, y_pred, **self.arguments)


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


def get(identifier: Any) -> Any:
    """The loss that a name, a configuration, a class or a callable means.

    Raises T0204 with the nearest name.

    >>> get("mse").name
    'mean_squared_error'
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, dict):
        kind = find(identifier["class_name"], "loss", CLASSES, ALIASES, "loss")
        return kind.from_config(identifier["config"])
    if isinstance(identifier, str):
        return find(identifier, "loss", CLASSES, ALIASES, "loss")()
    if isinstance(identifier, type):
        return identifier()
    known = {function: name for name, function in BY_NAME.items()}
    if identifier in known:
        return CLASSES[known[identifier]]()
    if not callable(identifier):
        fault = Fault("T0204", f"{identifier!r} is no loss", argument="loss")
        raise TensorTypeError.of(fault, caller_span())
    return LossFunction(identifier)
