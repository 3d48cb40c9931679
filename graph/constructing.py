"""How objects of the library are made: their settings are held to their kinds.

The kinds are those that the annotations of constructors say (`kinds.SETTINGS`). Only
the library's own signatures are read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from .diagnostics import Fault, TensorTypeError, TulleError, caller_span
from .kinds import SETTINGS, TRUTH, Kind, kinds_of, shown
from .layer_parts import signature
from .tracebacks import PYTHON_ERRORS
from .watching import is_of_library


def uncalled(value: Any, base: type) -> list[str]:
    """Advice for a class that stands where an object of it belongs."""
    if isinstance(value, type) and issubclass(value, base):
        return [f"this is the class: make an object of it, `{value.__name__}(…)`"]
    return []


@lru_cache(4096)
def wanted_by(function: Any) -> Mapping[str, Kind]:
    """What the arguments of a function of the library want, by their names."""
    if not str(getattr(function, "__module__", "")).startswith("tulle."):
        return MappingProxyType({})
    return MappingProxyType(dict(kinds_of(function, SETTINGS)))


@lru_cache(1024)
def settings_of(kind: type) -> Mapping[str, Kind]:
    """What a constructor's arguments want, those that it passes on included."""
    found: dict[str, Kind] = {}
    seen: set[str] = set()
    for base in kind.__mro__:
        made: Any = vars(base).get("__init__")
        if made is None or base is object:
            continue
        found.update((n, w) for n, w in wanted_by(made).items() if n not in seen)
        seen.update(signature(made).parameters)
    return MappingProxyType(found)


def check_kinds(kind: type, given: Mapping[str, Any], flags: bool = False) -> None:
    """Refuse arguments of a wrong kind, T0204; with `flags` truth values alone.

    Layers tell what their other arguments have to be; this is for what got past.
    """
    for name, wanted in settings_of(kind).items():
        if name in given and (not flags or wanted is TRUTH):
            wanted.read(name, given[name])


def guarded(kind: type, given: Mapping[str, Any], make: Callable[[], None]) -> None:
    """Make an object of a layer's class: what Python refuses is refused as a `Fault`.

    Errors in the constructor of a class that is not the library's go through.
    """
    check_kinds(kind, given, flags=True)
    try:
        make()
    except TulleError:
        raise
    except PYTHON_ERRORS as error:
        check_kinds(kind, given)
        if not is_of_library(kind):
            raise
        listed = ", ".join(f"{name}={shown(value)}" for name, value in given.items())
        told = f"`{kind.__name__}` cannot be made of these arguments: {listed}"
        raise Fault("T0204", told, notes=[f"Python refuses them: {error}"]) from error


def guarded_build(given: Mapping[str, Any], build: Callable[[], None]) -> None:
    """Build a layer by hand: what Python refuses is refused at the caller's line."""
    from .calling import refuse_arguments

    try:
        build()
    except Fault as fault:
        raise TensorTypeError.of(fault, caller_span()) from None
    except PYTHON_ERRORS as error:
        refuse_arguments("build", given, error)
        raise


def arguments_of(bound: inspect.BoundArguments) -> dict[str, Any]:
    """The arguments of a constructor by name, without `self`."""
    given = dict([*bound.arguments.items()][1:])
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            given.update(given.pop(name, {}))
    return given


SETTING = (bool, int, float, str, type(None))  # what a changed setting is, for a file


def plain_settings(made: Any, names: Iterable[str]) -> dict[str, Any]:
    """The attributes of a new object that have the names of its arguments."""
    own = vars(made)
    return {n: own[n] for n in names if n in own and isinstance(own[n], SETTING)}


def settings_now(made: Any) -> dict[str, Any]:
    """The arguments that make an object as it is: those given, and what was set since.

    An attribute that still holds what the constructor put there is told as it was
    given.
    """
    own, first = vars(made), vars(made).get("_as_made", {})
    later = {
        name: own[name]
        for name, value in first.items()
        if own.get(name, value) is not value and isinstance(own[name], SETTING)
    }
    return {**made._given, **later}
