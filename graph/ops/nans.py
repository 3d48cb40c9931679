"""Folds, running folds, places and shares of elements that leave NaN out."""

from __future__ import annotations

import math
from typing import Any

from ..kinds import Axes
from ..node import Node
from ..registry import call
from ..types import I32, DTypeLike
from .formula import derived, type_of
from .reduce import root
from .sorting import ORDER, between, hundredths, shares_of


def _without(x: Any, value: float) -> Any:
    """The elements with a number in place of NaN."""
    return call("where", call("isnan", x), value, x) if type_of(x).dtype.is_float else x


@derived(1)
def nansum(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The sum over axes of the elements that are not NaN."""
    return call("sum", _without(x, 0.0), axis, keepdims)


@derived(1, domain=(0.5, 1.5))
def nanprod(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The product over axes of the elements that are not NaN."""
    return call("prod", _without(x, 1.0), axis, keepdims)


@derived(1, "float")
def nanmean(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The mean over axes of the elements that are not NaN."""
    return call("sum", _without(x, 0.0), axis, keepdims) / _count(x, axis, keepdims)


def _count(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements over axes are not NaN."""
    number = call("logical_not", call("isnan", x))
    return call("sum", call("cast", number, type_of(x).dtype), axis, keepdims)


@derived(1, "float")
def nanvar(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The variance over axes of the elements that are not NaN (divided by n)."""
    centred = _without(x - call("nanmean", x, axis, True), 0.0)
    total = call("sum", call("square", centred), axis, keepdims)
    return total / _count(x, axis, keepdims)


@derived(1, "float")
def nanstd(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The square root of the variance over axes of the elements that are not NaN."""
    return root(call("nanvar", x, axis, keepdims))


def _extreme(x: Any, name: str, axis: Any, keepdims: bool, far: float) -> Any:
    if not type_of(x).dtype.is_float:
        return call(name, x, axis, keepdims)
    none = call("all", call("isnan", x), axis, keepdims)
    found = call(name, _without(x, far), axis, keepdims)
    return call("where", none, math.nan, found)


@derived(1)
def nanmax(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The largest element over axes that is not NaN; NaN where there is none."""
    return _extreme(x, "max", axis, keepdims, -math.inf)


@derived(1)
def nanmin(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """The smallest element over axes that is not NaN; NaN where there is none."""
    return _extreme(x, "min", axis, keepdims, math.inf)


def _place(x: Any, name: str, axis: Any, keepdims: bool, far: float) -> Any:
    none = call("all", call("isnan", x), axis, keepdims)
    found = call(name, _without(x, far), axis, keepdims)
    return call("where", none, -1, found)


@derived(1, no_gradient=ORDER)
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the largest element that is not NaN; -1 where there is none."""
    return _place(x, "argmax", axis, keepdims, -math.inf)


@derived(1, no_gradient=ORDER)
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the smallest element that is not NaN; -1 where there is none."""
    return _place(x, "argmin", axis, keepdims, math.inf)


@derived(1)
def nancumsum(x: Any, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """The running sum along an axis, to which NaN adds nothing."""
    return call("cumsum", _without(x, 0.0), axis, dtype)


@derived(1, domain=(0.5, 1.5))
def nancumprod(x: Any, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """The running product along an axis, which NaN does not change."""
    return call("cumprod", _without(x, 1.0), axis, dtype)


@derived(1, "float")
def nanquantile(
    x: Any,
    q: Any,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """`quantile` of the elements that are not NaN; NaN where there are none."""
    return shares_of("nanquantile", x, q, axis, method, keepdims, _number_at)


def _number_at(ordered: Node, share: float, method: str) -> Node:
    """The value at one share of the numbers, which stand before the NaN."""
    at = call("relu", _count(ordered, -1, False) - 1) * share

    def pick(place: Any) -> Any:
        column = call("expand_dims", call("cast", place, I32), -1)
        return call("squeeze", call("take_along_axis", ordered, column, -1), -1)

    found: Node = between(at, pick, method)
    return found


@derived(1, "float")
def nanpercentile(
    x: Any,
    q: Any,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """`percentile` of the elements that are not NaN; NaN where there are none."""
    return call(
        "nanquantile", x, hundredths("nanpercentile", q), axis, method, keepdims
    )


@derived(1, "float")
def nanmedian(x: Any, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """`median` of the elements that are not NaN; NaN where there are none."""
    return call("nanquantile", x, 0.5, axis, "linear", keepdims)
