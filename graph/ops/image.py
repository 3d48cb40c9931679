"""Ops on images: [height, width, channels] or a batch of these, or channels first."""

from __future__ import annotations

from typing import Any, ClassVar

from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import LIMIT, Dim
from ..node import Node
from ..op import Op, register
from ..registry import OPS, call
from ..types import TensorType
from .composite import Composite, common_floats
from .indexing import as_integer
from .windows import FORMATS, Types, format_named


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
        found = format_named(self.name, format)
        return {**attributes, "data_format": found}


def plane(x: TensorType, data_format: str) -> tuple[int, int]:
    """The axes of height and width."""
    first = x.rank - 3 if data_format == FORMATS[0] else x.rank - 2
    return first, first + 1


class Framed(Images):
    """Padding or cropping, by two of three numbers along height and width."""

    word = ""
    sign = 1

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        found = self.formatted(types[0], attributes)
        axes = plane(types[0], found["data_format"])
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
            low, high = side.bounds()
            if (high is not None and high < 0) or (low or 0) >= LIMIT:
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
        return zip(plane(x, options["data_format"]), sides, strict=True)


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
