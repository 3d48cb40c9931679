"""Folds for LLVM: what they begin with, how partial results and lanes are joined."""

from __future__ import annotations

from ...graph.types import DType
from .functions import apply, register_type
from .writer import Ref, Writer

COMBINE = {
    "sum": "add",
    "prod": "mul",
    "max": "max",
    "min": "min",
    "any": "or",
    "all": "and",
}


def combine(kind: str, dtype: DType, one: Ref, two: Ref) -> Ref:
    """Two partial results of a fold as one."""
    return apply(COMBINE[kind], dtype, dtype, [one, two])


def neutral(kind: str, dtype: DType) -> float:
    """What changes no result of a fold."""
    if kind in ("sum", "any"):
        return -0.0 if dtype.is_float else 0
    if kind in ("prod", "all"):
        return 1
    if dtype.is_float:
        return float("-inf") if kind == "max" else float("inf")
    if dtype.kind == "b":
        return int(kind == "min")
    bits = 8 * dtype.size - (dtype.kind == "i")
    if kind == "min":
        return (1 << bits) - 1
    return -(1 << bits) if dtype.kind == "i" else 0


def start(writer: Writer, kind: str, dtype: DType) -> Ref:
    """Where a fold begins: with 0 for a sum, whose neutral element is -0."""
    number = 0 if kind == "sum" else neutral(kind, dtype)
    return writer.number(number, register_type(dtype))


def join_lanes(vector: Ref, kind: str, dtype: DType) -> Ref:
    """The lanes of a vector as one value, halves first."""
    lanes = vector.lanes
    while lanes > 1:
        lanes //= 2
        low, high = _lanes(vector, 0, lanes), _lanes(vector, lanes, lanes)
        vector = combine(kind, dtype, low, high)
    return vector


def _lanes(vector: Ref, first: int, count: int) -> Ref:
    writer = vector.writer
    if count == 1:
        text = f"extractelement {vector.whole} {vector.text}, i64 {first}"
        return writer.new(text, vector.type)
    listed = ", ".join(f"i32 {lane}" for lane in range(first, first + count))
    text = (
        f"shufflevector {vector.whole} {vector.text}, {vector.whole} poison, "
        f"<{count} x i32> <{listed}>"
    )
    return writer.new(text, vector.type, count)
