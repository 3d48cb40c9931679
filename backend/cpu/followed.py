"""The native form of `followed`: a convolution whose tiles other entries take up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...graph.dim import Dim, Symbol
from ...graph.node import Node, attribute_key
from ...graph.registry import OPS
from ...graph.types import TensorType, TupleType
from .. import loops
from ..binding import attributes_of
from ..loops import LoopKernel
from ..recorded import larger, smaller
from ..strided_arrays import StridedArray
from .call import Call
from .convolution_follow import RECORD, STEP
from .convolution_words import Following
from .copying import dense
from .follow import pool_step
from .special import SPECIAL
from .special_base import rounded
from .special_convolution import Convolution
from .special_products import Placed
from .tile_axes import TileAxes, tile_axes

Sizes = Mapping[Symbol, int]
WHOLE, LAST = 0, 1  # tiles


@dataclass
class Value:
    """An operand or result of the body.

    A row of a result stands for `step` rows of a tile.
    """

    type: TensorType
    step: int = 0  # of an operand
    output: int | None = None  # its number among the results of the node

    @property
    def apart(self) -> bool:
        """Whether it lies in memory of threads, tile by tile."""
        return self.step > 0 and self.output is None

    def spec(self, sizes: Sizes) -> StridedArray:
        """An array of its type for given sizes, wherever it is."""
        shape = [
            size if size is not None else max(0, dim.evaluate(sizes))
            for dim, size in self._sizes
        ]
        return StridedArray(0, tuple(shape), self.type.dtype.numpy)

    @cached_property
    def _sizes(self) -> list[tuple[Dim, int | None]]:
        """Its sizes, with their numbers if they have any."""
        return [(dim, dim.value) for dim in self.type.shape]


class Part:
    """An instruction as a node; `axes` has where its arrays have images and rows."""

    def __init__(self, node: Node, operands: Sequence[int], results: Sequence[int]):
        self.node, self.operands = node, operands
        self.arrays = [*operands, *results]
        self.step = 1  # rows of a tile for a row of what it reads
        self.axes: list[TileAxes] = [TileAxes(0, 1)] * len(self.arrays)

    def set_axes(self, values: Sequence[Value]) -> None:
        """Find the axes of something that follows."""
        tiled = [n for n, index in enumerate(self.operands) if values[index].step]
        self.step = values[self.operands[tiled[0]]].step
        if self.kernel is not None:
            self.axes = tile_axes(self.kernel, tiled) or []

    @cached_property
    def kernel(self) -> LoopKernel | None:
        """Its loops, if it has any."""
        return loops.lower(self.node) if self.node.op.name == "fused" else None

    @cached_property
    def entry(self) -> Any:
        """Its native code."""
        if self.kernel is not None:
            return loops.print_llvm(self.kernel)
        return SPECIAL[self.node.op.name].entry(self.node)

    def words(
        self, arrays: Sequence[StridedArray], sizes: Sizes
    ) -> tuple[list[int], int]:
        """The words for arrays, and the length of the parallel axis."""
        count = len(self.operands)
        sources, targets = arrays[:count], arrays[count:]
        if self.kernel is not None:
            (launch,) = loops.bind(self.kernel, sources, targets, sizes=sizes)
            return launch.words, launch.total
        special = SPECIAL[self.node.op.name]
        attributes = {
            **attributes_of(self.node, sizes), "count": targets[0].shape[1:-1]
        }  # fmt: skip
        words = special.words(attributes, sources, targets, 0)
        (work,) = special.works(attributes, sources, targets)
        return words, work.total

    @cached_property
    def word_count(self) -> int:
        """How many words it reads."""
        if self.kernel is not None:
            return self.kernel.layouts[0].count
        return SPECIAL[self.node.op.name].layout.end  # type: ignore[attr-defined]


class Followed:
    """A convolution, then kernels and pooling on each of its tiles."""

    has_scratch = True

    def __init__(self, node: Node):
        self.node = node
        types = tuple([source.type for source in node.inputs])
        self.key = node.op.name, attribute_key(node.attributes), types
        self.values = [Value(source.tensor_type) for source in node.inputs]
        self.head, *self.rest = self._parts()
        for place, index in enumerate(node.attributes["outputs"]):
            self.values[index].output = place
        special = SPECIAL[self.head.node.op.name]
        assert isinstance(special, Convolution)
        self.special = special
        self.entries = [part.entry for part in (self.head, *self.rest)]
        self.room = rounded(8 * max(part.word_count for part in self.rest))
        self._cut: tuple[Sizes, Cut] | None = None  # as last asked for

    def _parts(self) -> Iterator[Part]:
        """The instructions as nodes; `values` grows by their results."""
        sources = list(self.node.inputs)
        for name, operands, attributes in self.node.attributes["body"]:
            inputs = tuple(sources[index] for index in operands)
            node, first = OPS[name].apply(inputs, dict(attributes)), len(sources)
            if isinstance(node.type, TupleType):
                item, count = OPS["item"], len(node.type.items)
                sources += [item.apply((node,), {"index": i}) for i in range(count)]
            else:
                sources.append(node)
            part = Part(node, operands, range(first, len(sources)))
            if first > len(self.node.inputs):
                part.set_axes(self.values)
            step = part.step * (pool_step(node) or 1)
            self.values += [Value(new.tensor_type, step) for new in sources[first:]]
            yield part

    def fragments(self) -> dict[str, str]:
        """The convolution's entries, and those that follow."""
        return {
            name: text for one in self.entries for name, text in one.fragments.items()
        }

    def in_place(self, operand: int, output: int) -> bool:
        """Never."""
        return False

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The convolution's, and that of what follows."""
        cut = self.cut(sizes)
        specs = cut.given(self.head)
        result = cut.specs[self.head.arrays[-1]]
        after = Following(cut.size)
        return self.special.scratch_bytes(cut.attributes, specs, [result], after)

    def cut(self, sizes: Sizes) -> Cut:
        """The arrays for sizes; scratch memory and calls are asked for one by one."""
        found = self._cut
        if found is None or found[0] is not sizes:
            specs = [value.spec(sizes) for value in self.values]
            self._check(specs, sizes)
            found = self._cut = sizes, Cut(self, sizes, specs)
        return found[1]

    def calls(self, place: Any) -> list[Call]:
        """Copies where they must be, then the convolution's entries."""
        cut = self.cut(place.sizes)
        given = [place.sources[index] for index in self.head.operands]
        found, operands = dense(given, place.keep)
        cut.lay(place)
        index = self.head.arrays[-1]
        apart, out = self.values[index].apart, cut.arrays[index]
        table = [word for part in self.rest for word in self._record(part, cut, place)]
        after = Following(cut.size, len(self.rest), table, apart)
        words = self.special.words(
            cut.attributes, operands, [out], place.scratch, after
        )
        works = self.special.works(cut.attributes, operands, [out])
        names = self.entries[0].names
        # What packs the filters, before the tiles are taken up, reads no table.
        each = [words[: -len(table)]] * (len(names) - 1) + [words]
        return found + [
            Call(place.compiled[name], one, work.total, work.grain)
            for name, one, work in zip(names, each, works, strict=True)
            if work.total
        ]

    def _check(self, specs: Sequence[StridedArray], sizes: Sizes) -> None:
        for part in (self.head, *self.rest):
            special = SPECIAL.get(part.node.op.name)
            if special is not None:
                operands = [specs[index] for index in part.operands]
                special.check(attributes_of(part.node, sizes), operands)

    def _record(self, part: Part, cut: Cut, place: Any) -> list[int]:
        """The table's words for what follows."""
        steps: list[int] = []
        for index, axes in zip(part.arrays, part.axes, strict=True):
            step, apart = self.values[index].step or part.step, self.values[index].apart
            strides = cut.arrays[index].strides
            image, row = (
                0 if apart or axis is None else strides[axis] for axis in axes
            )
            steps += STEP.words(
                image=image, ratio=step, row=row, slot=cut.slot if apart else 0
            )
        whole, total = part.words(cut.tile(part, WHOLE), place.sizes)
        last, rest = part.words(cut.tile(part, LAST), place.sizes)
        words = [*steps, *whole, *last]
        record = RECORD.words(
            length=RECORD.end + len(words), entry=place.compiled[part.entry.names[0]],
            count=len(whole), places=len(part.arrays), whole=total, last=rest,
        )  # fmt: skip
        return [*record, *words]

    def listing(self) -> str:
        """What runs on a tile, and the loops of its kernels."""
        names = [f"x{index}" for index in range(len(self.node.inputs))]
        names += [f"v{index}" for index in range(len(names), len(self.values))]
        for index, value in enumerate(self.values):
            if value.output is not None:
                names[index] = f"y{value.output}"
        lines = ["for each tile:"]
        for part in (self.head, *self.rest):
            count = len(part.operands)
            sources, targets = (
                ", ".join(names[index] for index in some)
                for some in (part.arrays[:count], part.arrays[count:])
            )
            lines.append(f"  {targets} = {part.node.op.name}({sources})")
            if part.node.op.name == "fused":
                text = str(loops.lower(part.node))
                lines += [f"    {line}" for line in text.splitlines()]
        return "\n".join(lines)


