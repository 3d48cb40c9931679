"""Functions staged: run once on symbols, so that an op can hold them.

`ops/staged.py` has the ops and their rules, `transforms.py` what users call. A staged
function does nothing while it is staged: `carry_out` assigns and adds afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import tree
from .diagnostics import Fault
from .differentiate import gradients_of
from .network import replay
from .node import Node, substituted, topological
from .tensor import SymbolicTensor, convert_to_tensor, input_node
from .trace import Trace, current_trace, current_training, entering_layer, tracing
from .types import TensorType

Types = tuple[TensorType, ...]


@dataclass
class Stage:
    """What a function did with symbols: its result, and the effects in its trace."""

    holes: tuple[Node, ...]
    result: Any
    trace: Trace

    @property
    def effects(self) -> list[Node]:
        """New values of variables, then added losses."""
        return [*self.trace.updates.values(), *self.trace.losses]


def stage(function: Callable[..., Any], structure: Any, types: Types) -> Stage:
    """Run a function on symbols of some types."""
    holes = tuple(input_node("x", type) for type in types)
    args, kwargs = tree.unflatten(structure, map(SymbolicTensor, holes))
    trace = Trace(training=current_training())
    with tracing(trace), entering_layer():
        return Stage(holes, function(*args, **kwargs), trace)


def carry_out(stage: Stage, values: Sequence[Any]) -> None:
    """Assign and add, here and now, what a staged function said: its effects."""
    variables, found = tuple(stage.trace.updates), iter(values)
    for variable, value in zip(variables, found, strict=False):
        variable.assign(value)
    trace = current_trace()
    for owner, value in zip(stage.trace.owners, values[len(variables) :], strict=True):
        if trace is not None:
            trace.add_loss(value.as_node(), owner)
        else:
            owner.hold_loss(value)


@dataclass
class Body:
    """A function of holes alone: arguments, then the variables and keys it reads."""

    stage: Stage
    structure: Any
    holes: tuple[Node, ...]
    outputs: tuple[Node, ...]  # results, then effects
    read: tuple[Node, ...]  # the variables and keys

    @cached_property
    def gradients(self) -> tuple[list[Node], list[Node | None]]:
        """Holes for the cotangents of the outputs, and what the other holes get."""
        seeds = [input_node("cotangent", node.tensor_type) for node in self.outputs]
        floats = [hole for hole in self.holes if hole.dtype.is_float]
        pairs = zip(self.outputs, seeds, strict=True)
        parts = gradients_of(_added(pairs), floats)
        found = dict(zip(floats, parts, strict=True))
        return seeds, [found.get(hole) for hole in self.holes]


def _added(pairs: Any) -> dict[Node, Node]:
    """Cotangents by output; one output may stand several times."""
    found: dict[Node, Node] = {}
    for output, seed in pairs:
        if output.dtype.is_float:
            found[output] = found[output] + seed if output in found else seed
    return found


class RematCall:
    """A call of a function that is computed again in the backward pass."""

    def __init__(self, function: Callable[..., Any], structure: Any, count: int):
        self.function, self.structure, self.count = function, structure, count
        self._bodies: dict[Types, Body] = {}

    def body(self, types: Sequence[TensorType]) -> Body:
        """The function for the types of its operands."""
        key = tuple(types[: self.count])
        if key not in self._bodies:
            self._bodies[key] = self._made(key)
        return self._bodies[key]

    def _made(self, types: Types) -> Body:
        found = stage(self.function, self.structure, types)
        leaves, structure = tree.flatten(found.result)
        with tracing(found.trace):
            results = [leaf.as_node() for leaf in leaves]
        nodes = [*results, *found.effects]
        order = topological(nodes)
        read = [n for n in order if n.op.name in ("variable", "random_key")]
        more = tuple(input_node(node.op.name, node.tensor_type) for node in read)
        outputs = substituted(nodes, dict(zip(read, more, strict=True)))
        plain = tuple(node for node in outputs if node is not None)
        return Body(found, structure, (*found.holes, *more), plain, tuple(read))

    def __repr__(self) -> str:
        return f"<{name_of(self.function)}>"


@dataclass
class Gradient:
    """What a gradient function made of cotangents, and the nodes it read besides."""

    seeds: list[Node]
    gradients: list[Node | None]
    captured: list[Node]


class CustomCall:
    """A call of a function that returns its value and a gradient function."""

    def __init__(
        self, function: Callable[..., Any], structure: Any, operands: Sequence[Any]
    ):
        self.function, self.structure = function, structure
        self.operands = tuple(operand.type for operand in operands)
        self._known: dict[Types, tuple[Stage, list[Node], Any, Gradient]] = {}

    def staged(
        self, types: Sequence[TensorType]
    ) -> tuple[Stage, list[Node], Any, Gradient]:
        """The stage, the results, their arrangement and the gradient."""
        key = tuple(types)
        if key not in self._known:
            found = stage(self.function, self.structure, key)
            value, rule = split_result(self.function, found.result)
            leaves, structure = tree.flatten(value)
            with tracing(found.trace):
                results = [convert_to_tensor(leaf).as_node() for leaf in leaves]
                rules = self._ruled(rule, results, key)
            self._known[key] = (found, results, structure, rules)
        return self._known[key]

    def gradient(self, types: Sequence[TensorType]) -> Gradient:
        """The gradient function's nodes for the types of the arguments."""
        return self.staged(types)[3]

    def run(self, args: Any, kwargs: Any) -> tuple[list[Any], Any]:
        """The function on values, for one that cannot be staged.

        What its gradient captured is then fixed.
        """
        value, rule = split_result(self.function, self.function(*args, **kwargs))
        leaves, structure = tree.flatten(value)
        holes = [input_node("x", leaf.type) for leaf in leaves]
        with tracing(Trace(training=current_training())):
            rules = self._ruled(rule, holes, self.operands)
        empty = Stage((), None, Trace())
        self._known[self.operands] = (empty, [], structure, rules)
        order = topological(rules.captured)
        captured = replay(order, rules.captured, {}, {})
        return [*leaves, *captured], structure

    def _ruled(self, rule: Any, results: Sequence[Node], types: Types) -> Gradient:
        seeds = [input_node("cotangent", node.tensor_type) for node in results]
        found = rule(*map(SymbolicTensor, seeds))
        parts = self._aligned(found, types)
        return Gradient(seeds, parts, _captured(parts, seeds))

    def _aligned(self, found: Any, types: Types) -> list[Node | None]:
        """One gradient for each tensor among the arguments."""
        parts = list(found) if isinstance(found, (list, tuple)) else [found]
        args, _ = self.structure
        counts = [tree.count_leaves(arg) for arg in args]
        if len(parts) != len(args):
            counts = [count for count in counts if count]
        if len(parts) != len(counts):
            raise self._fault(f"{len(parts)} gradients for {len(counts)} arguments")
        flat: list[Any] = []
        for part, count in zip(parts, counts, strict=True):
            several = (
                tree.flatten(part)[0] if count > 1 and part is not None else [part]
            )
            flat += several if part is not None else [None] * count
        flat = flat[: len(types)] + [None] * (len(types) - len(flat))
        return [self._checked(*pair) for pair in zip(flat, types, strict=True)]

    def _checked(self, part: Any, type: TensorType) -> Node | None:
        if part is None or not type.dtype.is_float:
            return None
        found = convert_to_tensor(part, type.dtype)
        if found.type.shape != type.shape:
            raise self._fault(f"{found.type} for an argument that is {type}")
        node: Node = found.as_node()
        return node

    def _fault(self, what: str) -> Fault:
        return Fault(
            "T0502",
            f"the gradient function of `{name_of(self.function)}` returned {what}",
            help=["return one gradient for each argument, of the argument's shape"],
        )

    def __repr__(self) -> str:
        return f"<{name_of(self.function)}>"


