"""Ops that read and write windows and scattered places."""

from __future__ import annotations

from typing import Any

from ..configuration import default_float
from ..diagnostics import Fault
from ..dim import Dim, product
from ..kinds import POSITIONS, Numbers, Positions, Size, Sizes
from ..node import Node
from ..op import Op, Results, register, result_dtype
from ..operand import Operand
from ..registry import OPS, call
from ..types import BOOL, I32, I64, DTypeLike, TensorType
from .formula import (
    Derived,
    Refusal,
    Several,
    along,
    chosen,
    counted,
    derived,
    frozen,
    indexed,
    part,
    size_node,
    size_number,
    type_of,
)
from .gathering import check_indices
from .movement import full_node

Types = tuple[TensorType, ...]

LONG = {"u32", "i64", "u64"}  # what i32 may not hold
LARGEST = 2**31 - 1  # number of i32


def _starts(name: str, given: Any) -> tuple[tuple[Any, ...], Any]:
    """The start of a window as operands or as an attribute."""
    if isinstance(given, Operand):
        return (given,), None
    items = given if isinstance(given, (list, tuple)) else (given,)
    if any(isinstance(item, Operand) for item in items):
        return (call("stack", list(items)),), None
    fixed = POSITIONS.read("start_indices", frozen(given), name)
    return (), fixed if isinstance(fixed, tuple) else (fixed,)


def _count(name: str, x: Node, given: Any, argument: str) -> None:
    if len(given) != x.ndim:
        raise Refusal(
            name,
            "T0303",
            f"`{argument}` of `{name}` has {len(given)} numbers for {type_of(x)}",
            operands={0: str(type_of(x))},
            argument=argument,
        )


def _entries(name: str, x: Node, starts: Any, shape: Any) -> tuple[Any, ...]:
    """The window as entries of `getitem`; refuses one that sticks out."""
    _count(name, x, starts, "start_indices")
    found = []
    for axis, (start, count) in enumerate(zip(starts, shape, strict=True)):
        first, size = Dim.of(start), x.shape[axis]
        low, _ = first.bounds()
        spare, _ = (size - first - count).bounds()
        if low is None or low < 0 or spare is None or spare < 0:
            raise Refusal(
                name,
                "T0311",
                f"{count} places from {start} on do not lie within axis {axis} of "
                f"{type_of(x)} for every size",
                operands={0: str(type_of(x))},
                dims=(size,),
            )
        found.append(("slice", first, Dim.of(count), 1))
    return tuple(found)


def _first(start: Node, axis: int, size: Dim, count: Any) -> Node:
    """The start along one axis, moved so that the window lies inside."""
    one = call("cast", call("getitem", start, axis), I32)
    last = size_node(size - count)
    found: Node = call("maximum", call("minimum", one, last), 0)
    return found


class Window(Derived):
    """An op whose window starts at integers, or at those of a tensor."""


@register
class Slice(Window):
    """A window of a shape, from `start_indices` on.

    A tensor of starts is read when the program runs; a window that would stick out
    is moved inside.

    >>> call("slice", [1, 2, 3, 4], [1], [2]).numpy().tolist()
    [2, 3]
    """

    domain = ((-2.0, 2.0),)

    def arguments(self, inputs: Any, start_indices: Any, shape: Positions) -> Any:
        operands, fixed = _starts(self.name, start_indices)
        sizes = POSITIONS.read("shape", frozen(shape), self.name)
        sizes = sizes if isinstance(sizes, tuple) else (sizes,)
        return (inputs, *operands), {"start_indices": fixed, "shape": sizes}

    @staticmethod
    def formula(inputs: Node, *starts: Node, start_indices: Any, shape: Any) -> Any:
        _count("slice", inputs, shape, "shape")
        _count("slice", inputs, start_indices or shape, "start_indices")
        sizes = tuple(
            size - at if count == -1 and start_indices else count
            for size, at, count in zip(
                inputs.shape, start_indices or shape, shape, strict=True
            )
        )
        if start_indices is not None:
            return indexed(inputs, _entries("slice", inputs, start_indices, sizes))
        found = inputs
        for axis, count in enumerate(sizes):
            first = _first(starts[0], axis, inputs.shape[axis], count)
            found = call("take", found, counted(count) + first, axis)
        return found


