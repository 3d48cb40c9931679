"""Losses of probabilities: crossentropies, divergences, sequences without alignment."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph import configuration
from ..graph.diagnostics import Fault
from ..graph.masking import set_mask
from ..graph.registry import call
from .bounds import SHARE, Bounds
from .configured import told_to_caller
from .loss import FunctionLoss, Reduction, floats_of, plain
from .operands import (
    as_floats,
    as_tensor,
    check_logits,
    element_count,
    labels_of,
)

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_generalized_cross_entropy",
    "ctc",
    "kl_divergence",
    "poisson",
    "sparse_categorical_crossentropy",
]


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
    y_true, y_pred = floats_of(name, y_true, y_pred)
    y_true = smoothed_answers(y_true, label_smoothing)
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
    y_true, y_pred = floats_of(name, y_true, y_pred)
    y_true = smoothed_classes(y_true, label_smoothing, axis)
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
    class `ignore_class` count 0, and the result carries a mask that leaves them out.
    Raises T0601 if the ranks do not differ by one, T0602 for logits that are
    probabilities.

    >>> loss = sparse_categorical_crossentropy([1], [[0.0, 0.0]], from_logits=True)
    >>> round(float(loss[0]), 4)
    0.6931
    """
    name = "sparse_categorical_crossentropy"
    y_pred = as_floats(y_pred)
    y_true = labels_of(name, as_tensor(y_true), y_pred, axis)
    if from_logits:
        check_logits(name, y_pred, "softmax")
    if ignore_class is None:
        return call(name, y_true, y_pred, from_logits, axis)
    kept = y_true != ignore_class
    labels = call("where", kept, y_true, 0)
    losses = call("where", kept, call(name, labels, y_pred, from_logits, axis), 0.0)
    set_mask(losses, kept)
    return losses


@told_to_caller
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """`(1 - p^q) / q` of the probability p that the class number was given.

    Between the crossentropy (q near 0) and the absolute error (q near 1), for labels
    of which some are wrong. `y_true` i32[...], `y_pred` f32[..., classes], the result
    f32[...]. Raises T0601 if the ranks do not differ by one. Formula: Zhang and
    Sabuncu 2018.

    >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]], 0.5).numpy().tolist()
    [1.0]
    """
    name = "categorical_generalized_cross_entropy"
    y_pred = as_floats(y_pred)
    y_true = labels_of(name, as_tensor(y_true), y_pred, -1)
    classes = y_pred.type.shape[-1]
    chosen = call("one_hot", y_true, classes, dtype=y_pred.dtype)
    given = call("sum", y_pred * chosen, axis=-1)
    return (1.0 - call("power", given, q)) / q


@told_to_caller
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """The sum of `y_true log(y_true / y_pred)` over the last axis.

    Both f32[..., classes] and cut to the interval from `config.epsilon()` to 1, the
    result f32[...]. Raises T0601 for unequal shapes. Formula: Kullback and Leibler
    1951.

    >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).numpy().tolist()
    [0.0]
    """
    pair = floats_of("kl_divergence", y_true, y_pred)
    least = configuration.epsilon()
    y_true, y_pred = (call("clip", each, least, 1.0) for each in pair)
    return call("sum", y_true * call("log", y_true / y_pred), axis=-1)


@told_to_caller
def poisson(y_true: Any, y_pred: Any) -> Any:
    """The mean of `y_pred - y_true log(y_pred)` over the last axis.

    Minus the likelihood of counts of which `y_pred` are the expected ones, less a
    constant. Both f32[..., n], the result f32[...]. Raises T0601 for unequal shapes.

    >>> poisson([[2.0]], [[1.0]]).numpy().round(4).tolist()
    [1.0]
    """
    y_true, y_pred = floats_of("poisson", y_true, y_pred)
    logarithm = call("log", y_pred + configuration.epsilon())
    return call("mean", y_pred - y_true * logarithm, axis=-1)


@told_to_caller
def ctc(y_true: Any, y_pred: Any) -> Any:
    """Minus the logarithm of the chance of a sequence that is not aligned with steps.

    `y_true` i32[B, labels], padded with 0; `y_pred` f32[B, steps, classes], logits, of
    which class 0 is the blank; the result f32[B]. Raises T0303 for other ranks, T0402
    for labels that are not whole. Formula: Graves et al. 2006.

    >>> round(float(ctc([[1]], [[[0.0, 0.0]]])[0]), 4)
    0.6931
    """
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    _check_sequences(y_true.type, y_pred.type)
    batch, steps, _ = y_pred.type.shape
    lengths = call("sum", call("cast", y_true != 0, "int32"), axis=-1)
    whole = call("broadcast_to", call("size", steps, "int32"), (batch,))
    return call("ctc_loss", y_true, y_pred, lengths, whole, mask_index=0)


def _check_sequences(labels: Any, scores: Any) -> None:
    if labels.rank == 2 and scores.rank == 3:
        return
    raise Fault(
        "T0601",
        f"`ctc` takes labels [batch, labels] and logits [batch, steps, classes], not "
        f"{labels} and {scores}",
        operands={0: f"{labels}, the target", 1: f"{scores}, the prediction"},
    )


def smoothed_answers(y_true: Any, smoothing: float) -> Any:
    """Yes-or-no targets moved towards a half."""
    _check_smoothing(smoothing)
    return y_true * (1.0 - smoothing) + 0.5 * smoothing if smoothing else y_true


def smoothed_classes(y_true: Any, smoothing: float, axis: int) -> Any:
    """Distributions moved towards the even one."""
    _check_smoothing(smoothing)
    if not smoothing:
        return y_true
    classes = element_count(y_true, (axis,))
    return y_true * (1.0 - smoothing) + smoothing / classes


def _check_smoothing(smoothing: float) -> None:
    SHARE.check("label_smoothing", smoothing)


class KLDivergence(FunctionLoss):
    """The divergence from the target's distribution; see `kl_divergence`.

    >>> KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]]).item()
    0.0
    """

    __init__ = plain(kl_divergence)


class Poisson(FunctionLoss):
    """The loss of counts; see `poisson`.

    >>> round(Poisson()([[2.0]], [[1.0]]).item(), 4)
    1.0
    """

    __init__ = plain(poisson)


class CTC(FunctionLoss):
    """The loss of sequences without alignment; see `ctc`.

    >>> round(CTC()([[1]], [[[0.0, 0.0]]]).item(), 4)
    0.6931
    """

    __init__ = plain(ctc)


class BinaryCrossentropy(FunctionLoss):
    """The crossentropy of yes-or-no answers; see `binary_crossentropy`.

    >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]).item(), 4)
    0.6931
    """

    argument_bounds: ClassVar = {"label_smoothing": SHARE}

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_crossentropy,
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(FunctionLoss):
    """The crossentropy of distributions; see `categorical_crossentropy`.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]).item(), 4)
    0.6931
    """

    argument_bounds: ClassVar = {"label_smoothing": SHARE}

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_crossentropy,
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(FunctionLoss):
    """The crossentropy of class numbers; see `sparse_categorical_crossentropy`.

    >>> loss = SparseCategoricalCrossentropy(from_logits=True)
    >>> round(loss([1], [[0.0, 0.0]]).item(), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Reduction = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """A crossentropy that forgives wrong labels, 0 < `q` < 1.

    See `categorical_generalized_cross_entropy`. Raises T0204 for another `q`.

    >>> CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]).item()
    1.0
    """

    argument_bounds: ClassVar = {"q": Bounds(0, 1, open_below=True, open_above=True)}

    def __init__(
        self,
        q: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_generalized_cross_entropy, name, reduction, dtype, q=q
        )
