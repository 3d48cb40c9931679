"""The program as text: one straight-line Python function, each line with its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...graph.dim import Symbol
from ...graph.graph import Graph
from ...graph.node import Node, resolve
from ...graph.op import Op
from ...graph.registry import OPS
from ...graph.types import TupleType
from .schedule import OPAQUE, Schedule, Step, Value
from .tiles import kernel_lines, ufunc_call

WIDTH = 50


@dataclass(frozen=True)
class Source:
    """The text of a program, and which steps its names stand for."""

    text: str
    calls: Mapping[str, Step]  # names bound to a step's run body
    kernels: Mapping[str, Step]  # names bound to the tiles of a fused kernel
    ufuncs: tuple[str, ...]  # names of the array module


def is_ufunc(function: Any) -> bool:
    """Whether a function is a ufunc of NumPy or CuPy: it takes `out` by position."""
    return type(function).__name__ == "ufunc"


def ufunc_name(op: Op, xp: Any) -> str | None:
    """The ufunc that is the whole of an op, or None."""
    name = "matmul" if op.name == "matmul" else getattr(op, "body", None)
    if not isinstance(name, str) or not op.writes:
        return None
    if not op.elementwise and name != "matmul":
        return None
    return name if is_ufunc(getattr(xp, name, None)) else None


def works_in_place(node: Node, xp: Any) -> bool:
    """Whether a step may write over an operand: element by element, read then write."""
    if node.op.name == "fused":
        return True
    return node.op.elementwise and ufunc_name(node.op, xp) is not None


def emit(schedule: Schedule, graph: Graph, xp: Any) -> Source:
    """Write the function that runs a schedule's steps over bound arrays."""
    writer = Writer(xp)
    for index, step in enumerate(schedule.steps):
        writer.step(step, index)
    results = [f"{n!r}: {value.name}.copy()" for n, value in schedule.outputs.items()]
    ends = [f"outputs = {{{', '.join(results)}}}", *_updates(schedule)]
    parameters = ", ".join(f"x{index}" for index in range(len(graph.inputs)))
    head = [f"# {line}" for line in _legend(schedule, graph)]
    tail = [f"    {code}" for code in (*ends, "return outputs")]
    text = "\n".join([*head, f"def run({parameters}):", *writer.lines, *tail, ""])
    return Source(text, writer.calls, writer.kernels, tuple(sorted(writer.ufuncs)))


class Writer:
    """The lines of a program, and what their names stand for."""

    def __init__(self, xp: Any):
        self.xp = xp
        self.lines: list[str] = []
        self.calls: dict[str, Step] = {}
        self.kernels: dict[str, Step] = {}
        self.ufuncs: set[str] = set()

    def step(self, step: Step, index: int) -> None:
        """Write one step."""
        if step.node.op.name == "fused" and not step.copy:
            first, *rest = self._kernel(step, index)
        else:
            first, rest = self._line(step, index), []
        self.lines.append(f"    {first:<{WIDTH}}  # {_comment(step.node)}")
        self.lines += [f"    {line}" for line in rest]

    def _kernel(self, step: Step, index: int) -> list[str]:
        body = step.node.attributes["body"]
        found = [ufunc_name(OPS[one.op], self.xp) for one in body]
        ufuncs = [name for name in found if name is not None]
        self.ufuncs.update(ufuncs)
        self.kernels[f"tiles_{index}"] = step
        return kernel_lines(step, index, ufuncs)

    def _line(self, step: Step, index: int) -> str:
        names = [source.name for source in step.sources]
        node, target = step.node, step.target
        if step.copy:
            shape = f".reshape({names[0]}.shape)" if node.op.name == "reshape" else ""
            return f"copy({target.name}{shape}, {names[0]})"
        if target.kind == "local":
            template = LOCALS.get(node.op.name)
            if template is not None:
                return f"{target.name} = {template(node, *names)}"
        ufunc = ufunc_name(node.op, self.xp)
        if ufunc is not None and target.kind != "local":
            self.ufuncs.add(ufunc)
            return ufunc_call(ufunc, names, target.name)
        fold = FOLDS.get(node.op.name)
        if "initial" in node.attributes or self.xp.__name__ != "numpy":
            fold = None
        if fold is not None and node.attributes["axis"]:
            self.ufuncs.add(fold)
            return _fold(node, fold, names[0], target.name)
        name = f"{node.op.name}_{index}"
        self.calls[name] = step
        arguments = ", ".join(names)
        if target.kind == "local":
            # A user's layer may return what it got, and that memory is used again.
            several = isinstance(node.type, TupleType)  # copies already
            own = ".copy()" if node.op.name in OPAQUE and not several else ""
            return f"{target.name} = {name}({arguments}){own}"
        return f"{name}({arguments}, out={target.name})"


FOLDS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}


def _fold(node: Node, ufunc: str, source: str, target: str) -> str:
    """A reduction without the detour of NumPy's Python functions."""
    axis, keep = node.attributes["axis"], node.attributes["keepdims"]
    return f"{ufunc}.reduce({source}, {axis}, {target}.dtype, {target}, {keep})"


def _legend(schedule: Schedule, graph: Graph) -> list[str]:
    """What the names are that the function does not make itself."""
    found = [f"x{i}: {_comment(node)}" for i, node in enumerate(graph.inputs)]
    for value in schedule.values:
        made = f" = {value.node.op.name}" if value.kind == "computed" else ""
        operands = ", ".join(source.name for source in value.sources)
        text = f"{made}({operands})" if operands else made
        found.append(f"{value.name}{text}: {_comment(value.node, False)}")
    return found


def _comment(node: Node, op: bool = True) -> str:
    parts = (node.op.name if op else "", str(node.type), node.name or "")
    return " ".join(" ".join(parts).split())


def _transpose(node: Node, source: str) -> str:
    return f"{source}.transpose({node.attributes['axes']})"


def _expand_dims(node: Node, source: str) -> str:
    return f"{source}[{':, ' * node.attributes['axis']}None]"


def _item(node: Node, source: str) -> str:
    return f"{source}[{node.attributes['index']}]"


LOCALS: dict[str, Callable[..., str]] = {
    "expand_dims": _expand_dims,
    "item": _item,
    "transpose": _transpose,
}


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
