"""The base of losses: values for samples, weighted, masked and reduced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.initializers import snake_case
from ..graph.registry import call
from .configured import Configured
from .operands import (
    as_floats,
    as_tensor,
    check_weights,
    divide_no_nan,
    element_count,
    raise_rank,
)

EPSILON = 1e-7
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight")


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
