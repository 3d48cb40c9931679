"""The program as text: one straight-line Python function, each line with its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...graph.dim import Symbol
from ...graph.graph import Graph
from ...graph.node import Node, resolve
from .schedule import Schedule, Step, Value

WIDTH = 50


@dataclass(frozen=True)
class Source:
    """The text of a program, and which steps its names stand for."""

    text: str
    calls: Mapping[str, Step]  # names bound to a step's run body
    ufuncs: tuple[str, ...]  # names of the array module


def is_ufunc(function: Any) -> bool:
    """Whether a function is a ufunc of NumPy or CuPy: it takes `out` by position."""
    return type(function).__name__ == "ufunc"


def ufunc_name(node: Node, xp: Any) -> str | None:
    """The ufunc that is the whole of a node's op, or None."""
    name = "matmul" if node.op.name == "matmul" else getattr(node.op, "body", None)
    if not isinstance(name, str) or not node.op.writes:
        return None
    if not node.op.elementwise and name != "matmul":
        return None
    return name if is_ufunc(getattr(xp, name, None)) else None


def works_in_place(node: Node, xp: Any) -> bool:
    """Whether a step may write over an operand: one pass, element by element."""
    return node.op.elementwise and ufunc_name(node, xp) is not None


def emit(schedule: Schedule, graph: Graph, xp: Any) -> Source:
    """Write the function that runs a schedule's steps over bound arrays."""
    calls: dict[str, Step] = {}
    lines: list[tuple[str, str]] = []
    for index, step in enumerate(schedule.steps):
        lines.append((_line(step, index, xp, calls), _comment(step.node)))
    ufuncs = {ufunc_name(step.node, xp) or "" for step in schedule.steps} - {""}
    results: list[str] = []
    for name, value in schedule.outputs.items():
        results.append(f"{name!r}: {value.name}.copy()")
    ends = [f"outputs = {{{', '.join(results)}}}", *_updates(schedule)]
    parameters = ", ".join(f"x{index}" for index in range(len(graph.inputs)))
    head = [f"# {line}" for line in _legend(schedule, graph)]
    body = [f"    {code:<{WIDTH}}  # {comment}" for code, comment in lines]
    tail = [f"    {code}" for code in (*ends, "return outputs")]
    text = "\n".join([*head, f"def run({parameters}):", *body, *tail, ""])
    return Source(text, calls, tuple(sorted(ufuncs)))


def _legend(schedule: Schedule, graph: Graph) -> list[str]:
    """What the names are that the function does not make itself."""
    found = [f"x{i}: {_comment(node)}" for i, node in enumerate(graph.inputs)]
    for value in schedule.values:
        made = f" = {value.node.op.name}" if value.kind == "computed" else ""
        operands = ", ".join(source.name for source in value.sources)
        text = f"{made}({operands})" if operands else made
        label = f" {value.node.name}" if value.node.name else ""
        found.append(f"{value.name}{text}: {value.node.type}{label}")
    return found


def _comment(node: Node) -> str:
    name = f" {node.name}" if node.name else ""
    return f"{node.op.name} {node.type}{name}".replace("\n", " ")


def _line(step: Step, index: int, xp: Any, calls: dict[str, Step]) -> str:
    names = [source.name for source in step.sources]
    if step.copy:
        place, source = step.target.name, names[0]
        if step.node.op.name == "reshape":
            place = f"{place}.reshape({source}.shape)"
        return f"copy({place}, {source})"
    node, target = step.node, step.target
    if target.kind == "local":
        template = LOCALS.get(node.op.name)
        if template is not None:
            return f"{target.name} = {template(node, *names)}"
    ufunc = ufunc_name(node, xp)
    if ufunc is not None and target.kind != "local":
        # NumPy deprecates a third positional argument of these two.
        out = "out=" if ufunc in ("maximum", "minimum") else ""
        return f"{ufunc}({', '.join([*names, out + target.name])})"
    name = f"{node.op.name}_{index}"
    calls[name] = step
    arguments = ", ".join(names)
    if target.kind == "local":
        return f"{target.name} = {name}({arguments})"
    return f"{name}({arguments}, out={target.name})"


def _transpose(node: Node, source: str) -> str:
    return f"{source}.transpose({node.attributes['axes']})"


def _item(node: Node, source: str) -> str:
    return f"{source}[{node.attributes['index']}]"


LOCALS: dict[str, Callable[..., str]] = {"transpose": _transpose, "item": _item}


def _updates(schedule: Schedule) -> list[str]:
    """Copies into variables, from values that no copy has overwritten."""
    lines: list[str] = []
    saved: list[tuple[str, str]] = []
    own = {id(variable.node): variable for variable, _ in schedule.updates}
    for index, (_, value) in enumerate(schedule.updates):
        root = _root(value)
        if id(root.node) in own:
            lines.append(f"u{index} = {value.name}.copy()")
            saved.append((f"a{index}", f"u{index}"))
        else:
            saved.append((f"a{index}", value.name))
    return [*lines, *(f"copy({target}, {source})" for target, source in saved)]


def _root(value: Value) -> Value:
    while value.node.op.view and value.sources:
        value = value.sources[0]
    return value


def bound_calls(
    source: Source, sizes: Mapping[Symbol, int], xp: Any
) -> dict[str, Callable[..., Any]]:
    """The run bodies that the text calls, with their attributes for given sizes."""
    found: dict[str, Callable[..., Any]] = {}
    for name, step in source.calls.items():
        attributes = {k: resolve(v, sizes) for k, v in step.node.attributes.items()}
        found[name] = partial(step.node.op.run, xp, **attributes)
    return found
