"""Matrix products."""

from __future__ import annotations

from typing import Any

from ..advice import to_match
from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import Dim, product
from ..node import Node
from ..op import Op, Results, register
from ..registry import call
from ..types import TensorType
from .elementwise import broadcast_shapes, dtype_clash
from .movement import sum_to
from .product_forms import UNKNOWN

BYTES_AS_NUMBERS = {"int8": "int32"}


@register
class Matmul(Op):
    """The matrix product over the last two axes; a vector counts as a row or column.

    Of int8 and int8 it is int32.
    """

    operand_dtypes = "same"
    widened = BYTES_AS_NUMBERS
    writes = True
    accumulates = True
    domain = ((-1.0, 1.0), (-1.0, 1.0))

    def arguments(self, x1: Any, x2: Any) -> Any:
        return (x1, x2), {}

    def infer(self, x1: TensorType, x2: TensorType) -> TensorType:
        if x1.dtype != x2.dtype:
            raise dtype_clash("@", x1, 1, x2)
        for index, type in enumerate((x1, x2)):
            if type.rank == 0:
                raise Fault(
                    "T0306",
                    f"`@` needs a matrix or vector and got the scalar {type}",
                    operands={index: str(type)},
                    help=["multiply by a scalar with `*`"],
                )
        inner, rows = x1.shape[-1], x2.shape[0 if x2.rank == 1 else -2]
        if equal_dims(inner, rows) is not True:
            raise _mismatch(x1, x2, inner, rows)
        batch = broadcast_shapes(
            "@", (x1.with_shape(x1.shape[:-2]), x2.with_shape(x2.shape[:-2]))
        )
        left = x1.shape[-2:-1]
        right = x2.shape[-1:] if x2.rank > 1 else ()
        return x1.with_shape((*batch, *left, *right))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        x, y = node.inputs
        wide_x = call("expand_dims", x, 0) if x.ndim == 1 else x
        wide_y = call("expand_dims", y, 1) if y.ndim == 1 else y
        g = cotangent
        if y.ndim == 1:
            g = call("expand_dims", g, -1)
        if x.ndim == 1:
            g = call("expand_dims", g, -2)
        return (
            _left_gradient(g, x, wide_x, wide_y),
            _weight_gradient(wide_x, g, y, wide_y),
        )

    def run(self, xp: Any, x1: Any, x2: Any, *, out: Any = None) -> Any:
        return xp.matmul(x1, x2, out=out)

    def flops(self, node: Node) -> Dim:
        """2 m n k: a product and a sum for each pair of elements."""
        return node.tensor_type.size * node.inputs[0].shape[-1] * 2


def _mismatch(x1: TensorType, x2: TensorType, inner: Dim, rows: Dim) -> Fault:
    help, repair = to_match(inner, rows), dict[int | str, str]()
    if equal_dims(inner, x2.shape[-1]):
        told = "the other axis of the right operand is"
        last = (*range(x2.rank - 2), x2.rank - 1, x2.rank - 2)
        order = "" if x2.rank == 2 else f", {list(last)}"
        help = [f"{told} {inner}: transpose it, `<0:x> @ transpose(<1:w>{order})`"]
        if x1.rank > 2 and equal_dims(x1.shape[-2], rows):
            help.append("or transpose the left one, if sums over that axis are meant")
        repair = {1: f"transpose({{}}{order})"}
    elif not help:
        help = [f"the right operand needs {inner} rows"]
    return Fault(
        "T0301",
        f"inner sizes of `@` differ: {inner} and {rows}",
        operands={0: str(x1), 1: str(x2)},
        dims=(inner, rows),
        help=help,
        repair=repair,
    )


def swap_last(node: Node) -> Node:
    """The last two axes exchanged."""
    order = (*range(node.ndim - 2), node.ndim - 1, node.ndim - 2)
    found: Node = call("transpose", node, order)
    return found


def _fold(gradient: Node, source: Node, wide: Node) -> Node:
    gradient = sum_to(gradient, wide.shape)
    found: Node = (
        call("reshape", gradient, source.shape) if wide is not source else gradient
    )
    return found


def _left_gradient(g: Node, x: Node, wide_x: Node, y: Node) -> Node:
    """g times y transposed; axes in front that x has not are summed over.

    That is one product of turned operands, or a sum of products: what moves less.
    """
    own = (1,) * (g.ndim - wide_x.ndim) + wide_x.shape
    axes = [i for i in range(g.ndim - 2) if own[i] == 1 != g.shape[i]]
    rows, columns, terms = (
        UNKNOWN if size.value is None else size.value
        for size in (*wide_x.shape[-2:], g.shape[-1])
    )
    summed = rows * columns <= terms * (rows + columns) and not x.dtype.is_half
    if not axes or y.ndim < g.ndim or summed:
        return _fold(g @ swap_last(y), x, wide_x)
    found = swap_last(_stacked(g, axes)) @ _stacked(y, axes)
    return call("reshape", found, x.shape)  # type: ignore[no-any-return]


def _stacked(x: Node, axes: list[int]) -> Node:
    """Matrices along some axes in front, turned and one below the other."""
    last = x.ndim - 1
    kept = [axis for axis in range(last - 1) if axis not in axes]
    x = call("transpose", x, (*kept, *axes, last, last - 1))
    folded = product(x.shape[len(kept) : -1])
    return call("reshape", x, (*x.shape[: len(kept)], folded, x.shape[-1]))  # type: ignore[no-any-return]


def _weight_gradient(x: Node, g: Node, y: Node, wide_y: Node) -> Node:
    """x transposed times g; leading axes that y has not are folded into the sum."""
    if wide_y.ndim == 2 and x.ndim > 2:
        rows = product(x.shape[:-1])
        x = call("reshape", x, (rows, x.shape[-1]))
        g = call("reshape", g, (rows, g.shape[-1]))
    return _fold(swap_last(x) @ g, y, wide_y)
