"""Loops in the making: what goes in, what a turn does, and where its results went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...graph.bodies import FREE, Body, body_of
from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node, rewrite, substitute, topological
from ...graph.ops.control import loop_node
from ...graph.registry import call
from ...graph.tensor import input_node
from .rewrites import filled_with
from .simplify import simplify


@dataclass(eq=False)
class Carry:
    """What a turn takes from the one before: its start, its node in the body, its
    next value there."""

    start: Node
    inside: Node
    out: Node


@dataclass(eq=False)
class Given:
    """What a body reads from outside, whole or by slices, and its node in the body."""

    outside: Node
    inside: Node


@dataclass(eq=False)
class Form:
    """A loop that passes may change.

    Nodes outside are those of the old graph, or stand-ins for stacks that the old graph
    has not: `stacks` has a stand-in for each node of the body that is stacked.
    """

    length: Dim
    reverse: bool
    carries: list[Carry]
    slices: list[Given]
    others: list[Given]
    stacks: dict[Node, Node] = field(default_factory=dict)
    ends: dict[Carry, Node] = field(default_factory=dict)  # stand-ins for last carries
    aliases: dict[Node, Node] = field(default_factory=dict)  # of equal stand-ins

    @property
    def inputs(self) -> list[Node]:
        """The nodes of the body that the loop gives values to."""
        given: list[Carry | Given] = [*self.carries, *self.slices, *self.others]
        return [one.inside for one in given]

    @property
    def outputs(self) -> list[Node]:
        """What a turn computes: what is carried on, then what is stacked."""
        return [*(carry.out for carry in self.carries), *self.stacks]

    @property
    def operands(self) -> list[Node]:
        """What the loop reads outside."""
        starts = [carry.start for carry in self.carries]
        return starts + [one.outside for one in (*self.slices, *self.others)]

    def stacked(self, node: Node) -> Node:
        """The stand-in for a node of the body, stacked over the turns."""
        for one in self.slices:
            if one.inside is node:
                return one.outside
        if node not in self.stacks:
            shape = (self.length, *node.shape)
            self.stacks[node] = input_node("stack", node.tensor_type.with_shape(shape))
        return self.stacks[node]

    def end(self, carry: Carry) -> Node:
        """The stand-in for a carry after the last turn."""
        if carry not in self.ends:
            self.ends[carry] = input_node("end", carry.inside.tensor_type)
        return self.ends[carry]

    def substitute(self, new: dict[Node, Node]) -> None:
        """Put other nodes in the place of some of the body, and simplify it."""
        found = replaced(self.outputs, new)
        graph = Graph(
            (), {str(place): found[node] for place, node in enumerate(self.outputs)}
        )
        final = list(simplify(graph).outputs.values())
        count = len(self.carries)
        for carry, out in zip(self.carries, final[:count], strict=True):
            carry.out = out
        stacks: dict[Node, Node] = {}
        for (old, stand_in), out in zip(
            list(self.stacks.items()), final[count:], strict=True
        ):
            del self.stacks[old]
            stacks.setdefault(out, stand_in)
            if stacks[out] is not stand_in:
                self.aliases[stand_in] = stacks[out]
        self.stacks = stacks

    def prune(self, used: Iterable[Node]) -> None:
        """Leave out what no used stand-in depends on."""
        wanted = {self.aliases.get(node, node) for node in used}
        self.stacks = {n: s for n, s in self.stacks.items() if s in wanted}
        live = [c for c in self.carries if self.ends.get(c) in wanted]
        while True:
            needed = topological([*self.stacks, *(carry.out for carry in live)])
            reached = set(needed)
            more = [c for c in self.carries if c in live or c.inside in reached]
            if len(more) == len(live):
                break
            live = more
        self.carries = [carry for carry in self.carries if carry in live]
        self.slices = [one for one in self.slices if one.inside in reached]
        self.others = [one for one in self.others if one.inside in reached]

    def build(self, new: dict[Node, Node]) -> dict[Node, Node]:
        """The loop on new operands: what stands for each of its stand-ins."""
        results = loop_node(
            body_of(self.inputs, self.outputs),
            [new[carry.start] for carry in self.carries],
            [new[one.outside] for one in self.slices],
            [new[one.outside] for one in self.others],
            self.length,
            self.reverse,
        )
        found = {
            self.ends[carry]: result
            for carry, result in zip(self.carries, results, strict=False)
            if carry in self.ends
        }
        later = results[len(self.carries) :]
        found |= dict(zip(self.stacks.values(), later, strict=True))
        found |= {
            one: found[same] for one, same in self.aliases.items() if same in found
        }
        return found


def added(one: Node, other: Node) -> Node:
    """A sum, of which a part may be 0 everywhere."""
    if filled_with(one) == 0:
        return other
    return one if filled_with(other) == 0 else call("add", one, other)


def replaced(nodes: Sequence[Node], new: dict[Node, Node]) -> dict[Node, Node]:
    """Nodes with others in the place of some that they read."""
    return dict(rewrite(nodes, lambda node, inputs: new.get(node)).nodes)


def form_of(node: Node) -> tuple[Form, list[Node]]:
    """A loop as a form, and the stand-in for each of its results."""
    options = node.attributes
    body = settled(options["body"], options["sizes"])
    start, middle = options["carries"], options["carries"] + options["slices"]
    # Whether a body makes a source or is given it must not tell two loops apart.
    pairs = list(zip(body.inputs[middle:], node.inputs[middle:], strict=True))
    own = {inside: outside for inside, outside in pairs if outside.op.name in FREE}
    outputs = simple(body, own)
    carries = [
        Carry(*three)
        for three in zip(node.inputs[:start], body.inputs[:start], outputs[:start],
                         strict=True)
    ]  # fmt: skip
    slices = [
        Given(*pair)
        for pair in zip(node.inputs[start:middle], body.inputs[start:middle],
                        strict=True)
    ]  # fmt: skip
    others = [Given(outside, inside) for inside, outside in pairs if inside not in own]
    found = Form(options["length"], options["reverse"], carries, slices, others)
    stand_ins = [found.end(carry) for carry in carries]
    return found, [*stand_ins, *map(found.stacked, outputs[start:])]


def simple(body: Body, new: dict[Node, Node]) -> list[Node]:
    """The outputs of a body, with other nodes for some of its inputs, simplified."""
    found = replaced(body.outputs, new)
    outputs = {str(i): found[node] for i, node in enumerate(body.outputs)}
    return list(simplify(Graph(body.inputs, outputs)).outputs.values())


def settled(body: Body, sizes: Sequence[Dim]) -> Body:
    """A body in the sizes of the graph that it stands in."""
    values = dict(zip(body.symbols, sizes, strict=True))
    if all(Dim.from_symbol(symbol) == size for symbol, size in values.items()):
        return body
    inputs = {
        node: input_node(node.name or "x", node.tensor_type.substitute(values))
        for node in body.inputs
    }

    def rule(node: Node, sources: tuple[Node, ...]) -> Node | None:
        if node in inputs:
            return inputs[node]
        attributes = {k: substitute(v, values) for k, v in node.attributes.items()}
        return node.op.apply(sources, attributes, node)

    found = rewrite(body.outputs, rule)
    return body_of(list(inputs.values()), [found[node] for node in body.outputs])
