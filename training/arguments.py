"""Arguments of losses and metrics: what is no such value is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.kinds import is_number, shown


def refuse(argument: str, wanted: str, value: Any, *advice: str) -> NoReturn:
    """Say what an argument has to be, T0204."""
    message = f"`{argument}` is {wanted}, not {shown(value)}"
    raise Fault("T0204", message, argument=argument, help=advice)


MOST_LEVELS = 2**20  # thresholds of a metric
MOST_CLASSES = 2**14  # of which a metric keeps a square


def checked_count(
    argument: str, value: Any, least: int = 1, most: int | None = None
) -> int:
    """A whole number of at least so much.

    `most` is for what costs time or memory by itself, as a file may ask for.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        refuse(argument, f"a whole number from {least} on", value)
    if most is not None and value > most:
        refuse(argument, f"at most {most}", value)
    return int(value)


def checked_items(
    argument: str, value: Any, kind: type | tuple[type, ...], words: str
) -> list[Any]:
    """A list of objects of a kind, of whatever gives them one after the other."""
    nest = isinstance(value, (str, bytes, Mapping))
    if nest or not callable(getattr(type(value), "__iter__", None)):
        refuse(argument, words, value)
    try:
        found = list(value)
    except TypeError:  # an array without axes, say
        refuse(argument, words, value)
    for item in found:
        if not isinstance(item, kind):
            refuse(argument, words, value)
    return found


def checked_choice(argument: str, value: Any, choices: Sequence[Any]) -> Any:
    """One of several values."""
    plain = value is None or isinstance(value, (str, bool, int, float))
    if not plain or value not in choices:
        refuse(argument, f"one of {', '.join(map(repr, choices))}", value)
    return value


def checked_fraction(argument: str, value: Any) -> float:
    """A number from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        refuse(argument, "a number from 0 to 1", value)
    return float(value)
