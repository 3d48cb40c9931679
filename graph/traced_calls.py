"""A call traced for types of arguments, as programs: one without tapes, one for them.

A program reads variables where they lie and draws random keys itself. To tapes the call
is one op, of values: there both are read before, and what is kept for a gradient comes
out beside the results. Where a result is made of another it is one op after the other,
as tapes may be asked for the gradient of one with respect to the other. What several of
these compute is a result of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import programs, tree
from .diagnostics import Fault, TulleError
from .graph import Graph
from .node import Node, substituted, topological
from .recording import forget, record_call, recording, unseen
from .registry import OPS
from .taped_calls import TapedCall, is_light
from .tensor import SymbolicTensor, Tensor, input_node
from .trace import Trace, tracing
from .variable import Variable

READ = ("variable", "random_key")
# The structure of a result, and which operand, or what else, each part of it is.
Arranged = tuple[Any, Sequence[int]]


class CallProgram:
    """A call, traced; compiled when it is wanted, with tapes or without."""

    used = 0  # when it was last, as a number that grows

    def __init__(
        self,
        inputs: Sequence[Node],
        results: list[Node],
        arranged: Arranged,
        trace: Trace,
    ):
        self.structure, self.places = arranged
        self.count = len(results)
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

    @property
    def held_bytes(self) -> int:
        """What its programs keep for what is between their steps."""
        made = (one for one in self._made.values() if one is not None)
        return sum(program.held_bytes for one in made for program in one.programs)

    def run(self, program: Any, operands: Sequence[Tensor]) -> Any:
        """The result of a program for arguments of these types."""
        found = program.run(operands)
        if found is None:  # no tape follows what it reads
            found = self._program(Plain).run(operands)
        for variable in self.updated:
            forget(variable)
        for owner, loss in zip(self.owners, found[self.count :], strict=True):
            owner.hold_loss(loss)
        values = [*operands, *found[: self.count]]
        results = iter([values[place] for place in self.places])
        return tree.unflatten(self.structure, results)


class HandedOn:
    """A call that hands on what it is given."""

    used = held_bytes = 0

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
        self.programs = (self.program,)

    def run(self, operands: Sequence[Tensor]) -> Sequence[Tensor]:
        """The results, then added losses."""
        found = self.program([operand.array for operand in operands])
        return list(map(Tensor, found.values()))


class Taped:
    """The program of a call that is one op on tapes, or several in turn."""

    def __init__(self, inputs: tuple[Node, ...], results: list[Node], trace: Trace):
        if any(variable.made_trainable for variable in trace.updates):
            raise Fault("T0502", "what is assigned is trained")
        if not all(node.inputs for node in results):
            raise Fault("T0502", "tapes do not see where a result comes from")
        nodes = [*results, *trace.updates.values()]
        self.read = [n for n in topological(nodes) if n.op.name in READ]
        holes = [_hole(node) for node in self.read]
        found = substituted(nodes, dict(zip(self.read, holes, strict=True)))
        plain = [node for node in found if node is not None]
        self.draws, self.count = trace.draws, len(results)
        updates = dict(zip(trace.updates, plain[len(results) :], strict=True))
        self.stages = list(_stages((*inputs, *holes), plain[: len(results)], updates))
        self.programs = tuple([stage.program for stage in self.stages])

    def run(self, operands: Sequence[Tensor]) -> Sequence[Tensor] | None:
        """The results, then added losses; None if no tape follows what it reads."""
        values, results = [*operands, *map(_read, self.read)], dict[int, Tensor]()
        for stage in self.stages:
            found = stage.run([*values, *results.values()])
            if found is None:
                return None
            results.update(zip(stage.places, found, strict=False))
        for generator, count in self.draws.items():
            generator.count += count
        return [results[place] for place in range(self.count)]


class Stage:
    """Some results of a call, in terms of holes, as one op on tapes."""

    def __init__(
        self,
        places: Sequence[int],
        holes: tuple[Node, ...],
        results: list[Node],
        updates: dict[Variable, Node],
    ):
        self.places = places
        self.call = TapedCall(holes, results)
        self.program = _compiled(self.call.holes, self.call.outputs, updates)

    def run(self, operands: Sequence[Any]) -> Sequence[Tensor] | None:
        """The results, and what gradients read; None if no tape follows operands."""
        return record_call(
            OPS["taped_call"],
            operands,
            {"call": self.call},
            self.call.token,
            self.call.results,
            lambda arrays: list(map(Tensor, self.program(arrays).values())),
        )


def _stages(
    holes: tuple[Node, ...], results: list[Node], updates: dict[Variable, Node]
) -> Iterator[Stage]:
    """Results of a call, those behind others after them, in terms of these."""
    levels = _levels(results)
    shared = _shared(results, levels, tuple(updates.values()))
    results, levels = [*results, *shared], [*levels, *shared.values()]
    last, before = max(levels), dict[Node, Node]()
    for level in range(last + 1):
        places = [i for i, found in enumerate(levels) if found == level]
        assigned = updates if level == last else {}
        wanted = [*(results[place] for place in places), *assigned.values()]
        found = [node for node in substituted(wanted, before) if node is not None]
        rest = dict(zip(assigned, found[len(places) :], strict=True))
        given = [_hole(results[i]) for i in places]
        yield Stage(places, holes, found[: len(places)], rest)
        holes = (*holes, *given)
        before |= zip([results[place] for place in places], given, strict=True)


def _levels(results: Sequence[Node]) -> list[int]:
    """How many others, each made of the one before, stand before each result."""
    known: dict[Node, int] = {}
    for node in topological(results):
        sources = [known[s] + (s in results) for s in node.inputs]
        known[node] = max(sources, default=0)
    return [known[node] for node in results]


def _shared(
    results: Sequence[Node], levels: Sequence[int], updates: Sequence[Node]
) -> dict[Node, int]:
    """What levels of results need that is computed before, and the level that does."""
    computed: dict[Node, int] = {}
    found: dict[Node, int] = {}
    last = max(levels)
    for level in range(last + 1):
        pairs = list(zip(results, levels, strict=True))
        seen = {node for node, own in pairs if own < level}
        stack = [node for node, own in pairs if own == level]
        stack += updates if level == last else ()
        while stack:
            node = stack.pop()
            if node in seen or not node.inputs:
                continue
            seen.add(node)
            if node in computed and not is_light(node):
                found[node] = computed[node]
            else:
                stack += node.inputs
                computed.setdefault(node, level)
    return found


def traced_call(
    function: Callable[..., Any], args: Any, kwargs: Any
) -> CallProgram | HandedOn | None:
    """A call traced; None for one that does more than compute and assign."""
    leaves, structure = tree.flatten((args, kwargs))
    nodes = [input_node(f"argument_{i}", leaf.type) for i, leaf in enumerate(leaves)]
    symbols = dict[int, SymbolicTensor]()  # an argument may be there twice
    for leaf, node in zip(leaves, nodes, strict=True):
        symbols.setdefault(id(leaf), SymbolicTensor(node))
    args, kwargs = tree.unflatten(structure, iter([symbols[id(x)] for x in leaves]))
    trace = Trace(strict=True)
    with tracing(trace), unseen():
        outputs, arrangement = tree.flatten(function(*args, **kwargs))
        found = [leaf.as_node() for leaf in outputs]
    if any(leaf._keras_mask is not None for leaf in outputs):
        return None
    results, places = _apart(nodes, outputs, found)
    effects = [*trace.updates.values(), *trace.losses]
    if not effects and not results:
        return HandedOn(arrangement, places)
    if any(node.op.name == "opaque" for node in topological([*results, *effects])):
        return None
    return CallProgram(nodes, results, (arrangement, places), trace)


def _apart(
    nodes: Sequence[Node], outputs: Sequence[Any], found: Sequence[Node]
) -> tuple[list[Node], list[int]]:
    """What is to be computed, and where each output is among arguments and that."""
    results: dict[int, Node] = {}  # by output: the same one may be there twice
    for leaf, node in zip(outputs, found, strict=True):
        if node not in nodes:
            results[id(leaf)] = node
    order = {key: len(nodes) + place for place, key in enumerate(results)}
    places = [
        nodes.index(node) if node in nodes else order[id(leaf)]
        for leaf, node in zip(outputs, found, strict=True)
    ]
    return list(results.values()), places


def _hole(node: Node) -> Node:
    return input_node(node.op.name, node.tensor_type)


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
