"""Metrics that average: sums, means, and means of a function of target and output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..graph.decide import equal
from ..graph.diagnostics import Fault
from ..graph.masking import get_mask
from ..graph.registry import call
from .configured import compared_by, told_to_caller
from .metric import Metric
from .operands import as_tensor, divide_no_nan, element_count, raise_rank

Function = Callable[..., Any]


class Sum(Metric):
    """The weighted sum of all values.

    >>> metric = Sum()
    >>> float(metric([1.0, 3.0], sample_weight=[1.0, 0.5]))
    2.5
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(dtype=self.dtype, name="total")

    @told_to_caller
    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values f32[...], weighted from the first axis on."""
        values, _ = by_sample(self.name, values, sample_weight, "sum", self.dtype)
        self.total.assign_add(call("sum", values))

    def result(self) -> Any:
        """The sum, a scalar."""
        return self.total.value


class Mean(Metric):
    """The weighted mean of all values; 0 where there are none.

    The mean of a batch counts as often as the batch has samples, or by the sum of the
    weights where there are any.

    >>> metric = Mean()
    >>> metric.update_state([1.0, 5.0], sample_weight=[3.0, 1.0])
    >>> float(metric.result())
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(dtype=self.dtype, name="total")
        self.count = self.add_variable(dtype=self.dtype, name="count")

    @told_to_caller
    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take values f32[...] in, weighted from the first axis on.

        Raises T0601 for weights that do not belong to the values.
        """
        values, weights = by_sample(
            self.name, values, sample_weight, "mean", self.dtype
        )
        self.total.assign_add(call("sum", values))
        if weights is not None:
            self.count.assign_add(call("sum", weights))
        else:
            self.count.assign_add(element_count(values, (0,) * bool(values.type.rank)))

    def result(self) -> Any:
        """The mean, a scalar."""
        return divide_no_nan(self.total.value, self.count.value)

    def reading(self) -> Any:
        if type(self).result is not Mean.result:
            return super().reading()
        # The same numbers as `result`, without building tensors at every step.
        total, count = self.total.numpy(), self.count.numpy()
        with np.errstate(all="ignore"):
            return (total / count).item() if count != 0 else 0.0


class MeanMetricWrapper(Mean):
    """The mean of what a function of `y_true` and `y_pred` gives for each sample.

    Further arguments go to the function at each call. The mask that `y_pred` carries
    is a weight.

    >>> metric = MeanMetricWrapper(lambda y_true, y_pred: abs(y_true - y_pred))
    >>> float(metric([1.0, 2.0], [1.0, 4.0]))
    1.0
    """

    def __init__(
        self, fn: Function, name: str | None = None, dtype: Any = None, **kwargs: Any
    ):
        chosen = str(name or getattr(fn, "__name__", "mean_metric_wrapper"))
        super().__init__(chosen, dtype)
        self._function, self._arguments = fn, kwargs

    @told_to_caller
    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take the values of further samples in, weighted from the first axis on."""
        y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
        mask = get_mask(y_pred)
        values = compared_by(self._function, y_true, y_pred, **self._arguments)
        if mask is not None:
            sample_weight = masked(sample_weight, mask, self.dtype)
        super().update_state(values, sample_weight)


class MeanOf(MeanMetricWrapper):
    """The mean of the function that a class names."""

    function: ClassVar[Function]

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(type(self).function, name, dtype)

    def settle(self, **arguments: Any) -> None:
        """Note further arguments of the function, as attributes too."""
        self._arguments = arguments
        self.__dict__.update(arguments)


def named(title: str) -> Callable[..., None]:
    """The constructor of a `MeanOf` with that name, where no other is given."""

    def construct(self: MeanOf, name: str | None = title, dtype: Any = None) -> None:
        MeanOf.__init__(self, name, dtype)

    return construct


def masked(sample_weight: Any, mask: Any, dtype: str) -> Any:
    """Sample weights that are 0 where a mask is false."""
    keep = as_tensor(mask, dtype)
    if sample_weight is None:
        return keep
    weights = as_tensor(sample_weight, dtype)
    if weights.type.rank == keep.type.rank + 1 and weights.type.shape[-1].value == 1:
        weights = call("squeeze", weights, -1)
    return raise_rank(weights, keep.type.rank) * raise_rank(keep, weights.type.rank)


def weights_of(name: str, sample_weight: Any, values: Any, dtype: str) -> Any:
    """Sample weights whose axes are those of the values from the first on.

    Refuses weights that do not belong to the values, T0601.
    """
    weights = as_tensor(sample_weight, dtype)
    rank = values.type.rank
    if weights.type.rank == rank + 1 and weights.type.shape[-1].value == 1:
        weights = call("squeeze", weights, -1)
    given, wanted = weights.type.shape, values.type.shape
    if len(given) <= rank and all(
        one.value == 1 or equal(one, two) is not False
        for one, two in zip(given, wanted, strict=False)
    ):
        return weights
    raise Fault(
        "T0601",
        f"sample weights {weights.type} do not belong to the values of `{name}`, "
        f"{values.type}",
        operands={1: f"{values.type}, the values", 2: f"{weights.type}, the weights"},
        help=[
            f"one weight a sample has the shape ({wanted[0]},)"
            if rank
            else "target and prediction of shape (batch, 1) give one value a sample"
        ],
    )


def by_sample(
    name: str, values: Any, sample_weight: Any, fold: str, dtype: str
) -> tuple[Any, Any]:
    """One weighted value for each sample and its weight, by folding further axes."""
    mask = get_mask(values)
    values, weights = as_tensor(values, dtype), None
    if sample_weight is not None:
        if mask is not None:
            sample_weight = masked(sample_weight, mask, dtype)
        weights = weights_of(name, sample_weight, values, dtype)
        values = _folded(values, fold, weights.type.rank)
        weights = call("broadcast_to", weights, values.type.shape)
        values = values * weights
        weights = _folded(weights, fold, 1)
    return _folded(values, fold, 1), weights


def _folded(values: Any, fold: str, rank: int) -> Any:
    axes = tuple(range(rank, values.type.rank))
    return call(fold, values, axis=axes) if axes else values
