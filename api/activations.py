"""Activation functions: functions of one tensor, most of them ops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .graph import activations as _activations
from .graph.activations import ALIASES, NAMES, linear, relu, serialize
from .graph.naming import unknown_name
from .graph.registry import OPS
from .training.configured import told_to_caller

_FUNCTIONS = {
    name: OPS[ALIASES.get(name, name)]
    for name in (*NAMES, *ALIASES)
    if name not in ("linear", "relu")
}

__all__ = ["deserialize", "get", "linear", "relu", "serialize", *_FUNCTIONS]  # noqa: PLE0604

globals().update(_FUNCTIONS)


@told_to_caller
def get(identifier: Any) -> Any:
    """The function that a name means; a function is given back, for None `linear`.

    Raises T0204 with the nearest name.

    >>> get(None) is linear, get("relu")([-1.0, 2.0]).numpy().tolist()
    (True, [0.0, 2.0])
    """
    found = _activations.get(identifier)
    return linear if found is None else found


@told_to_caller
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The function that `serialize` named; `custom_objects` are your own by name.

    >>> deserialize(serialize(get("tanh"))) is get("tanh")
    True
    """
    custom = custom_objects or {}
    known = isinstance(config, str) and config in custom
    return custom[config] if known else get(config)


__getattr__ = unknown_name("tulle.activations", __all__)
