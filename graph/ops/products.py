"""Sums of products: `einsum`, and what it can say in one name."""

from __future__ import annotations

import math
from typing import Any

from ..advice import to_match
from ..decide import equal as equal_dims
from ..dim import product
from ..kinds import wrong_value
from ..node import Node
from ..op import register
from ..registry import call
from ..types import DTypeLike, dtype_of
from .formula import (
    Derived,
    Refusal,
    Several,
    axes_of,
    axis_of,
    counted,
    derived,
    floats,
    place_at,
    type_of,
    whole,
)
from .linalg import BYTES_AS_NUMBERS
from .subscripts import contracted

SAME = "same"
PAIR = ((-1.0, 1.0), (-1.0, 1.0))


@derived(2, SAME, PAIR)
def dot(x1: Any, x2: Any) -> Any:
    """The sum of products over the last axis of x1 and the last but one of x2.

    >>> float(call("dot", [1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    if x2.ndim <= 2:
        return _product(x1, x2)
    return call("tensordot", x1, x2, ((-1,), (-2,)))


@derived(2, SAME, PAIR)
def inner(x1: Any, x2: Any) -> Any:
    """The sum of products over the last axes."""
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    return call("tensordot", x1, x2, ((-1,), (-1,)))


@derived(2, SAME, PAIR)
def vdot(x1: Any, x2: Any) -> Any:
    """The sum of products of all elements."""
    return _product(call("reshape", x1, (-1,)), call("reshape", x2, (-1,)))


@derived(2, SAME, PAIR)
def outer(x1: Any, x2: Any) -> Any:
    """Each element of x1 times each of x2.

    >>> call("outer", [1, 2], [3, 4]).numpy().tolist()
    [[3, 4], [6, 8]]
    """
    return call("reshape", x1, (-1, 1)) * call("reshape", x2, (1, -1))


@derived(2, SAME, PAIR)
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last of x1 and first of x2, or lists.

    >>> call("tensordot", call("ones", (2, 3)), call("ones", (3, 4)), 1).shape
    (2, 4)
    """
    left, right = _pairs(x1, x2, axes)
    for one, two in zip(left, right, strict=True):
        if equal_dims(x1.shape[one], x2.shape[two]) is not True:
            raise Refusal(
                "tensordot",
                "T0301",
                f"sizes of `tensordot` differ: axis {one} of {type_of(x1)} and axis "
                f"{two} of {type_of(x2)}",
                operands={0: str(type_of(x1)), 1: str(type_of(x2))},
                dims=(x1.shape[one], x2.shape[two]),
                argument="axes",
                help=to_match(x1.shape[one], x2.shape[two]),
            )
    free = [axis for axis in range(x1.ndim) if axis not in left]
    rest = [axis for axis in range(x2.ndim) if axis not in right]
    before = tuple(x1.shape[axis] for axis in free)
    after = tuple(x2.shape[axis] for axis in rest)
    folded = product(x1.shape[axis] for axis in left)
    x1 = call("transpose", x1, (*free, *left))
    x2 = call("transpose", x2, (*right, *rest))
    x1 = call("reshape", x1, (product(before), folded))
    x2 = call("reshape", x2, (folded, product(after)))
    return call("reshape", _product(x1, x2), (*before, *after))


def _product(x1: Node, x2: Node) -> Any:
    """The matrix product in the dtype of its operands."""
    return call("cast", call("matmul", x1, x2), x1.dtype)


def _pairs(x1: Node, x2: Node, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, int) and not isinstance(axes, bool):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise Refusal(
                "tensordot",
                "T0303",
                f"{type_of(x1)} and {type_of(x2)} have no {axes} axes to sum over",
                operands={0: str(type_of(x1)), 1: str(type_of(x2))},
                argument="axes",
            )
        return list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    if not isinstance(axes, tuple) or len(axes) != 2:
        words = "an integer, or a pair of axes or of lists of axes"
        raise wrong_value("tensordot", "axes", words, axes)
    left, right = axes
    one = list(axes_of("tensordot", x1, left))
    two = list(axes_of("tensordot", x2, right))
    if len(one) != len(two) or len({*one}) < len(one) or len({*two}) < len(two):
        raise Refusal(
            "tensordot",
            "T0303",
            f"`axes` of `tensordot` pairs different axes: {left} and {right}",
            argument="axes",
        )
    return one, two


@register
class Einsum(Derived):
    """Sums of products by letters: `"bij,bjk->bik"`; `...` stands for more axes.

    A letter that is not in the result is summed over. Without `->` the result has the
    letters that occur once, in alphabetical order. Of int8 alone it is int32.

    >>> call("einsum", "ij->j", [[1, 2], [3, 4]]).numpy().tolist()
    [4, 6]
    """

    operand_dtypes = SAME
    widened = BYTES_AS_NUMBERS
    domain = PAIR

    def arguments(self, subscripts: str, *operands: Any) -> Any:
        if not isinstance(subscripts, str):
            raise Refusal(
                "einsum",
                "T0204",
                "the first argument of `einsum` is its subscripts, as in `ij,jk->ik`",
                argument="subscripts",
            )
        return operands, {"subscripts": subscripts.replace(" ", "")}

    @staticmethod
    def formula(*operands: Node, subscripts: str) -> Any:
        return contracted(subscripts, list(operands))


