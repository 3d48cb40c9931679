"""Windows of tensors, from a start that is known or that a tensor says."""

from __future__ import annotations

from typing import Any

from ..dim import Dim
from ..kinds import POSITIONS, Positions
from ..node import Node
from ..op import register
from ..operand import Operand
from ..registry import OPS, call
from ..types import I32, dtype_of
from .formula import (
    Derived,
    Refusal,
    along,
    counted,
    frozen,
    indexed,
    size_node,
    type_of,
)
from .movement import full_node
from .scattering import in_axis

WIDE = frozenset(map(dtype_of, ("i64", "u32", "u64")))  # not whole in i32


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


def _check_moving(name: str, x: Node, start: Node, shape: Any) -> None:
    """Refuse starts that are not an integer for each axis, and a window that fits
    for no size."""
    given, sizes = type_of(start), zip(shape, x.shape, strict=True)
    if not given.dtype.is_integer or given.shape != (Dim.of(x.ndim),):
        raise Refusal(
            name,
            "T0402" if not given.dtype.is_integer else "T0303",
            f"`start_indices` of `{name}` is {given}, not an integer for each axis of "
            f"{type_of(x)}",
            operands={0: str(type_of(x))},
            argument="start_indices",
        )
    for axis, (count, size) in enumerate(sizes):
        ends = Dim.of(count).bounds()[1], (size - count).bounds()[1]
        if any(end is not None and end < 0 for end in ends):
            raise Refusal(
                name,
                "T0311",
                f"{count} places do not lie within axis {axis} of {type_of(x)}",
                operands={0: str(type_of(x))},
                dims=(size,),
            )


def _first(start: Node, axis: int, size: Dim, count: Any) -> Node:
    """The start along one axis, moved so that the window lies inside."""
    one = call("getitem", start, axis)
    if one.dtype not in WIDE:
        one = call("cast", one, I32)
    last = call("cast", size_node(size - count), one.dtype)
    inside = call("maximum", call("minimum", one, last), 0)
    found: Node = call("cast", inside, I32)
    return found


def _moving(x: Node, shape: Any) -> list[tuple[int, Any]]:
    """The axes along which a window can move, with its sizes: not those it fills."""
    sizes = enumerate(zip(shape, x.shape, strict=True))
    return [(axis, count) for axis, (count, whole) in sizes if whole != Dim.of(count)]


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
        _check_moving("slice", inputs, starts[0], sizes)
        found = inputs
        for axis, count in _moving(inputs, sizes):
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
        _check_moving("slice_update", inputs, starts[0], updates.shape)
        if any(size.value == 0 for size in updates.shape):
            return inputs
        inside: Any = None
        for axis, count in _moving(inputs, updates.shape):
            size = inputs.shape[axis]
            at = counted(size) - _first(starts[0], axis, size, count)
            here = in_axis(at, count)
            if Dim.of(count).value != 1:  # one place is read wherever it is put
                updates = call("take", updates, call("where", here, at, 0), axis)
            here = along(here, axis, inputs.ndim)
            inside = here if inside is None else call("logical_and", inside, here)
        return updates if inside is None else call("where", inside, updates, inputs)
