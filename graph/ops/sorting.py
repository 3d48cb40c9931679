"""Ops that put elements into order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dim import Dim, product
from ..kinds import Axes, Size, is_number, shown, wrong_value
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..tensor import held
from ..types import BOOL, I32, DType, TensorType
from .formula import (
    Refusal,
    Several,
    axes_of,
    axis_of,
    chosen,
    constant_beside,
    derived,
    part,
    place_at,
    shape_of,
    size_node,
    size_number,
    type_of,
    whole,
)
from .reduce import normal_axis, refuse_empty

Types = tuple[TensorType, ...]
ORDER = "an order does not move by small steps"


def orderable(x: Any) -> Any:
    """An array whose NaN NumPy puts last, as it does not with those of bfloat16."""
    return x.astype("float32") if x.dtype.kind == "V" else x


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
        return xp.sort(orderable(x), axis=axis).astype(x.dtype, copy=False)


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
        order = xp.argsort(orderable(x), axis=axis, kind="stable")
        return order.astype("int32")


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


FEW = 64  # places, for which `largest_places` may have code


@register
class LargestPlaces(Op):
    """Positions of the `k` largest elements of the last axis, largest first, as int32.

    NaN is above all; of equal elements the first ones count.
    """

    name = "largest_places"
    public = False
    text = "top_k({}, {k})[1]"
    no_gradient = ORDER
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, k: int) -> Any:
        return (x,), {"k": k}

    def infer(self, x: TensorType, k: int) -> TensorType:
        return x.with_shape((*x.shape[:-1], Dim.of(k))).with_dtype(I32)

    def run(self, xp: Any, x: Any, *, k: int, out: Any = None) -> Any:
        rising = xp.argsort(orderable(x)[..., ::-1], axis=-1, kind="stable")
        order = rising[..., ::-1]
        return (x.shape[-1] - 1 - order[..., :k]).astype("int32")


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
    # So few places are found faster than an order of all elements.
    if 0 < k <= FEW and size.value is not None and k * k <= size.value:
        found = call("largest_places", x, k)
    else:
        order = call("argsort", call("flip", x, axis), axis)
        last = size_number(size - 1)
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
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """The value below which a share `q` of the elements lies, over axes.

    Several shares give a new first axis. Between two elements `method` decides.

    >>> float(call("quantile", [1.0, 2.0, 3.0, 4.0], 0.5))
    2.5
    """
    return shares_of("quantile", x, q, axis, method, keepdims, _share)


@derived(1, "float")
def percentile(
    x: Any,
    q: Any,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """The value below which `q` percent of the elements lie, over axes.

    Several percents give a new first axis, as with `quantile`.

    >>> float(call("percentile", [1.0, 2.0, 3.0, 4.0], 50))
    2.5
    """
    return call("quantile", x, hundredths("percentile", q), axis, method, keepdims)


def hundredths(name: str, q: Any) -> Any:
    """Percents as shares of 1; refuses what is none."""
    check_shares(name, q, 100)
    return tuple(p / 100 for p in q) if isinstance(q, tuple) else q / 100


def check_shares(name: str, q: Any, most: int) -> tuple[float, ...]:
    """One share or several as a tuple; refuses none, and what is no share."""
    if q == ():
        raise wrong_value(name, "q", "a number or several", q)
    shares = q if isinstance(q, tuple) else (q,)
    for share in shares:
        _check_share(name, share, most)
    return shares


def _check_share(name: str, share: Any, most: int) -> None:
    if not is_number(share) or not 0 <= share <= most:
        message = f"`q` of `{name}` lies between 0 and {most}: {shown(share)}"
        raise Refusal(name, "T0204", message, argument="q")


def shares_of(
    name: str,
    x: Any,
    q: Any,
    axis: Any,
    method: str,
    keepdims: bool,
    share_of: Callable[[Node, float, str], Node],
) -> Any:
    """The values at shares of the elements over axes, which `share_of` picks."""
    chosen(name, method, "method", METHODS)
    shares = check_shares(name, q, 1)
    axes = axes_of(name, x, axis)
    rest = [one for one in range(x.ndim) if one not in axes]
    kept = tuple(x.shape[one] for one in rest)
    refuse_empty(name, type_of(x), axes)
    flat = call("transpose", x, (*rest, *sorted(axes)))
    flat = call("reshape", flat, (*kept, product(x.shape[one] for one in axes)))
    ordered = call("sort", flat, -1)
    found = [share_of(ordered, float(share), method) for share in shares]
    if keepdims:
        wide = tuple(1 if one in axes else x.shape[one] for one in range(x.ndim))
        found = [call("reshape", each, wide) for each in found]
    return call("stack", found, 0) if isinstance(q, tuple) else found[0]


def _share(ordered: Node, share: float, method: str) -> Node:
    """The value at one share of a sorted last axis."""
    axis, dtype = ordered.ndim - 1, ordered.dtype
    size = ordered.shape[axis]
    at = size_node(size - 1, dtype) * share
    last = place_at(ordered, axis, size - 1)

    def pick(place: Any) -> Any:
        return call("take", ordered, call("cast", place, I32), axis)

    found: Node = call("where", call("isnan", last), last, between(at, pick, method))
    return found


def between(at: Any, pick: Callable[[Any], Any], method: str) -> Any:
    """The value at a place that need not be whole, of those that `pick` gives."""
    if method == "nearest":
        return pick(call("rint", at))
    low, high = call("floor", at), call("ceil", at)
    if method in ("lower", "higher"):
        return pick(low if method == "lower" else high)
    below, above = pick(low), pick(high)
    weight: Any = 0.5 if method == "midpoint" else at - low
    mixed = below + (above - below) * weight
    return call("where", call("equal", low, high), below, mixed)


@derived(1, "float")
def median(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The middle element over axes, or the mean of the two in the middle."""
    return call("quantile", x, 0.5, axis, "linear", keepdims)


