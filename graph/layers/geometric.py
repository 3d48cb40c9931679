"""Layers that move, turn and bend pictures at random in training."""

from __future__ import annotations

import math
from typing import Any

from ..dim import maximum, minimum, product
from ..functions import distorted
from ..ops import random
from ..ops.resizing import largest, middle
from ..ops.sampling import BEYOND, ORDERS
from ..ops.windows import channels_last, in_format, one_of
from ..registry import call
from .augmentation import Augmentation, factor_range, number, place_dtype, value_bounds
from .core import positive

__all__ = [
    "RandomCrop",
    "RandomElasticTransform",
    "RandomPerspective",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]

FILLS = ("reflect", "wrap", "constant", "nearest")


class Moved(Augmentation):
    """The base of layers that read the pixels of a picture at other places."""

    fills: tuple[str, ...] = FILLS

    def __init__(
        self,
        interpolation: str,
        fill_mode: str,
        fill_value: float,
        seed: int | None,
        data_format: str | None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        kind, known = type(self).__name__, ("bilinear", "nearest")
        self.interpolation = one_of(kind, "interpolation", interpolation, known)
        self.fill_mode = one_of(kind, "fill_mode", fill_mode, self.fills)
        self.fill_value = float(fill_value)

    def changed(self, images: Any) -> Any:
        ones = call("ones", (images.type.shape[0],), place_dtype(images))
        parts = [ones * part for part in self.places(images)]
        return call(
            "affine_transform",
            images,
            call("stack", [*parts, ones * 0.0, ones * 0.0], -1),
            self.interpolation,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )

    def places(self, images: Any) -> tuple[Any, ...]:
        """The factors a0, a1, a2, b0, b1, b2 of an affine transform, for a batch."""
        raise NotImplementedError


class RandomTranslation(Moved):
    """In training, each picture moved down and across.

    Input and output f32[batch, height, width, channels]. `height_factor` and
    `width_factor` are pairs or f for (-f, f), as shares of height and width.
    `fill_mode` says what comes into sight: `reflect`, `wrap`, `nearest`, or `constant`
    for `fill_value`; `interpolation` is bilinear or nearest.

    >>> import numpy as np
    >>> layer = RandomTranslation((0.5, 0.5), 0.0, fill_mode="constant")
    >>> layer(np.array([[[[1.0]], [[2.0]]]])).numpy().ravel().tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            interpolation, fill_mode, fill_value, seed, data_format, **kwargs
        )
        self.height_factor = factor_range(
            self, "height_factor", height_factor, -1.0, 1.0
        )
        self.width_factor = factor_range(self, "width_factor", width_factor, -1.0, 1.0)

    def places(self, images: Any) -> tuple[Any, ...]:
        height, width = self.sides(images)
        down = self.drawn(images, *self.height_factor) * height
        across = self.drawn(images, *self.width_factor) * width
        return 1.0, 0.0, -across, 0.0, 1.0, -down


class RandomRotation(Moved):
    """In training, each picture turned about its middle.

    Input and output f32[batch, height, width, channels]. The angle is a share of a
    full turn within `factor`, a pair or f for (-f, f); positive ones turn against the
    clock. For the other arguments see `RandomTranslation`.

    >>> import numpy as np
    >>> layer = RandomRotation((0.5, 0.5))
    >>> layer(np.array([[[[1.0]], [[2.0]]]])).numpy().round(3).ravel().tolist()
    [2.0, 1.0]
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            interpolation, fill_mode, fill_value, seed, data_format, **kwargs
        )
        self.factor = factor_range(self, "factor", factor, -1.0, 1.0)

    def places(self, images: Any) -> tuple[Any, ...]:
        height, width = self.sides(images)
        y, x = (height - 1.0) * 0.5, (width - 1.0) * 0.5
        angle = self.drawn(images, *self.factor) * (2 * math.pi)
        cosine, sine = call("cos", angle), call("sin", angle)
        right = x - x * cosine + y * sine
        low = y - x * sine - y * cosine
        return cosine, -sine, right, sine, cosine, low


class RandomZoom(Moved):
    """In training, each picture shrunk or grown about its middle.

    Input and output f32[batch, height, width, channels]. Each side is that of 1 + f
    times as many old pixels, with f from `height_factor` and `width_factor`, pairs or
    f for (-f, f); above 0 the picture shrinks. Without `width_factor` both sides go
    together. For the other arguments see `RandomTranslation`.

    >>> import numpy as np
    >>> layer = RandomZoom(0.0)
    >>> layer(np.array([[[[1.0]], [[2.0]]]])).numpy().ravel().tolist()
    [1.0, 2.0]
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            interpolation, fill_mode, fill_value, seed, data_format, **kwargs
        )
        self.height_factor = factor_range(
            self, "height_factor", height_factor, -1.0, 1.0
        )
        self.width_factor = width_factor
        if width_factor is not None:
            self.width_factor = factor_range(
                self, "width_factor", width_factor, -1.0, 1.0
            )

    def places(self, images: Any) -> tuple[Any, ...]:
        height, width = self.sides(images)
        down = across = self.drawn(images, *self.height_factor)
        if self.width_factor is not None:
            across = self.drawn(images, *self.width_factor)
        right, low = across * (width - 1.0) * -0.5, down * (height - 1.0) * -0.5
        return across + 1.0, 0.0, right, 0.0, down + 1.0, low


class RandomShear(Moved):
    """In training, the rows and columns of each picture shifted against each other.

    Input and output f32[batch, height, width, channels]. A pixel is read `x_factor`
    times its row further right and `y_factor` times its column further down; factors
    are pairs from 0 to 1, or f for (-f, f), and both change their sign together with
    probability 1/2. For the other arguments see `RandomTranslation`.

    >>> import numpy as np
    >>> layer = RandomShear()
    >>> layer(np.array([[[[1.0]], [[2.0]]]])).numpy().ravel().tolist()
    [1.0, 2.0]
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            interpolation, fill_mode, fill_value, seed, data_format, **kwargs
        )
        self.x_factor = both_ways(self, "x_factor", x_factor)
        self.y_factor = both_ways(self, "y_factor", y_factor)

    def places(self, images: Any) -> tuple[Any, ...]:
        turned = self.drawn(images, 0.0, 1.0) > 0.5
        sign = call("where", turned, -1.0, 1.0)
        across = self.drawn(images, *self.x_factor) * sign
        down = self.drawn(images, *self.y_factor) * sign
        return 1.0, across, 0.0, down, 1.0, 0.0


