"""Activation functions by name: ops of the registry, `linear`, and `relu` in full."""

from __future__ import annotations

from typing import Any

from .calling import told_with
from .diagnostics import Fault
from .kinds import CALLS, shown
from .nearest import nearest_of
from .op import Op
from .registry import OPS, call

NAMES = (
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid",
    "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax",
    "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax",
    "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "tanh", "tanh_shrink", "threshold",
)  # fmt: skip
ALIASES = {
    "exponential": "exp", "gelu": "exact_gelu", "hard_swish": "hard_silu",
    "swish": "silu",
}  # fmt: skip


def get(identifier: Any) -> Any:
    """The function that a name or a callable means; None for none or `linear`."""
    if identifier is None:
        return None
    if callable(identifier):
        return identifier
    if isinstance(identifier, str) and identifier == "linear":
        return None
    if not isinstance(identifier, str):
        told = f"an activation is a name or a function, not {shown(identifier)}"
        known = "known: " + ", ".join(NAMES)
        raise Fault("T0204", told, argument="activation", help=[known])
    name = ALIASES.get(identifier, identifier)
    if identifier in (*NAMES, *ALIASES) and name in OPS:
        return OPS[name]
    near = nearest_of(identifier, NAMES)
    known = "known: " + ", ".join(NAMES)
    raise Fault(
        "T0204",
        f"`{identifier}` is no activation",
        argument="activation",
        help=[f"did you mean `{near[0]}`?", known] if near else [known],
        repair={"activation": f'"{near[0]}"'} if near else {},
    )


@told_with(CALLS)
def serialize(activation: Any) -> Any:
    """The name of an activation, or what was given."""
    if activation in (linear, relu):
        return str(activation.__name__)
    if not isinstance(activation, Op):
        return activation
    own = {"exact_gelu": "gelu", "exp": "exponential"}
    return own.get(activation.name, activation.name)


def linear(x: Any) -> Any:
    """The operand itself.

    >>> linear(3.0)
    3.0
    """
    return x


@told_with(CALLS)
def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Any:
    """x from `threshold` on, at most `max_value`; below, a slope from `threshold`.

    >>> relu([-1.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """
    if threshold == 0 and max_value is None:
        return (
            call("leaky_relu", x, negative_slope) if negative_slope else call("relu", x)
        )
    below = call("subtract", x, threshold) * negative_slope
    result = call("where", call("greater_equal", x, threshold), x, below)
    return result if max_value is None else call("minimum", result, max_value)
