"""A loop kernel on arrays: the words that its native functions read, and how long.

Axes that lie in memory one after the other are made one here, for every size and
stride anew. How many chunks a fold is cut into follows from sizes alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from ...graph.dim import Symbol
from .kernel import LoopKernel
from .language import Nest
from .writer import LANES

SHARE = 65536  # what a thread takes at least, in elements times values


class Cuts(NamedTuple):
    """How work is cut into units: one setting for threads of a CPU, one for a GPU."""

    block: int = 4096  # elements of the innermost axis that are one unit of work
    chunk: int = 16384  # elements that a chunk of a fold has at least
    chunks: int = 64  # of one fold, at most


THREADS = Cuts()


@dataclass(frozen=True)
class Launch:
    """One call of a native function; addresses of arrays are its first words."""

    name: str
    words: list[int]
    total: int
    grain: int


Known = dict[tuple[Any, ...], list[Launch]]


def bind(
    kernel: LoopKernel,
    arrays: Sequence[Any],
    outputs: Sequence[Any],
    scratch: int = 0,
    sizes: Mapping[Symbol, int] | None = None,
    cuts: Cuts = THREADS,
    known: Known | None = None,
) -> list[Launch]:
    """The calls that run a kernel on NumPy arrays, to be made in this order.

    `scratch` is the address of `scratch_bytes` bytes, `sizes` says what symbols are.
    `known` keeps what differs by nothing but addresses, for the same sizes and cuts:
    the layers of a deep network are much alike.
    """
    given = [*arrays, *outputs]
    if known is None:
        return _bind(kernel, given, scratch, sizes or {}, cuts)
    key = (
        kernel.identity,
        scratch,
        tuple([(array.shape, array.strides) for array in given]),
    )
    found = known.get(key)
    if found is None:
        found = known[key] = _bind(kernel, given, scratch, sizes or {}, cuts)
        return found
    places = [array.__array_interface__["data"][0] for array in given]
    count = len(places)
    return [
        Launch(one.name, places + one.words[count:], one.total, one.grain)
        for one in found
    ]


def _bind(
    kernel: LoopKernel,
    arrays: Sequence[Any],
    scratch: int,
    sizes: Mapping[Symbol, int],
    cuts: Cuts,
) -> list[Launch]:
    main = _Bound(kernel, 0, arrays, sizes, cuts)
    partials = main.partials(scratch)
    launches = [main.launch(partials)]
    for index in range(1, len(kernel.nests)):
        bound = _Bound(kernel, index, arrays, sizes, cuts)
        launches.append(bound.launch(partials))
    return launches


def scratch_bytes(
    kernel: LoopKernel, sizes: Mapping[Symbol, int], cuts: Cuts = THREADS
) -> int:
    """How many bytes of scratch memory a kernel needs."""
    if not kernel.partials:
        return 0
    nest = kernel.nests[0]
    lengths = [axis.size.evaluate(sizes) for axis in nest.axes]
    return sum(
        _partial_length(nest, lengths, index, cuts) * 8 + 64
        for index in range(kernel.partials)
    )


def _length(nest: Nest, lengths: Sequence[int], role: str) -> int:
    found = 1
    for axis in nest.along(role):
        found *= lengths[axis]
    return found


def chunk_rows(nest: Nest, lengths: Sequence[int], cuts: Cuts = THREADS) -> int:
    """How many turns of the folded axes one chunk has."""
    rows = _length(nest, lengths, "folded")
    width = max(_length(nest, lengths, "inner"), 1)
    least = 1 if _length(nest, lengths, "outer") < cuts.chunks else rows
    return max(1, -(-cuts.chunk // width), -(-rows // cuts.chunks), least)


def _pitch(nest: Nest, lengths: Sequence[int]) -> int:
    width = _length(nest, lengths, "inner")
    return (width + 2 * LANES - 1) // LANES * LANES


def _partial_length(nest: Nest, lengths: Sequence[int], index: int, cuts: Cuts) -> int:
    """How many elements a partial result has at most."""
    outer = _length(nest, lengths, "outer")
    if nest.totals[index].form == "column":
        rows = _length(nest, lengths, "folded")
        count = max(1, -(-rows // chunk_rows(nest, lengths, cuts)))
        return count * outer * _pitch(nest, lengths)
    return cuts.chunks * outer + LANES


@dataclass(frozen=True)
class Partial:
    """A partial result in scratch memory."""

    address: int
    strides: tuple[int, ...]
    step: int  # from one chunk to the next
    parts: int


class _Bound:
    def __init__(
        self,
        kernel: LoopKernel,
        index: int,
        arrays: Sequence[Any],
        sizes: Mapping[Symbol, int],
        cuts: Cuts,
    ):
        self.kernel, self.index, self.arrays = kernel, index, arrays
        self.symbols, self.cuts = sizes, cuts
        self.nest = kernel.nests[index]
        self.lengths = self._lengths()

    def _lengths(self) -> list[int]:
        found: dict[int | None, int] = {}
        for access in self.nest.accesses:
            if access.array < len(self.arrays):
                shape = self.arrays[access.array].shape
                found.update(zip(access.axes, shape, strict=True))
        axes = enumerate(self.nest.axes)
        return [
            found[i] if i in found else axis.size.evaluate(self.symbols)
            for i, axis in axes
        ]

    def partials(self, scratch: int) -> list[Partial]:
        """Where the partial results of the main nest lie."""
        nest, found = self.nest, []
        for index, total in enumerate(nest.totals):
            axes = nest.accesses[total.access].axes
            column = total.form == "column"
            step, strides = 1, list[int]()
            outer = set(nest.along("outer"))
            for axis in reversed(axes):
                assert axis is not None
                if column and axis in outer:
                    step = max(step, _pitch(nest, self.lengths))
                    column = False
                strides.insert(0, step)
                step *= self.lengths[axis]
            if column:
                step = _pitch(nest, self.lengths)
            found.append((scratch, tuple(strides), step, total.form))
            scratch += _partial_length(nest, self.lengths, index, self.cuts) * 8 + 64
            scratch = scratch // 64 * 64
        self._collapse(
            {t.access: f[1] for t, f in zip(nest.totals, found, strict=True)}
        )
        rows = _length(nest, self.short, "folded")
        self.chunks = max(1, -(-rows // chunk_rows(nest, self.short, self.cuts)))
        blocks, chunks = self._blocks(), self.chunks
        return [
            Partial(
                address, strides, step, chunks * (1 if form == "column" else blocks)
            )
            for address, strides, step, form in found
        ]

    # Axes made one.

    def _collapse(self, partials: Mapping[int, Sequence[int]]) -> None:
        nest = self.nest
        self.strides: list[dict[int, int]] = []
        self.short = list(self.lengths)
        for index, access in enumerate(nest.accesses):
            if index in partials:
                steps: Sequence[int] = partials[index]
            else:
                array = self.arrays[access.array]
                steps = [stride // array.itemsize for stride in array.strides]
            self.strides.append(
                {a: s for a, s in zip(access.axes, steps, strict=True) if a is not None}
            )
        for group in nest.joinable:
            self._merge(group)
        vector = nest.vector
        self.unit = int(
            vector is None
            or self.short[vector] == 1
            or all(
                steps.get(vector, 1) == 1
                for index, steps in enumerate(self.strides)
                if not nest.sideways(index)
            )
        )

    def _merge(self, group: Sequence[int]) -> None:
        """Axes that lie one after the other become the inner one of them."""
        kept: int | None = None
        for axis in reversed(group):
            if self.short[axis] == 1:
                continue
            if kept is not None and self._follows(axis, kept):
                self.short[kept] *= self.short[axis]
                self.short[axis] = 1
            else:
                kept = axis

    def _follows(self, outer: int, inner: int) -> bool:
        return all(
            steps.get(outer, 0) == steps.get(inner, 0) * self.short[inner]
            for steps in self.strides
        )

    # Units of work.

    def _blocks(self) -> int:
        """Into how many blocks the innermost axis is cut; also sets their length."""
        nest, vector = self.nest, self.nest.vector
        length = 1 if vector is None else self.short[vector]
        middle = _length(nest, self.short, "inner") // max(length, 1)
        self.block = max(length, 1)
        if vector is None or not nest.cuttable or middle > 1:
            return 1
        forms = {total.form for total in nest.totals}
        if "full" in forms:
            if self.chunks > 1:
                return 1
            self.block = max(self.cuts.chunk, -(-length // self.cuts.chunks))
        else:
            self.block = self.cuts.block
        self.block = -(-self.block // LANES) * LANES
        return max(1, -(-length // self.block))

    def launch(self, partials: Sequence[Partial]) -> Launch:
        """The call, once it is known where partial results lie."""
        kernel, nest = self.kernel, self.nest
        layout = kernel.layouts[self.index]
        if self.index:
            first = len(kernel.operands) + len(kernel.outputs)
            self.chunks = 1
            self._collapse(
                {
                    i: partials[access.array - first].strides
                    for i, access in enumerate(nest.accesses)
                    if access.array >= first
                }
            )
        words = [0] * layout.count
        for place, array in enumerate(self.arrays):
            words[place] = array.__array_interface__["data"][0]
        for place, partial in enumerate(partials):
            words[len(self.arrays) + place] = partial.address
            words[layout.steps + place] = partial.step
            words[layout.parts + place] = partial.parts
        words[layout.sizes : layout.sizes + len(self.short)] = self.short
        for (access, axis), place in layout.strides.items():
            one = self.short[axis] == 1 and axis == nest.vector
            words[place] = 1 if one else self.strides[access][axis]
        blocks = self._blocks()
        rows = _length(nest, self.short, "folded")
        words[layout.block], words[layout.blocks] = self.block, blocks
        words[layout.rows] = (
            chunk_rows(nest, self.short, self.cuts) if nest.totals else max(rows, 1)
        )
        words[layout.chunks], words[layout.unit] = self.chunks, self.unit
        for place, dim in enumerate(kernel.sizes):
            words[layout.numbers + place] = dim.evaluate(self.symbols)
        total = _length(nest, self.short, "outer") * self.chunks * blocks
        if not nest.totals and not nest.has_folds and 0 in self.short:
            total = 0
        return Launch(kernel.names[self.index], words, total, self._grain(total))

    def _grain(self, total: int) -> int:
        work = prod(self.short) * (len(self.nest.values) + 2)
        return max(1, SHARE * total // max(work, 1))
