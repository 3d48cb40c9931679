"""Dtype policies: in which dtype a layer computes, and in which it keeps weights."""

from __future__ import annotations

from typing import Any

from .calling import told_with
from .configuration import default_float
from .diagnostics import Fault, TensorTypeError, caller_span
from .kinds import CALLS, shown
from .nearest import nearest_of
from .types import DType, dtype_of

# The dtype of computation of the policies that keep weights in float32.
MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """The dtypes of a layer: `compute_dtype` of its math, `variable_dtype` of weights.

    `name` is a dtype, which is then both, or `mixed_float16` or `mixed_bfloat16`:
    weights in float32 that are cast to 16 bits wherever the layer computes. Without a
    name it is the policy in force. Raises T0401 for another name, and for bfloat16
    where the package `ml_dtypes` is missing.

    >>> DTypePolicy("mixed_float16").compute_dtype
    'float16'
    """

    def __init__(self, name: str | None = None):
        try:
            self.name = _name_of(name)
            self.compute = _dtype(MIXED.get(self.name, self.name))
            self.stored = dtype_of("float32" if self.name in MIXED else self.name)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    @property
    def compute_dtype(self) -> str:
        """The dtype that inputs and weights are cast to in a call."""
        return self.compute.name

    @property
    def variable_dtype(self) -> str:
        """The dtype that weights are kept in."""
        return self.stored.name

    def shown(self) -> Any:
        """What stands for the policy in a layer's configuration."""
        return self.name

    def get_config(self) -> dict[str, Any]:
        """The constructor's argument."""
        return {"name": self.name}

    @classmethod
    @told_with(CALLS)
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """The policy of a configuration."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = DTypePolicy


def _name_of(name: Any) -> str:
    if name is None:
        return dtype_policy().name
    if not isinstance(name, str):
        raise Fault(
            "T0401",
            f"a dtype policy has a name, as `mixed_float16`, and this is {shown(name)}",
            argument="name",
        )
    if name in MIXED:
        return name
    try:
        return dtype_of(name).name
    except Fault as fault:
        near = nearest_of(name, MIXED)
        known = f"the policies are these and {', '.join(MIXED)}"
        advice = (f"did you mean `{near[0]}`?",) if near else ()
        fault.help = (*advice, *fault.help, known)
        raise


def _dtype(name: str) -> DType:
    dtype = dtype_of(name)
    _ = dtype.numpy  # bfloat16 needs a package; better told here than in a call
    return dtype


class _Global:
    """The policy of layers that are told none; None follows `floatx`."""

    policy: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are told none: that of `floatx` at first.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    return _Global.policy or DTypePolicy(default_float().name)


def set_dtype_policy(policy: Any) -> None:
    """Let layers made from here on have a policy, by name or as an object.

    None is the policy of `floatx` again. Raises T0401 for anything else.

    >>> set_dtype_policy("mixed_float16")
    >>> dtype_policy()
    <DTypePolicy "mixed_float16">
    >>> set_dtype_policy(None)
    """
    if policy is not None and not isinstance(policy, (str, DTypePolicy)):
        fault = Fault(
            "T0401",
            "a dtype policy is a name, such as `mixed_float16`, or a `DTypePolicy`; "
            f"this is {shown(policy)}",
            argument="policy",
        )
        raise TensorTypeError.of(fault, caller_span())
    _Global.policy = None if policy is None else get(policy)


def get(identifier: Any) -> DTypePolicy:
    """The policy that a name, a dtype, a configuration or a policy means.

    >>> get("float64").variable_dtype
    'float64'
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(dtype_of(identifier).name)
    except (TypeError, Fault):
        fault = Fault(
            "T0401",
            f"`dtype` is a dtype or a `DTypePolicy`, and this is {shown(identifier)}",
            argument="dtype",
        )
        raise TensorTypeError.of(fault, caller_span()) from None


@told_with(CALLS)
def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """A policy as class name and configuration.

    >>> serialize(DTypePolicy("float32"))
    {'class_name': 'DTypePolicy', 'config': {'name': 'float32'}}
    """
    return {"class_name": "DTypePolicy", "config": policy.get_config()}


@told_with(CALLS)
def deserialize(config: dict[str, Any]) -> DTypePolicy:
    """The policy that `serialize` described.

    >>> deserialize({"class_name": "DTypePolicy", "config": {"name": "float64"}})
    <DTypePolicy "float64">
    """
    try:
        return DTypePolicy.from_config(config["config"])
    except (KeyError, TypeError):
        fault = Fault(
            "T0401", f"{shown(config)} describes no dtype policy", argument="dtype"
        )
        raise TensorTypeError.of(fault, caller_span()) from None
