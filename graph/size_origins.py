"""Where sizes come from: what an op or a layer made of the sizes it was given.

Called for what a user wrote, never for the steps inside of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .diagnostics import Span
from .dim import Dim, Origin, sorted_symbols
from .node import Node
from .types import TensorType, TupleType, Type

# Arguments of layers that say how a window slides, in the order of telling.
WINDOW = ("kernel_size", "pool_size", "strides", "padding", "dilation_rate", "size")
TITLES = {"getitem": "the index"}


def note_origin(node: Node, span: Span | None, title: str = "") -> None:
    """Tell a new node where it was written, and its new sizes where they were born."""
    if node.span is not None or span is None:
        return
    object.__setattr__(node, "span", span)
    if node.inputs and node.op.name not in ("item", "layer_call"):
        name = TITLES.get(node.op.name) or f"`{title or node.op.name}`"
        operands = [operand.type for operand in node.inputs]
        found = with_origins(node.type, operands, f"comes out of {name}", span)
        object.__setattr__(node, "type", found)


def with_origins(
    type: Type,
    operands: Sequence[Type],
    words: str,
    span: Span | None,
    known: Callable[[Dim, int], Dim] = lambda dim, axis: dim,
) -> Any:
    """The type with an origin for each size that has none.

    A size that an operand has on the same axis keeps its history; `known` may tell of
    others, by the axis counted from the last.
    """
    if isinstance(type, TupleType):
        parts = [with_origins(t, operands, words, span, known) for t in type.items]
        return TupleType(tuple(parts))
    first = next((t for t in operands if isinstance(t, TensorType)), None)
    shape = [
        _told(dim, axis, type.rank, first, words, span, known)
        for axis, dim in enumerate(type.shape)
    ]
    same = all(new is old for new, old in zip(shape, type.shape, strict=True))
    return type if same else type.with_shape(shape)


def _told(
    dim: Dim,
    axis: int,
    rank: int,
    first: TensorType | None,
    words: str,
    span: Span | None,
    known: Callable[[Dim, int], Dim],
) -> Dim:
    if dim.origin is not None or dim.symbol is not None:
        return dim
    aligned = first is not None and first.rank == rank
    before = first.shape[axis] if first is not None and aligned else None
    if before is not None and before == dim and before.origin is not None:
        return before
    found = known(dim, axis - rank)
    slid = "(" in words and before is not None and before != dim
    if found.origin is not None or (dim.value == 1 and not slid):
        return found
    cause = before.origin if before is not None else None
    if cause is None and first is not None and not aligned:
        cause = next((d.origin for d in reversed(first.shape) if d.origin), None)
    if cause is None:
        cause = next((s.origin for s in sorted_symbols(dim) if s.origin), None)
    return dim.born(Origin(f"{dim} {words}", span, cause))


def window_settings(layer: Any) -> str:
    """The settings of a layer that slides a window, as far as it has any."""
    told = []
    for key in WINDOW:
        value = getattr(layer, key, None)
        if isinstance(value, tuple) and value and len(set(value)) == 1:
            value = value[0]
        if isinstance(value, (int, str, tuple)) and not (
            key in ("strides", "dilation_rate") and value == 1
        ):
            told.append(f"{key} {value}")
    return f" ({', '.join(told)})" if told else ""
