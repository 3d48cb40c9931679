"""Layers that change the colours of pictures, most at random and in training only."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import random
from ..ops.windows import channels_last, in_format
from ..registry import call
from .augmentation import (
    Augmentation,
    RandomBrightness,
    RandomContrast,
    factor_range,
    value_bounds,
)

__all__ = [
    "AutoContrast",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomHue",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
]


def rescaled(images: Any, old: tuple[float, float], new: tuple[float, float]) -> Any:
    """Values of one range in another."""
    if old == new:
        return images
    scale = (new[1] - new[0]) / (old[1] - old[0])
    return (images - float(old[0])) * scale + float(new[0])


BYTES = (0, 255)


class AutoContrast(Augmentation):
    """Each channel of each picture stretched over the whole of `value_range`.

    Input and output f32[batch, height, width, channels]; channels of one value stay as
    they are. It acts in training and without.

    >>> import numpy as np
    >>> AutoContrast()(np.array([[[[10.0], [20.0]]]])).numpy().ravel().tolist()
    [0.0, 255.0]
    """

    always = True

    def __init__(self, value_range: Any = BYTES, **kwargs: Any):
        super().__init__(None, **kwargs)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        x = rescaled(images, self.value_range, BYTES)
        low = call("min", x, axis=(1, 2), keepdims=True)
        high = call("max", x, axis=(1, 2), keepdims=True)
        flat = call("equal", low, high)
        span = call("where", flat, 1.0, high - low)
        stretched = call("clip", (x - low) * (255.0 / span), 0.0, 255.0)
        found = rescaled(stretched, BYTES, self.value_range)
        return call("where", flat, images, found)


class RandomPosterization(Augmentation):
    """In training, each picture left with a random number of bits for each value.

    Input and output f32[batch, height, width, channels] with values in `value_range`,
    which stand for 0 to 255. `factor` is a pair (a, b), from a bits to less than b, or
    b for (1, b); a pair of equal numbers means that number.

    >>> import numpy as np
    >>> RandomPosterization((1, 1))(
    ...     np.full((1, 1, 1, 1), 200.0)
    ... ).numpy().ravel().tolist()
    [128.0]
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = BYTES,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, 1, 8)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        low, high = map(int, self.factor)
        steps: Any = 2.0 ** (8 - low)
        if low != high:
            shape = (images.type.shape[0], 1, 1, 1)
            bits = random.randint(shape, low, high, images.dtype, self.seed_generator)
            steps = call("exp2", 8.0 - bits)
        whole = call("floor", rescaled(images, self.value_range, BYTES))
        return rescaled(call("floor", whole / steps) * steps, BYTES, self.value_range)


class RandomSaturation(Augmentation):
    """In training, the saturation of each picture scaled at random.

    Input and output f32[batch, height, width, 3]. A number f is drawn from `factor`, a
    pair or b for (-b, b), and scales the saturation by f / (1 - f): 0.5 leaves it as
    it is, and from 0 down the picture is grey.

    >>> import numpy as np
    >>> x = np.array([[[[0.25, 0.5, 0.75]]]])
    >>> RandomSaturation((0.0, 0.0))(x).numpy().ravel().tolist()
    [0.75, 0.75, 0.75]
    """

    FUZZ = 1e-7

    def __init__(
        self,
        factor: Any,
        value_range: Any = BYTES,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, -1.0, 1.0)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        format = self.data_format
        axis = 1 if format == "channels_first" else 3
        drawn = self.uniform(images, *self.factor)
        scale = drawn / (1.0 - drawn + self.FUZZ)
        hue, saturation, value = call(
            "split", call("rgb_to_hsv", images, data_format=format), 3, axis=axis
        )
        low, high = map(float, self.value_range)
        saturation = call("clip", saturation * scale, low, high)
        changed = call("concatenate", [hue, saturation, value], axis=axis)
        return call("hsv_to_rgb", changed, data_format=format)


