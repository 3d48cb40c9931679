"""The functions of `tulle.tree`, on nests of lists, tuples and dictionaries.

A dictionary's items come in the order of its sorted keys. None is a leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .calling import told, told_with
from .cyclic_nests import refuses_cyclic_nests
from .diagnostics import Fault, TensorTypeError, caller_span
from .kinds import CALLS

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:  # noqa: N801 - Keras's name
    """What a function for `traverse` gives where None shall stand."""


def is_nested(structure: Any) -> bool:
    """Whether something is a list, a tuple or a dictionary.

    >>> is_nested([1]), is_nested(1)
    (True, False)
    """
    return isinstance(structure, (list, tuple, dict))


def _items(structure: Any) -> list[tuple[Any, Any]]:
    if isinstance(structure, dict):
        return [(key, structure[key]) for key in sorted(structure)]
    return list(enumerate(structure))


def _rebuilt(structure: Any, parts: list[Any]) -> Any:
    """The nest with other items, in the order of `_items`."""
    if isinstance(structure, dict):
        by_key = dict(zip(sorted(structure), parts, strict=True))
        return type(structure)((key, by_key[key]) for key in structure)
    if hasattr(structure, "_fields"):
        return type(structure)(*parts)
    return type(structure)(parts)


@refuses_cyclic_nests
def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each with the keys and indices that lead to it.

    >>> flatten_with_path({"a": [5]})
    [(('a', 0), 5)]
    """
    return list(_leaves(structure, ()))


def _leaves(
    structure: Any, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, item in _items(structure):
        yield from _leaves(item, (*path, key))


@refuses_cyclic_nests
def flatten(structure: Any) -> list[Any]:
    """The leaves in order.

    >>> flatten({"b": 3, "a": (1, 2)})
    [1, 2, 3]
    """
    return [leaf for _, leaf in _leaves(structure, ())]


@told
def map_structure(
    func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True
) -> Any:
    """A function of each leaf, or of the leaves at one place of several nests.

    >>> map_structure(lambda x: x + 1, [1, (2,)])
    [2, (3,)]
    """
    if not structures:
        _refuse("`map_structure` takes a function and a nest, or several")
    first = structures[0]
    for other in structures[1:]:
        assert_same_structure(first, other)

    def walk(*parts: Any) -> Any:
        if not is_nested(parts[0]):
            return None if parts[0] is None and not none_is_leaf else func(*parts)
        columns = zip(*([v for _, v in _items(part)] for part in parts), strict=True)
        return _rebuilt(parts[0], [walk(*column) for column in columns])

    return walk(*structures)


@told
def map_structure_up_to(
    shallow_structure: Any, func: Callable[..., Any], *structures: Any
) -> Any:
    """A function of the parts that stand where a shallower nest has leaves.

    >>> map_structure_up_to([0, 0], len, [[1, 2], [3]])
    [2, 1]
    """
    if not structures:
        _refuse("`map_structure_up_to` takes a nest, a function and a nest, or several")

    def walk(shallow: Any, *parts: Any) -> Any:
        if not is_nested(shallow):
            return func(*parts)
        for part in parts:
            if not is_nested(part) or _keys(part) != _keys(shallow):
                _refuse(f"{part!r} is not arranged like {shallow!r}")
        columns = zip(*(_items(nest) for nest in (shallow, *parts)), strict=True)
        return _rebuilt(
            shallow, [walk(*(item for _, item in column)) for column in columns]
        )

    return walk(shallow_structure, *structures)


def _keys(nest: Any) -> list[Any]:
    return [key for key, _ in _items(nest)]


@told
def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """A function of each shape: of each tuple or list of sizes and None.

    >>> map_shape_structure(lambda shape: shape[-1], {"a": (None, 3), "b": [2, 5]})
    {'a': 3, 'b': 5}
    """

    def walk(part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            if all(size is None or isinstance(size, int) for size in part):
                return func(part)
        elif not isinstance(part, dict):
            _refuse(f"{part!r} is not a shape")
        return _rebuilt(part, [walk(item) for _, item in _items(part)])

    return walk(structure)


@told
def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """A nest in which a function has replaced parts; None from it leaves one alone.

    >>> traverse(lambda x: tuple(x) if isinstance(x, list) else None, {"a": [1]})
    {'a': (1,)}
    """

    def replaced(part: Any) -> tuple[bool, Any]:
        found = func(part)
        if found is None:
            return False, part
        return True, None if found is MAP_TO_NONE else found

    def walk(part: Any) -> Any:
        if top_down:
            done, part = replaced(part)
            if done:
                return part
        if is_nested(part):
            part = _rebuilt(part, [walk(item) for _, item in _items(part)])
        return part if top_down else replaced(part)[1]

    return walk(structure)


@told_with(CALLS)
def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Leaves in the arrangement of a nest.

    Raises T0203 for another number of them.

    >>> pack_sequence_as({"a": 0, "b": (0,)}, [1, 2])
    {'a': 1, 'b': (2,)}
    """
    leaves = list(flat_sequence)
    wanted = len(flatten(structure))
    if wanted != len(leaves):
        _refuse(f"the structure has {wanted} leaves, and {len(leaves)} were given")
    rest = iter(leaves)

    def walk(part: Any) -> Any:
        if not is_nested(part):
            return next(rest)
        return _rebuilt(part, [walk(item) for _, item in _items(part)])

    return walk(structure)


def lists_to_tuples(structure: Any) -> Any:
    """The nest with tuples in place of lists.

    >>> lists_to_tuples([1, [2]])
    (1, (2,))
    """

    def tupled(part: Any) -> Any:
        return tuple(part) if isinstance(part, list) else None

    return traverse(tupled, structure, top_down=False)


@refuses_cyclic_nests
def assert_same_paths(a: Any, b: Any) -> None:
    """Refuse nests whose leaves stand under other keys and indices, T0204.

    A list and a tuple may stand for each other.

    >>> assert_same_paths([0, {"a": 1}], (2, {"a": 3}))
    """
    one, two = ({path for path, _ in _leaves(nest, ())} for nest in (a, b))
    if one != two:
        _refuse(f"{a!r} and {b!r} do not have their leaves in the same places")


@refuses_cyclic_nests
def assert_same_structure(a: Any, b: Any) -> None:
    """Refuse nests that are arranged differently, T0204.

    >>> assert_same_structure([1, 2], [3, 4])
    """
    _compare(a, b)


def _compare(a: Any, b: Any) -> None:
    if is_nested(a) != is_nested(b):
        _refuse(f"{a!r} and {b!r} are not arranged alike")
    if not is_nested(a):
        return
    if type(a) is not type(b) and not (isinstance(a, dict) and isinstance(b, dict)):
        _refuse(f"a {type(a).__name__} and a {type(b).__name__} are not arranged alike")
    one, two = _items(a), _items(b)
    if [key for key, _ in one] != [key for key, _ in two]:
        _refuse(f"{a!r} and {b!r} do not have the same items")
    for (_, left), (_, right) in zip(one, two, strict=True):
        _compare(left, right)


def _refuse(message: str) -> None:
    raise TensorTypeError.of(Fault("T0204", message), caller_span())
