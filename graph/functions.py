"""Public functions on tensors that are no single op: they give several, or draw."""

from __future__ import annotations

import math
from typing import Any

from .calling import told
from .conversion import convert
from .kinds import Axes, wrong_value
from .ops import random
from .ops.sampling import BEYOND, ORDERS, as_given, batch_of
from .ops.windows import one_of
from .registry import call
from .variable import SeedGenerator

__all__ = ["elastic_transform", "moments"]


@told
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: int | SeedGenerator | None = None,
    data_format: str | None = None,
) -> Any:
    """Images distorted at random: each pixel is read near its place.

    Normal random numbers of deviation `sigma`, blurred by a Gaussian curve of that
    width and multiplied by `alpha`, say how far across and down. For the other
    arguments see `affine_transform`. Source: Simard et al. 2003.

    >>> elastic_transform([[[1.0], [2.0]]], alpha=0.0).numpy().ravel().tolist()
    [1.0, 2.0]
    """
    name = "elastic_transform"
    given = convert(images)
    batch, format = batch_of(name, given, data_format)
    word = one_of(name, "interpolation", interpolation, ("bilinear", *ORDERS))
    mode = one_of(name, "fill_mode", fill_mode, BEYOND)
    if not 0 < sigma < math.inf:
        raise wrong_value(name, "sigma", "a positive number", sigma)
    reach = int(6 * sigma) // 2
    found = distorted(batch, alpha, sigma, reach, seed, ORDERS[word], mode, fill_value)
    return as_given(found, format, given.ndim)


def distorted(
    images: Any,
    alpha: Any,
    sigma: Any,
    reach: Any,
    seed: int | SeedGenerator | None,
    *how: Any,
) -> Any:
    """Images [batch, height, width, channels] read beside each pixel, at random."""
    kind = images.dtype if images.type.dtype.is_float else None
    if images.type.dtype.is_half:  # in which places of large pictures do not exist
        kind = "float32"
    noise = random.normal((2, *images.type.shape[:3]), 0.0, 1.0, kind, seed)
    settings = [call("cast", x, noise.dtype) for x in (alpha, sigma)]
    order, mode, value = how
    return call(
        "displaced",
        images,
        noise[0],
        noise[1],
        *settings,
        reach=reach,
        order=order,
        mode=mode,
        value=value,
    )


@told
def moments(
    x: Any, axes: Axes | None, keepdims: bool = False, synchronized: bool = False
) -> tuple[Any, Any]:
    """The mean and the variance over axes; `synchronized` changes nothing here.

    >>> [float(part) for part in moments([1.0, 3.0], 0)]
    [2.0, 1.0]
    """
    mean = call("mean", x, axis=axes, keepdims=keepdims)
    return mean, call("var", x, axis=axes, keepdims=keepdims)
