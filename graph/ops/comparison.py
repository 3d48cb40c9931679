"""Rounding, tests, comparisons and choices on elements, a row an op."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np

from ..diagnostics import Fault
from ..kinds import Kind, scalar
from ..node import Node
from ..op import Results, register
from ..operand import Operand
from ..registry import call
from ..types import DType, TensorType
from .elementwise import (
    TRUTHS_AS_NUMBERS,
    Elementwise,
    broadcast_shapes,
    define,
    dtype_clash,
    op,
    widened_numbers,
    widened_to_floats,
)

where = op("where")
cast = op("cast")
logical_and = op("logical_and")


define(
    "floor",
    "The largest integer not above x.",
    "x",
    "floor",
    lambda g, r, x: (None,),
    scalar="floor(x)",
    floats=True,
)
define(
    "ceil",
    "The smallest integer not below x.",
    "x",
    "ceil",
    lambda g, r, x: (None,),
    scalar="ceil(x)",
    floats=True,
)
define(
    "rint",
    "The nearest integer, ties to even.",
    "x",
    "rint",
    lambda g, r, x: (None,),
    scalar="rint(x)",
    floats=True,
    public=False,
)
for _name, _doc, _form in (
    ("equal", "x1 == x2.", "x == y"),
    ("not_equal", "x1 != x2.", "x != y"),
    ("less", "x1 < x2.", "x < y"),
    ("less_equal", "x1 <= x2.", "x <= y"),
    ("greater", "x1 > x2.", "x > y"),
    ("greater_equal", "x1 >= x2.", "x >= y"),
):
    define(
        _name,
        _doc,
        "x1 x2",
        _name,
        lambda g, r, x, y: (None, None),
        scalar=_form,
        to_bool=True,
    )
define(
    "logical_and",
    "Both are true.",
    "x1 x2",
    "logical_and",
    lambda g, r, x, y: (None, None),
    scalar="x && y",
    to_bool=True,
    commutative=True,
)
define(
    "logical_or",
    "One is true.",
    "x1 x2",
    "logical_or",
    lambda g, r, x, y: (None, None),
    scalar="x || y",
    to_bool=True,
    commutative=True,
)
define(
    "logical_not",
    "Not true.",
    "x",
    "logical_not",
    lambda g, r, x: (None,),
    scalar="!x",
    to_bool=True,
)
define(
    "isnan",
    "Whether an element is not a number.",
    "x",
    "isnan",
    lambda g, r, x: (None,),
    scalar="isnan(x)",
    to_bool=True,
)
define(
    "isfinite",
    "Whether an element is neither infinite nor NaN.",
    "x",
    "isfinite",
    lambda g, r, x: (None,),
    scalar="isfinite(x)",
    to_bool=True,
)
define(
    "isinf",
    "Whether an element is infinite.",
    "x",
    "isinf",
    lambda g, r, x: (None,),
    scalar="isinf(x)",
    to_bool=True,
)


@register
class Where(Elementwise):
    """x1 where the condition holds, else x2."""

    unified = slice(1, 3)
    scalar = "x ? y : z"
    writes = False

    def arguments(self, condition: Any, x1: Any = None, x2: Any = None) -> Any:
        if x1 is None or x2 is None:
            raise Fault(
                "T0203",
                "`where` chooses between two tensors; the places where a condition "
                "holds are as many as its values say, which no type can tell",
                help=["write `where(condition, x1, x2)`"],
            )
        return (condition, x1, x2), {}

    def apply(
        self, inputs: Any, attributes: Any = None, like: Any = None, name: Any = None
    ) -> Node:
        return super().apply(
            (cast(inputs[0], "bool"), *inputs[1:]), attributes, like, name
        )

    def infer(self, *types: TensorType) -> TensorType:
        if types[1].dtype != types[2].dtype:
            raise dtype_clash(self.name, types[1], 2, types[2])
        return TensorType(types[1].dtype, broadcast_shapes(self.name, types))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        condition = node.inputs[0]
        return (
            None,
            where(condition, cotangent, 0.0),
            where(condition, 0.0, cotangent),
        )

    def run(self, xp: Any, *arrays: Any, out: Any = None) -> Any:
        return xp.where(*arrays)


def _limit(value: Any) -> Any:
    """A number of what is one; arrays and tensors stay, variables and symbols too."""
    if isinstance(value, Operand):
        fixed = hasattr(value, "array") and not value.array.ndim
        return scalar(value) if fixed and value.node is None else value  # type: ignore[attr-defined]
    array = np.asarray(value) if isinstance(value, (list, tuple)) else value
    if isinstance(array, np.ndarray) and array.ndim:
        if array.dtype.kind not in "iufbV":
            raise TypeError
        return array
    return scalar(value)


LIMIT = Kind("a number or a tensor", _limit, frozenset({int, float, bool}))
Limit: TypeAlias = Annotated[Any, LIMIT]


@register
class Clip(Elementwise):
    """x cut to the interval from x_min to x_max, numbers or tensors; None is no end.

    Truth values count as int32. Integers become floats where a limit is a float.
    """

    writes = True
    widened = TRUTHS_AS_NUMBERS
    scalar = "min(max(x, x_min), x_max)"
    domain = ((-0.9, 0.9),)

    def arguments(self, x: Any, x_min: Limit | None, x_max: Limit | None) -> Any:
        return (x,), {"x_min": x_min, "x_max": x_max}

    def dispatch(
        self, operands: Sequence[Any], attributes: dict[str, Any], given: Any = ()
    ) -> Any:
        """Limits that are tensors are operands of the larger and the smaller of two."""
        limits = attributes["x_min"], attributes["x_max"]
        if not any(isinstance(limit, (Operand, np.ndarray)) for limit in limits):
            if any(isinstance(limit, float) for limit in limits):
                operands = list(map(widened_to_floats, operands))
            return super().dispatch(operands, attributes, given)
        found = widened_numbers(*operands)
        for name, limit in zip(("maximum", "minimum"), limits, strict=True):
            found = found if limit is None else call(name, found, limit)
        return found

    def canonical(self, types: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        kind = types[0].dtype
        if kind.is_float and None not in attributes.values():
            return attributes
        return {key: self._limit(key, limit, kind) for key, limit in attributes.items()}

    def _limit(self, key: str, limit: Any, kind: DType) -> Any:
        """A limit that the dtype can hold; None is the last number on its side."""
        if limit is None:
            limit = -math.inf if key == "x_min" else math.inf
        if kind.is_float or math.isfinite(limit):
            return limit
        last = np.iinfo(kind.name)
        return int(last.max if limit > 0 else last.min)

    def infer(self, x: TensorType, x_min: float, x_max: float) -> TensorType:  # type: ignore[override]
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        x, limits = node.inputs[0], node.attributes
        inside = logical_and(x >= limits["x_min"], x <= limits["x_max"])
        return (where(inside, cotangent, 0.0),)

    def run(self, xp: Any, *arrays: Any, out: Any = None, **limits: Any) -> Any:
        x = arrays[0]
        low, high = x.dtype.type(limits["x_min"]), x.dtype.type(limits["x_max"])
        if x.dtype.kind == "V":  # NumPy's `clip` makes float32 of bfloat16
            return xp.minimum(xp.maximum(x, low, out=out), high, out=out)
        return xp.clip(x, low, high, out=out)
