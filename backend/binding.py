"""The arrays of a plan: buffers in one memory, variables, and what is computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..graph.dim import Symbol
from ..graph.node import Node, resolve
from ..graph.types import TensorType, TupleType
from .pipeline.plan import Plan, number
from .pipeline.schedule import Schedule, Value
from .strided_arrays import StridedArray

Array = Any
Sizes = Mapping[Symbol, int]
PLAIN = frozenset((int, bool, str, float, type(None)))


def bound_arrays(
    schedule: Schedule,
    found: Plan,
    memory: Array,
    sizes: Sizes,
    xp: Any,
    **given: Array,
) -> dict[str, Array]:
    """The array of each bound value by name; `given` are those that are there."""
    names: dict[str, Array] = dict(given)
    for value in schedule.values:
        if value.name not in given and value.kind != "tuple":
            names[value.name] = _array(value, names, found, memory, sizes, xp)
    return names


def standing(schedule: Schedule) -> list[str]:
    """The names of values whose arrays are the same for all sizes: variables, views
    of them, and what is computed from constants."""
    found: dict[str, None] = {}
    for value in schedule.values:
        fixed = value.kind == "computed" and not _parts(value.node)[1]
        if value.kind == "variable" or (
            fixed and all(source.name in found for source in value.sources)
        ):
            found[value.name] = None
    return list(found)


class BoundArrays:
    """The arrays of a schedule; those that are the same for all sizes are kept."""

    def __init__(self, schedule: Schedule, xp: Any):
        self.schedule, self.xp = schedule, xp
        self._standing = standing(schedule)
        self._kept: dict[str, Array] = {}

    def forget(self) -> None:
        """Make all anew the next time, since variables moved."""
        self._kept = {}

    def of(self, found: Plan, memory: Array, sizes: Sizes) -> dict[str, Array]:
        """The array of each bound value by name."""
        names = bound_arrays(self.schedule, found, memory, sizes, self.xp, **self._kept)
        self._kept = {name: names[name] for name in self._standing}
        return names


def _array(
    value: Value,
    names: Mapping[str, Array],
    found: Plan,
    memory: Array,
    sizes: Sizes,
    xp: Any,
) -> Array:
    node = value.node
    if value.kind == "variable":
        return node.attributes["variable"].array
    if value.kind == "buffer":
        assert value.storage is not None
        shape, dtype = shape_of(value, sizes), node.dtype
        start = found.offsets[value.storage]
        start += number(value.offset, sizes) * dtype.size
        if xp is np:
            return np.ndarray(shape, dtype.numpy, memory, start)
        count = math.prod(shape) * dtype.size
        return memory[start : start + count].view(dtype.numpy).reshape(shape)
    operands = [names[source.name] for source in value.sources]
    result = node.op.run(xp, *operands, **attributes_of(node, sizes))
    return result if isinstance(node.type, TupleType) else xp.asarray(result)


def attributes_of(node: Node, sizes: Sizes) -> dict[str, Any]:
    """A node's attributes with numbers in place of sizes; not to be changed."""
    fixed, symbolic = _parts(node)
    if not symbolic:
        return fixed
    return fixed | {key: resolve(value, sizes) for key, value in symbolic.items()}


def is_sized(node: Node) -> bool:
    """Whether an attribute of a node has sizes in it that are not numbers."""
    return bool(_parts(node)[1])


Parts = tuple[dict[str, Any], dict[str, Any]]
_attributes: WeakKeyDictionary[Node, Parts] = WeakKeyDictionary()


def _parts(node: Node) -> Parts:
    """Attributes that are the same for all sizes, resolved, and the others as is."""
    found = _attributes.get(node)
    if found is None:
        found = _attributes[node] = {}, {}
        fixed, symbolic = found
        for key, value in node.attributes.items():
            try:
                fixed[key] = value if type(value) in PLAIN else resolve(value, {})
            except KeyError:  # a symbol
                symbolic[key] = value
    return found


def host_step(
    xp: Any,
    node: Node,
    sources: Sequence[Array],
    targets: Sequence[Array],
    sizes: Sizes,
) -> Callable[[], None]:
    """A step that the array library or a layer of the user's computes."""
    run, attributes = node.op.run, attributes_of(node, sizes)
    several = isinstance(node.type, TupleType)

    def write() -> None:
        run(xp, *sources, **attributes, out=targets[0])

    def keep() -> None:
        results = run(xp, *sources, **attributes)
        given = results if several else (results,)
        for target, result in zip(targets, given, strict=True):
            xp.copyto(target, result)

    return write if node.op.writes and not several else keep


def shows(array: Array | None, owners: set[int]) -> bool:
    """Whether an array is one of the owners, or a view of one."""
    while array is not None and id(array) not in owners:
        array = getattr(array, "base", None)
    return array is not None


def shape_of(value: Value, sizes: Sizes) -> tuple[int, ...]:
    """The shape of a value for given sizes.

    What the op refuses, as a window longer than its axis, it tells itself; until then
    it has no elements.
    """
    fixed = value.fixed_shape
    if fixed is not None:
        return fixed
    return tuple([max(0, number(dim, sizes)) for dim in value.node.shape])


def lying_of(type: TensorType, sizes: Sizes) -> StridedArray:
    """An array of a type for given sizes, wherever it is; as `shape_of` has it."""
    shape = tuple([max(0, number(dim, sizes)) for dim in type.shape])
    return StridedArray(0, shape, type.dtype.numpy)


def aligned(xp: Any, size: int) -> Any:
    """Bytes that begin at a multiple of 64."""
    if xp is not np:
        return xp.empty(size, np.uint8)
    whole = np.empty(size + 64, np.uint8)
    start = -whole.ctypes.data % 64
    return whole[start : start + size]
