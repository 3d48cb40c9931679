"""Constraints: what weights are brought back to after each step, by Keras's names."""

from __future__ import annotations

from typing import Any

from .configuration import epsilon
from .registry import call
from .settings import Settings, axes, chosen, number


class Constraint(Settings):
    """The base: a function from a weight's new value to an admissible one.

    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return call("minimum", w, 1.0)
    >>> AtMostOne()([0.5, 2.0]).numpy().tolist()
    [0.5, 1.0]
    """

    def __call__(self, w: Any) -> Any:
        """The value nearby that is admissible; here all are."""
        return w


def _norms(w: Any, axis: Any) -> Any:
    squares = call("square", w)
    return call("sqrt", call("sum", squares, axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Each norm along `axis` at most `max_value`.

    >>> MaxNorm(1.0)([[3.0], [4.0]]).numpy().round(3).tolist()
    [[0.6000000238418579], [0.800000011920929]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0):
        self.max_value, self.axis = number("max_value", max_value), axes(axis)

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        wanted = call("clip", norms, 0.0, float(self.max_value))
        return w * (wanted / (norms + epsilon()))


class NonNeg(Constraint):
    """No element below 0.

    >>> NonNeg()([1.0, -2.0]).numpy().tolist()
    [1.0, 0.0]
    """

    def __call__(self, w: Any) -> Any:
        return call("maximum", w, 0.0)


class UnitNorm(Constraint):
    """Each norm along `axis` equal to 1.

    >>> UnitNorm()([[0.5], [0.0]]).numpy().round(3).tolist()
    [[1.0], [0.0]]
    """

    def __init__(self, axis: Any = 0):
        self.axis = axes(axis)

    def __call__(self, w: Any) -> Any:
        return w / (_norms(w, self.axis) + epsilon())


class MinMaxNorm(Constraint):
    """Each norm along `axis` between two bounds, or `rate` of the way there.

    >>> MinMaxNorm(1.0, 2.0)([[0.5]]).numpy().round(3).tolist()
    [[1.0]]
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Any = 0,
    ):
        self.min_value = number("min_value", min_value)
        self.max_value = number("max_value", max_value)
        self.rate, self.axis = number("rate", rate), axes(axis)

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        inside = call("clip", norms, float(self.min_value), float(self.max_value))
        wanted = inside * self.rate + norms * (1.0 - self.rate)
        return w * (wanted / (norms + epsilon()))


KINDS: tuple[type[Constraint], ...] = (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
BY_NAME: dict[str, type[Constraint]] = {
    **{kind.__name__: kind for kind in KINDS},
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def get(identifier: Any) -> Any:
    """The constraint that a name, a configuration or a callable means, or None."""
    return chosen(identifier, BY_NAME, "constraint")
