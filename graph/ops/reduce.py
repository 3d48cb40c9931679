"""Ops that fold axes away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..conversion import convert
from ..diagnostics import Fault
from ..dim import Dim, product
from ..kinds import INTEGER, TRUTH, Axes
from ..node import Node
from ..op import Op, Results, register
from ..registry import call
from ..types import BOOL, F32, I32, TensorType, dtype_of
from .elementwise import floats_needed, widened_numbers


def normal_axis(name: str, axis: int, rank: int, type: TensorType) -> int:
    """A non-negative axis; refuses one that the operand has not."""
    axis = INTEGER.read("axis", axis, name)
    if not -rank <= axis < rank:
        raise Fault(
            "T0303",
            f"`{name}` has no axis {axis} to work on: its operand has rank {type.rank}",
            operands={0: str(type)},
            argument="axis",
            op=name,
            help=[_axes_of(rank)],
        )
    return axis % rank


def _axes_of(rank: int) -> str:
    if rank < 2:
        return "its only axis is 0, or -1" if rank else "a scalar has no axes"
    return f"its axes are 0 to {rank - 1}, or -1 to -{rank} from the last"


def normal_axes(name: str, axis: Any, type: TensorType) -> tuple[int, ...]:
    """Sorted non-negative axes; None means all."""
    if axis is None:
        return tuple(range(type.rank))
    if not isinstance(axis, (tuple, list)):
        return (normal_axis(name, axis, type.rank, type),)
    found = sorted(normal_axis(name, a, type.rank, type) for a in axis)
    twice = [a for a, b in pairwise(found) if a == b]
    if twice:
        raise Fault(
            "T0303",
            f"`axis` of `{name}` names axis {twice[0]} of {type} twice",
            operands={0: str(type)},
            argument="axis",
            op=name,
        )
    return tuple(found)


def refuse_empty(name: str, type: TensorType, axes: Sequence[int]) -> None:
    """Refuse to choose among the elements of axes that have none."""
    for axis in axes:
        if type.shape[axis].terms:
            continue
        raise Fault(
            "T0320",
            f"`{name}` chooses an element, and axis {axis} of {type} has none",
            operands={0: str(type)},
            dims=(type.shape[axis],),
            op=name,
        )


def may_be_empty(size: Dim) -> bool:
    """Whether a size is 0 for some sizes that may come."""
    low, _ = size.bounds()
    return low is None or low <= 0


def refuse_no_elements(name: str, x: Any, axes: Sequence[int]) -> None:
    """The same for an array, whose sizes a run has shown."""
    if not x.size:
        shape = tuple(map(Dim.of, x.shape))
        refuse_empty(name, TensorType(dtype_of(x.dtype), shape), axes)


class Reduction(Op):
    """A fold over `axis` (None: all), keeping it with size 1 if `keepdims`."""

    writes = True
    body = ""
    domain = ((-2.0, 2.0),)

    def arguments(
        self, x: Any, axis: Axes | None = None, keepdims: bool = False
    ) -> Any:
        return (x,), {"axis": axis, "keepdims": keepdims}

    def canonical(
        self, types: tuple[TensorType, ...], attributes: dict[str, Any]
    ) -> dict[str, Any]:
        axes = normal_axes(self.name, attributes.get("axis"), types[0])
        return {"axis": axes, "keepdims": bool(attributes.get("keepdims", False))}

    def infer(self, x: TensorType, axis: tuple[int, ...], keepdims: bool) -> TensorType:
        if keepdims:
            one = Dim.of(1)
            return x.with_shape(one if i in axis else d for i, d in enumerate(x.shape))
        return x.with_shape(d for i, d in enumerate(x.shape) if i not in axis)

    def flops(self, node: Node) -> Dim:
        """One operation for each element that goes in."""
        return node.inputs[0].tensor_type.size

    def run(
        self, xp: Any, x: Any, *, axis: Any, keepdims: bool, out: Any = None
    ) -> Any:
        return getattr(xp, self.body)(x, axis=axis, keepdims=keepdims, out=out)


def spread(node: Node, value: Node) -> Node:
    """A reduced value stretched back to the shape of what was reduced."""
    source, axis = node.inputs[0], node.attributes["axis"]
    if not node.attributes["keepdims"]:
        kept = (Dim.of(1) if i in axis else d for i, d in enumerate(source.shape))
        value = call("reshape", value, tuple(kept))
    found: Node = call("broadcast_to", value, source.shape)
    return found


def kept(node: Node) -> Node:
    """The reduction itself with its axes kept as size 1."""
    return node.op.apply(node.inputs, {**node.attributes, "keepdims": True})


@register
class Sum(Reduction):
    """The sum of elements over axes; small integers and truth values as 32 bits."""

    body = "sum"
    accumulates = True

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (spread(node, cotangent),)

    def run(
        self, xp: Any, x: Any, *, axis: Any, keepdims: bool, out: Any = None
    ) -> Any:
        return xp.sum(x, axis=axis, keepdims=keepdims, out=out, dtype=x.dtype)

    def arguments(
        self, x: Any, axis: Axes | None = None, keepdims: bool = False
    ) -> Any:
        return (widened_numbers(x, 4),), {"axis": axis, "keepdims": keepdims}


@register
class Prod(Reduction):
    """The product of elements over axes; small integers and truth values as 32 bits."""

    body = "prod"
    accumulates = True
    domain = ((0.5, 1.5),)

    def arguments(
        self, x: Any, axis: Axes | None = None, keepdims: bool = False
    ) -> Any:
        return (widened_numbers(x, 4),), {"axis": axis, "keepdims": keepdims}

    def vjp(self, node: Node, cotangent: Node) -> Results:
        # The product of the others is not product / x where x is 0.
        x, axes = node.inputs[0], node.attributes["axis"]
        zero = call("equal", x, 0)
        safe = call("where", zero, 1, x)
        count = call("sum", call("cast", zero, x.dtype), axis=axes, keepdims=True)
        rest = call("prod", safe, axis=axes, keepdims=True)
        others = call("where", zero, rest, rest / safe)
        alone = call("where", zero, call("equal", count, 1), call("equal", count, 0))
        return (spread(node, cotangent) * call("where", alone, others, 0),)

    def run(
        self, xp: Any, x: Any, *, axis: Any, keepdims: bool, out: Any = None
    ) -> Any:
        return xp.prod(x, axis=axis, keepdims=keepdims, out=out, dtype=x.dtype)


class Extreme(Reduction):
    """The largest or smallest element; ties share the gradient.

    Ops that are written with it and take axes of no elements ask for `initial`, what
    a dtype has there.
    """

    initial: ClassVar[float]
    joined: ClassVar[str]  # the op of two elements

    def arguments(
        self,
        x: Any,
        axis: Axes | None = None,
        keepdims: bool = False,
        initial: Any = None,
    ) -> Any:
        if initial is None:
            return (x,), {"axis": axis, "keepdims": keepdims}
        marked = {"axis": axis, "keepdims": keepdims, "initial": True}
        found = self.dispatch((x,), marked, (x,))
        start = call("cast", initial, found.dtype)
        # What is there already is reduced along no axis.
        return (call(self.joined, found, start),), {"axis": (), "keepdims": False}

    def canonical(
        self, types: tuple[TensorType, ...], attributes: dict[str, Any]
    ) -> dict[str, Any]:
        marked = {"initial": True} if attributes.get("initial") else {}
        return super().canonical(types, attributes) | marked

    def infer(
        self,
        x: TensorType,
        axis: tuple[int, ...],
        keepdims: bool,
        initial: bool = False,
    ) -> TensorType:
        if not initial:
            refuse_empty(self.name, x, axis)
        return super().infer(x, axis, keepdims)

    def needs(self, node: Node) -> Mapping[int, int]:
        marked = "initial" in node.attributes
        return {} if marked else dict.fromkeys(node.attributes["axis"], 1)

    def run(
        self,
        xp: Any,
        x: Any,
        *,
        axis: Any,
        keepdims: bool,
        initial: bool = False,
        out: Any = None,
    ) -> Any:
        if initial and not x.size:
            none = xp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
            return xp.add(none, self._start(x.dtype), out=out)
        refuse_no_elements(self.name, x, axis)
        return super().run(xp, x, axis=axis, keepdims=keepdims, out=out)

    def _start(self, dtype: Any) -> Any:
        """What is neither larger, or smaller, than any element of a dtype."""
        if dtype.kind in "iu":
            ends = np.iinfo(dtype)
            return dtype.type(ends.min if self.initial < 0 else ends.max)
        return dtype.type(self.initial > 0 if dtype.kind == "b" else self.initial)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        source = node.inputs[0]
        hit = call("cast", call("equal", source, kept(node)), source.dtype.name)
        axes = node.attributes["axis"]
        count = call("sum", hit, axis=axes, keepdims=True)
        return (spread(node, cotangent) * (hit / count),)


@register
class Max(Extreme):
    """The largest element over axes."""

    body, joined = "max", "maximum"
    initial = -math.inf


@register
class Min(Extreme):
    """The smallest element over axes."""

    body, joined = "min", "minimum"
    initial = math.inf


@register
class Mean(Reduction):
    """The mean of elements over axes; integers give float32."""

    level = "composite"
    operand_dtypes = "float"

    def infer(self, x: TensorType, axis: tuple[int, ...], keepdims: bool) -> TensorType:
        if not x.dtype.is_float:
            raise floats_needed(self.name, x)
        return super().infer(x, axis, keepdims)

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        wide = widened(x)
        total = call("sum", wide, **options)
        return narrowed(total / count_of(wide, options["axis"]), x)


def widened(x: Node) -> Node:
    """Halves as float32, in which a sum of many neither overflows nor loses digits."""
    wide: Node = call("cast", x, F32.name) if x.dtype.is_half else x
    return wide


def narrowed(value: Node, x: Node) -> Node:
    """What was computed on `widened(x)`, in the dtype of `x`."""
    found: Node = call("cast", value, x.dtype.name) if x.dtype.is_half else value
    return found


def count_of(x: Node, axes: tuple[int, ...]) -> Any:
    """The number of elements that axes hold, as a number or a scalar node."""
    count = product(x.shape[axis] for axis in axes)
    if count.value is not None:
        return float(count.value)
    from ..registry import OPS

    return OPS["size"].apply((), {"value": count, "dtype": x.dtype})


@register
class Variance(Reduction):
    """The mean squared distance from the mean, over axes (divided by n)."""

    name = "var"
    level = "composite"
    operand_dtypes = "float"

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        wide = widened(x)
        mean = call("mean", wide, axis=options["axis"], keepdims=True)
        return narrowed(call("mean", call("square", wide - mean), **options), x)


@register
class StandardDeviation(Reduction):
    """The square root of the variance, over axes."""

    name = "std"
    level = "composite"
    operand_dtypes = "float"

    def expand(self, node: Node) -> Node:
        return root(call("var", *node.inputs, **node.attributes))


def root(value: Node) -> Node:
    """The square root of what is not negative; its gradient at 0 is 0."""
    zero = call("equal", value, 0.0)
    size = call("sqrt", call("where", zero, 1.0, value))
    found: Node = call("where", zero, 0.0, size)
    return found


class Truth(Reduction):
    """A fold of truth values."""

    no_gradient = "a truth value has no slope"
    writes = False

    def infer(self, x: TensorType, axis: tuple[int, ...], keepdims: bool) -> TensorType:
        return super().infer(x, axis, keepdims).with_dtype(BOOL)

    def run(
        self, xp: Any, x: Any, *, axis: Any, keepdims: bool, out: Any = None
    ) -> Any:
        return getattr(xp, self.body)(x, axis=axis, keepdims=keepdims)


@register
class AnyTrue(Truth):
    """Whether any element is true."""

    name = "any"
    body = "any"


@register
class All(Truth):
    """Whether all elements are true."""

    body = "all"


class ArgExtreme(Op):
    """The index of an extreme element along one axis; the first of equals."""

    no_gradient = "an index does not move with its values; use softmax, or freeze"
    body = ""
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        if axis is not None:
            return (x,), {"axis": axis, "keepdims": keepdims}
        x = x if isinstance(x, Node) else convert(x)
        keepdims = TRUTH.read("keepdims", keepdims, self.name)
        keepdims = keepdims and x.ndim > 0  # a scalar has no axes to keep
        front = x.ndim - 1 if keepdims else 0
        flat = call("reshape", x, (1,) * front + (-1,))
        return (flat,), {"axis": front, "keepdims": keepdims}

    def canonical(
        self, types: tuple[TensorType, ...], attributes: dict[str, Any]
    ) -> dict[str, Any]:
        axis = normal_axis(self.name, attributes["axis"], types[0].rank, types[0])
        return {**attributes, "axis": axis}

    def infer(self, x: TensorType, axis: int, keepdims: bool = False) -> TensorType:
        refuse_empty(self.name, x, (axis,))
        shape = list(x.shape)
        shape[axis : axis + 1] = [Dim.of(1)] if keepdims else []
        return TensorType(I32, tuple(shape))

    def needs(self, node: Node) -> Mapping[int, int]:
        return {node.attributes["axis"]: 1}

    def run(
        self, xp: Any, x: Any, *, axis: int, keepdims: bool, out: Any = None
    ) -> Any:
        refuse_no_elements(self.name, x, (axis,))
        found = getattr(xp, self.body)(x, axis=axis).astype("int32")
        return xp.expand_dims(found, axis) if keepdims else found

    def flops(self, node: Node) -> Dim:
        """One comparison for each element that goes in."""
        return node.inputs[0].tensor_type.size


@register
class Argmax(ArgExtreme):
    """The index of the largest element along an axis."""

    body = "argmax"


@register
class Argmin(ArgExtreme):
    """The index of the smallest element along an axis."""

    body = "argmin"