@register
class SliceUpdate(Window):
    """The tensor with a window, from `start_indices` on, replaced by `updates`.

    >>> call("slice_update", [1, 2, 3], [1], [7]).numpy().tolist()
    [1, 7, 3]
    """

    name = "slice_update"
    domain = ((-2.0, 2.0), (-2.0, 2.0))
    unified = slice(0, 2)
    operand_dtypes = "same"

    def arguments(self, inputs: Any, start_indices: Any, updates: Any) -> Any:
        operands, fixed = _starts(self.name, start_indices)
        return (inputs, updates, *operands), {"start_indices": fixed}

    @staticmethod
    def formula(inputs: Node, updates: Node, *starts: Node, start_indices: Any) -> Any:
        _count("slice_update", inputs, updates.shape, "updates")
        if start_indices is not None:
            entries = _entries("slice_update", inputs, start_indices, updates.shape)
            where = {"shape": inputs.shape, "index": entries}
            true = full_node(type_of(updates).with_dtype("bool"), True)
            mask = OPS["place"].apply((true,), where)
            return call("where", mask, OPS["place"].apply((updates,), where), inputs)
        inside: Any = None
        for axis, size in enumerate(inputs.shape):
            count = updates.shape[axis]
            at = counted(size) - _first(starts[0], axis, size, count)
            here = in_axis(at, count)
            updates = call("take", updates, call("where", here, at, 0), axis)
            here = along(here, axis, inputs.ndim)
            inside = here if inside is None else call("logical_and", inside, here)
        return updates if inside is None else call("where", inside, updates, inputs)


def _flat(name: str, indices: Node, shape: Any, rank: int) -> tuple[Any, Any, int]:
    """Rows of indices as positions in the axes they count through, flattened.

    A row with an index outside of its axis is a position behind all of them.
    """
    check_indices(name, type_of(indices))
    depth = indices.shape[-1].value if indices.ndim else None
    if depth is None or depth > rank:
        raise Refusal(
            name,
            "T0306",
            f"the last axis of the indices of `{name}` holds one number for each of "
            f"the first axes of a tensor of rank {rank}, and they are "
            f"{type_of(indices)}",
            operands={1: str(type_of(indices))},
        )
    total = product(shape[:depth])
    wide = indices.dtype.short in LONG or (total.value or 0) > LARGEST
    indices = call("cast", indices, I64 if wide else I32)
    flat: Any = call("sum", call("zeros_like", indices), -1)
    inside: Any = call("equal", flat, 0)
    for axis in range(depth):
        one = call("getitem", indices, (..., axis))
        size = call("cast", size_node(shape[axis]), indices.dtype)
        one = call("where", one < 0, one + size, one)
        inside = inside & (one >= 0) & (one < size)
        flat = flat * size + one
    behind = call("cast", size_node(total), indices.dtype)
    flat = call("where", inside, flat, behind)
    return call("reshape", flat, (-1,)), total, depth


@derived(2, "any", ((), (-2.0, 2.0)))
def scatter(indices: Any, values: Any, shape: Sizes) -> Any:
    """Zeros of a shape with values added where rows of indices point.

    Indices [..., k] and values [..., *shape[k:]]. Values for one place add up, and
    those for none are left out.

    >>> call("scatter", [[0], [2], [0]], [1, 2, 4], (3,)).numpy().tolist()
    [5, 0, 2]
    """
    sizes = tuple(map(Dim.of, shape if isinstance(shape, tuple) else (shape,)))
    flat, size, depth = _flat("scatter", indices, sizes, len(sizes))
    _fitting("scatter", indices, values, sizes[depth:])
    rows = call("reshape", values, (flat.shape[0], *sizes[depth:]))
    attributes = {"axis": 0, "size": size + 1, "rank": 1}
    found = part(OPS["add_at"].apply((rows, flat), attributes), 0, 0, size)
    return call("reshape", found, sizes)


def _fitting(name: str, indices: Node, values: Node, rest: Any) -> None:
    wanted = (*indices.shape[:-1], *rest)
    if values.shape != wanted:
        raise Refusal(
            name,
            "T0305",
            f"`{name}` with indices {type_of(indices)} needs values of "
            f"{type_of(values).with_shape(wanted)} and got {type_of(values)}",
            dims=(*wanted, *values.shape),
        )


