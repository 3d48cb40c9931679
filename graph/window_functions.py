"""Window functions of signal processing: weights that fall off towards both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _cosines(*shares: float) -> Callable[[Array], Array]:
    """A sum of cosines of 0, 1, 2… periods, with the signs in turn."""
    signed = [share * (-1) ** order for order, share in enumerate(shares)]

    def window(t: Array) -> Array:
        waves = (s * np.cos(2 * np.pi * n * t) for n, s in enumerate(signed))
        return np.asarray(sum(waves))

    return window


def _bohman(t: Array) -> Array:
    x = np.abs(2 * t - 1)
    return np.asarray((1 - x) * np.cos(np.pi * x) + np.sin(np.pi * x) / np.pi)


def _barthann(t: Array) -> Array:
    x = np.abs(t - 0.5)
    return np.asarray(0.62 - 0.48 * x + 0.38 * np.cos(2 * np.pi * x))


# Functions of the place, from 0 at one end to 1 at the other.
WINDOW_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "barthann": _barthann,
    "bartlett": lambda t: 1 - np.abs(2 * t - 1),
    "blackman": _cosines(0.42, 0.5, 0.08),
    "blackmanharris": _cosines(0.35875, 0.48829, 0.14128, 0.01168),
    "bohman": _bohman,
    "boxcar": np.ones_like,
    "flattop": _cosines(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
    "hamming": _cosines(0.54, 0.46),
    "hann": _cosines(0.5, 0.5),
    "lanczos": lambda t: np.sinc(2 * t - 1),
    "nuttall": _cosines(0.3635819, 0.4891775, 0.1365995, 0.0106411),
}


def window_weights(name: str, length: int, periodic: bool) -> Array:
    """The window of a name as f64[length]; `periodic` leaves out the last place.

    >>> window_weights("hann", 3, periodic=False).tolist()
    [0.0, 1.0, 0.0]
    """
    if length <= 1:
        return np.ones(length)
    last = length if periodic else length - 1
    return WINDOW_FUNCTIONS[name](np.arange(length) / last)
