"""The loops: over epochs and batches, for training, testing and predicting.

A batch costs one call of a compiled program. Figures are read at the end of an epoch,
when the display is refreshed, and where a callback asks for every batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.device import to_numpy
from ..graph.diagnostics import DataError, Fault
from .batches import leaves, split
from .callbacks import Callback, CallbackList, History
from .data import as_array, check_sizes, refuse
from .notices import warn
from .progress import Progress, check_verbose, progress
from .sources import source_of
from .streams import Course, feed_of

if TYPE_CHECKING:
    from .model import Model


def fit(
    model: Model,
    course: Course,
    *,
    epochs: int,
    verbose: Any,
    callbacks: Iterable[Callback] | None,
    validation: Course | None,
    initial_epoch: int,
    validation_freq: Any,
) -> History:
    """Train for epochs and give their figures."""
    check_verbose(verbose)
    history = History()
    listeners = CallbackList(
        [*(callbacks or ()), history],
        model,
        epochs=epochs,
        steps=course.steps,
        batch_size=course.feed.batch_size,
        verbose=verbose,
    )
    course.skip(initial_epoch)
    model.stop_training = told = False
    display = progress(verbose, model.name)
    listeners.call("on_train_begin")
    try:
        for epoch in range(initial_epoch, epochs):
            label = f"epoch {epoch + 1}/{epochs}"
            display.begin(label, course.steps, samples_of(course))
            listeners.call("on_epoch_begin", epoch)
            logs = _epoch(model, course, label, display, listeners)
            if logs is None:
                break
            if validation is not None and _is_due(validation_freq, epoch + 1):
                if course.steps is not None:
                    size = course.feed.size or 0
                    display.refresh(course.steps, size, logs.copy)
                listeners.call("on_test_begin")
                if validation.feed.again:  # on the same samples every time
                    validation.close()
                found = test(model, validation, Progress())
                listeners.call("on_test_end", found)
                logs |= {f"val_{name}": value for name, value in found.items()}
            display.end(logs)
            told = told or _tell_loss(logs.get("loss", 0.0), epoch + 1)
            listeners.call("on_epoch_end", epoch, logs)
            if model.stop_training or course.ended:
                break
        if (compiled := model.compiled) is not None:
            compiled.optimizer.finalize_variable_values(model.trainable_weights)
    finally:
        course.close()
        display.close()
    listeners.call("on_train_end")
    return history


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


def _epoch(
    model: Model,
    course: Course,
    label: str,
    display: Progress,
    listeners: CallbackList,
) -> dict[str, Any] | None:
    """The figures of an epoch; None if there was no batch for it."""
    step_of = course.feed.step
    step_of.begin()
    clock, due = time.perf_counter, display.due
    hooks = _with_hooks(step_of.figures, listeners) if listeners.wants_batches else None
    step = done = 0
    for step, (done, program, arrays) in enumerate(course.epoch(label), 1):
        if hooks is None:
            program(arrays)
        else:
            hooks(program, arrays)
        if clock() >= due:
            display.refresh(step, done, step_of.figures)
            due = display.due
        if model.stop_training:  # as a callback may wish after a batch
            break
    display.samples = done
    return step_of.figures() if step else None


def _with_hooks(figures: Any, listeners: CallbackList) -> Any:
    count = iter(range(2**62))

    def run(program: Any, arrays: Any) -> None:
        batch = next(count)
        listeners.call("on_train_batch_begin", batch)
        program(arrays)
        listeners.call("on_train_batch_end", batch, figures())

    return run


def test(model: Model, course: Course, display: Progress) -> dict[str, Any]:
    """The figures over all batches, in inference mode."""
    step_of = course.feed.step
    step_of.begin()
    display.begin("evaluate", course.steps, samples_of(course))
    step = done = 0
    for step, (done, program, arrays) in enumerate(course.epoch("the evaluation"), 1):
        program(arrays)
        if time.perf_counter() >= display.due:
            display.refresh(step, done, step_of.figures)
    if not step:
        raise _nothing(course)
    results: dict[str, Any] = step_of.figures()
    display.samples = done
    display.end(results)
    return results


def _nothing(course: Course) -> DataError:
    return refuse("T0701", f"{course.feed.name} gave no batch")


def predict(model: Model, course: Course, display: Progress) -> Any:
    """The outputs for all samples, in inference mode."""
    step_of = course.feed.step
    step_of.begin()
    size = samples_of(course)
    found = Outputs(size)
    display.begin("predict", course.steps, size)
    step = done = 0
    arrange: Any = None
    for step, (done, program, arrays) in enumerate(course.epoch("the prediction"), 1):
        outputs, arrange = step_of.outputs(program(arrays))
        found.add([to_numpy(array) for array in outputs], done)
        if time.perf_counter() >= display.due:
            display.refresh(step, done, dict)
    if not step:
        raise _nothing(course)
    display.samples = done
    display.end({})
    return arrange(found.whole())


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


def validation_course(
    model: Model, given: Any, batch_size: int | None, steps: int | None
) -> Course | None:
    """The validation data that `fit` was given, checked."""
    if given is None:
        return None
    x, y, weight = given, None, None
    if isinstance(given, (list, tuple)) and len(given) in (2, 3):
        x, y, *rest = given
        weight = rest[0] if rest else None
    source = source_of(x, y, weight, None if y is None else batch_size)
    if source is None and y is None:
        raise Fault(
            "T0204",
            "`validation_data` is a tuple (x, y) or (x, y, sample_weight), or gives "
            "such batches",
            argument="validation_data",
        )
    feed = feed_of(model, "test", source, (x, y, weight), batch_size)
    return Course(feed, steps)


def split_off(
    share: float, x: Any, y: Any, sample_weight: Any
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """The first samples for training, the last `share` of them for validation."""
    if not isinstance(share, (int, float)) or not 0 < share < 1:
        raise Fault(
            "T0204",
            f"`validation_split` lies between 0 and 1, not {share!r}",
            argument="validation_split",
        )
    named = [*leaves("x", x), *leaves("y", y), *leaves("sample_weight", sample_weight)]
    if not named:
        raise Fault("T0204", "`x` is missing", argument="x")
    size = check_sizes([n for n, _ in named], [as_array(n, a) for n, a in named])
    at = int(size * (1 - share))  # as Keras rounds
    if not 0 < at < size:
        raise Fault(
            "T0204",
            f"{share} of {size} samples leaves no sample on one side",
            argument="validation_split",
        )
    parts = [split(value, at) for value in (x, y, sample_weight)]
    train, test = tuple(a for a, _ in parts), tuple(b for _, b in parts)
    return train, test  # type: ignore[return-value]
