"""Weights chosen by patterns of their paths, as `freeze` does in text and Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .diagnostics import Fault
from .kinds import shown
from .nearest import nearest_of
from .variable import Variable

COMPARED = 4000  # beginnings of paths among which the nearest is looked for
LISTED = 12


class Frozen(NamedTuple):
    """How many weights were frozen, and how many were trainable before.

    >>> Frozen(4, 6)
    froze 4 of 6 parameters
    """

    frozen: int
    total: int

    def __repr__(self) -> str:
        return f"froze {self.frozen} of {self.total} parameters"


def fits(pattern: str, path: str) -> bool:
    """Whether a pattern is a path, or its beginning up to a `/`; `*` is anything.

    >>> fits("encoder", "encoder/kernel"), fits("*/bias", "a/b/bias")
    (True, True)
    >>> fits("enc", "encoder/kernel")
    False
    """
    return _equal(pattern, path) or _equal(f"{pattern}/*", path)


def _equal(pattern: str, path: str) -> bool:
    first, *others = pattern.split("*")
    if not others:
        return pattern == path
    *between, last = others
    if len(path) < len(first) + len(last) or not path.startswith(first):
        return False
    at, end = len(first), len(path) - len(last)
    for part in between:
        found = path.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return path.endswith(last)


def freeze(model: Any, patterns: Sequence[str]) -> Frozen:
    """Freeze the weights that patterns fit; refuses one that fits nothing, T0607."""
    before = len(model.trainable_weights)
    chosen = [v for p in patterns for v in select(model.variables, p, model.name)]
    for variable in chosen:
        variable.trainable = False
    return Frozen(before - len(model.trainable_weights), before)


def select(variables: Sequence[Variable], pattern: Any, name: str) -> list[Variable]:
    """The variables whose paths a pattern fits; refuses if there are none, T0607."""
    if not isinstance(pattern, str):
        told = f"a pattern is a text, and this is {shown(pattern)}"
        raise Fault("T0204", told, argument="patterns")
    found = [v for v in variables if fits(pattern, v.path)]
    if found:
        return found
    paths = [f"`{v.path}`" for v in variables[:LISTED]]
    more = len(variables) - LISTED
    there = ", ".join(paths) + (f" and {more} more" if more > 0 else "")
    near = nearest_pattern(pattern, variables)
    raise Fault(
        "T0607",
        f'no parameter of `{name}` fits "{pattern}"',
        argument="patterns",
        notes=[f"there are {there}" if variables else "it has no parameters"],
        help=[f'did you mean "{near}"?'] if near else [],
    )


def nearest_pattern(pattern: str, variables: Iterable[Variable]) -> str | None:
    """A pattern like the given one that fits something."""
    plain = pattern.rstrip("*").rstrip("/")
    tail = pattern[len(plain) :]
    if not 0 < len(plain) <= 255:
        return None
    known: dict[str, None] = {}
    for variable in variables:
        path = variable.path
        for end in range(1, len(path) + 1):
            # Without a star a pattern ends where a name does.
            if tail.startswith("*") or end == len(path) or path[end] == "/":
                known[path[:end].rstrip("/")] = None
        if len(known) > COMPARED:
            break
    close = nearest_of(plain, known)
    return close[0] + tail if close else None
