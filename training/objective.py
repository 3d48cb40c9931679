"""What `compile` was told, and what it means for the outputs of a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.nearest import nearest_of
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.trace import Trace, tracing
from ..graph.types import TensorType
from . import losses, metrics, optimizers
from .data import counted
from .joint import Joint, Measured
from .loss import Loss
from .metric import Metric
from .optimizers_wrapping import LossScaleOptimizer


@dataclass
class OutputGoal:
    """What one output is trained for and measured by."""

    name: str
    loss: Loss | None
    weight: float = 1.0
    single: bool = True  # whether the model has no other output
    metrics: list[Any] = field(default_factory=list)
    weighted_metrics: list[Any] = field(default_factory=list)
    declared: TensorType | None = None  # the type of a target that has no output

    @property
    def needs_target(self) -> bool:
        measured = bool(self.metrics or self.weighted_metrics)
        return self.loss is not None or measured or self.declared is not None

    @property
    def takes_labels(self) -> bool:
        """Whether the target is class numbers."""
        kinds = [self.loss, *self.metrics, *self.weighted_metrics]
        return any("sparse" in type(kind).__name__.lower() for kind in kinds)

    @property
    def ignored_class(self) -> int | None:
        return getattr(self.loss, "ignore_class", None)


class Compiled:
    """The arguments of `compile`: optimizer, losses and metrics, as objects."""

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metrics: Any,
        weighted_metrics: Any,
        run_eagerly: bool,
        scale_loss: bool = False,
    ):
        self.scale_loss = scale_loss
        self.optimizer: Any = None
        self.change_optimizer(optimizer)
        self.loss, self.loss_weights = loss, loss_weights
        self.metrics, self.weighted_metrics = metrics, weighted_metrics
        self.run_eagerly = run_eagerly
        self.steps_per_execution = 1
        self.goals: list[OutputGoal] = []
        self.joint = loss if isinstance(loss, Joint) else None
        self.measured: list[Measured] = metrics if self.joint is not None else []
        # What metrics of a file have counted that are not made yet.
        self.pending_figures: dict[str, Any] = {}
        self.settled: tuple[Any, Any] | None = None  # the types that `settle` saw
        self.made_at_once = 0  # variables of metrics that no types had to be known for
        # Where `fit` is, or where the last one ended.
        self.position: Callable[[], dict[str, Any]] | dict[str, Any] | None = None
        self.tracker: Metric = _tracker("loss")
        self.output_trackers: dict[str, Metric] = {}

    def change_optimizer(self, optimizer: Any) -> None:
        """Train with this one from now on; `mixed_float16` has it scale the loss."""
        self.optimizer = optimizers.get(optimizer)
        if self.scale_loss and not isinstance(self.optimizer, LossScaleOptimizer):
            self.optimizer = LossScaleOptimizer(self.optimizer)
        self.pending: dict[str, Any] | None = None  # the state of it from a file

    def go_on(self, state: dict[str, Any], model: Any) -> None:
        """Give the optimizer the state of a file, once there is what it trains."""
        self.pending = state
        trained = tuple(model.trainable_weights)
        if trained:
            self.optimizer.rebuild(trained)
            self.take_pending(model)

    def take_pending(self, model: Any) -> None:
        """Give the optimizer, which has been built, the state that waits for it."""
        if self.pending is not None:
            self.optimizer.restore(self.pending, model.variable_names())
            self.pending = None

    def bind(self, names: Sequence[str]) -> None:
        """Hand each output its loss, weight and metrics."""
        if self.goals:
            return
        if self.joint is not None:
            targets, single = self.joint.targets, len(self.joint.targets) == 1
            self.goals = [
                OutputGoal(name, None, single=single, declared=type)
                for name, type in targets
            ]
            return
        chosen = _spread("loss", self.loss, names, share=True)
        weights = _spread("loss_weights", self.loss_weights, names)
        measured = _spread("metrics", self.metrics, names, nested=True)
        weighted = _spread(
            "weighted_metrics", self.weighted_metrics, names, nested=True
        )
        self.goals = [
            OutputGoal(
                name,
                losses.as_loss(chosen[name]),
                _weight(weights[name]),
                len(names) == 1,
                _metric_list(measured[name]),
                _metric_list(weighted[name]),
            )
            for name in names
        ]
        if len(names) > 1:
            lossy = {goal.name for goal in self.goals if goal.loss is not None}
            told = self.loss if isinstance(self.loss, Mapping) else names
            self.output_trackers = {
                name: _tracker(f"{name}_loss") for name in told if name in lossy
            }

    def state_size(self) -> int:
        """How many variables metrics have so far."""
        return sum(len(metric.variables) for metric in self.all_metrics)

    def likes(self, outputs: Sequence[TensorType]) -> Sequence[TensorType]:
        """The type that says what the target of each goal is."""
        if self.joint is None:
            return outputs
        return [type for _, type in self.joint.targets]

    def settle(
        self, targets: Sequence[TensorType | None], outputs: Sequence[TensorType]
    ) -> None:
        """Decide what `accuracy` and `crossentropy` mean."""
        self.settled = tuple(targets), tuple(outputs)
        outputs = self.likes(outputs)
        for goal, target, output in zip(self.goals, targets, outputs, strict=True):
            if target is None:
                continue
            for kinds in (goal.metrics, goal.weighted_metrics):
                for index, kind in enumerate(kinds):
                    if isinstance(kind, str):
                        kinds[index] = metrics.by_shape(kind, target, output)

    def measure_like(
        self,
        inputs: Sequence[TensorType],
        targets: Sequence[TensorType | None],
        outputs: Sequence[TensorType],
    ) -> None:
        """Let metrics make the state that they make for values of such types."""
        self.settle(targets, outputs)
        own = self.likes(outputs)
        with tracing(Trace(training=False)):
            ends = [list(map(_symbol, types)) for types in (targets, own)]
            for goal, target, output in zip(self.goals, *ends, strict=True):
                for metric in [*goal.metrics, *goal.weighted_metrics]:
                    if target is not None:
                        metric.update_state(target, output)
            every = [*inputs, *targets, *outputs] if self.measured else []
            operands = list(map(_symbol, every))
            for measured in self.measured:
                measured.update_state(operands)

    @property
    def named_metrics(self) -> dict[str, Metric]:
        """The loss, the losses of outputs, then the metrics, each under its own name.

        With several outputs a metric's name begins with that of its output.
        """
        found: dict[str, Metric] = {"loss": self.tracker}
        found.update((m.name, m) for m in self.output_trackers.values())
        for kind in ("metrics", "weighted_metrics"):
            for goal in self.goals:
                for metric in getattr(goal, kind):
                    if isinstance(metric, Metric):
                        found[self._free(goal, metric, kind, found)] = metric
        for measured in self.measured:
            alone = OutputGoal("", None)
            name = self._free(alone, measured.metric, "metrics", found)
            found[name] = measured.metric
        return found

    def _free(
        self, goal: OutputGoal, metric: Metric, kind: str, taken: Mapping[str, Any]
    ) -> str:
        prefix = "" if goal.single else f"{goal.name}_"
        base = name = prefix + metric.name
        if name in taken and kind == "weighted_metrics":
            base = name = f"{prefix}weighted_{metric.name}"
        number = 0
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        return name

    @property
    def all_metrics(self) -> list[Metric]:
        """All metrics, in the order of `named_metrics`."""
        return list(self.named_metrics.values())

    def results(self) -> dict[str, Any]:
        """All figures as Python numbers, each of a dictionary under its own name."""
        found: dict[str, Any] = {}
        for name, metric in self.named_metrics.items():
            figure = metric.reading()
            found.update(figure if isinstance(figure, dict) else {name: figure})
        return found

    def reset(self) -> list[Metric]:
        """Begin all figures anew; gives the metrics."""
        self.pending_figures = {}
        found = self.all_metrics
        for metric in found:
            metric.reset_state()
        return found


def _symbol(type: TensorType | None) -> Any:
    return None if type is None else SymbolicTensor(input_node("like", type))


def _tracker(name: str) -> Metric:
    return metrics.Mean(name=name)


def _weight(value: Any) -> float:
    if value is None:
        return 1.0
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not plain or not math.isfinite(value):
        wanted = "finite numbers" if plain else "numbers"
        fault = Fault(
            "T0204",
            f"`loss_weights` holds {wanted}, and this is {value!r}",
            argument="loss_weights",
            help=[] if plain else ["metrics go to `metrics=[…]`"],
        )
        raise TensorTypeError.of(fault, caller_span())
    return float(value)


def _metric_list(value: Any) -> list[Any]:
    given = value if isinstance(value, (list, tuple)) else [value]
    return [_metric(item) for item in given if item is not None]


def _metric(item: Any) -> Any:
    """A metric, called as it was asked for; a name that shapes decide stays one."""
    if isinstance(item, str) and metrics.ALIASES.get(item, item) in metrics.BY_SHAPE:
        return item
    found = metrics.get(item)
    if isinstance(item, str):
        found.name = item
    return found


def _spread(
    argument: str,
    value: Any,
    names: Sequence[str],
    share: bool = False,
    nested: bool = False,
) -> dict[str, Any]:
    """A value for each output: from a dictionary, a list, or the same for all."""
    if value is None:
        return dict.fromkeys(names)
    if isinstance(value, Mapping) and "class_name" not in value:
        _check_names(argument, value, names)
        return {name: value.get(name) for name in names}
    if isinstance(value, (list, tuple)):
        if nested and not any(isinstance(item, (list, tuple)) for item in value):
            if len(names) == 1:
                return {names[0]: value}
        if len(value) != len(names):
            raise _miscounted(argument, value, names)
        return dict(zip(names, value, strict=True))
    if share or len(names) == 1:
        return dict.fromkeys(names, value)
    raise _miscounted(argument, [value], names)


def _check_names(argument: str, value: Mapping[Any, Any], names: Sequence[str]) -> None:
    for key in value:
        if key not in names:
            near = nearest_of(str(key), names)
            fault = Fault(
                "T0201",
                f"`{argument}` names the output `{key}`, which the model has not",
                argument=argument,
                help=[
                    *([f"did you mean `{near[0]}`?"] if near else []),
                    f"its outputs are {', '.join(names)}",
                ],
            )
            raise TensorTypeError.of(fault, caller_span())


def _miscounted(
    argument: str, value: Sequence[Any], names: Sequence[str]
) -> TensorTypeError:
    count = len(value)
    entries = "1 entry" if count == 1 else f"{count} entries"
    fault = Fault(
        "T0204",
        f"`{argument}` gives {entries} for {counted(len(names), 'output')}",
        argument=argument,
        help=[f"name them: {{{', '.join(f'{name!r}: …' for name in names)}}}"],
    )
    return TensorTypeError.of(fault, caller_span())
