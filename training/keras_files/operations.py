"""Operations between layers: Keras's classes, and which op of ours each one is.

`operations.txt` has a line a class: its module, its name, our op, its settings and its
operands. `tools/keras_operations.py` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import signature
from itertools import product
from pathlib import Path
from typing import Any

from ...graph.dim import Compound, Dim
from ...graph.node import Constant, Node
from ...graph.ops.indexing import slice_entry
from ...graph.registry import OPS
from ...graph.types import TensorType

TABLE = Path(__file__).with_name("operations.txt")
SAME = {"exact_gelu": "gelu", "solve_matrix": "solve"}  # parts of ops of Keras
# How arguments are called that have other names in our nodes.
NAMES = {"soft_cap": "attn_logits_soft_cap"}
# Operands of our nodes that stand in another order.
ORDERS = {"slice_update": ("inputs", "updates", "start_indices")}
DERIVED = ("given", "rank")  # attributes that follow from the operands


@dataclass(frozen=True)
class Operation:
    """A class of Keras's operations: `settings` are its own, `operands` of its call."""

    module: str
    name: str
    op: str
    settings: tuple[str, ...]
    operands: tuple[str, ...]

    @property
    def many(self) -> bool:
        """Whether the call takes any number of tensors, one after the other."""
        return self.operands[:1] != () and self.operands[0].startswith("*")


@cache
def operations() -> tuple[Operation, ...]:
    """The table."""
    rows = (line.split() for line in TABLE.read_text().splitlines())
    return tuple(Operation(m, n, op, _names(s), _names(o)) for m, n, op, s, o in rows)


