"""Counts, averages, and folds of rows that belong together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..configuration import default_float
from ..conversion import result_dtype
from ..diagnostics import Fault
from ..dim import Dim, maximum
from ..kinds import Axes, Count, Size, is_number, wrong_value
from ..node import Node
from ..op import register
from ..registry import OPS, call
from ..types import BOOL, I32, DType
from .formula import (
    Derived,
    Refusal,
    Several,
    along,
    axes_of,
    chosen,
    constant_beside,
    counted,
    derived,
    floats,
    frozen,
    part,
    size_node,
    type_of,
    whole,
)
from .gathering import check_indices
from .movement import full_node, listed
from .scattering import factors_of, in_axis


@derived(1)
def ptp(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The largest element less the smallest, over axes."""
    return call("max", x, axis, keepdims) - call("min", x, axis, keepdims)


@derived(1, no_gradient="a count does not move by small steps")
def count_nonzero(x: Any, axis: Axes | None = None) -> Any:
    """How many elements over axes are not 0, as int32.

    >>> int(call("count_nonzero", [0, 3, 4]))
    2
    """
    hit = call("cast", x, "bool")
    return call("sum", call("cast", hit, I32), axis)


@register
class Average(Derived):
    """The mean over an axis, each element counted by its weight."""

    operand_dtypes = "float"
    domain = ((-2.0, 2.0), (0.5, 2.0))

    def arguments(self, x: Any, axis: Axes | None = None, weights: Any = None) -> Any:
        operands = (x,) if weights is None else (x, weights)
        return operands, {"axis": frozen(axis)}

    @staticmethod
    def formula(x: Any, weights: Any = None, axis: Axes | None = None) -> Any:
        return _average(x, weights, axis)


def _average(x: Any, weights: Any, axis: Any) -> Any:
    if weights is None:
        return call("mean", x, axis)
    if weights.shape != x.shape:
        axes = axes_of("average", x, axis)
        if axis is None or len(axes) != 1 or weights.shape != (x.shape[axes[0]],):
            raise Refusal(
                "average",
                "T0305",
                f"the weights of `average` have the shape of what they weigh, or are a "
                f"vector for one axis: {type_of(x)} and {type_of(weights)}",
                operands={0: str(type_of(x)), 1: str(type_of(weights))},
                dims=(*x.shape, *weights.shape),
                argument="weights",
            )
        weights = call("broadcast_to", along(weights, axes[0], x.ndim), x.shape)
    return call("sum", x * weights, axis) / call("sum", weights, axis)


@derived(1, "float")
def corrcoef(x: Any) -> Any:
    """The correlations of the rows of a matrix, each with each."""
    if x.ndim not in (1, 2):
        raise Refusal(
            "corrcoef",
            "T0306",
            f"`corrcoef` takes the rows of a matrix and got {type_of(x)}",
            operands={0: str(type_of(x))},
        )
    rows = call("reshape", x, (1, -1)) if x.ndim == 1 else x
    centred = rows - call("mean", rows, -1, True)
    product = call("matmul", centred, call("transpose", centred))
    scale = call("sqrt", call("diagonal", product))
    product = product / call("expand_dims", scale, 1) / scale
    product = call("clip", product, -1.0, 1.0)
    return call("reshape", product, ()) if x.ndim == 1 else product


