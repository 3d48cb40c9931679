"""Losses as metrics: the mean over samples of an error, a likelihood, a likeness."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph.configuration import epsilon
from ..graph.registry import call
from . import losses
from .bounds import SHARE
from .configured import told_to_caller
from .losses_errors import cosine_similarity as negative_cosine
from .metrics_averages import Mean, MeanOf, named
from .operands import as_floats, as_tensor, same_shape


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_pred = as_floats(y_pred)
    return same_shape(name, as_tensor(y_true, y_pred.dtype), y_pred)


@told_to_caller
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between target and prediction along `axis`.

    Both f32[..., n, ...], the result f32[..., ...] from -1 to 1. Raises T0601 for
    unequal shapes.

    >>> cosine_similarity([[0.0, 1.0]], [[0.0, 3.0]]).numpy().tolist()
    [1.0]
    """
    return -negative_cosine(y_true, y_pred, axis)


@told_to_caller
def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """How far target and prediction go together along `axis`, from -1 to 1.

    Both f32[..., n, ...], the result f32[..., ...]: the mean of the product of both,
    less their means and divided by their deviations; NaN where one is constant.
    Raises T0601 for unequal shapes. Formula: Pearson 1895.

    >>> y_true, y_pred = [[0.0, 1.0, 2.0]], [[2.0, 4.0, 6.0]]
    >>> round(float(pearson_correlation(y_true, y_pred)[0]), 4)
    1.0
    """
    pair = _pair("pearson_correlation", y_true, y_pred)
    centred = [x - call("mean", x, axis=axis, keepdims=True) for x in pair]
    one, two = (x / call("std", x, axis=axis, keepdims=True) for x in centred)
    return call("mean", one * two, axis=axis)


@told_to_caller
def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """How far target and prediction agree along `axis`, from -1 to 1.

    Both f32[..., n, ...], the result f32[..., ...]: twice the covariance, divided by
    the sum of both variances and the squared distance of the means. Raises T0601 for
    unequal shapes. Formula: Lin 1989.

    >>> round(float(concordance_correlation([[0.0, 1.0]], [[0.0, 1.0]])[0]), 4)
    1.0
    """
    one, two = _pair("concordance_correlation", y_true, y_pred)
    means = [call("mean", x, axis=axis, keepdims=True) for x in (one, two)]
    spread = [call("var", x, axis=axis, keepdims=True) for x in (one, two)]
    together = (one - means[1]) * (two - means[1])
    apart = spread[0] + spread[1] + call("square", means[0] - means[1])
    return call("mean", 2.0 * together / (apart + epsilon()), axis=axis)


class MeanSquaredError(MeanOf):
    """The mean squared error; see `mean_squared_error`."""

    function = losses.mean_squared_error
    __init__ = named("mean_squared_error")


class MeanAbsoluteError(MeanOf):
    """The mean absolute error; see `mean_absolute_error`."""

    function = losses.mean_absolute_error
    __init__ = named("mean_absolute_error")


class MeanAbsolutePercentageError(MeanOf):
    """The mean error in percent; see `mean_absolute_percentage_error`."""

    function = losses.mean_absolute_percentage_error
    __init__ = named("mean_absolute_percentage_error")


class MeanSquaredLogarithmicError(MeanOf):
    """The mean squared error of logarithms; see `mean_squared_logarithmic_error`."""

    function = losses.mean_squared_logarithmic_error
    __init__ = named("mean_squared_logarithmic_error")


class LogCoshError(MeanOf):
    """The mean logarithm of the hyperbolic cosine of the error; see `log_cosh`."""

    function = losses.log_cosh
    __init__ = named("logcosh")


class Hinge(MeanOf):
    """The mean hinge loss; see `hinge`."""

    function = losses.hinge
    __init__ = named("hinge")


class SquaredHinge(MeanOf):
    """The mean squared hinge loss; see `squared_hinge`."""

    function = losses.squared_hinge
    __init__ = named("squared_hinge")


class CategoricalHinge(MeanOf):
    """The mean hinge loss of one-hot targets; see `categorical_hinge`."""

    function = losses.categorical_hinge
    __init__ = named("categorical_hinge")


class KLDivergence(MeanOf):
    """The mean Kullback-Leibler divergence; see `kl_divergence`."""

    function = losses.kl_divergence
    __init__ = named("kl_divergence")


class Poisson(MeanOf):
    """The mean Poisson loss; see `poisson`."""

    function = losses.poisson
    __init__ = named("poisson")


class CosineSimilarity(MeanOf):
    """The mean cosine between target and prediction; see `cosine_similarity`.

    It is positive for one direction, where the loss of this name is negative.

    >>> metric = CosineSimilarity()
    >>> float(metric([[0.0, 1.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 1.0]]))
    0.5
    """

    function = cosine_similarity

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ):
        super().__init__(name, dtype)
        self.settle(axis=axis)


class PearsonCorrelation(MeanOf):
    """The mean correlation of target and prediction; see `pearson_correlation`."""

    function = pearson_correlation

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: Any = None,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.settle(axis=axis)


class ConcordanceCorrelation(MeanOf):
    """The mean agreement of target and prediction; see `concordance_correlation`."""

    function = concordance_correlation

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: Any = None,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.settle(axis=axis)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error.

    >>> round(float(RootMeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])), 4)
    0.7071
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    @told_to_caller
    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take further samples f32[...] in, weighted from the first axis on."""
        y_true, y_pred = (as_tensor(y, self.dtype) for y in (y_true, y_pred))
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        super().update_state(call("square", y_pred - y_true), sample_weight)

    def result(self) -> Any:
        """The root of the mean, a scalar."""
        return call("sqrt", super().result())


class BinaryCrossentropy(MeanOf):
    """The crossentropy of yes-or-no answers; see `binary_crossentropy`."""

    function = losses.binary_crossentropy
    argument_bounds: ClassVar = {"label_smoothing": SHARE}

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        super().__init__(name, dtype)
        self.settle(from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanOf):
    """The crossentropy of distributions; see `categorical_crossentropy`."""

    function = losses.categorical_crossentropy
    argument_bounds: ClassVar = {"label_smoothing": SHARE}

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.settle(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class SparseCategoricalCrossentropy(MeanOf):
    """The crossentropy of class numbers; see `sparse_categorical_crossentropy`.

    Samples of the class `ignore_class` count as 0 in the mean.
    """

    function = losses.sparse_categorical_crossentropy

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.settle(from_logits=from_logits, ignore_class=ignore_class, axis=axis)


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "PearsonCorrelation",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "concordance_correlation",
    "pearson_correlation",
]
