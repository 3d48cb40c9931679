"""`BackupAndRestore`: a training that was killed goes on as if nothing had been.

After a kill at any moment there is a whole file, the last one or the one before; with
`double_checkpoint` both. What is restored is everything that makes the next step.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..graph.diagnostics import DataError
from ..graph.files import PathLike, check_writable, unwritable
from .callbacks import Callback, Logs, deferring, steps_together
from .callbacks_monitoring import checked_frequency
from .notices import warn
from .snapshot_files import read_snapshot, write_snapshot
from .snapshots import Snapshot

LATEST, PREVIOUS = "latest.state", "previous.state"
UNFINISHED = ".tulle-*"  # what a kill leaves of a file that was being written


class BackupAndRestore(Callback):
    """Keep the state of a training, and go on from it when `fit` is called again.

    The state is written into the folder `backup_dir` after each epoch, after every
    `save_freq` batches, or with False only when the training is interrupted. `fit` with
    the same model, data and callbacks then goes on from there: weights, optimizer,
    random numbers, the order and place of the data, figures, and what callbacks name in
    `state_attributes`. On the CPU the outcome has the same bits as without an
    interruption. An iterator that cannot be set to a place has to begin anew; its
    first elements are left out.

    Ctrl-C and SIGTERM wait for the end of the batch, then the state is written. Where
    it cannot be written it is told, the file from before stays and training goes on.
    After the training the state is removed, unless `delete_checkpoint` is False.

    Raises `DataError`: T0705 for a folder that cannot be written to, T0704 for the
    state of another model or a damaged one.
    """

    late = saves = True
    state_attributes = ("_seen",)

    def __init__(
        self,
        backup_dir: PathLike,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        self.backup_dir = Path(backup_dir)
        self.save_freq = (
            save_freq if save_freq is False else checked_frequency(save_freq)
        )
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.told: Callable[[str], object] | None = None  # hears where it goes on
        self.advice = "call `fit` with the same model, data and callbacks to go on"
        self._seen, self._told = 0, False

    @property
    def latest(self) -> Path:
        """The file of the state."""
        return self.backup_dir / LATEST

    @property
    def previous(self) -> Path:
        """The file of the state before, with `double_checkpoint`."""
        return self.backup_dir / PREVIOUS

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._seen = 0
        if self.save_freq is not False:
            self._make_folder()
        found = self.load()
        if found is not None and self._training is not None:
            self._training.restore(*found)
            if self.told is not None:
                self.told(f"going on {found[0].place}")

    def _make_folder(self) -> None:
        """A folder to write to, without what a kill left there."""
        try:
            self.backup_dir.mkdir(parents=True, exist_ok=True)
            for rest in self.backup_dir.glob(UNFINISHED):
                rest.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.backup_dir, error) from None
        check_writable(self.latest)

    def load(self) -> tuple[Snapshot, Path] | None:
        """The state that was kept and its file; None if there is none."""
        if self.latest.exists():
            try:
                return read_snapshot(self.latest), self.latest
            except DataError as error:
                if not self.previous.exists():
                    raise
                told = error.diagnostics[0].message
                warn(f"{told}; the state before it, `{self.previous}`, is taken")
        if self.previous.exists():
            return read_snapshot(self.previous), self.previous
        return None

    @deferring
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch" or self.save_freq is False:
            return
        self._seen += steps_together(self.model)
        if self._seen >= self.save_freq:
            self._seen = 0
            self.save()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        last = self._training is not None and self._training.finished
        kept = not self.delete_checkpoint and self.save_freq is not False
        if self.save_freq == "epoch" or (last and kept):
            self.save()

    def save(self) -> bool:
        """Write the state as it is; tells if that cannot be, and goes on."""
        if self._training is None:
            return False
        snapshot = self._training.snapshot()
        try:
            self.backup_dir.mkdir(parents=True, exist_ok=True)
            if self.double_checkpoint and self.latest.exists():
                self._keep_latest()
            write_snapshot(snapshot, self.latest)
        except (DataError, OSError) as error:
            self._tell(error)
            return False
        self._told = False
        return True

    def _keep_latest(self) -> None:
        """Let the file there is be the one before; it is never missing meanwhile."""
        extra = self.backup_dir / f".tulle-{PREVIOUS}"
        extra.unlink(missing_ok=True)
        try:
            os.link(self.latest, extra)
        except OSError:  # not every file system has links
            shutil.copyfile(self.latest, extra)
        extra.replace(self.previous)

    def _tell(self, error: Exception) -> None:
        if isinstance(error, DataError):
            told = error.diagnostics[0]
            if told.code != "T0705":
                raise error
            words = told.message
        else:
            words = f"`{self.latest}` cannot be written: {error}"
        if not self._told:
            kept = "the one from before stays, and " if self.latest.exists() else ""
            warn(f"{words}; {kept}the training goes on without this backup")
        self._told = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.remove()

    def remove(self) -> None:
        """Remove the state, and the folder if there is nothing else in it."""
        with suppress(OSError):
            for path in (self.latest, self.previous):
                path.unlink(missing_ok=True)
            self.backup_dir.rmdir()
