"""Nodes: frozen, interned applications of ops; equality is identity.

Equal applications are one object, so common subexpressions cost nothing and tests
compare graphs with `is`. Where a node stands in the source plays no part in that.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from .diagnostics import InternalError, Span
from .dim import Dim, Symbol
from .immutable import Immutable
from .operand import Operand
from .types import DType, TensorType, TupleType, Type

if TYPE_CHECKING:
    from .op import Op


class Unique:
    """A fresh symbol: what makes inputs, variables and layer calls distinct."""

    __slots__ = ("name",)

    def __init__(self, name: str = ""):
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Constant(Immutable):
    """An array as an attribute, keyed by dtype, shape and raw bytes."""

    __slots__ = ("array", "key")

    def __init__(self, array: np.ndarray[Any, Any]):
        array = np.ascontiguousarray(array).reshape(array.shape)
        array.flags.writeable = False
        data = array.tobytes()
        if len(data) > 64:
            data = hashlib.blake2b(data, digest_size=16).digest()
        self.array = array
        self.key = (array.dtype.str, array.dtype.name, array.shape, data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        text = np.array2string(self.array, threshold=6, edgeitems=2, separator=", ")
        return " ".join(text.split())


class Node(Operand):
    """An op applied to nodes, with attributes and the type of the result.

    `name` and `span` are for people: they are not part of the node's identity.
    """

    __slots__ = ("op", "inputs", "attributes", "type", "name", "span", "__weakref__")

    op: Op
    inputs: tuple[Node, ...]
    attributes: Mapping[str, Any]
    type: Type
    name: str | None
    span: Span | None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a node is frozen: `{name}` cannot be set")

    @property
    def tensor_type(self) -> TensorType:
        """The type of a node with a single result."""
        if isinstance(self.type, TupleType):
            raise InternalError(f"{self.op.name} has several results")
        return self.type

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.tensor_type.shape

    @property
    def dtype(self) -> DType:
        return self.tensor_type.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __deepcopy__(self, known: dict[int, Any]) -> Node:
        """The node on copies of what it holds: variables, and layers with their calls.

        Without recursion along the inputs, which may be a long chain.
        """
        for node in topological([self]):
            if id(node) not in known:
                inputs = tuple(known[id(source)] for source in node.inputs)
                attributes = deepcopy(dict(node.attributes), known)
                type: Callable[[], Type] = partial(getattr, node, "type")
                known[id(node)] = intern(
                    node.op, inputs, attributes, type, node.name, node.span
                )
                if node.op.name == "layer_call":
                    node.attributes["call"].note_copy(node, known)
        found: Node = known[id(self)]
        return found

    def __repr__(self) -> str:
        return f"<{self.op.name}: {self.type}>"


Attributes = Mapping[str, Any]
_TABLE: WeakValueDictionary[Any, Node] = WeakValueDictionary()
_LOCK = RLock()  # what is collected meanwhile may ask for nodes
_asked: ContextVar[set[Node] | None] = ContextVar("asked", default=None)


def _key(value: Any) -> Any:
    """A key that keeps 1, 1.0, True, -0.0 and NaN apart."""
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return ("float", struct.pack("d", value))
    own_hash: object = type(value).__hash__
    if isinstance(value, Operand) or own_hash is object.__hash__:
        # The node keeps the object; the table must not, or neither would ever go.
        return ("object", id(value))
    return value


def attribute_key(attributes: Attributes) -> Any:
    """A key for attributes, equal for equal ones only."""
    return tuple((name, _key(value)) for name, value in attributes.items())


def intern(
    op: Op,
    inputs: tuple[Node, ...],
    attributes: Attributes,
    infer: Callable[[], Type],
    name: str | None = None,
    span: Span | None = None,
) -> Node:
    """The node of an application: the existing one, or a new one typed by `infer`."""
    key = (op.name, inputs, attribute_key(attributes))
    found = _TABLE.get(key)
    asked = _asked.get()
    if found is not None:
        if asked is not None:
            asked.add(found)
        return found
    node = Node.__new__(Node)
    for slot, value in (
        ("op", op),
        ("inputs", inputs),
        ("attributes", dict(attributes)),
        ("type", infer()),
        ("name", name),
        ("span", span),
    ):
        object.__setattr__(node, slot, value)
    with _LOCK:  # another thread may have made it meanwhile
        found = _TABLE.get(key)
        if found is not None:
            node = found
        else:
            _TABLE[key] = node
    if asked is not None:
        asked.add(node)
    return node


@contextmanager
def noting() -> Iterator[set[Node]]:
    """The nodes that are asked for while the context lasts, new or not."""
    found: set[Node] = set()
    token = _asked.set(found)
    try:
        yield found
    finally:
        _asked.reset(token)


def topological(outputs: Iterable[Node], known: Container[Node] = ()) -> list[Node]:
    """All nodes that outputs need, each after its inputs, in a stable order.

    What those in `known` need is left out.
    """
    order: list[Node] = []
    done: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            if node not in known:
                stack.extend((n, False) for n in reversed(node.inputs) if n not in done)
    return order


def users(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node, the nodes that read it, once for each operand."""
    found: dict[Node, list[Node]] = {}
    for node in nodes:
        found.setdefault(node, [])
        for source in node.inputs:
            found.setdefault(source, []).append(node)
    return found


