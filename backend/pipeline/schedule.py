"""The order of a program's steps, and where each value lives.

Sizes stay symbolic here. Values that follow from constants, sizes, variables and
buffers alone (views above all) are bound once a plan; the rest are steps. For native
code every value is bound, inputs included, whose addresses each run gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node
from ...graph.registry import OPS
from ...graph.types import DType, TupleType
from ...graph.variable import Variable
from .order import Order, order_of, producer

RESHAPES = frozenset(
    ("reshape", "expand_dims", "squeeze", "stop_gradient", "barrier", "arena_view")
)
OPAQUE = ("opaque", "opaque_gradient")
IMPURE = ("random_key", *OPAQUE)


class Code(Protocol):
    """How the steps of a schedule are carried out."""

    native: bool  # every value is bound, and several results have buffers each
    fills_inputs: bool  # inputs are put into buffers before the first step

    def in_place(self, node: Node, operand: int, output: int) -> bool:
        """Whether a step may write a result over an operand of the same type."""

    def runs_native(self, node: Node) -> bool:
        """Whether a step reads operands by address, not as an array of the host."""


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
    kind: str  # input, output, buffer, variable, computed, local, tuple
    storage: Storage | None = None
    offset: Dim = field(default_factory=lambda: Dim.of(0))  # in the storage, elements
    sources: tuple[Value, ...] = ()
    contiguous: bool = True
    fixed: bool = False  # the content follows from the sizes alone
    items: tuple[Value, ...] = ()  # of a tuple
    placed: bool = False  # an input that is bound to an address

    @cached_property
    def fixed_shape(self) -> tuple[int, ...] | None:
        """The shape, if it is the same for all sizes."""
        found = tuple([dim.value for dim in self.node.shape])
        return None if None in found else tuple([max(0, n or 0) for n in found])

    @property
    def bound(self) -> bool:
        """Whether the array is the same one in every run of a plan."""
        return self.placed or self.kind in ("buffer", "variable", "computed", "tuple")


@dataclass(eq=False)
class Step:
    """One line of the program: a node computed from values, or a copy."""

    node: Node
    target: Value
    sources: tuple[Value, ...]
    copy: bool = False

    @property
    def targets(self) -> tuple[Value, ...]:
        """Where the results go, one or several."""
        return self.target.items or (self.target,)


@dataclass(eq=False)
class Schedule:
    """Values in the order of their binding, steps in the order of their running."""

    values: list[Value]
    steps: list[Step]
    outputs: dict[str, Value]
    updates: list[tuple[Variable, Value]]  # those that a copy at the end carries out
    storages: list[Storage]
    inputs: dict[int, Value] = field(default_factory=dict)  # the buffers of inputs

    @cached_property
    def sizes(self) -> tuple[list[tuple[Dim, int]], list[int]]:
        """The sizes and bytes of elements that storages have, and which each has."""
        found: dict[tuple[Dim, int], int] = {}
        which = [
            found.setdefault((one.size, one.dtype.size), len(found))
            for one in self.storages
        ]
        return list(found), which

    @cached_property
    def lives(self) -> list[tuple[int, list[int]]]:
        """Storages by number as they begin, each with those that ended before it."""
        storages = self.storages
        numbers = range(len(storages))
        ending = sorted(numbers, key=lambda number: storages[number].last)
        found, done = list[tuple[int, list[int]]](), 0
        for number in sorted(numbers, key=lambda number: storages[number].first):
            ended = done
            while storages[ending[ended]].last < storages[number].first:
                ended += 1
            found.append((number, ending[done:ended]))
            done = ended
        return found


def schedule(graph: Graph, code: Code, inner: bool = False) -> Schedule:
    """Order a graph of primitives and kernels, and place its values.

    The graph of a body that runs within another program is `inner`: its inputs lie as
    they do there, and its outputs go to places `y0`, `y1`, … that it is given.
    """
    return Scheduler(graph, code, inner).run()


class Scheduler:
    """The state of scheduling: places by node, uses by storage."""

    def __init__(self, graph: Graph, code: Code, inner: bool = False):
        self.graph, self.code, self.native = graph, code, code.native
        self.inner = inner
        self.places: list[Value] = []  # of the outputs of an inner graph
        self.given: dict[Node, Value] = {}  # those that are computed there
        self.values: dict[Node, Value] = {}
        self.bindings: list[Value] = []
        self.steps: list[Step] = []
        self.storages: dict[Storage, None] = {}
        self.packed: dict[Node, tuple[Storage, Dim]] = {}
        self.results = results_of(graph.nodes)
        self.taken: set[Storage] = set()  # by a result of the present step
        self.inputs: dict[int, Value] = {}  # that are put into buffers

    def run(self) -> Schedule:
        placed = self.native and not self.inner
        self.roots = aliases(self.graph.nodes, placed)
        self.order: Order = order_of(
            self.graph, self.roots, self.code.in_place, self._comes_first
        )
        self.last_use = self._last_uses()
        self.host_reads = self._host_reads() if self.native else set()
        if self.inner:
            self._give_places()
        for node in self.order.nodes:
            if node.op.name == "pack":
                self._reserve(node)
        for node in self.order.nodes:
            self._place(node)
        if self.inner:
            self._fill_places()
        if self.native and not (self.inner or self.code.fills_inputs):
            self._copy_outputs()
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
            self.bindings, self.steps, outputs, updates, list(self.storages),
            self.inputs,
        )  # fmt: skip

    def _give_places(self) -> None:
        for index, node in enumerate(self.graph.outputs.values()):
            value = Value(f"y{index}", node, "output", placed=True)
            self.places.append(value)
            if self.roots[node] is node:
                self.given.setdefault(node, value)
        self.bindings += self.places

    def _fill_places(self) -> None:
        """Copies to the places of outputs that are not computed there."""
        for place in self.places:
            value = self.values[place.node]
            if value is not place:
                self._append(Step(place.node, place, (value,), copy=True))

    def _copy_outputs(self) -> None:
        """Copies of outputs that lie in an input, or not in the order of elements."""
        for node in dict.fromkeys(self.graph.outputs.values()):
            value = self.values[node]
            if value.bound and (
                self.roots[node].op.name == "input" or not value.contiguous
            ):
                copied = self._buffer(node)
                self._append(Step(node, copied, (value,), copy=True))

    def _comes_first(self, node: Node) -> bool:
        """Steps of the host that need nothing, so that native ones stay together."""
        return self.native and node.op.name == "random_key"

    def _host_reads(self) -> set[Node]:
        """The inputs that must be arrays of the host, or have an address that stays."""
        ends = self.graph.roots if self.code.fills_inputs else self._updates()
        found = {self.roots[node] for node in ends if not self.inner}
        for node in self.graph.nodes:
            if (
                self.roots[node] is node
                and not node.op.view  # which copies where it shows nothing
                and not self.code.runs_native(node)
            ):
                found.update(self.roots[source] for source in node.inputs)
        return {node for node in found if node.op.name == "input"}

    def _updates(self) -> list[Node]:
        return [node for _, node in self.graph.updates]

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
                (self.native or producer(root).op.writes)
                and root.op.name not in ("pack", "full", "input", "variable")
                and root not in self.packed
                and root not in self.given
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
            self._input(node)
        elif name == "variable":
            self._bind(node, "variable", sources)
        elif name in ("constant", "size", "full", "arange") or self._fixed(
            node, sources
        ):
            self._bind(node, "computed", sources, fixed=True)
        elif name == "item" and sources[0].items:
            self._keep(node, sources[0].items[node.attributes["index"]])
        elif node.op.view or name == "item":
            self._view(node, sources)
        elif name == "pack":
            self._pack(node, sources)
        else:
            self._step(node, sources)

    def _input(self, node: Node) -> None:
        number = self.graph.inputs.index(node)
        name = f"x{number}"
        if self.code.fills_inputs and not self.inner:
            value = self.inputs[number] = self._buffer(node)
            assert value.storage is not None
            value.storage.touch(0)
            return
        if not self.native:
            self._keep(node, Value(name, node, "input", contiguous=False))
            return
        value = Value(name, node, "input", placed=True, contiguous=not self.inner)
        self.bindings.append(value)
        self._keep(node, value)
        if node in self.host_reads:
            self._append(Step(node, self._buffer(node), (value,), copy=True))

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
            there = self.values[root]  # unless it needs no step
            if (there.storage, there.offset) != (whole.storage, offset):
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
        step = producer(node)
        output = 0 if step is node else node.attributes["index"]
        position = self.order.position[step]
        roots = [self.roots[source] for source in step.inputs]
        for source, root in zip(step.inputs, roots, strict=True):
            value = self.values.get(root)
            usable = (
                value is not None
                and value.kind == "buffer"
                and root not in self.packed
                and source.type == node.type
                and root.type == node.type
                and self.values[source].contiguous
                and self.last_use[root] == position
                and all(s is source and self.code.in_place(step, i, output)
                        for i, (s, r) in enumerate(zip(step.inputs, roots, strict=True))
                        if r is root)
                and value.storage not in self.taken
            )  # fmt: skip
            if usable and value is not None and value.storage is not None:
                self.taken.add(value.storage)
                return value.storage
        return None

    def _step(self, node: Node, sources: tuple[Value, ...]) -> None:
        self.taken.clear()
        if isinstance(node.type, TupleType) and self.native:
            items = tuple(
                self._target(found or part(node, index))
                for index, found in enumerate(self.results[node])
            )
            name = f"t{len(self.steps)}"
            target = self._keep(node, Value(name, node, "tuple", items=items))
        elif isinstance(node.type, TupleType) or not (self.native or node.op.writes):
            target = Value(f"v{len(self.steps)}", node, "local", contiguous=False)
            self._keep(node, target)
        else:
            target = self._target(node)
        self._append(Step(node, target, sources))

    def _target(self, node: Node) -> Value:
        """The place of a result: the variable that it updates, or a buffer."""
        if node in self.given:
            return self._keep(node, self.given[node])
        if node not in self.order.direct:
            return self._buffer(node)
        variable = self.order.direct[node]
        name = self._variable(variable).name
        return self._keep(node, Value(name, node, "variable"))

    def _variable(self, variable: Variable) -> Value:
        found = self.values.get(variable.node)
        return found or self._bind(variable.node, "variable", ())

    def _append(self, step: Step) -> None:
        for value in (*step.targets, *step.sources):
            self._touch(value, len(self.steps))
        self.steps.append(step)

    def _touch(self, value: Value, step: int) -> None:
        if value.storage is not None:
            value.storage.touch(step)


def part(node: Node, index: int) -> Node:
    """A result of a node with several."""
    return OPS["item"].apply((node,), {"index": index})


def results_of(nodes: Iterable[Node]) -> dict[Node, list[Node | None]]:
    """For each node with several results those that are read, by number."""
    found: dict[Node, list[Node | None]] = {}
    for node in nodes:
        if isinstance(node.type, TupleType):
            found[node] = [None] * len(node.type.items)
        if node.op.name == "item":
            found[node.inputs[0]][node.attributes["index"]] = node
    return found


def aliases(nodes: Iterable[Node], placed: bool = False) -> dict[Node, Node]:
    """For each node the one whose memory it shows: itself, unless it is a view.

    Inputs that are `placed` are contiguous.
    """
    roots: dict[Node, Node] = {}
    plain: dict[Node, bool] = {}
    for node in nodes:
        roots[node], plain[node] = node, placed or node.op.name != "input"
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
