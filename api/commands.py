"""What each command of `tulle` does. Each takes the parsed options, gives a code."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import commands_text
from .graph.diagnostics import DataError, RunShapeError
from .graph.files import check_readable, check_writable, write_atomically
from .printing import refuse, say

if TYPE_CHECKING:
    from .dsl.plans import TrainingPlan

TEST = "test_"  # before the names of the arrays that training leaves alone
SAVED = ".tulle"


# Looking.


def run_summary(options: Namespace) -> int:
    """Print the layers of the models."""
    from .training.costs import check_sizes
    from .training.summary import lines, summarize

    models, sizes = _models(options), dict(options.sizes or ())
    optimizers = _optimizers(options, models)
    types = [type for model in models.values() for type in _input_types(model)]
    check_sizes(types, sizes)
    for index, (name, model) in enumerate(models.items()):
        if index:
            say("")
        found = summarize(model, options.expand, True, optimizers.get(name))
        for line in lines(found, sizes=sizes):
            say(line)
    return 0


def _input_types(model: Any) -> Sequence[Any]:
    return getattr(getattr(model, "network", None) or model, "input_types", ())


def _optimizers(options: Namespace, models: Mapping[str, Any]) -> dict[str, Any]:
    """The optimizer of each model that is trained."""
    if _is_saved(options.file):
        found = {
            name: getattr(model, "optimizer", None) for name, model in models.items()
        }
    else:
        plans = _load(options).trainings
        found = {name: plan.optimizer for name, plan in plans.items()}
    return found


def run_render(options: Namespace) -> int:
    """Draw a model."""
    from .graph.diagram import diagram_of
    from .graph.drawing import picture_format, save

    picture_format(options.output)
    check_writable(options.output)
    model = _model(options)
    save(diagram_of(model, expand_nested=not options.no_expand), options.output)
    say(f"drew {model.name} into {options.output}")
    return 0


def run_export(options: Namespace) -> int:
    """Write a model as a text."""
    from .dsl.to_net import to_net

    if options.output is not None:
        check_writable(options.output)
    text = to_net(_model(options))
    if options.output is None:
        say(text.rstrip())
    else:
        write_atomically(options.output, lambda file: file.write(text.encode()))
        say(f"wrote {options.output}")
    return 0


def run_explain(options: Namespace) -> int:
    """Print the page of a code, or all codes."""
    import difflib

    from .graph.codes import CODES, explain

    if options.code is None:
        for code, entry in sorted(CODES.items()):
            say(f"{code}  {entry.title}")
        return 0
    code = options.code.upper()
    if code not in CODES:
        near = difflib.get_close_matches(code, CODES, 1)
        advice = [f"did you mean `{near[0]}`?"] if near else []
        all_codes = "`tulle explain` lists all codes"
        raise refuse("T0204", f"there is no code `{options.code}`", *advice, all_codes)
    say(explain(code))
    return 0


def run_dump(options: Namespace) -> int:
    """Print a model after a pass of the compiler, or its program."""
    from .backend import compile_graph, stages
    from .backend.pipeline.listing import schedule_listing
    from .graph.listing import listing

    graph, sizes = _step_graph(options), dict(options.sizes or ())
    last: dict[str, Callable[[Any], str]] = {
        "schedule": lambda program: schedule_listing(program.schedule),
        "buffers": lambda program: _buffers(program, sizes),
        "program": lambda program: program.source().rstrip(),
    }
    if options.stage in last:
        say(last[options.stage](compile_graph(graph)))
        return 0
    found = {stage.name: stage for stage in stages(graph)}
    if options.stage == "list":
        say("\n".join([*found, *last]))
        return 0
    if options.stage not in found:
        known = ", ".join([*found, *last])
        raise refuse(
            "T0204", f"there is no stage `{options.stage}`", f"the stages are {known}"
        )
    say(listing(found[options.stage].graph))
    return 0


def _buffers(program: Any, sizes: Mapping[str, int]) -> str:
    """The memory of a program; in numbers if all sizes of its inputs are given."""
    from .backend.pipeline.listing import buffers_listing
    from .training.costs import check_sizes

    types = [node.tensor_type for node in program.graph.inputs]
    check_sizes(types, sizes)
    dims = [dim for type in types for dim in type.shape]
    symbols = list(dict.fromkeys(s for dim in dims for s in dim.symbols()))
    if not sizes:
        return buffers_listing(program.schedule)
    left = [symbol.name for symbol in symbols if symbol.name not in sizes]
    if left:
        raise refuse("T0204", f"`--sizes` does not say how large `{left[0]}` is")
    numbers = {symbol: sizes[symbol.name] for symbol in symbols}
    return buffers_listing(program.schedule, numbers)


def _step_graph(options: Namespace) -> Any:
    """The graph of the prediction, or of one training step."""
    from .graph.graph import graph_of
    from .training.steps import Signature

    if not options.train:
        return graph_of(_model(options))
    plan = _plan(_load(options), options)
    model = _compiled(plan)
    targets = tuple(plan.targets.values())
    signature = Signature(model.input_types, targets, (None,) * len(targets))
    return model.steps.train_graph(signature)


def _compiled(plan: TrainingPlan) -> Any:
    """The model of a plan, compiled as the plan says."""
    model: Any = plan.model
    model.compile(**plan.compile_arguments)
    return model


# Running.


def run_train(options: Namespace) -> int:
    """Train a model as its file says, and save it."""
    from .graph.device import device
    from .training.data import bind
    from .training.data_files import load_arrays

    if Path(options.output).suffix != SAVED:
        message = f"`{options.output}` does not end in `{SAVED}`"
        raise refuse("T0707", message, f"saved models are {SAVED} files")
    check_writable(options.output)
    with device(options.device):
        plan = _seeded_plan(options)
        types = _types(plan.model) | dict(plan.targets)
        arrays = bind(load_arrays(options.data, list(types)), types)
        given = {"batch_size": options.batch, "epochs": options.epochs}
        chosen = {name: value for name, value in given.items() if value is not None}
        model = _compiled(plan)
        if plan.remark and not options.quiet:
            say(plan.remark)
        with _target_called(tuple(plan.targets)):
            model.fit(
                {name: arrays[name] for name in model.input_names},
                plan.y(arrays),
                verbose=0 if options.quiet else "auto",
                **(plan.fit_arguments | chosen),
            )
        model.save(options.output)
    say(f"saved {model.name} as {options.output}")
    return 0


@contextmanager
def _target_called(names: Sequence[str]) -> Iterator[None]:
    """Let refusals of the target, which `fit` calls `y`, name its array."""
    try:
        yield
    except (DataError, RunShapeError) as error:
        if len(names) != 1:
            raise
        raise type(error)(
            *(
                replace(told, message=told.message.replace("`y`", f"`{names[0]}`"))
                for told in error.diagnostics
            )
        ) from None


def _seeded_plan(options: Namespace) -> TrainingPlan:
    """The plan of a file, its weights drawn from the seed in force."""
    from .graph.variable import set_random_seed

    plan = _plan(_load(options), options)
    seed = plan.seed if options.seed is None else options.seed
    if seed is None:
        return plan
    # Weights take their seeds when the file is loaded: hence once more.
    set_random_seed(seed)
    return _plan(_load(options), options)


def run_evaluate(options: Namespace) -> int:
    """Print the loss and the metrics on data."""
    from .graph.device import device
    from .training.data_files import load_arrays
    from .training.progress import told

    with device(options.device):
        model, names = _trained(options)
        part, there = _part_of(options.data, options.part, model.input_names)
        if options.target is not None:
            names = (options.target,)
        if names is None:
            names = _targets_among(model, there, part, options.data)
        wanted = [part + name for name in (*model.input_names, *names)]
        arrays = load_arrays(options.data, wanted)
        with _target_called([part + name for name in names]):
            figures = model.evaluate(
                {name: arrays[part + name] for name in model.input_names},
                _as_y(model, {name: arrays[part + name] for name in names}),
                verbose=0,
                return_dict=True,
            )
    count = len(arrays[wanted[0]])
    what = f"{count} {'test' if part else 'training'} samples"
    say(f"{model.name} on {what} of {options.data}: {told(figures)}")
    return 0


def _as_y(model: Any, targets: Mapping[str, Any]) -> Any:
    """The targets as `evaluate` takes them: by name where the model knows the names."""
    if len(targets) == 1:
        return next(iter(targets.values()))
    known = {*_target_names(model), *model.output_names}
    return (
        dict(targets) if known.issuperset(targets) else list(targets.values()) or None
    )


def _target_names(model: Any) -> tuple[str, ...]:
    """The names of the targets, where a loss of everything tells them."""
    joint = model.demand_compiled().joint
    return () if joint is None else tuple(name for name, _ in joint.targets)


def _trained(options: Namespace) -> tuple[Any, tuple[str, ...] | None]:
    """A model that can be evaluated, and the names of its targets where known."""
    if _is_saved(options.file):
        return _model(options), None
    with _fresh_weights():
        plan = _plan(_load(options), options)
    return _compiled(plan), tuple(plan.targets)


@contextmanager
def _fresh_weights() -> Iterator[None]:
    """Load a text whose weights are used untrained: they repeat, and it is told."""
    from .graph.variable import set_random_seed

    set_random_seed(0)
    yield
    say("note: a .net file has no trained weights; these are fresh", sys.stderr)


def run_predict(options: Namespace) -> int:
    """Print or write the outputs of a model for data."""
    from .graph.device import device
    from .training.data import bind
    from .training.data_files import load_arrays

    _check_arrays_file(options.output)
    with device(options.device):
        with nullcontext() if _is_saved(options.file) else _fresh_weights():
            model = _model(options)
        part, _ = _part_of(options.data, options.part, model.input_names)
        types = _types(model)
        found = load_arrays(options.data, [part + name for name in types])
        arrays = bind({name: found[part + name] for name in types}, types)
        outputs = model.predict(arrays, verbose=0)
    named = _named(model, outputs)
    classify = _classifies(model) if options.classes is None else options.classes
    if classify:
        named = {name: _class_numbers(name, array) for name, array in named.items()}
    if options.output is not None:
        _write_arrays(options.output, named)
        say(f"wrote {_kinds(named)} to {options.output}")
    else:
        _print_arrays(named)
    return 0


def _check_arrays_file(output: str | None) -> None:
    if output is None:
        return
    if Path(output).suffix not in (".npy", ".npz"):
        message = f"`{output}` ends neither in .npy nor in .npz"
        raise refuse("T0707", message, "outputs are written as NumPy files")
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
    if array.ndim < 2:
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

    from .graph.files import write_atomically

    if Path(output).suffix == ".npz":
        write_atomically(output, lambda file: numpy.savez(file, **named))
        return
    if len(named) > 1:
        message = f"the model has {len(named)} outputs, and a .npy file holds one array"
        raise refuse("T0707", message, "end the name in .npz")
    (array,) = named.values()
    write_atomically(output, lambda file: numpy.save(file, array))


def _kinds(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {a.dtype}{list(a.shape)}" for n, a in named.items())


# Models and data of the command line.


def _is_saved(file: str) -> bool:
    """Whether a file is a saved model; its ending or its first bytes say so."""
    with check_readable(file).open("rb") as stream:
        return Path(file).suffix == SAVED or stream.read(2) == b"PK"


def _load(options: Namespace) -> Any:
    from .dsl import load
    from .dsl.externs import UNGIVEN

    # What only looks at a model needs no classes of extern layers.
    extern = UNGIVEN if options.command in ("summary", "render") else None
    settings = dict(options.set)
    return load(options.file, root=options.root, extern=extern, **settings)


def _models(options: Namespace) -> Mapping[str, Any]:
    """The models of a file, or the one that was asked for."""
    if _is_saved(options.file):
        from .training.saving import load_model

        if options.set:
            message = f"`{options.file}` is a saved model, which has no settings"
            raise refuse("T0202", message, "`--set` is for .net files")
        model = load_model(options.file)
        found = {model.name: model}
    else:
        found = dict(_load(options).models)
    if options.model is not None:
        return {options.model: _chosen(found, options.model, options.file, "model")}
    if not found:
        raise refuse("T0201", f"`{options.file}` defines no model")
    return found


def _model(options: Namespace) -> Any:
    """The only model of a file, or the one that was asked for."""
    return _only(_models(options), options.file, "model")


def _plan(module: Any, options: Namespace) -> TrainingPlan:
    """The only training of a file, or that of the model that was asked for."""
    plans = module.trainings
    if not plans:
        raise refuse(
            "T0604",
            f"`{options.file}` has no `train` block, so nothing says how to train",
            "add one: `train Model(target: i32[B]) { loss … optimizer … }`",
        )
    if options.model is not None:
        plan: TrainingPlan = _chosen(plans, options.model, options.file, "training of")
        return plan
    only: TrainingPlan = _only(plans, options.file, "training")
    return only


def _chosen(found: Mapping[str, Any], name: str, file: str, what: str) -> Any:
    if name in found:
        return found[name]
    there = ", ".join(found) or "nothing"
    raise refuse("T0201", f"`{file}` has no {what} `{name}`", f"there is {there}")


def _only(found: Mapping[str, Any], file: str, what: str) -> Any:
    if len(found) > 1:
        names = ", ".join(found)
        message = f"`{file}` has several {what}s: {names}"
        raise refuse("T0203", message, "choose one with `--model NAME`")
    (item,) = found.values()
    return item


def _types(model: Any) -> dict[str, Any]:
    """The declared types of the inputs, by name."""
    return dict(zip(model.input_names, model.input_types, strict=True))


def _part_of(
    path: Any, asked: str | None, inputs: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """What stands before the names of a part's arrays, and the names themselves.

    There is a test part if there is a `test_` array for every input.
    """
    from .training.data_files import array_names

    names = array_names(path)
    test = [name for name in names if name.startswith(TEST)]
    missing = [TEST + name for name in inputs if TEST + name not in test]
    if asked == "test" and missing:
        message = f"`{path}` has no test part: there is no array `{missing[0]}`"
        raise refuse("T0703", message, "leave `--part` out, or use `--part train`")
    if not missing and asked != "train":
        return TEST, tuple(name.removeprefix(TEST) for name in test)
    return "", tuple(name for name in names if name not in test)


def _targets_among(
    model: Any, names: Sequence[str], part: str, path: Any
) -> tuple[str, ...]:
    """The arrays that are no input, if they are as many as the outputs."""
    known = _target_names(model)
    if model.demand_compiled().joint is not None and set(known) <= set(names):
        return known
    rest = tuple(name for name in names if name not in model.input_names)
    if not rest:
        raise refuse(
            "T0703",
            f"`{path}` does not hold both the inputs and the expected outputs",
            "put the arrays into one `.npz` file: `numpy.savez(path, name=array, …)`",
        )
    if len(rest) == len(model.output_types):
        return rest
    told = ", ".join(f"`{part}{name}`" for name in rest) or "none"
    raise refuse(
        "T0703",
        f"it is not clear which array of `{path}` holds the expected outputs: besides "
        f"the inputs there are {told}",
        "name it: `--target NAME`",
    )


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "check": commands_text.run_check,
    "dump": run_dump,
    "evaluate": run_evaluate,
    "explain": run_explain,
    "export": run_export,
    "fmt": commands_text.run_fmt,
    "predict": run_predict,
    "render": run_render,
    "summary": run_summary,
    "train": run_train,
    "types": commands_text.run_types,
}
