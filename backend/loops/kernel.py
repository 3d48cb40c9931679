"""A loop kernel: one nest, or a main nest and those that combine what it leaves.

`lower` makes kernels, `bind` gives them arrays, `llvm` prints them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from ...graph.dim import Dim
from ...graph.types import DType
from .language import MIDDLE, Nest
from .readable import nest_lines


@dataclass(frozen=True)
class LoopKernel:
    """What a fused node is in loops; `sizes` are numbers that its values read."""

    operands: tuple[tuple[DType, int], ...]  # dtype and rank
    outputs: tuple[tuple[DType, int], ...]
    nests: tuple[Nest, ...]
    sizes: tuple[Dim, ...] = ()

    @cached_property
    def name(self) -> str:
        """A name that equal kernels share."""
        keys = tuple(nest.key for nest in self.nests)
        text = repr((self.operands, self.outputs, keys))
        return "loops_" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    @cached_property
    def identity(self) -> tuple[str, tuple[Dim, ...]]:
        """What kernels share that differ by nothing: name and sizes."""
        axes = [axis.size for nest in self.nests for axis in nest.axes]
        return self.name, (*self.sizes, *axes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the native functions, one a nest."""
        return tuple(f"{self.name}_{index}" for index in range(len(self.nests)))

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """Where each nest finds its words."""
        return tuple(Layout(self, nest) for nest in self.nests)

    @property
    def partials(self) -> int:
        """How many arrays of partial results the main nest leaves."""
        return len(self.nests[0].totals)

    def may_share(self, operand: int, output: int) -> bool:
        """Whether an output may lie in the memory of an operand, in the same layout."""
        nest, place = self.nests[0], len(self.operands) + output
        reads = [a for n in self.nests for a in n.accesses if a.array == operand]
        if any(access.picked is not None for access in reads):
            return False
        stored = [s for s in nest.stores if nest.accesses[s.access].array == place]
        if (
            len(reads) > 1
            or not stored
            or self.operands[operand] != self.outputs[output]
        ):
            return False
        if self.nests[-1].scatters:
            return False
        access = nest.accesses[stored[0].access]
        around = {*nest.along("outer"), *nest.along("folded")}
        if reads and (reads[0].axes != access.axes or reads[0] not in nest.accesses):
            return False
        if None in access.axes or around - set(access.axes):
            return False
        if nest.level(access.axes) < MIDDLE:
            return True
        first = min(nest.values[store.value].turn for store in stored)
        later = range(first + 1, nest.turns)
        needed = set().union(*(nest.needed(nest.pass_of(turn)) for turn in later))
        values = (nest.values[index] for index in needed)
        loads = (nest.accesses[v.data].array for v in values if v.op == "load")
        return operand not in loads

    def __str__(self) -> str:
        names = [f"x{i}" for i in range(len(self.operands))]
        names += [f"y{i}" for i in range(len(self.outputs))]
        names += [f"partial{i}" for i in range(self.partials)]
        given = ", ".join(
            f"{name}: {dtype} of rank {rank}"
            for name, (dtype, rank) in zip(names, self.operands, strict=False)
        )
        lines = [f"kernel {self.name}({given})"]
        for nest in self.nests:
            lines += nest_lines(nest, names)
        return "\n".join(lines)


class Layout:
    """Where in its words a nest finds what."""

    def __init__(self, kernel: LoopKernel, nest: Nest):
        place = len(kernel.operands) + len(kernel.outputs) + kernel.partials
        self.sizes = place
        place += len(nest.axes)
        self.walked = [
            (index, axis)
            for index, access in enumerate(nest.accesses)
            for axis in access.axes
            if axis is not None
        ]
        self.strides = {pair: at for at, pair in enumerate(self.walked, place)}
        place += len(self.walked)
        self.picked = [  # accesses, with the array and dimension that they pick along
            (index, access.array, access.picked[0])
            for index, access in enumerate(nest.accesses)
            if access.picked is not None
        ]
        self.picks = {one[0]: at for at, one in enumerate(self.picked, place)}
        place += len(self.picked)
        self.lengths = {one[0]: at for at, one in enumerate(self.picked, place)}
        place += len(self.picked)
        self.block, self.blocks, self.rows, self.chunks, self.unit = range(
            place, place + 5
        )
        place += 5
        self.steps = place  # of each partial result, from one chunk to the next
        place += kernel.partials
        self.parts = place  # chunks of each partial result
        place += kernel.partials
        self.numbers = place
        self.count = place + len(kernel.sizes)
        self.measured = self._measured(kernel, nest)
        self.columns = self._columns(kernel, nest)

    @staticmethod
    def _columns(kernel: LoopKernel, nest: Nest) -> list[list[tuple[int, int]]]:
        """For each axis the array and dimension of each access along it.

        Behind the arrays and partial results stands one with a step of 0, for those
        that do not go along.
        """
        arrays = len(kernel.operands) + len(kernel.outputs) + kernel.partials
        found = [[(arrays, 0)] * len(nest.accesses) for _ in nest.axes]
        for index, access in enumerate(nest.accesses):
            for dimension, axis in enumerate(access.axes):
                if axis is not None:
                    found[axis][index] = access.array, dimension
        return found

    @staticmethod
    def _measured(kernel: LoopKernel, nest: Nest) -> list[tuple[int, int] | None]:
        """An array and the dimension of it that tell the length of each axis."""
        found: list[tuple[int, int] | None] = [None] * len(nest.axes)
        arrays = len(kernel.operands) + len(kernel.outputs)
        for access in nest.accesses:
            for dimension, axis in enumerate(access.axes):
                if axis is not None and access.array < arrays:
                    found[axis] = access.array, dimension
        return found
