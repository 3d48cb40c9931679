"""A schedule as text: its steps in order, and the memory that their results share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...graph.dim import Dim, Symbol
from ...graph.listing import described
from ...graph.node import Node
from .plan import number, plan
from .schedule import Schedule, Step, Storage, Value

GIVEN = ("input", "variable")
SILENT = ("constant", "reshape")  # parts of a kernel that compute nothing


def schedule_listing(schedule: Schedule) -> str:
    """The steps in the order of their running, then what is returned and updated.

    Inputs and weights stand first; views and constants, which are no steps, before the
    first step that reads them.

    >>> import numpy as np
    >>> from tulle.backend.array_code import ArrayCode
    >>> from tulle.backend.pipeline.schedule import schedule
    >>> from tulle.graph.graph import graph_of
    >>> from tulle.graph.network import Input, Network
    >>> x = Input((2,), name="x")
    >>> steps = schedule(graph_of(Network(x, x + 1.0)), ArrayCode(np))
    >>> print(schedule_listing(steps))
    x0 = input x : f32[batch, 2]
       c0 = constant 1. : f32[]
    0: b1 = add(x0, c0) : f32[batch, 2]
    output_0 = b1
    """
    width = len(str(len(schedule.steps)))
    told = {value for step in schedule.steps for value in step.targets}
    read = (value for step in schedule.steps for value in step.sources)
    every = dict.fromkeys([*schedule.values, *read])
    given = [v for v in every if v.node.op.name in GIVEN and v not in told]
    lines = [f"{value.name} = {described(value.node, ())}" for value in given]
    told.update(given)
    names = {value.node: value.name for value in schedule.values}
    paths = _paths(names)
    for index, step in enumerate(schedule.steps):
        found = _untold(step.sources, names, paths, told)
        lines += [f"{'':{width}}  {line}" for line in found]
        lines.append(f"{index:{width}}: {_step(step)}")
    results = [*schedule.outputs.values(), *(value for _, value in schedule.updates)]
    lines += _untold(results, names, paths, told)
    lines += [f"{name} = {value.name}" for name, value in schedule.outputs.items()]
    lines += [f"{v.path} := {value.name}" for v, value in schedule.updates]
    return "\n".join(lines)


def program_listing(
    schedule: Schedule, kernels: Iterable[tuple[Step, str]], *first: str
) -> str:
    """The steps of a schedule, and the texts of its kernels, equal ones together."""
    users: dict[str, list[str]] = {}
    for step, text in kernels:
        users.setdefault(text, []).extend(target.name for target in step.targets)
    loops = [f"{', '.join(names)}:\n{text}" for text, names in users.items()]
    return "\n\n".join([*first, schedule_listing(schedule), *loops])


def _untold(
    values: Iterable[Value],
    names: Mapping[Node, str],
    paths: Mapping[Node, str],
    told: set[Value],
) -> list[str]:
    """What values are that no step computes, those first that they are made of."""
    lines = []
    for value in values:
        if value in told:
            continue
        told.add(value)
        lines += _untold(value.sources, names, paths, told)
        node = value.node
        operands = [names.get(operand, "…") for operand in node.inputs]
        text = described(node, operands)
        if node in paths:
            text = f"{paths[node]} in {operands[0]} : {node.type}"
        lines.append(f"{value.name} = {text}")
    return lines


def _paths(nodes: Iterable[Node]) -> dict[Node, str]:
    """The paths of the variables that views of an arena are."""
    found: dict[Node, str] = {}
    known: dict[Node, dict[tuple[int, tuple[Dim, ...]], str]] = {}
    for node in nodes:
        if node.op.name != "arena_view" or node.inputs[0].op.name != "variable":
            continue
        (flat,) = node.inputs
        if flat not in known:
            arena = flat.attributes["variable"].arena
            offsets = arena.offsets.items() if arena else ()
            known[flat] = {(at, one.type.shape): one.path for one, at in offsets}
        place = node.attributes["offset"], node.attributes["shape"]
        if place in known[flat]:
            found[node] = known[flat][place]
    return found


def _step(step: Step) -> str:
    sources = [source.name for source in step.sources]
    targets = ", ".join(target.name for target in step.targets)
    node, text = step.node, ""
    if step.copy:
        text = f"copy({', '.join(sources)}) : {node.type}"
    elif node.op.name in ("fused", "followed"):
        parts = [one.op for one in node.attributes["body"] if one.op not in SILENT]
        text = f"{'+'.join(parts)}({', '.join(sources)}) : {node.type}"
    return f"{targets} = {text or described(node, sources)}"


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
    found = None if sizes is None else plan(schedule, sizes, 0)
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
