"""What ops are given as what they work on: tensors, symbols or nodes of one dtype."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .device import array_module, module_of, moved
from .dim import Dim
from .node import Node
from .operand import Operand
from .promotion import least
from .registry import OPS
from .tensor import SymbolicTensor, Tensor, convert_to_tensor, literal
from .trace import current_trace
from .types import DType, TensorType, TupleType
from .uncalled_layers import is_layer, not_applied


def as_node(value: Any, like: TensorType | None = None) -> Node:
    """A node for an operand; a plain number takes the dtype of `like`."""
    if isinstance(value, Node):
        return value
    if isinstance(value, (bool, int, float)) and like is not None:
        return literal(value, like)
    return symbol_node(convert(value))


def symbol_node(value: Any) -> Node:
    """The node that a value or symbol stands for."""
    node: Node = value.as_node()
    return node


def convert(value: Any, dtype: DType | None = None) -> Any:
    """A tensor, symbolic tensor or variable of a value, cast if need be."""
    if not isinstance(value, Operand):
        if is_layer(value):
            raise not_applied(value)
        return convert_to_tensor(value, dtype)
    found: Any = SymbolicTensor(value) if isinstance(value, Node) else value
    if dtype is None or found.type.dtype == dtype:
        return found
    return OPS["cast"](found, dtype.name)


def lying_together(given: Sequence[Any], values: Sequence[Any]) -> tuple[Any, ...]:
    """Values of which those that were no tensors lie where the tensors do.

    Numbers become tensors of the device in force, which may be another one.
    """
    modules = [module_of(value.array) for value in values]
    if modules.count(modules[0]) == len(modules) if modules else True:
        return tuple(values)
    pairs = zip(given, modules, strict=True)
    xp = next((module for one, module in pairs if isinstance(one, Operand)), None)
    return tuple(
        value
        if xp is None or isinstance(one, Operand)
        else Tensor(moved(value.array, xp))
        for one, value in zip(given, values, strict=True)
    )


def together(arrays: list[Any]) -> list[Any]:
    """Arrays of several devices on the one in force."""
    if all(array.__class__ is np.ndarray for array in arrays):
        return arrays
    modules = {module_of(array) for array in arrays}
    if len(modules) == 1:
        return arrays
    return [moved(array, array_module()) for array in arrays]


def is_symbolic(operands: Sequence[Any]) -> bool:
    """Whether an op on these builds a node instead of running."""
    if any(isinstance(operand, SymbolicTensor) for operand in operands):
        return True
    return current_trace() is not None


def is_variable(operand: Any) -> bool:
    """Whether an operand is a variable."""
    return isinstance(operand, Operand) and hasattr(operand, "made_trainable")


def has_symbols(value: Any) -> bool:
    """Whether a size or tensor that is not known is somewhere in a value."""
    if isinstance(value, dict):
        return any(map(has_symbols, value.values()))
    if isinstance(value, (tuple, list)):
        return any(map(has_symbols, value))
    if isinstance(value, slice):
        return any(map(has_symbols, (value.start, value.stop, value.step)))
    if isinstance(value, Dim):
        return value.value is None
    return isinstance(value, SymbolicTensor)


def unpack(node: Any, wrap: Callable[[Node], Any] | None) -> Any:
    """The wrapped node, or a tuple of its items or nodes when there are several."""
    make: Callable[[Node], Any] = wrap or (lambda bare: bare)
    if isinstance(node, (list, tuple)):
        return type(node)(make(as_node(item)) for item in node)
    if not isinstance(node.type, TupleType):
        return make(node)
    item = OPS["item"]
    count = range(len(node.type.items))
    return tuple(make(item.apply((node,), {"index": index})) for index in count)


def result_dtype(*operands: Any) -> DType:
    """The common dtype, by Keras's table; plain numbers bow to tensors."""
    return least(frozenset(map(_dtype, operands)))


def _dtype(operand: Any) -> str:
    """The short name of an operand's dtype; that of a number is weak."""
    if isinstance(operand, Node):
        return operand.dtype.short
    if isinstance(operand, Operand):
        found: DType = operand.type.dtype  # type: ignore[attr-defined]
        return found.short
    if isinstance(operand, (bool, int, float)):
        kind = next(k for k in (bool, int, float) if isinstance(operand, k))
        return kind.__name__
    tensor: Tensor = convert_to_tensor(operand)
    return tensor.type.dtype.short
