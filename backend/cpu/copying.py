"""Copies between arrays of any strides, as native calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from operator import index
from string import Template
from typing import Any

import numpy as np

from ..recorded import larger, smaller
from ..strided_arrays import StridedArray
from .building import STORED
from .call import Call
from .engine import engine
from .stepping import STEPS, TIMES, stepping_entry
from .turning import side, turning_entry

WORTH = 1 << 16  # bytes of a part that is worth a thread
FEW = 256  # bytes of a row that are not worth a call
SHORT = 8  # elements of a row that is not worth a loop
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
    if there == 1 and target.itemsize in STORED:
        stepping = _stepping(target, source, axes)
        if stepping is not None:
            return stepping
    if there == 1 and here != 1 and target.itemsize in STORED:
        for place, (size, _, from_) in enumerate(rest):
            if from_ in (1, -1) and size >= side(target.itemsize):
                return _turning(target, source, axes, place)
        if rest and length < SHORT:  # the longer axis is walked along
            axes[-2:] = axes[-1], axes[-2]
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


def _stepping(
    target: StridedArray, source: StridedArray, axes: list[tuple[int, int, int]]
) -> Call | None:
    """The call where elements of a row lie a small step apart in the source, each is
    written several times, or rows are short; None for others."""
    *outer, (length, _, here) = axes
    times, width = 1, target.itemsize
    if here == 0 and outer and length in TIMES and outer[-1][1:] == (length, 1):
        times, here, length = index(length), 1, outer.pop()[0]
    elif here == 1 and (not outer or length * width > FEW):
        return None
    if here not in STEPS or (here == 0 and length < SHORT):
        return None
    rows, down, across = outer.pop() if outer else (1, 0, 0)
    piece = smaller(length, BLOCK)
    high = smaller(rows, larger(1, BLOCK // piece))
    words = [target.address, source.address, len(outer), rows, down, across]
    words += [high, length, piece]
    total = -(-rows // high) * -(-length // piece)
    for size, to, from_ in outer:
        words += [size, to, from_]
        total *= size
    grain = larger(1, WORTH // (high * piece * times * width))
    return Call(_stepping_address(width, index(here), times), words, total, grain)


@cache
def _stepping_address(size: int, step: int, times: int) -> int:
    (address,) = engine().compile(stepping_entry(size, step, times).fragments).values()
    return address


def _turning(
    target: StridedArray,
    source: StridedArray,
    axes: list[tuple[int, int, int]],
    place: int,
) -> Call:
    """The call where elements lie side by side along another axis of the source."""
    rows, down, way = axes[place]
    columns, _, across = axes[-1]
    wide, there, here = side(target.itemsize), target.address, source.address
    if way < 0:  # from the last row on, which lies first
        there += (rows - 1) * down * target.itemsize
        here -= (rows - 1) * target.itemsize
        down = -down
    words = [there, here, len(axes) - 2, rows, down, columns, across]
    total = (rows + wide - 1) // wide
    for size, to, from_ in (*axes[:place], *axes[place + 1 : -1]):
        words += [size, to, from_]
        total *= size
    grain = larger(1, WORTH // (columns * wide * target.itemsize))
    return Call(_turning_address(target.itemsize), words, total, grain)


@cache
def _turning_address(size: int) -> int:
    (address,) = engine().compile(turning_entry(size).fragments).values()
    return address


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
