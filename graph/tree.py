"""Nested lists, tuples and dictionaries: their leaves, and their shape without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any

from .cyclic_nests import fields_of, is_record, refuse_cyclic_nest
from .immutable import Immutable
from .operand import Operand


class Leaf(Immutable):
    """The place of a tensor in a structure."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "·"


LEAF = Leaf()


def is_operand(item: Any) -> bool:
    """Whether something is a tensor, symbolic or not, or a variable."""
    return isinstance(item, Operand)


def is_nest(item: Any) -> bool:
    """Whether something has leaves: a list, a tuple, a dictionary, a dataclass."""
    return isinstance(item, (list, tuple, dict)) or is_record(item)


def flatten(
    value: Any, is_leaf: Callable[[Any], bool] = is_operand
) -> tuple[list[Any], Any]:
    """The leaves of a nest, in order, and the nest with `LEAF` in their place."""
    leaves: list[Any] = []

    def strip(item: Any) -> Any:
        if is_leaf(item):
            leaves.append(item)
            return LEAF
        return map_items(item, strip)

    try:
        return leaves, strip(value)
    except RecursionError:
        refuse_cyclic_nest(value)
        raise


def by_sorted_keys(value: Any) -> Any:
    """The nest with the items of each dictionary in the order of their keys.

    >>> by_sorted_keys([{"b": 1, "a": 2}])
    [{'a': 2, 'b': 1}]
    """
    if value.__class__ is dict and all(isinstance(key, str) for key in value):
        return {key: by_sorted_keys(value[key]) for key in sorted(value)}
    return map_items(value, by_sorted_keys)


def parts_as(structure: Any, value: Any) -> list[Any] | None:
    """What stands in a nest where another one has leaves, in the order of that one.

    Dictionaries are read by key, whatever their order. None where the nests differ.

    >>> parts_as([LEAF, {"a": LEAF, "b": LEAF}], [1, {"b": 2, "a": 3}])
    [1, 3, 2]
    """
    if structure is LEAF:
        return [value]
    if is_record(structure):
        same = value.__class__ is structure.__class__
        structure, value = fields_of(structure), fields_of(value) if same else None
    pairs: Any
    if isinstance(structure, dict):
        if not isinstance(value, Mapping) or not structure.keys() <= value.keys():
            return None
        pairs = [(part, value[key]) for key, part in structure.items()]
    elif not isinstance(value, (list, tuple)) or len(value) != len(structure):
        return None
    else:
        pairs = zip(structure, value, strict=True)
    found: list[Any] = []
    for part, item in pairs:
        inner = parts_as(part, item)
        if inner is None:
            return None
        found += inner
    return found


def unflatten(structure: Any, leaves: Iterator[Any]) -> Any:
    """The nest with leaves put back."""
    if structure is LEAF:
        return next(leaves)
    return map_items(structure, lambda item: unflatten(item, leaves))


def count_leaves(structure: Any) -> int:
    """How many leaves a nest without its leaves wants back."""
    if structure is LEAF:
        return 1
    if isinstance(structure, dict):
        return sum(map(count_leaves, structure.values()))
    if is_record(structure):
        return sum(map(count_leaves, fields_of(structure).values()))
    if isinstance(structure, (list, tuple)):
        return sum(map(count_leaves, structure))
    return 0


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """The nest with each operand replaced."""
    leaves, structure = flatten(value)
    return unflatten(structure, map(function, leaves))


def map_items(item: Any, function: Callable[[Any], Any]) -> Any:
    """The nest with a function of each item in its place; subclasses stay their own.

    What else a list or dictionary of a user's class holds goes with it.
    """
    kind = item.__class__
    if kind is list or kind is tuple:
        return kind(map(function, item))
    if kind is dict:
        return {key: function(value) for key, value in item.items()}
    if isinstance(item, tuple):
        made = tuple.__new__(kind, map(function, item))
        if hasattr(item, "__dict__"):
            made.__dict__.update(item.__dict__)
        return made
    if isinstance(item, list):
        made = copy(item)
        list.__setitem__(made, slice(None), [*map(function, item)])
        return made
    if isinstance(item, dict):
        made = copy(item)
        for key, value in item.items():
            dict.__setitem__(made, key, function(value))
        return made
    if is_record(item):
        return _with_fields(item, function)
    return item


def _with_fields(record: Any, function: Callable[[Any], Any]) -> Any:
    """A dataclass with a function of each field in its place; nothing is made anew."""
    made = copy(record)
    for name, value in fields_of(record).items():
        object.__setattr__(made, name, function(value))
    return made
