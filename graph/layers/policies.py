"""Layers that change pictures by a random choice among many layers."""

from __future__ import annotations

from typing import Any

from ..ops import random
from ..registry import call
from .augmentation import (
    Augmentation,
    RandomBrightness,
    RandomContrast,
    Solarization,
    factor_range,
    value_bounds,
)
from .blending import spread
from .colouring import (
    BYTES,
    AutoContrast,
    RandomColorDegeneration,
    RandomPosterization,
    RandomSharpness,
)
from .core import MOST_TURNS, positive
from .geometric import RandomRotation, RandomShear, RandomTranslation
from .histograms import Equalization

__all__ = [
    "AugMix",
    "RandAugment",
]


class Choosing(Augmentation):
    """The base of layers that choose among others, which `factor` makes mild or strong.

    The choices are shears, moves, turns, posterization, solarization, stretched and
    equalized values; with `all_ops` brightness, greyness, contrast and sharpness too.
    """

    def __init__(
        self,
        value_range: Any,
        factor: Any,
        all_ops: bool,
        interpolation: str,
        seed: int | None,
        data_format: str | None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.value_range = value_bounds(self, value_range)
        self.factor = factor_range(self, "factor", factor, 0.0, 1.0)
        self.interpolation, self.all_ops = interpolation, bool(all_ops)
        share, bits = list(self.factor), max(1, int(8 * self.factor[1]))
        seeded: dict[str, Any] = {"seed": seed, "dtype": self.policy}
        moved = {**seeded, "interpolation": interpolation}
        coloured = {**seeded, "value_range": value_range}
        plain = {"value_range": value_range, "dtype": self.policy}
        self.choices: list[Any] = [
            RandomShear(share, share, **moved),
            RandomTranslation(share, share, **moved),
            RandomRotation(share, **moved),
            RandomPosterization(bits, **coloured),
            Solarization(share, share, **coloured),
            AutoContrast(**plain),
            Equalization(**plain),
        ]
        if all_ops:
            more: tuple[Any, ...] = (
                RandomBrightness,
                RandomColorDegeneration,
                RandomContrast,
                RandomSharpness,
            )
            self.choices += [kind(share, **coloured) for kind in more]
        for choice in self.choices:
            choice.data_format = self.data_format

    def chosen(self, images: Any, picks: Any) -> Any:
        """Pictures changed by the choices of numbers, or left alone by another one."""
        found = images
        for number, choice in enumerate(self.choices):
            here = call("equal", picks, number)
            found = call("where", here, choice.changed(images), found)
        return found


class RandAugment(Choosing):
    """In training, `num_ops` of eleven changes, one after the other, for a whole batch.

    Input and output f32[batch, height, width, 3] with values in `value_range`. Each of
    the changes is drawn anew and may come twice; `factor`, a pair from 0 to 1 or f for
    (0, f), says how strong they are. Source: Cubuk et al. 2020.

    >>> import numpy as np
    >>> RandAugment()(np.ones((1, 4, 4, 3))).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Any = BYTES,
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            value_range, factor, True, interpolation, seed, data_format, **kwargs
        )
        self.num_ops = positive(self, "num_ops", num_ops, MOST_TURNS)

    def changed(self, images: Any) -> Any:
        count = len(self.choices)
        for _ in range(self.num_ops):
            pick = random.randint((), 0, count, seed=self.seed_generator)
            images = self.chosen(images, pick)
        return images


class AugMix(Choosing):
    """In training, pictures mixed with chains of random changes of them.

    Input and output f32[batch, height, width, 3] with values kept within `value_range`.
    Each of `num_chains` chains makes `chain_depth` changes or leaves some out; the
    chains are mixed by Dirichlet numbers, and with the picture by a beta number, both
    of `alpha`. For the other arguments see `RandAugment`; without `all_ops` the colours
    of a picture change less. Source: Hendrycks et al. 2020.

    >>> import numpy as np
    >>> AugMix()(np.ones((1, 4, 4, 3))).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Any = BYTES,
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            value_range, factor, all_ops, interpolation, seed, data_format, **kwargs
        )
        self.num_chains = positive(self, "num_chains", num_chains, MOST_TURNS)
        self.chain_depth = positive(self, "chain_depth", chain_depth, MOST_TURNS)
        self.alpha = spread(self, alpha)

    def changed(self, images: Any) -> Any:
        kind, generator = images.dtype, self.seed_generator
        sizes = (self.num_chains, images.type.shape[0])
        # All the chains are one long batch, so that each change is made once a step.
        chains = call("concatenate", [images] * self.num_chains, 0)
        for _ in range(self.chain_depth):
            picks = random.randint(
                (self.num_chains, 1), 0, len(self.choices) + 1, seed=generator
            )
            wide = call("broadcast_to", picks, sizes)
            form = (sizes[0] * sizes[1], 1, 1, 1)
            chains = self.chosen(chains, call("reshape", wide, form))
        parts = random.gamma((self.num_chains, 1), self.alpha, kind, generator)
        shares = call("broadcast_to", parts / call("sum", parts), sizes)
        weighed = chains * call("reshape", shares, form)
        split = call("reshape", weighed, (*sizes, *images.type.shape[1:]))
        own = random.beta((), self.alpha, self.alpha, kind, generator)
        mixed = images * own + call("sum", split, axis=0) * (1.0 - own)
        return call("clip", mixed, *map(float, self.value_range))
