"""Loop kernels as CUDA C++: a team of threads walks each unit of work.

A team is a power of two of threads in a warp, or a whole block. Its lanes take turns
along the innermost axis; folds of a row are joined by shuffles, in a fixed order. The
words, the units of work and the partial results are those of `bind`, as on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ...graph.types import DType
from .cuda_functions import apply, literal, loaded, memory_type, register_type, to_store
from .folding import neutral
from .kernel import Layout, LoopKernel
from .language import MIDDLE, ONCE, ROW, VECTOR, Nest, Pass, Store, Total, Value

FOLDS = {
    "sum": "Sum",
    "prod": "Product",
    "max": "Largest",
    "min": "Smallest",
    "any": "Sum",
    "all": "Product",
}


def module_source(kernels: Iterable[LoopKernel]) -> str:
    """One text with all kernels, each once.

    A nest is `NAME(args, total, lanes, fault)`: `args` are the words of a launch on the
    device, `total` its units of work, and `lanes` how many threads take one: 1, 2, 4,
    8, 16, 32, or all of the block. Once the word at `fault` is not 0, nothing is done;
    a null pointer means that it never is.
    """
    different = {kernel.name: kernel for kernel in kernels}
    functions = [
        _Printer(kernel, nest).function(name)
        for kernel in different.values()
        for name, nest in zip(kernel.names, kernel.nests, strict=True)
    ]
    return "\n".join([prelude(), *functions])


def entry_head(name: str) -> str:
    """How the definition of a function that can be launched begins."""
    given = "const i64 *args, i64 total, int lanes, const i64 *fault"
    return f'extern "C" __global__ void __launch_bounds__(MOST) {name}({given})'


@cache
def prelude() -> str:
    """What the kernels call."""
    return Path(__file__).with_name("prelude.cu").read_text()


class _Printer:
    """One nest; `refs` are the values that are known where the text has come to."""

    def __init__(self, kernel: LoopKernel, nest: Nest):
        self.nest, self.layout = nest, Layout(kernel, nest)
        self.first = len(kernel.operands) + len(kernel.outputs)
        self.lines: list[str] = []
        self.depth = 1
        self.count = 0  # of names
        self.words = set[int]()  # that are read
        self.refs: dict[int, str] = {}
        self.coordinates: dict[int, str] = {}
        self.pointers: dict[int, str] = {}  # of accesses
        self.needed: set[int] = set()  # by a pass
        self.totals: dict[int, str] = {}  # of totals, unless in memory

    # Text.

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def let(self, type: str, text: str, letter: str = "v", fixed: bool = True) -> str:
        name = self.name(letter)
        self.put(f"{'const ' if fixed else ''}{type} {name} = {text};")
        return name

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """A statement's block: what becomes known inside is not known after."""
        kept = self.refs, self.coordinates, self.pointers
        self.refs, self.coordinates, self.pointers = (
            dict(kept[0]),
            dict(kept[1]),
            dict(kept[2]),
        )
        self.put(f"{head} {{".strip())
        self.depth += 1
        yield
        self.depth -= 1
        self.put("}")
        self.refs, self.coordinates, self.pointers = kept

    @contextmanager
    def counting(self, start: str, stop: str, step: str, letter: str) -> Iterator[str]:
        name = self.name(letter)
        head = f"for (i64 {name} = {start}; {name} < {stop}; {name} += {step})"
        with self.block(head):
            yield name

    # Words and pointers.

    def word(self, place: int) -> str:
        self.words.add(place)
        return f"w{place}"

    def size(self, axis: int) -> str:
        return self.word(self.layout.sizes + axis)

    def stride(self, access: int, axis: int) -> str:
        return self.word(self.layout.strides[access, axis])

    def point(self, axes: Sequence[int]) -> None:
        """Move the pointers of accesses along axes whose coordinates are known."""
        for index, access in enumerate(self.nest.accesses):
            steps = [
                f"{self.coordinates[axis]} * {self.stride(index, axis)}"
                for axis in access.axes
                if axis is not None and axis in axes
            ]
            if steps:
                self.move(index, " + ".join(steps))

    def move(self, access: int, step: str) -> None:
        type = memory_type(self.nest.accesses[access].dtype)
        moved = f"{self.pointers[access]} + {step}"
        self.pointers[access] = self.let(f"{type}*", moved, "p", fixed=False)

    def locate(self, index: str, axes: Sequence[int]) -> None:
        """The coordinates of a number that counts along axes."""
        for axis in reversed(axes[1:]):
            size = self.size(axis)
            self.coordinates[axis] = self.let("i64", f"{index} % {size}", "c")
            index = self.let("i64", f"{index} / {size}", "c")
        if axes:
            self.coordinates[axes[0]] = index

    # The parallel axis and the rows.

    def function(self, name: str) -> str:
        """The whole function: a loop over units of work."""
        nest = self.nest
        for index, access in enumerate(nest.accesses):
            type = memory_type(access.dtype)
            text = f"({type}*)args[{access.array}]"
            self.pointers[index] = self.let(f"{type}*", text, "p", fixed=False)
        self.compute(ONCE, 0)
        with self.counting("team.number", "total", "team.count", "unit") as unit:
            outer = nest.along("outer")
            self.locate(self.cut(unit), outer)
            self.point(outer)
            self.begin_totals()
            if nest.by_columns:
                self.by_columns()
            else:
                self.rows()
            self.end_totals()
        head = entry_head(name)
        words = [f"    const i64 w{k} = args[{k}];" for k in sorted(self.words)]
        first = ["    if (fault && *fault) return;", "    const Team team(lanes);"]
        return "\n".join([f"{head} {{", *first, *words, *self.lines, "}", ""])

    def cut(self, unit: str) -> str:
        """What part of the innermost axis and which chunk a unit of work is."""
        nest, layout = self.nest, self.layout
        self.piece = self.chunk = "0"
        if nest.vector is not None:
            self.low, self.high = "0", self.size(nest.vector)
            if nest.cuttable:
                blocks, block = self.word(layout.blocks), self.word(layout.block)
                self.piece = self.let("i64", f"{unit} % {blocks}", "piece")
                if nest.totals or nest.along("outer"):
                    unit = self.let("i64", f"{unit} / {blocks}", "unit")
                self.low = self.let("i64", f"{self.piece} * {block}", "low")
                end = f"smaller({self.low} + {block}, {self.high})"
                self.high = self.let("i64", end, "high")
        if nest.totals:
            chunks = self.word(layout.chunks)
            self.chunk = self.let("i64", f"{unit} % {chunks}", "chunk")
            if nest.along("outer"):
                unit = self.let("i64", f"{unit} / {chunks}", "unit")
        return unit

    def rows(self) -> None:
        if not self.nest.along("folded"):
            self.row()
            return
        with self.counting(*self.part(), "1", "row") as row:
            self.at_row(row)
            self.row()

    def part(self) -> tuple[str, str]:
        """The first of the rows of a chunk, and where they end."""
        count = " * ".join(self.size(axis) for axis in self.nest.along("folded"))
        rows = self.word(self.layout.rows)
        first = self.let("i64", f"{self.chunk} * {rows}", "first")
        end = f"smaller({first} + {rows}, (i64)({count}))"
        return first, self.let("i64", end, "last")

    def at_row(self, row: str) -> None:
        folded = self.nest.along("folded")
        self.locate(row, folded)
        self.point(folded)

    # Sums of columns: groups of threads share the rows, or the parts of an earlier sum.

    def by_columns(self) -> None:
        nest = self.nest
        assert nest.vector is not None
        if not nest.totals:
            self.compute(ROW, 0)
        first, last = self.part() if nest.totals else ("", "")
        span = self.let("i64", f"{self.high} - {self.low}", "span")
        columns = self.let("const Columns", f"Columns(team, {span})", "columns", False)
        with self.counting("0", span, f"{columns}.across", "begin") as begin:
            self.index = self.let("i64", f"{self.low} + {begin} + {columns}.column")
            self.coordinates[nest.vector] = self.index
            self.live = self.let("bool", f"{self.index} < {self.high}", "live")
            if nest.totals:
                self.column_totals(columns, first, last)
            else:
                self.column_parts(columns)

    def column_totals(self, columns: str, first: str, last: str) -> None:
        """What a pass over the rows of a chunk leaves of columns."""
        nest = self.nest
        for index, total in enumerate(nest.totals):
            dtype = nest.values[total.value].dtype
            self.totals[index] = self.accumulator(total.kind, dtype)
        start = f"{self.live} ? {first} + {columns}.group : {last}"
        with self.counting(start, last, f"{columns}.groups", "row") as row:
            self.at_row(row)
            for level in (ROW, VECTOR):
                self.compute(level, 0)
            for store in nest.stores:
                self.write(self.element(store.access), store)
            for index, total in enumerate(nest.totals):
                self.gather_up(self.totals[index], total.kind, total.value)
        for index, total in enumerate(nest.totals):
            dtype = nest.values[total.value].dtype
            found = self.over_groups(columns, self.totals[index], total.kind, dtype)
            target = f"{self.pointers[total.access]}[{self.index}]"
            first_group = f"{self.live} && !{columns}.group"
            self.put(f"if ({first_group}) {target} = {to_store(found, dtype)};")

    def column_parts(self, columns: str) -> None:
        """Partial results of columns as one, and what comes of it."""
        for index, value in enumerate(self.nest.values):
            if value.op == "partial" and self.nest.level_of(value) == VECTOR:
                place = self.accumulator(value.data[1], value.dtype)
                parts = self.parts_of(value)
                start = f"{self.live} ? {columns}.group : {parts}"
                self.add_parts(value, place, start, parts, f"{columns}.groups")
                self.refs[index] = self.over_groups(
                    columns, place, value.data[1], value.dtype
                )
        with self.block(f"if ({self.live} && !{columns}.group)"):
            self.compute(VECTOR, 0)
            for store in self.nest.stores:
                self.write(self.element(store.access), store)

    def over_groups(self, columns: str, place: str, kind: str, dtype: DType) -> str:
        joined = f"{columns}.joined<{FOLDS[kind]}>({place})"
        return self.let(register_type(dtype), joined)

    def row(self) -> None:
        """All passes over the inner axes, with what is computed between them."""
        values = self.nest.values
        self.between(0)
        for turn in range(self.nest.turns):
            made = self.nest.pass_of(turn)
            places = {
                index: self.accumulator(values[index].data, values[index].dtype)
                for index in made.folds
            }
            self.passing(made, places)
            for index, place in places.items():
                value = values[index]
                self.refs[index] = self.joined(place, value.data, value.dtype)
            self.between(turn + 1)

    def between(self, turn: int) -> None:
        """What stands beside the passes over a row."""
        nest = self.nest
        self.compute(ROW, turn)
        levels = [nest.level(nest.accesses[s.access].axes) for s in nest.stores]
        self.lead(
            store
            for store, level in zip(nest.stores, levels, strict=True)
            if level <= ROW and nest.values[store.value].turn == turn
        )
        for index, total in enumerate(nest.totals):
            if total.form == "row" and nest.values[total.value].turn == turn:
                self.gather_up(self.totals[index], total.kind, total.value)

    # Passes over the inner axes.

    def passing(self, made: Pass, places: dict[int, str]) -> None:
        """One pass: what is folded, stored and left of values of a turn."""
        self.needed = self.nest.needed(made)
        if made.folds or made.stores or made.totals:
            middle = self.nest.along("inner")[:-1]
            self.middle_loops(middle, lambda: self.along_vector(made, places))

    def middle_loops(self, axes: Sequence[int], inside: Callable[[], None]) -> None:
        if not axes:
            with self.block(""):
                self.compute(MIDDLE, None)
                inside()
            return
        with self.counting("0", self.size(axes[0]), "1", "m") as index:
            self.coordinates[axes[0]] = index
            self.point(axes[:1])
            self.middle_loops(axes[1:], inside)

    @contextmanager
    def lanes(self) -> Iterator[None]:
        """The innermost loop, in which the lanes of a team take turns."""
        assert self.nest.vector is not None
        start = f"{self.low} + team.lane"
        with self.counting(start, self.high, "team.lanes", "at") as self.index:
            self.coordinates[self.nest.vector] = self.index
            yield

    def along_vector(self, made: Pass, places: dict[int, str]) -> None:
        nest = self.nest
        levels = [nest.level(nest.accesses[s.access].axes) for s in made.stores]
        pairs = list(zip(made.stores, levels, strict=True))
        self.lead(store for store, level in pairs if level < VECTOR)
        deep = [store for store, level in pairs if level == VECTOR]
        if not (deep or made.folds or made.totals):
            return
        with self.lanes():
            self.compute(VECTOR, None)
            for store in deep:
                self.write(self.element(store.access), store)
            for index, place in places.items():
                value = nest.values[index]
                self.gather_up(place, value.data, value.args[0])
            for index in made.totals:
                self.total(index, nest.totals[index])

    # Values.

    def compute(self, level: int, turn: int | None) -> None:
        """The values of a level: those of a turn, or those that a pass needs."""
        for index, value in enumerate(self.nest.values):
            if index in self.refs or value.op == "fold":
                continue
            wanted = index in self.needed if turn is None else value.turn == turn
            if wanted and self.nest.level_of(value) == level:
                self.refs[index] = self.evaluate(value)

    def evaluate(self, value: Value) -> str:
        type = register_type(value.dtype)
        match value.op:
            case "number":
                return literal(value.data, value.dtype)
            case "size":
                return self.word(self.layout.numbers + value.data)
            case "index":
                return self.coordinates[value.data]
            case "load":
                place = [self.refs[index] for index in value.args]
                element = self.element(value.data, *place)
                return self.let(type, loaded(element, value.dtype))
            case "partial":
                return self.sum_of_parts(value)
        args = [self.refs[index] for index in value.args]
        dtype = self.nest.values[value.args[-1]].dtype
        return self.let(type, apply(value.op, dtype, value.dtype, args))

    def element(self, access: int, place: str | None = None) -> str:
        """Where an access points at the coordinates of the moment, and a place."""
        vector, steps = self.nest.vector, []
        if place is not None:
            pick = self.word(self.layout.picks[access])
            steps.append(f"(i64){place} * {pick}")
        if vector is not None and vector in self.nest.accesses[access].axes:
            steps.append(f"{self.index} * {self.stride(access, vector)}")
        return f"{self.pointers[access]}[{' + '.join(steps) or '0'}]"

    def sum_of_parts(self, value: Value) -> str:
        """The partial results of all chunks: each lane in order, or lanes in turns."""
        _, kind = value.data
        alone = self.nest.level_of(value) == VECTOR
        place = self.accumulator(kind, value.dtype)
        start, by = ("0", "1") if alone else ("team.lane", "team.lanes")
        self.add_parts(value, place, start, self.parts_of(value), by)
        return place if alone else self.joined(place, kind, value.dtype)

    def parts_of(self, value: Value) -> str:
        """How many partial results there are."""
        return self.word(self.layout.parts + self.partial_number(value))

    def partial_number(self, value: Value) -> int:
        return self.nest.accesses[value.data[0]].array - self.first

    def add_parts(
        self, value: Value, place: str, start: str, stop: str, by: str
    ) -> None:
        access, kind = value.data
        step = self.word(self.layout.steps + self.partial_number(value))
        self.put("#pragma unroll 8")
        with self.counting(start, stop, by, "part") as part:
            self.move(access, f"{part} * {step}")
            more = loaded(self.element(access), value.dtype)
            self.put(f"{place} = {FOLDS[kind]}::of({place}, {more});")

    # Stores.

    def write(self, target: str, store: Store) -> None:
        dtype = self.nest.accesses[store.access].dtype
        self.put(f"{target} = {to_store(self.refs[store.value], dtype)};")

    def lead(self, stores: Iterable[Store]) -> None:
        """Stores of one thread for its team, once all have read what may lie there."""
        found = list(stores)
        if found:
            self.put("team.wait();")
            with self.block("if (team.leads())"):
                for store in found:
                    self.write(f"*{self.pointers[store.access]}", store)

    # Folds.

    def accumulator(self, kind: str, dtype: DType) -> str:
        first = 0 if kind == "sum" else neutral(kind, dtype)
        return self.let(register_type(dtype), literal(first, dtype), "f", fixed=False)

    def joined(self, place: str, kind: str, dtype: DType) -> str:
        return self.let(register_type(dtype), f"joined<{FOLDS[kind]}>(team, {place})")

    def gather_up(self, place: str, kind: str, source: int) -> None:
        self.put(f"{place} = {FOLDS[kind]}::of({place}, {self.refs[source]});")

    def total(self, index: int, total: Total) -> None:
        if total.form == "full":
            self.gather_up(self.totals[index], total.kind, total.value)
            return
        dtype = self.nest.values[total.value].dtype
        old = f"{self.pointers[total.access]}[{self.index}]"
        new = f"{FOLDS[total.kind]}::of({loaded(old, dtype)}, {self.refs[total.value]})"
        self.put(f"{old} = {to_store(new, dtype)};")

    def begin_totals(self) -> None:
        """Places for the partial results of a unit, and what they begin with."""
        for index, total in enumerate(self.nest.totals):
            dtype = self.nest.values[total.value].dtype
            chunk = self.chunk
            if total.form == "full":
                chunk = f"({chunk} * {self.word(self.layout.blocks)} + {self.piece})"
            self.move(total.access, f"{chunk} * {self.word(self.layout.steps + index)}")
            if total.form == "column":
                if not self.nest.by_columns:
                    self.clear(total, dtype)
            else:
                self.totals[index] = self.accumulator(total.kind, dtype)

    def clear(self, total: Total, dtype: DType) -> None:
        first = 0 if total.kind == "sum" else neutral(total.kind, dtype)

        def inside() -> None:
            with self.lanes():
                target = f"{self.pointers[total.access]}[{self.index}]"
                self.put(f"{target} = {to_store(literal(first, dtype), dtype)};")

        self.needed = set()
        self.middle_loops(self.nest.along("inner")[:-1], inside)

    def end_totals(self) -> None:
        """The partial results that are not in memory yet, by one thread of the team."""
        for index, total in enumerate(self.nest.totals):
            if total.form == "column":
                continue
            dtype, place = self.nest.values[total.value].dtype, self.totals[index]
            if total.form == "full":
                place = self.joined(place, total.kind, dtype)
            target = f"*{self.pointers[total.access]}"
            self.put(f"if (team.leads()) {target} = {to_store(place, dtype)};")
