"""The library's optimizers by name; `optimizers` enters them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.calling import told_with
from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.kinds import CALLS, shown
from .configured import Kinds, deserialized, serialized
from .optimizer import Optimizer

CLASSES: dict[str, type[Optimizer]] = {}
KINDS = Kinds(Optimizer, "optimizer", "optimizer", CLASSES)


def get(identifier: Any) -> Any:
    """The optimizer that a name, a configuration or a class means.

    Raises T0204 with the nearest name.

    >>> get("adam").name
    'adam'
    """
    found = KINDS.get(identifier)
    if found is None or isinstance(found, Optimizer):
        return found
    fault = Fault("T0204", f"{shown(identifier)} is no optimizer", argument="optimizer")
    raise TensorTypeError.of(fault, caller_span())


@told_with(CALLS)
def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Class and configuration, as JSON holds them.

    >>> serialize(get("adam"))["class_name"]
    'Adam'
    """
    found: dict[str, Any] = serialized(optimizer)
    return found


@told_with(CALLS)
def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The optimizer that `serialize` described, with new state.

    `custom_objects` maps names of your own classes to them. Raises T0204 for a class
    that is not known.

    >>> deserialize({"class_name": "SGD", "config": {"momentum": 0.5}}).momentum
    0.5
    """
    return deserialized(config, custom_objects, KINDS)
