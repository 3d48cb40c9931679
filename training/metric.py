"""The base of metrics: state in variables, and means over samples.

The state lies in variables, so that inside a compiled step an update is an effect of
the program and nothing has to be read back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.initializers import snake_case
from ..graph.registry import call
from ..graph.types import dtype_of
from ..graph.variable import Variable
from .configured import Configured
from .operands import as_tensor, divide_no_nan, element_count


class Metric(Configured):
    """The base of metrics: variables, `update_state(…)`, `result()`, `reset_state()`.

    >>> metric = Mean()
    >>> metric.update_state([1.0, 3.0])
    >>> float(metric.result())
    2.0
    """

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype_of(dtype or "float32").name
        self._variables: list[Variable] = []

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """State of the metric, which `reset_state` brings back to its first value."""
        variable = Variable(
            initializer, tuple(shape), dtype or self.dtype, trainable=False, name=name
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    add_weight = add_variable

    @property
    def variables(self) -> list[Variable]:
        """The state of the metric."""
        return list(self._variables)

    def reset_state(self) -> None:
        """Bring the state back to its first value."""
        for variable in self._variables:
            assert variable.initializer is not None
            start = variable.initializer.values(variable.shape, variable.type.dtype, 0)
            variable.assign(start)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take further values into account."""
        fault = Fault("T0204", f"`{type(self).__name__}` has no `update_state`")
        raise TensorTypeError.of(fault, caller_span())

    def result(self) -> Any:
        """The figure so far."""
        fault = Fault("T0204", f"`{type(self).__name__}` has no `result`")
        raise TensorTypeError.of(fault, caller_span())

    def reading(self) -> Any:
        """The figure so far as a Python number, or an array if it is no scalar."""
        array = np.asarray(self.result())
        return array.item() if array.ndim == 0 else array

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Sum(Metric):
    """The weighted sum of all values."""

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = _by_sample(values, sample_weight, "sum", self.dtype)
        self.total.assign_add(call("sum", values))

    def result(self) -> Any:
        return self.total.value


class Mean(Metric):
    """The weighted mean of all values.

    >>> metric = Mean()
    >>> metric.update_state([1.0, 5.0], sample_weight=[3.0, 1.0])
    >>> float(metric.result())
    2.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, weights = _by_sample(values, sample_weight, "mean", self.dtype)
        self.total.assign_add(call("sum", values))
        if weights is not None:
            self.count.assign_add(call("sum", weights))
        elif values.type.rank:
            self.count.assign_add(element_count(values, (0,)))
        else:
            self.count.assign_add(1.0)

    def result(self) -> Any:
        return divide_no_nan(self.total.value, self.count.value)

    def reading(self) -> Any:
        if type(self).result is not Mean.result:
            return super().reading()
        # The same numbers as `result`, without building tensors at every step.
        total, count = self.total.numpy(), self.count.numpy()
        with np.errstate(all="ignore"):
            return (total / count).item() if count != 0 else 0.0


class MeanMetricWrapper(Mean):
    """The mean of what a function of `y_true` and `y_pred` gives for each sample."""

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        chosen = str(name or getattr(fn, "__name__", "mean_metric_wrapper"))
        super().__init__(chosen, dtype)
        self._function, self._arguments = fn, kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
        mask = getattr(y_pred, "_keras_mask", None)
        try:
            values = self._function(y_true, y_pred, **self._arguments)
            if mask is not None:
                sample_weight = _masked(sample_weight, mask, self.dtype)
            super().update_state(values, sample_weight)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None


def _masked(sample_weight: Any, mask: Any, dtype: str) -> Any:
    keep = as_tensor(mask, dtype)
    if sample_weight is None:
        return keep
    weights = as_tensor(sample_weight, dtype)
    while weights.type.rank < keep.type.rank:
        weights = call("expand_dims", weights, -1)
    return weights * keep


def _by_sample(
    values: Any, sample_weight: Any, fold: str, dtype: str
) -> tuple[Any, Any]:
    """Weighted values and the weights; weights stand for axes from the first on."""
    values, weights = as_tensor(values, dtype), None
    if sample_weight is not None:
        weights = as_tensor(sample_weight, dtype)
        rank = values.type.rank
        if weights.type.rank == rank + 1 and weights.type.shape[-1].value == 1:
            weights = call("squeeze", weights, -1)
        if rank > weights.type.rank:
            values = call(fold, values, axis=tuple(range(weights.type.rank, rank)))
        weights = call("broadcast_to", weights, values.type.shape)
        values = values * weights
        if weights.type.rank > 1:
            weights = call(fold, weights, axis=tuple(range(1, weights.type.rank)))
    if values.type.rank > 1:
        values = call(fold, values, axis=tuple(range(1, values.type.rank)))
    return values, weights
