"""Rows of images under windows, pixel by pixel."""

from typing import Any

import numpy as np
from op_row import Row
from op_rows_sampling import FIRST, last, row


def blur(
    x: Any,
    sigma: Any,
    kernel_size: Any = (3, 3),
    data_format: str | None = None,
) -> Any:
    x = last(x, data_format)
    for axis, size, spread in zip((-2, -3), kernel_size, sigma, strict=True):
        at = np.arange(size) - (size - 1) / 2
        weights = np.exp(-(at**2) / (2 * spread**2))
        lines = np.moveaxis(x, axis, -1)
        wide = np.pad(lines, [(0, 0)] * (x.ndim - 1) + [((size - 1) // 2, size // 2)])
        found = sum(
            weight * wide[..., tap : tap + lines.shape[-1]]
            for tap, weight in enumerate(weights / weights.sum())
        )
        x = np.moveaxis(found, -1, axis)
    return last(x, data_format, True)


def psnr(x: Any, y: Any, max_val: float) -> Any:
    return 10 * np.log10(max_val**2 / ((x - y) ** 2).sum() * x.size)


def sobel(x: Any, data_format: str | None = None) -> Any:
    x = last(x, data_format)
    _, height, width, _ = x.shape
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    found = np.zeros((2, *x.shape))
    for down, right in np.ndindex(3, 3):
        seen = wide[:, down : down + height, right : right + width]
        found[0] += (down - 1) * (2 - abs(right - 1)) * seen
        found[1] += (right - 1) * (2 - abs(down - 1)) * seen
    return np.stack([last(part, data_format, True) for part in found], axis=-1)


def ssim(
    x: Any,
    y: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """Weighted moments of each window, centred before they are squared."""
    x, y = last(x, data_format), last(y, data_format)
    at = np.arange(filter_size) - filter_size // 2
    weights = np.exp(-(at[:, None] ** 2 + at**2) / (2 * filter_sigma**2))
    weights = (weights / weights.sum())[:, :, None]
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    rows, columns = (n - filter_size + 1 for n in x.shape[-3:-1])
    found = np.zeros((rows, columns, *x.shape[:-3], x.shape[-1]))
    for i, j in np.ndindex(rows, columns):
        a, b = (z[..., i : i + filter_size, j : j + filter_size, :] for z in (x, y))
        mean_a, mean_b = ((weights * z).sum((-3, -2)) for z in (a, b))
        a, b = (z - m[..., None, None, :] for z, m in ((a, mean_a), (b, mean_b)))
        spread = (weights * (a * a + b * b)).sum((-3, -2))
        joint = (weights * a * b).sum((-3, -2))
        found[i, j] = (2 * mean_a * mean_b + c1) * (2 * joint + c2)
        found[i, j] /= (mean_a**2 + mean_b**2 + c1) * (spread + c2)
    return found.mean((0, 1, -1))


ROWS = (
    row("gaussian_blur", blur, ("A B C 2", "2"), {"kernel_size": (3, 5)},
        named=("images", "sigma"), domain=((-2.0, 2.0), (0.5, 2.0))),
    row("gaussian_blur", blur, ("2 B C", "2"),
        {"kernel_size": (4, 1), "data_format": FIRST}, named=("images", "sigma"),
        domain=((-2.0, 2.0), (0.5, 2.0))),
    Row("psnr", psnr, ("A B", "A B"), {"max_val": 2.0}, empty=False),
    row("sobel_edges", sobel, ("A B C 2",), None),
    row("sobel_edges", sobel, ("A 2 B C",), {"data_format": FIRST}),
    row("ssim", ssim, ("A B C 2", "A B C 2"), {"filter_size": 3}),
    row("ssim", ssim, ("2 C B", "2 C B"),
        {"filter_size": 5, "filter_sigma": 0.7, "max_val": 2.0, "k1": 0.1,
         "data_format": FIRST}),
)  # fmt: skip
