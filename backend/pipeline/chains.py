"""Chains of elementwise ops become one kernel each, which NumPy runs tile by tile.

A chain grows from its last op towards operands that nobody else reads, so it has one
result and its intermediates never leave the cache.
"""

from __future__ import annotations

from ...graph.graph import Graph
from ...graph.node import Node, users
from ...graph.quiet import ufunc_of
from ...graph.registry import OPS
from ..kernels import Instruction

LONGEST = 32  # instructions of one kernel
WIDEST = 12  # operands of one kernel


def chain(graph: Graph) -> Graph:
    """The graph with elementwise chains as `fused` kernels."""
    chains = find_chains(graph)
    inside = {node for chain in chains.values() for node in chain[:-1]}
    new: dict[Node, Node] = {}
    for node in graph.nodes:
        if node in inside:
            continue
        chain = chains.get(node)
        if chain is not None and len(chain) > 1:
            new[node] = kernel(chain, new)
            continue
        inputs = tuple(new[source] for source in node.inputs)
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        new[node] = node if same else node.op.apply(inputs, node.attributes, node)
    return graph.replace(new)


def find_chains(graph: Graph) -> dict[Node, list[Node]]:
    """For the last node of each chain all of its nodes, operands first."""
    readers = users(graph.nodes)
    roots = set(graph.roots)
    end: dict[Node, Node] = {}
    members: dict[Node, list[Node]] = {}
    operands: dict[Node, set[Node]] = {}
    for node in reversed(graph.nodes):
        if ufunc_of(node.op, node.attributes) is None or not node.ndim:
            continue
        ends = {end.get(reader) for reader in readers[node]}
        (last,) = ends if len(ends) == 1 else (None,)
        joins = (
            last is not None
            and node not in roots
            and node.shape == last.shape
            and len(members[last]) < LONGEST
            and len((operands[last] - {node}) | set(node.inputs)) <= WIDEST
        )
        if not joins or last is None:
            last = node
            members[last], operands[last] = [], set()
        end[node] = last
        members[last].append(node)
        operands[last] = (operands[last] - {node}) | set(node.inputs)
    return {last: chain[::-1] for last, chain in members.items()}


def kernel(chain: list[Node], new: dict[Node, Node]) -> Node:
    """The kernel of a chain, on the new forms of its operands."""
    inside = set(chain)
    outside = [s for node in chain for s in node.inputs if s not in inside]
    operands = list(dict.fromkeys(new[source] for source in outside))
    place: dict[Node, int] = {source: operands.index(new[source]) for source in outside}
    body: list[Instruction] = []
    for node in chain:
        place[node] = len(operands) + len(body)
        body.append(Instruction(node.op.name, tuple(place[s] for s in node.inputs)))
    outputs = (len(operands) + len(body) - 1,)
    attributes = {"body": tuple(body), "outputs": outputs}
    return OPS["fused"].apply(tuple(operands), attributes, chain[-1])
