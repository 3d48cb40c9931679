"""Images seen at other places: each new pixel is read between old ones.

A transform says for each place of the result where in the image it is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..conversion import result_dtype
from ..decide import equal as equal_dims
from ..dim import Dim, product
from ..node import Node
from ..op import register
from ..registry import call
from ..types import I32, TensorType
from .formula import (
    Derived,
    Refusal,
    along,
    counted,
    derived,
    floats,
    place_at,
    size_node,
    type_of,
    whole,
)
from .reduce import refuse_empty, widened
from .resizing import moved_weights
from .windows import channels_last, format_named, in_format, one_of

ORDERS = {"nearest": 0, "bilinear": 1}
BEYOND = ("constant", "nearest", "wrap", "mirror", "reflect")


def _rounded(x: Node) -> Node:
    """The nearest whole number; halves go away from zero."""
    near = call("trunc", x)
    far = call("abs", x - near) >= 0.5
    found: Node = near + call("where", far, call("sign", x), 0.0)
    return found


def _mirrored(index: Node, last: Any) -> Node:
    """Indices beyond the ends counted backwards from there, the end itself once."""
    around = call("maximum", last * 2, 1)
    found: Node = call("abs", call("mod", index + last, around) - last)
    return found


def _inside(index: Node, size: Node, mode: str) -> Node:
    """An index from 0 on and below a size."""
    if mode == "wrap":
        return call("mod", index, size)  # type: ignore[no-any-return]
    if mode == "mirror":
        return _mirrored(index, size - 1)
    if mode == "reflect":
        return call("floor_divide", _mirrored(index * 2 + 1, size * 2) - 1, 2)  # type: ignore[no-any-return]
    return call("minimum", call("maximum", index, 0), size - 1)  # type: ignore[no-any-return]


def _neighbours(where: Node, size: Node, order: int, mode: str) -> Any:
    """The places that a coordinate lies between: index, whether it is there, weight."""
    low = call("floor", where) if order else _rounded(where)
    share = where - low
    first = call("cast", low, I32)
    found = []
    for index, weight in ((first, 1 - share), (first + 1, share))[: order + 1]:
        there = None
        if mode == "constant":
            there = call("logical_and", index >= 0, index < size)
        fixed = _inside(index, size, mode)
        found.append((fixed, there, weight if order else None))
    return found


def sampled(
    table: Node,
    sizes: Sequence[Any],
    coordinates: Sequence[Node],
    order: int,
    mode: str,
    value: float,
    start: Node | None = None,
) -> Any:
    """A table [places, ...] of a grid of `sizes`, read at coordinates of one shape.

    `order` 0 reads the nearest place, 1 between places, linearly. Beyond the grid the
    `mode` counts: `value` or the grid continued. `start` is the first place of the
    grid for each coordinate.
    """
    counts = [size_node(size) for size in sizes]
    points = [
        _neighbours(where, count, order, mode)
        for where, count in zip(coordinates, counts, strict=True)
    ]
    kind = result_dtype(*coordinates, floats(table))
    total: Any = None
    for corner in itertools.product(*points):
        place = start
        for (index, _, _), count in zip(corner, counts, strict=True):
            place = index if place is None else place * count + index
        read = call("cast", call("take", table, place, axis=0), kind)
        more = range(table.ndim - 1)
        for _, there, _ in corner:
            if there is not None:
                read = call("where", _widened(there, more), read, value)
        for _, _, weight in corner:
            if weight is not None:
                read = read * _widened(weight, more)
        total = read if total is None else total + read
    own = type_of(table).dtype
    return call("cast", total if own.is_float else _rounded(total), own)


def _widened(x: Node, more: range) -> Any:
    for _ in more:
        x = call("expand_dims", x, -1)
    return x


@derived(2, domain=((-2.0, 2.0), (0.1, 0.9)))
def map_coordinates(
    inputs: Any,
    coordinates: Any,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Any:
    """A tensor read at coordinates [rank of the tensor, ...], between its places.

    `order` is 1 to read between places, linearly, and 0 for the nearest. Beyond the
    tensor `fill_mode` counts: `constant` means `fill_value`, `nearest` the last place,
    `wrap` the other end, `mirror` and `reflect` the way back, which begins with the
    last place but one or with the last. Integers are rounded.

    >>> call("map_coordinates", [0.0, 2.0, 6.0], [[0.5, 2.0]], 1).numpy().tolist()
    [1.0, 6.0]
    """
    name = "map_coordinates"
    places, rank = type_of(coordinates), type_of(inputs).rank
    if places.rank < 2 or places.shape[0] != rank:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` needs coordinates [{rank}, ...], one row for each axis of "
            f"{type_of(inputs)}, not {places}",
            operands={0: str(type_of(inputs)), 1: str(places)},
            argument="coordinates",
        )
    if order not in (0, 1):
        told = f"`order` of `{name}` is 0, the nearest, or 1, linear, not {order!r}"
        raise Refusal(name, "T0204", told, argument="order")
    mode = one_of(name, "fill_mode", fill_mode, BEYOND)
    refuse_empty(name, type_of(inputs), tuple(range(rank)))
    where = floats(coordinates)
    rows = [place_at(where, 0, axis) for axis in range(rank)]
    table = call("reshape", inputs, (product(inputs.shape),))
    return sampled(table, inputs.shape, rows, order, mode, fill_value)


def batch_of(name: str, images: Any, data_format: str | None) -> tuple[Any, str]:
    """Images [batch, height, width, channels], and the format that they were in."""
    rank = type_of(images).rank
    if rank not in (3, 4):
        raise Refusal(
            name,
            "T0306",
            f"`{name}` takes an image or a batch of images, with 3 or 4 axes, not "
            f"{type_of(images)}",
            operands={0: str(type_of(images))},
        )
    format = format_named(name, data_format)
    batch = images if rank == 4 else call("expand_dims", images, 0)
    return channels_last(batch, format), format


def as_given(found: Any, format: str, rank: int) -> Any:
    """Images [batch, height, width, channels] in a format, one of them alone."""
    result = in_format(found, format)
    return result if rank == 4 else call("squeeze", result, 0)


def places_of(images: Any, dtype: Any) -> tuple[Any, Any]:
    """The y [1, height, 1] and x [1, 1, width] of the pixels of images."""
    _, height, width, _ = images.shape
    rows = along(counted(height, dtype=dtype), 1, 3)
    return rows, along(counted(width, dtype=dtype), 2, 3)


def read_at(images: Any, y: Any, x: Any, order: int, mode: str, value: float) -> Any:
    """Images [batch, height, width, channels] read at y and x [batch, m, n]."""
    batch, height, width, channels = images.shape
    shape = (batch, *y.shape[1:])
    y, x = (call("broadcast_to", each, shape) for each in (y, x))
    table = call("reshape", images, (batch * height * width, channels))
    start = call("broadcast_to", along(counted(batch), 0, 3), shape)
    return sampled(table, (height, width), (y, x), order, mode, value, start)


def warped(images: Any, factors: Any, order: int, mode: str, value: float) -> Any:
    """Images read at transformed places; `factors` are a, b, c of [batch, 8]."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (
        call("reshape", place_at(factors, 1, i), (factors.shape[0], 1, 1))
        for i in range(8)
    )
    y, x = places_of(images, type_of(factors).dtype)
    depth = c0 * x + c1 * y + 1
    across, down = (a0 * x + a1 * y + a2) / depth, (b0 * x + b1 * y + b2) / depth
    return read_at(images, down, across, order, mode, value)


