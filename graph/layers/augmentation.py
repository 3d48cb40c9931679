"""Layers that change pictures at random in training, and else leave them alone."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..dim import Dim
from ..layer import Layer
from ..ops import random
from ..ops.windows import one_of
from ..registry import call
from ..types import dtype_of
from ..variable import SeedGenerator
from .formats import format_of

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomGrayscale",
    "RandomInvert",
    "Solarization",
]


class Augmentation(Layer):
    """The base: pictures of a batch are changed, each in a way of its own.

    Input [batch, height, width, channels], channels first, or one picture without a
    batch axis; integers become floats. A dictionary of `images` and `labels` gives one.
    A call trains unless it says otherwise.
    """

    always = False  # whether pictures change without training too

    def __init__(self, seed: int | None, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed, self.data_format = seed, format_of(self, data_format)
        self.seed_generator = SeedGenerator(seed)

    @property
    def space(self) -> tuple[int, int]:
        """Where height and width stand in a batch."""
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    def call(self, inputs: Any, training: bool = True) -> Any:
        if isinstance(inputs, dict) and set(inputs) == {"images", "labels"}:
            images, labels = self.labelled(inputs["images"], inputs["labels"], training)
            return {"images": images, "labels": labels}
        images = self.pictures(inputs)
        if images.ndim == 4:
            return self.processed(images, training)
        one = self.processed(call("expand_dims", images, 0), training)
        return call("squeeze", one, 0)

    def pictures(self, inputs: Any) -> Any:
        """The input as floats; refuses what is no picture and no batch of them."""
        if not hasattr(inputs, "ndim") or inputs.ndim not in (3, 4):
            told = str(inputs.type) if hasattr(inputs, "type") else repr(inputs)
            raise Fault(
                "T0306",
                f"`{self.name}` takes pictures, (batch, height, width, channels), or "
                f"one without a batch axis, not {told}",
                operands={0: told},
                help=["pictures with labels are a dictionary of `images` and `labels`"],
            )
        return call("cast", inputs, self.compute_dtype)

    def labelled(self, images: Any, labels: Any, training: bool) -> tuple[Any, Any]:
        """Changed pictures with their labels, which most layers leave as they are."""
        return self.call(images, training), labels

    def processed(self, images: Any, training: bool) -> Any:
        """The pictures of a batch, changed where it is time for that."""
        return self.changed(images) if training or self.always else images

    def changed(self, images: Any) -> Any:
        """The pictures of a batch, changed."""
        raise NotImplementedError

    def uniform(self, images: Any, low: float = 0.0, high: float = 1.0) -> Any:
        """A random number for each picture of a batch."""
        shape = (images.type.shape[0], 1, 1, 1)
        return random.uniform(shape, low, high, images.dtype, self.seed_generator)

    def happens(self, images: Any, factor: tuple[float, float]) -> Any:
        """For each picture of a batch whether, with a probability from a range."""
        return self.uniform(images) < self.uniform(images, *factor)

    def drawn(self, images: Any, low: float, high: float) -> Any:
        """A random number [batch] for each picture, of which places are made."""
        shape, dtype = (images.type.shape[0],), place_dtype(images)
        return random.uniform(shape, low, high, dtype, self.seed_generator)

    def sides(self, images: Any) -> tuple[Any, Any]:
        """Height and width, as numbers of the dtype of places."""
        rows, columns = (images.type.shape[axis] for axis in self.space)
        dtype = place_dtype(images)
        return number(rows, dtype), number(columns, dtype)


def place_dtype(images: Any) -> str:
    """The dtype in which places in pictures are reckoned: 16 bits have no 257."""
    found: str = "float32" if images.type.dtype.size < 4 else images.dtype
    return found


def number(size: Dim, dtype: Any) -> Any:
    """A size as a float, or as a tensor where it is not known yet."""
    if size.value is not None:
        return float(size.value)
    return call("size", value=size, dtype=dtype_of(dtype))


def factor_range(
    layer: Layer, name: str, value: Any, low: float, high: float
) -> tuple[float, float]:
    """A range of factors: a pair, or a number f for all from -f to f within bounds."""
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    numbers = all(isinstance(n, (int, float)) and low <= n <= high for n in pair)
    if len(pair) not in (1, 2) or not numbers:
        raise Fault(
            "T0204",
            f"`{name}` of `{type(layer).__name__}` is a number or a pair of numbers "
            f"from {low:g} to {high:g}, not {value!r}",
            argument=name,
        )
    if len(pair) == 1:
        return max(-abs(pair[0]), low), abs(pair[0])
    return min(pair), max(pair)


def value_bounds(layer: Layer, value: Any) -> tuple[float, float]:
    """The argument `value_range`: the least and the largest value of a picture."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise Fault(
            "T0204",
            f"`value_range` of `{type(layer).__name__}` is a pair, the least and the "
            f"largest value of a picture, not {value!r}",
            argument="value_range",
        )
    return min(value), max(value)


