"""Targets and sample weights in the order of the goals that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import Fault
from ..graph.types import TensorType
from . import data
from .class_weights import weights_of_classes

if TYPE_CHECKING:
    from .objective import OutputGoal

Array = Any


def targets_of(goals: Sequence[OutputGoal], y: Any) -> list[Any]:
    """The target of each output, None where the output needs none."""
    needed = [goal for goal in goals if goal.needs_target]
    if y is None:
        if needed:
            title = _title(needed[0])
            advice = "give it beside the data: `(x, y)`"
            raise data.refuse("T0703", f"there is no {title}: `y` is missing", advice)
        return [None] * len(goals)
    if isinstance(y, Mapping):
        known = [goal.name for goal in goals]
        there = f"the {_what(goals)}s are {', '.join(known)}"
        strange = [key for key in y if key not in known]
        missing = [goal.name for goal in needed if goal.name not in y]
        if missing:
            wanted = next(goal for goal in needed if goal.name == missing[0])
            raise data.refuse("T0703", f"`y` has no {_title(wanted)}", there)
        if strange:
            raise data.refuse(
                "T0703",
                f"`y` names the {_what(goals)} `{strange[0]}`, which the model has not",
                there if known else "leave `y` out",
            )
        return [y.get(goal.name) if goal.needs_target else None for goal in goals]
    if len(goals) == 1:
        single = isinstance(y, (list, tuple)) and len(y) == 1 and hasattr(y[0], "shape")
        return [y[0] if single else y]
    values = list(y) if isinstance(y, (list, tuple)) else [y]
    if len(values) == len(needed) < len(goals):  # those without a loss have no target
        given = iter(values)
        return [next(given) if goal.needs_target else None for goal in goals]
    if len(values) != len(goals):
        named = "target name" if _what(goals) == "target" else "output name"
        raise data.refuse(
            "T0701",
            f"the model has {data.counted(len(goals), _what(goals))}, and `y` is "
            f"{told_count(values)}",
            f"name them: a dictionary by {named}" if goals else "leave `y` out",
        )
    return [
        v if goal.needs_target else None for v, goal in zip(values, goals, strict=True)
    ]


def named_targets(
    goals: Sequence[OutputGoal], values: Sequence[Any], taken: Sequence[str]
) -> list[tuple[str, Array] | None]:
    """The targets as arrays, with their names for messages."""
    found: list[tuple[str, Array] | None] = []
    for goal, value in zip(goals, values, strict=True):
        name = "y" if "y" not in taken and goal.single else goal.name
        found.append(None if value is None else (name, data.as_array(name, value)))
    return found


def _what(goals: Sequence[OutputGoal]) -> str:
    """What targets are counted by: outputs, or themselves where they have none."""
    return "output" if goals and goals[0].declared is None else "target"


def _title(goal: OutputGoal) -> str:
    if goal.declared is not None:
        return f"target `{goal.name}`"
    return f"target for the output `{goal.name}`"


def told_count(values: Sequence[Any]) -> str:
    """How many arrays were given; rows of numbers are one array."""
    rows = len(values) > 1 and not any(hasattr(value, "shape") for value in values)
    return "1 array" if rows else data.counted(len(values), "array")


def weights_of(
    goals: Sequence[OutputGoal],
    outputs: Sequence[TensorType],
    sample_weight: Any,
    class_weight: Any,
    arrays: list[Any],
) -> list[Any]:
    """The weights of each goal's samples, None where there are none."""
    joint = _what(goals) == "target"
    if joint and (class_weight is not None or sample_weight is not None):
        raise Fault(
            "T0204",
            "the loss of this model is one number of all its inputs, targets and "
            "outputs, so there is nothing that weights of samples belong to",
            argument="class_weight" if sample_weight is None else "sample_weight",
            help=["make them an input of the model, and multiply in the loss"],
        )
    if class_weight is not None:
        if len(goals) != 1 or sample_weight is not None or not goals[0].needs_target:
            raise Fault(
                "T0204",
                "`class_weight` is for models with one output and its target, and "
                "without `sample_weight`",
                argument="class_weight",
            )
        return [weights_of_classes(class_weight, arrays[-1], outputs[0], goals[0])]
    if sample_weight is None:
        return [None] * len(goals)
    if isinstance(sample_weight, Mapping):
        return [sample_weight.get(goal.name) for goal in goals]
    if len(goals) > 1 and isinstance(sample_weight, (list, tuple)):
        return list(sample_weight)
    return [sample_weight if goal.needs_target else None for goal in goals]
