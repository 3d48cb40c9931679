"""What every graph stands on: constants, inputs, variables, sizes, keys, casts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dim import Dim
from ..node import Constant, Node
from ..op import Op, Results, register
from ..registry import OPS
from ..types import I32, U32, DType, TensorType, TupleType, dtype_of, tensor_type


class Leaf(Op):
    """An op without operands whose value the executor supplies."""

    arithmetic = False
    public = False

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return ()


@register
class ConstantOp(Leaf):
    """A fixed array."""

    name = "constant"

    def infer(self, value: Constant) -> TensorType:
        return tensor_type(value.array.dtype.name, value.array.shape)

    def run(self, xp: Any, *, value: Constant, out: Any = None) -> Any:
        return xp.asarray(value.array)


@register
class Input(Leaf):
    """A value that the caller supplies, with its declared type."""

    def infer(self, symbol: Any, type: TensorType) -> TensorType:
        return type


@register
class VariableOp(Leaf):
    """The value of a variable when the program starts."""

    name = "variable"

    def infer(self, variable: Any, type: TensorType) -> TensorType:
        return type

    def run(self, xp: Any, *, variable: Any, type: TensorType, out: Any = None) -> Any:
        return variable.array


@register
class RandomKey(Leaf):
    """The key of one random draw: u32[4], from a seed generator's seed and count."""

    name = "random_key"
    no_gradient = "a key is no number"

    def infer(self, generator: Any, draw: int) -> TensorType:
        return tensor_type(U32, (4,))

    def run(self, xp: Any, *, generator: Any, draw: int, out: Any = None) -> Any:
        return xp.asarray(generator.key(draw))


@register
class Size(Leaf):
    """A symbolic size as a scalar."""

    name = "size"
    no_gradient = "a size is an integer"

    def arguments(self, value: Dim, dtype: Any = "int32") -> Any:
        return (), {"value": Dim.of(value), "dtype": dtype_of(dtype)}

    def infer(self, value: Dim, dtype: Any = I32) -> TensorType:
        return TensorType(dtype, ())

    def run(self, xp: Any, *, value: int, dtype: Any, out: Any = None) -> Any:
        return xp.asarray(value, dtype.numpy)


@register
class Item(Op):
    """One result of an op with several."""

    arithmetic = False
    public = False

    def apply(
        self, inputs: Any, attributes: Any = None, like: Any = None, name: Any = None
    ) -> Node:
        if inputs[0].op.name == "tuple":
            source: Node = inputs[0].inputs[attributes["index"]]
            return source
        return super().apply(inputs, attributes, like, name)

    def infer(self, items: TupleType, index: int) -> TensorType:
        return items.items[index]

    def run(self, xp: Any, items: Any, *, index: int, out: Any = None) -> Any:
        return items[index]


@register
class Cast(Op):
    """Elements converted to another dtype."""

    arithmetic = False
    elementwise = True

    def arguments(self, x: Any, dtype: Any) -> Any:
        return (x,), {"dtype": dtype_of(dtype)}

    def apply(
        self, inputs: Any, attributes: Any = None, like: Any = None, name: Any = None
    ) -> Node:
        if inputs[0].dtype == attributes["dtype"]:
            source: Node = inputs[0]
            return source
        return super().apply(inputs, attributes, like, name)

    def infer(self, x: TensorType, dtype: Any) -> TensorType:
        return x.with_dtype(dtype)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        source = node.inputs[0].dtype
        if not (source.is_float and node.dtype.is_float):
            return (None,)
        return (OPS["cast"].apply((cotangent,), {"dtype": source}),)

    def run(self, xp: Any, x: Any, *, dtype: Any, out: Any = None) -> Any:
        if xp is not np or not dtype.is_integer or x.dtype.kind in "biu":
            return x.astype(dtype.numpy)
        return _whole(x, dtype)


def _whole(x: Any, dtype: DType) -> Any:
    """Floats as integers: the last one for what is beyond an end, and 0 for NaN.

    As in compiled programs short ones are the last bits of an int32, and uint32 those
    of an int64.
    """
    wide = {"u32": "int64"}.get(dtype.short, dtype.name if dtype.size > 2 else "int32")
    x = x.astype("float32") if x.dtype.itemsize < 4 else x
    ends = np.iinfo(wide)
    low, high = x.dtype.type(ends.min), x.dtype.type(ends.max)
    inside = (x >= low) & (x < high)
    found = np.where(inside, x, 0).astype(wide)
    if not inside.all():
        found[x >= high] = ends.max
        found[x < low] = ends.min
    return found.astype(dtype.numpy)


@register
class StopGradient(Op):
    """The value itself, through which no gradient flows."""

    arithmetic = False
    name = "stop_gradient"
    view = True

    def arguments(self, variable: Any) -> Any:
        return (variable,), {}

    def infer(self, x: TensorType) -> TensorType:
        return x

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (None,)

    def run(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return x
