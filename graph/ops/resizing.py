"""Images in another size: each new pixel is a weighted sum of old ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..diagnostics import Fault
from ..dim import ZERO, Dim, maximum, minimum
from ..node import Node
from ..op import register
from ..registry import OPS, call
from ..types import F64, I32, TensorType
from .composite import common_floats
from .formula import indexed, shape_of
from .image import Images, plane
from .indexing import as_integer
from .windows import Types, one_of


def _triangle(far: Any) -> Any:
    return call("relu", 1.0 - far)


def _cubic(far: Any) -> Any:
    """The kernel of Keys (1981) with a = -0.5."""
    near = (1.5 * far - 2.5) * far * far + 1.0
    outer = ((-0.5 * far + 2.5) * far - 4.0) * far + 2.0
    inside = call("where", far < 1.0, near, outer)
    return call("where", far < 2.0, inside, 0.0)


def _lanczos(radius: int) -> Callable[[Any], Any]:
    """sinc(x) sinc(x / radius) within the radius (Duchon 1979)."""

    def kernel(far: Any) -> Any:
        angle = call("maximum", far, 1e-3) * math.pi
        waves = call("sin", angle) * call("sin", angle / radius)
        inside = call("where", far > 1e-3, radius * waves / (angle * angle), 1.0)
        return call("where", far > radius, 0.0, inside)

    return kernel


KERNELS: dict[str, Callable[[Any], Any]] = {
    "bilinear": _triangle,
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
METHODS = ("bilinear", "nearest", *list(KERNELS)[1:])
NOTHING = 1.2e-4  # weights that add up to less are none


@register
class Resize(Images):
    """Images in another size, sampled at half-pixel centres.

    `interpolation` is nearest, bilinear, bicubic (a = -0.5), lanczos3 or lanczos5;
    `antialias` widens the kernel where the image shrinks. `crop_to_aspect_ratio` first
    cuts the largest window of the new shape out of the middle, `pad_to_aspect_ratio`
    first adds borders of `fill_value`.

    >>> call("resize", [[[0.0], [4.0]]], (1, 4)).numpy().ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    operand_dtypes = "float"

    def arguments(
        self,
        images: Any,
        size: Any,
        interpolation: str = "bilinear",
        antialias: bool = False,
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        data_format: str | None = None,
    ) -> Any:
        return (images,), {
            "size": size,
            "interpolation": interpolation,
            "antialias": antialias,
            "crop_to_aspect_ratio": crop_to_aspect_ratio,
            "pad_to_aspect_ratio": pad_to_aspect_ratio,
            "fill_mode": fill_mode,
            "fill_value": fill_value,
            "data_format": data_format,
        }

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        found = self.formatted(types[0], attributes)
        size = attributes["size"]
        if not isinstance(size, (tuple, list)) or len(size) != 2:
            raise Fault(
                "T0204",
                f"`size` of `resize` is a pair (height, width), not {size!r}",
                argument="size",
            )
        check_aspect(self.name, found)
        method = attributes["interpolation"]
        return {
            **found,
            "size": tuple(as_integer(n, "a size of `resize`") for n in size),
            "interpolation": one_of(self.name, "interpolation", method, METHODS),
        }

    def infer(self, x: TensorType, size: Any, **options: Any) -> TensorType:
        if options["interpolation"] != "nearest":
            common_floats(self.name, (x,))
        shape = list(x.shape)
        for axis, count in zip(plane(x, options["data_format"]), size, strict=True):
            if shape[axis].value == 0 and count.value != 0:
                raise Fault(
                    "T0304",
                    f"`{self.name}` makes pixels of pixels, and {x} has none along "
                    f"axis {axis}",
                    operands={0: str(x)},
                )
            shape[axis] = count
        return x.with_shape(shape)

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        axes, size = plane(x.tensor_type, options["data_format"]), options["size"]
        if options["crop_to_aspect_ratio"]:
            x = middle(x, axes, largest([x.shape[axis] for axis in axes], size))
        if options["pad_to_aspect_ratio"]:
            x = _bordered(x, axes, size, options["fill_value"])
        for axis, count in zip(axes, size, strict=True):
            x = _resized(x, axis, count, options)
        return x


def check_aspect(name: str, options: Any) -> None:
    """Refuse settings for the aspect ratio that say two things or nothing."""
    if options["crop_to_aspect_ratio"] and options["pad_to_aspect_ratio"]:
        raise Fault(
            "T0204",
            f"`{name}` crops or pads to the aspect ratio, not both",
            argument="pad_to_aspect_ratio",
        )
    one_of(name, "fill_mode", options["fill_mode"], ("constant",))


