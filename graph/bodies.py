"""Bodies of loops and branches: small graphs that one node holds as an attribute.

A body is closed: what it reads from outside are operands of its node. It is traced
once and run by a plan that is made once for the sizes of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import tree
from .diagnostics import Fault
from .dim import Dim, Symbol, sorted_symbols
from .evaluate import expanded
from .nested_tensors import leaves_as_tensors
from .node import Node, normalize, noting, resolve, substituted, topological
from .tensor import SymbolicTensor, input_node
from .trace import Trace, current_trace, current_training, tracing
from .types import TensorType, TupleType

LEAVES = ("input", "variable", "random_key")
FREE = ("constant", "full", "size", "arange")
IMPURE = ("random_key", "opaque", "opaque_gradient")


@dataclass(frozen=True, eq=False)
class Body:
    """Outputs in terms of inputs; `symbols` are the sizes that a run gives numbers."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    symbols: tuple[Symbol, ...]
    derived: dict[Any, Any] = field(default_factory=dict)  # what was made of it

    def types(self, sizes: Sequence[Dim]) -> tuple[TensorType, ...]:
        """The types of the outputs, given dims for the symbols."""
        values = dict(zip(self.symbols, map(Dim.of, sizes), strict=True))
        return tuple(node.tensor_type.substitute(values) for node in self.outputs)

    def plan(self, xp: Any, sizes: Sequence[int]) -> Plan:
        """How to run the body with an array module, for sizes."""
        key = (xp.__name__, tuple(sizes))
        plans: dict[Any, Plan] = self.derived.setdefault("plans", {})
        found = plans.get(key)
        if found is None:
            if len(plans) >= 64:
                plans.clear()
            valuation = dict(zip(self.symbols, sizes, strict=True))
            found = plans[key] = Plan(self, xp, valuation)
        return found

    def __repr__(self) -> str:
        ins = ", ".join(str(node.type) for node in self.inputs)
        outs = ", ".join(str(node.type) for node in self.outputs)
        return f"a body ({ins}) -> ({outs})"


def body_of(inputs: Sequence[Node], outputs: Sequence[Node]) -> Body:
    """The body of closed outputs."""
    dims: dict[Dim, None] = {}
    for node in topological([*inputs, *outputs]):
        items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
        dims.update((dim, None) for type in items for dim in type.shape)
        for value in node.attributes.values():
            dims.update(dict.fromkeys(_dims(value)))
    return Body(tuple(inputs), tuple(outputs), tuple(sorted_symbols(*dims)))


def _dims(value: Any) -> Iterator[Dim]:
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, TensorType):
        yield from value.shape
    elif isinstance(value, slice):
        yield from _dims((value.start, value.stop, value.step))
    elif isinstance(value, tuple):
        for item in value:
            yield from _dims(item)


def sizes_of(bodies: Sequence[Body]) -> tuple[Dim, ...]:
    """The symbols of bodies as dims, one body after the other."""
    return tuple(Dim.from_symbol(s) for body in bodies for s in body.symbols)


def split_sizes(bodies: Sequence[Body], sizes: Sequence[Any]) -> list[Sequence[Any]]:
    """The sizes of each body, of those that `sizes_of` lists."""
    found, start = [], 0
    for body in bodies:
        found.append(sizes[start : start + len(body.symbols)])
        start += len(body.symbols)
    return found


def sizes_of_made(
    made: Sequence[Body], of: Sequence[Body], sizes: Sequence[Any]
) -> tuple[Any, ...]:
    """The sizes of bodies that were made of others, which have the sizes given."""
    values: dict[Symbol, Any] = {}
    for body, given in zip(of, split_sizes(of, sizes), strict=True):
        values.update(zip(body.symbols, given, strict=True))
    symbols = [symbol for body in made for symbol in body.symbols]
    return tuple(values.get(s, Dim.from_symbol(s)) for s in symbols)


