"""Loops cut into stripes: samples whose turns need those of no other sample.

Where each op of a loop's body computes a row of its results of the same row of its
operands, some rows go through all turns by themselves. A stripe is as many as keep what
a turn reads and writes in the cache of a core, and threads wait for each other once,
not every turn. How many rows that are follows from sizes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...graph.dim import ZERO, Dim, Symbol, product
from ...graph.graph import Graph
from ...graph.node import substitute
from ...graph.registry import OPS
from ...graph.types import TensorType, TupleType
from ..kernels import body_types
from ..pipeline.fusible import FOLDS, cost_of
from ..pipeline.plan import number
from ..recorded import jointly

MOVES = frozenset(
    "transpose expand_dims squeeze broadcast_to concatenate stop_gradient barrier "
    "reshape getitem item".split()
)
SIZED = frozenset(("reshape", "broadcast_to", "full", "getitem"))
PRODUCTS = frozenset(("matmul", "matmul_wide"))
PICKING = frozenset(("take", "pick", "take_along_axis"))
CHOOSING = frozenset(("argmax", "argmin", "positions"))
PRODUCT = 8  # multiplications of a product that take as long as an addition
LITTLE = 64  # elements that all stripes may compute anew
LEAST = 16  # rows of a stripe, where there are more than two; of two, half of that
MOST = 16  # stripes
SHARED = 3 << 18  # bytes at most that all rows read, and each stripe reads every turn
WORTH = 1 << 19  # operations on elements that a stripe is worth, in all turns
TURN = 1 << 14  # and in one


class Use(NamedTuple):
    """One op of a body, or of a kernel in it: types of what it reads and gives."""

    name: str
    operands: Sequence[TensorType]
    results: Sequence[TensorType]
    attributes: Mapping[str, Any]


class Cut(NamedTuple):
    """Rows of a stripe: the first one, how many, and whether no stripe comes after."""

    first: int
    rows: int
    last: bool


class Stripes:
    """How a loop on some symbol of its body is cut; `axes` tells of each input of the
    body, then of each output, which axis has the rows, or None."""

    def __init__(self, graph: Graph, symbol: Symbol, axes: Sequence[int | None]):
        self.symbol, self.axes = symbol, axes
        one = {symbol: Dim.of(1)}
        types = [node.tensor_type for node in graph.inputs]
        shared = [type for type in types if place_of(type, symbol) is None]
        self._shared = sum((type.size * type.dtype.size for type in shared), ZERO)
        work = [work_of(use).substitute(one) for use in uses_of(graph)]
        self._work = sum(work, ZERO)

    def cuts(self, sizes: Mapping[Symbol, int], turns: int) -> tuple[int, int]:
        """How many stripes there are for given sizes, and the rows of all but the
        last, which may have fewer."""
        shared, work = number(self._shared, sizes), number(self._work, sizes)
        return counted(sizes[self.symbol], shared, work, turns)


@jointly
def counted(whole: int, shared: int, work: int, turns: int) -> tuple[int, int]:
    """How many stripes there are of so many rows, and the rows of each.

    There are the bytes that all rows share, and the work of a row in a turn. A power of
    two of stripes gives threads as many each.
    """
    work = max(1, work)
    worth = max(TURN // work, WORTH // (work * max(1, turns)))
    least = max(LEAST, worth, -(-whole // MOST))
    two = min(2, whole // max(LEAST // 2, worth))
    count = 1 if shared > SHARED else max(1, two, whole // least)
    count = 1 << (count.bit_length() - 1)
    rows = max(1, -(-whole // count))
    return max(1, -(-whole // rows)), rows


def stripes_of(graph: Graph, symbols: Sequence[Symbol], carries: int) -> Stripes | None:
    """How the loop of a body is cut along one of the symbols in it, if it can be.

    The body's first outputs are carried on; the others are stacked.
    """
    for symbol in symbols:
        outputs = [node.tensor_type for node in graph.outputs.values()]
        types = [*(node.tensor_type for node in graph.inputs), *outputs]
        axes = [place_of(type, symbol) for type in types]
        ends = axes[len(graph.inputs) :]
        if -1 in axes or not any(axis == 0 for axis in ends):
            continue
        if any(axis not in (0, None) for axis in (*axes[:carries], *ends)):
            continue
        if None in ends[carries:] or axes[:carries] != ends[:carries]:
            continue
        if all(keeps_rows(use, symbol) for use in uses_of(graph)):
            return Stripes(graph, symbol, axes)
    return None


def uses_of(graph: Graph) -> Iterator[Use]:
    """The ops of a graph; of kernels, those that they are made of."""
    given = set(graph.inputs)
    for node in graph.nodes:
        if node in given:
            continue
        types = [type for source in node.inputs for type in _items(source.type)]
        if node.op.name != "fused":
            yield Use(node.op.name, types, _items(node.type), node.attributes)
            continue
        found = body_types(types, node.attributes["body"])
        for place, (name, operands, attributes) in enumerate(node.attributes["body"]):
            sources = [found[index] for index in operands]
            yield Use(name, sources, [found[len(types) + place]], dict(attributes))


def place_of(type: TensorType, symbol: Symbol) -> int | None:
    """The axis whose size is a symbol; None if no size has it, -1 if it stands in
    another way."""
    found = [n for n, size in enumerate(type.shape) if symbol in size.symbols()]
    if not found:
        return None
    return found[0] if len(found) == 1 and type.shape[found[0]].symbol else -1


def keeps_rows(use: Use, symbol: Symbol) -> bool:
    """Whether each row of the results follows from that row of the operands alone."""
    places = [place_of(type, symbol) for type in use.operands]
    ends = [place_of(type, symbol) for type in use.results]
    if -1 in places or -1 in ends:
        return False
    name = use.name
    if name not in SIZED and _mentions(use.attributes, symbol):
        return False
    if not any(place is not None for place in places):
        if any(end is not None for end in ends):
            return name in ("full", "broadcast_to")
        return _is_light(use)
    if None in ends:
        return name == "item"
    if name == "reshape":
        return _leaves(use, places[0], ends[0])
    if name == "getitem":
        kept = [entry for entry in use.attributes["index"] if entry[0] != "new"]
        size = Dim.from_symbol(symbol)
        return kept[places[0] or 0] == ("slice", ZERO, size, 1)
    if name in PICKING:
        return _picks_in_rows(use, places)
    return name in MOVES | FOLDS | PRODUCTS | CHOOSING or OPS[name].elementwise


def _picks_in_rows(use: Use, places: Sequence[int | None]) -> bool:
    """Whether what is picked for a row is its own, or of a table that all share."""
    table, indices = places
    if use.name == "take_along_axis" and table != indices:
        return False
    return table is None or table != use.attributes["axis"]


def _leaves(use: Use, place: int | None, end: int | None) -> bool:
    """Whether a reshape leaves an axis where it is, and what stands around it."""
    (before,), (after,) = use.operands, use.results
    return product(before.shape[:place]) == product(after.shape[:end])


def _is_light(use: Use) -> bool:
    """Whether what follows from no row may be computed by each stripe."""
    if OPS[use.name].view or not use.operands:
        return True
    sizes = [type.size.value for type in (*use.operands, *use.results)]
    alone = OPS[use.name].elementwise or use.name == "positions"
    return alone and all(n is not None and n <= LITTLE for n in sizes)


def _mentions(attributes: Mapping[str, Any], symbol: Symbol) -> bool:
    """Whether a symbol stands in attributes."""
    other = {symbol: Dim.of(1)}
    return any(substitute(value, other) != value for value in attributes.values())


def work_of(use: Use) -> Dim:
    """About how many operations on elements an op is."""
    if use.name in PRODUCTS:
        terms = use.results[0].size * use.operands[0].shape[-1]
        return terms // PRODUCT
    if use.name in MOVES:
        return ZERO
    types = use.operands if use.name in FOLDS else use.results
    return types[0].size * cost_of(use.name) if types else ZERO


def _items(type: Any) -> Sequence[TensorType]:
    return type.items if isinstance(type, TupleType) else (type,)
