"""What a `train` block makes small and measures: its loss and its metrics.

Both see the model's inputs, the targets and the outputs by their names. What needs one
target and one output becomes what `compile` takes; else all of it is one formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..graph.diagnostics import Label, Span, TulleError
from ..graph.initializers import snake_case
from ..graph.network import Network
from ..graph.node import Node, topological
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.types import TensorType
from . import library
from . import syntax as s
from .calls import evaluated
from .checker import Checker
from .effects import to_one_number
from .expressions import Evaluator
from .measures import measure
from .reach import warn_of_lost
from .scope import Scope
from .values import Library, Poison, Static, Tensor, Tuple, Value, describe

OUTPUT = "output"  # what the model returns, in losses and metrics
LOSSES, METRICS = ("loss",), ("metric", "loss")


class Goals:
    """The loss and the metrics of one training."""

    def __init__(
        self,
        checker: Checker,
        model: Network,
        targets: Mapping[str, TensorType],
        places: Mapping[str, Span],
    ):
        self.checker, self.model = checker, model
        self.targets, self.places = targets, places
        self.names = output_names(model)
        self.loss: s.Expression | None = None
        self.metrics: list[tuple[str, s.Expression]] = []
        own = model.input_nodes
        self.own = Ends(own, self.target_nodes(), model.output_nodes)

    def target_nodes(self) -> tuple[Node, ...]:
        return tuple(
            input_node(name, type, self.places[name])
            for name, type in self.targets.items()
        )

    def fresh(self) -> Ends:
        """Inputs of a formula: for the model's inputs, the targets, the outputs."""
        source, result = (
            tuple(
                input_node(name, node.tensor_type, node.span)
                for name, node in zip(names, nodes, strict=True)
            )
            for names, nodes in (
                (self.model.input_names, self.model.input_nodes),
                (self.names, self.model.output_nodes),
            )
        )
        return Ends(source, self.target_nodes(), result)

    def scope(self, ends: Ends) -> Scope:
        """The names that a loss may use, for these nodes."""
        scopes, module = self.checker.scopes, self.checker.module
        scope = Scope(scopes.get(self.model.name, module))
        outputs = [Tensor(node) for node in ends.outputs]
        scope[OUTPUT] = outputs[0] if len(outputs) == 1 else Tuple(tuple(outputs))
        sources = (
            (self.model.input_names, ends.inputs),
            (self.names, ends.outputs),
            (self.targets, ends.targets),
        )
        for names, nodes in sources:
            for name, node in zip(names, nodes, strict=True):
                scope[name] = Tensor(node)
        return scope

    def evaluator(self, ends: Ends, kinds: tuple[str, ...]) -> Evaluator:
        return Evaluator(self.checker, self.scope(ends), kinds)

    # Checks, on the model's own nodes: messages tell what made them.

    def check_loss(self, expression: s.Expression) -> None:
        """Note a loss that is one floating-point number."""
        value = self.evaluator(self.own, LOSSES).evaluate(expression)
        if isinstance(value, Poison):
            return
        if not isinstance(value, Tensor):
            self.no_tensor("loss", value, expression)
            return
        if value.type.rank or not value.type.dtype.is_float:
            self.checker.error(
                "T0603",
                f"a loss is one floating-point number, and this is {value.type}",
                expression.span,
                help=to_one_number(value.type),
            )
            return
        self.loss = expression
        if not self.checker.faults:
            warn_of_lost(self.checker, self.model, value.node)

    def check_metrics(self, entries: tuple[s.Argument, ...]) -> None:
        """Note the metrics by name."""
        seen: dict[str, Span] = {}
        for entry in entries:
            assert entry.name is not None
            name = entry.name.text
            if name in seen:
                label = Label(seen[name], "the first one")
                message = f"the metric `{name}` stands twice"
                self.checker.error("T0604", message, entry.name.span, labels=(label,))
                continue
            seen[name] = entry.name.span
            value = self.evaluator(self.own, METRICS).evaluate(entry.value)
            if isinstance(value, Tensor) or is_measure(value):
                self.metrics.append((name, entry.value))
            elif not isinstance(value, Poison):
                self.no_tensor("metric", value, entry.value)

    def no_tensor(self, what: str, value: Value, expression: s.Expression) -> None:
        """Refuse a loss or metric that is no tensor, maybe one that is not applied."""
        help: tuple[str, ...] = ()
        kinds = LOSSES if what == "loss" else METRICS
        name = value.name if isinstance(value, Library) else None
        if isinstance(value, Static) and isinstance(value.value, str):
            name = self.meant(value.value, kinds)
        if name is not None and any(name in library.training(kind) for kind in kinds):
            target = next(iter(self.targets), "…")
            output = OUTPUT if len(self.names) == 1 else self.names[0]
            help = (f"apply it: `{name}({target}, {output})`",)
        elif isinstance(value, Tuple):
            help = (f"take one of them, for example `{self.names[0]}`",)
        message = f"a {what} is a tensor, not {describe(value)}"
        self.checker.error("T0501", message, expression.span, help=help)

    def meant(self, name: str, kinds: tuple[str, ...]) -> str | None:
        """The loss or metric that a string means to Python."""
        from ..training import metrics

        shaped = kinds == METRICS and name in metrics.BY_SHAPE
        if shaped and len(self.targets) == len(self.names) == 1:
            (target,), (output,) = self.targets.values(), self.model.output_types
            return snake_case(type(metrics.by_shape(name, target, output)).__name__)
        return library.alias(name, kinds)

    # What `compile` takes.

    def compiled(self) -> tuple[Any, list[Any]] | None:
        """The loss and the metrics, once all of them were checked."""
        loss = None if self.loss is None else self.found(self.loss, LOSSES)
        metrics = [(name, self.found(e, METRICS)) for name, e in self.metrics]
        single = len(self.targets) == len(self.names) == 1
        every = [found for _, found in metrics] + ([loss] if loss else [])
        self.check_targets_used(every)
        alone = single and all(found.of_one for found in every)
        built = []
        for (name, found), (_, place) in zip(metrics, self.metrics, strict=True):
            try:
                metric = found.as_metric() if alone else found.measured(name)
            except TulleError as error:
                self.checker.failed(error, place.span)
                return None
            built.append(_named(name, metric) if alone else metric)
        if alone:
            return loss and loss.as_loss(), built
        from ..training.joint import Joint

        network = None if loss is None else loss.network(loss.nodes)
        return Joint(network, [*self.targets.items()]), built

    def found(self, expression: s.Expression, kinds: tuple[str, ...]) -> Found:
        """An expression on nodes of its own."""
        ends = self.fresh()
        evaluator = self.evaluator(ends, kinds)
        value = evaluator.evaluate(expression)
        call = self.library_call(evaluator, expression)
        return Found(ends, value.node if isinstance(value, Tensor) else None, call)

    def library_call(
        self, evaluator: Evaluator, expression: s.Expression
    ) -> LibraryCall | None:
        """The loss or metric of the library that an expression calls, if it does."""
        match expression:
            case s.Group(_, inner):
                return self.library_call(evaluator, inner)
            case s.Application(_, s.Name() as name, (s.Call() as call,)):
                made = evaluator.name(name)
            case _:
                return None
        if not isinstance(made, Library) or made.kind not in METRICS:
            return None
        given = evaluated(evaluator, call)
        measured = measure(evaluator, made, given, expression.span)
        if measured is None:
            return None
        operands, settings = measured
        nodes = [g.value.node for g in operands if isinstance(g.value, Tensor)]
        return LibraryCall(made, tuple(nodes), settings)

    def check_targets_used(self, every: Sequence[Found]) -> None:
        """Refuse a target that neither the loss nor a metric looks at."""
        seen = {
            name
            for found in every
            for name, node in zip(self.targets, found.ends.targets, strict=True)
            if node in found.sources
        }
        for name in self.targets:
            if name not in seen:
                self.checker.error(
                    "T0605",
                    f"neither the loss nor a metric looks at the target `{name}`",
                    self.places[name],
                    help=("use it in the loss, or leave it out",),
                )


