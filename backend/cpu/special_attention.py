"""Attention: how much work its two passes are, which memory, which words."""

from __future__ import annotations

import math
import struct
from typing import Any

from ...graph.node import Node
from ..strided_arrays import StridedArray
from .attention_code import (
    KEYS,
    PITCH,
    TENSORS,
    TILE,
    Kinds,
    forward_entry,
    forward_layout,
)
from .attention_code import ROWS as FORWARD_ROWS
from .attention_code import TILES as FORWARD_TILES
from .attention_gradient import ROWS, TILES, backward_entry, backward_layout
from .building import Entry
from .convolution_words import slots
from .special_base import Special, Work, ceildiv, grain, rounded, special

UNITS = 16  # of the backward pass, at least, if there are keys enough
LEAST = 2  # tiles of keys of a unit, if there are several of a head


class Attention(Special):
    """One of the passes."""

    def reads(self, array: StridedArray) -> bool:
        if array.ndim < 4:
            return array.dense
        return array.shape[-1] == 1 or array.steps[-1] == 1

    def accepts(self, node: Node) -> bool:
        """Floats of 32 bits, and masks and biases that have a column for each key."""
        columns = node.inputs[1].shape[1]
        floats = all(s.dtype.short in ("f32", "bool") for s in node.inputs)
        count = len(node.attributes["given"])
        return floats and all(s.shape[3] == columns for s in node.inputs[3 : 3 + count])

    def shared_words(
        self, attributes: Any, tensors: dict[str, Any], units: int, slot: int
    ) -> dict[str, int]:
        """The words that both passes read; `tensors` are arrays by name."""
        query, key, value = (tensors[name] for name in TENSORS[:3])
        words = {
            "busy": 0, "slots": slots(units), "slot": slot, "heads": query.shape[2],
            "shared": query.shape[2] // key.shape[2], "rows": query.shape[1],
            "columns": key.shape[1], "size": query.shape[3], "width": value.shape[3],
            "tiles": ceildiv(query.shape[1], PITCH), "scale": bits(attributes["scale"]),
        }  # fmt: skip
        for name in TENSORS:
            steps = strides(tensors.get(name))
            words |= {
                f"{name}_batch": steps[0], f"{name}_row": steps[1],
                f"{name}_head": steps[2],
            }  # fmt: skip
        for name in ("bias", "mask"):
            steps = strides(tensors.get(name))
            words |= {
                f"{name}_batch": steps[0], f"{name}_head": steps[1],
                f"{name}_row": steps[2],
            }  # fmt: skip
        return words


def strides(array: StridedArray | None) -> list[int]:
    """The steps along the axes in elements; 0 where there is one place, or no array."""
    if array is None:
        return [0] * 4
    return [
        0 if size == 1 else step
        for size, step in zip(array.shape, array.steps, strict=True)
    ]


def bits(number: float) -> int:
    """A float's bits as a whole number."""
    return int(struct.unpack("<i", struct.pack("<f", number))[0])


def steps_of(operands: Any) -> int:
    """About how long the products of the forward pass take, with their weights."""
    query, key, value = operands[:3]
    pairs = math.prod(query.shape[:3]) * key.shape[1]
    return pairs * (query.shape[3] + value.shape[3] + 32) // 16


@special("attention_forward")
class Forward(Attention):
    """The result, peaks and sums."""

    def entry(self, node: Node) -> Entry:
        return forward_entry(node.attributes["given"], node.attributes["is_causal"])

    def _units(self, query: Any) -> int:
        tiles = ceildiv(query.shape[1], PITCH)
        units: int = query.shape[0] * query.shape[2] * tiles
        return units

    def _slot(self, query: Any, value: Any) -> int:
        size, width = query.shape[3], value.shape[3]
        rows = FORWARD_ROWS + size
        return rounded((FORWARD_TILES * TILE + rows * PITCH + width * KEYS) * 4)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        units = self._units(operands[0])
        return (Work(units, grain(units, steps_of(operands))),)

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        query, _, value = operands[:3]
        return slots(self._units(query)) * self._slot(query, value)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        given = attributes["given"]
        tensors = dict(
            zip(("query", "key", "value", *given), operands, strict=True)
        ) | {"found": results[0]}
        layout = forward_layout(Kinds(given, attributes["is_causal"]))
        query = operands[0]
        words = self.shared_words(
            attributes, tensors, self._units(query), self._slot(query, operands[2])
        )
        places = {name: array.address for name, array in tensors.items()}
        return layout.words(
            **{n: places[n] for n in ("query", "key", "value", *given, "found")},
            peak=results[1].address, total=results[2].address, scratch=scratch,
            **words,
        )  # fmt: skip


@special("attention_backward")
class Backward(Attention):
    """The cotangents of query, key and value."""

    def entry(self, node: Node) -> Entry:
        return backward_entry(node.attributes["given"], node.attributes["is_causal"])

    def _cut(self, query: Any, key: Any) -> tuple[int, int, int]:
        """Chunks of a head's keys, the keys of one, and how many units that makes.

        Sizes alone decide, since sums depend on them.
        """
        heads, columns = key.shape[0] * key.shape[2], key.shape[1]
        wanted = min(ceildiv(UNITS, max(1, heads)), ceildiv(columns, LEAST * KEYS))
        chunk = ceildiv(ceildiv(columns, max(1, wanted)), KEYS) * KEYS
        chunks = max(1, ceildiv(columns, max(1, chunk)))
        return chunks, chunk, heads * chunks

    def _slot(self, query: Any, value: Any) -> int:
        size, width = query.shape[3], value.shape[3]
        rows = ROWS + 2 * (size + width)
        return rounded((TILES * TILE + rows * PITCH + size * KEYS) * 4)

    def _shares(self, query: Any, chunks: int) -> int:
        return chunks * self._partial(query) if chunks > 1 else 0

    def _partial(self, query: Any) -> int:
        return rounded(math.prod(query.shape) * 4)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        query, key = operands[:2]
        chunks, _, units = self._cut(query, key)
        size = math.prod(query.shape)
        blocks = ceildiv(size, 1024) if chunks > 1 else 0
        return (
            Work(units, grain(units, 5 * steps_of(operands) // 2)),
            Work(blocks, grain(blocks, size * chunks // 8)),
        )

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        query, key, value = operands[:3]
        chunks, _, units = self._cut(query, key)
        return self._shares(query, chunks) + slots(units) * self._slot(query, value)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        query, key, value = operands[:3]
        given = attributes["given"]
        names = (*TENSORS[:3], *given, "found", "peak", "total", "cotangent")
        tensors = dict(zip(names, operands, strict=True))
        chunks, chunk, units = self._cut(query, key)
        layout = backward_layout(Kinds(given, attributes["is_causal"]))
        targets = zip(("out", "to_key", "to_value"), results, strict=True)
        return layout.words(
            **{name: array.address for name, array in tensors.items()},
            **{name: array.address for name, array in targets},
            scratch=scratch, chunks=chunks, chunk=chunk,
            shares=self._shares(query, chunks), partial=self._partial(query) // 4,
            length=math.prod(query.shape),
            **self.shared_words(attributes, tensors, units, self._slot(query, value)),
        )  # fmt: skip