class Cut:
    """The arrays of a body and their parts in tiles, for given sizes."""

    def __init__(self, form: Followed, sizes: Sizes, specs: list[StridedArray]):
        self.form, self.specs, self.arrays = form, specs, dict[int, StridedArray]()
        head = form.head
        together = math.lcm(*(value.step for value in form.values if value.step))
        self.attributes = {**attributes_of(head.node, sizes), "together": together}
        given = self.given(head)
        way = form.special.way(self.attributes, given, [specs[head.arrays[-1]]])
        assert isinstance(way, Placed)
        self.way, self.geometry = way, way.geometry(self.attributes, given)
        apart = (self._bytes(i) for i, v in enumerate(form.values) if v.apart)
        self.size = form.room + sum(apart)
        self.slot = self.way.slot(self.attributes, given) + self.size

    def given(self, part: Part) -> list[StridedArray]:
        """The operands of a part."""
        return [self.specs[index] for index in part.operands]

    def images(self, tile: int) -> int:
        """The images of a whole tile, or of the last one."""
        batch, images = self.geometry.batch, self.geometry.images
        return (
            images
            if tile == WHOLE
            else batch - larger(0, -(-batch // images) - 1) * images
        )

    def rows(self, height: int, step: int, tile: int) -> int:
        """The rows of an array in a whole tile, or in the last one."""
        before = self.geometry.bands - 1
        rows = self.geometry.rows // step if before else height
        return rows if tile == WHOLE else larger(0, height - before * rows)

    def _shape(self, index: int) -> tuple[int, ...]:
        """The shape of a value's part in the largest tile."""
        _, height, *rest = self.specs[index].shape
        step = self.form.values[index].step
        rows = larger(*[self.rows(height, step, tile) for tile in (WHOLE, LAST)])
        return self.geometry.images, rows, *rest

    def _bytes(self, index: int) -> int:
        return rounded(math.prod(self._shape(index)) * self.specs[index].dtype.itemsize)

    def lay(self, place: Any) -> None:
        """Give each value its array: those of threads in the first slot."""
        given = self.given(self.form.head)
        start = self.way.head(self.attributes, given) + self.slot
        start -= self.size - self.form.room
        self.arrays.update(enumerate(place.sources))
        for index, value in enumerate(self.form.values):
            if value.output is not None:
                self.arrays[index] = place.targets[value.output]
            elif value.apart:
                shape, dtype = self._shape(index), self.specs[index].dtype
                self.arrays[index] = StridedArray(place.scratch + start, shape, dtype)
                start += self._bytes(index)

    def tile(self, part: Part, tile: int) -> list[StridedArray]:
        """The arrays of a part, cut to the sizes of a tile."""
        found = []
        for index, (image, row) in zip(part.arrays, part.axes, strict=True):
            array, cut = self.arrays[index], dict[int, int]()
            if image is not None:
                cut[image] = smaller(array.shape[image], self.images(tile))
            if row is not None:
                height, step = (
                    self.specs[index].shape[row],
                    self.form.values[index].step,
                )
                rows = self.rows(height, step or part.step, tile)
                cut[row] = smaller(array.shape[row], rows)
            found.append(array.cut(cut))
        return found
