"""Ops on elements and folds become kernels that read and write memory once.

A kernel holds all that hangs together between two products: chains, what reads the
same values, folds of rows and what reads those, and folds across rows that are stored.
No kernel has a name: softmax, normalization, losses and optimizers are found by how
their values are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...graph.graph import Graph
from ...graph.node import Node
from ...graph.registry import OPS
from ...graph.types import TensorType, TupleType
from ..kernels import Body, Instruction
from ..loops import lowerable
from .fusible import WRITTEN, elements
from .grouping import groups_of
from .in_bodies import in_bodies
from .picking import picking, plain
from .placing import Placing

OPERANDS = 24  # arrays that one kernel reads
RESULTS = 12  # arrays that it writes
INLINE = 1  # elements of a constant that stands in the kernel itself


def fuse(graph: Graph) -> Graph:
    """The graph with all that kernels can compute in `fused` nodes, bodies too."""
    return Fusion(in_bodies(graph, fuse, "fuse")).run()


class Fusion:
    """Groups of nodes on their way to kernels."""

    def __init__(self, graph: Graph):
        self.graph = graph = picking(graph)
        self.placing = Placing(graph)
        self.checked: dict[Any, bool] = {}
        self.tried: dict[tuple[Node, ...], Draft] = {}  # in one stage
        self.new: dict[Node, Node] = {}
        self.drafts: dict[Node, Draft] = {}  # by their results

    def run(self) -> Graph:
        """Group, then build."""
        placing = self.placing
        for stage in sorted(placing.work):
            self.at = stage
            self.tried.clear()
            for group in groups_of(placing, stage, self.fits):
                if self.fits(group):
                    draft = self.draft(group)
                    self.drafts.update(dict.fromkeys(draft.results, draft))
        self._build(self.graph.roots)
        return self.graph.replace(self.new)

    def draft(self, group: Sequence[Node]) -> Draft:
        """A group as a kernel on the graph's own nodes."""
        key = tuple(group)
        if key not in self.tried:
            self.tried[key] = Draft(self.placing, group, self._kept(group))
        return self.tried[key]

    def _kept(self, group: Sequence[Node]) -> list[Node]:
        """What a group writes: results that are stored, or that others of the stage
        read."""
        placing, inside = self.placing, set(group)
        work = placing.work[self.at]
        found = []
        for node in group:
            own = placing.stage[node] == self.at
            if (node in placing.stored and own) or (
                node not in self.drafts
                and any(
                    reader in work and reader not in inside
                    for _, reader in placing.readers(node)
                )
            ):
                found.append(node)
        return found

    def fits(self, group: Sequence[Node]) -> bool:
        """Whether a group can be one kernel."""
        if not self._gains(group):
            return False
        draft = self.draft(group)
        if len(draft.operands) > OPERANDS or not 0 < len(draft.results) <= RESULTS:
            return False
        key = draft.key
        if key not in self.checked:
            self.checked[key] = lowerable(draft.node(draft.operands)) is None
        return self.checked[key]

    def _gains(self, group: Sequence[Node]) -> bool:
        """Whether a kernel writes less than ops of their own for indices."""
        if all(node.op.name == "pick" for node in group):
            return False
        base, sums = self.placing.base, [n for n in group if n.op.name == "sum_at"]
        return len(sums) < len(group) or any(
            elements(n.inputs[0].tensor_type) > elements(base[n.inputs[0]].tensor_type)
            for n in sums
        )

    def _build(self, roots: Iterable[Node]) -> None:
        """The new node of each old one that is needed."""
        stack = list(roots)[::-1]
        while stack:
            node = stack[-1]
            if node in self.new:
                stack.pop()
                continue
            draft = self.drafts.get(node)
            alone = node if draft else plain(node)
            needed = draft.operands if draft else alone.inputs
            missing = [source for source in needed if source not in self.new]
            if missing:
                stack += missing[::-1]
                continue
            stack.pop()
            if draft:
                self.new.update(draft.built(self.new))
                continue
            inputs = tuple(self.new[source] for source in needed)
            same = all(a is b for a, b in zip(inputs, needed, strict=True))
            self.new[node] = (
                alone if same else alone.op.apply(inputs, alone.attributes, node)
            )


class Draft:
    """A kernel in the making: its operands, its instructions and what it stores."""

    def __init__(self, placing: Placing, group: Sequence[Node], results: list[Node]):
        self.placing, self.group, self.results = placing, set(group), results
        self.operands: list[Node] = []
        order: list[Node] = []
        self._order(group, order)
        self.place = {node: i for i, node in enumerate([*self.operands, *order])}
        self.body: Body = tuple(
            Instruction(
                node.op.name,
                tuple(self.place[source] for source in node.inputs),
                tuple(node.attributes.items()),
            )
            for node in order
        )
        self.outputs = tuple(self.place[node] for node in results)

    def _order(self, group: Sequence[Node], order: list[Node]) -> None:
        """Instructions, with the views and sources that they read before each."""
        done: set[Node] = set()
        self.picked = {node.inputs[0] for node in group if node.op.name == "pick"}
        for node in group:
            stack = [node]
            while stack:
                top = stack[-1]
                if top in done:
                    stack.pop()
                    continue
                if not self._inside(top):
                    done.add(top)
                    self.operands.append(top)
                    continue
                missing = [source for source in top.inputs if source not in done]
                if missing:
                    stack += missing[::-1]
                    continue
                done.add(top)
                order.append(top)

    def _inside(self, node: Node) -> bool:
        """Whether a node is an instruction, not an operand."""
        if node in self.group:
            return True
        if node in self.picked:
            return False
        name = node.op.name
        if name in WRITTEN:
            return True
        if name == "constant":
            return node.attributes["value"].array.size <= INLINE
        return self.placing.base[node] is not node

    @property
    def key(self) -> tuple[tuple[TensorType, ...], Body, tuple[int, ...]]:
        """What legality depends on."""
        types = tuple(node.tensor_type for node in self.operands)
        return types, self.body, self.outputs

    def node(self, operands: Sequence[Node]) -> Node:
        """The kernel on some operands."""
        attributes = {"body": self.body, "outputs": self.outputs}
        return OPS["fused"].apply(tuple(operands), attributes, self.results[-1])

    def built(self, new: dict[Node, Node]) -> dict[Node, Node]:
        """The new nodes of the results, on the new nodes of the operands."""
        whole = self.node([new[node] for node in self.operands])
        if not isinstance(whole.type, TupleType):
            return {self.results[0]: whole}
        item = OPS["item"]
        return {
            node: item.apply((whole,), {"index": index}, node)
            for index, node in enumerate(self.results)
        }
