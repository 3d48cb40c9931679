"""What a generated kernel may hold: which ops, and what each of them costs there."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ...graph.dim import Dim, Symbol
from ...graph.node import Node
from ...graph.types import TensorType, TupleType

FOLDS = frozenset(("sum", "prod", "max", "min", "any", "all"))
MOVES = frozenset(("broadcast_to", "expand_dims", "squeeze", "transpose", "reshape"))
SOURCES = frozenset(("constant", "size", "full", "arange"))
WRITTEN = frozenset(("full", "arange"))  # sources that a kernel makes by itself
THROUGH = frozenset(("pick", "sum_at"))  # what reads and writes through indices
NOMINAL = 64  # what a symbolic size counts for where work is estimated

# What an element takes, in additions.
DEAR = {
    "divide": 4, "sqrt": 4, "rsqrt": 5, "reciprocal": 4, "mod": 8, "floor_divide": 6,
    "pick": 2, "sum_at": 2,
}  # fmt: skip
PLAIN = frozenset(
    "add subtract multiply negative abs sign square maximum minimum floor ceil rint "
    "trunc equal not_equal less less_equal greater greater_equal logical_and "
    "logical_or logical_not isnan isfinite isinf where clip relu cast".split()
)
TRANSCENDENTAL = 20


def computes(node: Node) -> bool:
    """Whether a kernel can compute an op: on elements, by folding axes, or by reading
    through positions."""
    if isinstance(node.type, TupleType):
        return False
    name = node.op.name
    if name in FOLDS or name in THROUGH:
        return True
    return node.op.elementwise and (node.op.scalar is not None or name == "cast")


def moves(node: Node) -> bool:
    """Whether an op only says by which axes an operand is read."""
    name = node.op.name
    if name not in MOVES:
        return False
    return name != "reshape" or wide(node.shape) == wide(node.inputs[0].shape)


def wide(shape: Iterable[Dim]) -> list[Dim]:
    """The sizes of a shape that are not 1."""
    return [size for size in shape if size.value != 1]


def cost(node: Node) -> int:
    """What an element of a node takes, in additions."""
    return cost_of(node.op.name)


def cost_of(name: str) -> int:
    """What an element takes of the op of a name, in additions."""
    return 1 if name in PLAIN else DEAR.get(name, TRANSCENDENTAL)


def closing(node: Node) -> bool:
    """Whether a fold's value is known only once all rows are.

    A fold of the last axis, but not of the first, gives a value for each row, which the
    same row may read again. Others add up whole rows.
    """
    if node.op.name not in FOLDS:
        return False
    axes = node.attributes["axis"]
    shape = node.inputs[0].shape
    places = [axis for axis, size in enumerate(shape) if size.value != 1]
    return not places or places[0] in axes or places[-1] not in axes


@lru_cache(4096)
def elements(type: TensorType) -> int:
    """About how many elements a tensor has."""
    count = 1
    for size in type.shape:
        count *= nominal(size)
    return count


def nominal(size: Dim) -> int:
    """A size, or what is taken for it."""
    if size.value is not None:
        return size.value
    values: dict[Symbol, int] = {symbol: NOMINAL for symbol in size.symbols()}
    return max(size.evaluate(values), 1)


def weight(node: Node) -> int:
    """About how many bytes a value has."""
    return elements(node.tensor_type) * node.dtype.size
