"""The rarer activations; `composite` has the common ones."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..dim import Dim
from ..node import Node
from ..op import register
from ..registry import call
from ..types import TensorType
from .composite import Composite, Formula, Types, common_floats, formula_op
from .reduce import normal_axis


def _below(x: Node, alpha: float) -> Any:
    """exp(x / alpha) - 1 where x is negative, else 0."""
    return call("expm1", call("where", x > 0, 0.0, x) / alpha)


formula_op(
    "celu",
    "x where positive, else alpha * (exp(x / alpha) - 1) (Barron 2017).",
    lambda x, alpha: call("where", x > 0, x, alpha * _below(x, alpha)),
    alpha=1.0,
)
formula_op(
    "hard_shrink",
    "x where |x| is above the threshold, else 0.",
    lambda x, threshold: call("where", call("abs", x) <= threshold, 0.0, x),
    threshold=0.5,
)
formula_op(
    "hard_silu",
    "x * hard_sigmoid(x) (Howard et al. 2019).",
    lambda x: x * call("hard_sigmoid", x),
)
formula_op(
    "hard_tanh",
    "x cut to the interval from -1 to 1.",
    lambda x: call("clip", x, -1.0, 1.0),
)
formula_op(
    "soft_shrink",
    "x moved towards 0 by the threshold, and 0 within it.",
    lambda x, threshold: call(
        "where",
        x > threshold,
        x - threshold,
        call("where", x < -threshold, x + threshold, 0.0 * x),
    ),
    threshold=0.5,
)
formula_op(
    "sparse_plus",
    "0 up to -1, (x + 1)² / 4 up to 1, x beyond.",
    lambda x: call("where", x >= 1, x, 0.25 * call("square", _cut_below(x))),
)
formula_op(
    "sparse_sigmoid",
    "0 up to -1, (x + 1) / 2 up to 1, 1 beyond.",
    lambda x: call("clip", 0.5 * (x + 1), 0.0, 1.0),
)
formula_op(
    "squareplus",
    "(x + sqrt(x² + b)) / 2, a smooth relu (Barron 2021).",
    lambda x, b: 0.5 * (x + call("sqrt", call("square", x) + b)),
    b=4.0,
)
formula_op("tanh_shrink", "x - tanh(x).", lambda x: x - call("tanh", x))


def _cut_below(x: Node) -> Any:
    return call("clip", x + 1, 0.0, 2.0)


@register
class Threshold(Formula):
    """x where it is above a threshold, else another number."""

    formula = staticmethod(
        lambda x, threshold, default_value: call(
            "where", x > threshold, x, default_value
        )
    )

    def arguments(self, x: Any, threshold: float, default_value: float) -> Any:
        return (x,), {"threshold": threshold, "default_value": default_value}


@register
class Glu(Composite):
    """The first half of an axis times the sigmoid of the second (Dauphin et al. 2017).

    Input f32[..., 2 n, ...], output f32[..., n, ...]. Raises T0304 for an odd size.

    >>> call("glu", [2.0, 0.0]).numpy().tolist()
    [1.0]
    """

    def arguments(self, x: Any, axis: int = -1) -> Any:
        return (x,), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        axis = normal_axis(self.name, attributes["axis"], types[0].rank, types[0])
        return {"axis": axis}

    def infer(self, x: TensorType, axis: int) -> TensorType:
        common_floats(self.name, (x,))
        size = x.shape[axis]
        if size % 2 != Dim.of(0):
            raise Fault(
                "T0304",
                f"`glu` cuts axis {axis} in halves, and {size} elements are not "
                "always an even number",
                operands={0: str(x)},
                argument="axis",
                dims=(size,),
            )
        return x.with_shape((*x.shape[:axis], size // 2, *x.shape[axis + 1 :]))

    def expand(self, node: Node) -> Node:
        (x,), axis = node.inputs, node.attributes["axis"]
        half = x.shape[axis] // 2
        before = (slice(None),) * axis
        value = call("getitem", x, (*before, slice(None, half)))
        gate = call("getitem", x, (*before, slice(half, None)))
        found: Node = value * call("sigmoid", gate)
        return found
