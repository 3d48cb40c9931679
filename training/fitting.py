"""The loops: over epochs and batches, for training, testing and predicting.

A batch costs one call of a compiled program. Figures are read at the end of an epoch,
when the display is refreshed, and where a callback asks for every batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.device import to_numpy
from ..graph.diagnostics import Fault
from .batches import Batches, leaves, prepare, split
from .callbacks import Callback, CallbackList, History
from .data import as_array, check_sizes
from .notices import warn
from .progress import Progress, check_verbose, progress

if TYPE_CHECKING:
    from .model import Model


def fit(
    model: Model,
    batches: Batches,
    *,
    epochs: int,
    verbose: Any,
    callbacks: Iterable[Callback] | None,
    validation: Batches | None,
    seed: int | None,
    initial_epoch: int,
    validation_freq: int,
) -> History:
    """Train for epochs and give their figures; `seed` shuffles the samples."""
    check_verbose(verbose)
    history = History()
    program = model.steps.program("train", batches.signature)
    listeners = CallbackList(
        [*(callbacks or ()), history],
        model,
        epochs=epochs,
        steps=batches.steps,
        batch_size=batches.batch_size,
        verbose=verbose,
    )
    model.stop_training = told = False
    generator = np.random.Generator(np.random.Philox(seed))
    display = progress(verbose, model.name)
    listeners.call("on_train_begin")
    try:
        for epoch in range(initial_epoch, epochs):
            order = generator.permutation(batches.size) if seed is not None else None
            display.begin(f"epoch {epoch + 1}/{epochs}", batches.steps, batches.size)
            listeners.call("on_epoch_begin", epoch)
            logs = _epoch(model, program, batches, order, display, listeners)
            if validation is not None and (epoch + 1) % validation_freq == 0:
                display.refresh(batches.steps, batches.size, logs.copy)
                listeners.call("on_test_begin")
                found = test(model, validation, Progress())
                listeners.call("on_test_end", found)
                logs |= {f"val_{name}": value for name, value in found.items()}
            display.end(logs)
            told = told or _tell_loss(logs["loss"], epoch + 1)
            listeners.call("on_epoch_end", epoch, logs)
            if model.stop_training:
                break
        optimizer = model.demand_compiled().optimizer
        optimizer.finalize_variable_values(model.trainable_weights)
    finally:
        display.close()
    listeners.call("on_train_end")
    return history


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
    program: Any,
    batches: Batches,
    order: Any,
    display: Progress,
    listeners: CallbackList,
) -> dict[str, float]:
    compiled = model.demand_compiled()
    compiled.reset()
    if order is not None:
        from ..graph.device import array_module

        order = array_module().asarray(order)
    clock, due = time.perf_counter, display.due
    if listeners.wants_batches:
        program = _with_hooks(program, compiled.results, listeners)
    for step, (done, arrays) in enumerate(batches.each(order), 1):
        program(arrays)
        if clock() >= due:
            display.refresh(step, done, compiled.results)
            due = display.due
        if model.stop_training:  # as a callback may wish after a batch
            break
    return compiled.results()


def _with_hooks(program: Any, results: Any, listeners: CallbackList) -> Any:
    count = iter(range(2**62))

    def run(arrays: Any) -> Any:
        batch = next(count)
        listeners.call("on_train_batch_begin", batch)
        found = program(arrays)
        listeners.call("on_train_batch_end", batch, results())
        return found

    return run


def test(model: Model, batches: Batches, display: Progress) -> dict[str, float]:
    """The figures over all batches, in inference mode."""
    compiled = model.demand_compiled()
    program = model.steps.program("test", batches.signature)
    compiled.reset()
    display.begin("evaluate", batches.steps, batches.size)
    for step, (done, arrays) in enumerate(batches.each(), 1):
        program(arrays)
        if time.perf_counter() >= display.due:
            display.refresh(step, done, compiled.results)
    results = compiled.results()
    display.end(results)
    return results


def predict(model: Model, batches: Batches, display: Progress) -> list[Any]:
    """The outputs for all samples, in inference mode."""
    program = model.steps.program("predict", batches.signature)
    whole: list[Any] = []
    start = 0
    display.begin("predict", batches.steps, batches.size)
    for step, (stop, arrays) in enumerate(batches.each(), 1):
        outputs = [to_numpy(found) for found in program(arrays).values()]
        if not whole:
            whole = [_whole(found, stop, batches.size) for found in outputs]
        for target, found in zip(whole, outputs, strict=True):
            target[start:stop] = found
        start = stop
        if time.perf_counter() >= display.due:
            display.refresh(step, stop, dict)
    display.end({})
    return whole


def _whole(first: Any, count: int, size: int) -> Any:
    """Room for the outputs of all samples."""
    if not first.ndim or len(first) != count:
        raise Fault(
            "T0701",
            f"an output of shape {first.shape} for {count} samples cannot be put "
            "together over batches",
            help=["call the model itself on all samples"],
        )
    return np.empty((size, *first.shape[1:]), first.dtype)


def validation_batches(
    model: Model, given: Any, batch_size: int | None
) -> Batches | None:
    """The validation data that `fit` was given, checked."""
    if given is None:
        return None
    if not isinstance(given, (list, tuple)) or len(given) not in (2, 3):
        raise Fault(
            "T0204",
            "`validation_data` is a tuple (x, y) or (x, y, sample_weight)",
            argument="validation_data",
        )
    x, y, *weight = given
    return prepare(model, x, y, weight[0] if weight else None, batch_size=batch_size)


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
