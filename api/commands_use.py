"""`tulle evaluate` and `tulle predict`: a model used on data."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .commands_data import as_y, part_of, target_called, targets_among
from .commands_models import (
    compiled,
    fresh_weights,
    is_saved,
    load_module,
    model_of,
    plan_of,
    types_of,
)
from .graph.files import check_writable, write_atomically
from .printing import check_apart, refuse, say


def run_evaluate(options: Namespace) -> int:
    """Print the loss and the metrics on data."""
    from .graph.device import device
    from .training.callbacks_logging import json_line
    from .training.data_files import load_arrays
    from .training.progress import told

    with device(options.device):
        model, names = _trained(options)
        part, there = part_of(options.data, options.part, model.input_names)
        if options.target is not None:
            names = (options.target,)
        if names is None:
            names = targets_among(model, there, part, options.data)
        wanted = [part + name for name in (*model.input_names, *names)]
        arrays = load_arrays(options.data, wanted)
        with target_called([part + name for name in names]):
            figures = model.evaluate(
                {name: arrays[part + name] for name in model.input_names},
                as_y(model, {name: arrays[part + name] for name in names}),
                batch_size=options.batch,
                verbose=0,
                return_dict=True,
            )
    count = len(arrays[wanted[0]])
    if options.json:
        found = {"model": model.name, "samples": count, "part": part and "test"}
        say(json_line(found | figures).rstrip())
        return 0
    what = f"{count} {'test' if part else 'training'} samples"
    say(f"{model.name} on {what} of {options.data}: {told(figures)}")
    return 0


def _trained(options: Namespace) -> tuple[Any, tuple[str, ...] | None]:
    """A model that can be evaluated, and the names of its targets where known."""
    if is_saved(options.file):
        return model_of(options), None
    with fresh_weights():
        plan = plan_of(load_module(options), options)
    return compiled(plan), tuple(plan.targets)


def run_predict(options: Namespace) -> int:
    """Print or write the outputs of a model for data."""
    from .graph.device import device
    from .training.data import bind
    from .training.data_files import load_arrays

    _check_arrays_file(options.output)
    check_apart(options.output, *options.data.files)
    with device(options.device):
        with nullcontext() if is_saved(options.file) else fresh_weights():
            model = model_of(options)
        part, _ = part_of(options.data, options.part, model.input_names)
        types = types_of(model)
        found = load_arrays(options.data, [part + name for name in types])
        arrays = bind({name: found[part + name] for name in types}, types)
        outputs = model.predict(arrays, options.batch, verbose=0)
    named = _named(model, outputs)
    classify = _classifies(model) if options.classes is None else options.classes
    if classify:
        named = {name: _class_numbers(name, array) for name, array in named.items()}
    if options.output is not None:
        _write_arrays(options.output, named)
    if options.json:
        from .training.callbacks_logging import json_line

        wrote = {
            "saved": options.output,
            **{n: list(a.shape) for n, a in named.items()},
        }
        say(json_line(wrote if options.output is not None else named).rstrip())
    elif options.output is not None:
        say(f"wrote {_kinds(named)} to {options.output}")
    else:
        _print_arrays(named)
    return 0


def _check_arrays_file(output: str | None) -> None:
    if output is None:
        return
    if Path(output).suffix not in (".npz", ".npy", ".csv"):
        message = f"`{output}` ends neither in .npz nor in .npy nor in .csv"
        raise refuse("T0707", message, "outputs are written as NumPy files, or as CSV")
    check_writable(output)


def _named(model: Any, outputs: Any) -> dict[str, Any]:
    if isinstance(outputs, Mapping):
        return {str(name): array for name, array in outputs.items()}
    arrays = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return dict(zip(model.output_names, arrays, strict=True))


def _classifies(model: Any) -> bool:
    """Whether the model was trained to choose one of several classes."""
    loss = getattr(model.loss, "name", "") or ""
    return "categorical_crossentropy" in loss and model.output_types[0].rank > 1


def _class_numbers(name: str, array: Any) -> Any:
    if array.ndim < 2 or array.shape[-1] == 1:
        raise refuse(
            "T0204",
            f"the output `{name}` has one number a sample: no classes to choose from",
            "use `--values`",
        )
    return array.argmax(axis=-1)


def _print_arrays(named: Mapping[str, Any]) -> None:
    """One line a sample."""
    for name, array in named.items():
        if len(named) > 1:
            say(f"# {name}")
        for row in array.reshape(len(array), -1):
            say(" ".join(f"{value:.6g}" for value in row.tolist()))


def _write_arrays(output: str, named: Mapping[str, Any]) -> None:
    import numpy

    if Path(output).suffix == ".npz":
        write_atomically(output, lambda file: numpy.savez(file, **named))
        return
    if Path(output).suffix == ".csv":
        write_atomically(output, lambda file: file.write(_csv(named).encode()))
        return
    if len(named) > 1:
        message = f"the model has {len(named)} outputs, and a .npy file holds one array"
        raise refuse("T0707", message, "end the name in .npz")
    (array,) = named.values()
    write_atomically(output, lambda file: numpy.save(file, array))


def _csv(named: Mapping[str, Any]) -> str:
    """A row a sample; several numbers of an output are `name_0`, `name_1` and so on.

    That is how a table is read as data.
    """
    import csv
    import io

    columns: dict[str, Any] = {}
    for name, array in named.items():
        flat = array.reshape(len(array), -1)
        single = array.ndim == 1
        for index in range(flat.shape[1]):
            columns[name if single else f"{name}_{index}"] = flat[:, index].tolist()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _kinds(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {a.dtype}{list(a.shape)}" for n, a in named.items())