def both_ways(layer: Any, name: str, value: Any) -> tuple[float, float]:
    """A range of factors from 0 to 1: a pair, or a number f for all from -f to f."""
    low, high = factor_range(layer, name, value, 0.0, 1.0)
    return (low, high) if isinstance(value, (list, tuple)) else (-high, high)


class RandomPerspective(Moved):
    """In training, pictures seen from another side, with a probability.

    Input and output f32[batch, height, width, channels]. The probability is drawn from
    `factor`, a pair or f for (0, f); each corner but the first moves by a random share
    of its place, up to half of `scale` from 0 to 1. `fill_value` comes into sight.

    >>> import numpy as np
    >>> layer = RandomPerspective(scale=0.0)
    >>> layer(np.ones((1, 2, 2, 1))).numpy().round(3).ravel().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            interpolation, "constant", fill_value, seed, data_format, **kwargs
        )
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.scale = factor_range(self, "scale", scale, 0.0, 1.0)[1]

    def changed(self, images: Any) -> Any:
        batch = images.type.shape[0]
        half = 0.5 * self.scale
        shares = random.uniform(
            (batch, 4, 2), -half, half, place_dtype(images), self.seed_generator
        )
        height, width = self.sides(images)
        ones = call("ones", (batch,), place_dtype(images))
        right, low = ones * (width - 1.0), ones * (height - 1.0)
        x = call("stack", [ones * 0.0, right, ones * 0.0, right], 1)
        y = call("stack", [ones * 0.0, ones * 0.0, low, low], 1)
        corners = call("stack", [x, y], 2)
        seen = call(
            "perspective_transform",
            images,
            corners,
            corners + corners * shares,
            self.interpolation,
            self.fill_value,
            self.data_format,
        )
        return call("where", self.happens(images, self.factor), seen, images)


class RandomElasticTransform(Moved):
    """In training, pictures distorted as if on rubber, with a probability.

    Input and output f32[batch, height, width, channels] with values kept within
    `value_range`. The probability is drawn from `factor`, a pair or f for (0, f). A
    number s drawn from `scale` distorts by 0.1 s of the longer side, in waves of
    0.05 s of the shorter one; see `ops.image.elastic_transform`.

    >>> import numpy as np
    >>> layer = RandomElasticTransform(factor=0.0)
    >>> layer(np.array([[[[1.0]], [[2.0]]]])).numpy().ravel().tolist()
    [1.0, 2.0]
    """

    fills = BEYOND

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            interpolation, fill_mode, fill_value, seed, data_format, **kwargs
        )
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.scale = factor_range(self, "scale", scale, 0.0, 1.0)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        rows, columns = (images.type.shape[axis] for axis in self.space)
        dtype = place_dtype(images)
        share = random.uniform((), *self.scale, dtype, self.seed_generator)
        alpha = share * number(maximum(rows, columns), dtype) * 0.1
        sigma = share * number(minimum(rows, columns), dtype) * 0.05 + 1e-6
        moved = distorted(
            channels_last(images, self.data_format),
            alpha,
            sigma,
            minimum(rows, columns),
            self.seed_generator,
            ORDERS[self.interpolation],
            self.fill_mode,
            self.fill_value,
        )
        moved = in_format(moved, self.data_format)
        found = call("where", self.happens(images, self.factor), moved, images)
        return call("clip", found, *map(float, self.value_range))


class RandomCrop(Augmentation):
    """In training, a window of `height` and `width` at a random place.

    Input [batch, height, width, channels] or one picture without a batch axis, output
    floats of the new size; all pictures of a batch are cut at one place. Without
    training, and where pictures are smaller on a side, the largest window of the right
    proportions is cut out of the middle and resized.

    >>> import numpy as np
    >>> image = np.arange(6.0).reshape(1, 2, 3, 1)
    >>> RandomCrop(1, 1)(image).shape
    (1, 1, 1, 1)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.height = positive(self, "height", height)
        self.width = positive(self, "width", width)

    def processed(self, images: Any, training: bool) -> Any:
        size, space = (self.height, self.width), self.space
        sides = [images.type.shape[axis] for axis in space]
        most = largest(sides, size)
        if not training:
            cut = middle(images, space, most)
            return call("resize", cut, size, data_format=self.data_format)
        # 1 where the picture is large enough on both sides, else 0
        enough = product(
            minimum(maximum(side - wanted + 1, 0), 1)
            for side, wanted in zip(sides, size, strict=True)
        )
        for axis, side, wanted, other in zip(space, sides, size, most, strict=True):
            window = enough * wanted + (1 - enough) * other
            free = side - window
            share = random.uniform((), seed=self.seed_generator, dtype="float32")
            chosen = call("floor", share * number(free + 1, "float32"))
            centred = number(free // 2, "float32")
            start = call("where", number(enough, "float32") > 0.0, chosen, centred)
            places = call("arange", window) + call("cast", start, "int32")
            images = call("take", images, places, axis=axis)
        return call("resize", images, size, data_format=self.data_format)
