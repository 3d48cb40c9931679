"""Layers that blur, cover and mix pictures at random in training."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..ops import random
from ..ops.windows import per_axis
from ..registry import call
from .augmentation import Augmentation, factor_range, place_dtype, value_bounds
from .colouring import BYTES

__all__ = [
    "CutMix",
    "MixUp",
    "RandomErasing",
    "RandomGaussianBlur",
]


class RandomGaussianBlur(Augmentation):
    """In training, pictures blurred with a probability.

    Input and output f32[batch, height, width, channels] with values kept within
    `value_range`. The probability is drawn from `factor`, a pair or f for (0, f), and
    two widths of the blur, across and down, from `sigma`, for a whole batch; the
    window has the odd size `kernel_size`, or a pair (width, height).

    >>> import numpy as np
    >>> RandomGaussianBlur(kernel_size=1)(np.ones((1, 1, 1, 1))).numpy().tolist()
    [[[[1.0]]]]
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = BYTES,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.sigma = factor_range(self, "sigma", sigma, 0.0, 1.0)
        self.value_range = value_bounds(self, value_range)
        self.kernel_size = per_axis(type(self).__name__, "kernel_size", kernel_size, 2)
        if any(size % 2 == 0 for size in self.kernel_size):
            raise Fault(
                "T0204",
                "`kernel_size` of `RandomGaussianBlur` is odd, so that a pixel is in "
                f"the middle, not {kernel_size}",
                argument="kernel_size",
            )

    def changed(self, images: Any) -> Any:
        low, high = (end + 1e-6 for end in self.sigma)
        spread = random.uniform((2,), low, high, images.dtype, self.seed_generator)
        blurred = call(
            "gaussian_blur", images, self.kernel_size, spread, self.data_format
        )
        found = call("where", self.happens(images, self.factor), blurred, images)
        return call("clip", found, *map(float, self.value_range))


class Boxed(Augmentation):
    """The base of layers that change a box of each picture."""

    def box(self, images: Any, shares: tuple[Any, Any]) -> tuple[Any, Any]:
        """What lies in a random box of each picture, and the share that it covers.

        The box takes `shares` [batch] of height and width and lies within the picture.
        """
        batch = images.type.shape[0]
        inside, area = None, 1.0
        for axis, share, size in zip(
            self.space, shares, self.sides(images), strict=True
        ):
            length = share * size
            start = self.drawn(images, 0.0, 1.0) * (length * -1.0 + size)
            places = call("arange", images.type.shape[axis])
            places = call("cast", places, place_dtype(images))
            start = call("reshape", start, (batch, 1))
            end = start + call("reshape", length, (batch, 1))
            here = call("logical_and", places >= start, places < end)
            shape: list[Any] = [batch, 1, 1, 1]
            shape[axis] = images.type.shape[axis]
            here = call("reshape", here, tuple(shape))
            inside = here if inside is None else call("logical_and", inside, here)
            area = share * area
        return inside, area


