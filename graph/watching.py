"""What is asked often: is it the library's, is it the same object, is it as it was?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from operator import is_
from typing import Any

LIBRARY = __name__.partition(".")[0] + "."


def is_of_library(kind: Any) -> bool:
    """Whether a class or function is the library's own, not a user's.

    >>> is_of_library(is_of_library), is_of_library(int)
    (True, False)
    """
    return str(kind.__module__).startswith(LIBRARY)


class ByIdentity:
    """An object as a key: equal to itself alone, and kept alive for that.

    >>> one, other = [], []
    >>> ByIdentity(one) == ByIdentity(one), ByIdentity(one) == ByIdentity(other)
    (True, False)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def hold_the_same(views: Sequence[Collection[Any]], objects: Sequence[Any]) -> bool:
    """Whether views hold the very objects that they held, one after the other.

    >>> values = {"rate": 0.5}
    >>> views = [values.values()]
    >>> seen = list(values.values())
    >>> hold_the_same(views, seen)
    True
    >>> values["rate"] = 0.25
    >>> hold_the_same(views, seen)
    False
    """
    return sum(map(len, views)) == len(objects) and all(
        map(is_, objects, chain.from_iterable(views))
    )
