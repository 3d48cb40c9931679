"""`train` blocks: checked like the rest, then a plain description of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..graph.diagnostics import Label, Span
from ..graph.network import Network
from ..graph.node import Node
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.types import TensorType
from . import declared, library
from . import syntax as s
from .arguments import Given, replacement
from .checker import Checker
from .expressions import Evaluator
from .measures import measure
from .reach import warn_of_lost
from .scope import Scope, listed, nearest
from .values import Library, Poison, Static, Tensor, Value, describe


@dataclass(frozen=True)
class Setting:
    """An entry of `run`: its kind, its bounds, its name in `fit`."""

    kind: str
    words: str
    argument: str | None
    least: float = 0
    below: float = 2**63

    def admits(self, value: Any) -> bool:
        """Whether a value is of the kind and within the bounds."""
        fits = isinstance(value, (int, float)) and declared.fits(self.kind, value)
        return fits and self.least <= value < self.below


COUNT = "a whole number from 1 on"
SETTINGS: Mapping[str, Setting] = {
    "batch": Setting("int", COUNT, "batch_size", 1),
    "epochs": Setting("int", COUNT, "epochs", 1),
    "seed": Setting("int", "a whole number from 0 on", None),
    "shuffle": Setting("bool", "`true` or `false`", "shuffle"),
    "validation_split": Setting(
        "f32", "a number from 0 to below 1", "validation_split", 0, 1
    ),
}


@dataclass(frozen=True)
class TrainingPlan:
    """What a `train` block asks for, ready for `compile` and `fit`.

    `targets` has the types by name, `run` the settings as written.
    """

    model: Network
    loss: Any
    optimizer: Any
    metrics: tuple[Any, ...] = ()
    targets: Mapping[str, TensorType] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int | None:
        """The seed of everything random, if the block sets one."""
        return self.run.get("seed")

    @property
    def compile_arguments(self) -> dict[str, Any]:
        """The arguments of `model.compile`."""
        return {
            "optimizer": self.optimizer,
            "loss": self.loss,
            "metrics": list(self.metrics),
        }

    @property
    def fit_arguments(self) -> dict[str, Any]:
        """The arguments of `model.fit` besides the data."""
        return {
            argument: value
            for name, value in self.run.items()
            if (argument := SETTINGS[name].argument) is not None
        }


def plan(checker: Checker, item: s.TrainItem, model: Network) -> TrainingPlan | None:
    """The training plan of a block; None if something in it is wrong."""
    before = len(checker.faults)
    found = _Plan(checker, item, model)
    found.check()
    return found.made() if len(checker.faults) == before else None


class _Plan:
    """One `train` block under check."""

    def __init__(self, checker: Checker, item: s.TrainItem, model: Network):
        self.checker, self.item, self.model = checker, item, model
        self.targets: dict[str, TensorType] = {}
        self.places: dict[str, Span] = {}
        self.sections: dict[type, Any] = {}
        self.loss: Any = None
        self.optimizer: Any = None
        self.metrics: list[Any] = []
        self.run: dict[str, Any] = {}

    def made(self) -> TrainingPlan:
        return TrainingPlan(
            self.model,
            self.loss,
            self.optimizer,
            tuple(self.metrics),
            self.targets,
            self.run,
        )

    def check(self) -> None:
        if not self.check_targets():
            return
        outputs, targets = len(self.model.output_nodes), len(self.targets)
        if outputs == targets == 1:
            self.check_sections()
            return
        counts = ((outputs, "output"), (targets, "target"))
        there = " and ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in counts)
        self.checker.error(
            "T0605",
            f"`{self.item.model.text}` is trained with {there}",
            self.item.parameters.span,
            notes=("this version trains models with one output and one target",),
        )

    def check_targets(self) -> bool:
        """Whether the targets are known, at least one of them."""
        outer = Evaluator(self.checker, self.checker.module)
        for parameter in self.item.parameters.items:
            type = declared.tensor_type(outer, parameter.type)
            name = parameter.name
            if name.text in self.targets or name.text in self.model.input_names:
                message = f"`{name.text}` is an input or a target already"
                self.checker.error("T0205", message, name.span)
                if not self.targets:
                    return False
            elif type is not None:
                self.targets[name.text] = type
                self.places[name.text] = name.span
            else:
                return False
        return True

    def check_sections(self) -> None:
        for section in self.item.sections:
            self.section(section)
        for kind, word in ((s.LossSection, "loss"), (s.OptimizerSection, "optimizer")):
            if kind not in self.sections:
                message = f"the training of `{self.item.model.text}` has no `{word}`"
                self.checker.error("T0604", message, self.item.model.span)

    def section(self, section: s.Section) -> None:
        if type(section) in self.sections:
            label = Label(self.sections[type(section)].span, "the first one")
            word = section.span.source.line(section.span.line)
            word = word[section.span.column - 1 :].split()[0].rstrip("{")
            message = f"`{word}` stands twice"
            self.checker.error("T0604", message, section.span, labels=(label,))
            return
        self.sections[type(section)] = section
        match section:
            case s.LossSection(_, value):
                self.check_loss(value)
            case s.OptimizerSection(_, value):
                self.check_optimizer(value)
            case s.MetricsSection(_, entries):
                self.check_metrics(entries)
            case s.RunSection(_, entries):
                for entry in entries:
                    self.check_run(entry)

    # Losses and metrics see targets, `output`, and outputs by name.

    def scope(self, outputs: tuple[Node, ...], targets: tuple[Node, ...]) -> Scope:
        scope = Scope(self.checker.module)
        names = _output_names(self.model)
        for name, node in zip(names, outputs, strict=True):
            scope[name] = Tensor(node)
        if len(outputs) == 1:
            scope["output"] = Tensor(outputs[0])
        for name, node in zip(self.targets, targets, strict=True):
            scope[name] = Tensor(node)
        return scope

    def target_nodes(self) -> tuple[Node, ...]:
        return tuple(
            input_node(name, type, self.places[name])
            for name, type in self.targets.items()
        )

    def check_loss(self, expression: s.Expression) -> None:
        """The loss on the model's own outputs; then once more as a function."""
        targets = self.target_nodes()
        scope = self.scope(self.model.output_nodes, targets)
        value = Evaluator(self.checker, scope, ("loss",)).evaluate(expression)
        if isinstance(value, Poison):
            return
        if not isinstance(value, Tensor):
            message = f"a loss is a tensor, not {describe(value)}"
            self.checker.error("T0501", message, expression.span)
            return
        if value.type.rank or not value.type.dtype.is_float:
            self.checker.error(
                "T0603",
                f"a loss is one floating-point number, and this is {value.type}",
                expression.span,
                help=("`mean(…)` makes one number of many",),
            )
            return
        self.loss = value
        if not self.checker.faults:
            self.loss = self.as_function(expression, ("loss",))
            warn_of_lost(self.checker, self.model, value.node)

    def as_function(self, expression: s.Expression, kinds: tuple[str, ...]) -> Any:
        """A loss or metric of the library, or a function of target and output."""
        direct = self.direct(expression, kinds)
        if direct is not None:
            return direct
        outputs = tuple(
            input_node("output", node.tensor_type, node.span)
            for node in self.model.output_nodes
        )
        targets = self.target_nodes()
        evaluator = Evaluator(self.checker, self.scope(outputs, targets), kinds)
        value = evaluator.evaluate(expression)
        assert isinstance(value, Tensor)
        from ..training.decoding import Formula

        ends = [SymbolicTensor(node) for node in (*targets, *outputs)]
        return Formula(Network(ends, SymbolicTensor(value.node), name="formula"))

    def direct(self, expression: s.Expression, kinds: tuple[str, ...]) -> Any:
        """The library's own object for a plain call on target and output."""
        match expression:
            case s.Application(_, s.Name() as name, (s.Call(_, arguments),)):
                pass
            case _:
                return None
        plain = [a.value.text for a in arguments[:2] if isinstance(a.value, s.Name)]
        if plain != [*self.targets, "output"] or any(a.name for a in arguments[:2]):
            return None
        scope = self.scope(self.model.output_nodes, self.target_nodes())
        evaluator = Evaluator(self.checker, scope, kinds)
        made = evaluator.name(name)
        if not isinstance(made, Library) or made.kind not in kinds:
            return None
        given = [
            Given(a.name, evaluator.evaluate(a.value), a.value.span) for a in arguments
        ]
        found = measure(evaluator, made, given, expression.span)
        return found and library.training_class(made.kind, made.name)(**found[1])

    def check_optimizer(self, expression: s.Expression) -> None:
        scope = self.checker.module
        value = Evaluator(self.checker, scope, ("optimizer",)).evaluate(expression)
        from ..training.optimizers import Optimizer

        if isinstance(value, Static) and isinstance(value.value, Optimizer):
            self.optimizer = value.value
        elif not isinstance(value, Poison):
            message = (
                f"an optimizer with its settings belongs here, not {describe(value)}"
            )
            help = ("for example `adam(1e-3)`",)
            self.checker.error("T0604", message, expression.span, help=help)

    def check_metrics(self, entries: tuple[s.Argument, ...]) -> None:
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
            made = self.metric(entry.value)
            if made is not None:
                made.name = name
                self.metrics.append(made)

    def metric(self, expression: s.Expression) -> Any:
        """The metric object of an entry; None if something is wrong."""
        before = len(self.checker.faults)
        scope = self.scope(self.model.output_nodes, self.target_nodes())
        value: Value = Evaluator(self.checker, scope, ("metric", "loss")).evaluate(
            expression
        )
        if len(self.checker.faults) > before or isinstance(value, Poison):
            return None
        found = self.direct(expression, ("metric", "loss"))
        if found is not None:
            return found
        if isinstance(value, Tensor):
            from ..training.metrics import MeanMetricWrapper

            return MeanMetricWrapper(self.as_function(expression, ("metric", "loss")))
        message = f"a metric is a tensor, not {describe(value)}"
        self.checker.error("T0501", message, expression.span)
        return None

    def check_run(self, entry: s.Argument) -> None:
        assert entry.name is not None
        name, span = entry.name.text, entry.value.span
        setting = SETTINGS.get(name)
        if setting is None:
            near = nearest(name, SETTINGS)
            self.checker.error(
                "T0202",
                f"`run` has no setting `{name}`",
                entry.name.span,
                notes=(f"there are {listed(SETTINGS)}",),
                help=(f"did you mean `{near}`?",) if near else (),
                fix=replacement(entry.name.span, near) if near else None,
            )
            return
        if name in self.run:
            message = f"the setting `{name}` stands twice"
            self.checker.error("T0604", message, entry.name.span)
            return
        value = Evaluator(self.checker, self.checker.module).evaluate(entry.value)
        if isinstance(value, Poison):
            return
        plain = value.value if isinstance(value, Static) else None
        if not setting.admits(plain):
            message = f"`{name}` is {setting.words}, not {describe(value)}"
            self.checker.error("T0204", message, span)
            return
        self.run[name] = plain


def _output_names(model: Network) -> list[str]:
    """The names of a model's outputs where it gives them any."""
    structure = model.output_structure
    if isinstance(structure, dict):
        return list(structure)
    return [f"output_{index}" for index in range(len(model.output_nodes))]
