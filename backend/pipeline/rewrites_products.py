"""Rewrites of numbers and products; see `rewrites`."""

from __future__ import annotations

import math

from ...graph.dim import product
from ...graph.node import Node
from ...graph.ops.linalg import swap_last
from ...graph.registry import call
from ...graph.tensor import literal
from .rewrites import filled_with, rewrites


@rewrites("matmul")
def flat_product(node: Node) -> Node | None:
    """`x[…, n, k] @ y[k, m] = (x[… n, k] @ y)[…, n, m]`: one product for all rows."""
    left, right = node.inputs
    if left.ndim < 3 or right.ndim != 2:
        return None
    rows = product(left.shape[:-1])
    flat = call("reshape", left, (rows, left.shape[-1]))
    found = call("reshape", call("matmul", flat, right), node.shape)
    return found if found.type == node.type else None


@rewrites("matmul")
def without_terms(node: Node) -> Node | None:
    """`x[…, n, 1] @ y[…, 1, m] = x * y`, and likewise many products of two vectors.

    What reads them can then be the same kernel.
    """
    left, right = node.inputs
    if min(left.ndim, right.ndim) < 2:
        return None
    if left.shape[-1].value == 1:
        found = left * right
    elif _is_dot(left, right):
        found = call("sum", left * swap_last(right), axis=-1, keepdims=True)
    else:
        return None
    return found if found.type == node.type else None


def _is_dot(left: Node, right: Node) -> bool:
    """Whether each of many products has one number, which halves would round twice."""
    single = left.shape[-2].value == right.shape[-1].value == 1
    return single and left.ndim > 2 and not left.dtype.is_half


@rewrites("divide")
def halved(node: Node) -> Node | None:
    """`x / 2 = x * 0.5`, and likewise for all powers of 2, which lose nothing."""
    left, right = node.inputs
    value = filled_with(right)
    if value is None or not value or not math.isfinite(value):
        return None
    mantissa, exponent = math.frexp(value)
    if abs(mantissa) != 0.5 or abs(exponent) > 14:
        return None
    found = left * literal(1 / value, left.tensor_type)
    return found if found.type == node.type else None


@rewrites("where")
def chosen(node: Node) -> Node | None:
    """`where(c, x, x) = x`, `where(true, x, y) = x`, `where(!c, x, y) = where(c, y,
    x)`, `where(c, where(c, x, y), z) = where(c, x, z)`."""
    condition, left, right = node.inputs
    value = filled_with(condition)
    same = left if left is right or value is True else None
    same = right if value is False else same
    if same is not None and same.type == node.type:
        return same
    if condition.op.name == "logical_not" and condition.inputs[0].dtype.kind == "b":
        return call("where", condition.inputs[0], right, left)  # type: ignore[no-any-return]
    inner = [_within(condition, part, i) for i, part in enumerate((left, right), 1)]
    if inner[0] is left and inner[1] is right:
        return None
    found = call("where", condition, *inner)
    return found if found.type == node.type else None


def _within(condition: Node, part: Node, place: int) -> Node:
    """What a choice by the same condition comes to on one side."""
    if part.op.name == "where" and part.inputs[0] is condition:
        return part.inputs[place]
    return part
