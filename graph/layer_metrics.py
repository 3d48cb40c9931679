"""What layers measure: running means of quantities that `call` passes."""

from __future__ import annotations

from typing import Any

from .calling import told_with
from .diagnostics import Fault
from .kinds import CALLS
from .registry import call
from .tensor import SymbolicTensor, convert_to_tensor
from .trace import current_trace
from .variable import Variable


class LayerMetric:
    """The mean of what it was given since the last reset."""

    def __init__(self, name: str):
        self.name = name
        self.total = Variable(0.0, trainable=False, name="total")
        self.count = Variable(0.0, trainable=False, name="count")

    @property
    def variables(self) -> list[Variable]:
        return [self.total, self.count]

    def update_state(self, values: Any) -> None:
        """Take all elements of a tensor into the mean."""
        tensor = convert_to_tensor(values, "float32")
        number = call("sum", call("ones_like", tensor))
        self.total.assign_add(call("sum", tensor))
        self.count.assign_add(number)

    def result(self) -> Any:
        """The mean; 0 where there is nothing."""
        return call("divide_no_nan", self.total, self.count)

    def reset_state(self) -> None:
        """Begin anew."""
        self.total.assign(0.0)
        self.count.assign(0.0)


def held_metrics(layer: Any) -> list[Any]:
    """The metrics of one layer: added ones, and those in its attributes."""
    found = list(layer.__dict__.get("_added_metrics", {}).values())
    for attribute, value in layer.__dict__.items():
        if attribute.startswith("_") or isinstance(value, (Variable, type)):
            continue
        items = value if isinstance(value, (list, tuple)) else (value,)
        found += [item for item in items if _measures(item)]
    return found


def _measures(item: Any) -> bool:
    return hasattr(item, "update_state") and hasattr(item, "reset_state")


class Measuring:
    """What a layer that measures has."""

    @told_with(CALLS)
    def add_metric(self, value: Any, name: str | None = None) -> None:
        """Take a quantity into a running mean of that name, at each call.

        The mean is in `metrics` until `reset_metrics`. Raises T0204 for a symbol
        outside of `call`.
        """
        if isinstance(value, SymbolicTensor) and current_trace() is None:
            raise Fault(
                "T0204",
                "`add_metric` measures what `call` computes, and this is a symbol",
                argument="value",
                help=[
                    "call it within `call` of a layer",
                    "what compares outputs with targets goes to `compile(metrics=…)`",
                ],
            )
        added = self.__dict__.setdefault("_added_metrics", {})
        key = name or "metric"
        if key not in added:
            added[key] = LayerMetric(key)
        added[key].update_state(value)

    @property
    def metrics(self) -> list[Any]:
        """What this layer and those inside measure, each metric once."""
        below: list[Any] = getattr(self, "sublayers", [])
        found = [m for one in (self, *below) for m in held_metrics(one)]
        return list({id(metric): metric for metric in found}.values())

    def reset_metrics(self) -> None:
        """Begin what this layer and those inside measure anew."""
        for metric in self.metrics:
            metric.reset_state()
