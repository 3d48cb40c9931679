"""Recording of eager ops: which tapes listen, and what they are told.

`Op.eager` calls `record`; `tape.GradientTape` is the recorder that users see.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import tree
from .births import place
from .diagnostics import caller_span
from .node import Node
from .registry import OPS
from .tensor import SymbolicTensor, Tensor, input_node
from .types import TupleType

if TYPE_CHECKING:
    from .op import Op
    from .variable import Variable

_active: contextvars.ContextVar[tuple[Recorder, ...]] = contextvars.ContextVar(
    "tapes", default=()
)


def recording() -> bool:
    """Whether a tape listens."""
    return any(not tape.paused for tape in _active.get())


def record(
    op: Op, operands: Sequence[Any], attributes: dict[str, Any], result: Any
) -> None:
    """Tell the tapes that an op ran on values, and what came out."""
    tapes = [tape for tape in _active.get() if not tape.paused]
    nodes = tuple(_node_of(operand, tapes) for operand in operands)
    listening = [tape for tape in tapes if tape.follows(nodes)]
    if not listening:
        return
    node = op.apply(nodes, attributes)
    place(node, caller_span())
    outputs = result if isinstance(result, tuple) else (result,)
    parts = [node]
    if isinstance(node.type, TupleType):
        item = OPS["item"]
        parts = [item.apply((node,), {"index": i}) for i in range(len(outputs))]
    for output, part in zip(outputs, parts, strict=True):
        output.node = part
    for tape in listening:
        tape.keep((node, *parts), (None, *outputs))


def forget(variable: Variable) -> None:
    """A variable was assigned: the next read is another value."""
    for tape in _active.get():
        tape.current.pop(variable, None)


def noted(variable: Variable, node: Node) -> Node:
    """The node as which a variable is read within a trace, once the tapes know it.

    After an assignment that is another source, as it is eagerly: what was assigned
    passes no gradient on to earlier reads.
    """
    tapes = [tape for tape in _active.get() if not tape.paused]
    if not tapes:
        return node
    if node is not variable.node:
        node = OPS["stop_gradient"].apply((node,), {})
    for tape in tapes:
        reads = tape.reads.setdefault(variable, [])
        if node not in reads:
            reads.append(node)
    return node


def _node_of(operand: Any, tapes: Sequence[Recorder]) -> Node:
    """The node that stands for a value, made when a tape first meets it."""
    if isinstance(operand, Tensor):
        if operand.node is None:
            operand.node = input_node("value", operand.type)
        for tape in tapes:
            tape.values.setdefault(operand.node, operand)
        return operand.node
    node = next((t.current[operand] for t in tapes if operand in t.current), None)
    if node is None:
        node = input_node(operand.name, operand.type)
    for tape in tapes:
        tape.read(operand, node)
    return node


class Recorder:
    """What one tape knows: values by node, and which nodes it follows."""

    def __init__(self, watch_accessed_variables: bool = True):
        self.watch_accessed_variables = watch_accessed_variables
        self.reset()

    def reset(self) -> None:
        """Forget everything recorded."""
        self.followed: set[Node] = set()
        self.values: dict[Node, Any] = {}
        self.current: dict[Variable, Node] = {}
        self.reads: dict[Variable, list[Node]] = {}
        self.paused = False

    def __enter__(self) -> Recorder:
        _active.set((*_active.get(), self))
        return self

    def __exit__(self, *details: object) -> None:
        _active.set(tuple(tape for tape in _active.get() if tape is not self))

    def watch(self, tensor: Any) -> None:
        """Follow a tensor, or each tensor in a nest."""
        for leaf in tree.flatten(tensor)[0]:
            if not isinstance(leaf, SymbolicTensor):
                self.followed.add(_node_of(leaf, [self]))

    def watched_variables(self) -> tuple[Variable, ...]:
        """The trainable variables read so far."""
        return tuple(v for v in self.reads if v.trainable)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Record nothing while the context lasts."""
        before, self.paused = self.paused, True
        try:
            yield
        finally:
            self.paused = before

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Record while the context lasts, whether within the tape's own or after."""
        before, paused = _active.get(), self.paused
        if self not in before:
            _active.set((*before, self))
        self.paused = False
        try:
            yield
        finally:
            _active.set(before)
            self.paused = paused

    def follows(self, nodes: Sequence[Node]) -> bool:
        """Whether a node comes from something watched."""
        return any(node in self.followed for node in nodes)

    def keep(self, nodes: Sequence[Node], values: Sequence[Any]) -> None:
        """Remember the nodes of an op and their values."""
        self.followed.update(nodes)
        pairs = zip(nodes, values, strict=True)
        self.values.update((n, v) for n, v in pairs if v is not None)

    def read(self, variable: Variable, node: Node) -> None:
        """Note that a variable was read, as a node."""
        if self.current.get(variable) is node:
            return
        self.current[variable] = node
        self.reads.setdefault(variable, []).append(node)
        value = variable.snapshot()
        value.node = node
        self.values[node] = value
        if variable.trainable and self.watch_accessed_variables:
            self.followed.add(node)
