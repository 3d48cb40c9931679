"""The base of losses: values for samples, weighted, masked and reduced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import configuration, policies
from ..graph.call_programs import CallPrograms, keep_with, kept_with
from ..graph.calling import held_to_signature
from ..graph.cyclic_nests import refuses_cyclic_nests
from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.initializers import snake_case
from ..graph.kinds import shown
from ..graph.masking import get_mask
from ..graph.operand import Operand
from ..graph.registry import call
from ..graph.types import dtype_of
from .configured import Configured, compared_by
from .notices import warn
from .operands import (
    as_floats,
    as_tensor,
    check_weights,
    divide_no_nan,
    element_count,
    raise_rank,
    same_shape,
    squeezed,
)

REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight")

Reduction = str | None


class Loss(Configured):
    """The base of losses: `call` gives values for samples, `reduction` joins them.

    `reduction` is `sum_over_batch_size` (the mean over all values of `call`, the
    default), `sum`, `mean`, `mean_with_sample_weight` (divided by the sum of weights)
    or `none`. What is masked, by the mask that the prediction carries or the one that
    `call` lets its result carry, counts 0 and is left out of the mean. All is computed
    in `dtype`, a dtype or a policy; without one in that of the prediction, or in
    `config.floatx()` if that is wider. A subclass gives `call(y_true, y_pred)`.

    >>> class Error(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (y_true - y_pred) * (y_true - y_pred)
    >>> Error()([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: Reduction = "sum_over_batch_size",
        dtype: Any = None,
    ):
        reduction = "none" if reduction is None else reduction
        if not isinstance(reduction, str) or reduction not in REDUCTIONS:
            given = reduction if isinstance(reduction, str) else shown(reduction)
            raise Fault(
                "T0204",
                f"`{given}` is no reduction of a loss",
                argument="reduction",
                help=[f"there are {', '.join(REDUCTIONS)}"],
            )
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction
        self._wanted = None if dtype is None else _float_dtype(dtype)
        keep_with(self)

    @property
    def dtype(self) -> str:
        """The name of the dtype that the loss is computed in."""
        return self._wanted or configuration.floatx()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        fault = Fault("T0204", f"`{type(self).__name__}` has no `call`")
        raise TensorTypeError.of(fault, caller_span())

    @refuses_cyclic_nests
    @held_to_signature
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss; `sample_weight` has the shape of the samples' losses.

        Target and prediction may be dictionaries or lists of tensors, if `call` takes
        them so.
        """
        programs = kept_with(self, "call", LossPrograms)
        try:
            if isinstance(sample_weight, np.ndarray):
                sample_weight = as_tensor(sample_weight)
            given = _each(as_tensor, y_true), _each(as_tensor, y_pred), sample_weight
            return programs.call(self, given, {})
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def _reduced(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The reduced loss of tensors."""
        y_pred = _each(self._prediction, y_pred)
        y_true = _each(self._target, y_true)
        losses = self.call(y_true, y_pred)
        mask = _both(get_mask(y_pred), get_mask(losses))
        losses = self._prediction(losses)
        return reduce_losses(losses, sample_weight, mask, self.reduction, self.name)

    def _prediction(self, value: Any) -> Any:
        """Floating-point values of the loss's dtype, with their mask."""
        tensor = as_floats(value)
        own, usual = tensor.type.dtype, configuration.default_float()
        wide = own if own.size > usual.size else usual
        wanted = self._wanted or wide.name
        if wanted == own.name:
            return tensor
        result = call("cast", tensor, wanted)
        if (mask := get_mask(tensor)) is not None:
            result._keras_mask = mask
        return result

    def _target(self, value: Any) -> Any:
        """A tensor that is computed with safely: class numbers stay whole."""
        tensor = as_tensor(value)
        dtype = tensor.type.dtype
        if dtype.is_float:
            return self._prediction(tensor)
        if dtype.name in ("int32", "int64"):
            return tensor
        return call("cast", tensor, "int64" if dtype.size > 2 else "int32")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class LossPrograms(CallPrograms):
    """The programs of a loss that is computed on values again and again."""

    def function(self, owner: Loss) -> Callable[..., Any]:
        return owner._reduced


def _float_dtype(dtype: Any) -> str:
    """The name of a floating-point dtype, also of the one that a policy computes in."""
    found = dtype_of(policies.get(dtype).compute_dtype)
    if not found.is_float:
        raise Fault(
            "T0401",
            f"a loss is computed in a floating-point dtype, not in {found}",
            argument="dtype",
            help=["leave it out, or give `float32`"],
        )
    return found.name


def _each(make: Callable[[Any], Any], value: Any) -> Any:
    """The tensor of a value, or those of a dictionary or of a list of tensors."""
    if isinstance(value, dict):
        return {key: _each(make, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, (Operand, dict)) for item in value):
            return type(value)([_each(make, item) for item in value])
    return make(value)


def _both(one: Any, two: Any) -> Any:
    if one is None or two is None:
        return two if one is None else one
    return call("logical_and", one, two)


def reduce_losses(
    losses: Any, sample_weight: Any, mask: Any, reduction: str, name: str
) -> Any:
    """Losses weighted, masked and joined into a scalar."""
    weights = None
    if sample_weight is not None:
        weights = as_tensor(sample_weight, losses.dtype)
        losses, weights = squeezed(losses, weights)
        _check(name, losses, weights)
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


def _check(name: str, losses: Any, weights: Any) -> None:
    if losses.type.rank or not weights.type.rank:
        check_weights(name, losses, weights)
        return
    # Keras weights the one number with the mean of the weights.
    warn(
        f"`{name}` of vectors is one number, and the sample weights {weights.type} "
        "do not weight its samples",
        "give target and prediction the shape [samples, 1]",
    )


def _masked_weights(losses: Any, weights: Any, mask: Any, reduction: str) -> Any:
    """Weights with 0 for what does not count, scaled so that a mean stays a mean."""
    keep = as_tensor(mask, losses.dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        keep = keep * divide_no_nan(element_count(keep), call("sum", keep))
    keep = raise_rank(keep, losses.type.rank)
    return keep if weights is None else weights * keep


class FunctionLoss(Loss):
    """A loss by a function of `y_true` and `y_pred`, and fixed further arguments.

    The arguments are attributes of the loss as well.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        reduction: Reduction = "sum_over_batch_size",
        dtype: Any = None,
        **arguments: Any,
    ):
        super().__init__(name or getattr(function, "__name__", None), reduction, dtype)
        self.function, self.arguments = function, tuple(arguments)
        vars(self).update(arguments)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        given = {name: getattr(self, name) for name in self.arguments}
        return compared_by(self.function, y_true, y_pred, **given)


def plain(function: Callable[..., Any]) -> Callable[..., None]:
    """The constructor of a loss whose function takes no further arguments."""

    def construct(
        self: FunctionLoss,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = function.__name__,
        dtype: Any = None,
    ) -> None:
        FunctionLoss.__init__(self, function, name, reduction, dtype)

    return construct


def floats_of(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Target and prediction of one shape and one floating-point dtype."""
    y_pred = as_floats(y_pred)
    return same_shape(name, as_tensor(y_true, y_pred.dtype), y_pred)


class LossFunction(FunctionLoss):
    """A user's function as a loss; target and prediction come to it in one rank."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        # A formula of the language has declared the shapes that it takes.
        declared = hasattr(self.function, "network")
        tensors = all(isinstance(each, Operand) for each in (y_true, y_pred))
        if tensors and not declared:
            y_true, y_pred = squeezed(y_true, y_pred)
        return super().call(y_true, y_pred)
