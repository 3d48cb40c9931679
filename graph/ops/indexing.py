"""Ops that pick elements by position, and put them back.

The index of `getitem` is a tuple of entries in one form: `("at", i)` drops an axis,
`("slice", start, count, step)` keeps it, `("new",)` makes one of size 1. Positions
count from 0 and may be symbolic sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import DataError, Diagnostic, Fault
from ..dim import ZERO, Dim, ceildiv, maximum, minimum
from ..node import Node
from ..op import Op, Results, register
from ..operand import Operand
from ..registry import OPS, call
from ..types import F32, TensorType, dtype_of
from .movement import full_node
from .reduce import normal_axes, normal_axis

Types = tuple[TensorType, ...]
Entry = tuple[Any, ...]
WHOLE = slice(None)


def canonical_index(type: TensorType, key: Any) -> tuple[Entry, ...]:
    """The entries that an index in NumPy's notation means for a tensor."""
    items = list(key) if isinstance(key, tuple) else [key]
    taken = sum(item is not None and item is not Ellipsis for item in items)
    spread = [i for i, item in enumerate(items) if item is Ellipsis]
    if taken > type.rank or len(spread) > 1:
        problem = "two ellipses" if len(spread) > 1 else f"{taken} indices"
        raise Fault(
            "T0303",
            f"{problem} for {type}, which has rank {type.rank}",
            operands={0: str(type)},
        )
    place = spread[0] if spread else len(items)
    items[place : place + 1] = [WHOLE] * (type.rank - taken)
    entries: list[Entry] = []
    axis = 0
    for item in items:
        if item is None:
            entries.append(("new",))
            continue
        rule = _slice if isinstance(item, slice) else _position
        entries.append(rule(item, axis, type))
        axis += 1
    return tuple(entries)


def _integer(item: Any, what: str) -> Dim:
    if isinstance(item, Dim):
        return item
    if isinstance(item, bool) or not hasattr(item, "__index__"):
        raise Fault(
            "T0204",
            f"{what} is an integer or a size, not {item!r}",
            help=["pick with an integer tensor by `take`, with a mask by `where`"],
        )
    return Dim.of(int(item.__index__()))


def _position(item: Any, axis: int, type: TensorType) -> Entry:
    size = type.shape[axis]
    at = _integer(item, "an index")
    if at.value is not None and at.value < 0:
        at = size + at
    first, _ = at.bounds()
    spare, _ = (size - 1 - at).bounds()
    if first is None or first < 0 or spare is None or spare < 0:
        raise Fault(
            "T0311",
            f"index {item} is not within axis {axis} of {type} for every size",
            operands={0: str(type)},
            dims=(size,),
        )
    return ("at", at)


def _slice(item: slice, axis: int, type: TensorType) -> Entry:
    size = type.shape[axis]
    step = 1 if item.step is None else _integer(item.step, "the step of a slice").value
    if not step:
        raise Fault("T0204", "the step of a slice is an integer other than 0")
    if step > 0:
        start = _bound(item.start, size, ZERO, size, ZERO)
        stop = _bound(item.stop, size, ZERO, size, size)
        return ("slice", start, ceildiv(maximum(stop - start, 0), step), step)
    last, before = size - 1, Dim.of(-1)
    start = _bound(item.start, size, before, last, last)
    stop = _bound(item.stop, size, before, last, before)
    return ("slice", start, ceildiv(maximum(start - stop, 0), -step), step)


def _bound(item: Any, size: Dim, low: Dim, high: Dim, default: Dim) -> Dim:
    """A bound of a slice as a position, cut to what the axis has."""
    if item is None:
        return default
    at = _integer(item, "a bound of a slice")
    if at.value is not None and at.value < 0:
        at = size + at
    return minimum(maximum(at, low), high)


def numpy_index(index: tuple[Entry, ...]) -> tuple[Any, ...]:
    """Entries with plain numbers as an index for an array; the result is an array."""
    found: list[Any] = []
    for entry in index:
        match entry:
            case ("at", position):
                found.append(position)
            case ("new",):
                found.append(None)
            case (_, start, count, step):
                stop = start + count * step
                plain = slice(start, stop if stop >= 0 else None, step)
                found.append(plain if count else slice(0, 0))
    return (*found, Ellipsis)


def _is_whole(index: tuple[Entry, ...], type: TensorType) -> bool:
    return len(index) == type.rank and all(
        entry == ("slice", ZERO, size, 1)
        for entry, size in zip(index, type.shape, strict=True)
    )