def _one_each(name: str, images: Any, x: Any, argument: str) -> None:
    """Refuse a batch of settings that is not as long as that of the images."""
    if x.shape[0] != 1 and equal_dims(x.shape[0], images.shape[0]) is not True:
        raise Refusal(
            name,
            "T0305",
            f"`{name}` needs one of `{argument}` for all images or one for each: "
            f"{type_of(x)} for {type_of(images)}",
            operands={0: str(type_of(images)), 1: str(type_of(x))},
            dims=(x.shape[0], images.shape[0]),
            argument=argument,
        )


@derived(2, domain=((-2.0, 2.0), (0.1, 0.9)))
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images whose pixel (x, y) is that of another place, found by a transform.

    The transform [8] or [batch, 8] is a0, a1, a2, b0, b1, b2, c0, c1: the place is
    ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with k = c0 x + c1 y + 1.
    `interpolation` is bilinear or nearest; for `fill_mode` see `map_coordinates`.

    >>> call(
    ...     "affine_transform", [[[1.0], [2.0]]], [1, 0, 1, 0, 1, 0, 0, 0]
    ... ).numpy().ravel().tolist()
    [2.0, 0.0]
    """
    name = "affine_transform"
    batch, format = batch_of(name, images, data_format)
    order = ORDERS[one_of(name, "interpolation", interpolation, ("bilinear", *ORDERS))]
    mode = one_of(name, "fill_mode", fill_mode, BEYOND)
    given = type_of(transform)
    if given.rank not in (1, 2) or given.shape[-1] != 8:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` needs a transform of 8 numbers, or one for each image, not "
            f"{given}",
            operands={1: str(given)},
            argument="transform",
        )
    factors = widened(floats(transform))
    factors = factors if given.rank == 2 else call("expand_dims", factors, 0)
    _one_each(name, batch, factors, "transform")
    found = warped(batch, factors, order, mode, fill_value)
    return as_given(found, format, type_of(images).rank)


def homography(start: Any, end: Any) -> Any:
    """The transform [n, 8] that reads `start` at `end`, both [n, 4, 2] of (x, y)."""
    (x, y), (u, v) = ((place_at(p, 2, 0), place_at(p, 2, 1)) for p in (start, end))
    zero, one = call("zeros_like", u), call("ones_like", u)
    across = call("stack", [u, v, one, zero, zero, zero, -x * u, -x * v], -1)
    down = call("stack", [zero, zero, zero, u, v, one, -y * u, -y * v], -1)
    rows = call("concatenate", [across, down], 1)
    return call("solve", rows, call("concatenate", [x, y], 1))


@derived(3, domain=((-2.0, 2.0), (0.0, 4.0), (0.0, 4.0)))
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images in another perspective: what was at four points comes to four others.

    Points are [4, 2] or [batch, 4, 2], pairs (x, y), no three on a line. `fill_value`
    stands where nothing of the image comes.

    >>> corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> image = [[[1.0], [2.0]], [[3.0], [4.0]]]
    >>> call("perspective_transform", image, corners, corners).numpy().ravel().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    name = "perspective_transform"
    batch, format = batch_of(name, images, data_format)
    order = ORDERS[one_of(name, "interpolation", interpolation, ("bilinear", *ORDERS))]
    start, end = type_of(start_points), type_of(end_points)
    fits = start.rank in (2, 3) and start.shape[-2:] == (Dim.of(4), Dim.of(2))
    if not fits or end.shape != start.shape:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` needs four points (x, y) before and after, [4, 2] or [batch, 4, "
            f"2], not {start} and {end}",
            operands={1: str(start), 2: str(end)},
            argument="start_points",
        )
    points = [widened(floats(p)) for p in (start_points, end_points)]
    if start.rank == 2:
        points = [call("expand_dims", p, 0) for p in points]
    _one_each(name, batch, points[0], "start_points")
    found = warped(batch, homography(*points), order, "constant", fill_value)
    return as_given(found, format, type_of(images).rank)


METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


@register
class ScaleAndTranslate(Derived):
    """A tensor scaled and moved along some axes, seen through a window.

    Along the axis `spatial_dims[i]` the place p goes to p scale[i] + translation[i],
    where pixels have their centres at 0.5, 1.5 and so on; `output_shape` is what is
    seen, and what lies outside of the tensor is 0. `method` is linear, cubic
    (a = -0.5), lanczos3 or lanczos5; `antialias` widens it where the tensor shrinks.

    >>> call(
    ...     "scale_and_translate", [1.0, 3.0], (2,), [1.0], [0.5], (0,), "linear"
    ... ).numpy().tolist()
    [1.0, 2.0]
    """

    name = "scale_and_translate"
    domain = ((-2.0, 2.0), (0.5, 2.0), (-0.5, 0.5))
    operand_dtypes = "float"

    def arguments(
        self,
        images: Any,
        output_shape: Any,
        scale: Any,
        translation: Any,
        spatial_dims: Any,
        method: str,
        antialias: bool = True,
    ) -> Any:
        return (images, scale, translation), {
            "output_shape": output_shape,
            "spatial_dims": spatial_dims,
            "method": method,
            "antialias": antialias,
        }

    def formula(
        self,
        images: Any,
        scale: Any,
        translation: Any,
        output_shape: Any,
        spatial_dims: Any,
        method: str,
        antialias: bool,
    ) -> Any:
        axes = self._axes(images, scale, translation, output_shape, spatial_dims)
        kernel = METHODS[one_of(self.name, "method", method, tuple(METHODS))]
        for number, axis in enumerate(axes):
            factor, shift = (place_at(x, 0, number) for x in (scale, translation))
            size, count = images.shape[axis], Dim.of(output_shape[axis])
            weights = moved_weights(size, count, kernel, factor, shift, antialias)
            last = images.ndim - 1
            order = list(range(images.ndim))
            order[axis], order[last] = last, axis
            turned = call("transpose", images, tuple(order))
            mixed = call("matmul", turned, call("cast", weights, images.dtype))
            images = call("transpose", mixed, tuple(order))
        return images

    def _axes(
        self, images: Any, scale: Any, translation: Any, shape: Any, axes: Any
    ) -> list[int]:
        """The axes that are scaled; refuses what does not fit them."""
        type: TensorType = type_of(images)
        if not isinstance(shape, tuple) or len(shape) != type.rank:
            raise Refusal(
                self.name,
                "T0303",
                f"`output_shape` of `{self.name}` has a size for each axis of {type}, "
                f"not {shape}",
                operands={0: str(type)},
                argument="output_shape",
            )
        given = axes if isinstance(axes, tuple) else (axes,)
        found = [whole(self.name, axis, "spatial_dims") % type.rank for axis in given]
        for argument, x in (("scale", scale), ("translation", translation)):
            if type_of(x).shape != (Dim.of(len(found)),):
                raise Refusal(
                    self.name,
                    "T0305",
                    f"`{argument}` of `{self.name}` has a number for each of "
                    f"`spatial_dims={given}`, not {type_of(x)}",
                    argument=argument,
                )
        for axis, size in enumerate(shape):
            if (
                axis not in found
                and equal_dims(Dim.of(size), type.shape[axis]) is False
            ):
                raise Refusal(
                    self.name,
                    "T0305",
                    f"axis {axis} of {type} is not scaled and keeps its size, and "
                    f"`output_shape` has {size} there",
                    operands={0: str(type)},
                    argument="output_shape",
                )
        return found


def _blurring(size: Any, spread: Any, reach: Any) -> Any:
    """The matrix [size, size] that blurs a line by a Gaussian curve of 3 spreads."""
    kind = type_of(spread).dtype
    half = call("floor_divide", call("floor", spread * 6), 2)

    def curve(at: Any) -> Any:
        height = call("exp", call("square", at / spread) * -0.5)
        return call("where", call("abs", at) <= half, height, 0.0)

    place = counted(size, dtype=kind)
    apart = call("expand_dims", place, 1) - place
    around = counted(Dim.of(reach) * 2 + 1, -Dim.of(reach), kind)
    return curve(apart) / call("sum", curve(around))


@derived(5, public=False, domain=((-2.0, 2.0),) * 3 + ((0.5, 2.0),) * 2)
def displaced(
    images: Any,
    across: Any,
    down: Any,
    alpha: Any,
    sigma: Any,
    reach: Any,
    order: int,
    mode: str,
    value: float,
) -> Any:
    """Images [batch, height, width, channels] read beside each pixel.

    `across` and `down` [batch, height, width] say how far, once they are blurred by
    `sigma` and multiplied by `alpha`; `reach` is at least 3 sigma, or the size.
    """
    _, height, width, _ = images.shape
    rows, columns = (_blurring(size, sigma, reach) for size in (height, width))
    y, x = places_of(images, type_of(across).dtype)
    down, across = (
        call("matmul", call("matmul", rows, noise * sigma), columns) * alpha
        for noise in (down, across)
    )
    return read_at(images, y + down, x + across, order, mode, value)
