"""Ops that turn and shift axes, and work on diagonals."""

from __future__ import annotations

from typing import Any

from ..configuration import default_float
from ..dim import Dim, maximum, minimum
from ..kinds import Axes, Positions, Size
from ..node import Node
from ..registry import call
from ..types import DTypeLike, dtype_of
from .formula import (
    Refusal,
    along,
    axes_of,
    axis_of,
    chosen,
    counted,
    derived,
    indexed,
    part,
    size_node,
    type_of,
    whole,
)


@derived(1)
def ravel(x: Any) -> Any:
    """All elements in one row, in row-major order."""
    return call("reshape", x, (-1,))


@derived(1)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    one, two = axis_of("swapaxes", x, axis1), axis_of("swapaxes", x, axis2)
    order = list(range(x.ndim))
    order[one], order[two] = two, one
    return call("transpose", x, tuple(order))


@derived(1)
def moveaxis(x: Any, source: Axes, destination: Axes) -> Any:
    """Axes moved to other places; the others keep their order.

    >>> call("moveaxis", call("ones", (2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    taken = axes_of("moveaxis", x, source)
    given = axes_of("moveaxis", x, destination)
    if len(set(taken)) != len(taken) or len({*given}) != len(taken):
        raise Refusal(
            "moveaxis",
            "T0303",
            f"`moveaxis` moves each axis once: {source} to {destination}",
            argument="destination",
        )
    rest = [axis for axis in range(x.ndim) if axis not in taken]
    order: list[int] = []
    for place in range(x.ndim):
        here = place in given
        order.append(taken[given.index(place)] if here else rest.pop(0))
    return call("transpose", x, tuple(order))


@derived(1)
def roll(x: Any, shift: Positions, axis: Axes | None = None) -> Any:
    """Elements moved along axes; those that leave at one end enter at the other.

    >>> call("roll", [1, 2, 3], 1).numpy().tolist()
    [3, 1, 2]
    """
    if axis is None:
        flat = call("roll", call("reshape", x, (-1,)), shift, 0)
        return call("reshape", flat, x.shape)
    axes = axes_of("roll", x, axis)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise Refusal(
            "roll",
            "T0303",
            f"`roll` has {len(shifts)} shifts for {len(axes)} axes",
            argument="shift",
        )
    for one, count in zip(axes, shifts, strict=True):
        size = x.shape[one]
        if size == 0:
            continue
        tail = Dim.of(count) % size
        parts = [part(x, one, size - tail, tail), part(x, one, 0, size - tail)]
        x = call("reshape", call("concatenate", parts, one), x.shape)
    return x


@derived(1)
def fliplr(x: Any) -> Any:
    """The second axis backwards.

    >>> call("fliplr", [[1, 2], [3, 4]]).numpy().tolist()
    [[2, 1], [4, 3]]
    """
    return call("flip", x, axis_of("fliplr", x, 1))


@derived(1)
def flipud(x: Any) -> Any:
    """The first axis backwards.

    >>> call("flipud", [[1, 2], [3, 4]]).numpy().tolist()
    [[3, 4], [1, 2]]
    """
    return call("flip", x, axis_of("flipud", x, 0))


@derived(1)
def rot90(array: Any, k: int = 1, axes: Axes = (0, 1)) -> Any:
    """A quarter turn, `k` times, from the first of two axes to the second.

    >>> call("rot90", [[1, 2], [3, 4]]).numpy().tolist()
    [[2, 4], [1, 3]]
    """
    turned = axes_of("rot90", array, axes)
    if len(turned) != 2 or turned[0] == turned[1]:
        raise Refusal(
            "rot90",
            "T0303",
            f"`rot90` turns two different axes, not {axes}",
            argument="axes",
        )
    one, two = turned
    match whole("rot90", k, "k") % 4:
        case 1:
            return call("swapaxes", call("flip", array, two), one, two)
        case 2:
            return call("flip", array, (one, two))
        case 3:
            return call("flip", call("swapaxes", array, one, two), two)
    return array


def band(rows: Any, columns: Any, k: int) -> Node:
    """For each place of a matrix its column minus its row minus k."""
    down = along(counted(rows, k), 0, 2)
    found: Node = along(counted(columns), 1, 2) - down
    return found


def _matrix(name: str, x: Node) -> None:
    if x.ndim < 2:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` takes a matrix and got {type_of(x)}",
            operands={0: str(type_of(x))},
        )


@derived(1)
def tril(x: Any, k: int = 0) -> Any:
    """The matrix with zeros above its k-th diagonal.

    >>> call("tril", [[1, 2], [3, 4]]).numpy().tolist()
    [[1, 0], [3, 4]]
    """
    _matrix("tril", x)
    return call("where", band(x.shape[-2], x.shape[-1], k) <= 0, x, 0)


@derived(1)
def triu(x: Any, k: int = 0) -> Any:
    """The matrix with zeros below its k-th diagonal."""
    _matrix("triu", x)
    return call("where", band(x.shape[-2], x.shape[-1], k) >= 0, x, 0)


@derived(0, domain=())
def tri(
    N: Size, M: Size | None = None, k: int = 0, dtype: DTypeLike | None = None
) -> Any:
    """1 on and below the k-th diagonal of an N by M matrix, 0 above.

    >>> call("tri", 2).numpy().tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    kind = default_float() if dtype is None else dtype_of(dtype)
    return call("cast", band(N, N if M is None else M, k) <= 0, kind)


