"""Fourier sums: which passes a length goes through, the tables, how much work.

A length with a large prime factor becomes a convolution of a length that is a power of
two (Bluestein).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...graph.node import Node
from .building import FLOATS, Entry, lanes
from .fourier_code import AXIS, HEAD, fourier_entry
from .special_base import Special, Work, ceildiv, grain, rounded, special

PARTS = 16  # of the lines of an axis, each with scratch memory of its own
LARGEST = 13  # factors that have a pass
FAR = 1 << 16  # numbers of a line of which a vector of lines takes too much memory
COMPLEX = {"f32": np.complex64, "f64": np.complex128}
Words = Any  # an array of 64 bits each
NONE = np.empty(0, np.int64)


class Tables(NamedTuple):
    """What the passes over lines of one length read.

    Numbers are at most 1 from 0, so no word of them is taken for an address.
    """

    length: int  # of what goes through the passes
    radices: Words
    powers: Words  # of exp(-2 pi i / length)
    chirp: Words = NONE  # of Bluestein, what comes in and goes out times
    response: Words = NONE  # and what is between


def radices_of(size: int) -> list[int]:
    """The factors of a length, fours first."""
    found = []
    for radix in (4, 2, *range(3, LARGEST + 1, 2)):
        while size % radix == 0:
            found.append(radix)
            size //= radix
    return [*found, size] if size > 1 else found


@lru_cache(256)
def tables(size: int, short: str) -> Tables:
    """The tables for a length and a dtype."""
    radices = radices_of(size)
    if max(radices, default=1) <= LARGEST:
        return Tables(
            size, np.array(radices, np.int64), _words(_powers(size, size), short)
        )
    length = 1 << (2 * size - 2).bit_length()
    # exp(-pi i n^2 / size), of angles that stay small.
    squares = np.arange(size, dtype=object) ** 2 % (2 * size)
    chirp = np.exp(-1j * np.pi / size * squares.astype(np.float64))
    around = np.zeros(length, np.complex128)
    around[:size] = chirp.conj()
    around[length - size + 1 :] = chirp.conj()[:0:-1]
    return Tables(
        length,
        np.array(radices_of(length), np.int64),
        _words(_powers(length, length), short),
        _words(chirp, short),
        _words(np.fft.fft(around) / length, short),
    )


def _powers(count: int, size: int) -> Any:
    return np.exp(-2j * np.pi / size * np.arange(count))


def _words(values: Any, short: str) -> Words:
    return values.astype(COMPLEX[short]).view(np.int64)


@special("fourier_sum")
class Fourier(Special):
    """Sums with powers of exp(-2 pi i / n) over axes, one axis after the other."""

    def accepts(self, node: Node) -> bool:
        return node.inputs[0].dtype.short in FLOATS

    def entry(self, node: Node) -> Entry:
        options = node.attributes
        kind = FLOATS[node.inputs[0].dtype.short]
        return fourier_entry(kind, len(options["axes"]), options["inverse"])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        x = operands[0]
        found = []
        for axis in attributes["axes"]:
            parts = _parts(_groups(x, axis))
            depth = max(x.shape[axis], 2).bit_length()
            found.append(Work(parts, grain(parts, math.prod(x.shape) * depth // 2)))
        return tuple(found)

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        x = operands[0]
        cuts = [(axis, _groups(x, axis)) for axis in attributes["axes"]]
        sizes = [_parts(cut) * _pitch(x, axis, cut) for axis, cut in cuts]
        return rounded(max(sizes, default=0) * x.itemsize)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (real, imaginary), (out_real, out_imaginary) = operands, results
        axes = attributes["axes"]
        found = HEAD.words(
            real=real.address, imaginary=imaginary.address, scratch=scratch,
            out_real=out_real.address, out_imaginary=out_imaginary.address,
        )  # fmt: skip
        more: list[int] = []
        for axis in axes:
            behind = len(HEAD.names) + len(axes) * AXIS.end + len(more)
            record, own = _axis_words(real, axis, behind)
            found += record
            more += own
        return found + more


class Groups(NamedTuple):
    """The units of lines: vectors of them, then those that are alone.

    A line has the same bits either way, so that only time decides.
    """

    whole: int
    alone: int

    @property
    def total(self) -> int:
        """How many units there are."""
        return self.whole + self.alone


def _groups(x: Any, axis: int) -> Groups:
    """How the lines along an axis are cut."""
    size, lane = x.shape[axis], _lanes(x)
    lines = math.prod(x.shape[:axis]) * math.prod(x.shape[axis + 1 :])
    if not size:
        return Groups(0, 0)
    length = _tables(x, axis).length
    rest = lines % lane
    if length % (4 * lane) or (length < FAR and rest > lane // 2):
        return Groups(ceildiv(lines, lane), 0)
    return Groups(0, lines) if length >= FAR else Groups(lines // lane, rest)


def _lanes(x: Any) -> int:
    return lanes(FLOATS[_short(x)])


def _short(x: Any) -> str:
    return f"f{x.itemsize * 8}"


def _tables(x: Any, axis: int) -> Tables:
    return tables(max(x.shape[axis], 1), _short(x))


def _parts(groups: Groups) -> int:
    return min(groups.total, PARTS)


def _pitch(x: Any, axis: int, groups: Groups) -> int:
    """The elements of scratch memory that a part needs: two times its lines."""
    return 4 * _tables(x, axis).length * (_lanes(x) if groups.whole else 1)


def _axis_words(x: Any, axis: int, behind: int) -> tuple[list[int], list[int]]:
    """The record of an axis, and the tables that stand so many words from the start."""
    size, groups, made = x.shape[axis], _groups(x, axis), _tables(x, axis)
    own: list[int] = []
    places = []
    for table in (made.radices, made.powers, made.chirp, made.response):
        places.append(behind + len(own) if table.size else 0)
        own += table.tolist()
    inner = math.prod(x.shape[axis + 1 :])
    radices, powers, chirp, response = places
    record = AXIS.words(
        size=size, inner=inner, lines=math.prod(x.shape[:axis]) * inner,
        whole=groups.whole, groups=groups.total, parts=_parts(groups),
        pitch=_pitch(x, axis, groups), length=made.length,
        passes=len(made.radices), radices=radices, powers=powers, chirp=chirp,
        response=response,
    )  # fmt: skip
    return record, own
