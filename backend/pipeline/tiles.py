"""Fused kernels as text and as tiles: stretches small enough to stay in the cache.

A kernel's intermediates live in scratch memory that all kernels share, a slot each for
as long as it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...graph.dim import Symbol, product
from ...graph.node import Node
from ...graph.types import DType, TensorType
from ..kernels import body_types
from .plan import number, rounded
from .schedule import Step

TILE = 32768  # elements


@dataclass(frozen=True)
class Slots:
    """Where a kernel's intermediates go: a slot for each instruction but the last."""

    places: tuple[int, ...]
    dtypes: tuple[DType, ...]  # of the slots


def slots_of(node: Node) -> Slots:
    """Slots for the intermediates of a fused kernel, used again once free."""
    body = node.attributes["body"]
    first = len(node.inputs)
    types = body_types([source.tensor_type for source in node.inputs], body)[first:]
    last_use = {i: k for k, one in enumerate(body) for i in one.operands}
    dtypes: list[DType] = []
    free: list[int] = []
    places: list[int] = []
    for index, instruction in enumerate(body[:-1]):
        free += [
            places[operand - first]
            for operand in dict.fromkeys(instruction.operands)
            if operand >= first and last_use[operand] == index
        ]
        dtype = types[index].dtype
        slot = next((s for s in free if dtypes[s] == dtype), len(dtypes))
        if slot == len(dtypes):
            dtypes.append(dtype)
        else:
            free.remove(slot)
        places.append(slot)
    return Slots(tuple(places), tuple(dtypes))


def kernel_lines(step: Step, index: int, ufuncs: Sequence[str]) -> list[str]:
    """The loop over tiles that a fused kernel is in the program's text."""
    node, slots = step.node, slots_of(step.node)
    names, tile = [], []
    for position, source in enumerate(step.sources):
        varies = source.node.ndim > 0
        names.append(f"p{position}" if varies else source.name)
        tile += [names[-1]] if varies else []
    results = [f"s{slot}" for slot in slots.places]
    tile += [f"s{slot}" for slot in range(len(slots.dtypes))]
    head = f"for {', '.join([*tile, 'out'])} in {_tiles(step, index)}:"
    names += [*results, "out"]
    lines = [head]
    for place, (instruction, ufunc) in enumerate(
        zip(node.attributes["body"], ufuncs, strict=True)
    ):
        operands = [names[i] for i in instruction.operands]
        target = names[len(step.sources) + place]
        lines.append(f"    {ufunc_call(ufunc, operands, target)}")
    return lines


def ufunc_call(ufunc: str, operands: Sequence[str], target: str) -> str:
    """A ufunc's call in the program's text."""
    # NumPy deprecates a third positional argument of these two.
    out = "out=" if ufunc in ("maximum", "minimum") else ""
    return f"{ufunc}({', '.join([*operands, out + target])})"


def _tiles(step: Step, index: int) -> str:
    loose = [s.name for s in step.sources if s.node.ndim and not s.bound]
    return f"tiles_{index}({', '.join(loose)})" if loose else f"tiles_{index}"


def scratch_bytes(step: Step, sizes: Mapping[Symbol, int]) -> int:
    """The scratch memory that a step needs: none, unless it is a fused kernel."""
    if step.node.op.name != "fused":
        return 0
    length = tile_length(step.node.tensor_type, sizes)
    dtypes = slots_of(step.node).dtypes
    return sum(rounded(length * dtype.size) for dtype in dtypes)


def tile_length(type: TensorType, sizes: Mapping[Symbol, int]) -> int:
    """The most elements that a tile may have."""
    total = number(type.size, sizes)
    row = number(product(type.shape[1:]), sizes)
    return total if total <= TILE else max(TILE, row)


def bound_tiles(
    step: Step, names: Mapping[str, Any], memory: Any, sizes: Mapping[Symbol, int]
) -> Any:
    """The tiles of a kernel; a function of the arrays that differ from run to run."""
    shape = tuple(number(dim, sizes) for dim in step.node.shape)
    length = tile_length(step.node.tensor_type, sizes)
    scratch, start = [], 0
    for dtype in slots_of(step.node).dtypes:
        stop = start + length * dtype.size
        scratch.append(memory[start:stop].view(dtype.numpy))
        start = rounded(stop)
    varying = [source for source in step.sources if source.node.ndim]
    fixed = [names[s.name] if s.bound else None for s in varying]
    out = names[step.target.name]
    make = partial(cut, shape, length, scratch, fixed, out)
    return make() if all(source.bound for source in varying) else make


def cut(
    shape: tuple[int, ...],
    length: int,
    scratch: Sequence[Any],
    fixed: Sequence[Any],
    out: Any,
    *loose: Any,
) -> list[tuple[Any, ...]]:
    """Operands, scratch and result of each tile."""
    rest = iter(loose)
    arrays = [next(rest) if array is None else array for array in fixed]
    total = out.size
    if total <= length:
        return [(*arrays, *(s[:total].reshape(shape) for s in scratch), out)]
    if all(a.shape == shape and a.flags.c_contiguous for a in (*arrays, out)):
        arrays, out, shape = [a.reshape(-1) for a in arrays], out.reshape(-1), (total,)
    height = max(1, length // int(np.prod(shape[1:], dtype=np.int64)))
    tiles = []
    for start in range(0, shape[0], height):
        part = slice(start, min(start + height, shape[0]))
        result = out[part]
        slots = [s[: result.size].reshape(result.shape) for s in scratch]
        rows = [_rows(array, part, shape) for array in arrays]
        tiles.append((*rows, *slots, result))
    return tiles


def _rows(array: Any, part: slice, shape: tuple[int, ...]) -> Any:
    """The rows of an operand that a tile reads; all of it if it is broadcast."""
    whole = array.ndim < len(shape) or array.shape[0] != shape[0]
    return array if whole else array[part]
