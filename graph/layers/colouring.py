"""Layers that change the colours of pictures, most at random and in training only."""

from __future__ import annotations

from typing import Any

from ..ops import random
from ..registry import call
from .augmentation import Augmentation, factor_range, value_bounds

__all__ = [
    "AutoContrast",
    "RandomPosterization",
    "RandomSaturation",
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
