"""Loop kernels as LLVM IR: vectors of a fixed number of lanes over the innermost axis.

One body serves whole vectors, rests and any stride: what is no vector of neighbours
goes by way of a buffer. Folds keep a vector of partial results and join its
lanes in a fixed order, so results depend neither on the machine nor on how the
parallel axis is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from .folding import combine, join_lanes, neutral, start
from .functions import apply, loaded, register_type, to_store
from .kernel import LoopKernel
from .language import MIDDLE, ONCE, ROW, VECTOR, Nest, Pass, Store, Total, Value
from .placed_sums import PlacedSums
from .places import Places, host_has
from .register_columns import RegisterColumns
from .writer import USUAL, Ref, Writer


@dataclass(frozen=True)
class Entry:
    """Native functions as text; `names` are theirs, in the order of the launches.

    `helpers` are the texts of functions that it calls and other texts too, by name.
    """

    names: tuple[str, ...]
    text: str
    helpers: Mapping[str, str]

    @property
    def fragments(self) -> dict[str, str]:
        """The text of each function, by its name."""
        return {**self.helpers, **dict.fromkeys(self.names, self.text)}


Move = Callable[[int], "Ref | None"]  # of an access, by one of several ways

MOST_PRINTED = 1024
_PRINTED: dict[tuple[str, bool], Entry] = {}  # equal kernels share a name


def print_llvm(kernel: LoopKernel, masks: bool | None = None) -> Entry:
    """The functions of a kernel, one a nest; with `masks`, for machines that have them.

    Ends of rows, which are no whole vectors, go under a mask or else through a buffer.
    """
    if masks is None:
        masks = host_has("avx512bw", "avx512vl")
    key = kernel.name, masks
    found = _PRINTED.get(key)
    if found is None:
        if len(_PRINTED) >= MOST_PRINTED:
            _PRINTED.clear()
        found = _PRINTED[key] = _printed(kernel, masks)
    return found


def _printed(kernel: LoopKernel, masks: bool) -> Entry:
    functions: list[str] = []
    helpers: dict[str, str] = {}
    declared: dict[str, str] = {}
    for name, nest in zip(kernel.names, kernel.nests, strict=True):
        printer = _Printer(kernel, nest, masks)
        printer.function()
        functions.append(printer.writer.function(name))
        helpers.update(printer.writer.helpers)
        declared.update(printer.writer.declared)
    lines = [*functions, *declared.values(), USUAL, ""]
    return Entry(kernel.names, "\n".join(lines), helpers)


class _Printer:
    """One nest; `refs` are the values that are known where the writer stands."""

    def __init__(self, kernel: LoopKernel, nest: Nest, masks: bool):
        self.nest, self.lanes = nest, nest.lanes
        self.writer = Writer()
        self.at = Places(kernel, nest, self.writer, masks)
        self.refs: dict[int, Ref] = {}
        self.needed: set[int] = set()  # by a pass
        self.accumulators: dict[int, str] = {}  # of values that are folds
        self.totals: dict[int, str] = {}  # of totals, unless in memory
        self.columns = RegisterColumns(nest, self.at)
        self.sums = PlacedSums(self.at)
        self.first = len(kernel.operands) + len(kernel.outputs)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What becomes known inside is not known after."""
        at = self.at
        kept = self.refs, at.coordinates, at.pointers, at.shifts
        self.refs, at.coordinates, at.pointers, at.shifts = (
            dict(kept[0]),
            dict(kept[1]),
            {**kept[2]},
            {**kept[3]},
        )
        yield
        self.refs, at.coordinates, at.pointers, at.shifts = kept

    # The parallel axis and the rows.

    def function(self) -> None:
        """The whole function: a loop over units of work."""
        writer, outer = self.writer, self.nest.along("outer")
        self.compute(ONCE, 0)
        begin, end = Ref(writer, "%start", "i64"), Ref(writer, "%stop", "i64")
        with writer.loop(begin, end) as unit, self.scope():
            self.at.locate(self.cut(unit), outer)
            self.at.point(outer)
            self.begin_totals()
            self.rows()
            self.end_totals()

    def cut(self, unit: Ref) -> Ref:
        """What part of the innermost axis and which chunk a unit of work is."""
        writer, nest, layout = self.writer, self.nest, self.at.layout
        self.piece = self.chunk = writer.index(0)
        if nest.vector is not None:
            self.low, self.high = writer.index(0), self.at.size(nest.vector)
            if nest.columns is not None:
                self.high = writer.index(nest.columns)
            if nest.cuttable:
                blocks, block = self.at.word(layout.blocks), self.at.word(layout.block)
                self.piece = writer.binary("urem", unit, blocks)
                unit = writer.binary("udiv", unit, blocks)
                self.low = self.piece * block
                self.high = writer.call("smin", self.low + block, self.high)
            usual = writer.compare("ne", self.at.word(layout.unit), 0)
            self.limit = writer.select(usual, self.high, -1)
        if nest.totals:
            chunks = self.at.word(layout.chunks)
            self.chunk = writer.binary("urem", unit, chunks)
            unit = writer.binary("udiv", unit, chunks)
        return unit

    def rows(self) -> None:
        writer, folded = self.writer, self.nest.along("folded")
        if not folded:
            self.row()
            return
        count = self.at.size(folded[0])
        for axis in folded[1:]:
            count = count * self.at.size(axis)
        rows = self.at.word(self.at.layout.rows)
        first = self.chunk * rows
        last = writer.call("smin", first + rows, count)
        with writer.loop(first, last) as row, self.scope():
            self.at.locate(row, folded)
            self.at.point(folded)
            self.row()

    def row(self) -> None:
        """All passes over the inner axes, with what is computed between them."""
        values = self.nest.values
        self.between(0)
        self.sums.locate(self.refs)
        for turn in range(self.nest.turns):
            made = self.nest.pass_of(turn)
            for index in made.folds:
                self.accumulators[index] = self.accumulator(values[index])
            self.passing(made)
            for index in made.folds:
                self.refs[index] = self.joined(index)
            self.between(turn + 1)

    def between(self, turn: int) -> None:
        """What stands beside the passes over a row."""
        nest = self.nest
        self.compute(ROW, turn)
        for store in nest.stores:
            access = nest.accesses[store.access]
            known = nest.values[store.value].turn == turn
            if known and nest.level(access.axes) <= ROW:
                self.write(store)
        for index, total in enumerate(nest.totals):
            if total.form == "row" and nest.values[total.value].turn == turn:
                self.accumulate(self.totals[index], total)

    # Passes over the inner axes.

    def passing(self, made: Pass) -> None:
        """One pass: what is folded, stored and left of values of a turn."""
        self.needed = self.nest.needed(made)
        if made.folds or made.stores or made.totals:
            middle = self.nest.along("inner")[:-1]
            with nullcontext() if self.nest.in_one_vector else self.scope():
                self.middle_loops(middle, lambda: self.vectors(made))

    def middle_loops(self, axes: Sequence[int], inside: Callable[[], None]) -> None:
        if not axes:
            self.compute(MIDDLE, None)
            inside()
            return
        writer, axis = self.writer, axes[0]
        with writer.loop(writer.index(0), self.at.size(axis)) as index, self.scope():
            self.at.coordinates[axis] = index
            self.at.point(axes[:1])
            self.middle_loops(axes[1:], inside)

    def vectors(self, made: Pass) -> None:
        """The innermost loop."""
        nest, writer, folds, totals = self.nest, self.writer, made.folds, made.totals
        levels = [nest.level(nest.accesses[s.access].axes) for s in made.stores]
        pairs = zip(made.stores, levels, strict=True)
        deep = [store for store, level in pairs if level == VECTOR]
        for store in made.stores:
            if store not in deep:
                self.write(store)
        if not (deep or folds or totals):
            return
        if nest.in_one_vector:  # what a pass knows, those after it know too
            self.vector(writer.index(0), made, deep)
            return
        if nest.columns is not None:
            for number in range(self.columns.count):
                self.columns.number = number
                with self.scope():
                    index = writer.index(number * self.lanes)
                    self.vector(index, made, deep)
            return
        with writer.loop(self.low, self.high, self.lanes) as index, self.scope():
            self.vector(index, made, deep)

    def vector(self, index: Ref, made: Pass, stores: Sequence[Store]) -> None:
        """A vector along the innermost axis: its loads, values, stores and folds."""
        nest, writer = self.nest, self.writer
        assert nest.vector is not None
        self.at.coordinates[nest.vector] = self.index = index
        self.rest = writer.call("smin", self.high - index, writer.index(self.lanes))
        # With masks, a vector that is not whole is an easy one too.
        last = index if self.at.masks else index + (self.lanes - 1)
        self.easy = writer.compare("slt", last, self.limit)
        self.whole = writer.compare("slt", index + (self.lanes - 1), self.high)
        rest = writer.wide(writer.convert("trunc", self.rest, "i32"), self.lanes)
        self.mask = writer.compare("slt", self.at.lane_numbers("i32"), rest)
        self.load_vectors()
        self.compute(VECTOR, None)
        self.store_vectors(stores)
        for place in made.folds:
            self.fold(place, self.mask)
        for place in made.totals:
            self.total(place, self.mask)

    def load_vectors(self) -> None:
        """What the pass reads along the innermost axis, at once or in pieces."""
        nest, at = self.nest, self.at
        every = ((i, nest.values[i]) for i in sorted(self.needed - self.refs.keys()))
        loads = {
            i: value
            for i, value in every
            if value.op == "load" and nest.level_of(value) == VECTOR
        }
        spread_out = {
            i: value
            for i, value in loads.items()
            if nest.vector not in nest.accesses[value.data].axes
        }
        self.load_moved({i: v for i, v in loads.items() if i not in spread_out})
        for index, value in spread_out.items():
            raw = at.gather_picked(value, self.refs, self.mask)
            self.refs[index] = loaded(raw, value.dtype)

    def load_moved(self, loads: dict[int, Value]) -> None:
        """What is read along the innermost axis by moving along it."""
        at = self.at
        for value in loads.values():
            at.shift(value, self.refs)

        def neighbours(access: int) -> Ref:
            return at.load_along(access, self.index, self.mask)

        def spread(access: int) -> Ref:
            return at.gather_whole(access, self.index, self.mask)

        def pieces(access: int) -> Ref:
            return at.gather(access, self.index, self.rest, self.mask)

        accesses = list(dict.fromkeys(value.data for value in loads.values()))
        found = self.move(accesses, neighbours, spread, pieces)
        for index, value in loads.items():
            self.refs[index] = loaded(found[value.data], value.dtype)

    def store_vectors(self, stores: Sequence[Store]) -> None:
        if not stores:
            return
        nest, at = self.nest, self.at
        raws: dict[int, Ref] = {}
        for store in stores:
            dtype = nest.accesses[store.access].dtype
            wide = self.writer.wide(self.refs[store.value], self.lanes)
            if store.by is not None:
                self.sums.add(store.access, wide, self.index, self.mask)
                continue
            raws[store.access] = to_store(wide, dtype)

        def neighbours(access: int) -> None:
            at.store_along(access, raws[access], self.index, self.mask)

        def spread(access: int) -> None:
            at.scatter_whole(access, raws[access], self.index, self.mask)

        def pieces(access: int) -> None:
            at.scatter(access, raws[access], self.index, self.rest, self.mask)

        self.move(list(raws), neighbours, spread, pieces)

    def move(
        self, accesses: Sequence[int], neighbours: Move, spread: Move, pieces: Move
    ) -> dict[int, Ref]:
        """Whole vectors go at once, those that stand sideways too; others in pieces."""
        sideways = [one for one in accesses if self.nest.sideways(one)]
        straight = [one for one in accesses if one not in sideways]
        found = self.either(self.easy, straight, neighbours, pieces)
        return found | self.either(self.whole, sideways, spread, pieces)

    def either(
        self, usual: Ref, accesses: Sequence[int], whole: Move, pieces: Move
    ) -> dict[int, Ref]:
        """One way for what is usual, another for all else."""
        if not accesses:
            return {}
        writer, tag = self.writer, self.writer.name("")
        fast, slow, join = f"fast{tag}", f"slow{tag}", f"join{tag}"
        writer.branch(usual, fast, slow, usual=True)
        writer.open(fast)
        first, fast = [whole(one) for one in accesses], writer.block
        writer.jump(join)
        writer.open(slow)
        second, slow = [pieces(one) for one in accesses], writer.block
        writer.jump(join)
        writer.open(join)
        return {
            access: writer.merge((one, fast), (two, slow))
            for access, one, two in zip(accesses, first, second, strict=True)
            if one is not None and two is not None
        }

    # Values.

    def compute(self, level: int, turn: int | None) -> None:
        """The values of a level: those of a turn, or those that a pass needs."""
        for index, value in enumerate(self.nest.values):
            if index in self.refs or value.op == "fold":
                continue
            wanted = index in self.needed if turn is None else value.turn == turn
            if wanted and self.nest.level_of(value) == level:
                self.refs[index] = self.evaluate(value)

    def evaluate(self, value: Value) -> Ref:
        match value.op:
            case "number":
                return self.writer.number(value.data, register_type(value.dtype))
            case "size":
                return self.at.word(self.at.layout.numbers + value.data)
            case "index":
                return self.counted(value)
            case "load":
                self.at.shift(value, self.refs)
                return self.at.load(self.at.pointer(value.data), value.dtype)
            case "partial":
                return self.sum_of_parts(value)
        args = [self.refs[index] for index in value.args]
        dtype = self.nest.values[value.args[-1]].dtype
        return apply(value.op, dtype, value.dtype, args)

    def counted(self, value: Value) -> Ref:
        index = self.at.coordinates[value.data]
        if value.data != self.nest.vector:
            return index
        return self.writer.wide(index, self.lanes) + self.at.lane_numbers("i64")

    def sum_of_parts(self, value: Value) -> Ref:
        """The partial results of all chunks, in order."""
        writer, at, dtype = self.writer, self.at, value.dtype
        access, kind = value.data
        number = self.nest.accesses[access].array - self.first
        step = at.word(at.layout.steps + number)
        parts = at.word(at.layout.parts + number)
        pointer, lanes = at.pointers[access], 1
        if self.nest.level_of(value) == VECTOR:
            lanes = self.lanes
            pointer = at.offset(pointer, dtype, self.index)
        first = at.load(pointer, dtype, lanes)
        place = writer.room(first.whole)
        at.write_room(place, first)
        with writer.loop(writer.index(1), parts) as part:
            more = at.load(at.offset(pointer, dtype, part * step), dtype, lanes)
            old = at.read_room(place, first.type, lanes)
            at.write_room(place, combine(kind, dtype, old, more))
        return at.read_room(place, first.type, lanes)

    def write(self, store: Store) -> None:
        dtype = self.nest.accesses[store.access].dtype
        self.at.store(self.at.pointers[store.access], self.refs[store.value], dtype)

    # Folds.

    def accumulator(self, value: Value) -> str:
        writer = self.writer
        first = writer.wide(start(writer, value.data, value.dtype), self.lanes)
        place = writer.room(first.whole)
        self.at.write_room(place, first)
        return place

    def joined(self, index: int) -> Ref:
        value, place = self.nest.values[index], self.accumulators[index]
        vector = self.at.read_room(place, register_type(value.dtype), self.lanes)
        return join_lanes(vector, value.data, value.dtype)

    def fold(self, index: int, mask: Ref) -> None:
        value = self.nest.values[index]
        self.gather_up(self.accumulators[index], value.data, value.args[0], mask)

    def masked(self, source: int, kind: str, mask: Ref) -> Ref:
        value = self.nest.values[source]
        ref = self.writer.wide(self.refs[source], self.lanes)
        return self.writer.select(mask, ref, neutral(kind, value.dtype))

    def gather_up(self, place: str, kind: str, source: int, mask: Ref) -> None:
        """Lanes added to a vector of partial results."""
        dtype = self.nest.values[source].dtype
        ref = self.masked(source, kind, mask)
        old = self.at.read_room(place, ref.type, ref.lanes)
        self.at.write_room(place, combine(kind, dtype, old, ref))

    def total(self, place: int, mask: Ref) -> None:
        total, at = self.nest.totals[place], self.at
        if total.form == "full":
            self.gather_up(self.totals[place], total.kind, total.value, mask)
            return
        if self.nest.columns is not None:
            room = self.columns.room(place)
            self.gather_up(room, total.kind, total.value, mask)
            return
        dtype = self.nest.values[total.value].dtype
        ref = self.masked(total.value, total.kind, mask)
        pointer = at.offset(at.pointers[total.access], dtype, self.index)
        old = at.load(pointer, dtype, self.lanes)
        at.store(pointer, combine(total.kind, dtype, old, ref), dtype)

    def accumulate(self, place: str, total: Total) -> None:
        ref, dtype = self.refs[total.value], self.nest.values[total.value].dtype
        old = self.at.read_room(place, ref.type, 1)
        self.at.write_room(place, combine(total.kind, dtype, old, ref))

    def begin_totals(self) -> None:
        """Room for the partial results of a unit of work, and what they begin with."""
        at, writer = self.at, self.writer
        for index, total in enumerate(self.nest.totals):
            dtype = self.nest.values[total.value].dtype
            first, chunk = start(writer, total.kind, dtype), self.chunk
            if total.form == "full":
                chunk = chunk * at.word(at.layout.blocks) + self.piece
            step = chunk * at.word(at.layout.steps + index)
            pointer = at.offset(at.pointers[total.access], dtype, step)
            at.pointers[total.access] = pointer
            if total.form == "column":
                wide = writer.wide(first, self.lanes)
                if self.nest.columns is not None:
                    self.columns.begin(index, wide)
                else:
                    self.clear(total.access, wide)
                continue
            first = writer.wide(first, self.lanes if total.form == "full" else 1)
            if index not in self.totals:
                self.totals[index] = writer.room(first.whole)
            at.write_room(self.totals[index], first)

    def clear(self, access: int, first: Ref) -> None:
        dtype = self.nest.accesses[access].dtype

        def inside() -> None:
            with self.writer.loop(self.low, self.high, self.lanes) as index:
                pointer = self.at.offset(self.at.pointers[access], dtype, index)
                self.at.store(pointer, first, dtype)

        self.needed = set()
        with self.scope():
            self.middle_loops(self.nest.along("inner")[:-1], inside)

    def end_totals(self) -> None:
        for index, total in enumerate(self.nest.totals):
            dtype = self.nest.values[total.value].dtype
            if total.form == "column":
                self.columns.end(index, total, register_type(dtype))
                continue
            lanes = self.lanes if total.form == "full" else 1
            vector = self.at.read_room(self.totals[index], register_type(dtype), lanes)
            one = join_lanes(vector, total.kind, dtype)
            self.at.store(self.at.pointers[total.access], one, dtype)