@derived(2, "float", ((-2.0, 2.0), (-2.0, 2.0)))
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """The sums of products of two vectors, for each place of one on the other.

    `valid` gives the places where x2 lies within x1, `full` those where they touch,
    `same` the middle of these, as many as the longer has.

    >>> call("correlate", [1.0, 2.0, 3.0], [0.0, 1.0]).numpy().tolist()
    [2.0, 3.0]
    """
    chosen("correlate", mode, "mode", ("valid", "same", "full"))
    for index, x in enumerate((x1, x2)):
        if x.ndim != 1:
            raise Refusal(
                "correlate",
                "T0306",
                f"`correlate` takes vectors and got {type_of(x)}",
                operands={index: str(type_of(x))},
            )
    long, short = x1.shape[0], x2.shape[0]
    low, _ = (long - short).bounds()
    if mode == "valid" and (low is None or low < 0):
        spare, _ = (short - long).bounds()
        if spare is None or spare < 0:
            raise Refusal(
                "correlate",
                "T0308",
                f"which vector is longer cannot be decided: {long} and {short}",
                dims=(long, short),
            )
        return call("flip", call("correlate", x2, x1, "valid"))
    if mode != "valid":
        x1 = call("pad", x1, ((short - 1, short - 1),))
    count = x1.shape[0] - short + 1
    places = along(counted(count), 0, 2) + along(counted(short), 1, 2)
    found = call("matmul", call("take", x1, places, 0), x2)
    if mode == "same":
        size = maximum(long, short)
        found = part(found, 0, (count - size) // 2, size)
    return found


def _within(x: Node, edges: Node, bins: int) -> tuple[Any, Any]:
    """The bin of each element, and 1 for those that have one."""
    at = call("searchsorted", edges, x, "right") - 1
    last = call("getitem", edges, bins)
    at = call("where", call("equal", x, last), bins - 1, at)
    inside = call("logical_and", at >= 0, at < bins)
    inside = call("logical_and", inside, x <= last)
    return call("where", inside, at, 0), call("cast", inside, I32)


@derived(2, "float", no_gradient="a count does not move by small steps", public=False)
def histogram_counts(x: Any, edges: Any, bins: int) -> Any:
    """How many elements lie in each of the bins between sorted edges."""
    at, ones = _within(x, edges, bins)
    return OPS["add_at"].apply((ones, at), {"axis": 0, "size": bins, "rank": 1})


def _ends(range: Any) -> tuple[float, float]:
    pair = range if isinstance(range, tuple) else ()
    if len(pair) != 2 or not all(is_number(n) and math.isfinite(n) for n in pair):
        raise wrong_value("histogram", "range", "a pair of finite numbers", range)
    if pair[0] > pair[1]:
        words = "a pair whose first number is not the larger one"
        raise wrong_value("histogram", "range", words, range)
    return float(pair[0]), float(pair[1])


@derived(1, kind=Several)
def histogram(x: Any, bins: Count = 10, range: Any = None) -> list[Any]:
    """How many elements lie in each of equally wide bins, and the edges of the bins.

    >>> [h.numpy().tolist() for h in call("histogram", [0.0, 1.0, 4.0], 2)]
    [[2, 1], [0.0, 2.0, 4.0]]
    """
    flat = floats(call("reshape", x, (-1,)))
    if range is None and type_of(flat).size == 0:
        range = (0.0, 1.0)
    if range is not None:
        low, high = _ends(range)
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = constant_beside(flat, np.linspace(low, high, bins + 1))
    else:
        low, high = call("min", flat), call("max", flat)
        same = call("equal", low, high)
        low = call("where", same, call("subtract", low, 0.5), low)
        high = call("where", same, call("add", high, 0.5), high)
        edges = call("linspace", low, high, bins + 1)
    return [call("histogram_counts", flat, edges, bins), edges]


@derived(
    2,
    kind=Several,
    no_gradient="a count does not move by small steps",
    remembers=False,
)
def bincount(
    x: Any, weights: Any = None, minlength: Size = 0, sparse: bool = False
) -> Any:
    """How often each whole number occurs in a vector, or the sum of its weights.

    The result is as long as the largest number says, so it needs values: on symbols
    write `sum(one_hot(x, n), 0)`.

    >>> call("bincount", [1, 2, 2]).numpy().tolist()
    [0, 1, 2]
    """
    if isinstance(x, Node):
        raise Refusal(
            "bincount",
            "T0306",
            "the length of a `bincount` depends on values, and these are symbols",
            operands={0: str(type_of(x))},
            help=["give the length: `sum(one_hot(x, n), axis=0)`"],
        )
    if sparse:
        raise Refusal(
            "bincount", "T0204", "there are no sparse tensors", argument="sparse"
        )
    if x.type.dtype.is_float or x.ndim != 1:
        raise Fault(
            "T0402",
            f"`bincount` counts the whole numbers of a vector and got {x.type}",
            operands={0: str(x.type)},
        )
    if weights is not None and type_of(weights).shape != x.type.shape:
        raise Refusal(
            "bincount",
            "T0305",
            f"`weights` of `bincount` has one number for each element of {x.type}, and "
            f"is {type_of(weights)}",
            operands={0: str(x.type), 1: str(type_of(weights))},
            argument="weights",
        )
    x = call("cast", x, I32) if x.type.dtype.size < I32.size else x
    size = max(
        whole("bincount", minlength, "minlength"),
        int(call("max", x)) + 1 if x.type.size.value else 0,
    )
    values = call("ones_like", x, I32) if weights is None else weights
    attributes = {"axis": 0, "size": maximum(size, 0), "rank": 1}
    return OPS["add_at"].dispatch((values, x), attributes)


def _segments(
    name: str, data: Node, segment_ids: Node, num_segments: Any
) -> tuple[Dim, Any]:
    """The number of segments, and ids as int32; that number in place of those outside.

    Refuses ids that do not fit, and a missing number.
    """
    check_indices(name, type_of(segment_ids))
    if num_segments is None or segment_ids.shape != data.shape[:1]:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` needs a vector with an id for each row of {type_of(data)}, and "
            f"`num_segments`, for the size of the result depends on values otherwise",
            operands={0: str(type_of(data)), 1: str(type_of(segment_ids))},
            argument="num_segments",
        )
    count = Dim.of(num_segments)
    inside = in_axis(segment_ids, count)
    at = call("where", inside, call("cast", segment_ids, I32), size_node(count))
    return count, at


@derived(2, domain=((-2.0, 2.0), ()))
def segment_sum(
    data: Any, segment_ids: Any, num_segments: Size | None = None, sorted: bool = False
) -> Any:
    """The sums of the rows that carry the same id, one for each id from 0 on.

    Rows with other ids than these are left out.

    >>> call("segment_sum", [1.0, 2.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 5.0]
    """
    count, at = _segments("segment_sum", data, segment_ids, num_segments)
    attributes = {"axis": 0, "size": count + 1, "rank": 1}
    return part(OPS["add_at"].apply((data, at), attributes), 0, 0, count)


def _extreme_by_segment(
    fold: str, data: Node, segment_ids: Node, num_segments: Any, sign: int
) -> Any:
    """The extreme rows of each id, and what is beyond all numbers where are none."""
    count, at = _segments(f"segment_{fold}", data, segment_ids, num_segments)
    if type_of(data).dtype == BOOL:
        data = call("cast", data, default_float())
    type = type_of(data).with_shape((count, *data.shape[1:]))
    empty = full_node(type, _end(type.dtype, sign))
    return OPS["extreme_at"].apply((empty, at, data), {"reduction": fold})


@derived(2, "any", ((-2.0, 2.0), ()))
def segment_max(
    data: Any, segment_ids: Any, num_segments: Size | None = None, sorted: bool = False
) -> Any:
    """The largest of the rows that carry the same id, one for each id from 0 on.

    An id without rows gives minus infinity, or the least whole number.
    """
    return _extreme_by_segment("max", data, segment_ids, num_segments, -1)


@derived(2, "any", ((-2.0, 2.0), ()))
def segment_min(
    data: Any, segment_ids: Any, num_segments: Size | None = None, sorted: bool = False
) -> Any:
    """The smallest of the rows that carry the same id, one for each id from 0 on.

    An id without rows gives infinity, or the largest whole number.
    """
    return _extreme_by_segment("min", data, segment_ids, num_segments, 1)


@derived(2, "any", ((-2.0, 2.0), ()))
def segment_prod(
    data: Any, segment_ids: Any, num_segments: Size | None = None, sorted: bool = False
) -> Any:
    """The products of the rows that carry the same id, 1 where there are none.

    >>> call("segment_prod", [1.0, 2.0, 4.0], [1, 1, 0], 2).numpy().tolist()
    [4.0, 2.0]
    """
    count, at = _segments("segment_prod", data, segment_ids, num_segments)
    return call("prod", factors_of(count, at, data), 1)


def _end(dtype: DType, sign: int) -> float:
    """What is beyond all numbers of a dtype, or the last of them."""
    if dtype.is_integer:
        info = np.iinfo(dtype.name)
        return int(info.max if sign > 0 else info.min)
    return sign * math.inf


@register
class Select(Derived):
    """For each element the first choice whose condition holds, else the default.

    >>> call("select", [[True, False]], [[1, 2]], default=0).numpy().tolist()
    [1, 0]
    """

    domain = ((0.0, 1.0), (-2.0, 2.0))

    def arguments(self, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
        conditions, choices = listed(self.name, condlist), listed(self.name, choicelist)
        if len(conditions) != len(choices):
            raise Fault(
                "T0203",
                f"`select` has {len(conditions)} conditions and {len(choices)} choices",
                argument="choicelist",
            )
        return (*conditions, *choices, default), {}

    @staticmethod
    def formula(*operands: Node) -> Any:
        count = len(operands) // 2
        found = operands[-1]
        dtype = result_dtype(*operands[count:])
        found = call("cast", found, dtype)
        for index in reversed(range(count)):
            choice = call("cast", operands[count + index], dtype)
            found = call("where", operands[index], choice, found)
        return found
