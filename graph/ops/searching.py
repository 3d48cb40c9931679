"""Where values stand: in sorted borders, among others, in a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..configuration import default_float
from ..conversion import result_dtype
from ..diagnostics import Fault
from ..dim import Dim, product
from ..kinds import Numbers, Size, Sizes
from ..op import Op, register
from ..registry import call
from ..tensor import constant_node
from ..types import BOOL, I32, DTypeLike, TensorType
from .formula import Several, chosen, derived, size_node, size_number, type_of
from .sorting import orderable

Types = tuple[TensorType, ...]


@register
class Searchsorted(Op):
    """Where values would go into a sorted vector so that it stays sorted, as int32.

    >>> call("searchsorted", [1.0, 3.0, 5.0], [3.0, 4.0]).numpy().tolist()
    [1, 2]
    """

    operand_dtypes = "same"
    no_gradient = "a position does not move by small steps"
    domain = ((-2.0, 2.0), (-2.0, 2.0))

    def arguments(self, sorted_sequence: Any, values: Any, side: str = "left") -> Any:
        return (sorted_sequence, values), {"side": side}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        chosen(self.name, attributes["side"], "side", ("left", "right"))
        return attributes

    def infer(self, x: TensorType, values: TensorType, side: str) -> TensorType:
        if x.rank != 1:
            raise Fault(
                "T0306",
                f"`{self.name}` searches a vector and got {x}",
                operands={0: str(x)},
            )
        return values.with_dtype(I32)

    def run(self, xp: Any, x: Any, values: Any, *, side: str, out: Any = None) -> Any:
        found = xp.searchsorted(orderable(x), orderable(values), side=side)
        return found.astype("int32")


@derived(1, no_gradient="a position does not move by small steps")
def digitize(x: Any, bins: Numbers) -> Any:
    """The number of the bin of each element, between sorted borders, as int32.

    >>> call("digitize", [0.5, 1.0, 9.0], [1.0, 2.0]).numpy().tolist()
    [0, 1, 2]
    """
    dtype = type_of(x).dtype if type_of(x).dtype.is_float else default_float()
    borders = constant_node(np.asarray(bins, dtype.numpy))
    return call("searchsorted", borders, call("cast", x, dtype), "right")


@derived(1, no_gradient="a class number does not move by small steps")
def multi_hot(
    inputs: Any,
    num_classes: Size | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
) -> Any:
    """1 for each class that is among the inputs' last axis, 0 elsewhere.

    >>> call("multi_hot", [0, 2], 3).numpy().tolist()
    [1.0, 0.0, 1.0]
    """
    hot = call("one_hot", inputs, num_classes, axis, dtype)
    if inputs.ndim == 0:
        return hot
    return call("max", hot, 1 if inputs.ndim > 1 else 0)


FEW = 8  # elements that each one is compared with


@derived(2, no_gradient="a truth value has no slope")
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of x1 is somewhere in x2.

    >>> call("isin", [1, 2, 3], [2, 5]).numpy().tolist()
    [False, True, False]
    """
    many, kind = product(x2.shape).value, result_dtype(x1, x2)
    kind = I32 if kind == BOOL else kind
    x1, x2 = call("cast", x1, kind), call("cast", x2, kind)
    if many is None or many <= FEW:
        flat = call("reshape", x2, (1,) * x1.ndim + (-1,))
        found = call("any", call("equal", call("expand_dims", x1, -1), flat), -1)
    else:
        known = call("sort", call("reshape", x2, (-1,)))
        value = call("reshape", x1, (-1,))
        last = size_node(known.shape[0] - 1)
        place = call("minimum", call("searchsorted", known, value), last)
        found = call("equal", call("take", known, place), value)
        found = call("reshape", found, x1.shape)
    return call("logical_not", found) if invert else found


@derived(1, kind=Several, no_gradient="a position does not move by small steps")
def unravel_index(indices: Any, shape: Sizes) -> list[Any]:
    """A list of positions, one an axis, for numbers that count through a shape.

    >>> [p.numpy().tolist() for p in call("unravel_index", [1, 5], (2, 3))]
    [[0, 1], [1, 2]]
    """
    found: list[Any] = []
    for size in reversed(shape if isinstance(shape, tuple) else (shape,)):
        size = size_number(Dim.of(size))
        found.insert(0, call("mod", indices, size))
        indices = call("floor_divide", indices, size)
    return found
