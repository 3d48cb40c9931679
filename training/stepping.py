"""Steps that a model writes itself: `train_step`, `test_step` and `predict_step`.

A step of the user's is traced once into one program, as `function` does; with
`run_eagerly` it runs in Python. The steps here are those that a model begins with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import tree
from ..graph.configuration import floatx
from ..graph.device import to_numpy
from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.dim import Dim
from ..graph.kinds import shown
from ..graph.layer import Layer
from ..graph.nested_tensors import lists_as_tensors
from ..graph.registry import call
from ..graph.tape import GradientTape
from ..graph.tensor import convert_to_tensor
from ..graph.types import F32, TensorType
from ..graph.variable import Variable
from . import data
from .class_weights import weights_of_classes
from .configured import told_to_caller
from .elements import as_leaf
from .metric import plain
from .objective import OutputGoal
from .operands import element_count
from .sources import unpacked
from .targets import targets_of, weights_of

if TYPE_CHECKING:
    from .model import Model

SCORING = ("compute_loss", "compute_metrics")


class StepMethods:
    """The steps of a model, for a subclass to override."""

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """One step of training on a batch; gives the figures by name.

        `data` is what the data give: `(x, y)`, `(x, y, sample_weight)`, or `x` alone.
        """
        x, y, sample_weight = unpacked(data)
        tape = GradientTape()
        with tape:
            y_pred = self(x, training=True)
            loss = self._loss_of(x, y, y_pred, sample_weight, True)
            scaled = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        self._track(loss, x)
        found: dict[str, Any] = self.compute_metrics(x, y, y_pred, sample_weight)
        return found

    def test_step(self: Any, data: Any) -> dict[str, Any]:
        """One step of an evaluation on a batch; gives the figures by name."""
        x, y, sample_weight = unpacked(data)
        y_pred = self(x, training=False)
        loss = self._loss_of(x, y, y_pred, sample_weight, False)
        self._track(loss, x)
        found: dict[str, Any] = self.compute_metrics(x, y, y_pred, sample_weight)
        return found

    def predict_step(self: Any, data: Any) -> Any:
        """The outputs for a batch."""
        return self(unpacked(data)[0], training=False)

    def _loss_of(
        self: Any, x: Any, y: Any, y_pred: Any, weight: Any, mode: bool
    ) -> Any:
        """What `compute_loss` gives; one of the user's may take no `training`."""
        known = inspect.signature(self.compute_loss).parameters.values()
        told = any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in known)
        more = {"training": mode} if told else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **more)

    def _track(self: Any, loss: Any, x: Any) -> None:
        first = convert_to_tensor(leaves(x)[0])
        self.demand_compiled().tracker.update_state(loss, element_count(first, (0,)))

    @told_to_caller
    def compute_loss(
        self: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The losses of `compile`, those that layers added, and regularization.

        Raises T0204 if there is nothing to make small.
        """
        compiled = self.demand_compiled()
        rows = self._aligned(y, y_pred, sample_weight)
        parts = []
        for goal, target, output, weight in rows:
            if goal.loss is None:
                continue
            loss = goal.loss(target, output, weight)
            tracker = compiled.output_trackers.get(goal.name)
            if tracker is not None:
                tracker.update_state(loss, element_count(output, (0,)))
            parts.append(loss if goal.weight == 1.0 else loss * goal.weight)
        parts += [call("sum", loss) if loss.type.rank else loss for loss in self.losses]
        if not parts:
            raise Fault(
                "T0204",
                "there is nothing to make small: no loss was given to `compile` and no "
                "layer adds one",
                help=["give one: `model.compile(optimizer, loss=…)`"],
            )
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    @told_to_caller
    def compute_metrics(
        self: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Take a batch into the metrics of `compile`; gives all figures by name."""
        for goal, target, output, weight in self._aligned(y, y_pred, sample_weight):
            if target is None:
                continue
            for metric in goal.metrics:
                metric.update_state(target, output)
            for metric in goal.weighted_metrics:
                metric.update_state(target, output, weight)
        found: dict[str, Any] = self.get_metrics_result()
        return found

    def _aligned(self: Any, y: Any, y_pred: Any, sample_weight: Any) -> list[Any]:
        """The goals, each with its target, output and weights as tensors."""
        outputs, structure = tree.flatten(lists_as_tensors(y_pred))
        compiled = self.demand_compiled()
        self.bind_outputs(structure, len(outputs))
        goals = compiled.goals
        if len(outputs) != len(goals):
            raise Fault(
                "T0204",
                "`y_pred` is what the model gives, "
                f"{data.counted(len(goals), 'output')}, not {shown(y_pred)}",
                argument="y_pred",
            )
        targets = list(map(_tensor, targets_of(goals, y)))
        types = [output.type for output in outputs]
        compiled.settle([t if t is None else t.type for t in targets], types)
        weights = weights_of(goals, types, sample_weight, None, [])
        return list(zip(goals, targets, outputs, map(_tensor, weights), strict=True))


def _by_name(metrics: Any) -> bool:
    """Whether what `compile` was told holds a metric by name."""
    if isinstance(metrics, Mapping):
        return any(map(_by_name, metrics.values()))
    if isinstance(metrics, (list, tuple)):
        return any(map(_by_name, metrics))
    return isinstance(metrics, str)


def _tensor(value: Any) -> Any:
    return None if value is None else convert_to_tensor(value)


def leaves(value: Any) -> list[Any]:
    """The arrays or tensors in a nest."""
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [] if value is None else [value]


def is_custom(model: Any, kind: str) -> bool:
    """Whether a model takes steps of a kind in its own way."""
    names = [f"{kind}_step", *(SCORING if kind != "predict" else ())]
    return any(
        getattr(type(model), name) is not getattr(StepMethods, name) for name in names
    )


class CustomStep:
    """Steps of one kind by the model's own method."""

    def __init__(self, model: Model, kind: str, class_weight: Any = None):
        self.model, self.kind, self.class_weight = model, kind, class_weight
        self.method = f"{kind}_step"
        self._logs: dict[str, Any] = {}
        self._settled = False

    def ready(self, element: Any) -> Any:
        """The number of samples in a batch, and the step with the batch."""
        if isinstance(element, list):
            element = tuple(element)
        if self.class_weight is not None:
            x, y, weight = unpacked(element)
            element = (x, y, self._weights(as_leaf(y), weight))
        batch = prepared(element)
        found = leaves(batch)
        if not found:
            raise data.refuse("T0701", "the batch holds no array")
        if not self._settled:
            self._settle(batch)
        return len(found[0]) if found[0].ndim else 1, self.run, batch

    def _weights(self, target: Any, given: Any) -> Any:
        if given is not None:
            raise Fault(
                "T0204",
                "`class_weight` is given beside weights of samples",
                argument="class_weight",
            )
        like = TensorType(F32, (Dim.of(len(target)),))
        return weights_of_classes(self.class_weight, target, like, OutputGoal("", None))

    def _settle(self, batch: Any) -> None:
        """Let metrics by name know what they measure, before the step asks for them."""
        self._settled = True
        model, compiled = self.model, self.model.compiled
        if self.kind == "predict" or compiled is None or type(model).call is Layer.call:
            return
        if not any(map(_by_name, (compiled.metrics, compiled.weighted_metrics))):
            return
        x, y, _ = unpacked(batch)
        outputs = model.output_types_for(model.input_types_for(leaves(x)))
        targets = targets_of(compiled.goals, y)
        types = [None if t is None else convert_to_tensor(t).type for t in targets]
        compiled.settle(types, outputs)

    def run(self, batch: Any) -> Any:
        """One step; a dictionary of figures, or the outputs of a prediction."""
        found = self.model.steps.own_step(self.kind)(batch)
        if self.kind == "predict":
            return found
        if not isinstance(found, Mapping):
            fault = Fault(
                "T0204",
                f"`{type(self.model).__name__}.{self.method}` gives {_told(found)}, "
                "and has to give a dictionary of figures by name",
                help=['end it with `return {"loss": loss}`'],
            )
            raise TensorTypeError.of(fault, caller_span())
        self._logs = dict(found)
        return found

    def get_state(self) -> dict[str, Any]:
        """What a step remembers besides the variables."""
        return {"logs": self.figures()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on as `get_state` told."""
        self._logs = dict(state["logs"])

    def begin(self) -> None:
        """A pass begins; weights may have been frozen since the last one."""
        self._logs = {}
        if self.kind != "predict":
            self.model.reset_metrics()
        self.follow()

    def follow(self) -> None:
        """Trace anew if weights were frozen or thawed since."""
        self.model.steps.follow_own(self.kind)

    def figures(self) -> dict[str, Any]:
        """What the last step gave, as Python numbers."""
        return numbers(self._logs)

    def outputs(self, found: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
        """The arrays of a prediction, and what arranges others likewise."""
        flat, structure = tree.flatten(found)
        return [to_numpy(x.array) for x in flat], lambda arrays: tree.unflatten(
            structure, iter(arrays)
        )

    def results(self, found: Any) -> Any:
        """The outputs of a prediction, in NumPy arrays that nobody else holds."""
        outputs, arrange = self.outputs(found)
        return arrange([array.copy() for array in outputs])


def numbers(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as Python numbers, those of a dictionary each under its own name."""
    return {name: _number(value) for name, value in flattened(logs).items()}


def _number(value: Any) -> Any:
    return plain(value.value if isinstance(value, Variable) else value)


def flattened(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Figures, those of a dictionary each under its own name."""
    found: dict[str, Any] = {}
    for name, value in logs.items():
        found.update(flattened(value) if isinstance(value, Mapping) else {name: value})
    return found


def _told(value: Any) -> str:
    """What a step gave, in words."""
    return "nothing" if value is None else f"a {type(value).__name__}"


def prepared(element: Any) -> Any:
    """A batch as arrays: floats of 64 bits become the usual ones."""
    if isinstance(element, Mapping):
        return {key: prepared(item) for key, item in element.items()}
    if isinstance(element, (list, tuple)):
        return type(element)(map(prepared, element))
    if element is None:
        return None
    array = data.as_array("data", as_leaf(element))
    data.check_finite("data", array)
    return array.astype(floatx()) if array.dtype == np.float64 else array
