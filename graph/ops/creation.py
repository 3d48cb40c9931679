"""Ops that make tensors from sizes and numbers alone."""

from __future__ import annotations

import math
from typing import Any

from ..configuration import default_float
from ..diagnostics import Fault
from ..dim import Dim, ceildiv, maximum
from ..kinds import BOUND, SIZE, Bound, Size, wrong_value
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..sizes import as_shape, known_size
from ..types import I32, DTypeLike, TensorType, dtype_of
from .movement import full_node

Types = tuple[TensorType, ...]


@register
class Arange(Op):
    """Numbers from `start` up to `stop`, exclusive, by `step`.

    Integers give int32, others float32, unless `dtype` says otherwise; integer bounds
    may be symbolic sizes.

    >>> call("arange", 1, 7, 2).numpy().tolist()
    [1, 3, 5]
    """

    arithmetic = False

    def arguments(
        self,
        start: Bound,
        stop: Bound | None = None,
        step: Bound = 1,
        dtype: DTypeLike | None = None,
    ) -> Any:
        given = {"start": start, "stop": stop, "step": step}
        start, stop, step = (
            None if name == "stop" and value is None else self._bound(name, value)
            for name, value in given.items()
        )
        first, last = (0, start) if stop is None else (start, stop)
        whole = all(isinstance(n, (int, Dim)) for n in (first, last, step))
        usual = I32 if whole else default_float()
        kind = usual if dtype is None else dtype_of(dtype)
        if step == 0:
            raise Fault(
                "T0204", "`step` of `arange` is a number other than 0", argument="step"
            )
        if not whole:
            count = self._count(first, last, step)
            return (), {"start": first, "count": count, "step": step, "dtype": kind}
        if not isinstance(step, int):
            raise Fault(
                "T0204", "`step` of `arange` is a plain number here", argument="step"
            )
        low, high = Dim.of(first), Dim.of(last)
        span = maximum(high - low if step > 0 else low - high, 0)
        count = ceildiv(span, abs(step))
        return (), {"start": low, "count": count, "step": step, "dtype": kind}

    def _bound(self, name: str, value: Any) -> Any:
        """A number or a size; refuses NaN and what no `arange` can reach."""
        found = BOUND.read(name, known_size(value), self.name)
        if not isinstance(found, Dim) and not abs(found) < math.inf:
            raise wrong_value(self.name, name, "a finite number", value)
        return found

    def _count(self, first: Any, last: Any, step: Any) -> Dim:
        if any(isinstance(n, Dim) for n in (first, last, step)):
            raise Fault(
                "T0204", "`arange` of fractions has no symbolic size among its bounds"
            )
        count = max(0, math.ceil((last - first) / step))
        return Dim.of(SIZE.read("stop", count, self.name))

    def infer(self, start: Any, count: Dim, step: Any, dtype: Any) -> TensorType:
        return TensorType(dtype, (count,))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return ()

    def run(
        self, xp: Any, *, start: Any, count: int, step: Any, dtype: Any, out: Any = None
    ) -> Any:
        last = start + step * count
        if dtype.is_integer and all(isinstance(n, int) for n in (start, step)):
            ends = xp.iinfo(dtype.numpy)
            if ends.min <= min(start, last) and max(start, last) <= ends.max:
                return xp.arange(start, last, step, dtype.numpy)
        return (start + step * xp.arange(count)).astype(dtype.numpy)


class Filled(Op):
    """A shape filled with one number."""

    level = "composite"
    value = 0

    def arguments(self, shape: Any, dtype: DTypeLike | None = None) -> Any:
        kind = default_float() if dtype is None else dtype_of(dtype)
        return (), {"shape": as_shape(shape, self.name), "dtype": kind}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        shape = tuple(Dim.of(size) for size in attributes["shape"])
        return {**attributes, "shape": shape}

    def infer(self, shape: tuple[Dim, ...], dtype: Any) -> TensorType:
        return TensorType(dtype, shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return ()

    def expand(self, node: Node) -> Node:
        return full_node(node.tensor_type, self.value)


@register
class Zeros(Filled):
    """Zeros of a shape."""


@register
class Ones(Filled):
    """Ones of a shape.

    >>> call("ones", (2,)).numpy().tolist()
    [1.0, 1.0]
    """

    value = 1


class FilledLike(Op):
    """One number in the shape of a tensor, and in its dtype unless told otherwise."""

    level = "composite"
    value = 0
    domain = ((-2.0, 2.0),)

    def arguments(self, x: Any, dtype: DTypeLike | None = None) -> Any:
        return (x,), {"dtype": None if dtype is None else dtype_of(dtype)}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {**attributes, "dtype": attributes.get("dtype") or types[0].dtype}

    def infer(self, x: TensorType, dtype: Any) -> TensorType:
        return x.with_dtype(dtype)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (None,)

    def expand(self, node: Node) -> Node:
        return full_node(node.tensor_type, self.value)


@register
class ZerosLike(FilledLike):
    """Zeros in the shape and dtype of a tensor."""

    name = "zeros_like"


@register
class OnesLike(FilledLike):
    """Ones in the shape and dtype of a tensor."""

    name = "ones_like"
    value = 1


@register
class Eye(Op):
    """1 on the k-th diagonal of an N by M matrix, 0 elsewhere.

    >>> call("eye", 2).numpy().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    level = "composite"

    def arguments(
        self, N: Size, M: Size | None = None, k: int = 0, dtype: DTypeLike | None = None
    ) -> Any:
        kind = default_float() if dtype is None else dtype_of(dtype)
        rows = known_size(N)
        columns = rows if M is None else known_size(M)
        return (), {"N": rows, "M": columns, "k": k, "dtype": kind}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        rows, columns = Dim.of(attributes["N"]), Dim.of(attributes["M"])
        return {**attributes, "N": rows, "M": columns}

    def infer(self, N: Dim, M: Dim, k: int, dtype: Any) -> TensorType:
        return TensorType(dtype, (N, M))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return ()

    def expand(self, node: Node) -> Node:
        options = node.attributes
        rows = _count(options["N"], options["k"])
        columns = _count(options["M"], 0)
        hit = call("equal", call("expand_dims", rows, 1), columns)
        found: Node = call("cast", hit, options["dtype"])
        return found


def _count(size: Dim, start: int) -> Node:
    attributes = {"start": Dim.of(start), "count": size, "step": 1, "dtype": I32}
    return OPS["arange"].apply((), attributes)
