"""Copies between arrays of any strides, as native calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from ..recorded import larger
from ..strided_arrays import StridedArray
from .call import Call
from .engine import engine

WORTH = 1 << 16  # bytes of a part that is worth a thread
BLOCK = 1 << 14  # elements of a row that long contiguous copies are cut into


@cache
def fragments(size: int) -> dict[str, str]:
    """The text of the entry that copies elements of so many bytes."""
    text = files(__package__).joinpath("copy.ll").read_text("utf-8")
    text = Template(text).substitute(size=size, type=f"i{8 * size}")
    return {f"tulle_copy_{size}": text}


@cache
def _entry(size: int) -> int:
    (address,) = engine().compile(fragments(size)).values()
    return address


def copy(target: StridedArray, source: StridedArray) -> Call | None:
    """The call that copies an array into one of the same shape and size of element."""
    if not target.size:
        return None
    axes = joined_axes(target, source)
    length, there, here = axes[-1]
    rest = axes[:-1]
    if not rest and there == here == 1 and length > 2 * BLOCK and not length % BLOCK:
        rest, length = [(length // BLOCK, BLOCK, BLOCK)], BLOCK
    words = [target.address, source.address, len(rest), length, there, here]
    total = 1
    for size, to, from_ in rest:
        words += [size, to, from_]
        total *= size
    grain = larger(1, WORTH // (length * target.itemsize))
    return Call(_entry(target.itemsize), words, total, grain)


def lies_dense(array: StridedArray) -> bool:
    """Whether all elements lie side by side in their order."""
    return array.dense


def dense(
    arrays: Sequence[StridedArray],
    keep: list[Any],
    suits: Callable[[StridedArray], bool] = lies_dense,
) -> tuple[list[Call], list[StridedArray]]:
    """Arrays that lie dense, or as they may, and the calls that copy the others."""
    found: list[Call] = []
    for_use = []
    for array in arrays:
        if not suits(array):
            array, source = StridedArray.of(np.empty(array.shape, array.dtype)), array
            keep.append(array)
            call = copy(array, source)
            found += [] if call is None else [call]
        for_use.append(array)
    return found, for_use


def joined_axes(
    target: StridedArray, source: StridedArray
) -> list[tuple[int, int, int]]:
    """The axes of two arrays, outermost first, those that lie as one joined.

    Each is its size, and its stride in either array in elements.
    """
    axes: list[tuple[int, int, int]] = []
    for size, to, from_ in zip(target.shape, target.steps, source.steps, strict=True):
        if size == 1:
            continue
        if axes and axes[-1][1] == size * to and axes[-1][2] == size * from_:
            axes[-1] = (axes[-1][0] * size, to, from_)
        else:
            axes.append((size, to, from_))
    return axes or [(1, 1, 1)]