@derived(0, domain=())
def identity(n: Size, dtype: DTypeLike | None = None) -> Any:
    """1 on the diagonal of an n by n matrix, 0 elsewhere."""
    kind = default_float() if dtype is None else dtype_of(dtype)
    return call("cast", call("equal", band(n, n, 0), 0), kind)


@derived(1)
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """A diagonal of two axes, as a last axis; `offset` counts to the right of it.

    >>> call("diagonal", [[1, 2], [3, 4]]).numpy().tolist()
    [1, 4]
    """
    _matrix("diagonal", x)
    axes = axes_of("diagonal", x, (axis1, axis2))
    if axes[0] == axes[1]:
        raise Refusal(
            "diagonal",
            "T0303",
            f"a diagonal lies between two axes, and both are axis {axes[0]}",
            argument="axis2",
        )
    x = call("moveaxis", x, axes, (-2, -1))
    *batch, rows, columns = x.shape
    right = whole("diagonal", offset, "offset")
    down, across = maximum(-right, 0), maximum(right, 0)
    count = maximum(minimum(rows - down, columns - across), 0)
    flat = call("reshape", x, (*batch, rows * columns))
    start = down * columns + across
    index = [("slice", Dim.of(0), size, 1) for size in batch]
    return indexed(flat, (*index, ("slice", start, count, columns + 1)))


@derived(1)
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal."""
    return call("sum", call("diagonal", x, offset, axis1, axis2), -1)


@derived(1)
def diag(x: Any, k: int = 0) -> Any:
    """A matrix with a vector on its k-th diagonal; of a matrix, that diagonal.

    >>> call("diag", [1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    if x.ndim == 2:
        return call("diagonal", x, k)
    if x.ndim != 1:
        raise Refusal(
            "diag",
            "T0306",
            f"`diag` takes a vector or a matrix and got {type_of(x)}",
            operands={0: str(type_of(x))},
        )
    wide = call("pad", x, ((max(-k, 0), max(k, 0)),))
    size = wide.shape[0]
    hit = call("equal", band(size, size, k), 0)
    return call("where", hit, call("expand_dims", wide, 1), 0)


@derived(1)
def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with all elements on its k-th diagonal."""
    return call("diag", call("reshape", x, (-1,)), k)


MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def padded(x: Node, pad_width: Any, mode: str) -> Node:
    """The tensor with its own elements put around, by gathering along each axis."""
    chosen("pad", mode, "mode", MODES)
    for axis, (before, after) in enumerate(pad_width):
        if before == 0 and after == 0:
            continue
        size = x.shape[axis]
        if size == 0:
            raise Refusal(
                "pad",
                "T0306",
                f"axis {axis} of {type_of(x)} has nothing to pad with",
                operands={0: str(type_of(x))},
            )
        at = counted(size + before + after, -Dim.of(before))
        x = call("take", x, _mirrored(at, size_node(size), mode), axis)
    return x


def _mirrored(at: Node, size: Node, mode: str) -> Any:
    """Positions beyond both ends as positions within."""
    last = size - 1
    if mode == "edge":
        return call("minimum", call("maximum", at, 0), last)
    if mode == "wrap":
        return at % size
    if mode == "symmetric":
        turn = at % (size * 2)
        return call("minimum", turn, size * 2 - 1 - turn)
    far = call("maximum", last, 1)
    turn = far - call("abs", at % (far * 2) - far)
    return call("minimum", turn, last)
