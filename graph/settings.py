"""Small objects that are functions with settings: regularizers and constraints."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from .diagnostics import Fault, TensorTypeError, caller_span
from .initializers import snake_case

Kind = TypeVar("Kind", bound="Settings")


class Settings:
    """A function of a tensor with named settings, each an attribute."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name in vars(self)}

    @classmethod
    def from_config(cls: type[Kind], config: dict[str, Any]) -> Kind:
        """The object of a configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({settings})"


def number(name: str, value: Any, least: float | None = 0.0) -> Any:
    """A setting that is a number, not below a bound."""
    value = value.item() if isinstance(value, np.generic) else value
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    finite = known and math.isfinite(value)
    if not finite or (least is not None and not value >= least):
        bound = "" if least is None else f" of at least {least:g}"
        fault = Fault("T0204", f"`{name}` is a number{bound}, not {value!r}")
        raise TensorTypeError.of(fault, caller_span())
    return value


def chosen(identifier: Any, kinds: Mapping[str, Any], what: str) -> Any:
    """The object that a name, a configuration, a class or a callable means."""
    if identifier is None:
        return None
    config: dict[str, Any] = {}
    if isinstance(identifier, dict):
        config, identifier = identifier.get("config", {}), identifier["class_name"]
    if isinstance(identifier, str):
        name = snake_case(identifier)
        found = kinds.get(identifier) or kinds.get(name)
        if found is None:
            known = ", ".join(sorted(kinds))
            raise Fault(
                "T0204", f"`{identifier}` is no {what}", help=[f"known: {known}"]
            )
        return found(**config)
    if isinstance(identifier, type) and issubclass(identifier, Settings):
        return identifier()
    if callable(identifier):
        return identifier
    raise Fault("T0204", f"{identifier!r} is no {what}")
