"""Ops that pick elements by position, and put them back.

The index of `getitem` is a tuple of entries in one form: `("at", i)` drops an axis,
`("slice", start, count, step)` keeps it, `("new",)` makes one of size 1. Positions
count from 0 and may be symbolic sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..diagnostics import Fault
from ..dim import ZERO, Dim, ceildiv, maximum, minimum
from ..kinds import SIZE, Axes, Scalar, integer, shown
from ..node import Node
from ..op import Op, Results, register
from ..operand import Operand
from ..registry import OPS, call
from ..sizes import known_size
from ..types import TensorType
from .movement import full_node
from .moving import MODES, padded
from .reduce import normal_axes

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
        rule = slice_entry if isinstance(item, slice) else _position
        entries.append(rule(item, axis, type))
        axis += 1
    return tuple(entries)


def as_integer(item: Any, what: str) -> Dim:
    """A size or an integer as a dim; refuses anything else."""
    item = known_size(item)
    if isinstance(item, Dim):
        return item
    try:
        return Dim.of(integer(item))
    except (TypeError, ValueError):
        raise Fault(
            "T0204",
            f"{what} is an integer or a size, not {shown(item)}",
            help=["pick with an integer tensor by `take`, with a mask by `where`"],
        ) from None


def _position(item: Any, axis: int, type: TensorType) -> Entry:
    size = type.shape[axis]
    at = as_integer(item, "an index")
    if at.value is not None and at.value < 0:
        at = size + at
    first, _ = at.bounds()
    spare, _ = (size - 1 - at).bounds()
    if first is None or first < 0 or spare is None or spare < 0:
        raise Fault(
            "T0311",
            f"index {item} is not within axis {axis} of {type}"
            + ("" if size.value is not None else " for every size"),
            operands={0: str(type)},
            dims=(size,),
            help=[]
            if size.value is None or size.value < 1
            else [f"its indices are 0 to {size.value - 1}, or -1 to -{size.value}"],
        )
    return ("at", at)


def slice_entry(item: slice, axis: int, type: TensorType) -> Entry:
    """A slice of an axis in the form that the rules see."""
    size = type.shape[axis]
    step = (
        1 if item.step is None else as_integer(item.step, "the step of a slice").value
    )
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
    at = as_integer(item, "a bound of a slice")
    if at.value is not None and at.value < 0:
        at = size + at
    return minimum(maximum(at, low), high)


def numpy_index(index: tuple[Entry, ...]) -> tuple[Any, ...]:
    """Entries with plain numbers as an index for an array; the result is an array."""
    found: list[Any] = []
    for entry in index:
        match entry:
            case ("at", position):
                if position < 0:
                    raise _none_there(len(found))
                found.append(position)
            case ("new",):
                found.append(None)
            case (_, start, count, step):
                if count < 0:
                    raise _none_left(len(found), count)
                stop = start + count * step
                plain = slice(start, stop if stop >= 0 else None, step)
                found.append(plain if count else slice(0, 0))
    return (*found, Ellipsis)


def _none_there(axis: int) -> Fault:
    return Fault(
        "T0320",
        f"this data is too small along axis {axis}: nothing stands where an element is "
        "picked",
    )


def _none_left(axis: int, count: int) -> Fault:
    """Sizes that only a run shows to be too small to cut from."""
    return Fault(
        "T0320",
        f"this data is too small along axis {axis}: what is cut out of it would have "
        f"{count} places",
    )


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

    def called(
        self, arguments: tuple[Any, ...], options: dict[str, Any], known: Any = None
    ) -> Any:
        key = options.get("key", arguments[-1] if len(arguments) == 2 else None)
        items = key if isinstance(key, tuple) else (key,)
        axis = next((i for i, item in enumerate(items) if _is_array(item)), None)
        if axis is not None and all(map(_is_full, items[:axis])):
            if all(k is Ellipsis or _is_full(k) for k in items[axis + 1 :]):
                x = options.get("x", arguments[0] if arguments else None)
                return call("take", x, items[axis], axis=axis)
        return super().called(arguments, options, known)

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

    def needs(self, node: Node) -> Mapping[int, int]:
        """Those of parts of a fixed length."""
        kept = [entry for entry in node.attributes["index"] if entry[0] != "new"]
        ends = {
            axis: (entry[1].value, entry[2].value)
            for axis, entry in enumerate(kept)
            if entry[0] == "slice" and entry[3] == 1
        }
        return {
            axis: start + count
            for axis, (start, count) in ends.items()
            if start is not None and count is not None
        }

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

    arithmetic = False
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


@register
class Flip(Op):
    """The elements in reverse order along axes; all axes for None."""

    level = "composite"
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axis: Axes | None = None) -> Any:
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


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, (tuple, list)) and len(pair) == 2


def _padding(item: Any) -> Dim:
    """How much is put on one side: a size."""
    return Dim.of(SIZE.read("pad_width", known_size(item), "pad"))


@register
class Pad(Op):
    """Elements put around: `pad_width` has a pair (before, after) for each axis.

    They are `constant_values`, or the tensor's own: its `edge`, its mirror image
    (`reflect`; `symmetric` repeats the edge), or those of the other end (`wrap`).

    >>> OPS["pad"]([1.0, 2.0], [[1, 0]]).numpy().tolist()
    [0.0, 1.0, 2.0]
    """

    arithmetic = False
    level = "composite"
    domain = ((-2.0, 2.0),)

    def arguments(
        self,
        x: Any,
        pad_width: Any,
        mode: str = "constant",
        constant_values: Scalar | None = None,
    ) -> Any:
        if mode != "constant" and constant_values is not None:
            raise Fault(
                "T0204",
                f"`constant_values` belongs to the mode `constant`, not `{mode}`",
                argument="constant_values",
            )
        filler = 0.0 if constant_values is None else constant_values
        options = {"mode": mode, "constant_values": filler}
        if isinstance(pad_width, np.ndarray):
            pad_width = pad_width.tolist()
        return (x,), {"pad_width": pad_width, **options}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        given, rank = attributes["pad_width"], types[0].rank
        single = not isinstance(given, (list, tuple))
        pairs = ((given, given),) * rank if single else tuple(given)
        if len(pairs) == 2 and not any(isinstance(p, (list, tuple)) for p in pairs):
            pairs = (pairs,)  # NumPy's short form: the same pair for each axis
        if len(pairs) == 1:
            pairs *= rank
        if len(pairs) != rank or not all(map(_is_pair, pairs)):
            raise Fault(
                "T0303",
                f"`pad` needs a pair (before, after) for each axis of {types[0]}",
                operands={0: str(types[0])},
                argument="pad_width",
            )
        width = tuple(tuple(map(_padding, pair)) for pair in pairs)
        mode = attributes["mode"]
        if not isinstance(mode, str) or mode not in MODES:
            known = ", ".join(f"`{mode}`" for mode in MODES)
            raise Fault(
                "T0204",
                f"`pad` has the modes {known}, not {shown(mode)}",
                argument="mode",
            )
        return {**attributes, "pad_width": width}

    def infer(
        self, x: TensorType, pad_width: Any, mode: str, constant_values: float
    ) -> TensorType:
        pairs = zip(x.shape, pad_width, strict=True)
        return x.with_shape(size + low + high for size, (low, high) in pairs)

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        if options["mode"] != "constant":
            return padded(x, options["pad_width"], options["mode"])
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
