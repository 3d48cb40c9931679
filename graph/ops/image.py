"""Ops on images: [height, width, channels] or a batch of these, or channels first."""

from __future__ import annotations

from typing import Any, ClassVar

from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import Dim
from ..node import Node
from ..op import Op, register
from ..registry import OPS, call
from ..types import F64, I32, TensorType
from .composite import Composite, common_floats
from .indexing import as_integer
from .windows import FORMATS, Types, one_of

METHODS = ("bilinear", "nearest", "bicubic")


class Images(Op):
    """An op on one image or on a batch of them."""

    level = "composite"
    domain: ClassVar[tuple[tuple[float, float], ...]] = ((-2.0, 2.0),)

    def formatted(self, x: TensorType, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes with the format named; refuses other ranks."""
        format = attributes["data_format"]
        if x.rank not in (3, 4):
            raise Fault(
                "T0306",
                f"`{self.name}` takes an image or a batch of images, with 3 or 4 axes, "
                f"not {x}",
                operands={0: str(x)},
            )
        found = one_of(self.name, "data_format", format, FORMATS)
        return {**attributes, "data_format": found}


def _plane(x: TensorType, data_format: str) -> tuple[int, int]:
    """The axes of height and width."""
    first = x.rank - 3 if data_format == FORMATS[0] else x.rank - 2
    return first, first + 1


@register
class Resize(Images):
    """Images in another size, sampled at half-pixel centres.

    `interpolation` is nearest, bilinear or bicubic (a = -0.5); `antialias` widens the
    kernel where the image shrinks.

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
        data_format: str | None = None,
    ) -> Any:
        return (images,), {
            "size": size,
            "interpolation": interpolation,
            "antialias": bool(antialias),
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
        method = attributes["interpolation"]
        return {
            **found,
            "size": tuple(as_integer(n, "a size of `resize`") for n in size),
            "interpolation": one_of(self.name, "interpolation", method, METHODS),
        }

    def infer(self, x: TensorType, size: Any, **options: Any) -> TensorType:
        common_floats(self.name, (x,))
        shape = list(x.shape)
        for axis, count in zip(_plane(x, options["data_format"]), size, strict=True):
            shape[axis] = count
        return x.with_shape(shape)

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        plane = _plane(x.tensor_type, options["data_format"])
        for axis, count in zip(plane, options["size"], strict=True):
            if x.shape[axis] == count:
                continue
            if options["interpolation"] == "nearest":
                x = call("take", x, _nearest(x.shape[axis], count), axis=axis)
                continue
            weights = _weights(
                x.shape[axis], count, options["interpolation"], options["antialias"]
            )
            order = list(range(x.ndim))
            order[axis], order[-1] = order[-1], order[axis]
            turned = call("transpose", x, tuple(order))
            mixed = call("matmul", turned, call("cast", weights, x.dtype))
            x = call("transpose", mixed, tuple(order))
        return x


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
    far = call("abs", samples - call("expand_dims", _count(size, F64), 1))
    if antialias:
        far = far / call("maximum", scale, 1.0)
    kernel = _triangle if method == "bilinear" else _cubic
    weights = kernel(far)
    return weights / call("sum", weights, axis=0, keepdims=True)


def _triangle(far: Any) -> Any:
    return call("relu", 1.0 - far)


def _cubic(far: Any) -> Any:
    """The kernel of Keys (1981) with a = -0.5."""
    near = (1.5 * far - 2.5) * far * far + 1.0
    outer = ((-0.5 * far + 2.5) * far - 4.0) * far + 2.0
    inside = call("where", far < 1.0, near, outer)
    return call("where", far < 2.0, inside, 0.0)


class Framed(Images):
    """Padding or cropping, by two of three numbers along height and width."""

    word = ""
    sign = 1

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        found = self.formatted(types[0], attributes)
        axes = _plane(types[0], found["data_format"])
        for axis, names in zip(
            axes, (("top", "bottom", "height"), ("left", "right", "width")), strict=True
        ):
            keys = (*(f"{n}_{self.word}" for n in names[:2]), f"target_{names[2]}")
            given = [found.pop(key, None) for key in keys]
            if names[0] in found:
                continue
            size = types[0].shape[axis]
            found[names[0]], found[names[1]] = self._sides(keys, given, size)
        return found

    def _sides(self, keys: Any, given: list[Any], size: Dim) -> tuple[Dim, Dim]:
        if sum(value is not None for value in given) != 2:
            known = ", ".join(f"`{key}`" for key in keys)
            raise Fault("T0203", f"`{self.name}` takes two of {known}")
        before, after, target = (
            None if value is None else as_integer(value, "a number of pixels")
            for value in given
        )
        if target is not None:
            more = (target - size) * self.sign
            before = more - after if before is None and after is not None else before
            after = more - before if after is None and before is not None else after
        sides = (before or Dim.of(0), after or Dim.of(0))
        for key, side in zip(keys, sides, strict=False):
            high = side.bounds()[1]
            if high is not None and high < 0:
                raise Fault(
                    "T0204",
                    f"`{key}` of `{self.name}` would be {side}, for an axis of size "
                    f"{size}",
                    argument=key,
                )
        return sides

    def infer(self, x: TensorType, **options: Any) -> TensorType:
        shape = list(x.shape)
        for axis, (before, after) in self._pairs(x, options):
            shape[axis] = shape[axis] + (before + after) * self.sign
        return x.with_shape(shape)

    def _pairs(self, x: TensorType, options: Any) -> Any:
        sides = (
            (options["top"], options["bottom"]),
            (options["left"], options["right"]),
        )
        return zip(_plane(x, options["data_format"]), sides, strict=True)


@register
class PadImages(Framed):
    """Zeros around images, by two of each side's padding and the target size.

    >>> one = [[[1.0]]]
    >>> padded = call("pad_images", one, 1, 0, target_height=2, target_width=1)
    >>> padded.numpy().ravel().tolist()
    [0.0, 1.0]
    """

    name = "pad_images"
    word = "padding"

    def arguments(
        self,
        images: Any,
        top_padding: Any = None,
        left_padding: Any = None,
        bottom_padding: Any = None,
        right_padding: Any = None,
        target_height: Any = None,
        target_width: Any = None,
        data_format: str | None = None,
    ) -> Any:
        return (images,), {
            "top_padding": top_padding,
            "left_padding": left_padding,
            "bottom_padding": bottom_padding,
            "right_padding": right_padding,
            "target_height": target_height,
            "target_width": target_width,
            "data_format": data_format,
        }

    def expand(self, node: Node) -> Node:
        (x,) = node.inputs
        width = [(0, 0)] * x.ndim
        for axis, sides in self._pairs(x.tensor_type, node.attributes):
            width[axis] = sides
        found: Node = call("pad", x, width)
        return found


@register
class CropImages(Framed):
    """Images without their borders, by two of each side's cropping and the target size.

    >>> row = [[[1.0], [2.0]]]
    >>> cropped = call("crop_images", row, 0, 1, target_height=1, target_width=1)
    >>> cropped.numpy().ravel().tolist()
    [2.0]
    """

    name = "crop_images"
    word = "cropping"
    sign = -1

    def arguments(
        self,
        images: Any,
        top_cropping: Any = None,
        left_cropping: Any = None,
        bottom_cropping: Any = None,
        right_cropping: Any = None,
        target_height: Any = None,
        target_width: Any = None,
        data_format: str | None = None,
    ) -> Any:
        return (images,), {
            "top_cropping": top_cropping,
            "left_cropping": left_cropping,
            "bottom_cropping": bottom_cropping,
            "right_cropping": right_cropping,
            "target_height": target_height,
            "target_width": target_width,
            "data_format": data_format,
        }

    def infer(self, x: TensorType, **options: Any) -> TensorType:
        found = super().infer(x, **options)
        for axis, _ in self._pairs(x, options):
            high = found.shape[axis].bounds()[1]
            if high is not None and high <= 0:
                raise Fault(
                    "T0320",
                    f"`crop_images` leaves {found.shape[axis]} of the {x.shape[axis]} "
                    f"pixels of axis {axis}",
                    operands={0: str(x)},
                )
        return found

    def expand(self, node: Node) -> Node:
        (x,) = node.inputs
        index: list[Any] = [("slice", Dim.of(0), size, 1) for size in node.shape]
        for axis, (before, _) in self._pairs(x.tensor_type, node.attributes):
            index[axis] = ("slice", before, node.shape[axis], 1)
        return OPS["getitem"].apply((x,), {"index": tuple(index)})


@register
class RgbToGrayscale(Images, Composite):
    """Red, green and blue as one channel: 0.2989 r + 0.587 g + 0.114 b."""

    name = "rgb_to_grayscale"
    operand_dtypes = "float"

    def arguments(self, images: Any, data_format: str | None = None) -> Any:
        return (images,), {"data_format": data_format}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return self.formatted(types[0], attributes)

    def infer(self, x: TensorType, data_format: str) -> TensorType:
        common_floats(self.name, (x,))
        axis = x.rank - 1 if data_format == FORMATS[0] else x.rank - 3
        if not equal_dims(x.shape[axis], 3):
            raise Fault(
                "T0302",
                f"`{self.name}` takes 3 channels on axis {axis}, not {x}",
                operands={0: str(x)},
                dims=(x.shape[axis],),
            )
        return x.with_shape((*x.shape[:axis], 1, *x.shape[axis + 1 :]))

    def expand(self, node: Node) -> Node:
        (x,), format = node.inputs, node.attributes["data_format"]
        axis = x.ndim - 1 if format == FORMATS[0] else x.ndim - 3
        before = (slice(None),) * axis
        parts = [
            call("getitem", x, (*before, slice(i, i + 1))) * weight
            for i, weight in enumerate((0.2989, 0.587, 0.114))
        ]
        found: Node = parts[0] + parts[1] + parts[2]
        return found