@derived(1, kind=Several, no_gradient=ORDER, remembers=False)
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: Size | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements, rising, then what else is asked for, in that order.

    That is the place of the first of each in the row of all elements, which of them
    every element is, how often each occurs. Without `size` their number follows from
    values, so symbols need it. Of places that are left, the element is `fill_value` or
    0, and all else is 0. They rise whatever `sorted` says, which is Keras's.

    >>> call("unique", [3, 1, 3]).numpy().tolist()
    [1, 3]
    """
    if axis is not None:
        message = "`unique` compares elements, not rows: `axis` is None"
        raise Refusal("unique", "T0204", message, argument="axis")
    if size is None and isinstance(x, Node):
        raise Refusal(
            "unique",
            "T0306",
            "the length of a `unique` depends on values, and these are symbols",
            operands={0: str(type_of(x))},
            help=["say how many there are at most: `size = …`"],
        )
    filler = _filler(fill_value, type_of(x).dtype)
    flat = call("reshape", x, (-1,))
    order = call("argsort", flat)
    ordered = call("take", flat, order)
    ranks = _ranks(ordered)
    count = size if size is not None else _last(ranks) + 1
    numbers = call("arange", count)
    starts = call("searchsorted", ranks, numbers)
    ends = call("searchsorted", ranks, numbers, "right")
    there = starts < ends
    places = call("where", there, starts, size_number(shape_of(flat)[0]))
    found = [call("take", _with(ordered, filler), places)]
    if return_index:
        found.append(call("take", _with(order, held(0, I32)), places))
    if return_inverse:
        back = call("take", ranks, call("argsort", order))
        found.append(call("reshape", back, shape_of(x)))
    if return_counts:
        found.append(call("where", there, ends - starts, 0))
    return tuple(found) if len(found) > 1 else found[0]


def _filler(value: Any, dtype: DType) -> Any:
    """What stands in places that are left; refuses what is no number of the dtype."""
    number = 0 if value is None else value
    if isinstance(number, float) and not dtype.is_float and number.is_integer():
        number = int(number)
    kinds = (int, float) if dtype.is_float else int
    if not isinstance(number, kinds) or (dtype == BOOL and number not in (0, 1)):
        raise Refusal(
            "unique",
            "T0204",
            f"`fill_value` of `unique` is a number of {dtype}, not {value!r}",
            argument="fill_value",
        )
    return held(number, dtype)


def _with(x: Any, filler: Any) -> Any:
    """A vector with one element more."""
    return call("concatenate", [x, constant_beside(x, np.reshape(filler, (1,)))])


def _ranks(ordered: Any) -> Any:
    """The number of each element of a rising vector among the different ones."""
    size = shape_of(ordered)[0]
    if size == 0:
        return call("cast", ordered, I32)
    later, earlier = part(ordered, 0, 1, size - 1), part(ordered, 0, 0, size - 1)
    new = call("not_equal", later, earlier)
    if type_of(ordered).dtype.is_float:
        both = call("logical_and", call("isnan", later), call("isnan", earlier))
        new = call("logical_and", new, call("logical_not", both))
    return call("cumsum", call("pad", call("cast", new, I32), ((1, 0),)))


def _last(ranks: Any) -> int:
    return int(ranks[-1]) if shape_of(ranks)[0] != 0 else -1
