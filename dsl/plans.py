"""`train` blocks: checked like the rest, then a plain description of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..graph.diagnostics import Label, Span
from ..graph.nearest import nearest
from ..graph.network import Network
from ..graph.types import TensorType
from . import declared, library, sparing
from . import syntax as s
from .arguments import replacement
from .checker import Checker
from .expressions import Evaluator
from .goals import OUTPUT, Goals, output_names
from .run_settings import SETTINGS
from .scope import listed
from .values import Library, Poison, Static, describe


@dataclass(frozen=True)
class TrainingPlan:
    """What a `train` block asks for, ready for `compile` and `fit`.

    `targets` has the types by name, `run` the settings as written.
    """

    model: Network
    loss: Any
    optimizer: Any
    metrics: Sequence[Any] = ()
    targets: Mapping[str, TensorType] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    frozen: tuple[int, int] | None = None

    @property
    def remark(self) -> str | None:
        """What `freeze` did, in words."""
        if self.frozen is None:
            return None
        count, total = self.frozen
        return f"froze {count} of {total} parameters"

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

    def y(self, arrays: Mapping[str, Any]) -> Any:
        """What `fit` and `evaluate` take as `y`, from the arrays of the targets.

        That is one array if each is told apart without a name.
        """
        named = {name: arrays[name] for name in self.targets}
        return next(iter(named.values())) if len(named) == 1 else named or None

    @property
    def fit_arguments(self) -> dict[str, Any]:
        """The arguments of `model.fit` besides the data."""
        return {
            argument: value
            for name, value in self.run.items()
            if (argument := SETTINGS[name].argument) is not None
        }


def plan(
    checker: Checker, item: s.TrainItem, model: Network, whole: bool = True
) -> TrainingPlan | None:
    """The training plan of a block; None if something in it is wrong.

    If the model is not `whole`, its ends are known and its parameters are not.
    """
    before = len(checker.faults)
    found = _Plan(checker, item, model, whole)
    found.check()
    if len(checker.faults) > before or not whole:
        return None
    made = found.made()
    return made if len(checker.faults) == before else None


class _Plan:
    """One `train` block under check."""

    def __init__(
        self, checker: Checker, item: s.TrainItem, model: Network, whole: bool
    ):
        self.checker, self.item, self.model, self.whole = checker, item, model, whole
        self.targets: dict[str, TensorType] = {}
        self.places: dict[str, Span] = {}
        self.sections: dict[type, Any] = {}
        self.optimizer: Any = None
        self.run: dict[str, Any] = {}
        self.frozen: tuple[int, int] | None = None

    def made(self) -> TrainingPlan | None:
        compiled = self.goals.compiled()
        if compiled is None:
            return None
        loss, metrics = compiled
        return TrainingPlan(
            self.model,
            loss,
            self.optimizer,
            metrics,
            self.targets,
            self.run,
            self.frozen,
        )

    def check(self) -> None:
        if self.check_targets():
            self.goals = Goals(self.checker, self.model, self.targets, self.places)
            self.check_sections()

    def check_targets(self) -> bool:
        """Whether the types of the targets are known, all of them."""
        scopes, module = self.checker.scopes, self.checker.module
        outer = Evaluator(self.checker, scopes.get(self.item.model.text, module))
        taken = {name: "an output of the model" for name in output_names(self.model)}
        taken |= {OUTPUT: "what the model returns"}
        taken |= {name: "an input of the model" for name in self.model.input_names}
        good = True
        for parameter in self.item.parameters.items:
            type = declared.tensor_type(outer, parameter.type)
            name = parameter.name
            if word := taken.get(name.text):
                message = f"`{name.text}` is {word} already"
                help = ("the parameters of `train` are targets; the rest is known",)
                self.checker.error("T0205", message, name.span, help=help)
            elif type is not None:
                self.targets[name.text] = type
                self.places[name.text] = name.span
                taken[name.text] = "a target"
            else:
                good = False
        return good and (bool(self.targets) or not self.item.parameters.items)

    def check_sections(self) -> None:
        # What is frozen is known before the loss is asked what it reaches.
        later = [x for x in self.item.sections if not isinstance(x, s.FreezeSection)]
        first = [x for x in self.item.sections if isinstance(x, s.FreezeSection)]
        for section in first + later:
            self.section(section)
        clip = self.sections.get(s.ClipSection)
        if clip is not None and self.optimizer is not None:
            self.optimizer = sparing.clipped(self.checker, clip, self.optimizer)
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
                self.goals.check_loss(value)
            case s.OptimizerSection(_, value):
                self.check_optimizer(value)
            case s.MetricsSection(_, entries):
                self.goals.check_metrics(entries)
            case s.FreezeSection() if self.whole:
                self.frozen = sparing.freeze(self.checker, section, self.model)
            case s.RunSection(_, entries):
                for entry in entries:
                    self.check_run(entry)

    def check_optimizer(self, expression: s.Expression) -> None:
        scope = self.checker.module
        kinds = ("optimizer", "schedule")
        value = Evaluator(self.checker, scope, kinds).evaluate(expression)
        from ..training.optimizers import Optimizer

        if isinstance(value, Static) and isinstance(value.value, Optimizer):
            self.optimizer = value.value
        elif not isinstance(value, Poison):
            message = (
                f"an optimizer with its settings belongs here, not {describe(value)}"
            )
            help, fix = "for example `adam(1e-3)`", None
            name = value.name if isinstance(value, Library) else ""
            if isinstance(value, Static) and isinstance(value.value, str):
                name = value.value.lower()
            if name in library.training("optimizer"):
                help, fix = (
                    f"write `{name}()`",
                    replacement(expression.span, f"{name}()"),
                )
            span = expression.span
            self.checker.error("T0604", message, span, help=(help,), fix=fix)

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
