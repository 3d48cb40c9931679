"""Ops that cut tensors apart and put them together."""

from __future__ import annotations

from typing import Any

from ..dim import LIMIT, Dim, maximum, minimum
from ..kinds import Positions, Size, Sizes
from ..op import register
from ..registry import call
from .formula import (
    Refusal,
    Several,
    axis_of,
    chosen,
    counted,
    derived,
    part,
    place_at,
    shape_of,
    type_of,
    whole,
)

SAME = "same"


def _parts(x: Any, axis: int, borders: list[Any]) -> list[Any]:
    """The stretches between borders, each cut to what the axis has."""
    size = shape_of(x)[axis]
    ends = [minimum(maximum(_end(border, size), 0), size) for border in borders]
    starts = [Dim.of(0), *ends]
    stops = [*ends, size]
    return [
        part(x, axis, start, maximum(stop - start, 0))
        for start, stop in zip(starts, stops, strict=True)
    ]


def _end(border: Any, size: Dim) -> Dim:
    at = Dim.of(border)
    return size + at if at.value is not None and at.value < 0 else at


@derived(1, kind=Several)
def split(x: Any, indices_or_sections: Positions, axis: int = 0) -> list[Any]:
    """A list of parts along an axis: so many equal ones, or cut at the given places.

    >>> [p.numpy().tolist() for p in call("split", [1, 2, 3, 4], [1, 3])]
    [[1], [2, 3], [4]]
    """
    axis = axis_of("split", x, axis)
    size = shape_of(x)[axis]
    if isinstance(indices_or_sections, tuple):
        return _parts(x, axis, list(indices_or_sections))
    count = whole("split", indices_or_sections, "indices_or_sections")
    if count < 1 or size % count != 0:
        raise Refusal(
            "split",
            "T0304",
            f"axis {axis} of {type_of(x)} does not split into {count} equal parts",
            operands={0: str(type_of(x))},
            dims=(size,),
            argument="indices_or_sections",
            help=[
                *_dividing(x, count),
                "`array_split` allows parts that differ by one",
            ],
        )
    width = size // count
    return [part(x, axis, width * index, width) for index in range(count)]


def _dividing(x: Any, count: int) -> list[str]:
    """Which other axes have a size that `count` divides."""
    sizes = enumerate(type_of(x).shape) if count > 0 else ()
    found = [axis for axis, size in sizes if size % count == 0]
    return [f"axis {axis} does: `axis={axis}`" for axis in found[:1]]


@derived(1, kind=Several)
def array_split(x: Any, indices_or_sections: Positions, axis: int = 0) -> list[Any]:
    """A list of parts along an axis, whose lengths differ by at most one.

    >>> [p.numpy().tolist() for p in call("array_split", [1, 2, 3], 2)]
    [[1, 2], [3]]
    """
    axis = axis_of("array_split", x, axis)
    size = shape_of(x)[axis]
    if isinstance(indices_or_sections, tuple):
        return _parts(x, axis, list(indices_or_sections))
    count = whole("array_split", indices_or_sections, "indices_or_sections")
    if not 0 < count < LIMIT:
        raise Refusal(
            "array_split",
            "T0304",
            f"`array_split` makes 1 to {LIMIT - 1} parts, not {count}",
            argument="indices_or_sections",
        )
    start, found = Dim.of(0), []
    for index in range(count):
        width = (size + (count - 1 - index)) // count
        found.append(part(x, axis, start, width))
        start = start + width
    return found


@derived(1, kind=Several)
def vsplit(x: Any, indices_or_sections: Positions) -> list[Any]:
    """A list of parts along the first axis."""
    found: list[Any] = call("split", x, indices_or_sections, 0)
    return found


@derived(1, kind=Several)
def hsplit(x: Any, indices_or_sections: Positions) -> list[Any]:
    """A list of parts along the second axis, or the only one."""
    axis = 0 if type_of(x).rank == 1 else 1
    found: list[Any] = call("split", x, indices_or_sections, axis)
    return found


@derived(1, kind=Several)
def dsplit(x: Any, indices_or_sections: Positions) -> list[Any]:
    """A list of parts along the third axis."""
    found: list[Any] = call("split", x, indices_or_sections, axis_of("dsplit", x, 2))
    return found


@derived(1, kind=Several)
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """A list of the slices along an axis, which goes away.

    >>> [row.numpy().tolist() for row in call("unstack", [[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    axis = axis_of("unstack", x, axis)
    size = shape_of(x)[axis]
    if size.value is None or num not in (None, size.value):
        told = f"not {num}" if size.value is not None else "which is not a number"
        raise Refusal(
            "unstack",
            "T0304",
            f"`unstack` gives as many tensors as axis {axis} of {type_of(x)} is long, "
            f"{told}",
            operands={0: str(type_of(x))},
            dims=(size,),
            argument="num",
        )
    return [place_at(x, axis, index) for index in range(size.value)]


def _at_least(x: Any, rank: int) -> Any:
    """The tensor with axes of size 1, as NumPy's `atleast_2d` and `atleast_3d`."""
    own = type_of(x).rank
    if own < 2:
        x = call("reshape", x, (1, -1))
    if rank == 3 and own < 3:
        x = call("expand_dims", x, -1)
    return x


