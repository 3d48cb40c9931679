"""Passes on the bodies of loops and branches, which are small graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...graph.bodies import Body, body_of, split_sizes
from ...graph.graph import Graph
from ...graph.node import Node, rewrite

CONTROL = {"loop": ("body",), "while": ("condition", "body"), "branch": ("bodies",)}


def in_bodies(graph: Graph, apply: Callable[[Graph], Graph], name: str) -> Graph:
    """The graph with a pass applied to each body.

    A body is kept with what it became; `name` tells passes apart.
    """
    if not any(node.op.name in CONTROL for node in graph.nodes):
        return graph

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node.op.name not in CONTROL:
            return None
        return node.op.apply(inputs, _passed(node, apply, name), node)

    return graph.replace(rewrite(graph.roots, rule).nodes)


def _passed(node: Node, apply: Callable[[Graph], Graph], name: str) -> dict[str, Any]:
    """The attributes of a node with other bodies, and the sizes that these have."""
    attributes = dict(node.attributes)
    old = bodies_of(node)
    sizes = split_sizes(old, attributes["sizes"])
    new = [_body(body, apply, name) for body in old]
    attributes["sizes"] = tuple(
        dict(zip(before.symbols, given, strict=True))[symbol]
        for before, body, given in zip(old, new, sizes, strict=True)
        for symbol in body.symbols
    )
    left = iter(new)
    for key in CONTROL[node.op.name]:
        several = isinstance(attributes[key], tuple)
        attributes[key] = tuple(left) if several else next(left)
    return attributes


def bodies_of(node: Node) -> list[Body]:
    """The bodies of a node, in the order of its sizes."""
    found: list[Body] = []
    for key in CONTROL.get(node.op.name, ()):
        value = node.attributes[key]
        found += value if isinstance(value, tuple) else [value]
    return found


def _body(body: Body, apply: Callable[[Graph], Graph], name: str) -> Body:
    if ("pass", name) not in body.derived:
        outputs = {str(place): node for place, node in enumerate(body.outputs)}
        # A body within goes through the same passes.
        inner = apply(in_bodies(Graph(body.inputs, outputs), apply, name))
        body.derived["pass", name] = body_of(body.inputs, list(inner.outputs.values()))
    found: Body = body.derived["pass", name]
    return found
