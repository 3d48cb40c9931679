"""A call traced for types of arguments, as programs: one without tapes, one for them.

A program reads variables where they lie and draws random keys itself. To tapes the call
is one op, of values: there both are read before, and what is kept for a gradient comes
out beside the results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import programs, tree
from .diagnostics import Fault, TulleError
from .graph import Graph
from .node import Node, substituted, topological
from .recording import forget, record_call, recording, unseen
from .registry import OPS
from .taped_calls import TapedCall
from .tensor import SymbolicTensor, Tensor, input_node
from .trace import Trace, tracing
from .variable import Variable

READ = ("variable", "random_key")


class CallProgram:
    """A call, traced; compiled when it is wanted, with tapes or without."""

    def __init__(
        self, inputs: Sequence[Node], results: list[Node], structure: Any, trace: Trace
    ):
        self.structure = structure  # of the results
        self.owners, self.updated = trace.owners, tuple(trace.updates)
        self._traced = tuple(inputs), [*results, *trace.losses], trace
        self._seen = bool(self._traced[1])  # by tapes, as gradients pass through
        self._made: dict[type[Plain | Taped], Plain | Taped | None] = {}

    def program(self) -> Any:
        """The program for what listens now, if there is one."""
        return self._program(Taped if self._seen and recording() else Plain)

    def _program(self, kind: type[Plain | Taped]) -> Any:
        if kind not in self._made:
            try:
                self._made[kind] = kind(*self._traced)
            except (Fault, TulleError):  # op by op it is told
                self._made[kind] = None
        return self._made[kind]

    def run(self, program: Any, operands: Sequence[Tensor]) -> Any:
        """The result of a program for arguments of these types."""
        found = program.run(operands)
        if found is None:  # no tape follows what it reads
            found = self._program(Plain).run(operands)
        for variable in self.updated:
            forget(variable)
        values = iter(found)
        result = tree.unflatten(self.structure, values)
        for owner, loss in zip(self.owners, values, strict=False):
            owner.hold_loss(loss)
        return result


class HandedOn:
    """A call that hands on what it is given."""

    def __init__(self, structure: Any, places: Sequence[int]):
        self.structure, self.places = structure, places

    def program(self) -> Any:
        """Itself: nothing is to be computed."""
        return self

    def run(self, program: Any, operands: Sequence[Tensor]) -> Any:
        """The operands that are the results."""
        results = [operands[place] for place in self.places]
        return tree.unflatten(self.structure, iter(results))


class Plain:
    """The program of a call that no tape follows."""

    def __init__(self, inputs: tuple[Node, ...], results: list[Node], trace: Trace):
        self.program = _compiled(inputs, results, trace.updates)

    def run(self, operands: Sequence[Tensor]) -> Sequence[Tensor]:
        """The results, then added losses."""
        found = self.program([operand.array for operand in operands])
        return list(map(Tensor, found.values()))


class Taped:
    """The program of a call that is one op on tapes."""

    def __init__(self, inputs: tuple[Node, ...], results: list[Node], trace: Trace):
        if any(variable.made_trainable for variable in trace.updates):
            raise Fault("T0502", "what is assigned is trained")
        nodes = [*results, *trace.updates.values()]
        self.read = [n for n in topological(nodes) if n.op.name in READ]
        holes = [input_node(node.op.name, node.tensor_type) for node in self.read]
        found = substituted(nodes, dict(zip(self.read, holes, strict=True)))
        plain = [node for node in found if node is not None]
        self.draws = trace.draws
        self.call = TapedCall((*inputs, *holes), plain[: len(results)])
        updates = dict(zip(trace.updates, plain[len(results) :], strict=True))
        self.program = _compiled(self.call.holes, self.call.outputs, updates)

    def run(self, operands: Sequence[Tensor]) -> Sequence[Tensor] | None:
        """The results, then added losses; None if no tape follows what it reads."""
        call = self.call
        found = record_call(
            OPS["taped_call"],
            [*operands, *map(_read, self.read)],
            {"call": call},
            call.token,
            call.results,
            lambda arrays: list(map(Tensor, self.program(arrays).values())),
        )
        if found is None:
            return None
        for generator, count in self.draws.items():
            generator.count += count
        return found[: call.results]


def traced_call(
    function: Callable[..., Any], args: Any, kwargs: Any
) -> CallProgram | HandedOn | None:
    """A call traced; None for one that does more than compute and assign."""
    leaves, structure = tree.flatten((args, kwargs))
    nodes = [input_node(f"argument_{i}", leaf.type) for i, leaf in enumerate(leaves)]
    args, kwargs = tree.unflatten(structure, map(SymbolicTensor, nodes))
    trace = Trace(strict=True)
    with tracing(trace), unseen():
        outputs, arrangement = tree.flatten(function(*args, **kwargs))
        results = [leaf.as_node() for leaf in outputs]
    if any(leaf._keras_mask is not None for leaf in outputs):
        return None
    effects = [*trace.updates.values(), *trace.losses]
    if not effects and set(results) <= set(nodes):
        return HandedOn(arrangement, [nodes.index(node) for node in results])
    if any(node.op.name == "opaque" for node in topological([*results, *effects])):
        return None
    return CallProgram(nodes, results, arrangement, trace)


def _compiled(
    inputs: Sequence[Node], outputs: Sequence[Node], updates: dict[Variable, Node]
) -> Any:
    assert programs.compiler is not None
    named = {str(index): node for index, node in enumerate(outputs)}
    return programs.compiler(Graph(tuple(inputs), named, tuple(updates.items())))


def _read(node: Node) -> Any:
    """What a call reads besides its arguments: a variable, or the key of a draw."""
    attributes = node.attributes
    if node.op.name == "variable":
        return attributes["variable"]
    return Tensor(attributes["generator"].key(attributes["draw"]))
