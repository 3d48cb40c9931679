"""Callbacks: code that runs at the marked points of a training, by Keras's names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import Fault
from .configured import Configured

if TYPE_CHECKING:
    from .model import Model

Logs = dict[str, Any]
BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")


class Callback(Configured):
    """The base of callbacks: override what you need.

    `logs` maps the names of losses and metrics to their running values.

    >>> class Count(Callback):
    ...     epochs = 0
    ...
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.epochs += 1
    >>> Count().epochs
    0
    """

    model: Model
    params: dict[str, Any]

    def __init__(self) -> None:
        self.params = {}

    def set_params(self, params: dict[str, Any]) -> None:
        """Take note of `epochs`, `steps`, `batch_size` and `verbose`."""
        self.params = params

    def set_model(self, model: Model) -> None:
        """Take note of the model."""
        self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch; overriding it costs time in every batch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch; overriding it reads all figures after every batch."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation or validation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""


class CallbackList:
    """Callbacks called together."""

    def __init__(self, callbacks: Iterable[Callback], model: Model, **params: Any):
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise Fault(
                    "T0204",
                    f"{callback!r} is no callback",
                    argument="callbacks",
                    help=["make a subclass of `Callback`, and pass an object of it"],
                )
            callback.set_params(params)
            callback.set_model(model)
        self.wants_batches = any(map(_overrides_batches, self.callbacks))

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)


def _overrides_batches(callback: Callback) -> bool:
    kind = type(callback)
    return any(
        getattr(kind, hook) is not getattr(Callback, hook) for hook in BATCH_HOOKS
    )


class History(Callback):
    """The figures of all epochs: `history` by name, `epoch` their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"


class EarlyStopping(Callback):
    """Stop when a figure has not become better for `patience` epochs.

    `mode` is `min`, `max` or `auto` (by the figure's name).
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise Fault(
                "T0204", f"`mode` is min, max or auto, not `{mode}`", argument="mode"
            )
        rising = monitor.endswith(("accuracy", "acc", "auc"))
        self.sign = 1.0 if mode == "max" or (mode == "auto" and rising) else -1.0
        self.monitor, self.min_delta = monitor, abs(min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self.start_from_epoch:
            return
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {})
            raise Fault(
                "T0201",
                f"there is no figure `{self.monitor}` to watch",
                argument="monitor",
                help=[f"there are {known}; `val_…` need validation data"],
            )
        self.wait += 1
        if self._is_better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _is_better(self, value: float, other: float | None) -> bool:
        if math.isnan(value):
            return False
        return other is None or self.sign * (value - other) > self.min_delta

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is no finite number; reads it after every batch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            self.model.stop_training = True


__all__ = ["Callback", "CallbackList", "EarlyStopping", "History", "TerminateOnNaN"]
