"""Rewrites of what is stretched, cut, joined and folded; see `rewrites`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph.dim import ZERO, Dim, product
from ...graph.node import Node
from ...graph.registry import OPS, call
from ...graph.tensor import literal
from .fusible import wide
from .rewrites import rewrites

PARTS = 64  # places that are looked at together

Index = tuple[tuple[object, ...], ...]


def padded(node: Node, rank: int) -> tuple[Dim, ...]:
    """A shape with sizes of 1 in front."""
    return (Dim.of(1),) * (rank - node.ndim) + node.shape


def reshaped(node: Node, shape: Sequence[Dim]) -> Node:
    """A node in another shape, itself if that is its own."""
    if node.shape == tuple(shape):
        return node
    return call("reshape", node, tuple(shape))  # type: ignore[no-any-return]


@rewrites("reshape", "expand_dims", "squeeze")
def reshaped_broadcast(node: Node) -> Node | None:
    """`reshape(broadcast_to(x)) = broadcast_to(reshape(x))` if axes of size 1 move."""
    source = node.inputs[0]
    if source.op.name != "broadcast_to" or wide(node.shape) != wide(source.shape):
        return None
    inner = source.inputs[0]
    sizes = zip(padded(inner, source.ndim), source.shape, strict=True)
    left = iter([size for size, whole in sizes if whole.value != 1])
    shape = [size if size.value == 1 else next(left) for size in node.shape]
    return call("broadcast_to", reshaped(inner, shape), node.shape)  # type: ignore[no-any-return]


@rewrites("transpose")
def turned_broadcast(node: Node) -> Node | None:
    """`transpose(broadcast_to(x)) = broadcast_to(transpose(x))`."""
    source, axes = node.inputs[0], node.attributes["axes"]
    if source.op.name != "broadcast_to":
        return None
    inner = reshaped(source.inputs[0], padded(source.inputs[0], source.ndim))
    turned = call("transpose", inner, axes)
    return call("broadcast_to", turned, node.shape)  # type: ignore[no-any-return]


@rewrites("reshape")
def reshaped_transpose(node: Node) -> Node | None:
    """`reshape(transpose(x)) = transpose(reshape(x))` if what is merged lies together.

    A transpose is read where x lies; its elements in a shape of their own are copied.
    """
    source = node.inputs[0]
    if source.op.name != "transpose":
        return None
    axes, parts = source.attributes["axes"], groups(source.shape, node.shape)
    own = [[axes[axis] for axis in before] for before, _ in parts]
    if not all(one and one == [*range(one[0], one[0] + len(one))] for one in own):
        return None
    order = sorted(range(len(parts)), key=own.__getitem__)
    places = [axis for part in order for axis in parts[part][1]]
    inner = reshaped(source.inputs[0], [node.shape[axis] for axis in places])
    turned = [places.index(axis) for axis in range(node.ndim)]
    return call("transpose", inner, tuple(turned))  # type: ignore[no-any-return]


@rewrites("sum", "max", "min", "any", "all")
def folded_broadcast(node: Node) -> Node | None:
    """`sum(broadcast_to(x)) = sum(x) * n`, n how often x stands there; `max`, `min`,
    `any` and `all` of what is stretched are those of x."""
    source, axes = node.inputs[0], node.attributes["axis"]
    if source.op.name != "broadcast_to":
        return None
    inner = source.inputs[0]
    shape = padded(inner, source.ndim)
    gone = [axis for axis in axes if shape[axis].value == 1 != source.shape[axis].value]
    if not gone:
        return None
    smaller = reshaped(inner, shape)
    kept = [1 if i in gone else size for i, size in enumerate(source.shape)]
    smaller = call("broadcast_to", smaller, tuple(kept))
    found = node.op.apply((smaller,), {**node.attributes, "keepdims": True})
    found = reshaped(found, node.shape)
    if node.op.name != "sum":
        return found
    return found * counted(node, [source.shape[axis] for axis in gone])  # type: ignore[no-any-return]


def counted(node: Node, sizes: Sequence[Dim]) -> Node:
    """A product of sizes as a scalar of a node's dtype."""
    count = product(sizes)
    if count.value is not None:
        return literal(count.value, node.tensor_type)
    return OPS["size"].apply((), {"value": count, "dtype": node.dtype})


@rewrites("place")
def placed_whole(node: Node) -> Node | None:
    """`place(x, everywhere) = x`."""
    source = node.inputs[0]
    return source if whole(node.attributes["index"], node.shape) else None


def whole(index: Index, shape: Sequence[Dim]) -> bool:
    """Whether an index takes all of a shape as it is."""
    return len(index) == len(shape) and all(
        entry == ("slice", ZERO, size, 1)
        for entry, size in zip(index, shape, strict=True)
    )


@rewrites("getitem")
def taken_where_placed(node: Node) -> Node | None:
    """`place(x, i)[i] = x`."""
    source = node.inputs[0]
    same = source.op.name == "place"
    if same and source.attributes["index"] == node.attributes["index"]:
        return source.inputs[0]
    return None


@rewrites("getitem")
def part_of_joined(node: Node) -> Node | None:
    """`concatenate(x, y, …)[places of y] = y[these]`."""
    source, index = node.inputs[0], node.attributes["index"]
    if source.op.name != "concatenate":
        return None
    axis, start = source.attributes["axis"], ZERO
    entry = [i for i, one in enumerate(index) if one[0] != "new"][axis]
    for part in source.inputs:
        moved = _within_part(index[entry], start, part.shape[axis])
        if moved is not None:
            inside = (*index[:entry], moved, *index[entry + 1 :])
            if whole(inside, part.shape):
                return part
            return node.op.apply((part,), {"index": inside}, node)
        start = start + part.shape[axis]
    return None


