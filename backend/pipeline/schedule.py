"""The order of a program's steps, and where each value lives.

Sizes stay symbolic here. Values that follow from constants, sizes, variables and
buffers alone (views above all) are bound once a plan; the rest are steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node
from ...graph.types import DType, TupleType
from ...graph.variable import Variable
from .order import Order, order_of

RESHAPES = frozenset(
    ("reshape", "expand_dims", "squeeze", "stop_gradient", "barrier", "arena_view")
)
OPAQUE = ("opaque", "opaque_gradient")
IMPURE = ("random_key", *OPAQUE)


@dataclass(eq=False)
class Storage:
    """A stretch of memory that lives from its first to its last step."""

    dtype: DType
    size: Dim
    first: int = -1
    last: int = -1

    def touch(self, step: int) -> None:
        """Let it live at a step."""
        self.first = step if self.first < 0 else min(self.first, step)
        self.last = max(self.last, step)


@dataclass(eq=False)
class Value:
    """How a node's value is reached: a name that is bound once, or a local."""

    name: str
    node: Node
    kind: str  # input, buffer, variable, computed, local
    storage: Storage | None = None
    offset: Dim = field(default_factory=lambda: Dim.of(0))  # in the storage, elements
    sources: tuple[Value, ...] = ()
    contiguous: bool = True
    fixed: bool = False  # the content follows from the sizes alone

    @property
    def bound(self) -> bool:
        """Whether the array is the same one in every run of a plan."""
        return self.kind in ("buffer", "variable", "computed")


@dataclass(eq=False)
class Step:
    """One line of the program: a node computed from values, or a copy."""

    node: Node
    target: Value
    sources: tuple[Value, ...]
    copy: bool = False


@dataclass(eq=False)
class Schedule:
    """Values in the order of their binding, steps in the order of their running."""

    values: list[Value]
    steps: list[Step]
    outputs: dict[str, Value]
    updates: list[tuple[Variable, Value]]  # those that a copy at the end carries out
    storages: list[Storage]


def schedule(graph: Graph, ufuncs: Any) -> Schedule:
    """Order a graph of primitives and kernels, and place its values.

    `ufuncs(node)` says whether a step works in place: element by element, reading each
    operand before writing there.
    """
    return Scheduler(graph, ufuncs).run()


