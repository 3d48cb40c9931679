"""Where the values of a schedule lie for given sizes, as native code is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...graph.dim import Symbol
from ...graph.types import TupleType
from ..binding import attributes_of, shape_of
from ..lying import Elsewhere, Lying
from ..pipeline.plan import Plan, number
from ..pipeline.schedule import Schedule, Value

Sizes = Mapping[Symbol, int]


def bound_values(
    schedule: Schedule,
    found: Plan,
    memory: int,
    sizes: Sizes,
    elsewhere: Elsewhere,
    given: Mapping[str, Lying],
) -> dict[str, Lying]:
    """Where each bound value lies, by name; `given` are those that are known.

    `memory` is the address where the buffers of a plan begin. Inputs are `elsewhere`.
    """
    names = dict(given)
    for value in schedule.values:
        if value.name not in names and value.kind != "tuple":
            names[value.name] = _lying(value, names, found, memory, sizes, elsewhere)
    return names


def _lying(
    value: Value,
    names: Mapping[str, Any],
    found: Plan,
    memory: int,
    sizes: Sizes,
    elsewhere: Elsewhere,
) -> Any:
    node = value.node
    if value.kind == "buffer":
        assert value.storage is not None
        dtype = node.dtype.numpy
        start = number(value.offset, sizes) * dtype.itemsize
        start += memory + found.offsets[value.storage]
        return Lying(start, shape_of(value, sizes), dtype)
    if value.kind == "input":
        return elsewhere.place(shape_of(value, sizes), node.dtype.numpy)
    if value.kind == "variable":
        return Lying.of(node.attributes["variable"].array)
    sources = [names[source.name] for source in value.sources]
    operands = [s.array() if isinstance(s, Lying) else s for s in sources]
    result = node.op.run(np, *operands, **attributes_of(node, sizes))
    several = isinstance(node.type, TupleType)
    return result if several else Lying.of(np.asarray(result))
