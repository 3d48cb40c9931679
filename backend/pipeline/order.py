"""The order of nodes: inputs first, and before the update of a variable its readers
and what checks data, so that nothing is updated if that is at fault."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...graph.graph import Graph
from ...graph.node import Node, topological
from ...graph.variable import Variable
from .in_bodies import bodies_of

InPlace = Callable[[Node, int, int], bool]


@dataclass(eq=False)
class Order:
    """Nodes in their order; `direct` are those computed into a variable's own array."""

    nodes: list[Node]
    direct: dict[Node, Variable]
    position: dict[Node, int]


def producer(node: Node) -> Node:
    """The node whose step computes a value: for one of several results, their node."""
    return node.inputs[0] if node.op.name == "item" else node


def checking(node: Node) -> bool:
    """Whether a node may find its data at fault, or one of its bodies."""
    outputs = [output for body in bodies_of(node) for output in body.outputs]
    return node.op.checks or any(map(checking, topological(outputs)))


def order_of(
    graph: Graph,
    roots: Mapping[Node, Node],
    in_place: InPlace,
    first: Callable[[Node], bool] = lambda node: False,
) -> Order:
    """Order the nodes of a graph, updates as direct as they can be.

    `in_place(node, operand, output)` says whether a step may write a result over an
    operand; nodes that are `first` come before others that could.
    """
    nodes = graph.nodes
    readers = _readers(nodes, roots)
    direct = _candidates(graph, roots, readers, in_place)
    if any(map(first, nodes)):
        nodes = sorted(nodes, key=lambda node: not first(node))
    ordered = _Ordering(nodes, direct, readers).run()
    return Order(ordered, direct, {node: i for i, node in enumerate(ordered)})


def _readers(nodes: list[Node], roots: Mapping[Node, Node]) -> dict[Node, list[Node]]:
    """The nodes that read a variable's memory, views aside."""
    found: dict[Node, list[Node]] = {}
    for node in nodes:
        if roots[node] is not node:
            continue
        for source in dict.fromkeys(roots[source] for source in node.inputs):
            if source.op.name == "variable":
                found.setdefault(source, []).append(node)
    return found


def _candidates(
    graph: Graph,
    roots: Mapping[Node, Node],
    readers: Mapping[Node, list[Node]],
    in_place: InPlace,
) -> dict[Node, Variable]:
    """Updates that a step might write into the variable at once."""
    returned = {roots[node] for node in graph.roots}
    found: dict[Node, Variable] = {}
    for variable, node in graph.updates:
        step, own = producer(node), variable.node
        output = 0 if step is node else node.attributes["index"]
        if not step.op.writes or node in found or step.op.name in ("full", "pack"):
            continue
        if own in returned:
            continue
        if step in readers.get(own, ()):
            mine = [i for i, s in enumerate(step.inputs) if roots[s] is own]
            whole = all(step.inputs[i] is own for i in mine)
            if not (whole and all(in_place(step, i, output) for i in mine)):
                continue
        found[node] = variable
    return found


class _Ordering:
    """Kahn's walk, close to the given order; an update that would wait for itself
    loses its directness."""

    def __init__(
        self,
        nodes: list[Node],
        direct: dict[Node, Variable],
        readers: Mapping[Node, list[Node]],
    ):
        self.nodes, self.direct = nodes, direct
        self.rank = {node: index for index, node in enumerate(nodes)}
        self.needs = {node: len(set(node.inputs)) for node in nodes}
        self.waits: dict[Node, int] = {}
        self.users: dict[Node, list[Node]] = {node: [] for node in nodes}
        self.delays: dict[Node, list[Node]] = {}
        self.written: dict[Node, list[Node]] = {}  # by step: its direct values
        checks = list(filter(checking, nodes))
        for node in nodes:
            for source in set(node.inputs):
                self.users[source].append(node)
        for node, variable in direct.items():
            step = producer(node)
            self.written.setdefault(step, []).append(node)
            before = dict.fromkeys([*readers.get(variable.node, ()), *checks])
            others = [node for node in before if node is not step]
            self.waits[step] = self.waits.get(step, 0) + len(others)
            for reader in others:
                self.delays.setdefault(reader, []).append(step)

    def run(self) -> list[Node]:
        ready = [self.rank[n] for n in self.nodes if not self.needs[n]]
        heapq.heapify(ready)
        blocked: list[int] = []
        order: list[Node] = []
        done: set[Node] = set()
        while ready or blocked:
            if ready:
                node = self.nodes[heapq.heappop(ready)]
                if node in done:
                    continue
                if self.waits.get(node):
                    heapq.heappush(blocked, self.rank[node])
                    continue
            else:
                node = self.nodes[heapq.heappop(blocked)]
                if node in done or not self.waits.get(node):
                    continue
                self.waits[node] = 0
                for value in self.written[node]:
                    self.direct.pop(value, None)
            order.append(node)
            done.add(node)
            for other in self.users[node]:
                self.needs[other] -= 1
                if not self.needs[other]:
                    heapq.heappush(ready, self.rank[other])
            for other in self.delays.get(node, ()):
                if self.waits[other]:
                    self.waits[other] -= 1
                    if not self.waits[other] and not self.needs[other]:
                        heapq.heappush(ready, self.rank[other])
        return order
