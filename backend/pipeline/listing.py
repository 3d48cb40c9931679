"""A schedule as text: its steps in order, and the memory that their results share."""

from __future__ import annotations

from collections.abc import Mapping

from ...graph.dim import Symbol
from .plan import number, plan
from .schedule import Schedule, Step, Storage


def schedule_listing(schedule: Schedule) -> str:
    """The steps in the order of their running, then what is returned and updated.

    >>> import numpy as np
    >>> from tulle.backend.array_code import ArrayCode
    >>> from tulle.backend.pipeline.schedule import schedule
    >>> from tulle.graph.graph import graph_of
    >>> from tulle.graph.network import Input, Network
    >>> x = Input((2,), name="x")
    >>> steps = schedule(graph_of(Network(x, x + 1.0)), ArrayCode(np))
    >>> print(schedule_listing(steps))
    0: b1 = add(x0, c0) : f32[batch, 2]
    output_0 = b1
    """
    lines = [f"{index}: {_step(step)}" for index, step in enumerate(schedule.steps)]
    lines += [f"{name} = {value.name}" for name, value in schedule.outputs.items()]
    lines += [f"{v.path} := {value.name}" for v, value in schedule.updates]
    return "\n".join(lines)


def _step(step: Step) -> str:
    node, sources = step.node, ", ".join(source.name for source in step.sources)
    name = "copy" if step.copy else node.op.name
    if name in ("fused", "followed"):
        name = "+".join(one.op for one in node.attributes["body"])
    targets = ", ".join(target.name for target in step.targets)
    return f"{targets} = {name}({sources}) : {node.type}"


def buffers_listing(
    schedule: Schedule, sizes: Mapping[Symbol, int] | None = None
) -> str:
    """Each stretch of memory: who lies in it, how large it is, in which steps it lives.

    Given the sizes of the inputs, also where it begins, and how much memory that is.

    >>> import numpy as np
    >>> from tulle.backend.array_code import ArrayCode
    >>> from tulle.backend.pipeline.schedule import schedule
    >>> from tulle.graph.graph import graph_of
    >>> from tulle.graph.network import Input, Network
    >>> x = Input((2,), name="x")
    >>> steps = schedule(graph_of(Network(x, x + 1.0)), ArrayCode(np))
    >>> print(buffers_listing(steps))
    b1: 8 * batch bytes, step 0 to the end
    """
    tenants: dict[Storage, list[str]] = {storage: [] for storage in schedule.storages}
    for value in schedule.values:
        if value.kind == "buffer" and value.storage is not None:
            tenants[value.storage].append(value.name)
    found = None if sizes is None else plan(schedule, sizes, lambda *_: 0)
    lines = []
    for storage, names in tenants.items():
        size = storage.size * storage.dtype.size
        text = f"{size if sizes is None else number(size, sizes)} bytes"
        if found is not None:
            text += f" from {found.offsets[storage]} on"
        last = len(schedule.steps) - 1
        end = "the end" if storage.last > last else storage.last
        lives = f"step {storage.first}" + (f" to {end}" if end != storage.first else "")
        lines.append(f"{', '.join(names)}: {text}, {lives}")
    return "\n".join([*lines, *([] if found is None else [str(found)])])