@register
class Getitem(Op):
    """Elements by integers, slices, None and Ellipsis, as in NumPy."""

    view = True
    domain = ((-2.0, 2.0),)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        key = options.get("key", arguments[-1] if len(arguments) == 2 else None)
        items = key if isinstance(key, tuple) else (key,)
        axis = next((i for i, item in enumerate(items) if _is_array(item)), None)
        if axis is not None and all(map(_is_full, items[:axis])):
            if all(k is Ellipsis or _is_full(k) for k in items[axis + 1 :]):
                x = options.get("x", arguments[0] if arguments else None)
                return call("take", x, items[axis], axis=axis)
        return super().__call__(*arguments, **options)

    def arguments(self, x: Any, key: Any) -> Any:
        return (x,), {"key": key}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        if "index" in attributes:
            return attributes
        return {"index": canonical_index(types[0], attributes["key"])}

    def apply(
        self, inputs: Any, attributes: Any = None, like: Any = None, name: Any = None
    ) -> Node:
        fixed = self.canonical((inputs[0].tensor_type,), dict(attributes))
        if _is_whole(fixed["index"], inputs[0].tensor_type):
            source: Node = inputs[0]
            return source
        return super().apply(inputs, fixed, like, name)

    def infer(self, x: TensorType, index: tuple[Entry, ...]) -> TensorType:
        shape: list[Dim] = []
        axis = 0
        for entry in index:
            if entry[0] == "new":
                shape.append(Dim.of(1))
                continue
            if entry[0] == "slice":
                # A size that stays keeps its history.
                count, size = entry[2], x.shape[axis]
                shape.append(size if count == size else count)
            axis += 1
        return x.with_shape(shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        shape, index = node.inputs[0].shape, node.attributes["index"]
        return (OPS["place"].apply((cotangent,), {"shape": shape, "index": index}),)

    def run(self, xp: Any, x: Any, *, index: tuple[Entry, ...], out: Any = None) -> Any:
        return x[numpy_index(index)]


def _is_full(item: Any) -> bool:
    return isinstance(item, slice) and item == WHOLE


def _is_array(item: Any) -> bool:
    return isinstance(item, (Operand, list)) or getattr(item, "ndim", 0) > 0


@register
class Place(Op):
    """Zeros of a shape with the operand where an index points: `getitem` undone."""

    public = False
    writes = True
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, shape: Any, index: tuple[Entry, ...]) -> Any:
        return (x,), {"shape": shape, "index": index}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        shape = tuple(Dim.of(size) for size in attributes["shape"])
        return {"shape": shape, "index": attributes["index"]}

    def infer(
        self, x: TensorType, shape: tuple[Dim, ...], index: tuple[Entry, ...]
    ) -> TensorType:
        return x.with_shape(shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        index = node.attributes["index"]
        return (OPS["getitem"].apply((cotangent,), {"index": index}),)

    def run(self, xp: Any, x: Any, *, shape: Any, index: Any, out: Any = None) -> Any:
        out = xp.empty(shape, x.dtype) if out is None else out
        out.fill(0)
        out[numpy_index(index)] = x
        return out


def check_indices(name: str, indices: TensorType) -> None:
    """Refuse positions that are not integers."""
    if not indices.dtype.is_integer:
        raise Fault(
            "T0402",
            f"`{name}` picks by integers and got {indices}",
            operands={1: str(indices)},
            help=["cast them: `cast(…, i32)`"],
        )


def out_of_range(name: str, indices: Any, size: int) -> DataError:
    """Data that points outside of an axis."""
    wrong = indices[(indices < -size) | (indices >= size)].reshape(-1)
    return DataError(
        Diagnostic(
            "T0311",
            f"`{name}` was given index {int(wrong[0])} for an axis of size {size}",
            help=(f"indices go from 0 to {size - 1}",),
        )
    )


@register
class Take(Op):
    """Slices along an axis, by integers; `axis=None` counts through all elements.

    Input x [..., n, ...] and integer indices [...]; the indices' axes replace the
    axis. Raises `DataError` for an index outside of the axis.

    >>> OPS["take"]([1.0, 2.0, 3.0], [2, 0]).numpy().tolist()
    [3.0, 1.0]
    """

    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, indices: Any, axis: int | None = None) -> Any:
        if axis is None:
            return (call("reshape", x, (-1,)), indices), {"axis": 0}
        return (x, indices), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        check_indices(self.name, types[1])
        axis = normal_axis(self.name, attributes["axis"], types[0].rank, types[0])
        return {"axis": axis}

    def infer(self, x: TensorType, indices: TensorType, axis: int) -> TensorType:
        return x.with_shape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        source, indices = node.inputs
        axis = node.attributes["axis"]
        attributes = {"axis": axis, "size": source.shape[axis], "rank": indices.ndim}
        return OPS["add_at"].apply((cotangent, indices), attributes), None

    def run(self, xp: Any, x: Any, indices: Any, *, axis: int, out: Any = None) -> Any:
        try:
            return xp.take(x, indices, axis=axis)
        except IndexError:
            raise out_of_range(self.name, indices, x.shape[axis]) from None


