"""Running sums and products, and differences of neighbours."""

from __future__ import annotations

from typing import Any

from ..dim import maximum
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..types import DTypeLike, TensorType, dtype_of
from .formula import Refusal, axis_of, derived, part, type_of, whole
from .reduce import normal_axis

Types = tuple[TensorType, ...]


class Running(Op):
    """A fold that keeps each step, along an axis; None takes all elements."""

    writes = True
    accumulates = True
    domain = ((-2.0, 2.0),)
    body = ""

    def arguments(
        self, x: Any, axis: int | None = None, dtype: DTypeLike | None = None
    ) -> Any:
        if dtype is not None:
            x = call("cast", x, dtype_of(dtype))
        if axis is None:
            return (call("reshape", x, (-1,)),), {"axis": 0}
        return (x,), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        rank = types[0].rank
        return {"axis": normal_axis(self.name, attributes["axis"], rank, types[0])}

    def infer(self, x: TensorType, axis: int) -> TensorType:
        return x.with_dtype("int32") if x.dtype.kind == "b" else x

    def run(self, xp: Any, x: Any, *, axis: int, out: Any = None) -> Any:
        dtype = "int32" if x.dtype == bool else x.dtype
        return getattr(xp, self.body)(x, axis=axis, dtype=dtype, out=out)


def _backwards(value: Node, axis: int) -> Any:
    """The running sum from the other end."""
    turned = call("cumsum", call("flip", value, axis), axis)
    return call("flip", turned, axis)


@register
class Cumsum(Running):
    """The sum of the elements up to each one, along an axis.

    >>> call("cumsum", [1, 2, 3]).numpy().tolist()
    [1, 3, 6]
    """

    body = "cumsum"

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (_backwards(cotangent, node.attributes["axis"]),)


@register
class Cumprod(Running):
    """The product of the elements up to each one, along an axis.

    >>> call("cumprod", [1, 2, 3]).numpy().tolist()
    [1, 2, 6]
    """

    body = "cumprod"
    domain = ((0.5, 1.5),)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        # Before the first zero the product divides; at it the others are multiplied
        # again; behind it nothing moves.
        (x,), axis = node.inputs, node.attributes["axis"]
        zero = call("equal", x, 0)
        count = call("cumsum", call("cast", zero, "int32"), axis)
        first = call("logical_and", zero, call("equal", count, 1))
        others = OPS["cumprod"].apply((call("where", first, 1, x),), {"axis": axis})
        plain = _backwards(cotangent * node, axis) / call("where", zero, 1, x)
        return (call("where", first, _backwards(cotangent * others, axis), plain),)


@derived(1)
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """The differences of neighbours along an axis, `n` times.

    >>> call("diff", [1, 4, 9]).numpy().tolist()
    [3, 5]
    """
    axis = axis_of("diff", a, axis)
    if whole("diff", n, "n") < 0:
        raise Refusal(
            "diff", "T0204", f"`n` of `diff` is not negative: {n}", argument="n"
        )
    for _ in range(n):
        if a.shape[axis] == 0:
            break
        count = maximum(a.shape[axis] - 1, 0)
        later, earlier = part(a, axis, 1, count), part(a, axis, 0, count)
        truth = type_of(a).dtype.kind == "b"
        a = call("not_equal", later, earlier) if truth else later - earlier
    return a


@derived(2, "float")
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The integral over an axis by trapezoids, at places x or `dx` apart.

    >>> float(call("trapezoid", [1.0, 2.0, 3.0]))
    4.0
    """
    axis = axis_of("trapezoid", y, axis)
    count = maximum(y.shape[axis] - 1, 0)
    heights = part(y, axis, 0, count) + part(y, axis, 1, count)
    if x is None:
        return call("sum", heights, axis) * (dx / 2)
    if x.ndim == 1:
        shape: list[Any] = [1] * y.ndim
        shape[axis] = x.shape[0]
        x = call("reshape", x, tuple(shape))
    return call("sum", heights * call("diff", x, 1, axis), axis) / 2
