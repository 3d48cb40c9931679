"""A trace: what a Python function does with symbols, collected as nodes and effects."""

from __future__ import annotations

import contextvars
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .layer import Layer
    from .node import Node
    from .variable import SeedGenerator, Variable


class Trace:
    """The effects of one traced call: updates of variables and added losses.

    `training` is the mode; None leaves it to the layers' own default.
    """

    def __init__(
        self,
        training: bool | None = None,
        forgetful: bool = False,
        placing: bool = False,
        strict: bool = False,
    ):
        self.training = training
        # What looks at values is refused, and no Python step; in traces within it too.
        outer = _current.get()
        self.strict: bool = strict or (outer is not None and outer.strict)
        self.placing = placing  # nodes learn the user's lines that made them
        self.forgetful = forgetful  # a layer called anew forgets its losses, as eagerly
        self.updates: dict[Variable, Node] = {}
        self.losses: list[Node] = []
        self.owners: list[Layer] = []  # of the losses
        self.draws: dict[SeedGenerator, int] = {}

    def read(self, variable: Variable) -> Node:
        """The node of a variable: its newest value in this trace."""
        return self.updates.get(variable, variable.node)

    def add_loss(self, loss: Node, owner: Layer) -> None:
        """A loss that a layer adds."""
        self.losses.append(loss)
        self.owners.append(owner)

    def losses_of(self, layers: Collection[Layer]) -> list[Node]:
        """The losses that some layers added."""
        pairs = zip(self.losses, self.owners, strict=True)
        return [loss for loss, owner in pairs if owner in layers]

    def forget_losses(self, layers: Collection[Layer]) -> None:
        """Drop the losses that some layers added."""
        pairs = list(zip(self.losses, self.owners, strict=True))
        kept = [(loss, owner) for loss, owner in pairs if owner not in layers]
        self.losses = [loss for loss, _ in kept]
        self.owners = [owner for _, owner in kept]

    def draw(self, generator: SeedGenerator) -> int:
        """The number of this draw from a generator within the trace."""
        index = self.draws.get(generator, 0)
        self.draws[generator] = index + 1
        return index


_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar(
    "trace", default=None
)


def current_trace() -> Trace | None:
    """The trace in force, or None when ops run eagerly."""
    return _current.get()


@contextmanager
def tracing(trace: Trace | None) -> Iterator[Trace | None]:
    """Collect into a trace; None switches tracing off, for eager work within one."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


@contextmanager
def building() -> Iterator[None]:
    """Let every op build a node, those without operands too: rules that write ops with
    ops give one graph, whether a trace is in force or not."""
    if current_trace() is not None:
        yield
        return
    with tracing(Trace()):
        yield


_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("inside", default=False)


def inside_layer() -> bool:
    """Whether a layer's call is under way, so that this one is not the outermost."""
    return _inside.get()


def enter_layer() -> contextvars.Token[bool]:
    """Mark that calls from here on, until `leave_layer`, come from within a layer."""
    return _inside.set(True)


def leave_layer(token: contextvars.Token[bool]) -> None:
    """Let calls be again what they were when a layer was entered."""
    _inside.reset(token)


@contextmanager
def entering_layer() -> Iterator[None]:
    """The same while the context lasts."""
    token = enter_layer()
    try:
        yield
    finally:
        leave_layer(token)


_mode: contextvars.ContextVar[bool | None] = contextvars.ContextVar(
    "training", default=None
)


def asked_training() -> bool | None:
    """The mode that a caller asked for, else the trace's; None if nobody says."""
    asked = _mode.get()
    if asked is not None:
        return asked
    trace = _current.get()
    return None if trace is None else trace.training


def current_training() -> bool:
    """The mode in force; inference if nobody says."""
    return bool(asked_training())


@contextmanager
def training_mode(training: bool | None) -> Iterator[None]:
    """Run layers in a mode that those inside inherit; None changes nothing."""
    if training is None:
        yield
        return
    token = _mode.set(bool(training))
    try:
        yield
    finally:
        _mode.reset(token)
