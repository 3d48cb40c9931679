"""Images under windows of given weights: blurred, their edges, how alike they are."""

from __future__ import annotations

import math
from typing import Any

from ..dim import Dim
from ..kinds import wrong_value
from ..op import register
from ..registry import call
from ..types import DType
from .formula import (
    Derived,
    Refusal,
    counted,
    derived,
    floats,
    part,
    place_at,
    type_of,
)
from .reduce import narrowed, widened
from .sampling import as_given, batch_of
from .windows import FORMATS, in_format, per_axis


def bell(size: int, spread: Any, dtype: DType) -> Any:
    """A Gaussian curve [size] of sum 1."""
    at = counted(size, dtype=dtype) - (size - 1) / 2
    curve = call("exp", call("square", at / spread) * -0.5)
    return curve / call("sum", curve)


@register
class GaussianBlur(Derived):
    """Images under a Gaussian window of `kernel_size` (width, height), zeros around.

    `sigma` is the width of its curve across and down, in pixels.

    >>> call("gaussian_blur", [[[1.0]]], (1, 1)).numpy().ravel().tolist()
    [1.0]
    """

    name = "gaussian_blur"
    domain = ((-2.0, 2.0), (0.5, 2.0))
    operand_dtypes = "float"

    def arguments(
        self,
        images: Any,
        kernel_size: Any = (3, 3),
        sigma: Any = (1.0, 1.0),
        data_format: str | None = None,
    ) -> Any:
        return (images, sigma), {
            "kernel_size": kernel_size,
            "data_format": data_format,
        }

    def formula(
        self, images: Any, sigma: Any, kernel_size: Any, data_format: Any
    ) -> Any:
        if type_of(sigma).shape != (Dim.of(2),):
            raise Refusal(
                self.name,
                "T0306",
                f"`sigma` of `{self.name}` is a pair, across and down, not "
                f"{type_of(sigma)}",
                operands={1: str(type_of(sigma))},
                argument="sigma",
            )
        width, height = per_axis(self.name, "kernel_size", kernel_size, 2)
        batch, format = batch_of(self.name, images, data_format)
        across = bell(width, place_at(sigma, 0, 0), sigma.dtype)
        down = bell(height, place_at(sigma, 0, 1), sigma.dtype)
        window = call("reshape", call("outer", down, across), (height, width, 1, 1))
        wide = call("broadcast_to", window, (height, width, batch.shape[3], 1))
        found = call(
            "depthwise_conv", batch, wide, padding="same", data_format=FORMATS[0]
        )
        return as_given(found, format, type_of(images).rank)


@derived(2, "float")
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """The peak signal-to-noise ratio, 10 log10(max_val² / mean((x1 - x2)²)) decibels.

    >>> float(call("psnr", [0.0], [0.1], 1.0)) > 19.99
    True
    """
    _refuse_not_positive("psnr", max_val=max_val)
    error = call("mean", call("square", x1 - x2))
    return 20 * math.log10(max_val) - 10 * call("log10", error)


@derived()
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """How fast a batch of images becomes lighter downwards and to the right.

    The last axis of the result, of size 2, is new: [dy, dx]. Each is a difference of
    the pixels on both sides, smoothed along the other axis: the sums with [-1, 0, 1]
    and [1, 2, 1] (Sobel and Feldman 1968), with zeros around.

    >>> call("sobel_edges", [[[[1.0], [2.0], [3.0]]]]).numpy()[0, 0, 1].tolist()
    [[0.0, 4.0]]
    """
    name = "sobel_edges"
    if type_of(images).rank != 4:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` takes a batch of images, with 4 axes, not {type_of(images)}",
            operands={0: str(type_of(images))},
        )
    batch, format = batch_of(name, floats(images), data_format)
    _, height, width, _ = batch.shape
    wide = call("pad", batch, [(0, 0), (1, 1), (1, 1), (0, 0)])
    edges = []
    for axis, other, size, across in ((1, 2, height, width), (2, 1, width, height)):
        left, right = part(wide, axis, 0, size), part(wide, axis, 2, size)
        first, middle, last = (
            part(right - left, other, start, across) for start in range(3)
        )
        edges.append(in_format(first + middle * 2 + last, format))
    return call("stack", edges, 4)


@derived(2, domain=((0.0, 1.0), (0.0, 1.0)))
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """How alike images look, 1 where they are the same: a number for each.

    Means, variances and the covariance of every window of `filter_size` pixels a side,
    weighted by a Gaussian of width `filter_sigma`, give
    (2 m1 m2 + c1) (2 cov + c2) / ((m1² + m2² + c1) (var1 + var2 + c2)) with
    c1 = (k1 max_val)² and c2 = (k2 max_val)², of which the mean over windows and
    channels is taken (Wang, Bovik, Sheikh and Simoncelli 2004).

    >>> image = [[[0.0], [1.0]], [[1.0], [0.0]]]
    >>> float(call("ssim", image, image, filter_size=1))
    1.0
    """
    name = "ssim"
    _refuse_not_positive(name, max_val=max_val, filter_sigma=filter_sigma)
    (size,) = per_axis(name, "filter_size", filter_size, 1)
    if size % 2 == 0:
        raise wrong_value(name, "filter_size", "an odd number", filter_size)
    if type_of(image1).shape != type_of(image2).shape:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` compares images of the same sizes, not {type_of(image1)} and "
            f"{type_of(image2)}",
            operands={0: str(type_of(image1)), 1: str(type_of(image2))},
        )
    x, _ = batch_of(name, widened(floats(image1)), data_format)
    y, _ = batch_of(name, widened(floats(image2)), data_format)
    curve = bell(size, filter_sigma, x.dtype)
    m1, m2 = _seen(x, curve), _seen(y, curve)
    squares, product = m1 * m1 + m2 * m2, m1 * m2
    variance = _seen(x * x, curve) + _seen(y * y, curve) - squares
    covariance = _seen(x * y, curve) - product
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    alike = (2 * product + c1) * (2 * covariance + c2)
    found = call("mean", alike / ((squares + c1) * (variance + c2)), axis=(1, 2, 3))
    whole = narrowed(found, floats(image1))
    return whole if type_of(image1).rank == 4 else call("squeeze", whole, 0)


def _seen(x: Any, curve: Any) -> Any:
    """The mean under a window of weights `curve`, down and across, where it fits."""
    size, channels = curve.shape[0], x.shape[3]
    for sides in ((size, 1), (1, size)):
        window = call("reshape", curve, (*sides, 1, 1))
        wide = call("broadcast_to", window, (*sides, channels, 1))
        x = call("depthwise_conv", x, wide, data_format=FORMATS[0])
    return x


def _refuse_not_positive(name: str, **arguments: float) -> None:
    for argument, value in arguments.items():
        if not value > 0:
            raise wrong_value(name, argument, "a positive number", value)
