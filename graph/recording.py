"""Recording of eager ops: which tapes listen, and what they are told.

`Op.eager` calls `record`; `tape.GradientTape` is the recorder that users see.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from . import tree
from .diagnostics import caller_place, span_at
from .node import Node
from .registry import OPS
from .remembered import new_token, token_of
from .size_origins import note_origin
from .tensor import SymbolicTensor, Tensor, input_node

if TYPE_CHECKING:
    from .op import Op
    from .variable import Variable

_active: contextvars.ContextVar[tuple[Recorder, ...]] = contextvars.ContextVar(
    "tapes", default=()
)


def recording() -> bool:
    """Whether a tape listens."""
    tapes = _active.get()
    return bool(tapes) and any(not tape.paused for tape in tapes)


class Mark:
    """What stands for a value on tapes: an op on marks, or a value that was there.

    It becomes a node when somebody asks for that. `token` is the same for all marks of
    one op, types and attributes, and None where these cannot be told apart.
    """

    __slots__ = ("op", "operands", "attributes", "token", "type", "name", "at", "_node")

    def __init__(self, type: Any, name: str = "value"):
        self.op: Op | None = None
        self.operands: tuple[Mark, ...] = ()
        self.attributes: Mapping[str, Any] = {}
        self.token: int | None = None
        self.type, self.name = type, name
        self.at: Any = None  # where a user wrote the op
        self._node: Node | None = None

    @classmethod
    def of_op(
        cls,
        op: Op,
        operands: tuple[Mark, ...],
        attributes: Mapping[str, Any],
        token: int | None,
        at: Any,
    ) -> Mark:
        """What stands for the result of an op, or for all of several."""
        made = cls(None)
        made.op, made.operands, made.attributes = op, operands, attributes
        made.token, made.at = token, at
        return made

    @property
    def node(self) -> Node:
        """The node of the value, and those of all that it was made of."""
        stack = [self]
        while stack:
            mark = stack[-1]
            missing = [source for source in mark.operands if source._node is None]
            if mark._node is None and missing:
                stack += missing
                continue
            stack.pop()
            if mark._node is None:
                mark._node = mark._made([source.node for source in mark.operands])
        assert self._node is not None
        return self._node

    def _made(self, operands: Sequence[Node]) -> Node:
        node = self.over(operands)
        if self.at is not None:
            note_origin(node, span_at(self.at))
        return node

    def over(self, operands: Sequence[Node]) -> Node:
        """The same op on other nodes; for a value that was there, a hole for it."""
        if self.op is None:
            return input_node(self.name, self.type)
        return self.op.apply(tuple(operands), self.attributes)


def record(
    op: Op,
    operands: Sequence[Any],
    attributes: dict[str, Any],
    result: Any,
    token: int | None = None,
) -> None:
    """Tell the tapes that an op ran on values, and what came out."""
    marks, tapes = _marked(operands)
    if not tapes:
        return
    if token is None:
        token = token_of(op, operands, attributes)
    mark = _mark_of_result(op, operands, marks, tapes, attributes, token)
    if not isinstance(result, tuple):
        result.mark = mark
        for tape in tapes:
            tape.keep(mark, result)
        return
    for tape in tapes:
        tape.keep(mark, None)
    _keep_items(mark, result, tapes)


def record_call(
    op: Op,
    operands: Sequence[Any],
    attributes: dict[str, Any],
    token: int,
    results: int,
    run: Callable[[Sequence[Any]], Sequence[Any]],
) -> Sequence[Any] | None:
    """Run on the arrays of operands what is one op to the tapes; None if none listens.

    The first `results` of what it gives are for the caller, the others are what a
    gradient reads.
    """
    marks, tapes = _marked(operands)
    if not tapes:
        return None
    values, pairs = tapes[0].values, zip(operands, marks, strict=True)
    seen = [o if isinstance(o, Tensor) else values[mark] for o, mark in pairs]
    outputs = tuple(run([value.array for value in seen]))
    mark = _mark_of_result(op, operands, marks, tapes, attributes, token)
    for tape in tapes:
        tape.keep(mark, None)
        tape.parts[mark] = outputs
    # What a gradient reads is differentiated in turn only where another tape listens.
    _keep_items(mark, outputs if len(tapes) > 1 else outputs[:results], tapes)
    return outputs


def _marked(operands: Sequence[Any]) -> tuple[tuple[Mark, ...], list[Recorder]]:
    """What stands for operands on tapes, and the tapes that follow one of them."""
    tapes = [tape for tape in _active.get() if not tape.paused]
    marks = []
    for operand in operands:
        mark = operand.mark if operand.__class__ is Tensor else None
        marks.append(_mark_of(operand, tapes) if mark is None else mark)
    return tuple(marks), [t for t in tapes if not t.followed.isdisjoint(marks)]


def _mark_of_result(
    op: Op,
    operands: Sequence[Any],
    marks: Sequence[Mark],
    tapes: Sequence[Recorder],
    attributes: dict[str, Any],
    token: int | None,
) -> Mark:
    """What stands for the result of an op, once the tapes know its operands."""
    noted = []
    for operand, mark in zip(operands, marks, strict=True):
        if isinstance(operand, Tensor):
            if mark.op is not None and not _is_followed(mark, tapes):
                # What an earlier tape followed is a value like any other here, with a
                # mark of its own, so that this op does not keep alive what led there.
                mark = Mark(operand.type)
            for tape in tapes:
                tape.values.setdefault(mark, operand)
        noted.append(mark)
    return Mark.of_op(op, tuple(noted), attributes, token, caller_place())


def _keep_items(mark: Mark, results: Sequence[Any], tapes: Sequence[Recorder]) -> None:
    """Let tapes know each of several results."""
    item = OPS["item"]
    for index, output in enumerate(results):
        part = Mark.of_op(item, (mark,), {"index": index}, _item_token(index), None)
        output.mark = part
        for tape in tapes:
            tape.keep(part, output)


@cache
def _item_token(index: int) -> int:
    """What stands for taking one of several results."""
    return new_token()


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
        reads = tape.noted.setdefault(variable, [])
        if node not in reads:
            reads.append(node)
    return node


def _mark_of(operand: Any, tapes: Sequence[Recorder]) -> Mark:
    """What stands for a value, made when a tape first meets it."""
    if isinstance(operand, Tensor):
        mark: Mark | None = operand.mark
        if mark is None:
            mark = operand.mark = Mark(operand.type)
        return mark
    known = next((t.current[operand] for t in tapes if operand in t.current), None)
    mark = Mark(operand.type, operand.name) if known is None else known
    for tape in tapes:
        tape.read(operand, mark)
    return mark


def _is_followed(mark: Mark, tapes: Sequence[Recorder]) -> bool:
    """Whether one of the tapes follows what a mark stands for."""
    return True in [mark in tape.followed for tape in tapes]


def items_of(node: Node) -> list[Node]:
    """The results of an op with several, one by one."""
    item, count = OPS["item"], len(node.type.items)  # type: ignore[union-attr]
    return [item.apply((node,), {"index": index}) for index in range(count)]


@contextmanager
def unseen() -> Iterator[None]:
    """Trace without the tapes in force, but as if one listened.

    What is assigned within the trace then passes no gradient on.
    """
    token = _active.set((Recorder(),))
    try:
        yield
    finally:
        _active.reset(token)


class Recorder:
    """What one tape knows: values by what stands for them, and which it follows."""

    def __init__(self, watch_accessed_variables: bool = True):
        self.watch_accessed_variables = watch_accessed_variables
        self.reset()

    def reset(self) -> None:
        """Forget everything recorded."""
        self.followed: set[Mark] = set()
        self.values: dict[Mark, Any] = {}
        self.made: list[Mark] = []  # by ops, in their order
        self.parts: dict[Mark, tuple[Any, ...]] = {}  # all that a call gave
        self.current: dict[Variable, Mark] = {}
        self.reads: dict[Variable, list[Mark]] = {}
        self.noted: dict[Variable, list[Node]] = {}  # reads within a trace
        self.paused = False

    @property
    def known(self) -> dict[Node, Any]:
        """The values by their nodes."""
        found = {mark.node: value for mark, value in self.values.items()}
        for mark, parts in self.parts.items():
            found.update(zip(items_of(mark.node), parts, strict=True))
        return found

    def __enter__(self) -> Recorder:
        self.current.clear()  # variables may have been assigned meanwhile
        _active.set((*_active.get(), self))
        return self

    def __exit__(self, *details: object) -> None:
        _active.set(tuple(tape for tape in _active.get() if tape is not self))

    def watch(self, tensor: Any) -> None:
        """Follow a tensor, or each tensor in a nest."""
        for leaf in tree.flatten(tensor)[0]:
            if not isinstance(leaf, SymbolicTensor):
                mark = _mark_of(leaf, [self])
                self.followed.add(mark)
                if isinstance(leaf, Tensor):
                    self.values.setdefault(mark, leaf)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The trainable variables read so far."""
        return tuple(v for v in {**self.reads, **self.noted} if v.trainable)

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
            self.current.clear()
            _active.set((*before, self))
        self.paused = False
        try:
            yield
        finally:
            _active.set(before)
            self.paused = paused

    def keep(self, mark: Mark, value: Any) -> None:
        """Remember the result of an op; None for that of several as a whole."""
        self.followed.add(mark)
        self.made.append(mark)
        if value is not None:
            self.values[mark] = value

    def read(self, variable: Variable, mark: Mark) -> None:
        """Note that a variable was read, and what stands for that."""
        if self.current.get(variable) is mark:
            return
        self.current[variable] = mark
        self.reads.setdefault(variable, []).append(mark)
        value = variable.snapshot()
        value.mark = mark
        self.values[mark] = value
        if variable.trainable and self.watch_accessed_variables:
            self.followed.add(mark)
