"""Activation functions by name: the ops of the registry that take one tensor."""

from __future__ import annotations

import difflib
from typing import Any

from .diagnostics import Fault
from .op import Op
from .registry import OPS

NAMES = (
    "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear",
    "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax",
    "softplus", "softsign", "tanh",
)  # fmt: skip
ALIASES = {"exponential": "exp", "swish": "silu"}


def get(identifier: Any) -> Any:
    """The function that a name or a callable means; None for none or `linear`."""
    if identifier is None or identifier == "linear":
        return None
    if not isinstance(identifier, str):
        return identifier
    name = ALIASES.get(identifier, identifier)
    if identifier in (*NAMES, *ALIASES) and name in OPS:
        return OPS[name]
    near = difflib.get_close_matches(identifier, NAMES, 1)
    known = "known: " + ", ".join(NAMES)
    raise Fault(
        "T0204",
        f"`{identifier}` is no activation",
        argument="activation",
        help=[f"did you mean `{near[0]}`?", known] if near else [known],
    )


def serialize(function: Any) -> Any:
    """The name of an activation, or what was given."""
    return function.name if isinstance(function, Op) else function
