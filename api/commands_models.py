"""The models of the command line: of .net files, and saved ones."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .graph.files import check_readable
from .printing import refuse, say

if TYPE_CHECKING:
    from .dsl.plans import TrainingPlan

SAVED = ".tulle"


def is_saved(file: str) -> bool:
    """Whether a file is a saved model; its ending or its first bytes say so."""
    with check_readable(file).open("rb") as stream:
        return Path(file).suffix == SAVED or stream.read(2) == b"PK"


def load_module(options: Namespace) -> Any:
    """What a .net file defines."""
    from .dsl import load
    from .dsl.externs import UNGIVEN

    # What only looks at a model needs no classes of extern layers.
    extern = UNGIVEN if options.command in ("summary", "render") else None
    check_readable(options.file)  # in words about a file, not about `load`
    settings = dict(options.set)
    return load(options.file, root=options.root, extern=extern, **settings)


def models_of(options: Namespace) -> Mapping[str, Any]:
    """The models of a file, or the one that was asked for."""
    if is_saved(options.file):
        from .training.saving import load_model

        if options.set:
            message = f"`{options.file}` is a saved model, which has no settings"
            raise refuse("T0202", message, "`--set` is for .net files")
        model = load_model(options.file)
        found = {model.name: model}
    else:
        found = dict(load_module(options).models)
    if options.model is not None:
        return {options.model: _chosen(found, options.model, options.file, "model")}
    if not found:
        raise refuse("T0201", f"`{options.file}` defines no model")
    return found


def model_of(options: Namespace) -> Any:
    """The only model of a file, or the one that was asked for."""
    return _only(models_of(options), options.file, "model")


def plan_of(module: Any, options: Namespace) -> TrainingPlan:
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


def types_of(model: Any) -> dict[str, Any]:
    """The declared types of the inputs, by name."""
    return dict(zip(model.input_names, model.input_types, strict=True))


def compiled(plan: TrainingPlan) -> Any:
    """The model of a plan, compiled as the plan says."""
    model: Any = plan.model
    model.compile(**plan.compile_arguments)
    return model


@contextmanager
def fresh_weights() -> Iterator[None]:
    """Load a text whose weights are used untrained: they repeat, and it is told."""
    from .graph.variable import set_random_seed

    set_random_seed(0)
    yield
    say("note: a .net file has no trained weights; these are fresh", sys.stderr)
