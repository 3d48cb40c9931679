"""Losses of numbers: how far a prediction lies from its target."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..graph import configuration
from ..graph.registry import call
from .bounds import FROM_0
from .configured import told_to_caller
from .loss import FunctionLoss, Reduction, floats_of, plain

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


@told_to_caller
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of `(y_true - y_pred)²` over the last axis.

    Both f32[..., n], the result f32[...]. Raises T0601 for unequal shapes.

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy().tolist()
    [2.5]
    """
    y_true, y_pred = floats_of("mean_squared_error", y_true, y_pred)
    return call("mean", call("square", y_true - y_pred), axis=-1)


@told_to_caller
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of `|y_true - y_pred|` over the last axis.

    Both f32[..., n], the result f32[...]. Raises T0601 for unequal shapes.

    >>> mean_absolute_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy().tolist()
    [1.5]
    """
    y_true, y_pred = floats_of("mean_absolute_error", y_true, y_pred)
    return call("mean", call("abs", y_true - y_pred), axis=-1)


@told_to_caller
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of `100 |y_true - y_pred| / |y_true|` over the last axis.

    Both f32[..., n], the result f32[...]; a target below `config.epsilon()` counts as
    that. Raises T0601 for unequal shapes.

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).numpy().tolist()
    [25.0]
    """
    y_true, y_pred = floats_of("mean_absolute_percentage_error", y_true, y_pred)
    size = call("maximum", call("abs", y_true), configuration.epsilon())
    return 100.0 * call("mean", call("abs", (y_true - y_pred) / size), axis=-1)


@told_to_caller
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of `(log(1 + y_true) - log(1 + y_pred))²` over the last axis.

    Both f32[..., n], the result f32[...]; what is below `config.epsilon()` counts as
    that. Raises T0601 for unequal shapes.

    >>> mean_squared_logarithmic_error([[0.0]], [[0.0]]).numpy().tolist()
    [0.0]
    """
    pair = floats_of("mean_squared_logarithmic_error", y_true, y_pred)
    least = configuration.epsilon()
    one, two = (call("log1p", call("maximum", each, least)) for each in pair)
    return call("mean", call("square", two - one), axis=-1)


@told_to_caller
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between target and prediction along `axis`.

    Both f32[..., n, ...], the result f32[..., ...] from -1, for one direction, to 1.
    Raises T0601 for unequal shapes.

    >>> cosine_similarity([[0.0, 1.0]], [[0.0, 3.0]]).numpy().tolist()
    [-1.0]
    """
    pair = floats_of("cosine_similarity", y_true, y_pred)
    one, two = (call("normalize", each, axis=axis) for each in pair)
    return -call("sum", one * two, axis=axis)


@told_to_caller
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Half the squared error up to `delta`, linear beyond; mean over the last axis.

    Both f32[..., n], the result f32[...]. Raises T0601 for unequal shapes. Formula:
    Huber 1964.

    >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).numpy().tolist()
    [1.5]
    """
    y_true, y_pred = floats_of("huber", y_true, y_pred)
    error = y_pred - y_true
    size = call("abs", error)
    inside = 0.5 * call("square", error)
    outside = delta * size - 0.5 * delta * delta
    return call("mean", call("where", size <= delta, inside, outside), axis=-1)


@told_to_caller
def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """The mean of `log(cosh(y_pred - y_true))` over the last axis.

    Half the squared error near 0, the error less log 2 far away. Both f32[..., n], the
    result f32[...]. Raises T0601 for unequal shapes.

    >>> log_cosh([[0.0]], [[0.0]]).numpy().tolist()
    [0.0]
    """
    y_true, y_pred = floats_of("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    value = error + call("softplus", -2.0 * error) - math.log(2.0)
    return call("mean", value, axis=-1)


class MeanSquaredError(FunctionLoss):
    """The mean squared error; see `mean_squared_error`.

    >>> MeanSquaredError()([[0.0, 2.0]], [[1.0, 0.0]]).item()
    2.5
    """

    __init__ = plain(mean_squared_error)


class MeanAbsoluteError(FunctionLoss):
    """The mean absolute error; see `mean_absolute_error`.

    >>> MeanAbsoluteError()([[0.0, 2.0]], [[1.0, 0.0]]).item()
    1.5
    """

    __init__ = plain(mean_absolute_error)


class MeanAbsolutePercentageError(FunctionLoss):
    """The error in percent of the target; see `mean_absolute_percentage_error`.

    >>> MeanAbsolutePercentageError()([[2.0]], [[1.0]]).item()
    50.0
    """

    __init__ = plain(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(FunctionLoss):
    """The squared error of logarithms; see `mean_squared_logarithmic_error`.

    >>> MeanSquaredLogarithmicError()([[1.0]], [[1.0]]).item()
    0.0
    """

    __init__ = plain(mean_squared_logarithmic_error)


class LogCosh(FunctionLoss):
    """The logarithm of the error's cosh; see `log_cosh`.

    >>> LogCosh()([[1.0]], [[1.0]]).item()
    0.0
    """

    __init__ = plain(log_cosh)


class CosineSimilarity(FunctionLoss):
    """Minus the cosine of the angle to the target; see `cosine_similarity`.

    >>> CosineSimilarity()([[0.0, 1.0]], [[0.0, 3.0]]).item()
    -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(cosine_similarity, name, reduction, dtype, axis=axis)


class Huber(FunctionLoss):
    """Squared near the target, linear far from it; see `huber`.

    >>> Huber(delta=1.0)([[0.0, 0.0]], [[1.0, 3.0]]).item()
    1.5
    """

    argument_bounds: ClassVar = {"delta": FROM_0}

    def __init__(
        self,
        delta: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(huber, name, reduction, dtype, delta=delta)
