"""The call of an op that gives a certain node, and the index that does.

Attributes of nodes are canonical, so that many calls give the same node. Calls are
tried, and nodes are interned: a call is right if it gives the very same node.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from ..graph.diagnostics import Fault, TulleError
from ..graph.dim import Compound, Dim
from ..graph.node import Node
from ..graph.registry import OPS
from ..graph.tensor import input_node
from ..graph.types import DTYPES, TensorType

IN_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
Call: TypeAlias = tuple[list[Any], dict[str, Any]]
MISFITS = (
    Fault, TulleError, TypeError, ValueError, AttributeError, LookupError,
    AssertionError,
)  # fmt: skip


def call_of(node: Node) -> Call | None:
    """Positional and named arguments, those that are not the defaults."""
    parameters = inspect.signature(node.op.arguments).parameters
    for positional, named in _candidates(node):
        with suppress(*MISFITS):
            operands, attributes = node.op.arguments(*positional, **named)
            if not all(isinstance(operand, Node) for operand in operands):
                continue
            if node.op.apply(tuple(operands), attributes) is node:
                kept = {
                    key: value
                    for key, value in named.items()
                    if not _is_default(value, parameters[key].default)
                }
                return _shortest(node, (positional, kept), [*parameters.values()])
    return None


def _gives(node: Node, call: Call) -> bool:
    """Whether a call gives the very node."""
    positional, named = call
    with suppress(*MISFITS):
        operands, attributes = node.op.arguments(*positional, **named)
        if all(isinstance(operand, Node) for operand in operands):
            return node.op.apply(tuple(operands), attributes) is node
    return False


def _shortest(node: Node, call: Call, parameters: Sequence[inspect.Parameter]) -> Call:
    """The call without what it can do without, and with plain forms of the rest."""
    positional, named = call
    for key, value in call[1].items():
        shorter = {name: item for name, item in named.items() if name != key}
        if _gives(node, (positional, shorter)):
            named = shorter
        elif isinstance(value, tuple) and len(value) == 1:
            plain = {**named, key: value[0]}
            named = plain if _gives(node, (positional, plain)) else named
    rest = [p for p in parameters[len(positional) :] if p.kind in IN_PLACE]
    for parameter in rest:
        # What has to be given stands in its place, without its name.
        if parameter.name not in named or parameter.default is not parameter.empty:
            break
        value = named[parameter.name]
        others = {key: item for key, item in named.items() if key != parameter.name}
        if not _gives(node, ([*positional, value], others)):
            break
        positional, named = [*positional, value], others
    return positional, named


def index_of(node: Node) -> list[Any] | None:
    """What stands in brackets behind a tensor to give the node of a `getitem`."""
    sizes = iter(node.inputs[0].tensor_type.shape)
    found = [
        entry_item(entry, None if entry[0] == "new" else next(sizes))
        for entry in node.attributes["index"]
    ]
    items = [item[0] for item in found if item is not None]
    if len(items) < len(found):
        return None
    while len(items) > 1 and items[-1] == slice(None):
        items.pop()
    return items


def entry_item(entry: Any, size: Dim | None) -> tuple[Any] | None:
    """What stands in brackets for an entry of a canonical index; None if nothing."""
    if entry[0] != "slice" or size is None:
        if size is None:
            return (None,)
        behind = entry[1] - size
        first = entry[1].value is not None and (size.value is None or size.value == 1)
        number = entry[1] if behind.value is None or first else behind
        return (_plain(number),)
    _, start, count, step = entry
    past = start + count * step
    starts = [None, start, *_arguments(start)]
    stops = [None, past, past - step + (1 if step > 0 else -1), *_arguments(past)]
    for part in _arguments(count):
        stops += [start + part, *_arguments(start + part)]
    stops += [stop - size for stop in stops if stop is not None]
    stops.sort(key=_plainness)
    x = input_node("x", TensorType(DTYPES["f32"], (size,)))
    wanted = (entry,)
    for first, last in itertools.product(starts, stops):
        item = slice(_plain(first), _plain(last), None if step == 1 else step)
        with suppress(Fault):
            found = OPS["getitem"].apply((x,), {"key": (item,)})
            whole = found is x and (start, count, step) == (0, size, 1)
            if whole or found.attributes.get("index") == wanted:
                return (item,)
    return None


def _plainness(dim: Dim | None) -> int:
    """Nothing stands before a number, and that before a size."""
    return 0 if dim is None else 1 if dim.value is not None else 2


def _arguments(dim: Dim) -> list[Dim]:
    """What a size is the minimum or maximum of."""
    found: list[Dim] = []
    for monomial, factor in dim.terms:
        for atom, _ in monomial:
            if isinstance(atom, Compound) and atom.kind in ("min", "max"):
                rest = dim - Dim(((((atom, 1),), factor),))
                found += [rest + side * factor for side in (atom.left, atom.right)]
    return found + [inner for one in found for inner in _arguments(one)]


def _candidates(node: Node) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Calls that may have made a node: positional and named arguments."""
    parameters = inspect.signature(node.op.arguments).parameters
    attributes = {key: _plain(value) for key, value in node.attributes.items()}
    if node.op.name == "arange":
        stop = _plain(
            node.attributes["start"] + node.attributes["count"] * attributes["step"]
        )
        kind = {"dtype": attributes["dtype"]}
        yield [stop], kind
        yield [attributes["start"], stop], {"step": attributes["step"], **kind}
        return
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        yield [*attributes.values(), *node.inputs], {}
        return
    given = attributes.pop("given", None)  # the optional operands
    fixed = {_parameter(key, parameters): value for key, value in attributes.items()}
    inputs = [*node.inputs]
    for kept in _variants(fixed, parameters):
        free = [name for name in parameters if name not in kept]
        if given is not None:
            empty = inspect.Parameter.empty
            free = [*(n for n in free if parameters[n].default is empty), *given]
        for operands in (inputs, [inputs]):
            for places in itertools.combinations(free, len(operands)):
                call = {**kept, **dict(zip(places, operands, strict=True))}
                yield _split([*parameters], call)


def _parameter(key: str, parameters: Mapping[str, Any]) -> str:
    """The parameter that an attribute comes from: `top` from `top_padding`."""
    if key in parameters:
        return key
    near = [n for n in parameters if n.startswith(f"{key}_") or n.endswith(key)]
    return near[0] if near else key


def _variants(
    fixed: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Settings as they are, then without those that may be left out."""
    known = {key: value for key, value in fixed.items() if key in parameters}
    yield known
    yield {key: value for key, value in known.items() if value is not None}
    for key in known:
        yield {name: value for name, value in known.items() if name != key}


def _split(
    names: Sequence[str], given: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Arguments in order as far as tensors go, the others by name."""
    positional: list[Any] = []
    for name in names:
        if name not in given or not _has_nodes(given[name]):
            break
        positional.append(given[name])
    rest = names[len(positional) :]
    return positional, {name: given[name] for name in rest if name in given}


def _has_nodes(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_nodes, value))
    return isinstance(value, Node)


def _plain(value: Any) -> Any:
    if isinstance(value, Dim):
        return value if value.value is None else value.value
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value


def _is_default(item: Any, default: Any) -> bool:
    if isinstance(item, Node) or default is inspect.Parameter.empty:
        return False
    return type(item) is type(default) and bool(item == default)
