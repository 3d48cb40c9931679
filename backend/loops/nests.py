"""The values of one loop nest: ops of a body as functions on elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ...graph.dim import Dim
from ...graph.registry import OPS
from ...graph.types import BOOL, F64, I64, DType, TensorType, dtype_of
from ..kernels import Instruction
from .axes import Dims
from .expensive_values import keep_expensive_values
from .expression import Expression, Name, Number, parse
from .language import FOLDS, Access, Axis, Nest, Store, Total, Unlowerable, Value
from .vocabulary import LOGIC, SETTLED, result_of

if TYPE_CHECKING:
    from .lower import Lowering

LETTERS = "abcdefghijklmnopqrstuvwxyz"
COMBINING = {"sum": "add", "prod": "mul"}  # max stands for the rest


def zeros(array: int, type: TensorType) -> Nest:
    """The nest that fills an array with zeros."""
    sizes = [size for size in type.shape if size.value != 1]
    roles = ["outer"] * (len(sizes) - 1) + ["inner"]
    axes = tuple(map(Axis, sizes, roles, LETTERS))
    places = iter(range(len(sizes)))
    walked = tuple(None if d.value == 1 else next(places) for d in type.shape)
    value = Value("number", (), type.dtype, (), 0, 0)
    access = Access(array, type.dtype, walked)
    return Nest(axes, (access,), (value,), (Store(0, 0),))


class NestBuilder:
    """The values of one nest, each once."""

    def __init__(self, lowering: Lowering, split: Iterable[tuple[Sequence[int], str]]):
        self.lowering = lowering
        self.number: dict[int, int] = {}
        self.axes: list[Axis] = []
        for axes, role in split:
            for axis in axes:
                letter = LETTERS[lowering.order.index(axis)]
                self.number[axis] = len(self.axes)
                self.axes.append(Axis(lowering.unifier.sizes[axis], role, letter))
        self.values: list[Value] = []
        self.known: dict[Any, int] = {}
        self.accesses: list[Access] = []
        self.tensors: dict[int, int] = {}  # the value of each tensor of the body
        self.ending = False  # whether it combines what the main nest leaves

    # What a nest is built for.

    def main(self) -> Nest:
        low = self.lowering
        sources = [low.body[place - low.count].operands[0] for place in low.totals]
        ends = [low.outputs[place] for place in low.main]
        self.build([*map(low.stored, ends), *map(self.by, ends), *sources])
        stores = self.stores(low.main)
        totals = [
            self.total(place, index, source)
            for index, (place, source) in enumerate(
                zip(low.totals, sources, strict=True)
            )
        ]
        return keep_expensive_values(self.nest(stores, tuple(totals)))

    def after(self, places: list[int]) -> Nest:
        self.ending = True
        self.build([self.lowering.outputs[place] for place in places])
        return self.nest(self.stores(places), ())

    def nest(self, stores: tuple[Store, ...], totals: tuple[Total, ...]) -> Nest:
        return Nest(
            tuple(self.axes), tuple(self.accesses), tuple(self.values), stores, totals
        )

    def stores(self, places: Iterable[int]) -> tuple[Store, ...]:
        low, found = self.lowering, []
        for place in places:
            index = low.outputs[place]
            dtype, dims, by = low.types[index].dtype, low.dims[index], None
            picked = None
            if low.stored(index) != index:
                by = self.tensors[self.by(index)]
                picked = self.added(index), by
            access = self.access(len(low.operands) + place, dtype, dims, picked)
            found.append(Store(self.tensors[low.stored(index)], access, by))
        return tuple(found)

    def by(self, place: int) -> int:
        """The tensor of the places at which an output adds up, or the output."""
        low = self.lowering
        if low.stored(place) == place:
            return place
        return low.body[place - low.count].operands[1]

    def added(self, place: int) -> int:
        """The dimension along which an output adds up."""
        low = self.lowering
        axis: int = dict(low.body[place - low.count].attributes)["axis"]
        inner = low.dims[place][-1]
        if inner is None or inner not in low.roles.inner:
            raise Unlowerable("sums at places go along another axis than results")
        return axis

    def total(self, place: int, index: int, source: int) -> Total:
        low = self.lowering
        access = self.partial(place, index, low.dims[place])
        kind = low.body[place - low.count].op
        value = self.tensors[source]
        if kind in ("any", "all"):
            value = self.truth(value)
        result_of(COMBINING.get(kind, "max"), low.types[place].dtype)
        return Total(low.roles.forms[place], kind, value, access)

    def partial(self, place: int, index: int, dims: Dims) -> int:
        low = self.lowering
        array = len(low.operands) + len(low.outputs) + index
        kept = tuple(a for a in dims if a is not None)
        inner = low.roles.inner
        ordered = tuple(sorted(kept, key=lambda a: (a in inner, low.order.index(a))))
        return self.access(array, low.types[place].dtype, ordered)

    # Accesses and values, each once.

    def access(
        self,
        array: int,
        dtype: DType,
        dims: Dims,
        picked: tuple[int, int] | None = None,
    ) -> int:
        if any(axis is not None and axis not in self.number for axis in dims):
            raise Unlowerable("an array along axes that the loops do not have")
        axes = tuple(None if axis is None else self.number[axis] for axis in dims)
        found = Access(array, dtype, axes, picked)
        if found not in self.accesses:
            self.accesses.append(found)
        return self.accesses.index(found)

    def value(
        self,
        op: str,
        args: tuple[int, ...],
        dtype: DType,
        data: Any = None,
        axes: Iterable[int] | None = None,
        turn: int | None = None,
    ) -> int:
        sources = [self.values[index] for index in args]
        if axes is None:
            axes = {axis for source in sources for axis in source.axes}
        if turn is None:
            turn = max((source.turn for source in sources), default=0)
        new = Value(op, args, dtype, tuple(sorted(axes)), turn, data)
        key = (new, repr(data))  # 0.0 and -0.0, 1 and True are different numbers
        if key not in self.known:
            self.known[key] = len(self.values)
            self.values.append(new)
        return self.known[key]

    def literal(self, number: Any, dtype: DType) -> int:
        return self.value("number", (), dtype, number)

    # The tensors of the body.

    def build(self, wanted: Iterable[int]) -> None:
        """The values of tensors, and of what they are computed from."""
        low = self.lowering
        needed = set(wanted)
        stop = set(low.totals)
        for place in range(len(low.types) - 1, low.count - 1, -1):
            if place in needed and place not in stop:
                needed.update(low.body[place - low.count].operands)
        for place in sorted(needed):
            if place not in self.tensors and place not in low.picked:
                self.tensors[place] = self.tensor(place)

    def tensor(self, place: int) -> int:
        low = self.lowering
        dtype = low.types[place].dtype
        if place < low.count:
            access = self.access(low.leaves[place], dtype, low.dims[place])
            axes = [axis for axis in self.accesses[access].axes if axis is not None]
            return self.value("load", (), dtype, access, axes)
        if place in low.totals:
            return self.partial_sum(place)
        step = low.body[place - low.count]
        if step.op == "pick":
            return self.pick(*step.operands)
        sources = [self.tensors[index] for index in step.operands]
        attributes = dict(step.attributes)
        if step.op in FOLDS:
            return self.fold(place, step, sources[0])
        source = SOURCES.get(step.op)
        if source is not None:
            return source(self, low.dims[place], attributes)
        if step.op == "cast":
            return self.cast(sources[0], attributes["dtype"])
        op = OPS[step.op]
        if not op.elementwise:
            return sources[0]  # it moves elements
        if op.scalar is None:
            raise Unlowerable(f"`{step.op}` has no formula")
        return self.formula(parse(op.scalar), sources, attributes, dtype)

    def pick(self, leaf: int, indices: int) -> int:
        """Elements from where indices say, which lie within their axis."""
        low, by = self.lowering, self.tensors[indices]
        if self.values[by].op != "load":
            raise Unlowerable("`pick` by what the kernel computes")
        dtype = low.types[leaf].dtype
        picked = low.picked[leaf], by
        access = self.access(low.leaves[leaf], dtype, low.dims[leaf], picked)
        own = self.accesses[access].axes
        vector = len(self.axes) - 1  # the innermost one, if there is any
        if own[-1] is not None and vector in self.values[by].axes:
            raise Unlowerable("neighbours in a vector are of different slices")
        axes = {axis for axis in own if axis is not None} | {*self.values[by].axes}
        return self.value("load", (by,), dtype, access, axes)

    def partial_sum(self, place: int) -> int:
        low = self.lowering
        access = self.partial(place, low.totals.index(place), low.dims[place])
        kind = low.body[place - low.count].op
        axes = [axis for axis in self.accesses[access].axes if axis is not None]
        return self.value("partial", (), low.types[place].dtype, (access, kind), axes)

    def fold(self, place: int, step: Instruction, source: int) -> int:
        low = self.lowering
        if step.op in ("any", "all"):
            source = self.truth(source)
        if place not in low.roles.forms:
            return source
        if self.ending:
            raise Unlowerable("the end of a fold reads a fold over rows")
        dtype, turn = low.types[place].dtype, self.values[source].turn + 1
        gone = {self.number[axis] for axis in low.roles.inner}
        axes = set(self.values[source].axes) - gone
        result_of(COMBINING.get(step.op, "max"), dtype)
        return self.value("fold", (source,), dtype, step.op, axes, turn)

    # Formulas.

    def formula(
        self,
        expression: Expression,
        sources: list[int],
        attributes: dict[str, Any],
        dtype: DType,
    ) -> int:
        """The value of a formula; numbers in it have the dtype of the operands."""
        names: dict[str, Any] = dict(zip("xyz", sources, strict=False))
        numbers = [self.values[s].dtype for s in sources[-1:]]
        return self.expression(expression, {**attributes, **names}, names, numbers[0])

    def expression(
        self,
        expression: Expression,
        known: dict[str, Any],
        operands: dict[str, int],
        dtype: DType,
    ) -> int:
        if isinstance(expression, Number):
            return self.literal(expression.value, dtype)
        if isinstance(expression, Name):
            if expression.text in operands:
                return operands[expression.text]
            return self.literal(known[expression.text], dtype)
        args = [
            self.expression(each, known, operands, dtype)
            for each in expression.arguments
        ]
        return self.apply(expression.function, args)

    def apply(self, function: str, args: list[int]) -> int:
        """A function on values, in the dtype of the last of them."""
        dtype = self.values[args[-1]].dtype
        if function in SETTLED and not dtype.is_float:
            return self.literal(SETTLED[function], BOOL)
        if function in LOGIC:
            args = [self.truth(index) for index in args]
        elif function == "select":
            args[0] = self.truth(args[0])
        return self.value(function, tuple(args), result_of(function, dtype))

    def truth(self, index: int) -> int:
        """Whether a value is not zero."""
        dtype = self.values[index].dtype
        if dtype == BOOL:
            return index
        return self.value("ne", (index, self.literal(0, dtype)), BOOL)

    def cast(self, index: int, dtype: DType) -> int:
        if self.values[index].dtype == dtype:
            return index
        if dtype == BOOL:
            return self.truth(index)
        return self.value("cast", (index,), dtype)

    # What needs no operand.

    def full(self, dims: Dims, attributes: dict[str, Any]) -> int:
        return self.literal(attributes["fill_value"], attributes["dtype"])

    def constant(self, dims: Dims, attributes: dict[str, Any]) -> int:
        array = attributes["value"].array
        if array.size != 1:
            raise Unlowerable("an array within a kernel")
        number = array.reshape(()).item()
        return self.literal(number, dtype_of(array.dtype))

    def sized(self, dims: Dims, attributes: dict[str, Any]) -> int:
        return self.cast(self.whole(attributes["value"]), attributes["dtype"])

    def whole(self, size: Any) -> int:
        """A size as a 64-bit number."""
        dim = Dim.of(size)
        if dim.value is not None:
            return self.literal(dim.value, I64)
        return self.value("size", (), I64, self.lowering.size(dim))

    def arange(self, dims: Dims, attributes: dict[str, Any]) -> int:
        (axis,) = dims
        start, step = attributes["start"], attributes["step"]
        if axis is None:
            index = self.literal(0, I64)
        else:
            number = self.number[axis]
            index = self.value("index", (), I64, number, (number,))
        if isinstance(start, float) or isinstance(step, float):
            scaled = self.apply("mul", [self.literal(step, F64), self.cast(index, F64)])
            found = self.apply("add", [self.literal(start, F64), scaled])
        else:
            scaled = self.apply("mul", [self.whole(step), index])
            found = self.apply("add", [self.whole(start), scaled])
        return self.cast(found, attributes["dtype"])


SOURCES: dict[str, Any] = {
    "full": NestBuilder.full,
    "constant": NestBuilder.constant,
    "size": NestBuilder.sized,
    "arange": NestBuilder.arange,
}
