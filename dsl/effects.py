"""`state`, `update` and `loss` in a body: what a call does besides computing.

All updates of a body see the values from before the call, whatever their order; they
hang on the result of the body, as does every added loss.
"""

from __future__ import annotations

from typing import Any

from ..graph.diagnostics import Label, Span, standing_at
from ..graph.modes import Effects
from ..graph.nearest import nearest
from ..graph.node import Node
from ..graph.tensor import SymbolicTensor, constant_node, held
from ..graph.types import TensorType
from ..graph.variable import Variable
from . import declared, parameters, statics
from . import syntax as s
from .expressions import Evaluator
from .operations import wrapped
from .scope import listed
from .values import POISON, Poison, Static, Tensor, Tuple, Value, describe


class Ledger:
    """The effects of one body."""

    def __init__(self, evaluator: Evaluator, item: Any):
        self.evaluator, self.item = evaluator, item
        self.checker = evaluator.checker
        self.states: dict[str, tuple[Variable, s.StateStatement]] = {}
        self.failed: set[str] = set()
        self.updates: dict[str, tuple[Node, s.Update]] = {}
        self.losses: list[Node] = []

    def state(self, statement: s.StateStatement) -> None:
        """Make a state, and its name known."""
        name = statement.name.text
        made = parameters.state(self.evaluator, self.item, statement)
        if made is None:
            self.failed.add(name)
            self.evaluator.scope[name] = POISON
            return
        self.states[name] = (made, statement)
        self.evaluator.scope[name] = wrapped(made.node, statement.name.span)

    def update(self, statement: s.Update) -> None:
        """Note the next value of a state."""
        name = statement.name.text
        value = self.evaluator.evaluate(statement.value)
        if name not in self.states:
            if name not in self.failed:
                self._no_state(statement.name)
            return
        if name in self.updates:
            label = Label(self.updates[name][1].span, "the first update")
            self.checker.error(
                "T0212",
                f"`{name}` is updated twice",
                statement.span,
                labels=(label,),
                help=("make one expression of both: all updates happen at once",),
            )
            return
        variable, declaration = self.states[name]
        wanted, place = variable.kept, statement.value.span
        match value:
            case Static(int() | float() as plain) if not wanted.rank and statics.fits(
                wanted.dtype.short, plain
            ):
                value = Tensor(constant_node(held(plain, wanted.dtype)))
            case Poison():
                return
        spot, what = declaration.type.span, f"the update of `{name}`"
        if not isinstance(value, Tensor):
            label = Label(spot, f"{wanted} is declared here")
            message = f"{what} is {describe(value)} and declared {wanted}"
            self.checker.error("T0309", message, place, labels=(label,))
            return
        if declared.conform(self.evaluator, wanted, value.type, place, spot, what):
            self.updates[name] = (value.node, statement)

    def _no_state(self, name: s.Name) -> None:
        found = self.evaluator.scope.get(name.text)
        if found is None:
            near = nearest(name.text, self.states)
            self.checker.error(
                "T0201",
                f"there is no state `{name.text}` in this body",
                name.span,
                notes=(f"there are {listed(self.states)}",) if self.states else (),
                help=(f"did you mean `{near}`?",)
                if near
                else (f"declare it: `state {name.text}: … = zeros()`",),
            )
            return
        if isinstance(found, Poison):
            return
        labels: tuple[Label, ...] = ()
        what, help = describe(found), "an update changes what `state` declares"
        if isinstance(found, Tensor) and found.node.op.name == "variable":
            what = "a parameter, which the optimizer changes"
            help = f"declare it `state {name.text}: …` if calls shall change it"
            if found.node.span is not None:
                labels = (Label(found.node.span, "declared as a parameter here"),)
        message = f"`{name.text}` is no state, it is {what}"
        self.checker.error("T0212", message, name.span, labels=labels, help=(help,))

    def loss(self, statement: s.LossStatement) -> None:
        """Note a loss that the body adds."""
        if isinstance(self.item, s.FunctionItem):
            self.checker.error(
                "T0210",
                "a function adds no loss",
                statement.span,
                help=("return it, and let a layer add it",),
            )
            return
        checker, span = self.checker, statement.value.span
        inner = Evaluator(checker, self.evaluator.scope, ("loss",))
        value = inner.evaluate(statement.value)
        if isinstance(value, Poison):
            return
        if not isinstance(value, Tensor):
            message = f"a loss is a tensor, not {describe(value)}"
            checker.error("T0501", message, span)
        elif value.type.rank or not value.type.dtype.is_float:
            checker.error(
                "T0603",
                f"a loss is one floating-point number, and this is {value.type}",
                span,
                help=to_one_number(value.type),
            )
        else:
            self.losses.append(value.node)

    def hung(self, value: Value, span: Span) -> Value:
        """The result of the body, carrying its effects."""
        results = value.items if isinstance(value, Tuple) else (value,)
        nodes = [item.node for item in results if isinstance(item, Tensor)]
        if len(nodes) != len(results) or not (self.updates or self.losses):
            return value
        ends = tuple(map(SymbolicTensor, nodes))
        targets = [SymbolicTensor(self.states[name][0].node) for name in self.updates]
        with standing_at(span):
            layer = Effects(tuple(self.updates), len(self.losses))
            layer.span = span
            found = layer(
                ends if isinstance(value, Tuple) else ends[0],
                tuple(targets),
                tuple(SymbolicTensor(node) for node, _ in self.updates.values()),
                tuple(map(SymbolicTensor, self.losses)),
            )
        return wrapped(found, span)


def to_one_number(type: TensorType) -> tuple[str, ...]:
    """How a tensor that is no loss would become one floating-point number."""
    many = "`mean(…)` or `sum(…)` makes one number of many"
    if type.dtype.is_float:
        return (many,)
    what = "false and true" if type.dtype.kind == "b" else "whole numbers"
    cast = f"`cast(…, f32)` makes fractions of {what}"
    return (cast, many) if type.rank else (cast,)
