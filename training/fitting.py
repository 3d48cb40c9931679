"""The loops: over epochs and batches, for training, testing and predicting.

A batch costs one call of a compiled program. Figures are read at the end of an epoch,
when the display is refreshed, and where a callback asks for every batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.device import to_numpy
from ..graph.diagnostics import DataError, Fault, TulleError
from . import data
from .callbacks import CallbackList, History
from .callbacks_logging import ProgbarLogger
from .hooks import BatchHooks
from .interrupts import NAMES, follow, held_back
from .notices import warn
from .progress import Progress, check_verbose, progress
from .snapshots import (
    Place,
    Snapshot,
    assign_values,
    drawn_of,
    lacking,
    rates_of,
    refuse,
    refuse_other_data,
    tell_rates,
    told_place,
    values_of,
)
from .streams import Course

if TYPE_CHECKING:
    from .model import Model


SAVED = "initial_epoch='saved'"


class Training:
    """One call of `fit`: where it is, and how it goes on."""

    def __init__(
        self,
        model: Model,
        course: Course,
        *,
        epochs: int,
        verbose: Any,
        callbacks: Any,
        validation: Course | None,
        initial_epoch: int,
        validation_freq: int | Sequence[int],
        saved: Snapshot | None = None,
    ):
        check_verbose(verbose)
        self.model, self.course, self.validation = model, course, validation
        self.epochs, self.frequency = epochs, validation_freq
        self.epoch, self.first_epoch = initial_epoch, initial_epoch
        self.step = self.done = 0  # steps and samples over in the epoch
        self.logs: dict[str, Any] | None = None  # its figures, once its steps are over
        self.history = History()
        self.listeners = CallbackList(
            [callbacks, self.history],
            model=model,
            epochs=epochs,
            steps=course.steps,
            batch_size=course.feed.batch_size,
            verbose=verbose,
        )
        self.listeners.set_training(self)
        shown = not self.listeners.has(ProgbarLogger)
        self.display = progress(verbose if shown else 0, model.name)
        self._validated: dict[str, Any] | None = None  # where the validation data were
        self._saved = saved  # where to go on, unless a callback knows
        self._resumed: tuple[Snapshot, Place] | None = None
        self._caught: list[int] = []  # signals
        self._rates = rates_of(model)  # that the training began with
        self._over = self._told = False

    def run(self) -> History:
        """All epochs; gives their figures."""
        compiled = self.model.demand_compiled()
        compiled.position = self.position
        try:
            self._run()
        except BaseException:
            compiled.position = None  # nobody knows how far the last step came
            raise
        finally:
            self.course.close()
            self.display.close()
            self.listeners.release()
            self.listeners.set_training(None)
        return self.history

    def _run(self) -> None:
        model, listeners = self.model, self.listeners
        self.course.skip(self.first_epoch)
        model.stop_training = False
        with held_back(bool(self._savers())) as self._caught:
            listeners.on_train_begin()
            if self._saved is not None and self._resumed is None:
                self.restore(self._saved, SAVED)
            while self.epoch < self.epochs and not self._over:
                if not self._one_epoch():
                    break
            self._check_signals()
        compiled = model.compiled
        if compiled is not None and not any(c.averaged for c in listeners.callbacks):
            compiled.optimizer.finalize_variable_values(model.trainable_weights)
        if compiled is not None:
            compiled.position = self.position()  # within a pass, maybe
        self.course.close()
        self.display.close()
        listeners.on_train_end()

    def _one_epoch(self) -> bool:
        """One epoch, or the rest of it; whether there was anything to do."""
        epoch, course, listeners = self.epoch, self.course, self.listeners
        label = f"epoch {epoch + 1}/{self.epochs}"
        self.display.begin(label, course.steps, samples_of(course))
        listeners.on_epoch_begin(epoch)
        if self._resumed is not None and (self.step or self.logs is not None):
            self._take(*self._resumed)  # what the hooks before the epoch changed again
        self._resumed = None
        logs = self._train(label) if self.logs is None else self.logs
        if logs is None:
            return False
        self.logs = dict(logs)
        logs |= self._validate()
        self.display.end(logs)
        self._told = self._told or _tell_loss(logs.get("loss", 0.0), epoch + 1)
        self.epoch, self.step, self.done, self.logs = epoch + 1, 0, 0, None
        self._over = self.model.stop_training or course.ended
        listeners.on_epoch_end(epoch, logs)
        self._over = self.model.stop_training or course.ended
        self._check_signals()
        return True

    def _train(self, label: str) -> dict[str, Any] | None:
        """The figures of the steps of an epoch; None if there was no batch for it."""
        course, display, model = self.course, self.display, self.model
        step_of = course.feed.step
        if not self.step:
            step_of.begin()
        clock, due, caught = time.perf_counter, display.due, self._caught
        hooks = self.listeners.around("train", step_of.figures)
        steps = enumerate(course.epoch(label, self.step), self.step)
        if self.step and model.stop_training:
            steps = enumerate(())  # as a callback wished before the interruption
        for batch, (done, program, arrays) in steps:
            self.step, self.done = batch + 1, done
            if hooks is None:
                program(arrays)
            else:
                hooks(batch, program, arrays)
            if clock() >= due:
                display.refresh(batch + 1, done, step_of.figures)
                due = display.due
            if caught:
                self._check_signals()
            if model.stop_training:  # as a callback may wish after a batch
                break
        if hooks is not None:
            hooks.finish()
        display.samples = self.done
        return step_of.figures() if self.step else None

    def _validate(self) -> dict[str, Any]:
        """The figures of the validation, if there is one and it is due."""
        validation, listeners, course = self.validation, self.listeners, self.course
        if validation is None or not _is_due(self.frequency, self.epoch + 1):
            return {}
        if course.steps is not None and self.logs is not None:
            size = course.feed.size or 0
            self.display.refresh(course.steps, size, self.logs.copy)
        if validation.feed.again:  # on the same samples every time
            validation.close()
        self._validated = validation.state()
        hooks = listeners.around("test", validation.feed.step.figures)
        listeners.on_test_begin()
        found = measure(validation, Progress(), hooks, self._check_signals)
        listeners.on_test_end(found)
        self._validated = None
        return {f"val_{name}": value for name, value in found.items()}

    # The state, to go on from.

    @property
    def finished(self) -> bool:
        """Whether no epoch comes any more."""
        ended = self._over or bool(self.model.stop_training)
        return not self.step and (ended or self.epoch >= self.epochs)

    def snapshot(self) -> Snapshot:
        """All that makes what comes next."""
        arrays = values_of(self.model)[1]
        callbacks = [
            [type(callback).__name__, callback.get_state()]
            for callback in self.listeners.callbacks
        ]
        more = {"callbacks": callbacks, "rates": self._rates}
        return Snapshot({**self.position(), **more}, arrays)

    def position(self) -> dict[str, Any]:
        """The place in the training and its data, without values and callbacks."""
        validation = self.validation
        if validation is not None:
            place = self._validated or validation.state()
        return {
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "done": self.done,
            "logs": self.logs,
            "over": self.finished and self.epoch < self.epochs,
            "stop": bool(self.model.stop_training),
            "told": self._told,
            "course": self.course.state(),
            "validation": None if validation is None else place,
            "steps": self.course.feed.step.get_state(),
            "drawn": drawn_of(self.model),
            "callbacks": [],
        }

    def restore(self, snapshot: Snapshot, place: Place) -> None:
        """Go on from a state; raises `DataError` T0704 for one that does not fit."""
        try:
            self._restore(snapshot, place)
        except TulleError:
            raise
        except (
            LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
        ) as error:  # fmt: skip
            refuse(place, f"it is damaged: {type(error).__name__}: {error}")

    def _restore(self, snapshot: Snapshot, place: Place) -> None:
        config = snapshot.config
        self._check_course(config, place)
        self.course.restore(config["course"])
        if self.validation is not None and config["validation"] is not None:
            self.validation.restore(config["validation"])
        run = self.course.first()
        if run is not None and lacking(self.model, snapshot.arrays):
            _, program, arrays = run
            program(arrays)  # makes what a step of the user's own makes
        self._take(snapshot, place)
        if isinstance(place, Path):
            tell_rates(self.model, snapshot, place)
            self._rates = config.get("rates", self._rates)
        self._resumed = snapshot, place

    def _take(self, snapshot: Snapshot, place: Place) -> None:
        config = snapshot.config
        assign_values(self.model, config["drawn"], snapshot.arrays, place)
        self.epoch, self.step = config["epoch"], config["step"]
        self.done, self.logs = config["done"], config["logs"]
        self._over, self._told = config["over"], config["told"]
        self.model.stop_training = config["stop"]
        self.course.feed.step.set_state(config["steps"])
        told: dict[str, list[Any]] = {}
        for name, state in config["callbacks"]:
            told.setdefault(name, []).append(state)
        for callback in self.listeners.callbacks:
            states = told.get(type(callback).__name__)
            if states:
                callback.set_state(states.pop(0))

    def _check_course(self, config: Any, place: Place) -> None:
        """Within an epoch the data have to be cut as they were."""
        before, now = config["course"], self.course.state()
        if before["taken"] is None:
            return
        for key, what in (("samples", "samples"), ("batch_size", "`batch_size`")):
            if before[key] != now[key]:
                refuse_other_data(place, what, before[key], now[key])

    # Signals.

    def _savers(self) -> list[Any]:
        return [callback for callback in self.listeners.callbacks if callback.saves]

    def _check_signals(self) -> None:
        """If a signal came: save, tell how to go on, and follow it."""
        if not self._caught:
            return
        number = self._caught[0]
        self.display.close()  # a live bar would wrap the words
        message = f"stopped by {NAMES[number]} {told_place(self.epoch, self.step)}"
        kept = [saver for saver in self._savers() if saver.save()]
        for saver in kept:
            warn(
                f"{message}; the training is kept in `{saver.backup_dir}`", saver.advice
            )
        follow(number, message if kept else "")


def samples_of(course: Course) -> int:
    """The samples of an epoch, 0 where they are not known beforehand."""
    return (course.feed.size or 0) if course.wanted is None else 0


def _is_due(frequency: Any, epoch: int) -> bool:
    """Whether an epoch, counted from 1, is validated."""
    if isinstance(frequency, int):
        return epoch % frequency == 0
    return epoch in frequency


def _tell_loss(loss: float, epoch: int) -> bool:
    """Warn if the loss is no number any more; says whether it did."""
    if math.isfinite(loss):
        return False
    warn(
        f"the loss is {loss} at the end of epoch {epoch}: the training has broken down",
        "lower the learning rate, or clip gradients: `clipnorm=1.0` of the optimizer",
        "look for values in the data that are much larger than the others",
        "`callbacks.TerminateOnNaN()` stops a training here",
    )
    return True


def measure(
    course: Course,
    display: Progress,
    hooks: BatchHooks | None = None,
    after: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """The figures over all batches, in inference mode; `after` is called for each."""
    step_of = course.feed.step
    step_of.begin()
    display.begin("evaluate", course.steps, samples_of(course))
    step = done = 0
    for step, (done, program, arrays) in enumerate(course.epoch("the evaluation"), 1):
        if hooks is None:
            program(arrays)
        else:
            hooks(step - 1, program, arrays)
        if time.perf_counter() >= display.due:
            display.refresh(step, done, step_of.figures)
        if after is not None:
            after()
    if hooks is not None:
        hooks.finish()
    if not step:
        raise _nothing(course)
    results: dict[str, Any] = step_of.figures()
    display.samples = done
    display.end(results)
    return results


def _nothing(course: Course) -> DataError:
    return data.refuse("T0701", f"{course.feed.name} gave no batch")


def predict(course: Course, display: Progress, listeners: CallbackList) -> Any:
    """The outputs for all samples, in inference mode."""
    step_of = course.feed.step
    step_of.begin()
    size = samples_of(course)
    found = Outputs(size)
    display.begin("predict", course.steps, size)
    step = done = 0
    arrange: Any = None
    hooks = listeners.around("predict", None)
    for step, (done, program, arrays) in enumerate(course.epoch("the prediction"), 1):
        if hooks is None:
            outputs, arrange = step_of.outputs(program(arrays))
        else:
            made = _Arranging(step_of, program)
            hooks(step - 1, made, arrays)
            outputs, arrange = made.found
        found.add([to_numpy(array) for array in outputs], done)
        if time.perf_counter() >= display.due:
            display.refresh(step, done, dict)
    if hooks is not None:
        hooks.finish()
    if not step:
        raise _nothing(course)
    display.samples = done
    display.end({})
    return arrange(found.whole())


class _Arranging:
    """A program of a prediction that gives its outputs in their structure."""

    def __init__(self, step_of: Any, program: Any):
        self.step_of, self.program = step_of, program

    def __call__(self, arrays: Any) -> Any:
        self.found = self.step_of.outputs(self.program(arrays))
        outputs, arrange = self.found
        return arrange([to_numpy(array).copy() for array in outputs])


class Outputs:
    """The outputs of batches, put together; `size` is 0 if nobody knows it."""

    def __init__(self, size: int):
        self.size, self.done = size, 0
        self.room: list[Any] = []
        self.parts: list[list[Any]] = []

    def add(self, outputs: Sequence[Any], done: int) -> None:
        """Those of one more batch; `done` counts the samples with it."""
        count = done - self.done
        for array in outputs:
            if not array.ndim or len(array) != count:
                raise Fault(
                    "T0701",
                    f"an output of shape {array.shape} for {count} samples cannot be "
                    "put together over batches",
                    help=["call the model itself on all samples"],
                )
        if not self.size:  # a program may use its memory again
            self.parts.append([array.copy() for array in outputs])
        else:
            if not self.room:
                sizes = [(self.size, *array.shape[1:]) for array in outputs]
                pairs = zip(sizes, outputs, strict=True)
                self.room = [np.empty(shape, a.dtype) for shape, a in pairs]
            for target, array in zip(self.room, outputs, strict=True):
                target[self.done : done] = array
        self.done = done

    def whole(self) -> list[Any]:
        """The arrays for all samples."""
        if self.size:
            return self.room
        return [np.concatenate(column) for column in zip(*self.parts, strict=True)]
