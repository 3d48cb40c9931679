"""Rows of ops that read images at other places, pixel by pixel."""

import itertools
import math
from typing import Any

import numpy as np
from op_row import Row
from op_rows_images import FIRST, SAMPLERS


def continued(i: int, size: int, mode: str) -> int | None:
    """The place inside that an index beyond the ends means."""
    if mode == "constant":
        return i if 0 <= i < size else None
    if mode == "nearest":
        return min(max(i, 0), size - 1)
    line = list(range(size))
    if mode == "mirror":
        line += line[-2:0:-1]
    if mode == "reflect":
        line += line[::-1]
    return line[i % len(line)]


def read(x: Any, place: Any, order: int, mode: str, value: float) -> Any:
    """A value between places, or the nearest one."""
    near = [math.floor(p) if order else math.floor(p + 0.5) for p in place]
    total = 0.0
    for corner in itertools.product((0, 1) if order else (0,), repeat=len(place)):
        weight, index = 1.0, []
        for p, low, more, size in zip(place, near, corner, x.shape, strict=False):
            if order:
                weight *= p - low if more else 1 - (p - low)
            index.append(continued(low + more, size, mode))
        total = total + weight * (value if None in index else x[tuple(index)])
    return total


def map_coordinates(
    x: Any, where: Any, order: int, fill_mode: str = "constant", fill_value: float = 0.0
) -> Any:
    found = np.zeros(where.shape[1:])
    for place in np.ndindex(found.shape):
        found[place] = read(
            x, where[(slice(None), *place)], order, fill_mode, fill_value
        )
    return found


def last(x: Any, data_format: str | None, back: bool = False) -> Any:
    if data_format != FIRST:
        return x
    return np.moveaxis(x, -1, -3) if back else np.moveaxis(x, -3, -1)


def each_image(formula: Any) -> Any:
    """A formula for one image, channels last, for any number of them."""

    def found(x: Any, *settings: Any, data_format: str | None = None, **o: Any) -> Any:
        images = last(x, data_format)
        if images.ndim == 3:
            return last(formula(images, *settings, **o), data_format, True)
        wide = [
            np.broadcast_to(s, (len(x), *s.shape)) if s.ndim == rank else s
            for s, rank in zip(settings, formula.ranks, strict=True)
        ]
        parts = [formula(*parts, **o) for parts in zip(images, *wide, strict=True)]
        return last(np.array(parts), data_format, True)

    return found


def warp(
    x: Any,
    t: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Any:
    found = np.zeros(x.shape)
    for row, column in np.ndindex(x.shape[:2]):
        k = t[6] * column + t[7] * row + 1
        across = (t[0] * column + t[1] * row + t[2]) / k
        down = (t[3] * column + t[4] * row + t[5]) / k
        order = int(interpolation == "bilinear")
        found[row, column] = read(x, (down, across), order, fill_mode, fill_value)
    return found


def perspective(x: Any, start: Any, end: Any, **options: Any) -> Any:
    """The matrix m with m (u, v, 1) ~ (x, y, 1), by the null space of its equations."""
    rows = []
    for (a, b), (u, v) in zip(start, end, strict=True):
        rows.append([u, v, 1, 0, 0, 0, -a * u, -a * v, -a])
        rows.append([0, 0, 0, u, v, 1, -b * u, -b * v, -b])
    null = np.linalg.svd(np.array(rows))[2][-1]
    return warp(x, null[:8] / null[8], **options)


warp.ranks = (1,)
perspective.ranks = (2, 2)


def displaced(
    x: Any,
    across: Any,
    down: Any,
    alpha: Any,
    sigma: Any,
    reach: int,
    order: int,
    mode: str,
    value: float,
) -> Any:
    half = int(6 * sigma) // 2
    curve = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * sigma**2))

    def blurred(noise: Any) -> Any:
        for axis in (1, 2):
            size = noise.shape[axis]
            noise = np.apply_along_axis(
                lambda line, n=size: np.convolve(line, curve / curve.sum())[
                    half : half + n
                ],
                axis,
                noise,
            )
        return noise * sigma * alpha

    across, down = blurred(across), blurred(down)
    found = np.zeros(x.shape)
    for item, row, column in np.ndindex(x.shape[:3]):
        place = row + down[item, row, column], column + across[item, row, column]
        found[item, row, column] = read(x[item], place, order, mode, value)
    return found


