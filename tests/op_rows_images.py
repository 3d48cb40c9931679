"""Rows of ops on images, pixel by pixel."""

import colorsys
from typing import Any

import numpy as np
from op_row import Row

FIRST = "channels_first"


def at_axis(formula: Any, axis: int, x: Any, count: int, **options: Any) -> Any:
    lines = np.moveaxis(x, axis, -1)
    found = np.zeros((*lines.shape[:-1], count))
    for place in np.ndindex(lines.shape[:-1]):
        for i in range(count):
            found[(*place, i)] = formula(lines[place], i, count, **options)
    return np.moveaxis(found, -1, axis)


def cubic(t: float) -> float:
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def lanczos(radius: int) -> Any:
    return lambda t: float(np.sinc(t) * np.sinc(t / radius)) if t < radius else 0.0


SAMPLERS = {
    "bilinear": lambda t: max(0.0, 1 - t),
    "bicubic": cubic,
    "lanczos3": lanczos(3),
    "lanczos5": lanczos(5),
}


def pixel(line: Any, i: int, count: int, method: str, antialias: bool) -> float:
    n = len(line)
    if method == "nearest":
        return line[int((i + 0.5) * n / count)]
    where, wide = (i + 0.5) * n / count - 0.5, max(n / count, 1.0) if antialias else 1.0
    kernel = SAMPLERS[method]
    weights = [kernel(abs(where - j) / wide) for j in range(n)]
    return float(np.dot(weights, line) / sum(weights))


def resize(
    x: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    first = x.ndim - (2 if data_format == FIRST else 3)
    sides = x.shape[first : first + 2]
    fit = (sides[1] * size[0] / size[1], sides[0] * size[1] / size[0])
    for axis, (side, other) in enumerate(zip(sides, map(int, fit), strict=True), first):
        if crop_to_aspect_ratio:
            kept = max(min(side, other), 1)
            x = np.take(x, np.arange(kept) + (side - kept) // 2, axis)
        if pad_to_aspect_ratio:
            wide = [(0, 0)] * x.ndim
            wide[axis] = ((max(side, other) - side) // 2,) * 2
            x = np.pad(x, wide, constant_values=fill_value)
    for axis, count in enumerate(size, first):
        options = {"method": interpolation, "antialias": antialias}
        x = at_axis(pixel, axis, x, count, **options)
    return x


def gray(x: Any, data_format: str | None = None) -> Any:
    axis = -3 if data_format == FIRST else -1
    red, green, blue = np.moveaxis(x, axis, 0)
    return np.expand_dims(0.2989 * red + 0.587 * green + 0.114 * blue, axis)


def colours(convert: Any) -> Any:
    def formula(x: Any, data_format: str | None = None) -> Any:
        axis = -3 if data_format == FIRST else -1
        found = np.moveaxis(np.array(x), axis, -1)
        for place in np.ndindex(found.shape[:-1]):
            found[place] = convert(*found[place])
        return np.moveaxis(found, -1, axis)

    return formula


def row(name: str, formula: Any, shapes: tuple, options: Any, **more: Any) -> Row:
    return Row(name, formula, shapes, options, nan=False, **more)


ROWS = (
    row("resize", resize, ("A B C 2",), {"size": (8, 3)}),
    row("resize", resize, ("A 2 B C",), {"size": (3, 9), "data_format": FIRST}),
    row("resize", resize, ("A B C 2",), {"size": (7, 4), "interpolation": "bicubic"}),
    row("resize", resize, ("5 C 2",), {"size": (11, 4), "interpolation": "nearest"}),
    row("resize", resize, ("A B C 2",), {"size": (2, 3), "antialias": True}),
    row("resize", resize, ("A 4 C 1",),
        {"size": (3, 14), "antialias": True, "interpolation": "bicubic"}),
    row("resize", resize, ("A B C 2",), {"size": (8, 3), "interpolation": "lanczos3"}),
    row("resize", resize, ("2 B C",),
        {"size": (4, 3), "interpolation": "lanczos5", "antialias": True,
         "data_format": FIRST}),
    row("resize", resize, ("A B C 2",), {"size": (3, 8), "crop_to_aspect_ratio": True}),
    row("resize", resize, ("A B C 2",),
        {"size": (8, 3), "pad_to_aspect_ratio": True, "fill_value": 2.5}),
    row("pad_images",
        lambda x, **_: np.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0))), ("A B 4 2",),
        {"top_padding": 1, "bottom_padding": 2, "left_padding": 0, "target_width": 7}),
    row("pad_images", lambda x, **_: np.pad(x, ((0, 0), (0, 2), (1, 1))), ("2 4 C",),
        {"top_padding": 0, "target_height": 6, "left_padding": 1, "right_padding": 1,
         "data_format": FIRST}),
    row("crop_images", lambda x, **_: x[:, 1:-2, 2:4], ("A B 5 2",),
        {"top_cropping": 1, "bottom_cropping": 2, "left_cropping": 2,
         "target_width": 2}),
    row("rgb_to_grayscale", gray, ("A B C 3",), None),
    row("rgb_to_grayscale", gray, ("3 B C",), {"data_format": FIRST}),
    row("rgb_to_hsv", colours(colorsys.rgb_to_hsv), ("A B C 3",), None, kinds="p"),
    row("rgb_to_hsv", colours(colorsys.rgb_to_hsv), ("3 B C",), {"data_format": FIRST}),
    row("hsv_to_rgb", colours(colorsys.hsv_to_rgb), ("A B C 3",), None),
    row("hsv_to_rgb", colours(colorsys.hsv_to_rgb), ("A 3 B C",),
        {"data_format": FIRST}),
)  # fmt: skip
