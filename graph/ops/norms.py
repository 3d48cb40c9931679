"""Lengths of vectors and sizes of matrices."""

from __future__ import annotations

from typing import Any

from ..kinds import Axes, is_number, shown
from ..registry import call
from .formula import Refusal, axes_of, derived, place_at, type_of
from .reduce import refuse_empty, root

FLOAT = "float"


@derived(1, FLOAT, (0.3, 2.0))
def norm(
    x: Any, ord: Any = None, axis: Axes | None = None, keepdims: bool = False
) -> Any:
    """The length of vectors along an axis, or the size of matrices over two.

    `ord` is 2 for vectors and "fro" for matrices if None; NumPy's others are "nuc",
    1, -1, 2, -2, infinity, and for vectors any number. All elements for no axis.

    >>> float(call("norm", [3.0, 4.0]))
    5.0
    """
    axes = axes_of("norm", x, axis)
    if ord is None or (axis is None and x.ndim == 1 and ord == 2):
        return _length(x, axes, keepdims)
    if (axis is None and x.ndim not in (1, 2)) or len(axes) not in (1, 2):
        raise Refusal(
            "norm",
            "T0303",
            f"`norm` with `ord` works on one axis or two: {type_of(x)}, axis {axis}",
            operands={0: str(type_of(x))},
            argument="axis",
        )
    if ord in (2, -2) and len(axes) == 2:
        refuse_empty("norm", type_of(x), axes)
    rule = _vector_norm if len(axes) == 1 else _matrix_norm
    return rule(x, ord, axes, keepdims)


def _length(x: Any, axes: Any, keepdims: bool) -> Any:
    return root(call("sum", x * x, axes, keepdims))


def _bad_order(ord: Any) -> Refusal:
    return Refusal(
        "norm", "T0204", f"`norm` has no `ord` {shown(ord)} there", argument="ord"
    )


def _vector_norm(x: Any, ord: Any, axes: Any, keepdims: bool) -> Any:
    if not is_number(ord):
        raise _bad_order(ord)
    size = call("abs", x)
    if ord == 2:
        return _length(x, axes, keepdims)
    if ord in (float("inf"), float("-inf")):
        return call("max" if ord > 0 else "min", size, axes, keepdims)
    if ord == 0:
        hit = call("cast", call("not_equal", x, 0.0), type_of(x).dtype)
        return call("sum", hit, axes, keepdims)
    if ord == 1:
        return call("sum", size, axes, keepdims)
    total = call("sum", call("power", size, float(ord)), axes, keepdims)
    return call("power", total, 1.0 / ord)


def _matrix_norm(x: Any, ord: Any, axes: Any, keepdims: bool) -> Any:
    if ord == "fro":
        return _length(x, axes, keepdims)
    moved = call("moveaxis", x, axes, (-2, -1))
    infinite = ord in (float("inf"), float("-inf"))
    if infinite or ord in (1, -1):
        sums = call("sum", call("abs", moved), -1 if infinite else -2)
        found = call("max" if ord > 0 else "min", sums, -1)
    elif ord in ("nuc", 2, -2):
        values = call("singular_values", moved)[1]
        if ord == "nuc":
            found = call("sum", values, -1)
        else:
            count = values.shape[-1]
            found = place_at(values, values.ndim - 1, 0 if ord == 2 else count - 1)
    else:
        raise _bad_order(ord)
    if keepdims:
        shape = [1 if i in axes else size for i, size in enumerate(x.shape)]
        found = call("reshape", found, tuple(shape))
    return found


@derived(2, "float", ((-2.0, 2.0), (-2.0, 2.0)))
def cdist(x: Any, y: Any) -> Any:
    """The distance of each row of x [..., m, d] from each row of y [..., n, d].

    >>> call("cdist", [[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]]).numpy().tolist()
    [[5.0, 1.0]]
    """
    for index, each in enumerate((x, y)):
        if each.ndim < 2:
            raise Refusal(
                "cdist",
                "T0306",
                f"`cdist` takes rows of numbers and got {type_of(each)}",
                operands={index: str(type_of(each))},
            )
    return _length(call("expand_dims", x, -2) - call("expand_dims", y, -3), -1, False)