class Scheduler:
    """The state of scheduling: places by node, uses by storage."""

    def __init__(self, graph: Graph, ufuncs: Any):
        self.graph, self.in_place = graph, ufuncs
        self.values: dict[Node, Value] = {}
        self.bindings: list[Value] = []
        self.steps: list[Step] = []
        self.storages: dict[Storage, None] = {}
        self.packed: dict[Node, tuple[Storage, Dim]] = {}

    def run(self) -> Schedule:
        self.roots = aliases(self.graph.nodes)
        self.order: Order = order_of(self.graph, self.roots, self.in_place)
        self.last_use = self._last_uses()
        for node in self.order.nodes:
            if node.op.name == "pack":
                self._reserve(node)
        for node in self.order.nodes:
            self._place(node)
        outputs = {name: self.values[n] for name, n in self.graph.outputs.items()}
        updates = [
            (variable, self.values[node])
            for variable, node in self.graph.updates
            if self.order.direct.get(node) is not variable
        ]
        end = len(self.steps)
        for value in (*outputs.values(), *(value for _, value in updates)):
            self._touch(value, end)
        return Schedule(
            self.bindings, self.steps, outputs, updates, list(self.storages)
        )

    def _last_uses(self) -> dict[Node, int]:
        """The position of the last reader of each alias class."""
        found: dict[Node, int] = {}
        for position, node in enumerate(self.order.nodes):
            for source in node.inputs:
                found[self.roots[source]] = position
        for node in self.graph.roots:
            found[self.roots[node]] = len(self.order.nodes)
        return found

    def _reserve(self, node: Node) -> None:
        """Give the operands of a pack their place inside of it, where that is free."""
        storage = Storage(node.dtype, node.tensor_type.size)
        self.packed[node] = (storage, Dim.of(0))
        offset = Dim.of(0)
        for source in node.inputs:
            root = self.roots[source]
            fits = (
                root.op.writes
                and root.op.name not in ("pack", "full")
                and root not in self.packed
                and root not in self.order.direct
                and not isinstance(root.type, TupleType)
                and root.tensor_type.size == source.tensor_type.size
                and contiguous_chain(source, root)
            )
            if fits:
                self.packed[root] = (storage, offset)
            offset = offset + source.tensor_type.size

    def _place(self, node: Node) -> None:
        name = node.op.name
        sources = tuple(self.values[source] for source in node.inputs)
        if name == "input":
            index = self.graph.inputs.index(node)
            self._keep(node, Value(f"x{index}", node, "input", contiguous=False))
        elif name == "variable":
            self._bind(node, "variable", sources)
        elif name in ("constant", "size", "full", "arange") or self._fixed(
            node, sources
        ):
            self._bind(node, "computed", sources, fixed=True)
        elif node.op.view or name == "item":
            self._view(node, sources)
        elif name == "pack":
            self._pack(node, sources)
        else:
            self._step(node, sources)

    def _fixed(self, node: Node, sources: tuple[Value, ...]) -> bool:
        pure = node.op.name not in IMPURE and bool(sources)
        return pure and all(source.fixed for source in sources)

    def _keep(self, node: Node, value: Value) -> Value:
        self.values[node] = value
        return value

    def _bind(
        self, node: Node, kind: str, sources: tuple[Value, ...], **options: Any
    ) -> Value:
        prefix = {"variable": "w", "computed": "c", "buffer": "b"}[kind]
        name = f"{prefix}{len(self.bindings)}"
        value = Value(name, node, kind, sources=sources, **options)
        self.bindings.append(value)
        return self._keep(node, value)

    def _view(self, node: Node, sources: tuple[Value, ...]) -> None:
        source = sources[0]
        flat = node.op.name in RESHAPES
        if node.op.name == "reshape" and source.bound and not source.contiguous:
            # Such a reshape copies, which a binding made once must not.
            target = self._buffer(node)
            self._append(Step(node, target, sources, copy=True))
            return
        if not source.bound:
            target = Value(f"v{len(self.steps)}", node, "local", contiguous=False)
            self._append(Step(node, self._keep(node, target), sources))
            return
        self._bind(
            node,
            "computed",
            sources[:1],
            storage=source.storage,
            contiguous=source.contiguous and flat,
        )

    def _pack(self, node: Node, sources: tuple[Value, ...]) -> None:
        whole = self._buffer(node)
        offset = Dim.of(0)
        for source in sources:
            root = self.roots[source.node]
            if self.packed.get(root) != (whole.storage, offset):
                part = self._bind(
                    source.node, "buffer", (), storage=whole.storage, offset=offset
                )
                self.values[source.node] = source
                self._append(Step(source.node, part, (source,), copy=True))
            offset = offset + source.node.tensor_type.size
        self._touch(whole, len(self.steps))

    def _buffer(self, node: Node) -> Value:
        """A place for a result: reserved, taken over from an operand, or new."""
        storage, offset = self.packed.get(node, (None, Dim.of(0)))
        if storage is None:
            storage = self._inherited(node)
        if storage is None:
            storage = Storage(node.dtype, node.tensor_type.size)
        self.storages[storage] = None
        return self._bind(node, "buffer", (), storage=storage, offset=offset)

    def _inherited(self, node: Node) -> Storage | None:
        """The storage of an operand that ends here, for a step that works in place."""
        if not self.in_place(node):
            return None
        position = self.order.position[node]
        roots = [self.roots[source] for source in node.inputs]
        for source, root in zip(node.inputs, roots, strict=True):
            value = self.values.get(root)
            usable = (
                value is not None
                and value.kind == "buffer"
                and root not in self.packed
                and source.type == node.type
                and root.type == node.type
                and self.values[source].contiguous
                and self.last_use[root] == position
                and all(s is source for s, r in zip(node.inputs, roots, strict=True)
                        if r is root)
            )  # fmt: skip
            if usable and value is not None and value.storage is not None:
                return value.storage
        return None

    def _step(self, node: Node, sources: tuple[Value, ...]) -> None:
        if isinstance(node.type, TupleType) or not node.op.writes:
            target = Value(f"v{len(self.steps)}", node, "local", contiguous=False)
            self._keep(node, target)
        elif node in self.order.direct:
            variable = self.order.direct[node]
            name = self._variable(variable).name
            target = self._keep(node, Value(name, node, "variable"))
        else:
            target = self._buffer(node)
        self._append(Step(node, target, sources))

    def _variable(self, variable: Variable) -> Value:
        found = self.values.get(variable.node)
        return found or self._bind(variable.node, "variable", ())

    def _append(self, step: Step) -> None:
        for value in (step.target, *step.sources):
            self._touch(value, len(self.steps))
        self.steps.append(step)

    def _touch(self, value: Value, step: int) -> None:
        if value.storage is not None:
            value.storage.touch(step)


def aliases(nodes: Iterable[Node]) -> dict[Node, Node]:
    """For each node the one whose memory it shows: itself, unless it is a view."""
    roots: dict[Node, Node] = {}
    plain: dict[Node, bool] = {}
    for node in nodes:
        roots[node], plain[node] = node, node.op.name != "input"
        if not node.op.view:
            continue
        source = node.inputs[0]
        if node.op.name == "reshape" and not plain[source]:
            continue
        roots[node] = roots[source]
        plain[node] = plain[source] and node.op.name in RESHAPES
    return roots


def contiguous_chain(node: Node, root: Node) -> bool:
    """Whether only reshapes lie between a node and its root."""
    while node is not root:
        if node.op.name not in RESHAPES:
            return False
        node = node.inputs[0]
    return True
