"""The reference interpreter: nodes evaluated one by one with their `run` bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import tree
from .configuration import settings
from .conversion import unpack
from .device import array_module
from .dim import Symbol
from .node import Node, normalize, resolve, topological, users
from .op import Op
from .quiet import quietly, ufunc_of
from .remembered import key_of
from .tensor import Tensor, input_node
from .trace import building
from .types import TensorType

EXPANSIONS = 1024
FOLDS = ("max", "min", "prod", "sum")
_EXPANSIONS: dict[Any, Straight] = {}


def expanded(node: Node) -> Node | None:
    """The expansion of a composite; None for other ops."""
    if node.op.level != "composite":
        return None
    with building():
        return node.op.expand(node)


class Step(NamedTuple):
    """One op of `Straight`, by the places of values."""

    op: Op
    places: list[int]
    attributes: dict[str, Any]
    ufunc: np.ufunc | None
    over: int | None  # the operand that the result may be written over
    dropped: list[int]


class Straight:
    """What nodes without variables compute of inputs, as steps that are laid out once.

    A value is dropped after the step that reads it last, or written over by it. `found`
    has the nodes of the results as they are arranged, before composites are expanded.
    """

    def __init__(self, inputs: Sequence[Node], found: Any):
        self.inputs, self.found = inputs, found
        given, self.structure = tree.flatten(found)
        plain = normalize(given, expanded)
        self.plain = outputs = [plain[node] for node in given]
        order = [node for node in topological(outputs) if node not in inputs]
        places = {node: place for place, node in enumerate((*inputs, *order))}
        self.outputs = [places[output] for output in outputs]
        readers = users(order)
        self.steps = []
        for node in order:
            read = dict.fromkeys(node.inputs)
            last = [
                source
                for source in read
                if readers[source][-1] is node and places[source] not in self.outputs
            ]
            over = [places[s] for s in last if _gives_way(s, node, readers[s])]
            self.steps.append(
                Step(
                    node.op,
                    [places[source] for source in node.inputs],
                    {key: resolve(v, {}) for key, v in node.attributes.items()},
                    ufunc_of(node.op, node.attributes),
                    over[0] if over else None,
                    [places[source] for source in last],
                )
            )

    def run(self, xp: Any, arrays: Sequence[Any]) -> Any:
        """The results for arrays of the inputs, as tensors."""
        values = list(arrays)
        if xp is np:
            quietly(self._fill, xp, values)
        else:
            self._fill(xp, values)
        found = (Tensor(xp.asarray(values[place])) for place in self.outputs)
        return tree.unflatten(self.structure, found)

    def _fill(self, xp: Any, values: list[Any]) -> None:
        """Put the value of each step behind those that are there."""
        for op, places, attributes, ufunc, over, dropped in self.steps:
            operands = [values[place] for place in places]
            if ufunc is None or xp is not np:
                values.append(op.rounded(xp, operands, attributes))
            elif over is None or values[over].__class__ is not np.ndarray:
                values.append(ufunc(*operands))
            else:
                values.append(ufunc(*operands, out=values[over]))
            for place in dropped:
                values[place] = None


def _gives_way(source: Node, node: Node, readers: Sequence[Node]) -> bool:
    """Whether a ufunc may write over an operand that nothing reads any more.

    The operand's memory is then its own: no reader gave a view of it.
    """
    if source.type != node.type or not (_is_ufunc(source) and _is_ufunc(node)):
        return False
    return all(_is_ufunc(reader) or reader.op.name in FOLDS for reader in readers)


def _is_ufunc(node: Node) -> bool:
    return ufunc_of(node.op, node.attributes) is not None


def expansion(
    op: Op, types: tuple[TensorType, ...], attributes: dict[str, Any]
) -> Straight:
    """What a composite op computes on values, which is kept for the next time.

    That of attributes which hold more than values, such as a user's function, is not.
    """
    try:
        fixed = [(name, key_of(value)) for name, value in attributes.items()]
    except LookupError:
        return Straight(*on_inputs(op, types, attributes))
    key = (op.name, types, *fixed, settings())
    found = _EXPANSIONS.get(key)
    if found is None:
        if len(_EXPANSIONS) >= EXPANSIONS:
            _EXPANSIONS.clear()
        found = _EXPANSIONS[key] = Straight(*on_inputs(op, types, attributes))
    return found


def on_inputs(
    op: Op, types: Sequence[TensorType], attributes: Mapping[str, Any]
) -> tuple[tuple[Node, ...], Any]:
    """Inputs of some types, and the nodes of an op on them as it arranges results."""
    inputs = tuple(input_node(f"x{i}", type) for i, type in enumerate(types))
    with building():
        return inputs, unpack(op.apply(inputs, attributes), None)


def evaluate(
    outputs: Sequence[Node],
    values: Mapping[Node, Any],
    sizes: Mapping[Symbol, int],
    xp: Any = None,
) -> list[Any]:
    """The arrays of outputs, given arrays of inputs and numbers for symbols.

    Variables give their current value; composites are expanded on the way. This is
    the oracle that executors are compared with.
    """
    final = normalize(outputs, expanded)
    plain = [final[node] for node in outputs]
    found: dict[Node, Any] = dict(values)
    chosen = xp or array_module()
    for node in topological(plain):
        if node not in found:
            operands = [found[source] for source in node.inputs]
            attributes = {k: resolve(v, sizes) for k, v in node.attributes.items()}
            found[node] = node.op.run_rounding(chosen, operands, attributes)
    return [found[node] for node in plain]