def moved(
    x: Any,
    scale: Any,
    translation: Any,
    output_shape: Any,
    spatial_dims: Any,
    method: str,
    antialias: bool = True,
) -> Any:
    kernel = SAMPLERS[{"linear": "bilinear", "cubic": "bicubic"}.get(method, method)]
    for axis, s, t in zip(spatial_dims, scale, translation, strict=True):
        lines = np.moveaxis(x, axis, -1)
        size, count = lines.shape[-1], output_shape[axis]
        found = np.zeros((*lines.shape[:-1], count))
        wide = max(1 / s, 1) if antialias else 1
        for i in range(count):
            where = (i + 0.5 - t) / s - 0.5
            weights = np.array([kernel(abs(where - j) / wide) for j in range(size)])
            if -0.5 <= where <= size - 0.5 and abs(weights.sum()) > 1e-3:
                found[..., i] = lines @ weights / weights.sum()
        x = np.moveaxis(found, -1, axis)
    return x


def row(name: str, formula: Any, shapes: tuple, options: Any, **more: Any) -> Row:
    return Row(name, formula, shapes, options, nan=False, empty=False, **more)


NEAR = ((-2.0, 2.0), (-3.0, 8.0))
TURN = ((-2.0, 2.0), (0.01, 0.8))  # k is never near 0
CORNERS = ((-2.0, 2.0), (0.0, 4.0), (0.0, 4.0))


ROWS = (
    *(
        row("map_coordinates", map_coordinates, ("B A", "2 C D"),
            {"order": order, "fill_mode": mode, **more}, domain=NEAR)
        for order, mode, more in (
            (1, "constant", {"fill_value": 1.5}), (1, "nearest", {}), (1, "wrap", {}),
            (1, "mirror", {}), (1, "reflect", {}), (0, "constant", {}),
            (0, "mirror", {}),
        )
    ),
    row("map_coordinates", map_coordinates, ("B", "1 C"), {"order": 1}, domain=NEAR),
    row("affine_transform", each_image(warp), ("A B C 2", "A 8"), None, domain=TURN),
    row("affine_transform", each_image(warp), ("A B C 2", "8"),
        {"fill_mode": "reflect"}, domain=TURN),
    row("affine_transform", each_image(warp), ("2 B C", "8"),
        {"interpolation": "nearest", "fill_value": 0.5, "data_format": FIRST},
        domain=TURN),
    row("affine_transform", each_image(warp), ("A 2 B C", "A 8"),
        {"fill_mode": "wrap", "data_format": FIRST}, domain=TURN),
    row("perspective_transform", each_image(perspective),
        ("A 4 5 2", "A 4 2", "A 4 2"), {"fill_value": 0.7}, domain=CORNERS),
    row("perspective_transform", each_image(perspective), ("2 4 5", "4 2", "4 2"),
        {"interpolation": "nearest", "data_format": FIRST}, domain=CORNERS),
    *(
        row("displaced", displaced, ("A B C 2", "A B C", "A B C", "", ""),
            {"reach": 9, "order": order, "mode": mode, "value": 0.5})
        for order, mode in ((1, "reflect"), (0, "constant"))
    ),
    *(
        row("scale_and_translate", moved, ("B C", "2", "2"),
            {"output_shape": (4, 9), "spatial_dims": (0, 1), **more},
            named=("images", "scale", "translation"))
        for more in (
            {"method": "linear"}, {"method": "cubic", "antialias": False},
            {"method": "lanczos3"}, {"method": "lanczos5"},
        )
    ),
    row("scale_and_translate", moved, ("2 B", "1", "1"),
        {"output_shape": (2, 4), "spatial_dims": (1,), "method": "linear"},
        named=("images", "scale", "translation")),
)  # fmt: skip