def _within_part(entry: tuple[Any, ...], start: Dim, size: Dim) -> Any:
    """An entry of an index counted from a start; none if it sticks out for any size."""
    kind, first, *more = entry
    count, step = more if more else (Dim.of(1), 1)
    first = first - start
    low, spare = first.bounds()[0], (size - first - count).bounds()[0]
    if step != 1 or low is None or low < 0 or spare is None or spare < 0:
        return None
    return kind, first, *more


@rewrites("getitem")
def only_one(node: Node) -> Node | None:
    """`x[…, 0, …] = reshape(x)` where that axis has one place, the others are whole."""
    source, index = node.inputs[0], node.attributes["index"]
    if len(index) != source.ndim or ("new",) in index:
        return None
    for (kind, *entry), size in zip(index, source.shape, strict=True):
        if entry != [ZERO, size, 1] if kind == "slice" else size.value != 1:
            return None
    return reshaped(source, node.shape)


@rewrites("concatenate")
def joined_parts(node: Node) -> Node | None:
    """`concatenate(x[:i], x[i:]) = x`."""
    axis, source = node.attributes["axis"], node.inputs[0]
    if any(part.op.name != "getitem" for part in node.inputs):
        return None
    source, at = node.inputs[0].inputs[0], ZERO
    if source.type != node.type:
        return None
    for part in node.inputs:
        entries = [("slice", ZERO, size, 1) for size in source.shape]
        entries[axis] = ("slice", at, part.shape[axis], 1)
        if part.inputs[0] is not source or part.attributes["index"] != tuple(entries):
            return None
        at = at + part.shape[axis]
    return source


@rewrites("concatenate")
def joined_joined(node: Node) -> Node | None:
    """`concatenate(concatenate(x, y), z) = concatenate(x, y, z)`."""
    axis = node.attributes["axis"]
    parts: list[Node] = []
    for part in node.inputs:
        inner = part.op.name == "concatenate" and part.attributes["axis"] == axis
        parts += part.inputs if inner else [part]
    if len(parts) == len(node.inputs):
        return None
    return node.op.apply(tuple(parts), node.attributes, node)


@rewrites("add")
def placed_side_by_side(node: Node) -> Node | None:
    """`place(x, i) + place(y, j) = concatenate(x, y)` for places that adjoin."""
    places = _places(node)
    if places is None:
        return None
    axis = _axis_of(places)
    if axis is None:
        return None
    by_start = {place.attributes["index"][axis][1]: place for place in places}
    ends = {_end(place, axis) for place in places}
    firsts = [start for start in by_start if start not in ends]
    if len(firsts) != 1 or len(by_start) != len(places):
        return None
    at, parts = firsts[0], []
    while at in by_start:
        place = by_start.pop(at)
        parts.append(place.inputs[0])
        at = _end(place, axis)
    if by_start:
        return None
    joined = OPS["concatenate"].apply(tuple(parts), {"axis": axis})
    index = list(places[0].attributes["index"])
    index[axis] = ("slice", firsts[0], joined.shape[axis], 1)
    attributes = {"shape": node.shape, "index": tuple(index)}
    return OPS["place"].apply((joined,), attributes)


def _places(node: Node) -> list[Node] | None:
    """The places that a sum adds up, if there is nothing else in it."""
    found: list[Node] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if part.op.name == "place":
            found.append(part)
        elif part.op.name == "add" and part.type == node.type:
            stack += part.inputs
        else:
            return None
        if len(found) + len(stack) > PARTS:
            return None
    return found


def _axis_of(places: Sequence[Node]) -> int | None:
    """The one axis along which places differ, all of them slices of step 1."""
    indices = [place.attributes["index"] for place in places]
    first = indices[0]
    for index in indices:
        if any(entry[0] != "slice" or entry[3] != 1 for entry in index):
            return None
    differing = {
        axis
        for index in indices[1:]
        for axis, (one, two) in enumerate(zip(first, index, strict=True))
        if one != two
    }
    return differing.pop() if len(differing) == 1 else None


def _end(place: Node, axis: int) -> Dim:
    _, start, count, _ = place.attributes["index"][axis]
    found: Dim = start + count
    return found


def groups(
    whole: Sequence[Dim], shape: Sequence[Dim]
) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes of equal size, in the smallest groups of equal size.

    What is empty is one group: beside 0, other sizes need not be equal.
    """
    found: list[tuple[list[int], list[int]]] = []
    left, right = list(range(len(whole))), list(range(len(shape)))
    if ZERO in (*whole, *shape):
        return [(left, right)]
    while left and right:
        for count in range(1, len(left) + len(right)):
            pair = _equal(whole, shape, left, right, count)
            if pair is not None:
                found.append(pair)
                left, right = left[len(pair[0]) :], right[len(pair[1]) :]
                break
        else:
            break
    if left or right:
        if not found:
            return [(left, right)]
        before, after = found.pop()
        found.append((before + left, after + right))
    return found


def _equal(
    whole: Sequence[Dim],
    shape: Sequence[Dim],
    left: list[int],
    right: list[int],
    count: int,
) -> tuple[list[int], list[int]] | None:
    for first in range(1, count + 1):
        second = count + 1 - first
        if first > len(left) or second > len(right):
            continue
        one = product(whole[axis] for axis in left[:first])
        two = product(shape[axis] for axis in right[:second])
        if one == two:
            return left[:first], right[:second]
    return None
