"""What an argument that is no tensor may be, as the signature of its op says.

An annotation stands for a `Kind`, which reads a value into its plain form or refuses it
in the words of the op that was called. `Op.__call__` reads the arguments that rules
see; it asks for the others when a call has failed for another reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import index
from types import NoneType
from typing import Annotated, Any, TypeAlias, get_args, get_origin

import numpy as np

from .diagnostics import Fault
from .dim import LIMIT, Dim
from .operand import Operand
from .trace import current_trace

NONE = frozenset({NoneType})
REFUSALS = (TypeError, ValueError, OverflowError)


@dataclass(frozen=True)
class Kind:
    """What a value may be: in words, the types that pass, and how others are read.

    `plain` gives the form that rules see, and raises a `TypeError` or `ValueError` for
    what is no such value.
    """

    words: str
    plain: Callable[[Any], Any]
    exact: frozenset[type] = frozenset()

    def read(self, op: str, argument: str, value: Any) -> Any:
        """The plain form of an argument; refuses it with T0204."""
        if type(value) in self.exact:
            return value
        try:
            return self.plain(value)
        except REFUSALS:
            raise wrong_value(op, argument, self.words, value) from None

    def optional(self) -> Kind:
        """The same, or None."""
        comma = "," if " or " in self.words else ""
        return replace(
            self, words=f"{self.words}{comma} or None", exact=self.exact | NONE
        )


def wrong_value(op: str, argument: str, words: str, value: Any) -> Fault:
    """The refusal of a value that an argument cannot have."""
    told = f"not {shown(value)}"
    if isinstance(value, Operand) and not _is_known(value):
        told = f"and {shown(value)} has no number before it runs"
    message = f"`{argument}` of `{op}` is {words}, {told}"
    return Fault("T0204", message, argument=argument, op=op)


def shown(value: Any) -> str:
    """A value as it is told in a message: in one line that is not long."""
    text = " ".join(repr(value).split())
    return text if len(text) < 40 else f"{text[:36]}…"


def is_number(value: Any) -> bool:
    """Whether something is a plain number, of NumPy or of Python; truth is none."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )


def integer(value: Any) -> int:
    """A plain integer of what is one; `True` is none."""
    if isinstance(value, (bool, np.bool_, Dim)):
        raise TypeError
    return index(_single(value))


def number(value: Any) -> float:
    """A plain number of what is one; `True` is none."""
    value = _single(value)
    if not is_number(value) and type(value).__name__ != "bfloat16":
        raise TypeError
    found: float = value.item() if isinstance(value, np.generic) else value
    return found if isinstance(found, (int, float)) else float(found)


def _single(value: Any) -> Any:
    """The one element of an array of rank 0, or of a tensor that has a value."""
    if isinstance(value, Operand):
        if not _is_known(value):
            raise TypeError
        value = value.numpy()  # type: ignore[attr-defined]
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _is_known(value: Operand) -> bool:
    """Whether a value is there and stays: a variable's may be another one each time
    that what is traced runs."""
    changes = hasattr(value, "assign") and current_trace() is not None
    return hasattr(value, "array") and not changes


def truth(value: Any) -> bool:
    """True or False of what is one, be it written 1 or 0."""
    value = _single(value)
    if isinstance(value, np.bool_) or (type(value) is int and value in (0, 1)):
        return bool(value)
    raise TypeError


def size(value: Any) -> Any:
    """A size: a `Dim`, or an integer that a size can be."""
    found = value.value if isinstance(value, Dim) else integer(value)
    if found is not None and not 0 <= found < LIMIT:
        raise ValueError
    return value if isinstance(value, Dim) else found


def position(value: Any) -> Any:
    """A place or a distance along an axis: an integer, or a `Dim`."""
    return value if isinstance(value, Dim) else integer(value)


def _several(one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.ndim == 1:
            value = value.tolist()
        if isinstance(value, (tuple, list, range)):
            return tuple(map(one, value))
        return one(value)

    return plain


def word(value: Any) -> Any:
    """A word: anything that can be looked up among words, to be told with these."""
    hash(value)
    return value


def scalar(value: Any) -> Any:
    """A number or a truth value."""
    value = _single(value)
    return bool(value) if isinstance(value, (bool, np.bool_)) else number(value)


def bound(value: Any) -> Any:
    """A number, or a symbolic size."""
    return value if isinstance(value, Dim) else number(value)


def count(value: Any) -> int:
    """An integer from 1 on that a size can be."""
    found = integer(value)
    if not 1 <= found < LIMIT:
        raise ValueError
    return found


INTEGER = Kind("an integer", integer, frozenset({int}))
NUMBER = Kind("a number", number, frozenset({int, float}))
TRUTH = Kind("True or False", truth, frozenset({bool}))
AXES = Kind("an integer or several", _several(integer), frozenset({int}))
SIZE = Kind(f"an integer from 0 to {LIMIT - 1} or a symbolic size", size)
POSITION = Kind("an integer or a size", position, frozenset({int}))
POSITIONS = Kind(
    "an integer or a size, or several", _several(position), frozenset({int})
)
SIZES = Kind("an integer that is not negative, or several", _several(size))
COUNT = Kind(f"an integer from 1 to {LIMIT - 1}", count)
NUMBERS = Kind("a number or several", _several(number))
SCALAR = Kind("a number", scalar, frozenset({int, float, bool}))
BOUND = Kind("a number or a symbolic size", bound, frozenset({int, float}))
WORD = Kind("a word", word, frozenset({str}))

Axes: TypeAlias = Annotated[Any, AXES]
Size: TypeAlias = Annotated[Any, SIZE]
Position: TypeAlias = Annotated[Any, POSITION]
Positions: TypeAlias = Annotated[Any, POSITIONS]
Sizes: TypeAlias = Annotated[Any, SIZES]
Count: TypeAlias = Annotated[Any, COUNT]
Numbers: TypeAlias = Annotated[Any, NUMBERS]
Scalar: TypeAlias = Annotated[Any, SCALAR]
Bound: TypeAlias = Annotated[Any, BOUND]

PLAIN: dict[Any, Kind] = {int: INTEGER, float: NUMBER, bool: TRUTH, str: WORD}


def kinds_of(function: Callable[..., Any]) -> Iterator[tuple[str, Kind]]:
    """The parameters whose annotation, or else whose default, says their kind."""
    names = getattr(function, "__globals__", {})
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        told = parameter.annotation
        if told is parameter.empty:
            told = type(parameter.default)
        kind = _kind(eval(told, names) if isinstance(told, str) else told)
        if kind is not None:
            yield parameter.name, kind


def _kind(annotation: Any) -> Kind | None:
    if get_origin(annotation) is Annotated:
        return next((k for k in get_args(annotation) if isinstance(k, Kind)), None)
    if annotation in PLAIN:
        return PLAIN[annotation]
    several = [one for one in get_args(annotation) if one is not NoneType]
    if NoneType in get_args(annotation) and len(several) == 1:
        found = _kind(several[0])
        return found.optional() if found is not None else None
    return None
