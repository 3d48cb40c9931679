"""Windows over the last axis, and the weights that they are seen through."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..configuration import default_float
from ..dim import Dim
from ..kinds import Count, Size, is_number, wrong_value
from ..node import Node
from ..registry import OPS, call
from ..tensor import constant_node
from .formula import (
    Refusal,
    Several,
    along,
    axis_of,
    chosen,
    constant_beside,
    counted,
    derived,
    part,
    type_of,
    whole,
)


def _window(M: Any, formula: Any) -> Any:
    """A formula of `M` places as a vector; a single place gives 1."""
    size = Dim.of(M)
    at = counted(size, dtype=default_float())
    last = OPS["size"].apply((), {"value": size - 1, "dtype": default_float()})
    alone = call("equal", last, 0.0)
    share = at / call("where", alone, 1.0, last)
    return call("where", alone, 1.0, formula(share))


def _cosines(*factors: float) -> Any:
    def formula(share: Node) -> Any:
        total: Any = factors[0]
        for index, factor in enumerate(factors[1:], 1):
            total = call("cos", share * (2 * math.pi * index)) * factor + total
        return total

    return formula


@derived(0, domain=())
def bartlett(x: Size) -> Any:
    """A window of `x` places that rises and falls in straight lines."""
    return _window(x, lambda s: 1.0 - call("abs", s * 2.0 - 1.0))


@derived(0, domain=())
def blackman(x: Size) -> Any:
    """Blackman's window of `x` places."""
    return _window(x, _cosines(0.42, -0.5, 0.08))


@derived(0, domain=())
def hamming(x: Size) -> Any:
    """Hamming's window of `x` places."""
    return _window(x, _cosines(0.54, -0.46))


@derived(0, domain=())
def hanning(x: Size) -> Any:
    """Hann's window of `x` places."""
    return _window(x, _cosines(0.5, -0.5))


@derived(0, domain=())
def kaiser(x: Size, beta: float) -> Any:
    """Kaiser's window of `x` places."""
    with np.errstate(all="ignore"):
        found = np.kaiser(whole("kaiser", x, "x"), beta)
    return constant_node(found.astype("float32"))


@derived(1)
def extract_sequences(x: Any, sequence_length: Count, sequence_stride: Count) -> Any:
    """Windows of the last axis, one every `sequence_stride` places.

    x [..., n] gives [..., (n - sequence_length) // sequence_stride + 1,
    sequence_length].

    >>> call("extract_sequences", [1, 2, 3, 4], 2, 2).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    length = whole("extract_sequences", sequence_length, "sequence_length")
    stride = whole("extract_sequences", sequence_stride, "sequence_stride")
    axis = axis_of("extract_sequences", x, -1)
    count = (x.shape[axis] - length) // stride + 1
    if (low := count.bounds()[1]) is not None and low < 1:
        raise Refusal(
            "extract_sequences",
            "T0306",
            f"axis {axis} of {type_of(x)} is shorter than a window of {length}",
            operands={0: str(type_of(x))},
            argument="sequence_length",
        )
    starts = along(counted(count) * stride, 0, 2)
    return call("take", x, starts + along(counted(length), 1, 2), axis)


@derived(1, "float", kind=Several)
def stft(
    x: Any,
    sequence_length: Count,
    sequence_stride: Count,
    fft_length: Count,
    window: Any = "hann",
    center: bool = True,
) -> list[Any]:
    """Fourier transforms of overlapping windows of the last axis, as a pair.

    With `center` the ends are mirrored so that windows lie around their places.
    """
    axis = axis_of("stft", x, -1)
    length = whole("stft", sequence_length, "sequence_length")
    _fits("stft", length, fft_length)
    if center:
        width = ((0, 0),) * axis + ((fft_length // 2, fft_length // 2),)
        x = call("pad", x, width, "reflect")
    frames = call("extract_sequences", x, fft_length, sequence_stride)
    if window is not None:
        weights = _weights("stft", window, length, fft_length, x)
        frames = call("multiply", frames, weights)
    found: list[Any] = call("rfft", frames, fft_length)
    return found


@derived(1, "float", kind=Several, listed=True, domain=((-2.0, 2.0),) * 2)
def istft(
    x: Any,
    sequence_length: Count,
    sequence_stride: Count,
    fft_length: Count,
    length: Size | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """`stft` undone: a pair (real, imaginary) as one signal of `length` places.

    Where windows overlap their shares are weighed, as they were seen through them.
    """
    own = whole("istft", sequence_length, "sequence_length")
    _fits("istft", own, fft_length)
    frames = call("irfft", list(x), fft_length)
    weights = constant_beside(frames, np.ones(fft_length))
    if window is not None:
        weights = _weights("istft", window, own, fft_length, frames)
    return call(
        "overlapped",
        call("multiply", frames, weights),
        call("square", weights),
        sequence_stride,
        fft_length // 2 if center else 0,
        length,
    )


@derived(2, "same", ((-2.0, 2.0), (0.5, 1.5)), public=False)
def overlapped(
    frames: Any, weights: Any, stride: int, margin: int, length: int | None
) -> Any:
    """Overlapping windows added up, over the sum of the weights at each place."""
    axis = frames.ndim - 2
    count, width = frames.shape[axis:]
    size = (count - 1) * stride + width
    places = along(counted(count) * stride, 0, 2) + along(counted(width), 1, 2)
    options = {"size": size, "rank": 2}
    total = OPS["add_at"].apply((frames, places), {"axis": axis, **options})
    spread = call("broadcast_to", weights, (count, width))
    share = OPS["add_at"].apply((spread, places), {"axis": 0, **options})
    empty = share <= 1e-11
    total = total / call("where", empty, 1.0, share)
    return part(total, axis, margin, size - 2 * margin if length is None else length)


def _fits(name: str, length: int, fft_length: int) -> None:
    if not 0 < length <= whole(name, fft_length, "fft_length"):
        raise Refusal(
            name,
            "T0204",
            f"a window of {length} does not fit into `fft_length={fft_length}` of "
            f"`{name}`",
            argument="sequence_length",
        )


def _weights(name: str, window: Any, length: int, fft_length: int, like: Any) -> Any:
    """The window in the middle of `fft_length` places."""
    if isinstance(window, str):
        chosen(name, window, "window", ("hann", "hamming"))
        places = np.arange(length) * (2 * math.pi / length)
        share = 0.5 if window == "hann" else 0.54
        window = share - (1 - share) * np.cos(places)
    elif not _are_numbers(window, length):
        words = f"`hann`, `hamming` or {length} numbers"
        raise wrong_value(name, "window", words, window)
    before = (fft_length - length) // 2
    width = (before, fft_length - length - before)
    return constant_beside(like, np.pad(np.asarray(window, "float64"), width))


def _are_numbers(window: Any, length: int) -> bool:
    if not isinstance(window, tuple) or len(window) != length:
        return False
    return all(map(is_number, window))
