"""A column beside a vector: `[B, 1]` and `[B]` would pair each row with all others.

NumPy stretches both; hardly anybody means it, and training on such a difference
learns nothing. Who means it writes the axis of size 1 where it is used. With symbols it
is refused; with values, which a program of Keras may well pair, it is warned of.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .diagnostics import Fault, TensorTypeError, caller_span
from .dim import Dim, Origin
from .node import Node
from .notices import tell
from .types import TensorType

# A size 1 that these ops made was put there by the author.
EXPLICIT = ("expand_dims", "getitem", "reshape", "constant", "variable")


def refuse_pairs(
    name: str, types: Sequence[TensorType], operands: Sequence[Any]
) -> None:
    """Refuse two operands of different ranks whose one free size would stand twice.

    Operands that have a `node` tell where they come from.
    """
    if len(types) != 2 or types[0].rank == types[1].rank:
        return
    wide, slim = (0, 1) if types[0].rank > types[1].rank else (1, 0)
    size = _paired(types[wide], types[slim])
    if size is None:
        return
    nodes = [o if isinstance(o, Node) else getattr(o, "node", None) for o in operands]
    node = nodes[wide]
    if node is not None and _explicit(node):
        return
    if node is None and (name != "subtract" or nodes[slim] is None):
        return
    if size.value is not None and types[wide].shape != (size, Dim.of(1)):
        return
    raise _fault(name, types, nodes, wide, size)


def _explicit(node: Node) -> bool:
    """Whether the author put the axis of size 1 there."""
    return node.op.name in EXPLICIT or node.attributes.get("keepdims") is True


def tell_pairs(op: Any, operands: Sequence[Any]) -> None:
    """Warn of what `refuse_pairs` refuses, for values that a tape sees."""
    one, *others = [len(operand.type.shape) for operand in operands]
    if others in ([], [one]):  # as most are
        return
    try:
        refuse_pairs(op.name, [operand.type for operand in operands], operands)
    except Fault as fault:
        names = list(inspect.signature(op.arguments).parameters)
        told = TensorTypeError.of(fault, caller_span(), names)
        tell(replace(told.diagnostics[0], severity="warning"))


def _paired(wide: TensorType, slim: TensorType) -> Dim | None:
    """The size of the vector that meets an axis of size 1, and is the other's too."""
    for axis in range(-slim.rank, 0):
        size = slim.shape[axis]
        free = size.value is None or (size.value > 1 and slim.rank == 1)
        if free and wide.shape[axis].value == 1 and size in wide.shape[:axis]:
            return size
    return None


def _fault(
    name: str,
    types: Sequence[TensorType],
    nodes: Sequence[Node | None],
    wide: int,
    size: Dim,
) -> Fault:
    from .ops.elementwise import broadcast_shapes

    made = types[wide].with_shape(broadcast_shapes(name, tuple(types)))
    told = [_made(node) for node in nodes if node is not None and node.span]
    rows = f"each of `{size}`" if size.value is None else f"each of {size}"
    last = types[wide].shape[-1].value == 1
    return Fault(
        "T0302",
        f"`{name}` of {types[0]} and {types[1]} would be {made}: {rows} with "
        "every other",
        operands={0: str(types[0]), 1: str(types[1])},
        dims=(types[wide].shape[-1], size),
        origins=told,
        help=[
            "drop the axis of size 1: `squeeze(…, axis = -1)`",
            "if all pairs are meant, write `expand_dims(…, axis = 0)` for the vector",
        ],
        repair={wide: "squeeze({}, axis = -1)"} if last else {},
    )


def _made(node: Node) -> Origin:
    if node.op.name == "input":
        text = f"`{node.name}` is declared {node.type} here"
    else:
        text = f"{node.type} is made here"
    return Origin(text, node.span)
