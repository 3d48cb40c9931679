"""Loops made to do less: the gradient of a loop runs it again, and need not.

Loops over the same are one. Values of its turns are stacked for a later loop that would
compute them again. Gradients of weights, added up turn by turn, are one product after
the loop. What no result needs goes, and what all turns share is computed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...graph.graph import Graph
from ...graph.node import Node
from .scan_forms import Form, form_of
from .scan_merging import hoist, join_added_carries, join_equal_carries, merge
from .scan_saving import save, sum_after
from .scan_taking import take_in
from .simplify import simplify


def join_loops(graph: Graph) -> Graph:
    """The graph with loops that do no work twice."""
    if not any(node.op.name == "loop" for node in graph.nodes):
        return graph
    return simplify(Joining(graph).run())


class Joining:
    """The loops of a graph as forms; nodes that stand for their results."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.forms: list[Form] = []
        self.result: dict[Node, Node] = {}  # items of loops -> stand-ins
        self.instead: dict[Node, Node] = {}  # stand-ins -> what is as good
        self.owner: dict[Node, Form] = {}  # of stand-ins
        self.new: dict[Node, Node] = {}

    def run(self) -> Graph:
        """Take the loops apart, improve them, and build what is left."""
        self._read()
        used = self._used()
        for form in self.forms:
            join_equal_carries(form)
            form.prune(used)
        self._save()
        for form in self.forms:
            join_added_carries(form, self._used())
            self.instead |= sum_after(form)
            hoist(form)
        for form in reversed(self.forms):
            form.prune(self._used())
        readers = self._readers()
        for form in self.forms:
            for given in form.slices:
                given.outside = self._settled(given.outside)
            take_in(form, readers)
        self.owner = self._owners()
        self._build()
        return self.graph.replace(self.new)

    def _read(self) -> None:
        """The forms of all loops, those merged that do the same."""
        stand_ins: dict[Node, list[Node]] = {}
        for node in self.graph.nodes:
            if node.op.name == "item" and node.inputs[0] in stand_ins:
                place = node.attributes["index"]
                self.result[node] = stand_ins[node.inputs[0]][place]
            if node.op.name != "loop":
                continue
            form, stand_ins[node] = form_of(node)
            for given in (*form.slices, *form.others):
                given.outside = self._settled(given.outside)
            for carry in form.carries:
                carry.start = self._settled(carry.start)
            behind = self._behind(form.operands)
            for other in self.forms:
                if behind & {*other.stacks.values(), *other.ends.values()}:
                    continue  # it reads what the other gives
                same = merge(other, form)
                if same is not None:
                    self.instead |= same
                    break
            else:
                self.forms.append(form)

    def _settled(self, node: Node) -> Node:
        """What a node outside is known as: a stand-in, if a loop makes it."""
        node = self.result.get(node, node)
        while node in self.instead:
            node = self.instead[node]
        return node

    def _used(self) -> set[Node]:
        """The stand-ins that the graph, or another loop, reads."""
        return self._behind(self.graph.roots)

    def _behind(self, nodes: Iterable[Node]) -> set[Node]:
        """The stand-ins that nodes depend on, through loops as well."""
        owner = self._owners()
        return {node for node, _ in self._walk(nodes, owner) if node in owner}

    def _readers(self) -> Counter[Node]:
        """How many nodes, results or loops read each node outside of loops."""
        owner, found = self._owners(), Counter(map(self._settled, self.graph.roots))
        loops: set[Form] = set()
        for node, sources in self._walk(self.graph.roots, owner):
            if node in owner:
                if owner[node] in loops:
                    continue
                loops.add(owner[node])
            found.update(set(map(self._settled, sources)))
        return found

    def _walk(
        self, nodes: Iterable[Node], owner: Mapping[Node, Form]
    ) -> Iterator[tuple[Node, Sequence[Node]]]:
        """Each node that some depend on, and what it reads; a loop's result, all that
        the loop reads."""
        seen: set[Node] = set()
        stack = list(nodes)
        while stack:
            node = self._settled(stack.pop())
            if node in seen:
                continue
            seen.add(node)
            sources = owner[node].operands if node in owner else node.inputs
            yield node, sources
            stack += sources

    def _owners(self) -> dict[Node, Form]:
        """The loops that stand-ins are results of."""
        return {
            stand_in: form
            for form in self.forms
            for stand_in in (*form.stacks.values(), *form.ends.values(), *form.aliases)
        }

    def _save(self) -> None:
        """Let earlier loops stack what later ones would compute again."""
        for place, second in enumerate(self.forms):
            for first in self.forms[:place]:
                own = {stack: node for node, stack in first.stacks.items()}
                own |= {a: n for n, s in first.stacks.items()
                        for a, same in first.aliases.items() if same is s}  # fmt: skip
                if any(given.outside in own for given in second.slices):
                    save(first, second, own)
            second.prune(self._used())

    def _build(self) -> None:
        stack = list(self.graph.roots)[::-1]
        while stack:
            node = stack[-1]
            if node in self.new:
                stack.pop()
                continue
            known = self._settled(node)
            form = self.owner.get(known)
            if known is not node:
                needed = [known]
            else:
                needed = form.operands if form is not None else list(node.inputs)
            missing = [source for source in needed if source not in self.new]
            if missing:
                stack += missing[::-1]
                continue
            stack.pop()
            if known is not node:
                self.new[node] = self.new[known]
            elif form is not None:
                self.new.update(form.build(self.new))
            else:
                inputs = tuple(self.new[source] for source in node.inputs)
                same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
                fresh = node if same else node.op.apply(inputs, node.attributes, node)
                self.new[node] = fresh
