"""`TensorBoard`: event files of scalars, histograms and pictures of weights.

They are written by tensorboardX without its thread, so that what goes wrong with a file
is told here. A resumed training cuts the files back to where its state was.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..graph.diagnostics import DataError, Diagnostic, Fault
from ..graph.files import PathLike, check_writable
from .bounds import FROM_0
from .callbacks import Callback, Logs, deferring, resolved
from .callbacks_control import rates_of
from .callbacks_monitoring import checked_frequency
from .notices import warn

NUMBERS = itertools.count()  # so that no two files have one name


class TensorBoard(Callback):
    """Write figures for TensorBoard into `log_dir`, parts `train` and `validation`.

    Each epoch `epoch_NAME` of all figures and the learning rate, each evaluation
    `evaluation_NAME_vs_iterations`, and with `update_freq` (`batch` or a number of
    batches) `batch_NAME`. Every `histogram_freq` epochs the weights as histograms, with
    `write_images` as pictures too. `write_graph` adds the table of layers as a text.
    `write_steps_per_second` adds the speed. Needs tensorboardX, an extra.

    Profiles and embeddings are not written: raises T0204 for `profile_batch`,
    `embeddings_freq` and `embeddings_metadata`.
    """

    state_attributes = ("_batches", "_kept")
    argument_bounds: ClassVar = {"histogram_freq": FROM_0}

    def __init__(
        self,
        log_dir: PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        for name, value in (
            ("profile_batch", profile_batch),
            ("embeddings_freq", embeddings_freq),
            ("embeddings_metadata", embeddings_metadata),
        ):
            if value:
                raise Fault(
                    "T0204",
                    f"`{name}` is not written here: leave it out",
                    argument=name,
                )
        self.log_dir, self.histogram_freq = os.fspath(log_dir), histogram_freq
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        batch = isinstance(update_freq, str) and update_freq == "batch"
        self.update_freq = checked_frequency(1 if batch else update_freq, "update_freq")
        self._batches, self._started, self._at_epoch = 0, 0.0, 0
        self._writers: dict[str, Any] = {}
        self._kept: dict[str, int] = {}  # the bytes of each file, of all runs
        self._told = False
        _library()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches, self._kept = 0, {}
        for part in ("train", "validation"):
            folder = Path(self.log_dir) / part
            with suppress(OSError):  # the next line tells
                folder.mkdir(parents=True, exist_ok=True)
            check_writable(folder / "events")
        if self.write_graph:
            self._write("train", self._table)

    def get_state(self) -> dict[str, Any]:
        self._note_sizes()
        return super().get_state()

    def set_state(self, state: Any) -> None:
        """Cut the files of the run before back to their sizes then."""
        self.release()
        for path in Path(self.log_dir).glob("*/events.out.tfevents.*.tulle"):
            size = state.get("_kept", {}).get(str(path.relative_to(self.log_dir)), 0)
            if path.stat().st_size > size:
                with path.open("r+b") as file:
                    file.truncate(size)
            if not size:
                path.unlink()
        super().set_state(state)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._started, self._at_epoch = time.perf_counter(), self._batches

    @deferring
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self.update_freq == "epoch" or self._batches % self.update_freq:
            return
        found = {f"batch_{name}": value for name, value in resolved(logs).items()}
        if self.write_steps_per_second:
            found["batch_steps_per_second"] = self._speed()
        self._scalars("train", found, self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        figures = dict(logs or {})
        own = {n: v for n, v in figures.items() if not n.startswith("val_")}
        other = {n[4:]: v for n, v in figures.items() if n.startswith("val_")}
        own |= rates_of(self.model.optimizer)
        if self.write_steps_per_second:
            own["steps_per_second"] = self._speed()
        for part, found in (("train", own), ("validation", other)):
            self._scalars(part, {f"epoch_{n}": v for n, v in found.items()}, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write("train", lambda: self._weights(epoch))

    def on_test_end(self, logs: Logs | None = None) -> None:
        if self.model.optimizer is None:
            return
        step = int(np.asarray(self.model.optimizer.iterations))
        found = {
            f"evaluation_{name}_vs_iterations": value
            for name, value in (logs or {}).items()
        }
        self._scalars("validation", found, step)
        if self._training is None:
            self.release()

    def release(self) -> None:
        self._note_sizes()
        for writer in self._writers.values():
            with suppress(OSError):
                writer.close()
        self._writers = {}

    def _note_sizes(self) -> None:
        for writer in self._writers.values():
            path = Path(writer._file_name)
            with suppress(OSError):
                writer.flush()
                name = str(path.relative_to(self.log_dir))
                self._kept[name] = path.stat().st_size

    def _speed(self) -> float:
        seconds = time.perf_counter() - self._started
        return (self._batches - self._at_epoch) / max(seconds, 1e-9)

    def _scalars(self, part: str, figures: Logs, step: int) -> None:
        def made() -> Any:
            summary = _library().summary
            for name, value in figures.items():
                if np.ndim(value) == 0:
                    yield summary.scalar(name, float(value)), step

        if figures:
            self._write(part, made)

    def _weights(self, epoch: int) -> Any:
        summary = _library().summary
        for name, variable in self.model.named_variables().items():
            values = variable.numpy().astype(np.float64)
            yield summary.histogram(f"{name}/histogram", values, "auto"), epoch
            if self.write_images and values.ndim:
                picture = _picture(values)
                yield summary.image(f"{name}/image", picture, dataformats="HW"), epoch

    def _table(self) -> Any:
        lines: list[str] = []
        if self.model.built:
            self.model.summary(print_fn=lines.append)
            text = "```\n" + "\n".join(lines) + "\n```"
            yield _library().summary.text("layers", text), 0

    def _write(self, part: str, make: Callable[[], Any]) -> None:
        """Write summaries with their steps as events; tells once what goes wrong."""
        library = _library()
        try:
            writer = self._writer(part)
            for summary, step in make():
                event = library.event(summary=summary, step=step, wall_time=time.time())
                writer.write_event(event)
            writer.flush()
        except OSError as error:
            if not self._told:
                words = error.strerror or error
                warn(f"`{self.log_dir}` takes no more events: {words}")
            self._told = True
        else:
            self._told = False

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            folder = Path(self.log_dir) / part
            folder.mkdir(parents=True, exist_ok=True)
            suffix = f".{os.getpid()}.{next(NUMBERS)}.tulle"
            self._writers[part] = _library().writer(str(folder / "events"), suffix)
        return self._writers[part]


def _picture(values: Any) -> Any:
    """Weights as a picture of their values from 0 to 1."""
    flat = values.reshape(-1, values.shape[-1])
    low, high = flat.min(), flat.max()
    return ((flat - low) / ((high - low) or 1.0)).astype(np.float32)


class _Library:
    """What tensorboardX gives."""

    def __init__(self) -> None:
        from tensorboardX import summary
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event

        self.summary, self.writer, self.event = summary, EventsWriter, Event


def _library() -> _Library:
    try:
        return _Library()
    except ImportError as error:
        raise DataError(
            Diagnostic(
                "T0705",
                f"event files are written by tensorboardX, which is not there: {error}",
                help=("install it: `pip install 'tulle[tensorboard]'`",),
            )
        ) from None
