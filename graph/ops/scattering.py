"""Ops that write to scattered places: rows of indices say where."""

from __future__ import annotations

from typing import Any

from ..dim import Dim, product
from ..kinds import Sizes
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..types import I32, I64, TensorType
from .formula import (
    Refusal,
    along,
    chosen,
    counted,
    derived,
    part,
    size_node,
    type_of,
)
from .gathering import check_indices, out_of_range
from .movement import full_node

Types = tuple[TensorType, ...]

LONG = {"u32", "i64", "u64"}  # what i32 may not hold
LARGEST = 2**31 - 1  # number of i32


def _flat(
    name: str, indices: Node, shape: Any, rank: int, strict: bool = False
) -> tuple[Any, Any, int]:
    """Rows of indices as positions in the axes they count through, flattened.

    A row with an index outside of its axis is refused where that is `strict`, else it
    is a position behind all of them.
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
        if strict:
            checked = {"size": shape[axis], "told": name}
            flat = flat * size + OPS["positions"].apply((one,), checked)
            continue
        one = call("where", one < 0, one + size, one)
        inside = inside & (one >= 0) & (one < size)
        flat = flat * size + one
    if not strict:
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
        try:
            found[indices] = updates
        except IndexError:
            raise out_of_range(self.name, indices, len(x)) from None
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
    flat, size, depth = _flat(
        "scatter_update", indices, inputs.shape, inputs.ndim, strict=reduction is None
    )
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
