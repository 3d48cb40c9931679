"""Callbacks that take part in the training: rates, averages, an end at NaN."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from ..graph.diagnostics import DataError, Diagnostic, Fault
from ..graph.kinds import shown
from .arguments import refuse
from .callbacks import Callback, Logs
from .callbacks_monitoring import rate_of
from .notices import say


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch: `schedule(epoch, learning_rate)`.

    The function gives a float; one that takes the epoch alone will do. The figures get
    a `learning_rate`.
    """

    def __init__(self, schedule: Any, verbose: int | bool = 0):
        if not callable(schedule):
            refuse("schedule", "a function of the epoch and the rate", schedule)
        self.schedule, self.verbose = schedule, verbose
        self._single = _takes_one(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        for optimizer, name in rated(self.model.optimizer):
            before = rate_of(optimizer)
            given = (epoch,) if self._single else (epoch, before)
            rate = self.schedule(*given)
            if not isinstance(rate, (float, np.floating)):
                raise Fault(
                    "T0204",
                    f"the schedule gave {shown(rate)} for epoch {epoch}, and a rate "
                    "is a float",
                    argument="schedule",
                )
            optimizer.learning_rate = float(rate)
            if self.verbose:
                of = f" of {name}" if name else ""
                say(f"epoch {epoch + 1}: the learning rate{of} is {rate:.6g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs.update(rates_of(self.model.optimizer))


def rated(optimizer: Any) -> list[tuple[Any, str]]:
    """The optimizers with a rate; with names if there are several."""
    several = getattr(optimizer, "optimizers", None)
    if not several or hasattr(optimizer, "inner_optimizer"):
        return [(optimizer, "")]
    return [(inner, inner.name) for inner in several]


def rates_of(optimizer: Any) -> Logs:
    """The learning rates as figures."""
    return {
        f"learning_rate_{name}" if name else "learning_rate": rate_of(inner)
        for inner, name in rated(optimizer)
    }


def _takes_one(function: Any) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    places = [
        p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return len(places) == 1 and not any(p.kind is p.VAR_POSITIONAL for p in parameters)


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is no finite number; reads it after every batch.

    With `raise_error` the end is a `DataError`, T0706, in place of a stop.
    """

    def __init__(self, raise_error: bool = False):
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        message = f"the loss is {loss} after batch {batch}"
        if self.raise_error:
            raise DataError(Diagnostic("T0706", message))
        say(f"{message}: the training stops")
        self.model.stop_training = True


class SwapEMAWeights(Callback):
    """Evaluate with the moving averages of the weights, of an optimizer with `use_ema`.

    Around each evaluation and prediction weights and averages change places. With
    `swap_on_epoch` they do so from the end of an epoch to the next one's beginning, for
    callbacks that come after this one.
    """

    state_attributes = ("_swapped",)

    def __init__(self, swap_on_epoch: bool = False):
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._swapped:  # the model keeps the averages
            self._swapped = False
            for variable, average in self._pairs():
                average.assign(variable.numpy())

    @property
    def averaged(self) -> bool:
        return self._swapped

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

    def _pairs(self) -> list[tuple[Any, Any]]:
        """The variables with their averages."""
        optimizer = self.model.optimizer
        several = getattr(optimizer, "optimizers", None) or [optimizer]
        using = [inner for inner in several if inner.use_ema]
        if not using:
            raise Fault(
                "T0204",
                "`SwapEMAWeights` needs an optimizer that keeps averages",
                help=["make the optimizer with `use_ema=True`"],
            )
        return [
            (variable, inner.slot(variable, "average"))
            for inner in using
            for variable in inner._trainable_variables
            if inner.built
        ]

    def _swap(self, wanted: bool) -> None:
        if self._swapped == wanted:
            return
        self._swapped = wanted
        for variable, average in self._pairs():
            value = variable.numpy()
            variable.assign(average.numpy())
            average.assign(value)
