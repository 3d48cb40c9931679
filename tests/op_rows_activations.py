"""Rows of the rarer activations."""

import math
from typing import Any

import numpy as np
from op_row import Row, unary


def each(function: Any) -> Any:
    """A formula for Python floats as one for arrays, with options."""

    def formula(x: Any, **options: Any) -> Any:
        found = [math.nan if math.isnan(v) else function(v, **options) for v in x.flat]
        return np.reshape(found, x.shape)

    return formula


def celu(x: float, alpha: float = 1.0) -> float:
    return max(0.0, x) + min(0.0, alpha * (math.exp(x / alpha) - 1))


def hard_silu(x: float) -> float:
    return x * min(max(x / 6 + 0.5, 0.0), 1.0)


def soft_shrink(x: float, threshold: float = 0.5) -> float:
    return math.copysign(max(abs(x) - threshold, 0.0), x)


def sparse_plus(x: float) -> float:
    return 0.0 if x <= -1 else x if x >= 1 else 0.25 * (x + 1) ** 2


def threshold(x: float, threshold: float, default_value: float) -> float:
    return x if x > threshold else default_value


def glu(x: Any, axis: int = -1) -> Any:
    value, gate = np.split(x, 2, axis)
    return value / (1 + np.exp(-gate))


ROWS = (
    unary("celu", each(celu)),
    unary("celu", each(celu), options={"alpha": 0.5}),
    unary("hard_shrink", each(lambda x: x if abs(x) > 0.5 else 0.0), nan=False),
    unary("hard_silu", each(hard_silu), domain=((-4.0, 4.0),)),
    unary("hard_tanh", each(lambda x: max(-1.0, min(1.0, x)))),
    unary("soft_shrink", each(soft_shrink)),
    unary("soft_shrink", each(soft_shrink), options={"threshold": 1.0}),
    unary("sparse_plus", each(sparse_plus)),
    unary("sparse_sigmoid", each(lambda x: min(max(0.5 * (x + 1), 0.0), 1.0))),
    unary("squareplus", each(lambda x, b=4.0: (x + math.sqrt(x * x + b)) / 2)),
    unary("squareplus", each(lambda x, b=4.0: (x + math.sqrt(x * x + b)) / 2),
          options={"b": 1.0}),
    unary("tanh_shrink", each(lambda x: x - math.tanh(x))),
    unary("threshold", each(threshold), nan=False,
          options={"threshold": 0.5, "default_value": -2.0}),
    Row("glu", glu, ("A 4 B",), {"axis": 1}),
    Row("glu", glu, ("A 6",)),
)  # fmt: skip
