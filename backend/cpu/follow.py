"""What reads a convolution runs tile by tile, while the tile is in the cache.

A convolution, kernels that read its result place by place and pooling of whole windows
become one `followed` node. Between them a tile lies in memory of the thread, unless
somebody else reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node, users
from ...graph.registry import OPS
from ...graph.types import TupleType
from .. import loops
from ..kernels import Instruction
from .special import SPECIAL
from .tile_axes import tile_axes

MOST = 4  # that follow one convolution
POOLS = ("window_max", "window_argmax", "window_sum")


def follow(graph: Graph) -> Graph:
    """The graph with `followed` nodes."""
    nodes = in_depth_order(graph.nodes)
    if not any(map(is_head, nodes)):
        return graph
    readers = users(nodes)
    place = {node: number for number, node in enumerate(nodes)}
    chains: dict[Node, Chain] = {}
    taken: set[Node] = set()
    for node in nodes:
        if is_head(node):
            chain = Chain(node, readers, place, taken)
            if len(chain.nodes) > 1:
                chains[node] = chain
                taken.update(chain.nodes)
    return graph.replace(_built(nodes, chains, set(graph.roots)))


def in_depth_order(nodes: Sequence[Node]) -> list[Node]:
    """The nodes by their longest way from a source, what needs no input before all."""
    depth: dict[Node, int] = {}
    late: set[Node] = set()
    for node in nodes:
        depth[node] = 1 + max((depth[source] for source in node.inputs), default=0)
        if node.op.name == "input" or not late.isdisjoint(node.inputs):
            late.add(node)
    return sorted(nodes, key=lambda node: (node in late, depth[node]))


def is_head(node: Node) -> bool:
    """Whether a node's tiles are rows or images of its result, one after the other."""
    name = node.op.name
    if name not in ("conv_forward", "conv_input") or not SPECIAL[name].accepts(node):
        return False
    strides = node.attributes["strides"]
    return name == "conv_forward" or all(Dim.of(s).value == 1 for s in strides)


def pool_step(node: Node) -> int | None:
    """How many rows a row of pooling stands for; None if it is no such pooling.

    No window reaches into two tiles then that have whole steps of rows.
    """
    if node.op.name not in POOLS or not SPECIAL[node.op.name].accepts(node):
        return None
    low, kernel, step = (
        Dim.of(node.attributes[name][0]).value for name in ("low", "kernel", "strides")
    )
    whole = low == 0 and kernel is not None and step is not None and kernel <= step
    return step if whole else None


class Chain:
    """A convolution and what follows it.

    `steps` has its values, and how many rows of a tile a row of each stands for: 0 for
    one whose images and rows are not its first axes, which nothing can follow.
    """

    def __init__(
        self,
        head: Node,
        readers: Mapping[Node, Sequence[Node]],
        place: Mapping[Node, int],
        taken: set[Node],
    ):
        self.readers, self.place, self.taken = readers, place, taken
        self.nodes = [head]
        self.steps: dict[Node, int] = {head: 1}
        while len(self.nodes) <= MOST:
            found = next(self._fitting(), None)
            if found is None:
                break
            node, step = found
            self.nodes.append(node)
            self.steps.update(dict.fromkeys(self._results(node), step))

    def _results(self, node: Node) -> list[Node]:
        if not isinstance(node.type, TupleType):
            return [node]
        return list(dict.fromkeys(self.readers[node]))

    def _fitting(self) -> Iterator[tuple[Node, int]]:
        """What may come next, and the rows that a row of it stands for."""
        for value, step in self.steps.items():
            for reader in self.readers[value] if step else ():
                if reader not in self.nodes and reader not in self.taken:
                    more = self._step(reader, value)
                    if more is not None:
                        yield reader, step * more

    def _step(self, node: Node, value: Node) -> int | None:
        """How many rows of a value a row of a node stands for, if it can follow."""
        own = [source for source in node.inputs if source in self.steps]
        others = (source for source in node.inputs if source not in self.steps)
        head = self.place[self.nodes[0]]
        # All of a chain stands at the place of its head.
        if any(self.place[source] > head for source in others):
            return None
        if any(self.steps[source] != self.steps[value] for source in own):
            return None
        if node.op.name != "fused":
            return pool_step(node)
        if loops.lowerable(node) is not None:
            return None
        places = [node.inputs.index(source) for source in own]
        axes = tile_axes(loops.lower(node), places)
        if axes is None:
            return None
        alike = set(axes[len(node.inputs) :]) == {axes[places[0]]}
        types = node.type.items if isinstance(node.type, TupleType) else [node.type]
        same = all(type.shape[:2] == value.shape[:2] for type in types)
        return int(alike and same)

    def built(self, new: dict[Node, Node], kept: set[Node]) -> dict[Node, Node]:
        """The new nodes of the results that others read."""
        inside = set(self.nodes)
        operands = [
            source
            for node in self.nodes
            for source in node.inputs
            if source not in self.steps
        ]
        operands = list(dict.fromkeys(operands))
        numbers = {node: number for number, node in enumerate(operands)}
        body, count, outputs = [], len(operands), list[Node]()
        for node in self.nodes:
            places = tuple(numbers[source] for source in node.inputs)
            settings = tuple(node.attributes.items())
            body.append(Instruction(node.op.name, places, settings))
            for result in self._results(node):
                several = result is not node
                index = result.attributes["index"] if several else 0
                numbers[result] = count + index
                if result in kept or not inside.issuperset(self.readers[result]):
                    outputs.append(result)
            type = node.type
            count += len(type.items) if isinstance(type, TupleType) else 1
        attributes = {
            "body": tuple(body),
            "outputs": tuple(numbers[result] for result in outputs),
        }
        sources = tuple(new[operand] for operand in operands)
        whole = OPS["followed"].apply(sources, attributes, outputs[-1])
        if len(outputs) == 1:
            return {outputs[0]: whole}
        item = OPS["item"]
        return {
            node: item.apply((whole,), {"index": index}, node)
            for index, node in enumerate(outputs)
        }


def _built(
    nodes: Sequence[Node], chains: Mapping[Node, Chain], kept: set[Node]
) -> dict[Node, Node]:
    """The new node of each old one that is read from outside of its chain."""
    new: dict[Node, Node] = {}
    inside = {
        node for chain in chains.values() for node in (*chain.nodes, *chain.steps)
    }
    for node in nodes:
        if node in chains:
            new.update(chains[node].built(new, kept))
        elif node not in inside:
            inputs = tuple(new[source] for source in node.inputs)
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            new[node] = node if same else node.op.apply(inputs, node.attributes, node)
    return new
