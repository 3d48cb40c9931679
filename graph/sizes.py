"""Sizes as they are given: numbers, dims, and symbolic scalars that stand for one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .diagnostics import Fault
from .dim import LIMIT, Dim
from .kinds import integer, wrong_value
from .node import Node, topological
from .tensor import SymbolicTensor

SIZE_ARITHMETIC = {
    "add": Dim.__add__,
    "subtract": Dim.__sub__,
    "multiply": Dim.__mul__,
    "floor_divide": Dim.__floordiv__,
    "mod": Dim.__mod__,
}


def dim_of(node: Node) -> Dim | None:
    """The size that a scalar stands for: one of `ops.shape`, or reckoned from such."""
    found: dict[Node, Dim] = {}
    for step in topological([node]):
        operands = [found.get(source) for source in step.inputs]
        rule = SIZE_ARITHMETIC.get(step.op.name)
        if step.op.name == "size":
            found[step] = step.attributes["value"]
        elif step.op.name == "constant" and step.dtype.is_integer and not step.shape:
            found[step] = Dim.of(int(step.attributes["value"].array))
        elif rule is not None and all(operand is not None for operand in operands):
            found[step] = rule(*operands)  # type: ignore[arg-type]
        else:
            return None
    return found[node]


def known_size(item: Any) -> Any:
    """The size that a symbolic scalar stands for; anything else as it is."""
    node = item.node if isinstance(item, SymbolicTensor) else item
    found = dim_of(node) if isinstance(node, Node) else None
    return item if found is None else found


def as_shape(
    shape: Any, op: str, argument: str = "shape", least: int = 0
) -> tuple[Any, ...]:
    """A shape given as a size or as a sequence of sizes, none below `least`.

    Refuses anything else with T0204, in the name of an op and its argument.
    """
    if isinstance(shape, np.ndarray) and shape.ndim == 1:
        shape = shape.tolist()
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(_as_size(size, op, argument, least) for size in sizes)


def _as_size(size: Any, op: str, argument: str, least: int) -> Any:
    if size.__class__ is int and least <= size < LIMIT:
        return size
    size = known_size(size)
    if size is None:
        raise Fault(
            "T0204",
            f"`None` is no size, and stands in `{argument}` of `{op}`; in `x.shape` it "
            "is a size that is not known yet",
            argument=argument,
            op=op,
            help=["write -1 for one of the sizes, or take it from `x.type.shape`"],
        )
    try:
        number = size.value if isinstance(size, Dim) else integer(size)
    except (TypeError, ValueError):
        raise wrong_value(op, argument, "a size or several", size) from None
    if number is not None and not least <= number < LIMIT:
        told = f"has sizes from {least} to {LIMIT - 1}, not {number}"
        raise Fault(
            "T0204",
            f"`{argument}` of `{op}` {told}",
            argument=argument,
            op=op,
        )
    return size if isinstance(size, Dim) else number
