"""What the bodies of loops and branches return: nests of tensors, and their types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import tree
from .diagnostics import Fault
from .node import Node
from .tensor import SymbolicTensor
from .types import TensorType


def types_of(leaves: Sequence[Any]) -> list[TensorType]:
    """The types of tensors."""
    return [leaf.type for leaf in leaves]


def symbols(structure: Any, nodes: Sequence[Node]) -> Any:
    """A nest of nodes as symbolic tensors."""
    return tree.unflatten(structure, iter([SymbolicTensor(node) for node in nodes]))


def listing(types: Sequence[Any]) -> str:
    """Types in brackets."""
    return f"({', '.join(map(str, types))})"


def check_same(name: str, what: str, one: Any, two: Any) -> None:
    """Refuse a nest of results unlike another; each is (types, structure).

    `what` says it, with places for the name and for both.
    """
    if one == two:
        return
    (first, left), (second, right) = one, two
    if first == second:
        raise Fault("T0321", what.format(name, left, right))
    raise Fault(
        "T0321",
        what.format(name, listing(first), listing(second)),
        help=[
            "return the dtypes and shapes that went in, with `cast` or `broadcast_to`"
            if "takes" in what
            else "let all branches return the same dtypes and shapes"
        ],
    )


def shape_of(nest: Any) -> Any:
    """The types of the leaves of a nest, and the nest without them."""
    leaves, structure = tree.flatten(nest)
    return types_of(leaves), structure