class RandomFlip(Augmentation):
    """In training, each picture turned round with probability 1/2.

    Input and output f32[batch, height, width, channels]; `mode` is `horizontal`, left
    and right, `vertical`, top and bottom, or `horizontal_and_vertical`, both together.

    >>> import numpy as np
    >>> image = np.array([[[[1.0], [2.0]]]])
    >>> RandomFlip("horizontal")(image, training=False).numpy().ravel().tolist()
    [1.0, 2.0]
    """

    MODES = ("horizontal_and_vertical", "horizontal", "vertical")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.mode = one_of("RandomFlip", "mode", mode, self.MODES)

    def changed(self, images: Any) -> Any:
        height, width = self.space
        axes = {"horizontal": (width,), "vertical": (height,)}
        turned = call("flip", images, axes.get(self.mode, self.space))
        return call("where", self.uniform(images) <= 0.5, turned, images)


class RandomBrightness(Augmentation):
    """In training, a random number added to each picture.

    Input and output f32[batch, height, width, channels]; the number is a share of
    `value_range` within `factor`, a pair or f for (-f, f), and the result stays within
    `value_range`.

    >>> import numpy as np
    >>> RandomBrightness((0.1, 0.1))(np.full((1, 1, 1, 1), 100.0)).numpy().tolist()
    [[[[125.5]]]]
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.factor = factor_range(self, "factor", factor, -1.0, 1.0)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        low, high = self.value_range
        moved = images + self.uniform(images, *self.factor) * float(high - low)
        return call("clip", moved, float(low), float(high))


class RandomContrast(Augmentation):
    """In training, the deviations of each picture from its mean scaled at random.

    Input and output f32[batch, height, width, channels]; the mean is that of each
    channel. The scale lies between 1 - a and 1 + b for `factor` = (a, b), between 1
    and 1 + f for a number f, and the result stays within `value_range`.

    >>> import numpy as np
    >>> x = np.array([[[[100.0], [200.0]]]])
    >>> RandomContrast(0.0)(x).numpy().ravel().tolist()
    [100.0, 200.0]
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        low, high = self.value_range
        mean = call("mean", images, axis=self.space, keepdims=True)
        scale = self.uniform(images, 1.0 - self.factor[0], 1.0 + self.factor[1])
        return call("clip", (images - mean) * scale + mean, float(low), float(high))


class RandomGrayscale(Augmentation):
    """In training, each picture made grey with probability `factor`.

    Input and output f32[batch, height, width, 3]; the grey is that of
    `ops.image.rgb_to_grayscale`, in all three channels.

    >>> import numpy as np
    >>> RandomGrayscale(0.0)(np.ones((1, 1, 1, 3))).numpy().ravel().tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        if not isinstance(factor, (int, float)) or not 0 <= factor <= 1:
            raise Fault(
                "T0204",
                "`factor` of `RandomGrayscale` is a probability, a number from 0 to 1, "
                f"not {factor!r}",
                argument="factor",
            )
        self.factor = float(factor)

    def changed(self, images: Any) -> Any:
        grey = call("rgb_to_grayscale", images, data_format=self.data_format)
        return call("where", self.uniform(images) < self.factor, grey, images)


class RandomInvert(Augmentation):
    """In training, each picture taken from the largest value, with a probability.

    Input and output f32[batch, height, width, channels]; the probability is drawn from
    `factor` for each picture, a pair or f for (0, f), and the largest value is that of
    `value_range`.

    >>> import numpy as np
    >>> RandomInvert((1.0, 1.0))(np.full((1, 1, 1, 1), 55.0)).numpy().ravel().tolist()
    [200.0]
    """

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        inverted = float(self.value_range[1]) - images
        return call("where", self.happens(images, self.factor), inverted, images)


class Solarization(Augmentation):
    """In training, values from a random threshold on inverted.

    Input and output f32[batch, height, width, channels] with values in `value_range`,
    which are brought to 0 to 255. First a number drawn from `addition_factor` is added
    to each picture, then what is not below a threshold drawn from `threshold_factor`
    is taken from 255. A factor is a pair or f for (0, f), as a share of 255.

    >>> import numpy as np
    >>> Solarization()(np.full((1, 1, 1, 1), 55.0)).numpy().ravel().tolist()
    [200.0]
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.addition_factor = factor_range(
            self, "addition_factor", addition_factor, 0.0, 1.0
        )
        self.threshold_factor = factor_range(
            self, "threshold_factor", threshold_factor, 0.0, 1.0
        )
        self.value_range = value_bounds(self, value_range)

    def changed(self, images: Any) -> Any:
        low, high = map(float, self.value_range)
        additions = self._drawn(images, self.addition_factor)
        thresholds = self._drawn(images, self.threshold_factor)
        moved = (images - low) * (255.0 / (high - low)) + additions
        x = call("clip", moved, 0.0, 255.0)
        x = call("where", x < thresholds, x, 255.0 - x)
        return x * ((high - low) / 255.0) + low

    def _drawn(self, images: Any, factor: tuple[float, float]) -> Any:
        # Keras scales the upper end alone, and so do we.
        return self.uniform(images, factor[0], factor[1] * 255.0)