@register
class SetAt(Op):
    """Rows replaced where integers point; the last one for a row wins."""

    name = "set_at"
    checks = True
    public = False
    domain = ((-2.0, 2.0), (0.0, 1.0), (-2.0, 2.0))

    def arguments(self, x: Any, indices: Any, updates: Any) -> Any:
        return (x, indices, updates), {}

    def infer(
        self, x: TensorType, indices: TensorType, updates: TensorType
    ) -> TensorType:
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        _, indices, updates = node.inputs
        zeros = full_node(updates.tensor_type, 0.0)
        count = counted(indices.shape[0])
        empty = full_node(TensorType(I32, (node.shape[0],)), -1)
        last = self.apply((empty, indices, count))
        wins = call("equal", call("take", last, indices, 0), count)
        rows = call("take", cotangent, indices, 0)
        kept = along(wins, 0, rows.ndim)
        return (
            self.apply((cotangent, indices, zeros)),
            None,
            call("where", kept, rows, 0.0),
        )

    def run(
        self, xp: Any, x: Any, indices: Any, updates: Any, *, out: Any = None
    ) -> Any:
        found = xp.array(x)
        found[indices] = updates
        return found


@register
class ExtremeAt(Op):
    """Rows joined with those that integers point to them; the extreme ones stay.

    An index outside of the axis points nowhere.
    """

    name = "extreme_at"
    public = False
    domain = ((-2.0, 2.0), (0.0, 1.0), (-2.0, 2.0))

    def arguments(self, x: Any, indices: Any, updates: Any, reduction: str) -> Any:
        return (x, indices, updates), {"reduction": reduction}

    def infer(
        self,
        x: TensorType,
        indices: TensorType,
        updates: TensorType,
        reduction: str,
    ) -> TensorType:
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        """Ties share the gradient, as those of `max` do."""
        x, indices, updates = node.inputs
        size, dtype = node.shape[0], node.dtype.name
        inside = in_axis(indices, size)
        at = call("where", inside, indices, 0)
        won = call("equal", updates, call("take", node, at, 0))
        won = call("logical_and", won, along(inside, 0, updates.ndim))
        own = call("cast", call("equal", x, node), dtype)
        added = {"axis": 0, "size": size, "rank": 1}
        others = OPS["add_at"].apply((call("cast", won, dtype), at), added)
        share = cotangent / (own + others)
        given = call("where", won, call("take", share, at, 0), 0.0)
        return share * own, None, given

    def run(
        self,
        xp: Any,
        x: Any,
        indices: Any,
        updates: Any,
        *,
        reduction: str,
        out: Any = None,
    ) -> Any:
        spare = xp.zeros((1, *x.shape[1:]), x.dtype)  # for what points nowhere
        found = xp.concatenate([x, spare])
        at = xp.where((indices >= 0) & (indices < len(x)), indices, len(x))
        join = xp.maximum if reduction == "max" else xp.minimum
        join.at(found, at, updates)
        return found[:-1]


def in_axis(indices: Any, size: Any) -> Any:
    """Whether integers of any dtype point into an axis of a size."""
    if type_of(indices).dtype.size < 4:  # the size may be out of its range
        indices = call("cast", indices, I32)
    end = size_node(size, type_of(indices).dtype)
    return call("logical_and", indices >= 0, indices < end)


REDUCTIONS = ("add", "max", "min", "mul")


@derived(3, "any", ((-2.0, 2.0), (), (-2.0, 2.0)))
def scatter_update(
    inputs: Any, indices: Any, updates: Any, reduction: str | None = None
) -> Any:
    """The tensor with values replaced where rows of indices point.

    Indices [..., k] and updates [..., *inputs.shape[k:]]. With a `reduction` (`add`,
    `max`, `min`, `mul`) updates are joined with what is there, and those for no place
    are left out; without one they are refused.

    >>> call("scatter_update", [1, 2, 3], [[1]], [7]).numpy().tolist()
    [1, 7, 3]
    """
    if reduction is not None:
        chosen("scatter_update", reduction, "reduction", REDUCTIONS)
    updates = call("cast", updates, type_of(inputs).dtype)
    if reduction == "add":
        return inputs + call("scatter", indices, updates, inputs.shape)
    flat, size, depth = _flat("scatter_update", indices, inputs.shape, inputs.ndim)
    rest = inputs.shape[depth:]
    _fitting("scatter_update", indices, updates, rest)
    rows = call("reshape", inputs, (size, *rest))
    values = call("reshape", updates, (flat.shape[0], *rest))
    if reduction is None:
        found = call("set_at", rows, flat, values)
    elif reduction == "mul":
        found = _multiplied(rows, flat, values)
    else:
        found = OPS["extreme_at"].apply((rows, flat, values), {"reduction": reduction})
    return call("reshape", found, inputs.shape)