class RandomHue(Augmentation):
    """In training, the hues of each picture turned round at random.

    Input and output f32[batch, height, width, 3] with values in `value_range`. Half of
    a number drawn from `factor`, a pair from 0 to 1 or f for (0, f), is the share of
    the circle of hues, one way or the other.

    >>> import numpy as np
    >>> x = np.array([[[[255.0, 0.0, 0.0]]]])
    >>> RandomHue((1.0, 1.0))(x).numpy().ravel().tolist()
    [0.0, 255.0, 255.0]
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = BYTES,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        format = self.data_format
        axis = 1 if format == "channels_first" else 3
        units = rescaled(images, self.value_range, (0, 1))
        hue, *others = call(
            "split", call("rgb_to_hsv", units, data_format=format), 3, axis=axis
        )
        sign = call("where", self.uniform(images) > 0.5, -1.0, 1.0)
        hue = hue + self.uniform(images, *self.factor) * sign * 0.5
        hue = call("where", hue > 1.0, hue - 1.0, hue)
        hue = call("where", hue < 0.0, hue + 1.0, hue)
        turned = call("concatenate", [hue, *others], axis=axis)
        found = call("hsv_to_rgb", turned, data_format=format)
        return rescaled(call("clip", found, 0.0, 1.0), (0, 1), self.value_range)


class Blended(Augmentation):
    """The base of layers that mix each picture with another form of it."""

    low = 0.0  # the least factor

    def __init__(
        self,
        factor: Any,
        value_range: Any = BYTES,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, self.low, 1.0)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        share = self.share(self.uniform(images, *self.factor))
        mixed = images + share * (self.other(images) - images)
        return call("clip", mixed, *map(float, self.value_range))

    def share(self, factor: Any) -> Any:
        """How much of the other form, from 0 to 1."""
        return factor

    def other(self, images: Any) -> Any:
        """The other form of the pictures."""
        raise NotImplementedError


class RandomColorDegeneration(Blended):
    """In training, each picture mixed with its grey form.

    Input and output f32[batch, height, width, 3] with values kept within
    `value_range`. The share of grey is drawn from `factor`, a pair or f for (-f, f);
    below 0 colours get stronger.

    >>> import numpy as np
    >>> x = np.array([[[[0.0, 100.0, 0.0]]]])
    >>> RandomColorDegeneration((1.0, 1.0))(x).numpy().astype("int32").ravel().tolist()
    [58, 58, 58]
    """

    low = -1.0

    def other(self, images: Any) -> Any:
        return call("rgb_to_grayscale", images, data_format=self.data_format)


class RandomSharpness(Blended):
    """In training, each picture blurred or sharpened at random.

    Input and output f32[batch, height, width, channels] with values kept within
    `value_range`. A number drawn from `factor`, a pair from 0 to 1 or f for (0, f),
    gives the blurred picture at 0, the picture at 0.5 and a sharper one above.

    >>> import numpy as np
    >>> x = np.array([[[[100.0]]]])
    >>> RandomSharpness((0.5, 0.5))(x).numpy().ravel().tolist()
    [100.0]
    """

    WEIGHTS = ((1, 1, 1), (1, 5, 1), (1, 1, 1))

    def share(self, factor: Any) -> Any:
        return factor * -2.0 + 1.0

    def other(self, images: Any) -> Any:
        last: Any = channels_last(images, self.data_format)
        weights = np.array(self.WEIGHTS, np.float32)[:, :, None, None] / 13.0
        kernel = call(
            "broadcast_to",
            call("cast", weights, images.dtype),
            (3, 3, last.type.shape[3], 1),
        )
        smooth = call(
            "depthwise_conv", last, kernel, padding="same", data_format="channels_last"
        )
        return in_format(smooth, self.data_format)


class RandomColorJitter(Augmentation):
    """In training, brightness, contrast, saturation and hue changed at random.

    Input and output f32[batch, height, width, 3] with values in `value_range`. For the
    factors see `RandomBrightness`, `RandomContrast`, `RandomSaturation` and
    `RandomHue`, which work in this order; None leaves one out.

    >>> import numpy as np
    >>> RandomColorJitter(brightness_factor=(0.2, 0.2))(
    ...     np.full((1, 1, 1, 3), 100.0)
    ... ).numpy().ravel().tolist()
    [151.0, 151.0, 151.0]
    """

    def __init__(
        self,
        value_range: Any = BYTES,
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.value_range = value_bounds(self, value_range)
        kinds: tuple[tuple[Any, Any], ...] = (
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        )
        self.steps = [
            kind(factor, value_range=value_range, seed=seed, dtype=self.policy)
            for kind, factor in kinds
            if factor is not None
        ]
        for step in self.steps:
            step.data_format = self.data_format

    def changed(self, images: Any) -> Any:
        for step in self.steps:
            images = step.changed(images)
        return images