@dataclass(frozen=True)
class Ends:
    """The nodes that losses and metrics begin with."""

    inputs: tuple[Node, ...]
    targets: tuple[Node, ...]
    outputs: tuple[Node, ...]

    @property
    def all(self) -> list[Any]:
        return [SymbolicTensor(n) for n in (*self.inputs, *self.targets, *self.outputs)]


@dataclass(frozen=True)
class LibraryCall:
    """A loss or metric of the library, its two operands and its settings."""

    made: Library
    operands: tuple[Node, ...]
    settings: Mapping[str, Any]

    def build(self) -> Any:
        kind = library.training_class(self.made.kind, self.made.name)
        return kind(**self.settings)


@dataclass(frozen=True)
class Found:
    """A loss or metric as nodes; a metric with a state of its own has no node."""

    ends: Ends
    node: Node | None
    call: LibraryCall | None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What it is made of."""
        if self.node is not None:
            return (self.node,)
        return self.call.operands if self.call is not None else ()

    @property
    def sources(self) -> set[Node]:
        """The ends that it depends on."""
        return {node for node in topological(self.nodes) if node.op.name == "input"}

    @property
    def plain(self) -> bool:
        """Whether it is a call of the library on just the target and the output."""
        ends = (*self.ends.targets, *self.ends.outputs)
        return self.call is not None and self.call.operands == ends

    @property
    def of_one(self) -> bool:
        """Whether a target and an output are all that it takes."""
        inputs = self.sources.intersection(self.ends.inputs)
        return self.plain or (self.node is not None and not inputs)

    def formula(self) -> Any:
        from ..training.joint import Formula

        assert self.node is not None
        ends = [SymbolicTensor(n) for n in (*self.ends.targets, *self.ends.outputs)]
        return Formula(Network(ends, SymbolicTensor(self.node), name="formula"))

    def network(self, nodes: Sequence[Node]) -> Network:
        """Some nodes as a network of all inputs, targets and outputs."""
        outputs = [SymbolicTensor(node) for node in nodes]
        result = outputs[0] if len(outputs) == 1 else outputs
        return Network(self.ends.all, result, name="formula")

    def as_loss(self) -> Any:
        """A loss of one target and output."""
        return self.call.build() if self.plain and self.call else self.formula()

    def as_metric(self) -> Any:
        """A metric of one target and output."""
        from ..training.metrics import MeanMetricWrapper

        if self.plain and self.call:
            return self.call.build()
        return MeanMetricWrapper(self.formula())

    def measured(self, name: str) -> Any:
        """A metric of everything."""
        from ..training.joint import Measured
        from ..training.metrics import Mean

        if self.call is not None and self.call.made.kind == "metric":
            metric = _named(name, self.call.build())
            return Measured(metric, self.network(self.call.operands))
        return Measured(Mean(name), self.network(self.nodes))


def _named(name: str, metric: Any) -> Any:
    metric.name = name
    return metric


def output_names(model: Network) -> list[str]:
    """The names of a model's outputs where it gives them any."""
    structure = model.output_structure
    if isinstance(structure, dict):
        return list(structure)
    return [f"{OUTPUT}_{index}" for index in range(len(model.output_nodes))]


def is_measure(value: Value) -> bool:
    """Whether a value is a metric that keeps a state of its own."""
    from ..training.metrics import Metric

    return isinstance(value, Static) and isinstance(value.value, Metric)
