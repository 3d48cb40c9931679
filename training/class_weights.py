"""Weights of classes, as `fit(class_weight={class: weight})` gives them, by sample."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.types import TensorType
from . import data

if TYPE_CHECKING:
    from .objective import OutputGoal


def weights_of_classes(
    given: Any, target: Any, output: TensorType, goal: OutputGoal
) -> Any:
    """The weight of each sample; a class that is not named weighs 1."""
    _check(given)
    labels = target
    if not goal.takes_labels and labels.ndim > 1 and labels.shape[-1] > 1:
        data.check_finite("y", labels)
        labels = labels.argmax(-1)
    labels = _whole(labels)
    units = output.shape[-1].value if output.rank > 1 else None
    highest = int(labels.max()) if labels.size else 0
    # One unit tells two classes apart; without a number of units the data tell it.
    classes = units if units is not None and units > 1 else max(2, highest + 1)
    strange = [label for label in given if not 0 <= label < classes]
    if strange:
        raise data.refuse(
            "T0708",
            f"`class_weight` names the class {strange[0]}, and there are {classes} "
            f"classes: 0 to {classes - 1}",
        )
    table = np.ones(max(classes, highest + 1), "float32")
    for label, weight in given.items():
        table[int(label)] = weight
    return table[labels]


def _check(given: Any) -> None:
    if not isinstance(given, Mapping):
        raise _wrong(f"`class_weight` is a dictionary, not {given!r}")
    for label, weight in given.items():
        if isinstance(label, bool) or not isinstance(label, numbers.Integral):
            raise _wrong(f"`class_weight` names a class by its number, not {label!r}")
        real = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
        if not real or not math.isfinite(weight):
            raise _wrong(
                f"`class_weight` gives class {label} the weight {weight!r}, which is "
                "no number"
            )


def _wrong(message: str) -> Fault:
    return Fault(
        "T0204",
        message,
        argument="class_weight",
        help=["write `class_weight={0: 1.0, 1: 2.5}`"],
    )


def _whole(labels: Any) -> Any:
    data.check_finite("y", labels)
    found = labels.astype(np.int64)
    wrong = np.flatnonzero(((found != labels) | (found < 0)).reshape(-1))
    if len(wrong):
        raise data.refuse(
            "T0708",
            "`class_weight` needs a class number for each sample, and `y` holds "
            f"{labels.reshape(-1)[wrong[0]]}",
        )
    return found
