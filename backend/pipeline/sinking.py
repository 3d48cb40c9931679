"""Movements on their way up: past what only they read.

Each of these needs to know who reads a value, so they are no rewrites of one node.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.dim import ZERO, Dim
from ...graph.graph import Graph
from ...graph.node import Node, rewrite, users
from ...graph.ops.linalg import swap_last
from ...graph.registry import OPS, call
from .fusible import computes, moves
from .rewrites_shapes import Index, groups, padded, reshaped

DEEPEST = 24  # ops that a slice or a shape goes past


def sink(graph: Graph) -> Graph:
    """The graph with slices and shapes before the ops on elements that only they read,
    and products turned that are read turned; the same graph if there are none."""
    return Sinking(graph).run()


class Sinking:
    """Who reads what, and what moves."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.readers = users(graph.nodes)
        self.roots = set(graph.roots)
        self.depth: dict[Node, int] = {}  # of ops that only slices read
        self.shape: dict[Node, tuple[Dim, ...]] = {}  # that all readers give to an op
        self.height: dict[Node, int] = {}  # of those
        self.turned: set[Node] = set()
        self.new: dict[Node, Node] = {}
        self.parts: dict[tuple[Node, Index], Node] = {}
        self.forms: dict[tuple[Node, tuple[Dim, ...]], Node] = {}
        for node in reversed(graph.nodes):
            self._look(node)
        for node in graph.nodes:
            # A shape that would stop on its way would part what is computed together.
            if node in self.shape and not all(map(self._lets_by, node.inputs)):
                del self.shape[node]

    def _look(self, node: Node) -> None:
        readers = self.readers[node]
        if node in self.roots or not readers:
            return
        if node.op.name == "matmul":
            if all(map(turns_last, readers)):
                self.turned.add(node)
        elif node.op.elementwise and computes(node) and node.ndim:
            if all(cuts(reader) or reader in self.depth for reader in readers):
                deepest = max(self.depth.get(reader, 0) for reader in readers)
                if deepest < DEEPEST:
                    self.depth[node] = deepest + 1
            shapes = {self._shape_given(reader) for reader in readers}
            (shape,) = shapes if len(shapes) == 1 else (None,)
            above = max(self.height.get(reader, 0) for reader in readers)
            if (
                shape is not None
                and above < DEEPEST
                and all(
                    reshape_operand(source, node.shape, shape) is not None
                    for source in node.inputs
                )
            ):
                self.shape[node], self.height[node] = shape, above + 1

    def _shape_given(self, reader: Node) -> tuple[Dim, ...] | None:
        if reader in self.shape:
            return self.shape[reader]
        if reader.op.name != "reshape" or moves(reader):
            return None
        computed = any(map(computes, self.readers[reader]))
        return reader.shape if computed else None

    def _lets_by(self, source: Node) -> bool:
        return source in self.shape or not source.ndim or not computes(source)

    def run(self) -> Graph:
        """Rebuild from the operands on."""
        if not (self.depth or self.shape or self.turned):
            return self.graph
        found = rewrite(self.graph.roots, self._rule)
        return self.graph.replace(found.nodes)

    def _rule(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        found = self._moved(node, inputs)
        if found is None:
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            found = node if same else node.op.apply(inputs, node.attributes, node)
        self.new[node] = found
        return found

    def _moved(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if not node.inputs:
            return None
        source = node.inputs[0]
        if source in self.turned:
            return turned(inputs[0], node.attributes["axes"])
        if source in self.depth and cuts(node):
            return self._sliced(source, node.attributes["index"])
        if node.op.name == "reshape" and source in self.shape:
            return self._reshaped(source, node.shape)
        return None

    def _sliced(self, node: Node, index: Index) -> Node:
        key = (node, index)
        if key not in self.parts:
            self.parts[key] = self._part(node, index)
        return self.parts[key]

    def _part(self, node: Node, index: Index) -> Node:
        if node not in self.depth:
            return OPS["getitem"].apply((self.new[node],), {"index": index})
        parts = [
            self._sliced(source, index_of(source, node.shape, index))
            for source in node.inputs
        ]
        return node.op.apply(tuple(parts), node.attributes, node)

    def _reshaped(self, node: Node, shape: tuple[Dim, ...]) -> Node:
        key = (node, shape)
        if key not in self.forms:
            self.forms[key] = self._form(node, shape)
        return self.forms[key]

    def _form(self, node: Node, shape: tuple[Dim, ...]) -> Node:
        if node not in self.shape:
            return reshaped(self.new[node], shape)
        parts = []
        for source in node.inputs:
            wanted = reshape_operand(source, node.shape, shape)
            assert wanted is not None
            parts.append(self._reshaped(source, wanted))
        return node.op.apply(tuple(parts), node.attributes, node)


def cuts(node: Node) -> bool:
    """Whether a node is a plain part of its operand."""
    if node.op.name != "getitem":
        return False
    return all(entry[0] in ("at", "slice") for entry in node.attributes["index"])


def index_of(source: Node, shape: Sequence[Dim], index: Index) -> Index:
    """The part of an operand that a part of what it is broadcast to reads."""
    if not source.ndim:
        return ()
    extra = len(shape) - source.ndim
    found = []
    for size, whole, entry in zip(
        source.shape, shape[extra:], index[extra:], strict=True
    ):
        if size.value == 1 != whole.value:
            entry = ("at", ZERO) if entry[0] == "at" else ("slice", ZERO, size, 1)
        found.append(entry)
    return tuple(found)


def turns_last(node: Node) -> bool:
    """Whether a transpose of a product exchanges the order of rows and columns."""
    if node.op.name != "transpose":
        return False
    source, axes = node.inputs[0], node.attributes["axes"]
    if source.ndim < 2 or any(operand.ndim < 2 for operand in source.inputs):
        return False
    last = source.ndim - 1
    return bool(axes.index(last) < axes.index(last - 1))


def turned(product_node: Node, axes: Sequence[int]) -> Node:
    """`transpose(x @ y) = transpose(y' @ x')`, with rows and columns in order."""
    left, right = product_node.inputs
    found = call("matmul", swap_last(right), swap_last(left))
    last = found.ndim - 1
    other = {last: last - 1, last - 1: last}
    return call("transpose", found, tuple(other.get(a, a) for a in axes))  # type: ignore[no-any-return]


def reshape_operand(
    source: Node, whole: tuple[Dim, ...], shape: tuple[Dim, ...]
) -> tuple[Dim, ...] | None:
    """The shape of an operand once what it is broadcast to has another shape.

    None if a group of axes that are merged or cut together is broadcast in part.
    """
    if not source.ndim:
        return ()
    own = padded(source, len(whole))
    found: list[Dim] = []
    for before, after in groups(whole, shape):
        sizes = [own[axis] for axis in before]
        if all(size.value == 1 for size in sizes):
            found += [Dim.of(1)] * len(after)
        elif sizes == [whole[axis] for axis in before]:
            found += [shape[axis] for axis in after]
        else:
            return None
    return tuple(found)
