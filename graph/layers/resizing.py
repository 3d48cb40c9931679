"""Layers that bring images to one size."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..dim import maximum, minimum, product
from ..layer import Layer
from ..ops.image import plane
from ..ops.resizing import METHODS, check_aspect, largest, middle
from ..ops.windows import one_of
from ..registry import call
from .core import positive
from .formats import axes_named, format_of, shape_text

__all__ = [
    "CenterCrop",
    "Resizing",
]


class Imaging(Layer):
    """A layer that gives images of `height` and `width`, alone or in a batch."""

    def __init__(self, height: int, width: int, data_format: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.height = positive(self, "height", height)
        self.width = positive(self, "width", width)
        self.data_format = format_of(self, data_format)

    def checked(self, inputs: Any) -> Any:
        """The input, if it is an image or a batch of images."""
        if inputs.ndim not in (3, 4):
            axes, text = axes_named(2, self.data_format), shape_text(inputs.shape)
            raise Fault(
                "T0306",
                f"`{self.name}` takes images ({axes}), or one without the batch axis, "
                f"and its input has shape {text}",
                operands={0: str(inputs.type)},
            )
        return inputs


class Resizing(Imaging):
    """Images resized to `height` and `width`.

    Input [batch, height, width, channels] or one image without the batch axis,
    channels first with `channels_first`; output of the same dtype, where integers are
    rounded and kept in their range. `interpolation` is bilinear, nearest, bicubic,
    lanczos3 or lanczos5 and `antialias` widens its kernel where images shrink; see
    `ops.image.resize`. `crop_to_aspect_ratio` first cuts the largest window of the
    right proportions out of the middle, `pad_to_aspect_ratio` first adds borders of
    `fill_value`. Raises T0204 for both at once.

    >>> import numpy as np
    >>> image = np.array([[[0.0], [4.0]]])
    >>> Resizing(1, 4)(image).numpy().ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(height, width, data_format, **kwargs)
        kind = type(self).__name__
        self.interpolation = one_of(kind, "interpolation", interpolation, METHODS)
        self.settings = {
            "antialias": bool(antialias),
            "crop_to_aspect_ratio": bool(crop_to_aspect_ratio),
            "pad_to_aspect_ratio": bool(pad_to_aspect_ratio),
            "fill_mode": fill_mode,
            "fill_value": fill_value,
        }
        check_aspect(kind, self.settings)

    def call(self, inputs: Any) -> Any:
        given = self.checked(inputs).type.dtype
        images = inputs if given.is_float else call("cast", inputs, self.compute_dtype)
        resized = call(
            "resize",
            images,
            (self.height, self.width),
            self.interpolation,
            data_format=self.data_format,
            **self.settings,
        )
        if given.is_float:
            return resized
        return call("saturate_cast", call("round", resized), given.name)


class CenterCrop(Imaging):
    """The middle of images, `height` by `width`.

    Input [batch, height, width, channels] or one image without the batch axis,
    channels first with `channels_first`; the output is floating. An image that is
    smaller on a side is cropped to the right proportions and resized, bilinear. Which
    of the two it is may depend on the data: then one program does both.

    >>> import numpy as np
    >>> image = np.arange(6.0).reshape(2, 3, 1)
    >>> CenterCrop(2, 1)(image).numpy().ravel().tolist()
    [1.0, 4.0]
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(height, width, data_format, **kwargs)

    def call(self, inputs: Any) -> Any:
        images = call("cast", self.checked(inputs), self.compute_dtype)
        axes, size = plane(images.type, self.data_format), (self.height, self.width)
        sides = [images.type.shape[axis] for axis in axes]
        # 1 where the image is large enough on both sides, else 0
        enough = product(
            minimum(maximum(side - wanted + 1, 0), 1)
            for side, wanted in zip(sides, size, strict=True)
        )
        window = [
            enough * wanted + (1 - enough) * most
            for wanted, most in zip(size, largest(sides, size), strict=True)
        ]
        cut = middle(images, axes, window)
        return call("resize", cut, size, data_format=self.data_format)
