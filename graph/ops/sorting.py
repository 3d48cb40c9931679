"""Ops that put elements into order."""

from __future__ import annotations

from typing import Any

from ..dim import product
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..types import I32, TensorType
from .formula import (
    Refusal,
    Several,
    axes_of,
    axis_of,
    chosen,
    derived,
    part,
    place_at,
    shape_of,
    size_node,
    type_of,
    whole,
)
from .reduce import normal_axis

Types = tuple[TensorType, ...]
ORDER = "an order does not move by small steps"


class Ordered(Op):
    """An op along one axis, by default the last; None takes all elements."""

    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axis: int | None = -1) -> Any:
        if axis is None:
            return (call("reshape", x, (-1,)),), {"axis": 0}
        return (x,), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        rank = types[0].rank
        return {"axis": normal_axis(self.name, attributes["axis"], rank, types[0])}


@register
class Sort(Ordered):
    """Elements in rising order along an axis, NaN last.

    >>> call("sort", [3, 1, 2]).numpy().tolist()
    [1, 2, 3]
    """

    def infer(self, x: TensorType, axis: int) -> TensorType:
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (x,), axis = node.inputs, node.attributes["axis"]
        order = OPS["argsort"].apply((x,), {"axis": axis})
        attributes = {"axis": axis, "size": x.shape[axis]}
        return (OPS["add_along_axis"].apply((cotangent, order), attributes),)

    def run(self, xp: Any, x: Any, *, axis: int, out: Any = None) -> Any:
        return xp.sort(x, axis=axis)


@register
class Argsort(Ordered):
    """Positions in the rising order of their elements, as int32; ties as they stand.

    >>> call("argsort", [3, 1, 2]).numpy().tolist()
    [1, 2, 0]
    """

    no_gradient = ORDER

    def infer(self, x: TensorType, axis: int) -> TensorType:
        return x.with_dtype(I32)

    def run(self, xp: Any, x: Any, *, axis: int, out: Any = None) -> Any:
        return xp.argsort(x, axis=axis, kind="stable").astype("int32")


@derived(1, no_gradient=ORDER)
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Positions with the k-th smallest in its place and smaller ones before it."""
    axis = axis_of("argpartition", x, axis)
    size = x.shape[axis].value
    if size is not None and not -size <= whole("argpartition", kth, "kth") < size:
        raise Refusal(
            "argpartition",
            "T0311",
            f"place {kth} is not within axis {axis} of {type_of(x)}",
            operands={0: str(type_of(x))},
            argument="kth",
        )
    return call("argsort", x, axis)


@derived(1, kind=Several)
def top_k(x: Any, k: int, sorted: bool = True) -> list[Any]:
    """The k largest elements of the last axis, largest first, and their positions.

    >>> [v.numpy().tolist() for v in call("top_k", [1.0, 3.0, 2.0], 2)]
    [[3.0, 2.0], [1, 2]]
    """
    axis = axis_of("top_k", x, -1)
    size = shape_of(x)[axis]
    if size.value is not None and not 0 <= whole("top_k", k, "k") <= size.value:
        raise Refusal(
            "top_k",
            "T0311",
            f"axis {axis} of {type_of(x)} has no {k} elements",
            operands={0: str(type_of(x))},
            dims=(size,),
            argument="k",
        )
    order = call("argsort", call("flip", x, axis), axis)
    last = size.value - 1 if size.value is not None else size_node(size - 1)
    found = call("subtract", last, part(call("flip", order, axis), axis, 0, k))
    return [call("take_along_axis", x, found, axis), found]


@derived(2, no_gradient=ORDER, domain=((), (-2.0, 2.0)))
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether the target class of each row is among its k largest predictions.

    >>> call("in_top_k", [1, 0], [[0.1, 0.9], [0.2, 0.8]], 1).numpy().tolist()
    [True, False]
    """
    column = call("expand_dims", targets, -1)
    own = call("take_along_axis", predictions, column, -1)
    above = call("sum", call("cast", predictions > own, "int32"), -1)
    known = call("isfinite", call("squeeze", own, -1))
    return call("logical_and", above < whole("in_top_k", k, "k"), known)


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@derived(1, "float")
def quantile(
    x: Any,
    q: Any,
    axis: Any = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """The value below which a share `q` of the elements lies, over axes.

    Several shares give a new first axis. Between two elements `method` decides.

    >>> float(call("quantile", [1.0, 2.0, 3.0, 4.0], 0.5))
    2.5
    """
    chosen("quantile", method, "method", METHODS)
    shares = q if isinstance(q, tuple) else (q,)
    for share in shares:
        if not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise Refusal(
                "quantile",
                "T0204",
                f"`q` of `quantile` lies between 0 and 1: {share!r}",
                argument="q",
            )
    axes = axes_of("quantile", x, axis)
    rest = [one for one in range(x.ndim) if one not in axes]
    kept = tuple(x.shape[one] for one in rest)
    flat = call("transpose", x, (*rest, *sorted(axes)))
    flat = call("reshape", flat, (*kept, product(x.shape[one] for one in axes)))
    ordered = call("sort", flat, -1)
    found = [_share(ordered, share, method) for share in shares]
    if keepdims:
        wide = tuple(1 if one in axes else x.shape[one] for one in range(x.ndim))
        found = [call("reshape", each, wide) for each in found]
    return call("stack", found, 0) if isinstance(q, tuple) else found[0]


def _share(ordered: Node, share: float, method: str) -> Node:
    """The value at one share of a sorted last axis."""
    axis, dtype = ordered.ndim - 1, ordered.dtype
    size = ordered.shape[axis]
    at = size_node(size - 1, dtype) * float(share)
    low, high = call("floor", at), call("ceil", at)
    if method == "nearest":
        low = high = call("rint", at)
    elif method in ("lower", "higher"):
        low = high = low if method == "lower" else high
    below, above = (
        call("take", ordered, call("cast", place, I32), axis) for place in (low, high)
    )
    weight: Any = 0.5 if method == "midpoint" else at - low
    last = place_at(ordered, axis, size - 1)
    found: Node = below
    if method in ("linear", "midpoint"):
        found = call(
            "where", call("equal", low, high), below, _mix(below, above, weight)
        )
    return call("where", call("isnan", last), last, found)  # type: ignore[no-any-return]


def _mix(below: Node, above: Node, weight: Any) -> Any:
    return below + (above - below) * weight


@derived(1, "float")
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element over axes, or the mean of the two in the middle."""
    return call("quantile", x, 0.5, axis, "linear", keepdims)
