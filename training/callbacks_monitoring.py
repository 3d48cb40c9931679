"""Callbacks that watch one figure: stop, keep the best model, slow down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..graph.diagnostics import DataError, Fault
from ..graph.files import PathLike
from ..graph.kinds import Infinite, plain_scalar, shown
from .bounds import BELOW_1, FROM_0
from .callbacks import Callback, Logs, deferring, resolved, steps_together
from .notices import say, warn

# Whether a metric should rise or fall, by its class; losses fall.
RISING = frozenset(
    "Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy "
    "TopKCategoricalAccuracy SparseTopKCategoricalAccuracy Precision Recall BestAt AUC "
    "PearsonCorrelation ConcordanceCorrelation FBetaScore IoU CosineSimilarity R2Score "
    "TruePositives TrueNegatives".split()
)
FALLING = frozenset(
    "MeanMetricWrapper RootMeanSquaredError FalsePositives FalseNegatives".split()
)
RISING_NAMES = ("accuracy", "acc", "auc")
MODES = ("auto", "min", "max")


def rises(model: Any, monitor: str) -> bool | None:
    """Whether a figure should become larger; None if nothing tells."""
    name = monitor.removeprefix("val_")
    if name == "loss" or name.endswith("_loss"):
        return False
    compiled = getattr(model, "compiled", None)
    named = dict(compiled.named_metrics) if compiled is not None else {}
    known = {metric.name: metric for metric in getattr(model, "metrics", ())} | named
    if name in known:
        told = getattr(known[name], "_direction", None)
        if told in ("up", "down"):
            return bool(told == "up")
        for kind in type(known[name]).__mro__:
            if kind.__name__ in RISING | FALLING:
                return kind.__name__ in RISING
    return True if name.endswith(RISING_NAMES) else None


class Monitoring(Callback):
    """The base of those that watch a figure: `monitor`, `mode`, `min_delta`, `best`."""

    def __init__(
        self, monitor: str, mode: str, min_delta: float, best: float | None = None
    ):
        if mode not in MODES:
            raise Fault(
                "T0204", f"`mode` is min, max or auto, not `{mode}`", argument="mode"
            )
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best = best
        self._sign: float | None = None

    def sign(self) -> float:
        """1 if the figure should rise, -1 if it should fall; T0204 if nobody knows."""
        if self._sign is None:
            up: bool | None = self.mode == "max"
            if self.mode == "auto":
                up = rises(self.model, self.monitor)
            if up is None:
                raise Fault(
                    "T0204",
                    f"nothing tells whether `{self.monitor}` should rise or fall",
                    argument="mode",
                    help=["say it: `mode='max'` or `mode='min'`"],
                )
            self._sign = 1.0 if up else -1.0
        return self._sign

    def is_better(self, value: float, other: float | None) -> bool:
        """Whether a figure is better than another by more than `min_delta`."""
        if math.isnan(value):
            return False
        return other is None or self.sign() * (value - other) > self.min_delta

    def current(self, logs: Logs | None) -> Any:
        """The figure; None in an epoch without validation, T0201 if there is none."""
        value = (logs or {}).get(self.monitor)
        if value is not None and np.ndim(value) == 0:
            return value
        if value is not None:
            raise Fault(
                "T0204",
                f"`{self.monitor}` is an array, and one number is watched",
                argument="monitor",
            )
        course = getattr(self._training, "validation", None)
        if self.monitor.startswith("val_") and course is not None:
            return None  # validation is not due in this epoch
        raise Fault(
            "T0201",
            f"there is no figure `{self.monitor}` to watch",
            argument="monitor",
            help=[f"there are {', '.join(logs or {})}; `val_…` need validation data"],
        )


class EarlyStopping(Monitoring):
    """Stop when a figure has not become better for `patience` epochs.

    `mode` is `min`, `max` or `auto` (by the metric that the figure is of). With
    `restore_best_weights` the model ends with the weights of its best epoch. With a
    `baseline`, patience begins anew only for figures that beat it. Raises T0201 for a
    figure that is not there.
    """

    state_attributes = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")
    argument_bounds: ClassVar = {"patience": FROM_0, "start_from_epoch": FROM_0}

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int | bool = 0,
        mode: str = "auto",
        baseline: Infinite | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self.start_from_epoch:
            return
        value = self.current(logs)
        if value is None:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.is_better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose:
            say(f"epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"the weights are those of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(Monitoring):
    """Multiply the learning rate by `factor` when a figure stays where it is.

    That is when it has not become better by `min_delta` for `patience` epochs; then
    `cooldown` epochs pass before counting goes on. The rate stays at least `min_lr`.
    The figures get a `learning_rate`.
    """

    state_attributes = ("wait", "cooldown_counter", "best")
    argument_bounds: ClassVar = {
        "factor": BELOW_1,
        "patience": FROM_0,
        "cooldown": FROM_0,
        "min_lr": FROM_0,
    }

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int | bool = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(monitor, mode, min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.cooldown_counter = 0
        self.best = None

    def in_cooldown(self) -> bool:
        """Whether the rate was lowered a short while ago."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs if logs is not None else {}
        value = self.current(logs)
        logs["learning_rate"] = rate_of(self.model.optimizer)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        before = rate_of(self.model.optimizer)
        if before <= np.float32(self.min_lr):
            return
        rate = max(before * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = rate
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            say(f"epoch {epoch + 1}: the learning rate falls to {rate:.6g}")


def rate_of(optimizer: Any) -> float:
    """The learning rate of an optimizer as a Python number."""
    return float(np.asarray(optimizer.learning_rate))


class ModelCheckpoint(Monitoring):
    """Save the model, or its weights, after every epoch or every `save_freq` batches.

    `filepath` may name figures and `{epoch}` (from 1), as `"{epoch:02d}-{loss:.3f}"`,
    within an epoch `{batch}` too. With `save_best_only` a model is written if `monitor`
    is better than ever, or than `initial_value_threshold` at first. A file is complete
    or untouched. Where it cannot be written it is told once and the training goes on.
    """

    state_attributes = ("best", "_seen")

    def __init__(
        self,
        filepath: PathLike,
        monitor: str = "val_loss",
        verbose: int | bool = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: Infinite | None = None,
    ):
        super().__init__(monitor, mode, 0.0, initial_value_threshold)
        self.filepath, self.verbose = str(filepath), verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = checked_frequency(save_freq)
        self._seen, self._epoch, self._told = 0, 0, False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Ask for the package that a file of Keras needs before anything is trained."""
        if Path(self.filepath).suffix.lower() in (".keras", ".h5"):
            from .keras_files.hdf5 import h5py

            h5py()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    @deferring
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            return
        self._seen += steps_together(self.model)
        if self._seen >= self.save_freq:
            self._seen = 0
            self._save(self._epoch, batch, resolved(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        value = None
        if self.save_best_only:
            value = self.current(logs)
            if value is None or not self.is_better(value, self.best):
                return
        try:
            folder = Path(path).parent
            folder.mkdir(parents=True, exist_ok=True)
            save = (
                self.model.save_weights if self.save_weights_only else self.model.save
            )
            save(path)
        except OSError as error:
            self._tell(f"`{path}` cannot be written: {error.strerror or error}")
        except DataError as error:
            told = error.diagnostics[0]
            if told.code != "T0705":
                raise
            self._tell(told.message)
        else:
            self._told = False
            self.best = self.best if value is None else value
            if self.verbose:
                say(f"epoch {epoch + 1}: saved {path}")

    def _tell(self, message: str) -> None:
        if not self._told:
            warn(f"{message}; the training goes on without this checkpoint")
        self._told = True

    def _path(self, epoch: int, batch: int | None, logs: Mapping[str, Any]) -> str:
        named = {"epoch": epoch + 1, **logs}
        if batch is not None:
            named.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**named)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise Fault(
                "T0204",
                f"`{self.filepath}` cannot be filled in: "
                f"{type(error).__name__} {error}",
                argument="filepath",
                help=[f"it may name {', '.join(named)}"],
            ) from None


def checked_frequency(given: Any, argument: str = "save_freq") -> Any:
    """`epoch` or a number of batches; refuses anything else, T0204."""
    given = plain_scalar(given)
    whole = isinstance(given, int) and not isinstance(given, bool) and given > 0
    if whole or (isinstance(given, str) and given == "epoch"):
        return given
    raise Fault(
        "T0204",
        f"`{argument}` is 'epoch' or a number of batches, not {shown(given)}",
        argument=argument,
    )
