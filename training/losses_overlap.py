"""Losses of overlap: how much of a marked region a prediction covers."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph import configuration
from ..graph.kinds import Axes
from ..graph.registry import call
from .bounds import FROM_0
from .configured import told_to_caller
from .loss import FunctionLoss, Reduction, floats_of

__all__ = ["Dice", "Tversky", "dice", "tversky"]


@told_to_caller
def dice(y_true: Any, y_pred: Any, axis: Axes | None = None) -> Any:
    """1 less twice the overlap divided by both regions, summed over `axis`.

    Both f32[...]; `axis` is one axis, several, or None for all; the result has those
    that are left. Raises T0601 for unequal shapes. Formula: Dice 1945.

    >>> round(float(dice([1.0, 0.0], [1.0, 0.0])), 4)
    0.0
    """
    y_true, y_pred = floats_of("dice", y_true, y_pred)
    axis = _axes(axis)
    overlap = call("sum", y_true * y_pred, axis=axis)
    both = call("sum", y_true, axis=axis) + call("sum", y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (both + configuration.epsilon())


@told_to_caller
def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: Axes | None = None,
) -> Any:
    """1 less the overlap divided by itself and what is missed and wrongly marked.

    `alpha` counts what is missed, `beta` what is wrongly marked; sums go over `axis`,
    one axis, several, or None for all. Both f32[...]; the result has the axes that are
    left. Raises T0601 for unequal shapes. Formula: Salehi et al. 2017.

    >>> round(float(tversky([1.0, 0.0], [1.0, 0.0])), 4)
    0.0
    """
    y_true, y_pred = floats_of("tversky", y_true, y_pred)
    axis = _axes(axis)
    overlap = call("sum", y_true * y_pred, axis=axis)
    missed = call("sum", (1.0 - y_pred) * y_true, axis=axis)
    wrong = call("sum", y_pred * (1.0 - y_true), axis=axis)
    whole = overlap + missed * alpha + wrong * beta + configuration.epsilon()
    return 1.0 - overlap / whole


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


class Dice(FunctionLoss):
    """Twice the overlap beside both regions; see `dice`.

    >>> round(Dice()([[1.0, 0.0]], [[1.0, 0.0]]).item(), 4)
    0.0
    """

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axes | None = None,
        dtype: Any = None,
    ):
        super().__init__(dice, name, reduction, dtype, axis=axis)


class Tversky(FunctionLoss):
    """The overlap beside weighted mistakes; see `tversky`.

    >>> round(Tversky()([[1.0, 0.0]], [[1.0, 0.0]]).item(), 4)
    0.0
    """

    argument_bounds: ClassVar = {"alpha": FROM_0, "beta": FROM_0}

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axes | None = None,
        dtype: Any = None,
    ):
        super().__init__(
            tversky, name, reduction, dtype, alpha=alpha, beta=beta, axis=axis
        )
