"""What ops on single elements share: broadcasting, dtypes, and `define`.

The ops themselves are rows in `arithmetic`, `transcendental` and `comparison`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..advice import (
    TRUTHS,
    to_align,
    to_divide,
    to_free,
    to_match,
    to_settle,
    to_undo,
    where_they_differ,
)
from ..configuration import default_float
from ..decide import equal as equal_dims
from ..decide import real_sizes
from ..diagnostics import Fault, InternalError, TensorTypeError
from ..dim import Dim
from ..node import Node
from ..op import Op, Results, register
from ..operand import Operand
from ..registry import call
from ..tensor import convert_to_tensor
from ..types import BOOL, DType, TensorType

Interval = tuple[float, float]
Gradient = Callable[..., tuple[Any, ...]]


TRUTHS_AS_NUMBERS = {"bool": "int32"}  # where truth values are computed with


class Elementwise(Op):
    """An op on elements, with one type rule: dtypes agree, shapes broadcast."""

    elementwise = True
    writes = True
    operand_dtypes = "same"
    floats = False
    to_bool = False
    numbers = False  # truth values are refused
    body: Any = ""  # the NumPy name, or a function of xp, arrays and out
    gradient: Any = None

    def infer(self, *types: TensorType) -> TensorType:
        dtype = types[0].dtype
        for index, other in enumerate(types[1:], 1):
            if other.dtype != dtype:
                raise dtype_clash(self.name, types[0], index, other)
        if self.numbers and dtype.kind == "b":
            raise Fault(
                "T0402",
                f"`{self.name}` works on numbers and got {dtype}",
                operands={0: str(types[0])},
                help=["cast it: `cast(…, i32)`"],
            )
        if self.floats and not dtype.is_float:
            raise floats_needed(self.name, types[0])
        shape = broadcast_shapes(self.name, types)
        return TensorType(BOOL if self.to_bool else dtype, shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        if self.gradient is None:
            return super().vjp(node, cotangent)
        found: Results = self.gradient(cotangent, node, *node.inputs)
        return found

    def run(self, xp: Any, *arrays: Any, out: Any = None) -> Any:
        if isinstance(self.body, str):
            return getattr(xp, self.body)(*arrays, out=out)
        return self.body(xp, *arrays, out=out)


def dtype_clash(name: str, first: TensorType, index: int, other: TensorType) -> Fault:
    """Operands of different dtypes; fractions are kept, whatever is cast."""
    place, dtype, made = 0, other.dtype, first
    if first.dtype.is_float or not other.dtype.is_float:
        place, dtype, made = index, first.dtype, other
    repair: dict[int | str, str] = {}
    help = [f"cast one of them: `cast(…, {dtype})`"]
    if first.dtype.is_float != other.dtype.is_float:
        help = [f"cast the {made.dtype}: `cast(…, {dtype})`"]
        repair = {place: f"cast({{}}, {dtype})"}
        if made.dtype.kind in "iu":
            help.append("if these are ids, look them up: `Embedding(…)` first")
    return Fault(
        "T0402",
        f"dtypes of `{name}` differ: {first.dtype} and {other.dtype}",
        operands={0: str(first), index: str(other)},
        help=help,
        repair=repair,
    )


def floats_needed(name: str, given: TensorType, index: int = 0) -> Fault:
    """An integer operand where only floating-point values make sense."""
    advice = (
        "if these are ids, look them up with `Embedding`; "
        "if they are quantities, `cast(…, f32)`"
    )
    if given.dtype.kind == "b":
        advice = TRUTHS
    return Fault(
        "T0403",
        f"`{name}` needs floating-point values and got {given.dtype}",
        operands={index: str(given)},
        help=[advice],
    )


def widened_numbers(x: Any, size: int = 1) -> Any:
    """Truth values as int32, integers of fewer than `size` bytes with 32 bits."""
    x, dtype = _with_dtype(x)
    if dtype is None or dtype.is_float or (dtype != BOOL and dtype.size >= size):
        return x
    return call("cast", x, "uint32" if dtype.kind == "u" else "int32")


def widened_to_floats(x: Any) -> Any:
    """Truth values and integers as floats."""
    x, dtype = _with_dtype(x)
    if dtype is None or dtype.is_float:
        return x
    return call("cast", x, default_float().name)


def _with_dtype(x: Any) -> tuple[Any, DType | None]:
    """An operand as a tensor, and its dtype; None for what is told where it is read."""
    if not isinstance(x, Operand):
        try:
            x = convert_to_tensor(x)
        except TensorTypeError:
            return x, None
    return x, getattr(getattr(x, "type", None), "dtype", None)


def broadcast_shapes(name: str, types: tuple[TensorType, ...]) -> tuple[Dim, ...]:
    """The common shape: ranks padded in front, only a literal 1 stretches."""
    shapes = [t.shape for t in types if t.shape]
    if not shapes or shapes.count(shapes[0]) == len(shapes):
        return shapes[0] if shapes else ()
    rank = max(map(len, shapes))
    shape: list[Dim] = []
    for axis in range(-rank, 0):
        sizes = [(i, t.shape[axis]) for i, t in enumerate(types) if t.rank >= -axis]
        wide = [(i, size) for i, size in sizes if size.value != 1]
        for index, size in wide[1:]:
            answer = equal_dims(wide[0][1], size) or equal_dims(
                wide[0][1], size, real_sizes(*(t.shape for t in types))
            )
            if not answer:
                raise _clash(name, types, wide[0], (index, size), axis, answer)
        shape.append(wide[0][1] if wide else sizes[0][1])
    return tuple(shape)


def _clash(
    name: str,
    types: tuple[TensorType, ...],
    left: tuple[int, Dim],
    right: tuple[int, Dim],
    axis: int,
    answer: bool | None,
) -> Fault:
    operands = {left[0]: str(types[left[0]]), right[0]: str(types[right[0]])}
    if answer is None:
        return Fault(
            "T0308",
            f"`{name}` needs `{left[1]} == {right[1]}`, which cannot be decided",
            operands=operands,
            dims=(left[1], right[1]),
            help=to_settle(left[1], right[1]),
        )
    pair, two = (left[1], right[1]), (types[left[0]], types[right[0]])
    column = _column(*two)
    return Fault(
        "T0302",
        f"shapes of `{name}` do not fit: axis {axis} is {left[1]} and {right[1]}",
        operands=operands,
        dims=pair,
        notes=[
            *where_they_differ([pair]),
            "sizes are equal, or one of them is a literal 1, axis by axis from the "
            "last",
        ],
        help=[DROP.format((left[0], right[0])[column])]
        if column is not None
        else [
            *to_align(axis, *two),
            *to_match(*pair),
            *to_divide([pair]),
            *to_free(*pair),
        ]
        or to_undo(*pair),
        repair={} if column is None else {(left[0], right[0])[column]: DROPPED},
    )


DROPPED = "squeeze({}, axis = -1)"
DROP = "drop the last axis, whose size is 1: `squeeze(<{}:x>, axis = -1)`"


def _column(one: TensorType, two: TensorType) -> int | None:
    """Which of two types is the other with an axis of size 1 behind it."""
    for place, (wide, slim) in enumerate(((one, two), (two, one))):
        if wide.rank == slim.rank + 1 and wide.shape[-1].value == 1:
            if wide.shape[:-1] == slim.shape:
                return place
    return None


def define(
    name: str,
    doc: str,
    parameters: str,
    body: Any,
    gradient: Gradient | None,
    *,
    scalar: str | None = None,
    domain: tuple[Interval, ...] | Interval = (-2.0, 2.0),
    floats: bool = False,
    to_bool: bool = False,
    no_gradient: str = "",
    commutative: bool = False,
    **more: Any,
) -> None:
    """Register an op on elements: one row says all of it.

    `body` is the NumPy name, or a function of xp, arrays and `out`. `gradient` gets
    the cotangent, the result and the operands. `scalar` is the fusible form, and
    `domain` the interval where tests sample, or one for each operand.
    """
    names = parameters.split()
    if callable(body):
        _check_body(name, body)
    intervals = domain if isinstance(domain[0], tuple) else (domain,) * len(names)
    fields = {
        "__doc__": doc,
        "name": name,
        "body": staticmethod(body) if callable(body) else body,
        "gradient": staticmethod(gradient) if gradient else None,
        "arguments": signature(name, names),
        "scalar": scalar,
        "domain": intervals,
        "floats": floats,
        "operand_dtypes": "float" if floats else "same",
        "to_bool": to_bool,
        "no_gradient": no_gradient,
        "commutative": commutative,
        **more,
    }
    register(type(name, (Elementwise,), fields))


def _check_body(name: str, body: Callable[..., Any]) -> None:
    """A body that could not write into `out` would fail in the first program."""
    parameters = inspect.signature(body).parameters.values()
    if not any(p.name == "out" or p.kind is p.VAR_KEYWORD for p in parameters):
        raise InternalError(f"the body of `{name}` takes no `out`")


def signature(name: str, operands: Sequence[str], **options: Any) -> Any:
    """An `arguments` method with named operands, and options with their defaults."""
    listed = ", ".join(
        [*operands, *(f"{key}={value!r}" for key, value in options.items())]
    )
    chosen = ", ".join(f"{key!r}: {key}" for key in options)
    method = eval(f"lambda self, {listed}: (({', '.join(operands)},), {{{chosen}}})")
    method.__name__ = method.__qualname__ = f"{name}.arguments"
    return method


def op(name: str) -> Callable[..., Any]:
    """A later op by name, for gradients."""
    return lambda *operands, **options: call(name, *operands, **options)
