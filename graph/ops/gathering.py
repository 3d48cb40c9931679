"""Ops that pick elements by integer tensors, and add them up again."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..configuration import default_float
from ..diagnostics import DataError, Diagnostic, Fault
from ..dim import ZERO, Dim
from ..kinds import Size
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..sizes import known_size
from ..tensor import convert_to_tensor
from ..types import TensorType, dtype_of
from .reduce import normal_axis

Types = tuple[TensorType, ...]


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
    return outside(name, int(wrong[0]), size)


def outside(name: str, index: int, size: int) -> DataError:
    """An index that points outside of an axis."""
    return DataError(
        Diagnostic(
            "T0311",
            f"`{name}` was given index {index} for an axis of size {size}",
            help=(f"indices go from 0 to {size - 1}",),
        )
    )


@register
class Positions(Op):
    """Indices of an axis, counted from its start; refuses those outside of it.

    Input and result i32[...] or i64[...], `size` that of the axis. Raises `DataError`
    in the name of the op `told`.
    """

    checks = True
    public = False
    writes = True
    no_gradient = "an index does not move by small steps"

    def arguments(self, indices: Any, size: Any, told: str) -> Any:
        return (indices,), {"size": Dim.of(size), "told": told}

    def infer(self, indices: TensorType, size: Dim, told: str) -> TensorType:
        return indices

    def run(
        self, xp: Any, indices: Any, *, size: int, told: str, out: Any = None
    ) -> Any:
        if indices.size and (xp.min(indices) < -size or xp.max(indices) >= size):
            raise out_of_range(told, indices, size)
        found = xp.where(indices < 0, indices + size, indices)
        if out is None:
            return found.astype(indices.dtype)
        xp.copyto(out, found)
        return out


@register
class Take(Op):
    """Slices along an axis, by integers; `axis=None` counts through all elements.

    Input x [..., n, ...] and integer indices [...]; the indices' axes replace the
    axis. Raises `DataError` for an index outside of the axis.

    >>> OPS["take"]([1.0, 2.0, 3.0], [2, 0]).numpy().tolist()
    [3.0, 1.0]
    """

    checks = True
    arithmetic = False
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
    accumulates = True
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
        flat = indices.reshape(-1).astype("int64")  # small ones may not hold the size
        before, after = x.shape[:axis], x.shape[axis + rank :]
        rows = xp.moveaxis(x.reshape((*before, flat.size, *after)), axis, 0)
        found = xp.zeros((size, *before, *after), x.dtype)
        if rows.size and size:
            _add_rows(xp, found, flat % size, rows)
        return xp.ascontiguousarray(xp.moveaxis(found, 0, axis))


def _add_rows(xp: Any, found: Any, flat: Any, rows: Any) -> None:
    if xp is not np:
        xp.add.at(found, flat, rows)
        return
    if rows.ndim == 1 and rows.dtype in (np.float32, np.float64):
        found[:] = np.bincount(flat, rows, len(found))
        return
    # Sorted runs add up many times faster than `add.at` on rows.
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    found[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)


def stretched_apart(axis: int, *operands: Any) -> tuple[Any, ...]:
    """Operands whose axes of size 1 are as long as another's, but for one axis."""
    operands = tuple(
        x if isinstance(x, Node) else convert_to_tensor(x) for x in operands
    )
    types = [x.tensor_type if isinstance(x, Node) else x.type for x in operands]
    rank = types[0].rank
    if any(type.rank != rank for type in types) or not -rank <= axis < rank:
        return operands
    sizes = list(zip(*(type.shape for type in types), strict=True))
    wanted = [next((n for n in axis if n.value != 1), axis[0]) for axis in sizes]
    found = []
    for operand, type in zip(operands, types, strict=True):
        shape = [*wanted]
        shape[axis] = type.shape[axis]
        if any(a.value == 1 != b.value for a, b in zip(type.shape, shape, strict=True)):
            operand = call("broadcast_to", operand, tuple(shape))
        found.append(operand)
    return tuple(found)


@register
class TakeAlongAxis(Op):
    """Elements by one integer each along an axis; the other axes are equal, or 1.

    >>> OPS["take_along_axis"]([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1).shape
    (2, 1)
    """

    arithmetic = False
    name = "take_along_axis"
    checks = True
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, indices: Any, axis: int | None = None) -> Any:
        if axis is None:
            flat = call("reshape", x, (-1,)), call("reshape", indices, (-1,))
            return flat, {"axis": 0}
        return stretched_apart(axis, x, indices), {"axis": axis}

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
    accumulates = True
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

    Fractions of class numbers are cut off.

    >>> OPS["one_hot"]([2, 0], 3).numpy().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    arithmetic = False
    name = "one_hot"
    level = "composite"
    no_gradient = "a class number does not move by small steps"

    def arguments(
        self, x: Any, num_classes: Size, axis: int = -1, dtype: Any = None
    ) -> Any:
        kind = default_float() if dtype is None else dtype_of(dtype)
        count = known_size(num_classes)
        return (x,), {"num_classes": count, "axis": axis, "dtype": kind}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        axis = normal_axis(self.name, attributes["axis"], types[0].rank + 1, types[0])
        size = Dim.of(attributes["num_classes"])
        return {**attributes, "num_classes": size, "axis": axis}

    def infer(
        self, x: TensorType, num_classes: Dim, axis: int, dtype: Any
    ) -> TensorType:
        return TensorType(dtype, (*x.shape[:axis], num_classes, *x.shape[axis:]))

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        axis, size = options["axis"], options["num_classes"]
        if not x.tensor_type.dtype.is_integer:
            x = call("cast", x, "int32")
        classes = OPS["arange"].apply(
            (), {"start": ZERO, "count": size, "step": 1, "dtype": x.dtype}
        )
        shape = [Dim.of(1)] * (x.ndim + 1)
        shape[axis] = size
        classes = call("reshape", classes, tuple(shape))
        hit = call("equal", call("expand_dims", x, axis), classes)
        found: Node = call("cast", hit, options["dtype"])
        return found
