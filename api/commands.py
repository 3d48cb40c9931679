"""What each command of `tulle` does. Each takes the parsed options, gives a code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import commands_text, commands_train, commands_use
from .commands_models import (
    compiled,
    is_saved,
    load_module,
    model_of,
    models_of,
    plan_of,
)
from .graph.files import check_writable, write_atomically
from .graph.nearest import nearest_of
from .printing import check_apart, refuse, say

MANY_BOXES = 80  # what no picture shows at a size to be read


def run_summary(options: Namespace) -> int:
    """Print the layers of the models."""
    from .training.costs import check_sizes
    from .training.summary import lines, summarize

    models, sizes = models_of(options), dict(options.sizes or ())
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
    if is_saved(options.file):
        found = {
            name: getattr(model, "optimizer", None) for name, model in models.items()
        }
    else:
        plans = load_module(options).trainings
        found = {name: plan.optimizer for name, plan in plans.items()}
    return found


def run_render(options: Namespace) -> int:
    """Draw a model."""
    from .graph.diagram import diagram_of
    from .graph.drawing import picture_format, save

    picture_format(options.output)
    check_writable(options.output)
    model = model_of(options)
    diagram = diagram_of(model, expand_nested=options.expand is not False)
    more = ""
    if options.expand is None and diagram.clusters and len(diagram.boxes) > MANY_BOXES:
        count, diagram = len(diagram.boxes), diagram_of(model, expand_nested=False)
        more = f", nested models as one box each; --expand draws all {count} boxes"
    save(diagram, options.output)
    say(f"drew {model.name} into {options.output}{more}")
    return 0


def run_export(options: Namespace) -> int:
    """Write a model as a text."""
    from .dsl.to_net import to_net

    if options.output is not None:
        check_writable(options.output)
        check_apart(options.output, options.file)
    text = to_net(model_of(options))
    if options.output is None:
        say(text.rstrip())
    else:
        write_atomically(options.output, lambda file: file.write(text.encode()))
        say(f"wrote {options.output}")
    return 0


def run_explain(options: Namespace) -> int:
    """Print the page of a code, or all codes."""

    from .graph.codes import CODES, explain

    if options.code is None:
        for code, entry in sorted(CODES.items()):
            say(f"{code}  {entry.title}")
        return 0
    code = options.code.upper()
    if code not in CODES:
        near = nearest_of(code, CODES)
        advice = [f"did you mean `{near[0]}`?"] if near else []
        all_codes = "`tulle explain` lists all codes"
        raise refuse("T0204", f"there is no code `{options.code}`", *advice, all_codes)
    say(explain(code))
    return 0


def run_dump(options: Namespace) -> int:
    """Print a model after a pass of the compiler, or its program."""
    from .backend import compile_graph, compile_stages
    from .backend.pipeline.listing import schedule_listing
    from .graph.listing import listing
    from .training.costs import check_sizes

    graph, sizes = _step_graph(options), dict(options.sizes or ())
    check_sizes([node.tensor_type for node in graph.inputs], sizes)
    last: dict[str, Callable[[Any], str]] = {
        "schedule": lambda program: schedule_listing(program.schedule),
        "buffers": lambda program: _buffers(program, sizes),
        "program": lambda program: program.source().rstrip(),
    }
    if options.stage in last:
        say(last[options.stage](compile_graph(graph)))
        return 0
    found = {stage.name: stage for stage in compile_stages(graph)}
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

    dims = [d for node in program.graph.inputs for d in node.tensor_type.shape]
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
        return graph_of(model_of(options))
    plan = plan_of(load_module(options), options)
    model = compiled(plan)
    targets = tuple(plan.targets.values())
    signature = Signature(model.input_types, targets, (None,) * len(targets))
    return model.steps.train_graph(signature)


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "check": commands_text.run_check,
    "dump": run_dump,
    "evaluate": commands_use.run_evaluate,
    "explain": run_explain,
    "export": run_export,
    "fmt": commands_text.run_fmt,
    "predict": commands_use.run_predict,
    "render": run_render,
    "summary": run_summary,
    "train": commands_train.run_train,
    "types": commands_text.run_types,
}
