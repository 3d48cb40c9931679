"""Ops that move elements without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..advice import to_align, to_divide, to_free, to_match, where_they_differ
from ..configuration import default_float
from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import ZERO, Dim, divide_exactly, product
from ..kinds import Axes, Scalar
from ..node import Node
from ..op import Op, Results, register
from ..operand import Operand
from ..registry import OPS, call
from ..sizes import as_shape
from ..tensor import convert_to_tensor, held
from ..types import DTypeLike, TensorType, dtype_of
from .elementwise import dtype_clash
from .reduce import normal_axis
from .reshaping import indivisible, leading, misfit

Types = tuple[TensorType, ...]


@register
class Reshape(Op):
    """The same elements in row-major order under another shape; one size may be -1."""

    view = True
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, newshape: Any) -> Any:
        return (x,), {"newshape": as_shape(newshape, self.name, "newshape", -1)}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        wanted = attributes["newshape"]
        free = [i for i, size in enumerate(wanted) if size == -1]
        sizes = [Dim.of(size) for i, size in enumerate(wanted) if i not in free]
        total, known = types[0].size, product(sizes)
        if len(free) > 1:
            raise Fault(
                "T0304", "only one size of a reshape may be -1", argument="newshape"
            )
        if free:
            sizes.insert(free[0], self._missing(types[0], total, known, wanted))
        elif equal_dims(total, known) is not True:
            raise misfit(types[0], total, sizes, known)
        return {"newshape": tuple(sizes)}

    def _missing(
        self, type: TensorType, total: Dim, known: Dim, wanted: Sequence[Any]
    ) -> Dim:
        if known.value == total.value == 0:
            # No samples tell nothing; sizes in front that stay are left out.
            same = leading(type.shape, wanted)
            total = product(type.shape[same:])
            known = product([Dim.of(s) for s in wanted[same:] if s != -1])
        found = divide_exactly(total, known) if known.value != 0 else None
        if found is not None:
            return found
        raise indivisible(type, total, known)

    def infer(self, x: TensorType, newshape: tuple[Dim, ...]) -> TensorType:
        # Sizes that stay keep their history.
        kept = {dim: dim for dim in reversed(x.shape)}
        return x.with_shape(kept.get(dim, dim) for dim in newshape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (call("reshape", cotangent, node.inputs[0].shape),)

    def run(
        self, xp: Any, x: Any, *, newshape: tuple[int, ...], out: Any = None
    ) -> Any:
        return x.reshape(newshape)


@register
class Transpose(Op):
    """The axes in another order; reversed if `axes` is None."""

    view = True
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axes: Axes | None = None) -> Any:
        return (x,), {"axes": axes}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        type, axes = types[0], attributes.get("axes")
        given = axes if isinstance(axes, (tuple, list)) else (axes,)
        order = tuple(range(type.rank))[::-1] if axes is None else tuple(given)
        order = tuple(normal_axis(self.name, a, type.rank, type) for a in order)
        if sorted(order) != list(range(type.rank)):
            raise Fault(
                "T0303",
                f"`axes` of `transpose` names each axis of {type} once, not {axes}",
                operands={0: str(type)},
                argument="axes",
            )
        return {"axes": order}

    def infer(self, x: TensorType, axes: tuple[int, ...]) -> TensorType:
        return x.with_shape(x.shape[axis] for axis in axes)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        back = np.argsort(node.attributes["axes"])
        return (call("transpose", cotangent, tuple(map(int, back))),)

    def run(self, xp: Any, x: Any, *, axes: tuple[int, ...], out: Any = None) -> Any:
        return xp.transpose(x, axes)


@register
class BroadcastTo(Op):
    """Stretched to a shape: new axes in front, size 1 repeated."""

    name = "broadcast_to"
    view = True
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, shape: Any) -> Any:
        return (x,), {"shape": as_shape(shape, self.name)}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {"shape": tuple(Dim.of(size) for size in attributes["shape"])}

    def infer(self, x: TensorType, shape: tuple[Dim, ...]) -> TensorType:
        padded = (Dim.of(1),) * (len(shape) - x.rank) + x.shape
        fits = len(padded) == len(shape) and all(
            a.value == 1 or equal_dims(a, b) for a, b in zip(padded, shape, strict=True)
        )
        if not fits:
            wanted = x.with_shape(shape)
            raise Fault(
                "T0302", f"{x} does not stretch to {wanted}", operands={0: str(x)}
            )
        return x.with_shape(shape)

    def apply(
        self, inputs: Any, attributes: Any = None, like: Any = None, name: Any = None
    ) -> Node:
        shape = tuple(Dim.of(size) for size in attributes["shape"])
        if inputs[0].shape == shape:
            source: Node = inputs[0]
            return source
        return super().apply(inputs, attributes, like, name)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (sum_to(cotangent, node.inputs[0].shape),)

    def run(self, xp: Any, x: Any, *, shape: tuple[int, ...], out: Any = None) -> Any:
        return xp.broadcast_to(x, shape)


def sum_to(value: Node, shape: tuple[Dim, ...]) -> Node:
    """Broadcasting undone: the sum over the axes that were stretched."""
    if value.shape == shape:
        return value
    extra = value.ndim - len(shape)
    ones = [
        axis + extra
        for axis, size in enumerate(shape)
        if size.value == 1 and value.shape[axis + extra].value != 1
    ]
    axes = (*range(extra), *ones)
    if axes:
        value = call("sum", value, axis=axes)
    found: Node = call("reshape", value, shape) if value.shape != shape else value
    return found


@register
class Concatenate(Op):
    """Tensors joined along an axis; the other axes are equal."""

    arithmetic = False
    operand_dtypes = "same"
    writes = True
    domain = ((-2.0, 2.0),)

    def arguments(self, xs: Any, axis: int = 0) -> Any:
        return listed(self.name, xs), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {
            "axis": normal_axis(self.name, attributes["axis"], types[0].rank, types[0])
        }

    def infer(self, *types: TensorType, axis: int) -> TensorType:
        first = types[0]
        for index, other in enumerate(types[1:], 1):
            if other.dtype != first.dtype:
                raise dtype_clash(self.name, first, index, other)
            same = other.rank == first.rank and all(
                i == axis or equal_dims(a, b)
                for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True))
            )
            if not same:
                fault = _unlike(axis, first, index, other)
                fault.help = (*_along(axis, first, other), *fault.help)
                raise fault
        joined = sum((t.shape[axis] for t in types[1:]), first.shape[axis])
        return first.with_shape((*first.shape[:axis], joined, *first.shape[axis + 1 :]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        axis, start, parts = node.attributes["axis"], Dim.of(0), []
        for source in node.inputs:
            index = [("slice", ZERO, size, 1) for size in source.shape]
            index[axis] = ("slice", start, source.shape[axis], 1)
            part = OPS["getitem"].apply((cotangent,), {"index": tuple(index)})
            parts.append(part)
            start = start + source.shape[axis]
        return parts

    def run(self, xp: Any, *arrays: Any, axis: int, out: Any = None) -> Any:
        return xp.concatenate(arrays, axis=axis, out=out)


def listed(name: str, operands: Any) -> tuple[Any, ...]:
    """The tensors of a list that is not empty."""
    if not isinstance(operands, (list, tuple)) or not operands:
        raise Fault(
            "T0203",
            f"`{name}` takes a list of tensors",
            help=[f"write `{name}([x, y])`"],
        )
    return tuple(operands)


def _unlike(axis: int, first: TensorType, index: int, other: TensorType) -> Fault:
    pairs = list(zip(first.shape, other.shape, strict=False))
    unlike = [p for i, p in enumerate(pairs) if i != axis and p[0] != p[1]] or pairs
    return Fault(
        "T0305",
        f"tensors joined along axis {axis} differ on another axis: {first} and {other}",
        operands={0: str(first), index: str(other)},
        dims=[dim for pair in unlike for dim in pair],
        notes=where_they_differ(unlike),
        help=[*_joinable(axis, first, other), *_equal_where(unlike)],
    )


def _equal_where(unlike: Sequence[tuple[Dim, Dim]]) -> list[str]:
    found = to_divide(unlike)
    return [*found, "or cut the longer one to the size of the other"] if found else []


def _along(axis: int, first: TensorType, other: TensorType) -> list[str]:
    """The axis that two types could be joined along, if it is another one."""
    sizes = zip(first.shape, other.shape, strict=False)
    unlike = [place for place, (one, two) in enumerate(sizes) if one != two]
    if len(unlike) != 1 or unlike[0] == axis or first.rank != other.rank:
        return []
    return [f"they fit along axis {unlike[0]}: `axis = {unlike[0] - first.rank}`"]


def _joinable(axis: int, first: TensorType, other: TensorType) -> list[str]:
    for place in range(-min(first.rank, other.rank), 0):
        one, two = first.shape[place], other.shape[place]
        if place + first.rank != axis and one != two:
            ways = [*to_align(place, first, other), *to_match(one, two)]
            return to_free(one, two) or ways
    return []


@register
class Stack(Op):
    """Tensors of one type along a new axis."""

    level = "composite"
    operand_dtypes = "same"
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axis: int = 0) -> Any:
        return listed(self.name, x), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {
            "axis": normal_axis(
                self.name, attributes["axis"], types[0].rank + 1, types[0]
            )
        }

    def infer(self, *types: TensorType, axis: int) -> TensorType:
        first = types[0]
        for index, other in enumerate(types[1:], 1):
            if other != first:
                raise _unlike(axis, first, index, other)
        return first.with_shape((*first.shape[:axis], len(types), *first.shape[axis:]))

    def expand(self, node: Node) -> Node:
        axis = node.attributes["axis"]
        wide = [call("expand_dims", source, axis) for source in node.inputs]
        found: Node = OPS["concatenate"].apply(tuple(wide), {"axis": axis})
        return found


@register
class ExpandDims(Op):
    """A new axis of size 1, or several, where they stand in the result."""

    name = "expand_dims"
    view = True
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axis: Axes) -> Any:
        if not isinstance(axis, (list, tuple)) or not axis:
            return (x,), {"axis": axis}
        *first, last = self._from_left(x, axis)
        for one in first:
            x = call("expand_dims", x, one)
        return (x,), {"axis": last}

    def _from_left(self, x: Any, axes: Sequence[int]) -> list[int]:
        """Axes in the order in which they can be made one by one."""
        x = x if isinstance(x, Operand) else convert_to_tensor(x)
        type = x.tensor_type if isinstance(x, Node) else x.type
        rank = type.rank + len(axes)
        found = sorted(normal_axis(self.name, one, rank, type) for one in axes)
        if len(set(found)) < len(found):
            raise Fault(
                "T0204",
                f"`{self.name}` makes each axis once: {tuple(axes)} names one twice",
                argument="axis",
            )
        return found

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {
            "axis": normal_axis(
                self.name, attributes["axis"], types[0].rank + 1, types[0]
            )
        }

    def infer(self, x: TensorType, axis: int) -> TensorType:
        return x.with_shape((*x.shape[:axis], 1, *x.shape[axis:]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (call("reshape", cotangent, node.inputs[0].shape),)

    def run(self, xp: Any, x: Any, *, axis: int, out: Any = None) -> Any:
        return xp.expand_dims(x, axis)


@register
class Squeeze(Op):
    """Without axes of size 1: the given ones, or all."""

    view = True
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axis: Axes | None = None) -> Any:
        return (x,), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        type, axis = types[0], attributes.get("axis")
        if axis is None:
            return {"axis": tuple(i for i, d in enumerate(type.shape) if d.value == 1)}
        axes = axis if isinstance(axis, (tuple, list)) else (axis,)
        found = tuple(sorted(normal_axis(self.name, a, type.rank, type) for a in axes))
        wide = [a for a in found if type.shape[a].value != 1]
        if wide:
            raise Fault(
                "T0303",
                f"`squeeze` drops axes of size 1, and axis {wide[0]} of {type} has "
                f"size {type.shape[wide[0]]}",
                operands={0: str(type)},
                argument="axis",
            )
        return {"axis": found}

    def infer(self, x: TensorType, axis: tuple[int, ...]) -> TensorType:
        return x.with_shape(d for i, d in enumerate(x.shape) if i not in axis)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (call("reshape", cotangent, node.inputs[0].shape),)

    def run(self, xp: Any, x: Any, *, axis: tuple[int, ...], out: Any = None) -> Any:
        return xp.squeeze(x, axis)


@register
class Full(Op):
    """A shape filled with one number."""

    arithmetic = False
    writes = True

    def arguments(
        self, shape: Any, fill_value: Scalar, dtype: DTypeLike | None = None
    ) -> Any:
        kind = default_float() if dtype is None else dtype_of(dtype)
        sizes = as_shape(shape, self.name)
        return (), {"shape": sizes, "fill_value": fill_value, "dtype": kind}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        shape = tuple(Dim.of(size) for size in attributes["shape"])
        held(attributes["fill_value"], attributes["dtype"])  # refuses what is too large
        return {**attributes, "shape": shape}

    def infer(
        self, shape: tuple[Dim, ...], fill_value: float, dtype: Any
    ) -> TensorType:
        return TensorType(dtype, shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return ()

    def run(
        self, xp: Any, *, shape: Any, fill_value: Scalar, dtype: Any, out: Any = None
    ) -> Any:
        if out is None:
            return xp.full(shape, fill_value, dtype.numpy)
        out.fill(fill_value)
        return out


def full_node(type: TensorType, value: float) -> Node:
    """A node of a type filled with one number."""
    attributes = {"shape": type.shape, "fill_value": value, "dtype": type.dtype}
    return OPS["full"].apply((), attributes)


def filled_with_zero(node: Node) -> bool:
    """Whether a cotangent stands for a result that nothing reads."""
    return node.op.name == "full" and bool(node.attributes["fill_value"] == 0)
