"""Layers of the library on values: calls that come again and again become programs.

What such a layer computes follows from its attributes, its variables and the types of
its arguments. After a few calls with equal ones, which run op by op, its `call` is
traced and compiled. What is recorded on tapes, carries masks or runs code of a user's
stays op by op. `training/compiling.py` sets the `compiler`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tree
from .autocasting import autocast_dtype
from .configuration import settings
from .device import current_device
from .diagnostics import TulleError
from .graph import Graph
from .layer_state import LayerState
from .recording import forget, recording
from .tensor import SymbolicTensor, Tensor, input_node
from .trace import Trace, asked_training, current_trace, tracing
from .types import TensorType
from .variable import Variable, times_seeded
from .variable_substitution import replacements
from .watching import hold_the_same, is_of_library

if TYPE_CHECKING:
    from .layer import Layer

FIRST = 10  # calls that run op by op
KEPT = 8  # programs of a layer
COUNTED = 256  # kinds of calls
PLAIN = frozenset((bool, int, str, type(None)))  # arguments that are their own key
# Attributes that a call does not read.
APART = frozenset(("_given", "_as_made", "_compiled", "_steps", "history"))

compiler: Callable[[Graph], Any] | None = None

# Whether a layer that may become a program is under way, so that those inside need not.
_within: ContextVar[bool] = ContextVar("within", default=False)


class Watched:
    """Whether a layer, and those inside, hold what they held."""

    def __init__(self, layer: Layer):
        self.layers = (layer, *layer.sublayers)
        self.views: list[Any] = [vars(one).values() for one in self.layers]
        self.objects = [item for view in self.views for item in view]
        for item in self.objects:  # grows on the way
            held = item.values() if isinstance(item, dict) else item
            nest = isinstance(item, (list, tuple, dict))
            if nest and not any(held is view for view in self.views):
                self.views.append(held)
                self.objects += held

    def unchanged(self) -> bool:
        """Whether everything is as it was."""
        return hold_the_same(self.views, self.objects)

    def settled(self) -> bool:
        """Whether equal calls do the same: nothing inside is code of a user's."""
        return not any(layer.foreign for layer in self.layers) and not any(
            _is_foreign(item)
            for layer in self.layers
            for name, value in vars(layer).items()
            if name not in APART
            for item in _items(value)
        )


class LayerProgram:
    """A call of a layer, compiled for types of arguments."""

    def __init__(self, program: Any, structure: Any, updated: Sequence[Variable]):
        self.program, self.structure, self.updated = program, structure, updated

    def run(self, operands: Sequence[Tensor]) -> Any:
        """The result for arguments of these types."""
        found = self.program([operand.array for operand in operands])
        for variable in self.updated:
            forget(variable)
        return tree.unflatten(self.structure, map(Tensor, found.values()))