@derived(1, SAME, listed=True)
def vstack(xs: Any) -> Any:
    """Tensors one below the other; vectors are rows.

    >>> call("vstack", [[1, 2], [3, 4]]).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    return call("concatenate", [_at_least(x, 2) for x in xs], 0)


@derived(1, SAME, listed=True)
def hstack(xs: Any) -> Any:
    """Tensors side by side: along the second axis, vectors along their only one.

    >>> call("hstack", [[1, 2], [3]]).numpy().tolist()
    [1, 2, 3]
    """
    wide = [call("reshape", x, (1,)) if type_of(x).rank == 0 else x for x in xs]
    return call("concatenate", wide, 0 if type_of(wide[0]).rank == 1 else 1)


@derived(1, SAME, listed=True)
def dstack(xs: Any) -> Any:
    """Tensors one behind the other, along the third axis."""
    return call("concatenate", [_at_least(x, 3) for x in xs], 2)


@derived(2, SAME)
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """x1 and x2 joined along an axis; all elements of both for None."""
    if axis is None:
        x1, x2 = call("reshape", x1, (-1,)), call("reshape", x2, (-1,))
        return call("concatenate", [x1, x2], 0)
    return call("concatenate", [x1, x2], axis)


@derived(1)
def tile(x: Any, repeats: Sizes) -> Any:
    """The whole tensor side by side with itself, so many times along each axis.

    >>> call("tile", [1, 2], 2).numpy().tolist()
    [1, 2, 1, 2]
    """
    counts = repeats if isinstance(repeats, tuple) else (repeats,)
    counts = (1,) * (x.ndim - len(counts)) + counts
    shape = (1,) * (len(counts) - x.ndim) + x.shape
    pairs = list(zip(counts, shape, strict=True))
    x = call("reshape", x, tuple(n for _, size in pairs for n in (1, size)))
    x = call("broadcast_to", x, tuple(n for pair in pairs for n in pair))
    return call("reshape", x, tuple(Dim.of(size) * count for count, size in pairs))


@derived(1)
def repeat(x: Any, repeats: Sizes, axis: int | None = None) -> Any:
    """Each slice along an axis so many times in a row; each element for None.

    >>> call("repeat", [1, 2], 2).numpy().tolist()
    [1, 1, 2, 2]
    """
    import numpy as np

    from ..tensor import constant_node

    if axis is None:
        x, axis = call("reshape", x, (-1,)), 0
    axis = axis_of("repeat", x, axis)
    size = x.shape[axis]
    if isinstance(repeats, tuple) and len(repeats) == 1:
        repeats = repeats[0]
    if not isinstance(repeats, tuple):
        wide = call("expand_dims", x, axis + 1)
        shape = (*x.shape[: axis + 1], Dim.of(repeats), *x.shape[axis + 1 :])
        flat = (*x.shape[:axis], size * repeats, *x.shape[axis + 1 :])
        return call("reshape", call("broadcast_to", wide, shape), flat)
    if size != len(repeats):
        raise Refusal(
            "repeat",
            "T0305",
            f"axis {axis} of {type_of(x)} has size {size} and `repeats` has "
            f"{len(repeats)} numbers",
            operands={0: str(type_of(x))},
            dims=(size,),
            argument="repeats",
        )
    indices = np.repeat(np.arange(len(repeats), dtype="int32"), repeats)
    return call("take", x, constant_node(indices), axis)


def _grid(xs: Any, indexing: str) -> list[Any]:
    chosen("meshgrid", indexing, "indexing", ("xy", "ij"))
    vectors = [call("reshape", x, (-1,)) for x in xs]
    shape = tuple(shape_of(vector)[0] for vector in vectors)
    swap = indexing == "xy" and len(vectors) > 1
    order = (1, 0, *range(2, len(vectors))) if swap else tuple(range(len(vectors)))
    full = tuple(shape[axis] for axis in order)
    found = []
    for index, vector in enumerate(vectors):
        wide: list[Any] = [1] * len(vectors)
        wide[order.index(index)] = shape[index]
        vector = call("reshape", vector, tuple(wide))
        found.append(call("broadcast_to", vector, full))
    return found


@register
class Meshgrid(Several):
    """The coordinates of a grid of vectors: a list with a tensor for each vector.

    >>> [g.numpy().tolist() for g in call("meshgrid", [1, 2], [3])]
    [[[1, 2]], [[3, 3]]]
    """

    listed = True
    formula = staticmethod(_grid)
    domain = ((-2.0, 2.0), (-2.0, 2.0))

    def arguments(self, *x: Any, indexing: str = "xy") -> Any:
        return x, {"indexing": indexing}


@derived(2, SAME, ((-2.0, 2.0), (-2.0, 2.0)))
def kron(x1: Any, x2: Any) -> Any:
    """The Kronecker product: x2 once for each element of x1, times it."""
    rank = max(x1.ndim, x2.ndim)
    left = (Dim.of(1),) * (rank - x1.ndim) + x1.shape
    right = (Dim.of(1),) * (rank - x2.ndim) + x2.shape
    one = Dim.of(1)
    wide = call("reshape", x1, tuple(n for size in left for n in (size, one)))
    x2 = call("reshape", x2, tuple(n for size in right for n in (one, size)))
    shape = tuple(a * b for a, b in zip(left, right, strict=True))
    return call("reshape", wide * x2, shape)


@derived(1)
def vander(x: Any, N: Size | None = None, increasing: bool = False) -> Any:
    """The powers of a vector in columns, the highest first unless `increasing`."""
    if x.ndim != 1:
        raise Refusal(
            "vander",
            "T0306",
            f"`vander` takes a vector and got {type_of(x)}",
            operands={0: str(type_of(x))},
        )
    count = x.shape[0] if N is None else Dim.of(N)
    wide = call("broadcast_to", call("expand_dims", x, 1), (x.shape[0], count))
    first = call("equal", counted(count), 0)
    raised = call("cumprod", call("where", first, _one(x), wide), 1)
    return raised if increasing else call("flip", raised, 1)


def _one(x: Any) -> Any:
    return call("cast", call("full", (), 1.0), type_of(x).dtype)