def resolve(value: Any, values: Mapping[Symbol, int]) -> Any:
    """An attribute with numbers in place of dims."""
    if isinstance(value, Dim):
        number = value.value
        return value.evaluate(values) if number is None else number
    if isinstance(value, TensorType):
        return value.with_shape(resolve(value.shape, values))
    if isinstance(value, tuple):
        return tuple(resolve(item, values) for item in value)
    if isinstance(value, slice):
        return slice(
            *(resolve(v, values) for v in (value.start, value.stop, value.step))
        )
    return value


def substitute(value: Any, values: Mapping[Symbol, Dim]) -> Any:
    """An attribute with dims in place of symbols."""
    if isinstance(value, (Dim, TensorType)):
        return value.substitute(values)
    if isinstance(value, tuple):
        return tuple(substitute(item, values) for item in value)
    return value


@dataclass(frozen=True)
class Rewritten:
    """What `rewrite` made: the new node of each old one."""

    nodes: Mapping[Node, Node]

    def __getitem__(self, node: Node) -> Node:
        return self.nodes[node]


def rewrite(
    outputs: Iterable[Node], rule: Callable[[Node, tuple[Node, ...]], Node | None]
) -> Rewritten:
    """Rebuild what outputs need, bottom up.

    `rule` sees a node with its new inputs and gives its replacement, or None to apply
    the same op to the new inputs.
    """
    new: dict[Node, Node] = {}
    for node in topological(outputs):
        inputs = tuple(new[source] for source in node.inputs)
        found = rule(node, inputs)
        if found is None:
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            found = node if same else node.op.apply(inputs, node.attributes, node)
        new[node] = found
    return Rewritten(new)


def substituted(
    nodes: Sequence[Node | None], actual: Mapping[Node, Node]
) -> list[Node | None]:
    """Nodes with others in the place of some, below which nothing is looked at."""
    new = dict(actual)
    stack = [node for node in reversed(nodes) if node is not None]
    while stack:
        node = stack[-1]
        missing = [source for source in node.inputs if source not in new]
        if node not in new and missing:
            stack += reversed(missing)
            continue
        stack.pop()
        if node not in new:
            inputs = tuple(new[source] for source in node.inputs)
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            new[node] = node if same else node.op.apply(inputs, node.attributes, node)
    return [None if node is None else new[node] for node in nodes]


def normalize(
    outputs: Iterable[Node], rule: Callable[[Node], Node | None]
) -> Rewritten:
    """Apply a rule until it changes nothing, bottom up, in one walk.

    `rule` sees a node whose inputs are in their final form and gives a replacement, or
    None to keep it; a replacement is brought to its final form in turn.
    """
    new: dict[Node, Node] = {}
    becomes: dict[Node, Node] = {}
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if node in new:
            stack.pop()
            continue
        if node in becomes:
            new[node] = new[becomes[node]]
            stack.pop()
            continue
        missing = [source for source in node.inputs if source not in new]
        if missing:
            stack += reversed(missing)
            continue
        inputs = tuple(new[source] for source in node.inputs)
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        fresh = node if same else node.op.apply(inputs, node.attributes, node)
        found = fresh if fresh in new else rule(fresh)
        if found is None or found is fresh:
            new[node] = new[fresh] = new.get(fresh, fresh)
        else:
            becomes[node] = found
            stack.append(found)
    return Rewritten(new)
