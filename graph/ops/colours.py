"""Colours: red, green and blue against hue, saturation and value."""

from __future__ import annotations

from typing import Any

from ..registry import call
from .formula import Refusal, derived, place_at, type_of
from .windows import FORMATS, format_named


def _channels(name: str, images: Any, data_format: str | None) -> tuple[list[Any], int]:
    """The three channels, and the axis that they lie along."""
    type = type_of(images)
    format = format_named(name, data_format)
    axis = type.rank - 1 if format == FORMATS[0] else type.rank - 3
    if type.rank not in (3, 4) or type.shape[axis] != 3:
        raise Refusal(name, "T0306", f"`{name}` takes images of 3 channels, not {type}")
    return [place_at(images, axis, i) for i in range(3)], axis


@derived(1, "float", ((0.1, 0.9),))
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation and value of colours, all from 0 to 1 (Smith 1978).

    >>> call("rgb_to_hsv", [[[0.0, 0.5, 0.0]]]).numpy().ravel().tolist()[1:]
    [1.0, 0.5]
    """
    (red, green, blue), axis = _channels("rgb_to_hsv", images, data_format)
    value = call("maximum", call("maximum", red, green), blue)
    spread = value - call("minimum", call("minimum", red, green), blue)
    grey = call("equal", spread, 0)
    safe = call("where", grey, 1, spread)
    hue = call(
        "where",
        call("equal", value, red),
        (green - blue) / safe,
        call(
            "where",
            call("equal", value, green),
            (blue - red) / safe + 2.0,
            (red - green) / safe + 4.0,
        ),
    )
    turn = call("mod", hue / 6.0, 1.0)
    dark = call("equal", value, 0)
    saturation = call("where", dark, 0, spread / call("where", dark, 1, value))
    return call("stack", [turn, saturation, value], axis)


@derived(1, "float", ((0.05, 0.95),))
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue of a hue, a saturation and a value, all from 0 to 1.

    >>> call("hsv_to_rgb", [[[0.0, 1.0, 0.5]]]).numpy().ravel().tolist()
    [0.5, 0.0, 0.0]
    """
    (hue, saturation, value), axis = _channels("hsv_to_rgb", images, data_format)
    turn = hue * 6.0
    parts = (
        call("abs", turn - 3.0) - 1.0,
        2.0 - call("abs", turn - 2.0),
        2.0 - call("abs", turn - 4.0),
    )
    found = [
        ((call("clip", part, 0.0, 1.0) - 1.0) * saturation + 1.0) * value
        for part in parts
    ]
    return call("stack", found, axis)
