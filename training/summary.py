"""The summary of a model: layers, output types, parameters, bytes.

`summarize` computes it, for Python and for the command line; the text is plain and the
same wherever it goes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..graph import tree
from ..graph.diagnostics import Fault, TulleError
from ..graph.dim import Dim
from ..graph.layer import Layer
from ..graph.layer_parts import kind_of
from ..graph.network import Network
from ..graph.tensor import SymbolicTensor
from ..graph.types import TensorType, TupleType
from ..graph.variable import Variable
from .costs import Costs, costs_of, flops_of_node, put_in

NARROW = 6  # no column of text becomes narrower


@dataclass(frozen=True)
class Row:
    """One layer or op of a model, or an input."""

    name: str
    kind: str
    type: str
    parameters: int
    trainable: bool = True
    depth: int = 0
    sources: tuple[str, ...] = ()
    flops: Dim | None = None  # of a forward pass, where they are counted


@dataclass(frozen=True)
class Totals:
    """Parameters and bytes, trainable and not."""

    trainable: int
    frozen: int
    trainable_bytes: int
    frozen_bytes: int

    @property
    def parameters(self) -> int:
        return self.trainable + self.frozen

    @property
    def bytes(self) -> int:
        return self.trainable_bytes + self.frozen_bytes


@dataclass(frozen=True)
class Summary:
    """What there is to say about a model at a glance."""

    name: str
    rows: tuple[Row, ...]
    totals: Totals
    costs: Costs | None = None

    def __str__(self) -> str:
        return "\n".join(lines(self))


def summarize(
    model: Layer,
    expand_nested: bool = False,
    costs: bool = False,
    optimizer: Any = None,
) -> Summary:
    """Rows in the order of computation, and totals; with `costs` what a pass takes.

    `optimizer` tells what training keeps beside the weights.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> x = Input((3,))
    >>> summarize(Network(x, Dense(2)(x))).totals.parameters
    8
    """
    network = _is_network(model)
    rows = _network_rows(model, 0, expand_nested, costs) if network else _plain(model)
    learning = model.trainable_weights
    frozen = model.non_trainable_weights
    totals = Totals(
        sum(v.size for v in learning),
        sum(v.size for v in frozen),
        sum(map(_bytes, learning)),
        sum(map(_bytes, frozen)),
    )
    found = costs_of(model, optimizer) if costs else None
    return Summary(model.name, tuple(rows), totals, found)


def _is_network(layer: Layer) -> bool:
    return isinstance(layer, Network) and layer.built


def _bytes(variable: Variable) -> int:
    return variable.size * variable.type.dtype.size


def _plain(model: Layer) -> Iterator[Row]:
    """The layers of a model whose graph is not known."""
    for name, child in model.children():
        if isinstance(child, Layer):
            found = _result_of(child) if child.built else "not built"
            row = _layer_row(child, found, 0, ())
            yield row if child.given_name else replace(row, name=name)


def _result_of(layer: Layer) -> str:
    """What a layer outside of a graph gives: a network its outputs, others by a rule.

    The samples are those of any call, whichever the weights were made for.
    """
    if isinstance(layer, Network):
        return ", ".join(str(one.type) for one in layer.outputs)
    shapes = list((layer._build_shapes or {}).values())
    if not all(isinstance(shape, tuple) and shape for shape in shapes):
        return "?"
    with suppress(Fault, TulleError, TypeError, ValueError):
        given = [SymbolicTensor((None, *shape[1:])) for shape in shapes]
        found = tree.flatten(layer.compute_output_spec(*given))[0]
        return ", ".join(str(one.type) for one in found) or "?"
    return "?"


def _network_rows(model: Any, depth: int, expand: bool, costs: bool) -> Iterator[Row]:
    names: dict[Any, str] = {}
    seen: set[int] = set()
    for node in model.nodes:
        op = node.op.name
        if op == "input":
            index = model.input_nodes.index(node)
            names[node] = model.input_names[index]
            yield Row(names[node], "Input", str(node.type), 0, True, depth)
        elif op == "variable":
            variable = node.attributes["variable"]
            names[node] = variable.name
            yield Row(
                variable.name, "Parameter", str(node.type), variable.size,
                variable.trainable, depth,
            )  # fmt: skip
        elif op == "item":
            names[node] = names[node.inputs[0]]
        elif op == "layer_call":
            layer = node.attributes["call"].layer
            sources = tuple(names[source] for source in node.inputs)
            names[node] = layer.name
            for row in _call_rows(node, layer, sources, depth, expand, seen, costs):
                own = costs and row.depth == depth
                yield replace(row, flops=flops_of_node(node)) if own else row
        elif op in ("constant", "size", "full"):
            names[node] = op
        else:
            sources = tuple(names[source] for source in node.inputs)
            names[node] = node.name or op
            flops = flops_of_node(node) if costs else None
            kind = type_text(node.type)
            yield Row(names[node], op, kind, 0, True, depth, sources, flops)


def _call_rows(
    node: Any,
    layer: Layer,
    sources: tuple[str, ...],
    depth: int,
    expand: bool,
    seen: set[int],
    costs: bool,
) -> Iterator[Row]:
    if id(layer) in seen:
        yield Row(
            f"{layer.name} (shared)", kind_of(layer), type_text(node.type), 0,
            layer.trainable, depth, sources,
        )  # fmt: skip
        return
    seen.add(id(layer))
    yield _layer_row(layer, type_text(node.type), depth, sources)
    if expand and _is_network(layer):
        yield from _network_rows(layer, depth + 1, expand, costs)


def _layer_row(layer: Layer, type: str, depth: int, sources: tuple[str, ...]) -> Row:
    return Row(
        layer.name,
        kind_of(layer),
        type,
        layer.count_params(),
        layer.trainable,
        depth,
        sources,
    )


def type_text(type: TensorType | TupleType) -> str:
    """A type; several results side by side."""
    items = type.items if isinstance(type, TupleType) else (type,)
    return ", ".join(map(str, items))


def lines(
    summary: Summary,
    width: int | None = None,
    show_trainable: bool = False,
    sizes: Mapping[str, int] | None = None,
) -> list[str]:
    """The summary as a table of plain text; `sizes` stand in costs for their names."""
    head = ["layer", "kind", "output", "parameters"]
    cells = [
        [
            "  " * row.depth + row.name,
            row.kind,
            row.type,
            f"{row.parameters:,}" + (" (frozen)" if _is_frozen(row) else ""),
        ]
        for row in summary.rows
    ]
    if show_trainable:
        head.append("trainable")
        for row, cell in zip(summary.rows, cells, strict=True):
            cell.append("yes" if row.trainable else "no")
    if summary.costs is not None:
        head.append("FLOPs")
        for row, cell in zip(summary.rows, cells, strict=True):
            flops = None if row.flops is None else put_in(row.flops, sizes or {})
            cell.append("" if flops is None else figure(flops))
    body = _table(head, cells, width)
    totals = summary.totals
    return [
        f"model {summary.name}",
        *body,
        f"parameters     {totals.parameters:,} ({amount(totals.bytes)})",
        f"  trainable    {totals.trainable:,} ({amount(totals.trainable_bytes)})",
        f"  other        {totals.frozen:,} ({amount(totals.frozen_bytes)})",
        *_cost_lines(summary.costs, sizes or {}),
    ]


def _cost_lines(costs: Costs | None, sizes: Mapping[str, int]) -> Iterator[str]:
    if costs is None:
        return
    activations = put_in(costs.activations, sizes)
    bytes = activations.value
    yield f"gradients      {amount(costs.gradients)}"
    if costs.slots is not None:
        yield f"optimizer      {amount(costs.slots)}"
    shown = f"{figure(activations)} bytes" if bytes is None else amount(bytes)
    yield f"activations    {shown}"
    yield f"FLOPs          {figure(put_in(costs.flops, sizes))}"


def figure(dim: Dim) -> str:
    """A polynomial; a number with its digits in groups."""
    return str(dim) if dim.value is None else f"{dim.value:,}"


def _is_frozen(row: Row) -> bool:
    return bool(row.parameters) and not row.trainable


def _table(
    head: Sequence[str], cells: Sequence[Sequence[str]], width: int | None
) -> list[str]:
    wide = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
    while width is not None and sum(wide) + 2 * (len(wide) - 1) > width:
        widest = max(range(3), key=lambda index: wide[index])
        if wide[widest] <= NARROW:
            break
        wide[widest] -= 1

    def line(row: Sequence[str]) -> str:
        parts = []
        for index, cell in enumerate(row):
            cut = cell if len(cell) <= wide[index] else cell[: wide[index] - 1] + "…"
            is_number = index == 3
            parts.append(cut.rjust(wide[3]) if is_number else cut.ljust(wide[index]))
        return "  ".join(parts).rstrip()

    rule = "─" * (sum(wide) + 2 * (len(wide) - 1))
    return [rule, line(head), rule, *map(line, cells), rule]


def amount(count: int) -> str:
    """A number of bytes in words.

    >>> amount(2048)
    '2.00 KiB'
    """
    if count < 1024:
        return f"{count} B"
    power = min(4, (count.bit_length() - 1) // 10)
    return f"{count / 1024**power:.2f} {'KMGT'[power - 1]}iB"


def print_summary(
    model: Layer,
    line_length: int | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
) -> None:
    """Print the summary, line by line through `print_fn` if given."""
    write = print_fn or (lambda text: sys.stdout.write(text + "\n"))
    for text in lines(summarize(model, expand_nested), line_length, show_trainable):
        write(text)
