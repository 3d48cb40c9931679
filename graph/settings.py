"""Small objects that are functions with settings: regularizers and constraints."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from .calling import told_with
from .diagnostics import Fault, TensorTypeError, caller_span
from .initializers import snake_case
from .kinds import AXES, CALLS, FINITE, Kind, shown

Own = TypeVar("Own", bound="Settings")


class Settings:
    """A function of a tensor with named settings, each an attribute."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name in vars(self)}

    @classmethod
    @told_with(CALLS)
    def from_config(cls: type[Own], config: dict[str, Any]) -> Own:
        """The object of a configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({settings})"


def number(name: str, value: Any, least: float | None = 0.0) -> Any:
    """A setting that is a number, not below a bound."""
    bound = "" if least is None else f" of at least {least:g}"
    value = fitted(FINITE, name, value, f"a number{bound}")
    if least is not None and not value >= least:
        refuse(name, f"a number{bound}", value)
    return value


def fitted(wanted: Kind, name: str, value: Any, words: str = "") -> Any:
    """A setting in its plain form; refuses another kind at the caller's line, T0204."""
    try:
        return wanted.read(name, value)
    except Fault:
        refuse(name, words or wanted.words, value)


def axes(value: Any) -> Any:
    """The setting `axis`: one axis, several, or None for all."""
    return fitted(AXES.optional(), "axis", value)


def refuse(name: str, words: str, value: Any, *advice: str) -> NoReturn:
    """Say what a setting has to be, T0204."""
    message = f"`{name}` is {words}, not {shown(value)}"
    fault = Fault("T0204", message, argument=name, help=advice)
    raise TensorTypeError.of(fault, caller_span())


def chosen(identifier: Any, kinds: Mapping[str, Any], what: str) -> Any:
    """The object that a name, a configuration, a class or a callable means."""
    if identifier is None:
        return None
    config: dict[str, Any] = {}
    if isinstance(identifier, dict):
        given, config = identifier, identifier.get("config", {})
        identifier = identifier.get("class_name")
        if not isinstance(identifier, str) or not isinstance(config, dict):
            raise Fault(
                "T0204",
                f"{shown(given)} describes no {what}",
                help=["a description has a `class_name` and a `config`"],
            )
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
    raise Fault("T0204", f"{shown(identifier)} is no {what}")
