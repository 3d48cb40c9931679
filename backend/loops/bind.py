"""A loop kernel on arrays: the words that its native functions read, and how long.

Axes that lie in memory one after the other are made one here, for every size and
stride anew. How many chunks a fold is cut into follows from sizes alone.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from ...graph.dim import Symbol
from ..recorded import larger, smaller, truth
from ..strided_arrays import StridedArray
from .kernel import LoopKernel
from .language import LANES, Nest, Total

WIDE = 4 * LANES  # columns of sums at places from which on a unit takes two vectors
SHARE = 1 << 18  # what a thread takes at least, in elements times values


class Cuts(NamedTuple):
    """How work is cut into units: one setting for threads of a CPU, one for a GPU."""

    block: int = 4096  # elements of the innermost axis that are one unit of work
    chunk: int = 16384  # elements that a chunk of a fold has at least
    chunks: int = 64  # of one fold, at most
    row_chunk: int = 16384  # as `chunk`, where rows are folded one after the other
    joined_block: int = 4096  # as `block`, where partial results are joined

    def of(self, nest: Nest) -> Cuts:
        """Those of a nest."""
        return self._replace(chunk=self.row_chunk) if nest.has_folds else self


THREADS = Cuts()


class Launch(NamedTuple):
    """One call of a native function; addresses of arrays are its first words."""

    name: str
    words: list[int]
    total: int
    grain: int


class Known:
    """Launches that are known while a plan is bound.

    Those that differ by nothing but addresses are worked out once: the layers of a
    deep network are much alike. It is for one choice of sizes and cuts.
    """

    def __init__(self) -> None:
        self.launches: dict[tuple[Any, ...], list[Launch]] = {}


def bind(
    kernel: LoopKernel,
    arrays: Sequence[Any],
    outputs: Sequence[Any],
    scratch: int = 0,
    sizes: Mapping[Symbol, int] | None = None,
    cuts: Cuts = THREADS,
    known: Known | None = None,
) -> list[Launch]:
    """The calls that run a kernel on arrays, to be made in this order.

    `scratch` is the address of `scratch_bytes` bytes, `sizes` says what symbols are.
    """
    given = [StridedArray.of(array) for array in (*arrays, *outputs)]
    if known is None:
        return _bind(kernel, given, scratch, sizes or {}, cuts)
    forms = tuple([(one.shape, one.steps) for one in given])
    key = kernel.identity, scratch, forms
    found = known.launches.get(key)
    if found is None:
        found = known.launches[key] = _bind(kernel, given, scratch, sizes or {}, cuts)
        return found
    places = [one.address for one in given]
    count = len(places)
    return [one._replace(words=places + one.words[count:]) for one in found]


def _bind(
    kernel: LoopKernel,
    given: Sequence[StridedArray],
    scratch: int,
    sizes: Mapping[Symbol, int],
    cuts: Cuts,
) -> list[Launch]:
    main = _Bound(kernel, 0, given, sizes, cuts)
    partials = main.partials(scratch)
    rest = range(1, len(kernel.nests))
    more = [_Bound(kernel, index, given, sizes, cuts) for index in rest]
    return [one.launch(partials) for one in (main, *more)]


def scratch_bytes(
    kernel: LoopKernel, sizes: Mapping[Symbol, int], cuts: Cuts = THREADS
) -> int:
    """How many bytes of scratch memory a kernel needs."""
    nest = kernel.nests[0]
    if not nest.totals:
        return 0
    spans = _spans(nest, [axis.size.evaluate(sizes) for axis in nest.axes])
    return sum(spans.partial(total, cuts.of(nest)) * 8 + 64 for total in nest.totals)


class Spans(NamedTuple):
    """How many turns the axes of a role have together."""

    outer: int
    folded: int
    inner: int

    def rows(self, cuts: Cuts) -> int:
        """How many turns of the folded axes one chunk has."""
        width = larger(self.inner, 1)
        many = truth(operator.ge, self.outer, cuts.chunks)
        least = 1 + many * (self.folded - 1)
        rows = larger(-(-cuts.chunk // width), -(-self.folded // cuts.chunks))
        return larger(1, larger(rows, least))

    def chunks(self, cuts: Cuts) -> int:
        """Into how many chunks the folded axes are cut."""
        return larger(1, -(-self.folded // self.rows(cuts)))

    @property
    def pitch(self) -> int:
        """From a row of partial results to the next."""
        return (self.inner + 2 * LANES - 1) // LANES * LANES

    def partial(self, total: Total, cuts: Cuts) -> int:
        """How many elements a partial result has at most."""
        if total.form == "column":
            return self.chunks(cuts) * self.outer * self.pitch
        return cuts.chunks * self.outer + LANES


def _spans(nest: Nest, lengths: Sequence[int]) -> Spans:
    return Spans(*[prod([lengths[axis] for axis in axes]) for axes in nest.split])


class Partial(NamedTuple):
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
        given: Sequence[StridedArray],
        sizes: Mapping[Symbol, int],
        cuts: Cuts,
    ):
        self.kernel, self.index, self.given = kernel, index, given
        self.nest, self.layout = kernel.nests[index], kernel.layouts[index]
        self.symbols, self.cuts = sizes, cuts.of(self.nest)
        self.lengths = [
            axis.size.evaluate(sizes) if place is None else
            given[place[0]].shape[place[1]]
            for axis, place in zip(self.nest.axes, self.layout.measured, strict=True)
        ]  # fmt: skip

    def partials(self, scratch: int) -> list[Partial]:
        """Where the partial results of the main nest lie."""
        nest, found = self.nest, []
        if not nest.totals:
            self._collapse([])
            self.chunks = 1 if nest.scatters else self.spans.chunks(self.cuts)
            return []
        spans = _spans(nest, self.lengths)
        for total in nest.totals:
            axes = nest.accesses[total.access].axes
            column = total.form == "column"
            step, strides = 1, list[int]()
            outer = nest.split[0]
            for axis in reversed(axes):
                assert axis is not None
                if column and axis in outer:
                    step = max(step, spans.pitch)
                    column = False
                strides.insert(0, step)
                step *= self.lengths[axis]
            if column:
                step = spans.pitch
            found.append((scratch, tuple(strides), step, total.form))
            scratch += spans.partial(total, self.cuts) * 8 + 64
            scratch = scratch // 64 * 64
        self._collapse([strides for _, strides, _, _ in found])
        self.chunks = self.spans.chunks(self.cuts)
        blocks, chunks = self._blocks(), self.chunks
        return [
            Partial(
                address, strides, step, chunks * (1 if form == "column" else blocks)
            )
            for address, strides, step, form in found
        ]

    # Axes made one.

    def _collapse(self, partials: Sequence[Sequence[int]]) -> None:
        nest, short = self.nest, list(self.lengths)
        steps = [*[one.steps for one in self.given], *partials, (0,)]
        self.columns = [
            [steps[array][dimension] for array, dimension in column]
            for column in self.layout.columns
        ]
        self.short = short
        for group in nest.joinable:
            if len(group) > 1:
                self._merge(group)
        self.spans = _spans(nest, short)
        vector = nest.vector
        self.whole = vector is not None and short[vector] == 1
        self.unit = int(vector is None or self.whole or self._in_steps(vector))

    def _in_steps(self, vector: int) -> bool:
        """Whether all that walks along the innermost axis goes by single elements."""
        column = self.columns[vector]
        return all(column[access] == 1 for access in self.nest.vectored)

    def _merge(self, group: Sequence[int]) -> None:
        """Axes that lie one after the other become the inner one of them."""
        kept: int | None = None
        short, columns = self.short, self.columns
        for axis in reversed(group):
            if kept is not None:
                length = short[kept]
                if columns[axis] == [step * length for step in columns[kept]]:
                    short[kept] *= short[axis]
                    short[axis] = 1
                    continue
            if short[axis] != 1:
                kept = axis

    # Units of work.

    def _blocks(self) -> int:
        """Into how many blocks the innermost axis is cut; also sets their length."""
        nest, vector = self.nest, self.nest.vector
        length = 1 if vector is None else self.short[vector]
        middle = self.spans.inner // larger(length, 1)
        self.block = larger(length, 1)
        if vector is None or not nest.cuttable or middle > 1:
            return 1
        forms = {total.form for total in nest.totals}
        if "full" in forms:
            if self.chunks > 1:
                return 1
            self.block = larger(self.cuts.chunk, -(-length // self.cuts.chunks))
        elif nest.scatters:
            self.block = LANES * (1 + truth(operator.ge, length, WIDE))
        else:
            self.block = self.cuts.joined_block if self.index else self.cuts.block
        self.block = -(-self.block // LANES) * LANES
        return larger(1, -(-length // self.block))

    def launch(self, partials: Sequence[Partial]) -> Launch:
        """The call, once it is known where partial results lie."""
        nest, layout = self.nest, self.layout
        if self.index:
            self.chunks = 1
            self._collapse([partial.strides for partial in partials])
        blocks, spans, columns = self._blocks(), self.spans, self.columns
        rows = spans.rows(self.cuts) if nest.totals else larger(spans.folded, 1)
        vector = nest.vector if self.whole else None
        words = [  # in the order of the layout
            *[one.address for one in self.given],
            *[partial.address for partial in partials],
            *self.short,
            *[1 if axis == vector else columns[axis][access]
              for access, axis in layout.walked],
            *[self.given[array].steps[dimension]
              for _, array, dimension in layout.picked],
            *[self.given[array].shape[dimension]
              for _, array, dimension in layout.picked],
            self.block, blocks, rows, self.chunks, self.unit,
            *[partial.step for partial in partials],
            *[partial.parts for partial in partials],
            *[dim.evaluate(self.symbols) for dim in self.kernel.sizes],
        ]  # fmt: skip
        total = spans.outer * self.chunks * blocks
        if nest.scatters:
            for access in nest.stores:
                total = smaller(total, total * words[layout.lengths[access.access]])
        elif not nest.totals and not nest.has_folds and 0 in self.short:
            total = 0
        return Launch(self.kernel.names[self.index], words, total, self._grain(total))

    def _grain(self, total: int) -> int:
        work = prod(self.short) * (len(self.nest.values) + 2)
        return larger(1, SHARE * total // larger(work, 1))
