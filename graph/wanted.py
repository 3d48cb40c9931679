"""What kind of value a setting takes, read from the annotation of its argument.

`float`, `int`, `bool`, `str`, None and the aliases below are told apart, and unions of
them; arguments of other annotations are left to their class. What fits comes back in
its plain form: a whole float as an int where an int is wanted, an array of no axes as
a number. Only the library's own signatures are read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from .diagnostics import Fault, TulleError

Infinite: TypeAlias = float  # a number that may be infinite
Axes: TypeAlias = "int | Sequence[int] | None"
Numbers: TypeAlias = Any  # a number, or an array or nested list of finite ones
LONGEST = 60
REFUSED: Any = object()
# What Python raises where a value of a wrong kind is met.
UNTOLD = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, OSError,
)  # fmt: skip


def shown(value: Any) -> str:
    """A value in a message: its `repr`, cut where it is long."""
    if isinstance(value, int) and value.bit_length() > 200:
        digits = int(value.bit_length() * math.log10(2)) + 1
        return f"a number of {digits} digits"
    if isinstance(value, type):
        return f"the class `{value.__name__}`"
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def uncalled(value: Any, base: type) -> list[str]:
    """Advice for a class that stands where an object of it belongs."""
    if isinstance(value, type) and issubclass(value, base):
        return [f"this is the class: make an object of it, `{value.__name__}(…)`"]
    return []


def plain_scalar(value: Any) -> Any:
    """The Python value of an array or tensor of no axes; anything else as it is."""
    if isinstance(value, np.generic) or getattr(value, "shape", None) == ():
        if hasattr(value, "node") or hasattr(value, "assign"):
            return value
        array = np.asarray(value)
        kind = {"b": bool, "i": int, "u": int, "f": float, "V": float}.get(
            array.dtype.kind
        )
        return value if kind is None else kind(array)
    return value


def is_held(value: Any) -> bool:
    """Whether a value is a variable or a symbol of one number, which is read later."""
    held = hasattr(value, "node") or hasattr(value, "assign")
    return held and getattr(value, "shape", None) == ()


def _infinite(value: Any) -> Any:
    value = plain_scalar(value)
    if is_held(value):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return REFUSED
    return REFUSED if value != value or not _held_by_float(value) else value


def _held_by_float(value: float) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _number(value: Any) -> Any:
    found = _infinite(value)
    return REFUSED if found in (math.inf, -math.inf) else found


def _whole(value: Any) -> Any:
    value = plain_scalar(value)
    if isinstance(value, bool):
        return REFUSED
    if isinstance(value, float):
        return int(value) if value.is_integer() else REFUSED
    return value if isinstance(value, int) and abs(value) < 2**63 else REFUSED


def _axes(value: Any) -> Any:
    if isinstance(value, range) or (isinstance(value, np.ndarray) and value.ndim == 1):
        value = tuple(value)
    if isinstance(value, (list, tuple)):
        found = [_whole(item) for item in value]
        return REFUSED if any(item is REFUSED for item in found) else type(value)(found)
    return value if value is None else _whole(value)


def _numbers(value: Any) -> Any:
    if is_held(value) or hasattr(value, "node") or isinstance(value, (bool, str)):
        return value if hasattr(value, "shape") else REFUSED
    try:
        array = np.asarray(value)
        finite = array.dtype.kind in "iufV" and np.isfinite(array).all()
    except (TypeError, ValueError, OverflowError):
        return REFUSED
    return plain_scalar(value) if finite else REFUSED


def _flag(value: Any) -> Any:
    value = plain_scalar(value)
    if isinstance(value, bool):
        return value
    return bool(value) if isinstance(value, int) and value in (0, 1) else REFUSED


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else REFUSED


def _path(value: Any) -> Any:
    path = isinstance(value, (str, os.PathLike)) and os.fspath(value) != ""
    return value if path else REFUSED


def _function(value: Any) -> Any:
    return value if callable(value) else REFUSED


KINDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "float": ("a finite number", _number),
        "Infinite": ("a number", _infinite),
        "int": ("a whole number", _whole),
        "bool": ("true or false", _flag),
        "str": ("text", _text),
        "PathLike": ("a path", _path),
        "Axes": ("an axis, a list of axes or None", _axes),
        "Numbers": ("a finite number or an array of them", _numbers),
        "Function": ("a function", _function),
        "None": ("None", lambda value: value if value is None else REFUSED),
    }
)


@dataclass(frozen=True)
class Wanted:
    """The kinds of value that an annotation names.

    >>> wanted = Wanted.of("int | None")
    >>> str(wanted), wanted.fit("steps", 3.0), wanted.fit("steps", None)
    ('a whole number or None', 3, None)
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, annotation: Any) -> Wanted | None:
        """What an annotation wants; None where that is not told apart."""
        if not isinstance(annotation, str):
            return None
        names = [name.strip() for name in annotation.split("|")]
        names = ["Function" if n.startswith("Callable") else n for n in names]
        names.sort(key=lambda name: name == "None")
        return cls(tuple(names)) if all(name in KINDS for name in names) else None

    def __str__(self) -> str:
        words = [KINDS[name][0] for name in self.names]
        return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)

    def fit(self, argument: str, value: Any) -> Any:
        """The value in its plain form; refuses another kind, T0204."""
        for name in self.names:
            found = KINDS[name][1](value)
            if found is not REFUSED:
                return found
        large = isinstance(value, int) and "int" in self.names and abs(value) >= 2**63
        wanted = "a whole number of 64 bits" if large else str(self)
        message = f"`{argument}` is {wanted}, not {shown(value)}"
        raise Fault("T0204", message, argument=argument)


@lru_cache(4096)
def wanted_by(function: Any) -> Mapping[str, Wanted]:
    """What the arguments of a function of the library want, by their names."""
    from .layer_parts import signature

    if not str(getattr(function, "__module__", "")).startswith("tulle."):
        return MappingProxyType({})
    told = {
        name: Wanted.of(parameter.annotation)
        for name, parameter in signature(function).parameters.items()
    }
    return MappingProxyType({n: w for n, w in told.items() if w is not None})


@lru_cache(1024)
def settings_of(kind: type) -> Mapping[str, Wanted]:
    """What a constructor's arguments want, those that it passes on included."""
    from .layer_parts import signature

    found: dict[str, Wanted] = {}
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
        if name in given and (not flags or wanted.names == ("bool",)):
            wanted.fit(name, given[name])


def guarded(kind: type, given: Mapping[str, Any], make: Callable[[], None]) -> None:
    """Make an object of a layer's class: what Python refuses is refused as a `Fault`.

    Errors in the constructor of a class that is not the library's go through.
    """
    check_kinds(kind, given, flags=True)
    try:
        make()
    except TulleError:
        raise
    except UNTOLD as error:
        check_kinds(kind, given)
        if not kind.__module__.startswith("tulle."):
            raise
        told = f"`{kind.__name__}` cannot be made of these arguments: {error}"
        raise Fault("T0204", told) from error
