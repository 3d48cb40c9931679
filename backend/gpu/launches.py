"""Loop kernels on arrays of a device: launches, and how many threads take a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...graph.dim import Symbol
from ..loops import LoopKernel, bind
from ..loops.bind import Cuts, Known
from ..loops.kernel import Layout
from ..loops.language import VECTOR, Nest

Array = Any

THREADS = 256  # of a block
BLOCKS = 1 << 16  # of a launch, at most; what is left over goes around again
WARP = 32
ROW = 128  # elements that a warp walks alone, however few rows there are
LONG = 1024  # elements that are a whole block's, however many rows there are
MANY = 4096  # rows that keep a device busy, a warp each
# Nothing was measured. A team folds one row after the other, so that a chunk has few of
# them; many threads share the parts of a few columns.
CUTS = Cuts(block=256, chunk=512, chunks=256, row_chunk=16, joined_block=32)


@dataclass(frozen=True)
class KernelLaunch:
    """A launch of one function: its words, and how its units of work are spread."""

    name: str
    words: list[int]
    total: int
    lanes: int

    @property
    def blocks(self) -> int:
        """How many blocks of threads it has."""
        return min(-(-self.total * self.lanes // THREADS), BLOCKS)


def launches(
    kernel: LoopKernel,
    sources: Sequence[Array],
    targets: Sequence[Array],
    scratch: Array,
    sizes: Mapping[Symbol, int],
    known: Known | None = None,
) -> list[KernelLaunch]:
    """The launches that run a kernel, in order; those without work are left out."""
    at = scratch.__cuda_array_interface__["data"][0]
    bound = bind(kernel, sources, targets, at, sizes, CUTS, known)
    return [
        KernelLaunch(
            one.name, one.words, one.total, lanes(nest, layout, one.words, one.total)
        )
        for nest, layout, one in zip(kernel.nests, kernel.layouts, bound, strict=True)
        if one.total
    ]


def lanes(nest: Nest, layout: Layout, words: Sequence[int], total: int) -> int:
    """How many threads take one unit of work: a power of two, or a whole block."""
    sums = any(v.op == "partial" and nest.level_of(v) < VECTOR for v in nest.values)
    if nest.vector is None:
        return WARP if sums else 1
    span = min(words[layout.sizes + nest.vector], words[layout.block])
    if nest.by_columns and total < MANY:
        return THREADS
    apart = not (sums or nest.has_folds or nest.totals)  # nothing is joined
    if span > LONG or (span > (WARP if apart else ROW) and total < MANY):
        return THREADS
    return WARP if sums else min(WARP, 1 << max(span - 1, 0).bit_length())


def packed(found: Sequence[KernelLaunch]) -> tuple[np.ndarray, list[int]]:
    """The words of launches one after the other, and where each begins."""
    starts, words = list[int](), list[int]()
    for launch in found:
        starts.append(len(words))
        words += launch.words
    return np.array(words, np.int64), starts