class RandomErasing(Boxed):
    """In training, a box of each picture filled, with a probability.

    Input and output f32[batch, height, width, channels]. The probability is drawn from
    `factor`, a pair or f for (0, f); the sides of the box are the roots of shares drawn
    from `scale`. `fill_value` is a number, three numbers for the channels, or None for
    noise: normal numbers times the largest value. It is kept within `value_range`.

    >>> import numpy as np
    >>> layer = RandomErasing((1.0, 1.0), (1.0, 1.0), fill_value=7.0)
    >>> layer(np.ones((1, 1, 2, 1))).numpy().ravel().tolist()
    [7.0, 7.0]
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = BYTES,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.scale = factor_range(self, "scale", scale, 0.0, 1.0)
        self.value_range = value_bounds(self, value_range)
        many = isinstance(fill_value, (list, tuple))
        numbers = tuple(fill_value) if many else (fill_value,)
        known = all(isinstance(n, (int, float)) for n in numbers)
        if fill_value is not None and not (known and len(numbers) in (1, 3)):
            raise Fault(
                "T0204",
                "`fill_value` of `RandomErasing` is a number, three numbers for the "
                f"channels, or None for noise, not {fill_value!r}",
                argument="fill_value",
            )
        self.fill_value = None if fill_value is None else numbers

    def changed(self, images: Any) -> Any:
        sides = [call("sqrt", self.drawn(images, *self.scale)) for _ in range(2)]
        inside, _ = self.box(images, (sides[0], sides[1]))
        erased = call("logical_and", inside, self.happens(images, self.factor))
        low, high = map(float, self.value_range)
        filling = call("clip", self._filling(images, high), low, high)
        return call("where", erased, filling, images)

    def _filling(self, images: Any, high: float) -> Any:
        if self.fill_value is None:
            shape = images.type.shape
            noise = random.normal(shape, 0.0, 1.0, images.dtype, self.seed_generator)
            return noise * high
        values = call("cast", list(map(float, self.fill_value)), images.dtype)
        first = self.data_format == "channels_first"
        return call("reshape", values, (-1, 1, 1) if first else (-1,))


class Mixing(Boxed):
    """The base of layers that mix each picture with another one of its batch.

    Labels are mixed likewise: vectors [batch, classes], of indicators for example.
    """

    def changed(self, images: Any) -> Any:
        return self.mixed(images, None)[0]

    def labelled(self, images: Any, labels: Any, training: bool) -> tuple[Any, Any]:
        batch = self.pictures(images)
        if not training or batch.ndim == 3:
            return self.call(images, training), labels
        if not hasattr(labels, "ndim") or labels.ndim < 2:
            raise Fault(
                "T0306",
                f"`{self.name}` mixes labels that are vectors (batch, classes), not "
                f"{getattr(labels, 'type', labels)}",
                help=["make indicators of class numbers: `ops.one_hot(labels, n)`"],
            )
        return self.mixed(batch, call("cast", labels, self.compute_dtype))

    def mixed(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Pictures and labels of a batch, mixed."""
        raise NotImplementedError

    def order(self, images: Any) -> Any:
        """A random order of the pictures of a batch, as places."""
        places = call("arange", images.type.shape[0])
        return random.shuffle(places, seed=self.seed_generator)


def blended(x: Any, order: Any, weights: Any) -> Any:
    """Each part of a batch times its weight, and the rest of another one."""
    if x is None:
        return None
    share = call("reshape", weights, (x.type.shape[0], *[1] * (x.ndim - 1)))
    mixed = x * share + call("take", x, order, axis=0) * (1.0 - share)
    return call("cast", mixed, x.dtype)


class MixUp(Mixing):
    """In training, each picture mixed with another one of its batch.

    Input and output f32[batch, height, width, channels], or a dictionary of `images`
    and `labels` [batch, classes], which are mixed likewise. A picture's own share is
    beta distributed with `alpha` on both sides. Source: Zhang et al. 2018.

    >>> import numpy as np
    >>> MixUp()(np.ones((2, 1, 1, 1))).numpy().round(3).ravel().tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.alpha = spread(self, alpha)

    def mixed(self, images: Any, labels: Any) -> tuple[Any, Any]:
        order, shape = self.order(images), (images.type.shape[0],)
        weights = random.beta(
            shape, self.alpha, self.alpha, images.dtype, self.seed_generator
        )
        return blended(images, order, weights), blended(labels, order, weights)


def spread(layer: Any, alpha: Any) -> float:
    """The argument `alpha` of a random share: a positive number."""
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or alpha <= 0:
        raise Fault(
            "T0204",
            f"`alpha` of `{type(layer).__name__}` is a positive number, not {alpha!r}",
            argument="alpha",
        )
    return float(alpha)


class CutMix(Mixing):
    """In training, a box of each picture taken from another one of its batch.

    Input and output f32[batch, height, width, channels], or a dictionary of `images`
    and `labels` [batch, classes], which are mixed by the area. What is kept is beta
    distributed, with a number drawn from `factor`, a pair from 0 to 1 or f for (0, f),
    on both sides. Source: Yun et al. 2019.

    >>> import numpy as np
    >>> CutMix()(np.ones((2, 1, 1, 1))).numpy().ravel().tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        factor: Any = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)

    def mixed(self, images: Any, labels: Any) -> tuple[Any, Any]:
        generator, kind = self.seed_generator, place_dtype(images)
        alpha = random.uniform((), *self.factor, kind, generator) + 1e-6
        shape = (images.type.shape[0],)
        kept = random.beta(shape, alpha, alpha, kind, generator)
        side = call("sqrt", 1.0 - kept)
        inside, area = self.box(images, (side, side))
        order = self.order(images)
        found = call("where", inside, call("take", images, order, axis=0), images)
        return found, blended(labels, order, 1.0 - area)
