"""Focal crossentropies: answers that are right already count less (Lin et al. 2018)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph import configuration
from ..graph.kinds import FiniteArray
from ..graph.registry import call
from .bounds import FROM_0, SHARE
from .configured import told_to_caller
from .loss import FunctionLoss, Reduction, floats_of
from .losses_probability import smoothed_answers, smoothed_classes
from .operands import as_tensor, check_logits

__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]


@told_to_caller
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The crossentropy of yes-or-no answers times `(1 - p)^gamma`, mean over `axis`.

    p is the probability given to the right answer. With `apply_class_balancing` a yes
    counts `alpha` and a no `1 - alpha`. Both f32[..., n]; `y_pred` holds probabilities,
    or logits if `from_logits`. Raises T0601 for unequal shapes, T0602 for logits that
    are probabilities.

    >>> round(float(binary_focal_crossentropy([1.0], [0.5])), 4)
    0.1733
    """
    y_true, y_pred = floats_of("binary_focal_crossentropy", y_true, y_pred)
    y_true = smoothed_answers(y_true, label_smoothing)
    if from_logits:
        check_logits("binary_focal_crossentropy", y_pred, "sigmoid")
        y_pred = call("sigmoid", y_pred)
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    losses = call("binary_crossentropy", y_true, y_pred)
    losses = call("power", 1.0 - right, gamma) * losses
    if apply_class_balancing:
        losses = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * losses
    return call("mean", losses, axis=axis)


@told_to_caller
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: FiniteArray = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The crossentropy of distributions times `alpha (1 - p)^gamma`, p by class.

    Both f32[..., classes], the result f32[...]; the classes lie along `axis`. `alpha`
    is a number, or one for each place of the last axis. `y_pred` holds probabilities,
    or logits if `from_logits`. Raises T0601 for unequal shapes, T0602 for logits that
    are probabilities.

    >>> loss = categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    >>> round(float(loss[0]), 4)
    0.0433
    """
    y_true, y_pred = floats_of("categorical_focal_crossentropy", y_true, y_pred)
    y_true = smoothed_classes(y_true, label_smoothing, axis)
    if from_logits:
        check_logits("categorical_focal_crossentropy", y_pred, "softmax")
        y_pred = call("softmax", y_pred, axis=axis)
    share = y_pred / call("sum", y_pred, axis=axis, keepdims=True)
    least = configuration.epsilon()
    share = call("clip", share, least, 1.0 - least)
    weight = call("power", 1.0 - share, gamma) * as_tensor(alpha, y_pred.dtype)
    return call("sum", weight * (-y_true * call("log", share)), axis=axis)


class BinaryFocalCrossentropy(FunctionLoss):
    """The focal crossentropy of yes-or-no answers; see `binary_focal_crossentropy`.

    >>> round(BinaryFocalCrossentropy()([[1.0]], [[0.5]]).item(), 4)
    0.1733
    """

    argument_bounds: ClassVar = {
        "alpha": SHARE,
        "gamma": FROM_0,
        "label_smoothing": SHARE,
    }

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_focal_crossentropy,
            name,
            reduction,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(FunctionLoss):
    """The focal crossentropy of distributions; see `categorical_focal_crossentropy`.

    >>> loss = CategoricalFocalCrossentropy()
    >>> round(loss([[0.0, 1.0]], [[0.5, 0.5]]).item(), 4)
    0.0433
    """

    argument_bounds: ClassVar = {"gamma": FROM_0, "label_smoothing": SHARE}

    def __init__(
        self,
        alpha: FiniteArray = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_focal_crossentropy,
            name,
            reduction,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