def split_result(function: Callable[..., Any], result: Any) -> tuple[Any, Any]:
    """The value and the gradient function that a function returned."""
    if isinstance(result, tuple) and len(result) == 2 and callable(result[1]):
        return result
    raise Fault(
        "T0502",
        f"`{name_of(function)}` is to return its value and a gradient function",
        help=["end it with `return value, gradient`"],
    )


def name_of(function: Any) -> str:
    """What a function or a layer is called."""
    return str(getattr(function, "__name__", None) or getattr(function, "name", "it"))


def _captured(parts: Sequence[Node | None], seeds: Sequence[Node]) -> list[Node]:
    """The nodes that gradients read and that follow from no cotangent."""
    wanted = [node for node in parts if node is not None]
    moving = set(seeds)
    found: dict[Node, None] = {}
    for node in topological(wanted):
        if any(source in moving for source in node.inputs):
            moving.add(node)
            found.update(dict.fromkeys(s for s in node.inputs if s not in moving))
    found.update(dict.fromkeys(node for node in wanted if node not in moving))
    leaves = ("input", "variable", "random_key")
    return [node for node in found if node.inputs or node.op.name in leaves]


def play(found: Stage, nodes: Sequence[Node], operands: Sequence[Any]) -> list[Any]:
    """Nodes of a stage computed on operands, values or symbols, with its effects."""
    wanted = [*nodes, *found.effects]
    values: dict[Node, Any] = dict(zip(found.holes, operands, strict=True))
    results = replay(topological(wanted), wanted, values, {})
    carry_out(found, results[len(nodes) :])
    pairs = zip(nodes, results, strict=False)
    return [
        result if variable_of(node) is None else variable_of(node)
        for node, result in pairs
    ]


def variable_of(node: Node) -> Any:
    """The variable whose node this is, through which gradients go on."""
    return node.attributes["variable"] if node.op.name == "variable" else None