def _names(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


def operation_named(name: str) -> Operation | None:
    """The operation of a class name."""
    return next((item for item in operations() if item.name == name), None)


def operation_of(op: str) -> Operation | None:
    """The operation that says what an op of ours does."""
    op = SAME.get(op, op)
    return next((item for item in operations() if item.op == op), None)


class Unwritable(Exception):
    """A node that Keras's operations cannot say; the text says why."""


def written(node: Node, operands: Sequence[Any]) -> tuple[Operation, Any, list[Any]]:
    """The operation of a node, its settings, and the arguments of its call."""
    operation = operation_of(node.op.name)
    if operation is None:
        raise Unwritable(f"Keras has no operation `{node.op.name}`")
    given = {NAMES.get(k, k): v for k, v in node.attributes.items() if k not in DERIVED}
    given = SPECIAL.get(node.op.name, lambda node, given: given)(node, given)
    named = {key: plain(value) for key, value in given.items()}
    strange = [
        key for key in named if key not in (*operation.settings, *_bare(operation))
    ]
    if strange:
        raise Unwritable(f"`{operation.name}` of Keras has no `{strange[0]}`")
    settings = {key: named[key] for key in operation.settings if key in named}
    return operation, settings, _arguments(node, operation, list(operands), named)


def _bare(operation: Operation) -> tuple[str, ...]:
    return tuple(name.lstrip("*") for name in operation.operands)


def _arguments(
    node: Node, operation: Operation, operands: list[Any], named: dict[str, Any]
) -> list[Any]:
    """The arguments of the call in their order, tensors and others."""
    if operation.many:
        return operands
    if operation.op in LISTED:
        return [operands]
    present = node.attributes.get("given")
    first = len(operands) - len(present or ())
    order = ORDERS.get(operation.op, operation.operands)
    free = [name for name in order if named.get(name) is None]
    tensors = dict(zip(free, operands[:first], strict=False))
    tensors.update(zip(present or (), operands[first:], strict=True))
    if present is None and len(operands) > len(operation.operands):
        raise Unwritable(f"`{operation.name}` of Keras takes fewer operands")
    found = [tensors.get(n, named.get(n)) for n in operation.operands]
    while present is None and found and found[-1] is None:
        found.pop()
    return found


LISTED = ("concatenate", "stack", "hstack", "vstack", "dstack")


def plain(value: Any) -> Any:
    """An attribute as Keras writes it: one axis as a number, a size as it is."""
    if isinstance(value, Dim):
        if value.value is None:
            raise Unwritable(f"it has the size {value}, and Keras knows no such sizes")
        return value.value
    if isinstance(value, Constant):
        return value.array
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def _axis(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    """One axis is a number, as a call of Keras has it."""
    axis = given["axis"]
    return {**given, "axis": axis[0] if len(axis) == 1 else axis}


def _reshaped(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    """The one size that depends on the data is -1."""
    shape = list(given["newshape"])
    unknown = [i for i, size in enumerate(shape) if size.value is None]
    if len(unknown) == 1:
        shape[unknown[0]] = -1
    return {"newshape": tuple(shape)}


def _indexed(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    """What stands in the brackets: slices, places, new axes."""
    type = node.inputs[0].tensor_type
    parts: list[Any] = []
    axis = 0
    for entry in given["index"]:
        if entry[0] == "new":
            parts.append(None)
            continue
        at = entry[0] == "at"
        place = _place(entry[1], type.shape[axis]) if at else _slice(entry, axis, type)
        parts.append(place)
        axis += 1
    return {"key": tuple(parts)}


def _place(place: Dim, size: Dim) -> int:
    """A place on an axis, counted from its end where only that is known."""
    found = place.value if place.value is not None else (place - size).value
    if found is None:
        raise Unwritable(f"it has the place {place}, and Keras knows no such places")
    return found


def _slice(entry: Any, axis: int, type: TensorType) -> slice:
    """A slice with numbers that means what an entry of ours does."""
    step = entry[3]
    numbers = {n for dim in entry[1:3] for n in _numbers(Dim.of(dim))}
    near = {sign * n + more for n in numbers for sign in (1, -1) for more in (-1, 0, 1)}
    ends = [None, *sorted(near)]
    for begin, end in product(ends, ends):
        found = slice(begin, end, None if step == 1 else step)
        if slice_entry(found, axis, type) == entry:
            return found
    raise Unwritable(f"it slices by sizes, {entry[1]} and {entry[2]}")


def _numbers(dim: Dim) -> set[int]:
    """The numbers in a size."""
    found = {abs(factor) for _, factor in dim.terms} | {0}
    for monomial, _ in dim.terms:
        for atom, _ in monomial:
            if isinstance(atom, Compound):
                found |= _numbers(atom.left) | _numbers(atom.right)
    return found


def _full_gelu(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    return {"approximate": given.get("approximate", True)}


def _transposed(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    padding = given["output_padding"]
    empty = all(size is None for size in padding)
    return {**given, "output_padding": None if empty else padding}


def _padded(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    """A constant goes with the mode of that name only."""
    constant = given["mode"] == "constant"
    return {k: v for k, v in given.items() if constant or k != "constant_values"}


def _windowed(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    """Settings that are equal for all axes of space are one number."""
    windows = ("pool_size", "strides", "dilation_rate")
    return {
        key: value[0] if key in windows and len({*value}) == 1 else value
        for key, value in given.items()
    }


def _normalized(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    order = given["order"]
    whole = float(order).is_integer()
    return {**_axis(node, given), "order": int(order) if whole else order}


AXES = (
    "softmax log_softmax sum prod max min mean var std any all logsumexp squeeze flip "
    "layer_normalization rms_normalization normalize"
).split()
SPECIAL: dict[str, Callable[[Node, dict[str, Any]], dict[str, Any]]] = {
    **dict.fromkeys(AXES, _axis),
    "reshape": _reshaped,
    "getitem": _indexed,
    "gelu": _full_gelu,
    "exact_gelu": _full_gelu,
    "conv_transpose": _transposed,
    "pad": _padded,
    "normalize": _normalized,
    **dict.fromkeys(("max_pool", "average_pool", "conv"), _windowed),
}


def applied(
    operation: Operation, settings: dict[str, Any], args: list[Any], kwargs: Any
) -> Any:
    """The result of our op for the settings and the call of Keras's operation."""
    function = OPS[operation.op]
    taken = signature(function.arguments).parameters
    known = {
        key: value
        for key, value in settings.items()
        if key != "name" and (key in taken or value not in (None, False))
    }
    if operation.name == "Einsum":
        return function(known.pop("subscripts"), *args, **known, **kwargs)
    if operation.many or len(args) > len(operation.operands):
        return function(*args, **known, **kwargs)
    named = dict(zip(operation.operands, args, strict=False))
    first = [named.pop(name) for name in list(named) if name not in taken]
    if isinstance(named.get("key"), list):
        named["key"] = tuple(named["key"])
    return function(*first, **named, **known, **kwargs)
