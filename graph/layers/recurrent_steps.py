"""States, inputs and outputs of the steps of a sequence: nests of tensors."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..layer_calls import recast
from ..registry import call
from ..tensor import SymbolicTensor, input_node
from ..trace import Trace, current_training, tracing
from ..types import DType
from .recurrent_cells import Pass


class Kept:
    """States that a layer keeps between calls and that are not among its weights."""

    def __init__(self, nest: Any):
        self.nest = nest


def slice_at(slices: Any, place: int) -> Any:
    """One step of the tensors of a nest, which lie along the first axis."""
    return tree.map_leaves(lambda x: x[place], slices)


def recast_nest(nest: Any, dtype: DType) -> Any:
    """Tensors of a nest in a dtype, where they are floats."""
    return tree.map_leaves(lambda x: recast(x, dtype), nest)


def chosen_steps(valid: Any, new: Any, old: Any) -> Any:
    """New values where a step counts, else old ones, or 0; in each tensor of a nest."""
    leaves, structure = tree.flatten(new)
    others = [0.0] * len(leaves) if old is None else tree.flatten(old)[0]

    def among(one: Any, other: Any) -> Any:
        flag = valid
        for _ in range(one.ndim - 1):
            flag = call("expand_dims", flag, -1)
        return call("where", flag, one, other)

    found = [among(one, other) for one, other in zip(leaves, others, strict=True)]
    return tree.unflatten(structure, iter(found))


def zeros_like_output(run: Pass, sequence: Any, states: Any) -> Any:
    """Zeros in the form of the output of a step, which is only traced for it."""
    with tracing(Trace(current_training())):
        parts = [sequence.type.with_shape(sequence.type.shape[1:])]
        leaves, structure = tree.flatten(states)
        symbols = [
            SymbolicTensor(input_node("step", type))
            for type in (*parts, *(leaf.type for leaf in leaves))
        ]
        output, _ = run.step(symbols[0], tree.unflatten(structure, iter(symbols[1:])))
    return call("zeros", output.type.shape, output.dtype)
