"""What is asked often: is it the library's, is it the same object, is it as it was?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from operator import is_
from typing import Any, ClassVar

# What Python sets in classes itself.
OF_PYTHON = ("__abstractmethods__", "__slotnames__", "__annotations__", "_abc_impl")
LIBRARY = __name__.partition(".")[0] + "."


def is_of_library(kind: Any) -> bool:
    """Whether a class or function is the library's own, not a user's.

    >>> is_of_library(is_of_library), is_of_library(int)
    (True, False)
    """
    return str(getattr(kind, "__module__", None)).startswith(LIBRARY)


def home_of(value: Any) -> Any:
    """The function or class that says where an attribute of a class comes from."""
    read = value.fget if isinstance(value, property) else value
    return read if hasattr(read, "__qualname__") else type(read)


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


def hold_the_same(
    views: Sequence[Collection[Any]], sizes: list[int], objects: Sequence[Any]
) -> bool:
    """Whether views of some sizes hold the very objects that they held, in order.

    >>> values = {"rate": 0.5}
    >>> views = [values.values()]
    >>> sizes, seen = [1], list(values.values())
    >>> hold_the_same(views, sizes, seen)
    True
    >>> values["rate"] = 0.25
    >>> hold_the_same(views, sizes, seen)
    False
    """
    return list(map(len, views)) == sizes and all(
        map(is_, objects, chain.from_iterable(views))
    )


class Patches:
    """What users set in the library's own classes, and how often."""

    made: ClassVar[set[tuple[type, str]]] = set()
    count = 0


class Patched(type):
    """The type of classes whose calls become programs: it notes what is set in them."""

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        cls._note(name, not is_of_library(home_of(value)))

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        cls._note(name, False)

    def _note(cls, name: str, foreign: bool) -> None:
        known = (cls, name) in Patches.made
        if not is_of_library(cls) or name in OF_PYTHON or not (foreign or known):
            return
        Patches.count += 1
        (Patches.made.add if foreign else Patches.made.discard)((cls, name))
