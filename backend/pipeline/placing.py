"""Which values kernels compute, when, and which of them are stored or computed again.

Each value has a stage: how many kernels have to be complete before it. A kernel holds
values of one stage only, so no kernel can ever wait for itself, however values are
grouped. What later stages read is stored, or computed there again from what lies in
memory anyway, if that moves less memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ...graph.graph import Graph
from ...graph.node import Node, users
from .fusible import (
    FOLDS,
    SOURCES,
    TRANSCENDENTAL,
    closing,
    computes,
    cost,
    elements,
    moves,
    weight,
)

IMPURE = ("random_key", "opaque", "opaque_gradient", "barrier")
CHEAP = 8  # additions an element for which nothing is stored
MANY = 8  # rows that read a line for which the line is computed before
SHORT = 32  # elements of a row for which work of the row alone counts
NEAR = 64  # values around a fold among which its kernel may be found
ROWS = 1024  # of them that are worth a kernel for that work
LEAVES = 4  # values in memory that another computation of one may read

Leaves: TypeAlias = "frozenset[Node] | None"


class Placing:
    """Stages of the values of a graph, and the kernels' work by stage.

    `work[stage]` holds the nodes that kernels compute there, operands first; a node may
    be computed in several stages. `stored` are those that go to memory, from their
    `stage`.
    """

    def __init__(self, graph: Graph):
        self.nodes: Sequence[Node] = graph.nodes
        self.position = {node: place for place, node in enumerate(self.nodes)}
        self.base: dict[Node, Node] = {}
        self.varies: dict[Node, tuple[bool, ...]] = {}  # of views
        self.fixed: set[Node] = set()
        self.light: set[Node] = set()
        self.late: set[Node] = set()  # known only at the end of a kernel
        self.folded: dict[Node, int] = {}  # elements that make one, of what folds make
        self.final: set[Node] = set()  # folds of short rows with which a kernel ends
        self.effort: dict[Node, int] = {}  # of a value, in its kernel
        self.stage: dict[Node, int] = {}  # of what kernels compute
        self.memory: dict[Node, int] = {}  # from which stage on a value can be read
        self.stored: set[Node] = set()
        self._readers = users(self.nodes)
        self._classify()
        self._force(graph)
        self._again: dict[Node, tuple[Leaves, int]] = {}
        self._find_leaves()
        self._delay()
        self.work: dict[int, dict[Node, None]] = {}
        self._demand()

    def _classify(self) -> None:
        for node in self.nodes:
            self.base[node] = node
            if moves(node) and not self._copies(node):
                self.base[node] = self.base[node.inputs[0]]
                self.varies[node] = seen_through(node, self.varying(node.inputs[0]))
            elif node.op.name in SOURCES or self._follows(node):
                self.fixed.add(node)
                self.memory[node] = 0
            elif computes(node) or moves(node):
                self.light.add(node)
                needs = (self._need(source, node) for source in node.inputs)
                self.stage[node] = max(needs, default=0)
                self.memory[node] = self.stage[node] + 1
                self.effort[node] = self._effort(node)
                if closing(node) or self._ends_late(node):
                    self.late.add(node)
                self.folded[node] = self._length(node)
                if self._ends_kernel(node):
                    self.final.add(node)
            else:
                found = (self.memory[self.base[source]] for source in node.inputs)
                self.memory[node] = max(found, default=0)

    def _copies(self, node: Node) -> bool:
        """Whether a turned value is written in its new order, for what merges axes."""
        if node.op.name != "transpose":
            return False
        return any(
            reader.op.name == "reshape" and not moves(reader)
            for reader in self._readers[node]
        )

    def _follows(self, node: Node) -> bool:
        """Whether a value follows from sizes and constants: it is bound once a plan."""
        if not node.inputs or node.op.name in IMPURE:
            return False
        return all(self.base[source] in self.fixed for source in node.inputs)

    def _ends_kernel(self, node: Node) -> bool:
        """Whether a node folds short rows, and what follows is for another kernel."""
        if node.op.name not in FOLDS or closing(node) or not node.inputs[0].ndim:
            return False
        size = node.inputs[0].shape[-1].value
        if size is None or size > SHORT or elements(node.tensor_type) < ROWS:
            return False
        return self._leads_on(node)

    def _leads_on(self, fold: Node) -> bool:
        """Whether what follows from a fold of rows is much work or a fold across rows,
        and none of it goes back to the rows."""
        count, work, across = elements(fold.tensor_type), 0, False
        stack, seen = [(fold, True)], {fold}
        while stack and len(seen) < NEAR:
            node, follows = stack.pop()
            more = [(source, False) for source in node.inputs if node is not fold]
            if follows:
                more += [(reader, True) for reader in self._readers[node]]
            for other, after in more:
                if other in seen or not (computes(other) or moves(other)):
                    continue
                seen.add(other)
                if other.op.name in FOLDS:
                    across |= after and closing(other)
                elif elements(other.tensor_type) <= count:
                    work += 0 if moves(other) else cost(other)
                    stack.append((other, after))
                elif after:
                    return False
        return not stack and (across or work >= TRANSCENDENTAL)

    def _effort(self, node: Node) -> int:
        """What an element of a value takes in its own kernel."""
        bases = dict.fromkeys(self.base[source] for source in node.inputs)
        own = (base for base in bases if self.stage.get(base) == self.stage[node])
        return min(cost(node) + sum(self.effort[base] for base in own), 10**6)

    def _need(self, source: Node, reader: Node) -> int:
        """The stage from which on a kernel can read an operand."""
        base = self.base[source]
        if base not in self.light or reader.op.name == "pick" or ends_kernel(base):
            return self.memory[base]
        return self.stage[base] + self._apart(source, reader)

    def _ends_late(self, node: Node) -> bool:
        """Whether an operand is known only at the end of the same kernel."""
        bases = map(self.base.__getitem__, node.inputs)
        return node.op.name != "pick" and any(base in self.late for base in bases)

    def _length(self, node: Node) -> int:
        """How many elements one of a value takes, by a fold in the same stage."""
        if node.op.name in FOLDS:
            given = elements(node.inputs[0].tensor_type)
            return max(1, given // max(1, elements(node.tensor_type)))
        bases = map(self.base.__getitem__, node.inputs)
        same = (base for base in bases if self.stage.get(base) == self.stage[node])
        return max((self.folded[base] for base in same), default=1)

    def varying(self, node: Node) -> tuple[bool, ...]:
        """For each axis of a value whether its elements differ along it."""
        if node in self.varies:
            return self.varies[node]
        return tuple(size.value != 1 for size in node.shape)

    def _apart(self, source: Node, reader: Node) -> bool:
        """Whether an operand is read from memory even if both could be one kernel.

        What follows from a fold across rows is known only at the end. A line that each
        of many rows reads would be computed for each of them, and so would a row be
        folded for each of many that read the result. A number of each short row that
        takes much work would be computed one by one.
        """
        base = self.base[source]
        if ends_kernel(base):
            return True
        wide = max(elements(operand.tensor_type) for operand in reader.inputs)
        if base in self.late:
            return wide > elements(base.tensor_type)
        if base in self.final or self._laborious(source, reader):
            return True
        folded = self.folded[base]
        if folded > 1 and wide >= MANY * folded * elements(base.tensor_type):
            return True
        varies = self.varying(source)
        if not varies or not varies[-1] or not any(varies):
            return False
        return wide >= MANY * elements(base.tensor_type)

    def _laborious(self, source: Node, reader: Node) -> bool:
        """Whether an operand is a number of each short row, and much work."""
        base = self.base[source]
        count = elements(base.tensor_type)
        if count < ROWS or self.folded[base] > 1:
            return False
        if self.effort[base] < TRANSCENDENTAL:
            return False
        varies = self.varying(source)
        size = reader.shape[-1].value if reader.shape else None
        return size is not None and 1 < size <= SHORT and not (varies and varies[-1])

    def _force(self, graph: Graph) -> None:
        """Store what others than kernels read."""
        for node in self.nodes:
            kernels = node in self.light and node.op.name != "pick"
            if kernels or node in self.fixed or self.base[node] is not node:
                continue
            self.stored.update(self.base[source] for source in node.inputs)
        self.stored.update(self.base[node] for node in graph.roots)

    def readers(self, node: Node) -> list[tuple[Node, Node]]:
        """The kernels' nodes that read one, each with what it reads: views aside."""
        found: list[tuple[Node, Node]] = []
        stack = [(node, reader) for reader in self._readers[node]]
        while stack:
            source, reader = stack.pop()
            if reader in self.light:
                found.append((source, reader))
            elif self.base[reader] is not reader:
                stack += [(reader, other) for other in self._readers[reader]]
        return found

    def _find_leaves(self) -> None:
        """For each value what it can be computed from, and with how much work."""
        for node in self.nodes:
            if node not in self.light or node in self.stored:
                continue
            leaves: set[Node] = set()
            work = cost(node)
            if node.op.name == "pick":  # as much is read as there is of it
                self._again[node] = frozenset((node,)), work
                continue
            for source in map(self.base.__getitem__, node.inputs):
                if source in self.fixed:
                    continue
                if source not in self.light or source in self.stored:
                    leaves.add(source)
                    continue
                more, effort = self._again[source]
                work += effort
                leaves.update(more or ())
                if more is None:
                    work = 10**9
            few = len(leaves) <= LEAVES and work < 10**9
            self._again[node] = (frozenset(leaves) if few else None, work)

    def _delay(self) -> None:
        """Move what only later stages read to the first of them, where that is less."""
        for node in reversed(self.nodes):
            if node not in self.light or node in self.stored:
                continue
            leaves, _ = self._again[node]
            if leaves is None:
                continue
            first = min(
                (self.stage[r] - self._apart(s, r) for s, r in self.readers(node)),
                default=0,
            )
            if first <= self.stage[node]:
                continue
            # Truth values count as numbers here: to pack and unpack them is work too.
            own = weight(node) * (4 if node.dtype.size == 1 else 1)
            if sum(map(weight, leaves)) <= 2.25 * own:
                self.stage[node] = first
                self.memory[node] = first + 1

    def again(self, node: Node) -> bool:
        """Whether a value is computed again where a later stage reads it."""
        if node in self.stored or closing(node) or ends_kernel(node):
            return False
        leaves, work = self._again[node]
        if leaves is None or work > CHEAP:
            return False
        return sum(map(weight, leaves)) <= 1.25 * weight(node)

    def _demand(self) -> None:
        """Let each stage compute what it stores and what that is made of."""
        stack = [(node, self.stage[node]) for node in self.stored & self.light]
        stack.sort(key=lambda one: -self.position[one[0]])
        while stack:
            node, stage = stack.pop()
            work = self.work.setdefault(stage, {})
            if node in work:
                continue
            work[node] = None
            for source in dict.fromkeys(map(self.base.__getitem__, node.inputs)):
                if source not in self.light:
                    continue
                own = self.stage[source]
                if own == stage or (own < stage and self.again(source)):
                    stack.append((source, stage))
                elif source not in self.stored:
                    self.stored.add(source)
                    stack.append((source, own))
        for stage, work in self.work.items():
            ordered = sorted(work, key=self.position.__getitem__)
            self.work[stage] = dict.fromkeys(ordered)


def ends_kernel(node: Node) -> bool:
    """Whether nothing in a kernel may read a value that it computes."""
    return node.op.name == "sum_at"


def seen_through(view: Node, varies: tuple[bool, ...]) -> tuple[bool, ...]:
    """For each axis of a view whether elements differ along it, given its source."""
    if view.op.name == "transpose":
        return tuple(varies[axis] for axis in view.attributes["axes"])
    if view.op.name == "broadcast_to":
        return (False,) * (view.ndim - len(varies)) + varies
    sizes = view.inputs[0].shape
    left = iter([v for v, d in zip(varies, sizes, strict=True) if d.value != 1])
    return tuple(size.value != 1 and next(left) for size in view.shape)
