"""`Trainer`: what a model does with data: compile, fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from ..graph import tree
from ..graph.diagnostics import Fault
from ..graph.kinds import TRUTH
from ..graph.layer_metrics import Measuring
from ..graph.network import Network
from ..graph.selecting import Frozen, freeze
from ..graph.trace import current_trace
from ..graph.variable import new_seed
from . import fitting, optimizers
from .arguments import checked_choice, checked_count
from .arguments import refuse as refuse_argument
from .callbacks import CallbackList, History
from .configured import serialized, told_to_caller
from .data import refuse
from .definition import check_definition
from .objective import Compiled
from .progress import progress
from .snapshots import Snapshot, values_of
from .sources import FromArrays, packed, source_of
from .stepping import StepMethods, flattened, numbers
from .steps import Steps
from .streams import Course, feed_of, step_of
from .validating import split_off, validation_course


class Trainer(StepMethods):
    """The public side of training, which a model inherits."""

    stop_training = False
    history: History | None = None
    _compiled: Compiled | None = None
    _own_optimizer: Any = None  # what is set before `compile`
    _steps: Steps | None = None

    @told_to_caller
    def compile(
        self: Any,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train: optimizer, losses and metrics by name or as objects.

        With several outputs, losses, weights and metrics come as lists or as
        dictionaries by output name. `run_eagerly` runs op by op, without compiling.

        With `auto_scale_loss` the optimizer of a model whose dtype policy is
        `mixed_float16` becomes a `LossScaleOptimizer`.

        For callbacks `steps_per_execution` steps are one batch; figures are the same
        for any number. `jit_compile` is there so that programs for Keras run, and
        changes nothing: programs are compiled always.
        """
        checked_choice("jit_compile", jit_compile, (True, False, None, "auto"))
        scale = auto_scale_loss and self.dtype_policy.name == "mixed_float16"
        compiled = Compiled(
            optimizer, loss, loss_weights, metrics, weighted_metrics, run_eagerly, scale
        )
        if self.output_names:
            compiled.bind(self.output_names)
        check_definition(self, compiled)
        steps = checked_count("steps_per_execution", steps_per_execution)
        compiled.steps_per_execution = steps
        compiled.made_at_once = compiled.state_size()
        self._compiled, self._steps = compiled, None

    @told_to_caller
    def freeze(self: Any, *patterns: str) -> Frozen:
        """Keep weights that patterns fit from being trained; call it before `compile`.

        A pattern is a path or the beginning of one up to a `/`; `*` is anything. Raises
        T0607 for one that fits no weight.

        >>> from tulle import Input, Sequential
        >>> from tulle.layers import Dense
        >>> model = Sequential([Input((3,)), Dense(2, name="encoder"), Dense(1)])
        >>> model.freeze("encoder")
        froze 2 of 4 parameters
        """
        return freeze(self, patterns)

    @told_to_caller
    def fit(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int | Literal["saved"] = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for some epochs; gives the figures of each.

        `x` and `y` are arrays, lists, or dictionaries by input and output name; the
        last batch may be smaller than `batch_size` (32). Memory maps are read batch by
        batch. Or `x` gives batches `(x, y)` or `(x, y, sample_weight)`: a
        `data.Dataset`, a generator, an object with `__len__` and `__getitem__`, or
        anything that can be iterated, such as a `DataLoader` of PyTorch. An epoch is
        one pass over the data, or `steps_per_epoch` batches, where the next epoch goes
        on from there. `validation_data` is of the same kinds.

        `initial_epoch="saved"` goes on where the last `fit` of the model ended, or, of
        a `.tulle` file, where `fit` was when it was saved: in its epoch and batch, with
        its order of the data, its random numbers and its figures so far. Callbacks
        begin anew; `BackupAndRestore` keeps theirs too. Raises `DataError` T0703 for a
        model without such a place, T0704 for data that are cut otherwise.

        `verbose` is 0 for nothing, 1 or `auto` for a bar, 2 for one line an epoch.
        Raises `DataError` and `RunShapeError` for data that do not fit: of arrays
        before anything runs, of batches with the number of the batch. Warns once of a
        loss that is no finite number, and of data that end early, and goes on.
        """
        compiled = self.demand_optimizer()
        saved = None
        if isinstance(initial_epoch, str):
            saved, initial_epoch = self._saved_place(compiled, initial_epoch), 0
        seed = new_seed()  # first, so that what is built on the way cannot change it
        if validation_split and validation_data is None:
            x, y, sample_weight, validation_data = _divided(
                validation_split, x, y, sample_weight
            )
        source = source_of(x, y, sample_weight, batch_size)
        given = (x, y, sample_weight)
        feed = feed_of(self, "train", source, given, batch_size, class_weight)
        validation = validation_course(
            self,
            validation_data,
            validation_batch_size or feed.batch_size,
            _steps(validation_steps, "validation_steps"),
        )
        random = np.random.Generator(np.random.Philox(seed)) if shuffle else None
        return fitting.Training(
            self,
            Course(feed, _steps(steps_per_epoch, "steps_per_epoch"), random),
            epochs=checked_count("epochs", epochs, 0),
            verbose=verbose,
            callbacks=callbacks,
            validation=validation,
            initial_epoch=checked_count("initial_epoch", initial_epoch, 0),
            validation_freq=_frequency(validation_freq),
            saved=saved,
        ).run()

    def _saved_place(self: Any, compiled: Compiled, given: str) -> Snapshot:
        """The place to go on from, with the values of now."""
        place = compiled.position
        if given != "saved":
            raise Fault(
                "T0204",
                f"`initial_epoch` is a number, or 'saved', not {given!r}",
                argument="initial_epoch",
            )
        if not isinstance(place, dict):
            raise refuse(
                "T0703",
                f"`{self.name}` knows no place of a training to go on from",
                "a model knows one after `fit`, and from a `.tulle` file of such a "
                "model, while it is not compiled anew",
            )
        arrays = {n: np.array(a) for n, a in values_of(self)[1].items()}
        return Snapshot({**place, "over": False, "stop": False}, arrays)

    @told_to_caller
    def evaluate(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over all samples, or `steps` batches, in inference mode.

        The data are of the kinds that `fit` takes.
        """
        self.demand_compiled()
        course = self._course("test", x, y, sample_weight, batch_size, steps)
        listeners = CallbackList(callbacks, model=self, steps=course.steps)
        display = progress(verbose, self.name)
        listeners.on_test_begin()
        hooks = listeners.around("test", course.feed.step.figures)
        try:
            results = fitting.measure(course, display, hooks)
        finally:
            course.close()
            display.close()
        listeners.on_test_end(results)
        return results if return_dict else self._listed(results)

    @told_to_caller
    def predict(
        self: Any,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all samples as NumPy arrays, in inference mode.

        The data are of the kinds that `fit` takes; targets among them are left out.
        """
        course = self._course("predict", x, None, None, batch_size, steps)
        listeners = CallbackList(callbacks, model=self, steps=course.steps)
        display = progress(verbose, self.name)
        listeners.on_predict_begin()
        try:
            outputs = fitting.predict(course, display, listeners)
        finally:
            course.close()
            display.close()
        listeners.on_predict_end({"outputs": outputs})
        return outputs

    def _course(
        self: Any, kind: str, x: Any, y: Any, weight: Any, size: Any, steps: Any
    ) -> Course:
        source = source_of(x, y, weight, size)
        feed = feed_of(self, kind, source, (x, y, weight), size)
        return Course(feed, _steps(steps, "steps"))

    @told_to_caller
    def train_on_batch(
        self: Any,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch; gives its figures."""
        self.demand_optimizer()
        batch = self._one("train", x, y, sample_weight, class_weight)
        return batch if return_dict else self._listed(batch)

    @told_to_caller
    def test_on_batch(
        self: Any,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics of one batch."""
        batch = self._one("test", x, y, sample_weight, None)
        return batch if return_dict else self._listed(batch)

    def _one(self: Any, kind: str, x: Any, y: Any, weight: Any, classes: Any) -> Any:
        self.demand_compiled()
        step = step_of(self, kind, classes)
        step.follow()
        _, program, arrays = step.ready(packed(x, y, weight))
        self._compiled.reset()
        for metric in self.steps.own_metrics():
            metric.reset_state()
        program(arrays)
        return step.figures()

    @told_to_caller
    def predict_on_batch(self: Any, x: Any) -> Any:
        """The outputs for one batch as NumPy arrays."""
        step = step_of(self, "predict")
        _, program, arrays = step.ready(packed(x, None, None))
        return step.results(program(arrays))

    def arranged(self: Any, outputs: Sequence[Any]) -> Any:
        """Outputs in the structure that the model gives them in."""
        if isinstance(self, Network):
            structure = self.output_structure
            return tree.unflatten(structure, iter(outputs))
        if self._output_structure is not None:
            return tree.unflatten(self._output_structure, iter(outputs))
        return outputs[0] if len(outputs) == 1 else list(outputs)

    def get_compile_config(self: Any) -> dict[str, Any] | None:
        """What `compile` was told, for JSON; None before."""
        told = self._compiled
        if told is None:
            return None
        names = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
        found = {name: serialized(getattr(told, name)) for name in names}
        return {
            **found,
            "run_eagerly": told.run_eagerly,
            "steps_per_execution": told.steps_per_execution,
        }

    @told_to_caller
    def compile_from_config(self: Any, config: dict[str, Any]) -> None:
        """Compile as `get_compile_config` told.

        >>> from tulle import Input, Sequential
        >>> from tulle.layers import Dense
        >>> model = Sequential([Input((3,)), Dense(1)])
        >>> model.compile_from_config({"optimizer": "adam", "loss": "mse"})
        >>> model.loss
        'mse'
        """
        if not isinstance(config, dict):
            refuse_argument("config", "what `get_compile_config` gave", config)
        self.compile(**config)

    @property
    def run_eagerly(self: Any) -> bool:
        """Whether steps run op by op, in Python; `compile` says so, or you here."""
        return bool(self._compiled and self._compiled.run_eagerly)

    @run_eagerly.setter
    @told_to_caller
    def run_eagerly(self: Any, value: bool) -> None:
        self.demand_compiled().run_eagerly = TRUTH.read("run_eagerly", value)
        self._steps = None

    @property
    def steps_per_execution(self: Any) -> int:
        """How many steps are one batch for callbacks; may be set."""
        return self._compiled.steps_per_execution if self._compiled else 1

    @steps_per_execution.setter
    @told_to_caller
    def steps_per_execution(self: Any, value: int) -> None:
        steps = checked_count("steps_per_execution", value)
        self.demand_compiled().steps_per_execution = steps

    @property
    def optimizer(self: Any) -> Any:
        """The optimizer, None before `compile`; another one may be set."""
        return self._compiled.optimizer if self._compiled else self._own_optimizer

    @optimizer.setter
    @told_to_caller
    def optimizer(self: Any, value: Any) -> None:
        if self._compiled is None:
            self._own_optimizer = optimizers.get(value)
        else:
            self._compiled.change_optimizer(value)
            self._steps = None

    @property
    def loss(self: Any) -> Any:
        """The loss as it was given to `compile`."""
        return self._compiled.loss if self._compiled else None

    @property
    def metrics(self: Any) -> list[Any]:
        """The loss tracker, the metrics of `compile`, and those of layers."""
        compiled = self._compiled
        return [*(compiled.all_metrics if compiled else []), *self.own_metrics()]

    def own_metrics(self: Any) -> list[Any]:
        """What the model and its layers measure themselves, each once."""
        known = self._compiled.all_metrics if self._compiled else []
        found = Measuring.metrics.fget(self)  # type: ignore[attr-defined]
        return [m for m in found if all(m is not other for other in known)]

    @property
    def metrics_variables(self: Any) -> list[Any]:
        """The variables of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    @property
    def metrics_names(self: Any) -> list[str]:
        """The names of `metrics`, in the order of what `evaluate` gives."""
        named = list(self._compiled.named_metrics) if self._compiled else []
        return self._in_order([*named, *(metric.name for metric in self.own_metrics())])

    def _in_order(self: Any, names: Iterable[str]) -> list[str]:
        """Figures as Keras lists them: metrics of several outputs sorted, and last."""
        compiled = self._compiled
        last: set[str] = set()
        if compiled is not None and len(compiled.goals) > 1:
            losses = (metric.name for metric in compiled.output_trackers.values())
            last = {*compiled.named_metrics} - {"loss", *losses}
        return sorted(
            names, key=lambda name: (name in last, name if name in last else "")
        )

    def _listed(self: Any, results: dict[str, Any]) -> Any:
        values = [results[name] for name in self._in_order(results)]
        return values[0] if len(values) == 1 else values

    def reset_metrics(self: Any) -> None:
        """Begin all figures anew."""
        known: list[Any] = [] if self._compiled is None else self._compiled.reset()
        for metric in self.steps.kept.now().measured:
            if all(metric is not other for other in known):
                metric.reset_state()

    def get_metrics_result(self: Any) -> dict[str, Any]:
        """The running figures by name: Python numbers, tensors within a traced step."""
        compiled = self.demand_compiled()
        if current_trace() is None:
            more = {m.name: m.result() for m in self.steps.own_metrics()}
            found: dict[str, Any] = compiled.results()
            return found | numbers(more) if more else found
        named = compiled.named_metrics | {m.name: m for m in self.own_metrics()}
        return flattened({name: metric.result() for name, metric in named.items()})


def _frequency(given: Any) -> Any:
    """`validation_freq`: every so many epochs, or those epochs; refuses the rest."""
    if isinstance(given, (list, tuple, range, set, frozenset, np.ndarray)):
        return {checked_count("validation_freq", int(epoch)) for epoch in given}
    return checked_count("validation_freq", given)


def _steps(given: Any, name: str) -> int | None:
    return None if given is None else checked_count(name, given)


def _divided(share: float, x: Any, y: Any, weight: Any) -> tuple[Any, Any, Any, Any]:
    """Training data and, as `validation_data`, the rest."""
    source = source_of(x)
    if source is not None and not isinstance(source, FromArrays):
        raise Fault(
            "T0204",
            f"`validation_split` cuts arrays, and {source.name} gives batches",
            argument="validation_split",
            help=["give `validation_data` of its own"],
        )
    train, rest = split_off(share, x, y, weight)
    return (*train, rest)