def fitting(sides: Sequence[Dim], size: Any) -> tuple[Dim, Dim]:
    """The height that goes with a width in the new shape, and the other way."""
    return sides[1] * size[0] // size[1], sides[0] * size[1] // size[0]


def largest(sides: Sequence[Dim], size: Any) -> list[Dim]:
    """The sides of the largest window with the proportions of a size."""
    fits = zip(sides, fitting(sides, size), strict=True)
    return [
        side if side.value == 0 else maximum(minimum(side, fit), 1)
        for side, fit in fits
    ]


def middle(x: Any, axes: Sequence[int], sides: Sequence[Any]) -> Any:
    """The window with given sides in the middle of images."""
    shape = shape_of(x)
    index = [("slice", ZERO, size, 1) for size in shape]
    for axis, side in zip(axes, sides, strict=True):
        index[axis] = ("slice", (shape[axis] - side) // 2, Dim.of(side), 1)
    return indexed(x, tuple(index))


def _bordered(x: Node, axes: Any, size: Any, value: float) -> Node:
    """Equal borders on both sides, to have nearly the proportions of a size."""
    width: list[Any] = [(0, 0)] * x.ndim
    sides = [x.shape[axis] for axis in axes]
    for axis, side, fit in zip(axes, sides, fitting(sides, size), strict=True):
        border = (maximum(side, fit) - side) // 2
        width[axis] = (border, border)
    found: Node = call("pad", x, width, constant_values=value)
    return found


def _resized(x: Node, axis: int, count: Dim, options: Any) -> Any:
    """One axis in another size."""
    size, method = x.shape[axis], options["interpolation"]
    if size == count:
        return x
    if method == "nearest":
        return call("take", x, _nearest(size, count), axis=axis)
    weights = call("cast", _weights(size, count, method, options["antialias"]), x.dtype)
    order = list(range(x.ndim))
    order[axis], order[-1] = order[-1], order[axis]
    mixed = call("matmul", call("transpose", x, tuple(order)), weights)
    return call("transpose", mixed, tuple(order))


def _count(size: Dim, dtype: Any) -> Any:
    attributes = {"start": Dim.of(0), "count": size, "step": 1, "dtype": dtype}
    return OPS["arange"].apply((), attributes)


def _number(size: Dim, dtype: Any) -> Any:
    return OPS["size"].apply((), {"value": size, "dtype": dtype})


def _nearest(size: Dim, count: Dim) -> Any:
    """floor((i + 0.5) size / count), in whole numbers."""
    places = (_count(count, I32) * 2 + 1) * _number(size, I32)
    return call("floor_divide", places, _number(count * 2, I32))


def _weights(size: Dim, count: Dim, method: str, antialias: bool) -> Any:
    """What each old place gives to each new one: [size, count], columns of sum 1."""
    scale = _number(size, F64) / _number(count, F64)
    samples = (_count(count, F64) + 0.5) * scale - 0.5
    weights = _nearness(samples, size, KERNELS[method], scale if antialias else None)
    return weights / call("sum", weights, axis=0, keepdims=True)


def _nearness(samples: Any, size: Dim, kernel: Any, step: Any) -> Any:
    """How near samples are to each of `size` places, by a kernel as wide as a step."""
    far = call("abs", samples - call("expand_dims", _count(size, F64), 1))
    if step is not None:
        far = far / call("maximum", step, 1.0)
    return kernel(far)


def moved_weights(
    size: Dim, count: Dim, method: str, scale: Any, shift: Any, antialias: bool
) -> Any:
    """What each old place gives to each new one, where p goes to p scale + shift.

    Columns [size, count] of sum 1, or of zeros for new places that see nothing.
    """
    step = 1.0 / call("cast", scale, F64)
    samples = (_count(count, F64) + 0.5 - call("cast", shift, F64)) * step - 0.5
    weights = _nearness(samples, size, KERNELS[method], step if antialias else None)
    total = call("sum", weights, axis=0, keepdims=True)
    some = call("abs", total) > NOTHING
    inside = call("logical_and", samples >= -0.5, samples <= _number(size, F64) - 0.5)
    kept = call("logical_and", some, inside)
    return call("where", kept, weights / call("where", some, total, 1.0), 0.0)