class Plan:
    """A body as a list of calls; what follows from no input is computed once."""

    def __init__(self, body: Body, xp: Any, sizes: Mapping[Symbol, int]):
        self.xp = xp
        final = normalize(body.outputs, expanded)
        outputs = [final[node] for node in body.outputs]
        order = topological(outputs)
        slots = {node: slot for slot, node in enumerate(body.inputs)}
        moving = set(body.inputs)
        values: list[Any] = [None] * len(slots)
        self.calls: list[tuple[Callable[..., Any], tuple[int, ...], Any, int]] = []
        for node in order:
            if node in slots:
                continue
            slots[node] = len(values)
            values.append(None)
            attributes = {k: resolve(v, sizes) for k, v in node.attributes.items()}
            sources = tuple(slots[source] for source in node.inputs)
            call = (node.op.run, sources, attributes, slots[node])
            if node.op.name in IMPURE or any(n in moving for n in node.inputs):
                moving.add(node)
                self.calls.append(call)
            else:
                values[slots[node]] = self._call(call, values)
        self.values = values
        self.results = [slots[node] for node in outputs]
        self.count = len(body.inputs)

    def _call(self, call: Any, values: list[Any]) -> Any:
        run, sources, attributes, _ = call
        return run(self.xp, *(values[slot] for slot in sources), **attributes)

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """The outputs for arrays; they may share memory with the inputs."""
        values = [*arrays, *self.values[self.count :]]
        xp = self.xp
        for run, sources, attributes, slot in self.calls:
            values[slot] = run(xp, *[values[s] for s in sources], **attributes)
        return [values[slot] for slot in self.results]


class BodyTrace(Trace):
    """The trace of a body within another: it reads what that knows, changes nothing."""

    def __init__(self, name: str, outer: Trace | None, draws: bool):
        super().__init__(training=current_training())
        self.name, self.outer, self.drawing = name, outer, draws

    def read(self, variable: Any) -> Node:
        """The node of a variable as the outer trace has it."""
        return (
            super().read(variable) if self.outer is None else self.outer.read(variable)
        )

    def draw(self, generator: Any) -> int:
        """The number of a draw, which a branch counts with those outside."""
        if not self.drawing or self.outer is None:
            raise Fault(
                "T0204",
                f"the body of `{self.name}` draws random numbers, and each step would "
                "draw the same ones",
                help=["draw them before the loop and scan over them"],
            )
        return self.outer.draw(generator)


@dataclass(frozen=True)
class Traced:
    """Functions of the same operands as bodies; operands that they read besides."""

    bodies: tuple[Body, ...]
    structures: tuple[Any, ...]
    captured: tuple[Node, ...]


def trace_bodies(
    name: str,
    functions: Sequence[Callable[..., Any]],
    arguments: Any,
    types: Sequence[TensorType],
    draws: bool = False,
) -> Traced:
    """Run functions on symbols; `arguments` is the nest of leaves they take."""
    holes = tuple(input_node("x", type) for type in types)
    found: list[tuple[list[Node], Any]] = []
    asked: set[Node] = set(holes)
    for function in functions:
        given = tree.unflatten(arguments, iter(map(SymbolicTensor, holes)))
        with noting() as noted:
            found.append(_outputs(name, function, given, draws))
        asked |= noted
    outputs = [node for nodes, _ in found for node in nodes]
    captured = _captured(name, outputs, asked - set(holes), holes)
    more = tuple(input_node(n.name or "outer", n.tensor_type) for n in captured)
    replaced = dict(zip(captured, more, strict=True))
    closed = iter(substituted(outputs, replaced))
    bodies = tuple(
        body_of((*holes, *more), [next(closed) or node for node in nodes])
        for nodes, _ in found
    )
    return Traced(bodies, tuple(structure for _, structure in found), captured)


def _outputs(
    name: str, function: Callable[..., Any], given: Any, draws: bool
) -> tuple[list[Node], Any]:
    outer = current_trace()
    if outer is None:
        result = leaves_as_tensors(function(*given))
        leaves, structure = tree.flatten(result)
        return [leaf.as_node() for leaf in leaves], structure
    inner = BodyTrace(name, outer, draws)
    with tracing(inner):
        result = leaves_as_tensors(function(*given))
        leaves, structure = tree.flatten(result)
        nodes = [leaf.as_node() for leaf in leaves]
    if inner.updates or inner.losses:
        what = "assigns a variable" if inner.updates else "adds a loss"
        raise Fault(
            "T0204",
            f"the body of `{name}` {what}, which happens once a run, not once a step",
            help=["return the new value, and assign it after the loop"],
        )
    return nodes, structure


def _captured(
    name: str, outputs: Sequence[Node], asked: set[Node], holes: Sequence[Node]
) -> tuple[Node, ...]:
    """The nodes from outside, at which a body ends."""
    found: dict[Node, None] = {}
    seen: set[Node] = set(holes)
    stack = list(outputs)[::-1]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        inside = node.op.name in FREE or (node in asked and node.op.name not in LEAVES)
        if not inside:
            found[node] = None
        elif node.op.level == "layer":
            raise Fault(
                "T0501",
                f"the body of `{name}` calls `{node.name or 'a layer'}` where layers "
                "are put together",
                help=[f"call it, and `{name}`, inside of a layer or a function"],
            )
        else:
            stack.extend(reversed(node.inputs))
    return tuple(found)
