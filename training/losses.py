"""Losses: what training makes small, by Keras's names, arguments and numbers.

Each comes as a function, which gives one value for each sample, and as a class, which
reduces them to a scalar. Both work on values and on symbols. Shapes of operands must
be equal but for one last axis of size 1: nothing is broadcast in silence. Each family
file lists its losses in `__all__`; this page gathers them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..graph.calling import told_with
from ..graph.initializers import snake_case
from ..graph.kinds import CALLS
from . import (
    losses_errors,
    losses_focal,
    losses_margins,
    losses_overlap,
    losses_probability,
)
from .configured import Kinds, deserialized, serialized
from .loss import Loss, LossFunction
from .losses_errors import *  # noqa: F403
from .losses_focal import *  # noqa: F403
from .losses_margins import *  # noqa: F403
from .losses_overlap import *  # noqa: F403
from .losses_probability import *  # noqa: F403

__all__ = ["Loss"]
__all__ += losses_errors.__all__
__all__ += losses_focal.__all__
__all__ += losses_margins.__all__
__all__ += losses_overlap.__all__
__all__ += losses_probability.__all__

# For strings and the language: the functions, each with its class.
CLASSES: dict[str, type[Loss]] = {
    snake_case(name): globals()[name]
    for name in sorted(__all__)
    if isinstance(globals()[name], type) and name != "Loss"
}
BY_NAME: dict[str, Callable[..., Any]] = {name: globals()[name] for name in CLASSES}
ALIASES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
KINDS = Kinds(Loss, "loss", "loss", CLASSES, ALIASES, BY_NAME)


def as_loss(identifier: Any) -> Any:
    """The loss object that a name, a configuration, a class or a callable means.

    Raises T0204 with the nearest name.

    >>> as_loss("mse").name
    'mean_squared_error'
    """
    found = KINDS.get(identifier)
    known = found is None or isinstance(found, Loss)
    return found if known else LossFunction(found)


def get(identifier: Any) -> Any:
    """The loss that a name, a configuration, a class or a callable means.

    The name of a function gives the function, that of a class an object. Raises T0204
    with the nearest name.

    >>> get("mse") is mean_squared_error, get("MeanSquaredError").name
    (True, 'mean_squared_error')
    """
    if isinstance(identifier, str):
        low = identifier.lower() if identifier.isupper() else identifier
        name = ALIASES.get(low, identifier)
        if name in BY_NAME:
            return BY_NAME[name]
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    return KINDS.get(identifier)


@told_with(CALLS)
def serialize(loss: Any) -> Any:
    """A loss as class name and configuration, a function as its name, for JSON.

    >>> serialize(mean_squared_error)
    'mean_squared_error'
    """
    return serialized(loss)


@told_with(CALLS)
def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The loss that `serialize` described; `custom_objects` are your classes by name.

    >>> deserialize({"class_name": "Huber", "config": {"delta": 2.0}}).delta
    2.0
    """
    if isinstance(name, str):
        found = (custom_objects or {}).get(name)
        return get(name) if found is None else found
    return deserialized(name, custom_objects, KINDS)
