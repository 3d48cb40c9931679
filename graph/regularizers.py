"""Regularizers: what weights or activations add to the loss, by Keras's names."""

from __future__ import annotations

from typing import Any

from .diagnostics import Fault, TensorTypeError, caller_span
from .registry import call
from .settings import Settings, chosen, number, refuse
from .tensor import convert_to_tensor


class Regularizer(Settings):
    """The base: a function from a tensor to a scalar, 0 here.

    >>> class Largest(Regularizer):
    ...     def __call__(self, x):
    ...         return call("max", call("abs", x))
    >>> float(Largest()([1.0, -2.0]))
    2.0
    """

    def __call__(self, x: Any) -> Any:
        """The scalar for a tensor."""
        return 0.0


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x²).

    >>> float(L1L2(l1=1.0, l2=0.5)([1.0, -2.0]))
    5.5
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1 = number("l1", 0.0 if l1 is None else l1)
        self.l2 = number("l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        parts = []
        if self.l1:
            parts.append(call("sum", call("abs", x)) * self.l1)
        if self.l2:
            parts.append(call("sum", call("square", x)) * self.l2)
        return sum(parts[1:], parts[0]) if parts else call("sum", x) * 0.0


class L1(Regularizer):
    """l1 * sum(|x|).

    >>> float(L1(1.0)([1.0, -2.0]))
    3.0
    """

    def __init__(self, l1: float = 0.01):
        self.l1 = number("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Any:
        return call("sum", call("abs", x)) * self.l1


class L2(Regularizer):
    """l2 * sum(x²).

    >>> float(L2(1.0)([1.0, -2.0]))
    5.0
    """

    def __init__(self, l2: float = 0.01):
        self.l2 = number("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        return call("sum", call("square", x)) * self.l2


class OrthogonalRegularizer(Regularizer):
    """The mean |cosine| between the rows (or columns) of a matrix, times `factor`.

    >>> float(OrthogonalRegularizer(1.0)([[1.0, 0.0], [0.0, 2.0]]))
    0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if not isinstance(mode, str) or mode not in ("rows", "columns"):
            refuse("mode", "rows or columns", mode)
        self.factor, self.mode = number("factor", factor), mode

    def __call__(self, inputs: Any) -> Any:
        x = convert_to_tensor(inputs)
        if x.ndim != 2:
            fault = Fault(
                "T0306", f"`OrthogonalRegularizer` works on a matrix, not on {x.type}"
            )
            raise TensorTypeError.of(fault, caller_span())
        x = x if self.mode == "rows" else call("transpose", x)
        x = call("normalize", x, axis=1)
        size = x.type.shape[0]
        cosines = call("matmul", x, call("transpose", x)) * (
            1.0 - call("eye", size, dtype=x.dtype)
        )
        rows = call("size", size, x.dtype)
        pairs = rows * (rows - 1.0) / 2.0
        return call("sum", call("abs", cosines)) * (self.factor * 0.5) / pairs


KINDS: tuple[type[Regularizer], ...] = (L1, L2, L1L2, OrthogonalRegularizer)
BY_NAME: dict[str, type[Regularizer]] = {
    **{kind.__name__: kind for kind in KINDS},
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "l1l2": L1L2,
    "orthogonal": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Any:
    """The regularizer that a name, a configuration or a callable means, or None."""
    return chosen(identifier, BY_NAME, "regularizer")