@register
class AddAt(Op):
    """Slices added up where integers point along an axis: `take` undone."""

    name = "add_at"
    public = False
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, indices: Any, axis: int, size: Any, rank: int) -> Any:
        return (x, indices), {"axis": axis, "size": Dim.of(size), "rank": rank}

    def infer(
        self, x: TensorType, indices: TensorType, axis: int, size: Dim, rank: int
    ) -> TensorType:
        return x.with_shape((*x.shape[:axis], size, *x.shape[axis + rank :]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        axis, indices = node.attributes["axis"], node.inputs[1]
        return OPS["take"].apply((cotangent, indices), {"axis": axis}), None

    def run(
        self,
        xp: Any,
        x: Any,
        indices: Any,
        *,
        axis: int,
        size: int,
        rank: int,
        out: Any = None,
    ) -> Any:
        flat = indices.reshape(-1)
        before, after = x.shape[:axis], x.shape[axis + rank :]
        rows = xp.moveaxis(x.reshape((*before, flat.size, *after)), axis, 0)
        found = xp.zeros((size, *before, *after), x.dtype)
        if flat.size and rows.size:
            _add_rows(xp, found, flat % size, rows)
        return xp.ascontiguousarray(xp.moveaxis(found, 0, axis))


def _add_rows(xp: Any, found: Any, flat: Any, rows: Any) -> None:
    if xp is not np:
        xp.add.at(found, flat, rows)
        return
    # Sorted runs add up many times faster than `add.at` on rows.
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    found[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)


@register
class TakeAlongAxis(Op):
    """Elements by one integer each along an axis; the other axes are equal.

    >>> OPS["take_along_axis"]([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1).shape
    (2, 1)
    """

    name = "take_along_axis"
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, indices: Any, axis: int | None = None) -> Any:
        if axis is None:
            flat = call("reshape", x, (-1,)), call("reshape", indices, (-1,))
            return flat, {"axis": 0}
        return (x, indices), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        x, indices = types
        check_indices(self.name, indices)
        axis = normal_axis(self.name, attributes["axis"], x.rank, x)
        others = [t.shape[:axis] + t.shape[axis + 1 :] for t in types]
        if x.rank != indices.rank or others[0] != others[1]:
            raise Fault(
                "T0305",
                f"`take_along_axis` needs equal axes apart from axis {axis}: "
                f"{x} and {indices}",
                operands={0: str(x), 1: str(indices)},
                dims=(*x.shape, *indices.shape),
            )
        return {"axis": axis}

    def infer(self, x: TensorType, indices: TensorType, axis: int) -> TensorType:
        return indices.with_dtype(x.dtype)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        source, indices = node.inputs
        axis = node.attributes["axis"]
        attributes = {"axis": axis, "size": source.shape[axis]}
        return OPS["add_along_axis"].apply((cotangent, indices), attributes), None

    def run(self, xp: Any, x: Any, indices: Any, *, axis: int, out: Any = None) -> Any:
        try:
            return xp.take_along_axis(x, indices, axis=axis)
        except IndexError:
            raise out_of_range(self.name, indices, x.shape[axis]) from None


@register
class AddAlongAxis(Op):
    """Elements added up where integers point: `take_along_axis` undone."""

    name = "add_along_axis"
    public = False
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, indices: Any, axis: int, size: Any) -> Any:
        return (x, indices), {"axis": axis, "size": Dim.of(size)}

    def infer(
        self, x: TensorType, indices: TensorType, axis: int, size: Dim
    ) -> TensorType:
        return x.with_shape((*x.shape[:axis], size, *x.shape[axis + 1 :]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        axis, indices = node.attributes["axis"], node.inputs[1]
        return OPS["take_along_axis"].apply((cotangent, indices), {"axis": axis}), None

    def run(
        self, xp: Any, x: Any, indices: Any, *, axis: int, size: int, out: Any = None
    ) -> Any:
        found = xp.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
        grid = [
            xp.arange(n).reshape([-1 if i == a else 1 for i in range(x.ndim)])
            for a, n in enumerate(x.shape)
        ]
        grid[axis] = indices
        if x.shape[axis] == 1:
            found[tuple(grid)] = x
        else:
            xp.add.at(found, tuple(grid), x)
        return found


@register
class OneHot(Op):
    """1 where the class is, 0 elsewhere, along a new axis; zeros for no class.

    >>> OPS["one_hot"]([2, 0], 3).numpy().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    name = "one_hot"
    level = "composite"
    no_gradient = "a class number does not move by small steps"

    def arguments(
        self, x: Any, num_classes: Any, axis: int = -1, dtype: Any = None
    ) -> Any:
        kind = F32 if dtype is None else dtype_of(dtype)
        return (x,), {"num_classes": num_classes, "axis": axis, "dtype": kind}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        axis = normal_axis(self.name, attributes["axis"], types[0].rank + 1, types[0])
        size = _integer(attributes["num_classes"], "`num_classes`")
        return {**attributes, "num_classes": size, "axis": axis}

    def infer(
        self, x: TensorType, num_classes: Dim, axis: int, dtype: Any
    ) -> TensorType:
        if not x.dtype.is_integer:
            raise Fault(
                "T0402",
                f"`one_hot` needs class numbers and got {x}",
                operands={0: str(x)},
                help=["cast them: `cast(…, i32)`"],
            )
        return TensorType(dtype, (*x.shape[:axis], num_classes, *x.shape[axis:]))

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        axis, size = options["axis"], options["num_classes"]
        classes = OPS["arange"].apply(
            (), {"start": ZERO, "count": size, "step": 1, "dtype": x.dtype}
        )
        shape = [Dim.of(1)] * (x.ndim + 1)
        shape[axis] = size
        classes = call("reshape", classes, tuple(shape))
        hit = call("equal", call("expand_dims", x, axis), classes)
        found: Node = call("cast", hit, options["dtype"])
        return found


@register
class Flip(Op):
    """The elements in reverse order along axes; all axes for None."""

    level = "composite"
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axis: Any = None) -> Any:
        return (x,), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {"axis": normal_axes(self.name, attributes.get("axis"), types[0])}

    def infer(self, x: TensorType, axis: tuple[int, ...]) -> TensorType:
        return x

    def expand(self, node: Node) -> Node:
        (x,), axes = node.inputs, node.attributes["axis"]
        steps = (-1 if axis in axes else None for axis in range(x.ndim))
        found: Node = call("getitem", x, tuple(slice(None, None, s) for s in steps))
        return found


@register
class Pad(Op):
    """One number put around: `pad_width` has a pair (before, after) for each axis.

    >>> OPS["pad"]([1.0, 2.0], [[1, 0]]).numpy().tolist()
    [0.0, 1.0, 2.0]
    """

    level = "composite"
    domain = ((-2.0, 2.0),)

    def arguments(
        self,
        x: Any,
        pad_width: Any,
        mode: str = "constant",
        constant_values: float | None = None,
    ) -> Any:
        if mode != "constant":
            raise Fault(
                "T0204", f"`pad` has the mode `constant`, not `{mode}`", argument="mode"
            )
        return (x,), {"pad_width": pad_width, "constant_values": constant_values or 0.0}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        given, rank = attributes["pad_width"], types[0].rank
        single = not isinstance(given, (list, tuple))
        pairs = ((given, given),) * rank if single else tuple(map(tuple, given))
        if len(pairs) == 1:
            pairs *= rank
        if len(pairs) != rank or any(len(pair) != 2 for pair in pairs):
            raise Fault(
                "T0303",
                f"`pad` needs a pair (before, after) for each axis of {types[0]}",
                operands={0: str(types[0])},
                argument="pad_width",
            )
        width = tuple(tuple(_integer(n, "a padding") for n in pair) for pair in pairs)
        return {**attributes, "pad_width": width}

    def infer(
        self, x: TensorType, pad_width: Any, constant_values: float
    ) -> TensorType:
        pairs = zip(x.shape, pad_width, strict=True)
        return x.with_shape(size + low + high for size, (low, high) in pairs)

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        pairs = zip(x.shape, options["pad_width"], strict=True)
        index = tuple(("slice", low, size, 1) for size, (low, _) in pairs)
        where = {"shape": node.shape, "index": index}
        inner = OPS["place"].apply((x,), where)
        if not options["constant_values"]:
            return inner
        true = full_node(x.tensor_type.with_dtype("bool"), True)
        mask = OPS["place"].apply((true,), where)
        found: Node = call("where", mask, inner, options["constant_values"])
        return found