def _multiplied(rows: Node, flat: Node, values: Node) -> Any:
    """Each row times the values for it."""
    own = call("expand_dims", rows, 1)
    each = factors_of(rows.shape[0], flat, values)
    return call("prod", call("concatenate", [own, each], 1), 1)


def factors_of(count: Any, indices: Node, values: Node) -> Any:
    """For each of so many rows all values, with 1 for those of other indices."""
    numbers = call("cast", along(counted(count), 0, 2), indices.dtype)
    hit = call("equal", numbers, indices)
    hit = call("reshape", hit, (*hit.shape, *(1 for _ in values.shape[1:])))
    return call("where", hit, call("expand_dims", values, 0), 1)


@register
class Searchsorted(Op):
    """Where values would go into a sorted vector so that it stays sorted, as int32.

    >>> call("searchsorted", [1.0, 3.0, 5.0], [3.0, 4.0]).numpy().tolist()
    [1, 2]
    """

    operand_dtypes = "same"
    no_gradient = "a position does not move by small steps"
    domain = ((-2.0, 2.0), (-2.0, 2.0))

    def arguments(self, sorted_sequence: Any, values: Any, side: str = "left") -> Any:
        return (sorted_sequence, values), {"side": side}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        chosen(self.name, attributes["side"], "side", ("left", "right"))
        return attributes

    def infer(self, x: TensorType, values: TensorType, side: str) -> TensorType:
        if x.rank != 1:
            raise Fault(
                "T0306",
                f"`{self.name}` searches a vector and got {x}",
                operands={0: str(x)},
            )
        return values.with_dtype(I32)

    def run(self, xp: Any, x: Any, values: Any, *, side: str, out: Any = None) -> Any:
        return xp.searchsorted(x, values, side=side).astype("int32")


@derived(1, no_gradient="a position does not move by small steps")
def digitize(x: Any, bins: Numbers) -> Any:
    """The number of the bin of each element, between sorted borders, as int32.

    >>> call("digitize", [0.5, 1.0, 9.0], [1.0, 2.0]).numpy().tolist()
    [0, 1, 2]
    """
    import numpy as np

    from ..tensor import constant_node

    dtype = type_of(x).dtype if type_of(x).dtype.is_float else default_float()
    borders = constant_node(np.asarray(bins, dtype.numpy))
    return call("searchsorted", borders, call("cast", x, dtype), "right")


@derived(1, no_gradient="a class number does not move by small steps")
def multi_hot(
    inputs: Any,
    num_classes: Size | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
) -> Any:
    """1 for each class that is among the inputs' last axis, 0 elsewhere.

    >>> call("multi_hot", [0, 2], 3).numpy().tolist()
    [1.0, 0.0, 1.0]
    """
    hot = call("one_hot", inputs, num_classes, axis, dtype)
    if inputs.ndim == 0:
        return hot
    return call("max", hot, 1 if inputs.ndim > 1 else 0)


FEW = 8  # elements that each one is compared with


@derived(2, no_gradient="a truth value has no slope")
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of x1 is somewhere in x2.

    >>> call("isin", [1, 2, 3], [2, 5]).numpy().tolist()
    [False, True, False]
    """
    many = product(x2.shape).value
    if many is None or many <= FEW:
        flat = call("reshape", x2, (1,) * x1.ndim + (-1,))
        found = call("any", call("equal", call("expand_dims", x1, -1), flat), -1)
    else:
        kind = result_dtype(x1, x2)
        kind = I32 if kind == BOOL else kind
        known = call("sort", call("reshape", call("cast", x2, kind), (-1,)))
        value = call("reshape", call("cast", x1, kind), (-1,))
        last = size_node(known.shape[0] - 1)
        place = call("minimum", call("searchsorted", known, value), last)
        found = call("equal", call("take", known, place), value)
        found = call("reshape", found, x1.shape)
    return call("logical_not", found) if invert else found


@derived(1, kind=Several, no_gradient="a position does not move by small steps")
def unravel_index(indices: Any, shape: Sizes) -> list[Any]:
    """A list of positions, one an axis, for numbers that count through a shape.

    >>> [p.numpy().tolist() for p in call("unravel_index", [1, 5], (2, 3))]
    [[0, 1], [1, 2]]
    """
    found: list[Any] = []
    for size in reversed(shape if isinstance(shape, tuple) else (shape,)):
        size = size_number(Dim.of(size))
        found.insert(0, call("mod", indices, size))
        indices = call("floor_divide", indices, size)
    return found
