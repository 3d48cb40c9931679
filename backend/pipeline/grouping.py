"""What one stage computes, as groups of which each becomes a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...graph.node import Node
from .fusible import elements, weight
from .placing import Placing

LONGEST = 96  # nodes of one kernel
SIBLINGS = 1024  # elements of an operand for which kernels that read it join

Fits = Callable[[Sequence[Node]], bool]


class Union:
    """Disjoint sets of nodes."""

    def __init__(self, nodes: Iterable[Node]):
        self.parent = {node: node for node in nodes}

    def root(self, node: Node) -> Node:
        """The node that stands for a set."""
        while self.parent[node] is not node:
            self.parent[node] = self.parent[self.parent[node]]
            node = self.parent[node]
        return node

    def join(self, one: Node, other: Node) -> None:
        """Make one set of two."""
        self.parent[self.root(other)] = self.root(one)

    def sets(self) -> dict[Node, list[Node]]:
        """The sets by what stands for them, each in the order of the nodes."""
        found: dict[Node, list[Node]] = {}
        for node in self.parent:
            found.setdefault(self.root(node), []).append(node)
        return found


def groups_of(placing: Placing, stage: int, fits: Fits) -> list[list[Node]]:
    """The groups of a stage; `fits(nodes)` says whether they can be one kernel.

    What hangs together is one kernel if it can be, else the largest values are kept
    from memory first. Kernels that read the same large operand join then.
    """
    work = list(placing.work[stage])
    inside = set(work)
    whole = Union(work)
    for node in work:
        for source in inner(placing, node, inside):
            whole.join(source, node)
    found: list[list[Node]] = []
    for part in whole.sets().values():
        for window in windows(part):
            found += [window] if fits(window) else Cutting(placing, window, fits).run()
    return siblings(placing, found, fits)


def inner(placing: Placing, node: Node, inside: set[Node]) -> list[Node]:
    """The operands of a node that the same stage computes, views aside."""
    sources = map(placing.base.__getitem__, node.inputs)
    return [source for source in dict.fromkeys(sources) if source in inside]


def windows(nodes: list[Node]) -> list[list[Node]]:
    """Stretches of a topological order, which cannot wait for each other in a ring."""
    starts = range(0, len(nodes), LONGEST)
    return [nodes[start : start + LONGEST] for start in starts]


class Cutting:
    """Groups of nodes that cannot be one kernel together, grown edge by edge."""

    def __init__(self, placing: Placing, nodes: list[Node], fits: Fits):
        self.fits = fits
        self.inside = set(nodes)
        self.union = Union(nodes)
        self.sources = {node: inner(placing, node, self.inside) for node in nodes}
        self.members = {node: [node] for node in nodes}
        self.place = {node: place for place, node in enumerate(nodes)}

    def run(self) -> list[list[Node]]:
        """Join along edges, those of large values first, as long as that helps."""
        edges = [
            (-weight(source), place, source, node)
            for place, (node, sources) in enumerate(self.sources.items())
            for source in sources
        ]
        left = [(source, node) for _, _, source, node in sorted(edges, key=_first)]
        while True:
            waiting = [edge for edge in left if not self._joined(*edge)]
            if len(waiting) == len(left):
                return list(self.members.values())
            left = waiting

    def _joined(self, source: Node, node: Node) -> bool:
        one, other = self.union.root(source), self.union.root(node)
        if one is other:
            return True
        if self._around(one, other):
            return False
        both = self.members[one] + self.members[other]
        both.sort(key=self.place.__getitem__)
        if not self.fits(both):
            return False
        self.union.join(one, other)
        del self.members[other]
        self.members[one] = both
        return True

    def _around(self, one: Node, other: Node) -> bool:
        """Whether a path leads from a group to another by way of a third."""
        seen = {other}
        stack = [other]
        while stack:
            group = stack.pop()
            for node in self.members[group]:
                for source in self.sources[node]:
                    before = self.union.root(source)
                    if before is one and group is not other:
                        return True
                    if before is not one and before not in seen:
                        seen.add(before)
                        stack.append(before)
        return False


def _first(edge: tuple[int, int, Node, Node]) -> tuple[int, int]:
    return edge[:2]


def siblings(
    placing: Placing, groups: list[list[Node]], fits: Fits
) -> list[list[Node]]:
    """Groups joined that read the same large operand and do not wait for each other.

    Groups of single numbers join in any case.
    """
    waits = _waits(placing, groups)
    free = [place for place, group in enumerate(groups) if place not in waits]
    reading: dict[Node | None, list[int]] = {}
    for place in free:
        for operand in _operands(placing, groups[place]):
            reading.setdefault(operand, []).append(place)
        if all(elements(node.tensor_type) == 1 for node in groups[place]):
            reading.setdefault(None, []).append(place)
    found: dict[int, list[Node]] = dict(enumerate(groups))
    owner = list(range(len(groups)))
    for first, *others in reading.values():
        for second in others:
            one, other = _owner(owner, first), _owner(owner, second)
            if one == other:
                continue
            both = sorted(found[one] + found[other], key=placing.position.__getitem__)
            if len(both) <= LONGEST and fits(both):
                found[one] = both
                del found[other]
                owner[other] = one
            else:
                first = second
    return list(found.values())


def _owner(owner: list[int], place: int) -> int:
    while owner[place] != place:
        place = owner[place]
    return place


def _operands(placing: Placing, group: list[Node]) -> list[Node]:
    """The large operands of a group."""
    inside = set(group)
    sources = (placing.base[source] for node in group for source in node.inputs)
    return [
        source
        for source in dict.fromkeys(sources)
        if source not in inside
        and source not in placing.fixed
        and elements(source.tensor_type) >= SIBLINGS
    ]


def _waits(placing: Placing, groups: list[list[Node]]) -> set[int]:
    """The groups that read what others of the stage compute, and those others."""
    owner = {node: place for place, group in enumerate(groups) for node in group}
    found: set[int] = set()
    for place, group in enumerate(groups):
        for node in group:
            for source in map(placing.base.__getitem__, node.inputs):
                before = owner.get(source, place)
                if before != place:
                    found |= {place, before}
    return found
