"""Where a native loop nest finds its numbers: words, pointers, loads and stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from ...graph.types import DType
from .functions import loaded, memory_type, to_store
from .kernel import Layout, LoopKernel
from .language import Nest, Value
from .partial_vectors import gatherer, scatterer
from .writer import Ref, Writer, vector_type


@cache
def host_has(*features: str) -> bool:
    """Whether this machine has all of these instructions."""
    import llvmlite.binding as llvm

    known = llvm.get_host_cpu_features()
    return all(known.get(feature) for feature in features)


class Places:
    """The words of a nest and its accesses, at the coordinates of the moment."""

    def __init__(self, kernel: LoopKernel, nest: Nest, writer: Writer, masks: bool):
        self.kernel, self.nest, self.writer = kernel, nest, writer
        self.masks = masks  # whether the machine has vectors with masks
        self.lanes = nest.lanes
        self.mask_type = vector_type("i1", self.lanes)
        self.pointers_type = vector_type("ptr", self.lanes)
        self.layout = Layout(kernel, nest)
        self.words: dict[int, Ref] = {}
        self.coordinates: dict[int, Ref] = {}
        self.pointers: dict[int, Ref] = {}  # of accesses
        self.shifts: dict[int, Ref] = {}  # how far those are that pick
        self.buffers: dict[int, str] = {}
        self._read_words()
        self.point(())

    # Words.

    def word(self, place: int, type: str = "i64") -> Ref:
        """A word of the arguments."""
        if place not in self.words:
            writer = self.writer
            at = writer.new(f"getelementptr i64, ptr %args, i64 {place}", "ptr")
            self.words[place] = writer.new(f"load {type}, ptr {at.text}", type)
        return self.words[place]

    def _read_words(self) -> None:
        layout = self.layout
        for access in self.nest.accesses:
            self.word(access.array, "ptr")
        for place in range(layout.sizes, layout.count):
            self.word(place)

    def size(self, axis: int) -> Ref:
        """How long an axis is."""
        return self.word(self.layout.sizes + axis)

    # Pointers.

    def lane_numbers(self, type: str) -> Ref:
        """0, 1, 2 and on: which lane is which."""
        listed = ", ".join(f"{type} {lane}" for lane in range(self.lanes))
        return Ref(self.writer, f"<{listed}>", type, self.lanes)

    def offset(self, pointer: Ref, dtype: DType, index: Ref) -> Ref:
        """The pointer so many elements further."""
        type = memory_type(dtype)
        text = f"getelementptr {type}, ptr {pointer.text}, i64 {index.text}"
        return self.writer.new(text, "ptr")

    def point(self, axes: Iterable[int]) -> None:
        """Move the pointers of accesses along axes whose coordinates are known."""
        moved = set(axes)
        for index, access in enumerate(self.nest.accesses):
            pointer = self.pointers.get(index, self.word(access.array, "ptr"))
            for axis in access.axes:
                if axis is not None and axis in moved:
                    stride = self.word(self.layout.strides[index, axis])
                    step = self.coordinates[axis] * stride
                    pointer = self.offset(pointer, access.dtype, step)
            self.pointers[index] = pointer

    def pointer(self, access: int) -> Ref:
        """Where an access is, what it picks by included."""
        shift = self.shifts.get(access)
        if shift is None:
            return self.pointers[access]
        return self.offset(
            self.pointers[access], self.nest.accesses[access].dtype, shift
        )

    def shift(self, value: Value, refs: Mapping[int, Ref]) -> None:
        """Note how far from its pointer a load is that has an argument."""
        if value.args:
            self.shifts[value.data] = self._far(value, refs)

    def _far(self, value: Value, refs: Mapping[int, Ref]) -> Ref:
        """How many elements away a load is, as its argument says."""
        place = self.whole(value.args[0], refs)
        return place * self.word(self.layout.picks[value.data])

    def whole(self, value: int, refs: Mapping[int, Ref]) -> Ref:
        """An integer value as one of 64 bits."""
        ref, dtype = refs[value], self.nest.values[value].dtype
        if dtype.size == 8:
            return ref
        extension = "sext" if dtype.kind == "i" else "zext"
        return self.writer.convert(extension, ref, "i64")

    def locate(self, index: Ref, axes: Sequence[int]) -> None:
        """The coordinates of a number that counts along axes."""
        for axis in reversed(axes[1:]):
            size = self.size(axis)
            self.coordinates[axis] = self.writer.binary("urem", index, size)
            index = self.writer.binary("udiv", index, size)
        if axes:
            self.coordinates[axes[0]] = index

    # Elements.

    def load(self, pointer: Ref, dtype: DType, lanes: int = 1) -> Ref:
        """Neighbours in memory, as they are computed with."""
        return loaded(self.load_raw(pointer, dtype, lanes), dtype)

    def load_raw(self, pointer: Ref, dtype: DType, lanes: int) -> Ref:
        type = memory_type(dtype)
        whole = vector_type(type, lanes)
        text = f"load {whole}, ptr {pointer.text}, align {dtype.size}"
        return self.writer.new(text, type, lanes)

    def store(self, pointer: Ref, ref: Ref, dtype: DType) -> None:
        """Put neighbours into memory."""
        self.store_raw(pointer, to_store(ref, dtype), dtype)

    def store_raw(self, pointer: Ref, raw: Ref, dtype: DType) -> None:
        text = f"store {raw.whole} {raw.text}, ptr {pointer.text}, align {dtype.size}"
        self.writer.put(text)

    # Neighbours along the innermost axis: whole vectors, or those under a mask.

    def load_along(self, access: int, index: Ref, mask: Ref) -> Ref:
        """What lies there."""
        dtype = self.nest.accesses[access].dtype
        pointer = self.offset(self.pointer(access), dtype, index)
        if not self.masks:
            return self.load_raw(pointer, dtype, self.lanes)
        return self.load_masked(pointer, dtype, mask)

    def load_masked(self, pointer: Ref, dtype: DType, mask: Ref) -> Ref:
        """Neighbours in memory, those under a mask; zeros beside them."""
        type = memory_type(dtype)
        whole, name = self._masked("load", type)
        self.writer.declare(name, whole, ["ptr", "i32", self.mask_type, whole])
        arguments = (
            f"ptr {pointer.text}, i32 {dtype.size}, {self.mask_type} {mask.text}"
        )
        text = f"call {whole} @{name}({arguments}, {whole} zeroinitializer)"
        return self.writer.new(text, type, self.lanes)

    def store_along(self, access: int, raw: Ref, index: Ref, mask: Ref) -> None:
        """The way back."""
        dtype = self.nest.accesses[access].dtype
        pointer = self.offset(self.pointers[access], dtype, index)
        if not self.masks:
            self.store_raw(pointer, raw, dtype)
            return
        self.store_masked(pointer, raw, dtype, mask)

    def store_masked(self, pointer: Ref, raw: Ref, dtype: DType, mask: Ref) -> None:
        """Put neighbours into memory, those under a mask."""
        whole, name = self._masked("store", raw.type)
        self.writer.declare(name, "void", [whole, "ptr", "i32", self.mask_type])
        arguments = f"{whole} {raw.text}, ptr {pointer.text}, i32 {dtype.size}"
        self.writer.put(f"call void @{name}({arguments}, {self.mask_type} {mask.text})")

    def _masked(self, way: str, type: str, places: str = "p0") -> tuple[str, str]:
        short = {"float": "f32", "double": "f64", "half": "f16"}.get(type, type)
        whole = vector_type(type, self.lanes)
        return whole, f"llvm.masked.{way}.v{self.lanes}{short}.{places}"

    # Pieces of vectors, and vectors whose elements are no neighbours.

    def gather(self, access: int, index: Ref, count: Ref, mask: Ref) -> Ref:
        """Some elements along the innermost axis."""
        dtype = self.nest.accesses[access].dtype
        if not self._gathers(dtype):
            return self._gather_some(access, index, count)
        return self._gathered(dtype, self._spread(access, index), mask)

    def _gathered(self, dtype: DType, pointers: str, mask: Ref) -> Ref:
        type = memory_type(dtype)
        whole, name = self._masked("gather", type, f"v{self.lanes}p0")
        self.writer.declare(
            name, whole, [self.pointers_type, "i32", self.mask_type, whole]
        )
        text = f"{pointers}, i32 {dtype.size}, {self.mask_type} {mask.text}"
        text = f"call {whole} @{name}({text}, {whole} zeroinitializer)"
        return self.writer.new(text, type, self.lanes)

    def gather_picked(self, value: Value, refs: Mapping[int, Ref], mask: Ref) -> Ref:
        """Elements that arguments point to; those behind a row's end point to 0."""
        access, places = value.data, self._far(value, refs)
        dtype = self.nest.accesses[access].dtype
        if self._gathers(dtype):
            return self._gathered(dtype, self._at(access, places), mask)
        return self._one_by_one(dtype, self._lanes_of(access, places))

    def _lanes_of(self, access: int, places: Ref) -> Iterator[Ref]:
        dtype = self.nest.accesses[access].dtype
        for lane in range(self.lanes):
            text = f"extractelement {places.whole} {places.text}, i64 {lane}"
            place = self.writer.new(text, places.type)
            yield self.offset(self.pointers[access], dtype, place)

    def _at(self, access: int, places: Ref) -> str:
        """The places so many elements away from an access each."""
        type = memory_type(self.nest.accesses[access].dtype)
        at = f"ptr {self.pointer(access).text}, {places.whole} {places.text}"
        found = self.writer.new(f"getelementptr {type}, {at}", "ptr", self.lanes)
        return f"{self.pointers_type} {found.text}"

    def scatter(self, access: int, raw: Ref, index: Ref, count: Ref, mask: Ref) -> None:
        """The way back."""
        dtype = self.nest.accesses[access].dtype
        if not self._gathers(dtype):
            self._scatter_some(access, raw, index, count)
            return
        whole, name = self._masked("scatter", raw.type, f"v{self.lanes}p0")
        self.writer.declare(
            name, "void", [whole, self.pointers_type, "i32", self.mask_type]
        )
        arguments = f"{self._spread(access, index)}, i32 {dtype.size}"
        text = f"{whole} {raw.text}, {arguments}, {self.mask_type} {mask.text}"
        self.writer.put(f"call void @{name}({text})")

    def gather_whole(self, access: int, index: Ref, mask: Ref) -> Ref:
        """A whole vector of elements that stand a stride apart."""
        dtype = self.nest.accesses[access].dtype
        if self._gathers(dtype):
            return self.gather(access, index, index, mask)
        return self._one_by_one(dtype, self._steps(access, index))

    def _one_by_one(self, dtype: DType, places: Iterator[Ref]) -> Ref:
        """A vector of what stands at places, one for each lane."""
        writer, type = self.writer, memory_type(dtype)
        found = Ref(writer, "poison", type, self.lanes)
        for lane, place in enumerate(places):
            one = self.load_raw(place, dtype, 1)
            text = f"insertelement {found.whole} {found.text}, {type} {one.text}"
            found = writer.new(f"{text}, i64 {lane}", type, self.lanes)
        return found

    def scatter_whole(self, access: int, raw: Ref, index: Ref, mask: Ref) -> None:
        """The way back."""
        writer, dtype = self.writer, self.nest.accesses[access].dtype
        if self._gathers(dtype):
            self.scatter(access, raw, index, index, mask)
            return
        for lane, place in enumerate(self._steps(access, index)):
            text = f"extractelement {raw.whole} {raw.text}, i64 {lane}"
            self.store_raw(place, writer.new(text, raw.type), dtype)

    def _steps(self, access: int, index: Ref) -> Iterator[Ref]:
        """Where the lanes of a vector stand, one after the other."""
        assert self.nest.vector is not None
        dtype = self.nest.accesses[access].dtype
        stride = self.word(self.layout.strides[access, self.nest.vector])
        place = self.offset(self.pointer(access), dtype, index * stride)
        for _ in range(self.lanes):
            yield place
            place = self.offset(place, dtype, stride)

    def _gathers(self, dtype: DType) -> bool:
        """Whether the machine has instructions for elements anywhere in memory."""
        return self.masks and dtype.size >= 4

    def _spread(self, access: int, index: Ref) -> str:
        """The places of neighbours along the innermost axis, in any stride."""
        assert self.nest.vector is not None
        stride = self.word(self.layout.strides[access, self.nest.vector])
        numbers = self.writer.wide(index, self.lanes) + self.lane_numbers("i64")
        return self._at(access, numbers * stride)

    def _some(self, access: int, index: Ref) -> str:
        """Where elements are that are few or far apart."""
        assert self.nest.vector is not None
        dtype = self.nest.accesses[access].dtype
        stride = self.word(self.layout.strides[access, self.nest.vector])
        at = self.offset(self.pointer(access), dtype, index * stride)
        return f"ptr {at.text}, i64 {stride.text}"

    def _gather_some(self, access: int, index: Ref, count: Ref) -> Ref:
        dtype = self.nest.accesses[access].dtype
        type, bits = memory_type(dtype), f"i{8 * dtype.size}"
        at, masked = self._some(access, index), dtype.size >= 4 and host_has("avx2")
        name = self.writer.share(gatherer(bits, self.lanes, masked))
        whole = vector_type(bits, self.lanes)
        text = f"call {whole} @{name}({at}, i64 {count.text})"
        found = self.writer.new(text, bits, self.lanes)
        if type == bits:
            return found
        return self.writer.convert("bitcast", found, type)

    def _scatter_some(self, access: int, raw: Ref, index: Ref, count: Ref) -> None:
        dtype, buffer = self.nest.accesses[access].dtype, self._buffer(access)
        self.store_raw(buffer, raw, dtype)
        name = self.writer.share(scatterer(f"i{8 * dtype.size}", self.lanes))
        at = self._some(access, index)
        arguments = f"{at}, i64 {count.text}, ptr {buffer.text}"
        self.writer.put(f"call void @{name}({arguments})")

    def _buffer(self, access: int) -> Ref:
        if access not in self.buffers:
            dtype = self.nest.accesses[access].dtype
            type = vector_type(memory_type(dtype), self.lanes)
            place = self.writer.room(type)
            self.writer.first.append(f"  store {type} zeroinitializer, ptr {place}")
            self.buffers[access] = place
        return Ref(self.writer, self.buffers[access], "ptr")

    # Room on the stack, which becomes registers.

    def read_room(self, place: str, type: str, lanes: int) -> Ref:
        """What lies there."""
        whole = vector_type(type, lanes)
        return self.writer.new(f"load {whole}, ptr {place}", type, lanes)

    def write_room(self, place: str, ref: Ref) -> None:
        """Put a value there."""
        self.writer.put(f"store {ref.whole} {ref.text}, ptr {place}")