@derived(2, SAME, ((-2.0, 2.0), (-2.0, 2.0)))
def cross(
    x1: Any,
    x2: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Any:
    """The cross product of vectors of 2 or 3 elements; of two of 2, its last element.

    >>> call("cross", [1, 0, 0], [0, 1, 0]).numpy().tolist()
    [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1 = call("moveaxis", x1, axis_of("cross", x1, axisa), -1)
    x2 = call("moveaxis", x2, axis_of("cross", x2, axisb), -1)
    for index, x in enumerate((x1, x2)):
        if x.shape[-1] not in (2, 3):
            raise Refusal(
                "cross",
                "T0306",
                f"`cross` takes vectors of 2 or 3 elements and got {type_of(x)}",
                operands={index: str(type_of(x))},
                dims=(x.shape[-1],),
            )
    a, b = _components(x1), _components(x2)
    last = a[0] * b[1] - a[1] * b[0]
    if len(a) == len(b) == 2:
        return last
    zero = call("zeros_like", last)
    a, b = [*a, zero][:3], [*b, zero][:3]
    first = a[1] * b[2] - a[2] * b[1]
    second = a[2] * b[0] - a[0] * b[2]
    shape = last.shape
    parts = [call("broadcast_to", x, shape) for x in (first, second, last)]
    return call("stack", parts, axisc)


def _components(x: Node) -> list[Any]:
    count = x.shape[-1].value or 0
    return [place_at(x, x.ndim - 1, index) for index in range(count)]


# Evenly spaced numbers.


@derived(2, "float", ((-2.0, 2.0), (-2.0, 2.0)), public=False)
def spaced(start: Any, stop: Any, num: int, endpoint: bool, axis: int) -> Any:
    """Numbers from start to stop at equal distances along a new axis."""
    start, stop = _together(start, stop)
    steps = num - 1 if endpoint else num
    axis = axis_of("linspace", start, axis, 1)
    shape: list[Any] = [1] * (start.ndim + 1)
    shape[axis] = num
    at = call("cast", counted(num), start.dtype)
    at = call("reshape", at, tuple(shape))
    first, last = call("expand_dims", start, axis), call("expand_dims", stop, axis)
    found = first + (last - first) * (at / max(steps, 1))
    if endpoint and num > 1:
        found = call("where", call("equal", at, float(num - 1)), last, found)
    return found


def _together(start: Node, stop: Node) -> tuple[Any, Any]:
    shape = (start + stop).shape
    return call("broadcast_to", start, shape), call("broadcast_to", stop, shape)


@derived(2, kind=Several, domain=((-2.0, 2.0), (-2.0, 2.0)))
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """`num` numbers from start to stop at equal distances, `stop` included.

    With `retstep` also that distance. Tensors of starts and stops give a new axis.

    >>> call("linspace", 0, 1, 3).numpy().tolist()
    [0.0, 0.5, 1.0]
    """
    if whole("linspace", num, "num") < 0:
        raise Refusal(
            "linspace", "T0204", f"`num` of `linspace` is {num}", argument="num"
        )
    kind = None if dtype is None else dtype_of(dtype)
    if kind is not None and kind.is_float:
        start, stop = call("cast", start, kind), call("cast", stop, kind)
    found = call("spaced", start, stop, num, endpoint, axis)
    if kind is not None:
        found = call("cast", found, kind)
    if not retstep:
        return found
    steps = num - 1 if endpoint else num
    width = call("subtract", call("cast", stop, type_of(found).dtype), start)
    return [found, call("divide", width, float(steps) if steps else math.nan)]


@derived(2, kind=Several, domain=((-1.0, 1.0), (-1.0, 1.0)))
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """`base` to the power of `num` evenly spaced numbers.

    >>> call("logspace", 0, 2, 3).numpy().tolist()
    [1.0, 10.0, 100.0]
    """
    powers = call("linspace", start, stop, num, endpoint, axis=axis)
    found = call("power", float(base), powers)
    return found if dtype is None else call("cast", found, dtype)


@derived(2, kind=Several, domain=((0.5, 2.0), (0.5, 2.0)))
def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """`num` numbers from start to stop at equal ratios; both have the same sign.

    Otherwise, or from or to 0, there are none: all are NaN.

    >>> call("geomspace", 1.0, 8.0, 4).numpy().tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    start, stop = floats(start), floats(stop)
    ends = (call("log2", call("abs", end)) for end in (start, stop))
    powers = call("linspace", *ends, num, endpoint, axis=axis)
    sign = call("sign", start)
    alike = call("multiply", sign, call("sign", stop)) > 0
    sign = call("expand_dims", call("where", alike, sign, math.nan), axis)
    found = sign * call("exp2", powers)
    return found if dtype is None else call("cast", found, dtype)
