"""`tulle train`: train, keep what is needed to go on, write figures down."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from .commands_data import part_of, target_called
from .commands_models import SAVED, compiled, load_module, plan_of, types_of
from .graph.diagnostics import DataError
from .graph.files import check_writable
from .printing import check_apart, print_diagnostics, refuse, say
from .streams import OutputLost

if TYPE_CHECKING:
    from .dsl.plans import TrainingPlan

LOGS = (".csv", ".jsonl")


def run_train(options: Namespace) -> int:
    """Train a model as its file says, and save it."""
    from .graph.device import device

    _check_places(options)
    with device(options.device):
        plan = _seeded_plan(options)
        given = _data(options, plan)
        model = compiled(plan)
        quiet = options.quiet or options.json
        if plan.remark and not quiet:
            say(plan.remark)
        backup = _Backup(options)
        with target_called(tuple(plan.targets)), _whatever_reads_it() as lost:
            history = model.fit(
                **given,
                verbose=0 if quiet else "auto",
                callbacks=[*_logs(options), backup.callback],
                **(plan.fit_arguments | _chosen(options)),
            )
        place, code = _save(model, options.output)
        backup.done()
    _tell(options, model, place, history)
    if options.plot is not None:
        from .curves import draw_curves

        draw_curves(history.history, options.plot, model.name)
    if lost:
        raise lost[0]
    return code


def _check_places(options: Namespace) -> None:
    """Refuse what cannot be written, before anything is done."""
    if Path(options.output).suffix != SAVED:
        message = f"`{options.output}` does not end in `{SAVED}`"
        raise refuse("T0707", message, f"saved models are {SAVED} files")
    check_writable(options.output)
    if options.log is not None:
        if Path(options.log).suffix not in LOGS:
            message = f"`{options.log}` ends neither in .jsonl nor in .csv"
            raise refuse("T0707", message, "logs are lines of JSON or rows of CSV")
        check_writable(options.log)
        check_apart(options.log, *options.data.files)
        if options.validation_data is not None:
            check_apart(options.log, *options.validation_data.files)
    if options.plot is not None:
        from .curves import check_picture

        check_picture(options.plot)
        check_writable(options.plot)


def _seeded_plan(options: Namespace) -> TrainingPlan:
    """The plan of a file, its weights drawn from the seed in force."""
    from .graph.variable import set_random_seed

    plan = plan_of(load_module(options), options)
    seed = plan.seed if options.seed is None else options.seed
    if seed is None:
        return plan
    # Weights take their seeds when the file is loaded: hence once more.
    set_random_seed(seed)
    return plan_of(load_module(options), options)


def _data(options: Namespace, plan: TrainingPlan) -> dict[str, Any]:
    """What `fit` takes: inputs, targets, and validation data if there are any."""
    x, y = _pair(options.data, plan, "")
    given = {"x": x, "y": y}
    if options.validation_data is not None:
        names = list(types_of(plan.model))
        part, _ = part_of(options.validation_data, None, names)
        given["validation_data"] = _pair(options.validation_data, plan, part)
    return given


def _pair(places: Any, plan: TrainingPlan, part: str) -> tuple[Any, Any]:
    """Inputs by name and targets from files."""
    from .training.data import bind
    from .training.data_files import load_arrays

    types = types_of(plan.model) | dict(plan.targets)
    found = load_arrays(places, [part + name for name in types])
    arrays = bind({name: found[part + name] for name in types}, types)
    return {name: arrays[name] for name in types_of(plan.model)}, plan.y(arrays)


def _chosen(options: Namespace) -> dict[str, Any]:
    """What the command line says in place of the file."""
    given = {
        "batch_size": options.batch,
        "epochs": options.epochs,
        "validation_split": options.validation_split,
    }
    if options.validation_data is not None:
        given["validation_split"] = 0.0
    return {name: value for name, value in given.items() if value is not None}


def _logs(options: Namespace) -> list[Any]:
    from .callbacks import CSVLogger, JSONLogger

    if options.log is None:
        return []
    kind = CSVLogger if Path(options.log).suffix == ".csv" else JSONLogger
    return [kind(options.log)]


class _Backup:
    """The state of the training: kept if asked for, and always when it is stopped."""

    def __init__(self, options: Namespace):
        from .callbacks import BackupAndRestore

        self.given = options.checkpoint is not None
        folder = options.checkpoint or Path(options.output).with_suffix(".checkpoint")
        often: Any = options.save_every or ("epoch" if self.given else False)
        self.callback = BackupAndRestore(folder, often, delete_checkpoint=False)
        if not options.resume:
            self._check_free()
        elif not self.callback.latest.exists():
            message = f"there is no checkpoint in `{folder}` yet"
            say(f"note: {message}: the training begins at its beginning", sys.stderr)
        self.callback.advice = f"`{_again(options)}` goes on from there"
        self.callback.told = None if options.quiet or options.json else say

    def _check_free(self) -> None:
        """Refuse to write over a training that can be gone on with."""
        found = self.callback.load()
        folder = self.callback.backup_dir
        if found is not None and not found[0].finished:
            raise refuse(
                "T0705",
                f"`{folder}` holds a training that was stopped {found[0].place}",
                "go on with it: `--resume`",
                f"or remove `{folder}`, or name another with `--checkpoint FOLDER`",
            )
        if found is not None:
            self.callback.remove()

    def done(self) -> None:
        """The model is saved: what nobody asked to be kept can go."""
        if not self.given:
            self.callback.remove()


def _again(options: Namespace) -> str:
    """The command that goes on with this one."""
    called = [word for word in options.called if word != "--resume"]
    return shlex.join(["tulle", *called, "--resume"])


@contextmanager
def _whatever_reads_it() -> Iterator[list[OutputLost]]:
    """Let a training go on although its progress cannot be printed any more."""
    lost: list[OutputLost] = []
    out = sys.stdout
    sys.stdout = cast(TextIO, _Patient(out, lost))
    try:
        yield lost
    finally:
        sys.stdout = out


class _Patient:
    """A stream that notes that it was lost, and then drops what it is given."""

    def __init__(self, stream: TextIO, lost: list[OutputLost]):
        self._stream, self._lost = stream, lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Write what is held back."""
        self._try(self._stream.flush)

    def _try(self, action: Any) -> None:
        if not self._lost:
            try:
                action()
            except OutputLost as error:
                self._lost.append(error)


def _save(model: Any, output: str) -> tuple[Path, int]:
    """Save the model, elsewhere if need be; gives the place and a code."""
    try:
        model.save(output)
    except DataError as error:
        print_diagnostics(error.diagnostics, sys.stderr)
        return _save_elsewhere(model, Path(output), error), 1
    return Path(output), 0


def _save_elsewhere(model: Any, output: Path, error: DataError) -> Path:
    """Save the model where there is room: here, or among temporary files."""
    name = f"{output.stem}-{os.getpid()}{SAVED}"
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        with_room = shutil.disk_usage(folder).free > 0
        if with_room and folder.resolve() != output.resolve().parent:
            try:
                model.save(folder / name)
            except DataError:
                continue
            return folder / name
    raise error


def _tell(options: Namespace, model: Any, place: Path, history: Any) -> None:
    if not options.json:
        say(f"saved {model.name} as {place}")
        return
    from .training.callbacks_logging import json_line

    last = {name: values[-1] for name, values in history.history.items()}
    epochs = len(history.epoch)
    found = {"model": model.name, "saved": str(place), "epochs": epochs, **last}
    say(json_line(found).rstrip())
