"""Inverses, determinants and solutions become ops on LU factors, where that is native.

A matrix has one node for its factors, whoever reads them: `inv`, `det` and `slogdet`,
`solve`, and the gradients of these, which need its inverse or its transpose.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...graph.conversion import unpack
from ...graph.device import array_module
from ...graph.graph import Graph
from ...graph.node import Node, rewrite
from ...graph.ops.formula import counted
from ...graph.ops.linalg import swap_last
from ...graph.registry import OPS, call
from ...graph.types import F32, DType
from ..factors import INVERSE, SOLVE
from .expand_composites import expand_composites
from .in_bodies import in_bodies

WIDE = ("f32", "f64")


def select_factors(graph: Graph) -> Graph:
    """The graph with each matrix factored once."""
    if array_module() is not np:
        return graph
    graph = in_bodies(graph, select_factors, "select_factors")
    if not any(node.op.name in RULES for node in graph.nodes):
        return graph

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        apply = RULES.get(node.op.name)
        return None if apply is None else _narrowed(apply, node, inputs)

    return expand_composites(graph.replace(rewrite(graph.roots, rule).nodes))


def _narrowed(apply: Callable[..., Node], node: Node, inputs: tuple[Node, ...]) -> Node:
    """What a rule makes of a node, halves computed in float32."""
    dtype = inputs[0].dtype
    if dtype.short in WIDE:
        return apply(node, *inputs)
    found = apply(node, *(call("cast", source, F32) for source in inputs))
    if found.op.name == "tuple":
        return _several(*(_cast(part, dtype) for part in found.inputs))
    return _cast(found, dtype)


def _cast(node: Node, dtype: DType) -> Node:
    found: Node = call("cast", node, dtype)
    return found


def _several(*parts: Node) -> Node:
    return OPS["tuple"].apply(parts)


def _untransposed(x: Node) -> tuple[Node, bool]:
    """A matrix, and whether what was given is its transpose."""
    turned = False
    while x.op.name == "transpose" and swap_last(x.inputs[0]) is x:
        x, turned = x.inputs[0], not turned
    return x, turned


def _factors(a: Node) -> tuple[Node, Node]:
    lu, pivots = unpack(OPS["lu_factor"].apply((a,)), None)
    return lu, pivots


def _inverse(node: Node, x: Node) -> Node:
    a, turned = _untransposed(x)
    found = INVERSE.apply(_factors(a))
    return swap_last(found) if turned else found


def _solution(node: Node, a: Node, b: Node) -> Node:
    a, turned = _untransposed(a)
    return SOLVE.apply((*_factors(a), b), {"transposed": turned})


def _triangular(node: Node, a: Node, b: Node) -> Node:
    a, turned = _untransposed(a)
    options = dict(node.attributes)
    if turned:
        options["lower"] = not options["lower"]
        options["transposed"] = not options["transposed"]
    return node.op.apply((a, b), options)


def _diagonal(x: Node) -> tuple[Node, Node]:
    """The diagonal of the upper factor, and 1 or -1 for how rows changed places."""
    lu, pivots = _factors(_untransposed(x)[0])
    stays = call("equal", pivots, counted(lu.shape[-1]))
    signs = call("cast", stays, lu.dtype) * 2.0 - 1.0
    return call("diagonal", lu, 0, -2, -1), call("prod", signs, -1)


def _determinant(node: Node, x: Node) -> Node:
    diagonal, sign = _diagonal(x)
    found: Node = call("prod", diagonal, -1) * sign
    return found


def _sign_and_logarithm(node: Node, x: Node) -> Node:
    diagonal, sign = _diagonal(x)
    sign = call("prod", call("sign", diagonal), -1) * sign
    return _several(sign, call("sum", call("log", call("abs", diagonal)), -1))


RULES: dict[str, Callable[..., Node]] = {
    "inv": _inverse,
    "solve_matrix": _solution,
    "triangular_solve": _triangular,
    "det": _determinant,
    "slogdet": _sign_and_logarithm,
}
