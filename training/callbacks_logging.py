"""Callbacks that write figures down: files of rows, and the display.

A resumed training cuts its file back to where its state was, so no row is twice there
and none is missing. A file that takes no more is told, and the training goes on.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.files import PathLike, check_writable
from ..graph.kinds import shown
from .callbacks import Callback, Logs, deferring, resolved
from .notices import warn
from .progress import progress


class RowLogger(Callback):
    """The base of files with a row an epoch: a subclass gives `rows(epoch, logs)`."""

    state_attributes = ("_size", "keys")

    def __init__(self, filename: PathLike, append: bool = False):
        self.filename, self.append = os.fspath(filename), append
        self.keys: list[str] | None = None
        self._size: int | None = None  # bytes of the file that are ours
        self._told = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        check_writable(self.filename)
        self.keys, self._size = None, None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        try:
            self._write(epoch, logs or {})
        except OSError as error:
            if not self._told:
                words = error.strerror or error
                warn(f"`{self.filename}` takes no more rows: {words}")
            self._told = True
        else:
            self._told = False

    def _write(self, epoch: int, logs: Logs) -> None:
        path = Path(self.filename)
        there = path.stat().st_size if path.exists() else 0
        if self._size is None:
            self._size = there if self.append else 0
        start = min(self._size, there)
        fresh = start == 0 or (self.append and self.keys is None and not start)
        text = self.rows(epoch, logs, fresh).encode()
        with path.open("r+b" if there else "wb", buffering=0) as file:
            file.truncate(start)
            file.seek(start)
            try:
                while text:
                    text = text[file.write(text) :]
            except OSError:
                with suppress(OSError):  # half a row is none
                    file.truncate(start)
                raise
            self._size = file.tell()

    def rows(self, epoch: int, logs: Logs, fresh: bool) -> str:
        """The lines for an epoch; `fresh` if the file is empty."""
        raise NotImplementedError


class CSVLogger(RowLogger):
    """Write the figures of each epoch as a row of a CSV file.

    With `append` rows are added to those that are there. A figure that an epoch lacks
    is `NA`, as that of a validation that is not due. Raises `DataError` T0705 for a
    file that cannot be written.

    >>> CSVLogger("log.csv").sep
    ','
    """

    def __init__(self, filename: PathLike, separator: str = ",", append: bool = False):
        super().__init__(filename, append)
        if not isinstance(separator, str) or len(separator) != 1:
            raise Fault(
                "T0204",
                f"`separator` is one character, not {shown(separator)}",
                argument="separator",
            )
        self.sep = separator

    def rows(self, epoch: int, logs: Logs, fresh: bool) -> str:
        if self.keys is None:
            self.keys = sorted(logs)
            if getattr(self._training, "validation", None) is not None:
                wanted = [name for name in self.keys if not name.startswith("val_")]
                later = {f"val_{name}" for name in wanted} - {"val_learning_rate"}
                self.keys += sorted(later.difference(self.keys))
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.sep)
        if fresh:
            writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(_cell(logs.get(name, "NA")) for name in self.keys)])
        return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'


class JSONLogger(RowLogger):
    """Write the figures of each epoch as a line of JSON, with the seconds it took.

    A figure that is no finite number is null.
    """

    def __init__(self, filename: PathLike, append: bool = False):
        super().__init__(filename, append)
        self._begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begun = time.perf_counter()

    def rows(self, epoch: int, logs: Logs, fresh: bool) -> str:
        seconds = round(time.perf_counter() - self._begun, 6)
        return json_line({"epoch": epoch, **logs, "seconds": seconds})


def json_line(figures: Mapping[str, Any]) -> str:
    """Figures as one line of JSON that every reader takes."""
    return json.dumps({name: _plain(value) for name, value in figures.items()}) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    return [_plain(part) for part in value] if isinstance(value, list) else value


class ProgbarLogger(Callback):
    """The display of `fit` as a callback, for loops that call a `CallbackList`.

    `params` says what is shown: `verbose` 0 is nothing, 1 a bar, 2 a line an epoch.
    """

    def __init__(self) -> None:
        self._display = progress(0, "")
        self._samples = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        title = getattr(self.model, "name", "")
        self._display = progress(self._param("verbose", "auto"), title)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        epochs, steps = self._param("epochs", None), self._param("steps", None)
        of = "" if epochs is None else f"/{epochs}"
        self._samples = 0
        size = (self._param("batch_size", None) or 0) * (steps or 0)
        self._display.begin(f"epoch {epoch + 1}{of}", steps, size)

    @deferring
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        done = getattr(self._training, "done", None)
        size = self._param("batch_size", None) or 1
        self._samples = (batch + 1) * size if done is None else done
        if time.perf_counter() >= self._display.due:
            self._display.refresh(batch + 1, self._samples, lambda: resolved(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._display.samples = self._samples
        self._display.end(logs or {})

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._display.close()

    def release(self) -> None:
        self._display.close()

    def _param(self, name: str, otherwise: Any) -> Any:
        return (self.params or {}).get(name, otherwise)
