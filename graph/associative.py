"""Running results of associative functions, by Keras's name.

They take a loop, or a few rounds over all places, whichever is faster. On values they
take rounds, as each turn of a loop would run in Python; so do functions whose results
are of another type than what they are given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import tree
from .calling import told
from .control import scanned, stacked
from .conversion import is_symbolic
from .device import current_device
from .diagnostics import Fault
from .kinds import wrong_value
from .nested_tensors import leaves_as_tensors
from .ops.reduce import normal_axis
from .registry import call

__all__ = ["associative_scan"]

Function = Callable[..., Any]

TURN = 100  # elements that are combined in about the time of a loop's turn


@told
def associative_scan(
    f: Function, elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Running results of an associative `f(a, b)` along an axis.

    `f` works on parts of the elements, which have as many slices of them as is best;
    the axis has a known size.

    >>> associative_scan(lambda a, b: a + b, [1, 2, 3]).numpy().tolist()
    [1, 3, 6]
    """
    nest = leaves_as_tensors(stacked(elems))
    leaves, structure = tree.flatten(nest)
    if not leaves:
        raise wrong_value("associative_scan", "elems", "a nest of tensors", elems)
    place = normal_axis("associative_scan", axis, leaves[0].type.rank, leaves[0].type)
    count = leaves[0].type.shape[place].value
    if count is None:
        raise Fault(
            "T0306",
            f"`associative_scan` needs a known size of axis {axis}, and "
            f"{leaves[0].type} has none",
            help=["use `scan`"],
        )
    slices = sum(_elements(leaf) for leaf in leaves) // max(count, 1)
    turns = count > 1 and slices * (count - 1).bit_length() >= TURN
    if turns and is_symbolic(leaves) and current_device() == "cpu":
        one = _part(leaves, place, None, 1)
        found = _combined(f, one, one, structure)
        if [x.type for x in found] == [x.type for x in one]:
            return _in_turns(f, leaves, structure, place, reverse)
    return _in_rounds(f, leaves, structure, place, count, reverse)


def _elements(leaf: Any) -> int:
    """How many elements a tensor is known to have."""
    return math.prod(dim.value or 1 for dim in leaf.type.shape)


def _part(leaves: Sequence[Any], axis: int, start: Any, stop: Any) -> list[Any]:
    index = (*(slice(None),) * axis, slice(start, stop))
    return [leaf[index] for leaf in leaves]


def _combined(
    f: Function, earlier: Sequence[Any], later: Sequence[Any], structure: Any
) -> list[Any]:
    """The leaves of what `f` gives for two nests of a structure."""
    pair = (tree.unflatten(structure, iter(leaves)) for leaves in (earlier, later))
    found: list[Any] = tree.flatten(leaves_as_tensors(f(*pair)))[0]
    return found


def _joined(
    kept: Sequence[Any], found: Sequence[Any], axis: int, reverse: bool
) -> list[Any]:
    """What needed no `f` and what it gave, in their order along an axis."""
    pairs = zip(kept, found, strict=True)
    return [call("concatenate", pair[:: -1 if reverse else 1], axis) for pair in pairs]


def _in_rounds(
    f: Function,
    leaves: Sequence[Any],
    structure: Any,
    place: int,
    count: int,
    reverse: bool,
) -> Any:
    """Running results of spans that double, each round for all places at once."""
    step = 1
    while step < count:
        ends = (step, None), (None, count - step)
        later, earlier = ends[::-1] if reverse else ends
        first, second = (_part(leaves, place, *end) for end in (earlier, later))
        found = _combined(f, first, second, structure)
        edge = (count - step, None) if reverse else (None, step)
        leaves = _joined(_part(leaves, place, *edge), found, place, reverse)
        step *= 2
    return tree.unflatten(structure, iter(leaves))


def _in_turns(
    f: Function, leaves: Sequence[Any], structure: Any, place: int, reverse: bool
) -> Any:
    """Running results by a loop over the slices, whose axis has the size 1 in `f`.

    Each place is combined once, and what is combined stays in the cache; a GPU would
    start kernels in each turn.
    """

    def step(carry: Any, slices: Sequence[Any]) -> Any:
        given = [call("expand_dims", one, place) for one in slices]
        found = _combined(f, carry, given, structure)
        return found, [call("squeeze", one, place) for one in found]

    first, others = ((-1, None), (None, -1)) if reverse else ((None, 1), (1, None))
    kept = _part(leaves, place, *first)
    rest = [call("moveaxis", one, place, 0) for one in _part(leaves, place, *others)]
    _, found = scanned("associative_scan", step, kept, rest, reverse=reverse)
    found = [call("moveaxis", one, 0, place) for one in found]
    return tree.unflatten(structure, iter(_joined(kept, found, place, reverse)))