class LayerPrograms:
    """The programs of one layer; a copy of the layer has none yet."""

    def __init__(self) -> None:
        self._watched: Watched | None = None
        self._settled = False
        self._counts: dict[Any, int] = {}
        self._known: dict[Any, LayerProgram | None] = {}  # None where there is none
        self._seeded = times_seeded()

    def __reduce__(self) -> Any:
        return LayerPrograms, ()

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call of a layer: on values, op by op or as a program."""
        if current_trace() is not None or not layer.built:
            return layer.run_call(args, kwargs)
        operands: list[Tensor] = []
        key = self._key(layer, (args, kwargs), operands)
        if key is None:
            return layer.run_call(args, kwargs)
        count = self._counts.get(key, 0)
        if count >= FIRST:
            if key not in self._known:
                self._compile(key, layer, args, kwargs)
            found = self._known.get(key)  # another thread may have begun anew
            if found is not None:
                return found.run(operands)
        token = _within.set(count < FIRST)
        try:
            result = layer.run_call(args, kwargs)
        finally:
            _within.reset(token)
        self._count(key, count, result)
        return result

    def _key(self, layer: Layer, given: Any, operands: list[Tensor]) -> Any:
        """What tells calls apart that may differ; None for one that stays op by op."""
        if _within.get() or compiler is None or recording():
            return None
        if replacements() is not None or autocast_dtype() is not None:
            return None
        if self._watched is None or not self._watched.unchanged():
            self._begin(layer)
        if not self._settled:
            return None
        if self._seeded != times_seeded():  # what is done again does the same
            self._seeded, self._counts = times_seeded(), {}
        try:
            return (
                _described(given, operands),
                asked_training(),
                settings(),
                current_device(),
            )
        except LookupError:
            return None

    def _begin(self, layer: Layer) -> None:
        """Look at the layer anew; it may compute something else from now on."""
        self._counts, self._known = {}, {}
        self._watched = Watched(layer)
        self._settled = self._watched.settled()

    def _count(self, key: Any, count: int, result: Any) -> None:
        """Note a call; one whose results are unusual stays op by op."""
        if count >= FIRST:
            return
        if len(self._counts) >= COUNTED:
            self._counts.clear()
        self._counts[key] = count + 1
        try:
            _described(result, [])
        except LookupError:
            self._known[key] = None

    def _compile(self, key: Any, layer: Layer, args: Any, kwargs: Any) -> None:
        if len(self._known) >= KEPT:
            self._known = {}
        try:
            self._known[key] = _compiled(layer, args, kwargs)
        except TulleError:  # op by op it is told
            self._known[key] = None
        if self._watched is not None and not self._watched.unchanged():
            self._settled = False  # calls change the layer itself


def _compiled(layer: Layer, args: Any, kwargs: Any) -> LayerProgram | None:
    """The program of a call; None for one that does more than compute and assign."""
    leaves, structure = tree.flatten((args, kwargs))
    nodes = [input_node(f"argument_{i}", leaf.type) for i, leaf in enumerate(leaves)]
    args, kwargs = tree.unflatten(structure, map(SymbolicTensor, nodes))
    trace = Trace()
    with tracing(trace):
        result = layer.run_call(args, kwargs)
        outputs, arrangement = tree.flatten(result)
        named = {f"result_{i}": leaf.as_node() for i, leaf in enumerate(outputs)}
    if trace.losses or any(leaf._keras_mask is not None for leaf in outputs):
        return None
    if not trace.updates and set(named.values()) <= set(nodes):
        return None  # it hands on what it is given
    graph = Graph(tuple(nodes), named, tuple(trace.updates.items()))
    if any(node.op.name == "opaque" for node in graph.nodes):
        return None
    assert compiler is not None
    return LayerProgram(compiler(graph), arrangement, tuple(trace.updates))


def _described(value: Any, operands: list[Tensor]) -> Any:
    """A key for tensors, collected on the way, and what is plain beside them.

    A `LookupError` for anything else, such as a tensor with a mask.
    """
    kind = value.__class__
    if kind is Tensor:
        array = value.array
        if array.__class__ is not np.ndarray or value._keras_mask is not None:
            raise LookupError
        operands.append(value)
        return array.shape, array.dtype
    if kind is tuple or kind is list:
        return (kind, *[_described(part, operands) for part in value])
    if kind is dict:
        parts = [_described(part, operands) for part in value.values()]
        return (kind, *value, *parts)
    if kind in PLAIN:
        return kind, value
    raise LookupError


def _items(value: Any) -> Iterator[Any]:
    """What stands in an attribute, lists and dictionaries included."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _items(item)
    else:
        yield value


def _is_foreign(item: Any) -> bool:
    """Whether a call may meet what is a user's, or may be written into."""
    if isinstance(item, np.ndarray):
        return True
    if isinstance(item, (LayerState, Variable, TensorType)) or not callable(item):
        return False
    home = item if hasattr(item, "__qualname__") else type(item)
    return not is_of_library(home)
