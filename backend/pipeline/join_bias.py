"""A product and the sum with a bias become one op, for libraries that have it."""

from __future__ import annotations

from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node, rewrite, users
from ...graph.registry import OPS, call
from ..kernels import Instruction

SUMS = ((Instruction("add", (0, 1)),), (Instruction("add", (1, 0)),))
DTYPES = ("f16", "bf16", "f32")


def join_bias(graph: Graph) -> Graph:
    """The graph with `matmul_bias` for each kernel that does nothing but add a bias."""
    readers = users(graph.nodes)
    kept = set(graph.roots)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        for place in (0, 1):
            if joinable(node, place):
                steps = chain(node.inputs[place])
                if all(len(readers[one]) == 1 and one not in kept for one in steps):
                    return joined(node, inputs[place], inputs[1 - place])
        return None

    return graph.replace(rewrite(graph.roots, rule).nodes)


def chain(node: Node) -> list[Node]:
    """A node, what it reshapes, and so on."""
    found = [node]
    while found[-1].op.name == "reshape":
        found.append(found[-1].inputs[0])
    return found


def joinable(node: Node, place: int) -> bool:
    """Whether a node adds a bias, one for each column, to the product at a place."""
    if node.op.name != "fused" or node.attributes["body"] not in SUMS:
        return False
    product, bias = chain(node.inputs[place])[-1], node.inputs[1 - place]
    return (
        product.op.name == "matmul"
        and product.inputs[0].ndim == product.inputs[1].ndim == 2
        and node.dtype.short in DTYPES
        and node.type == node.inputs[place].type
        and bias.ndim > 0
        and bias.shape == node.shape[-bias.ndim :]
        and bias.tensor_type.size == product.shape[-1]
    )


def joined(node: Node, product: Node, bias: Node) -> Node:
    """The sum in one op, in the shape of a node."""
    source = chain(product)[-1]
    flat = shaped(bias, source.shape[-1:])
    return shaped(OPS["matmul_bias"].apply((*source.inputs, flat)), node.shape)


def shaped(node: Node, shape: tuple[Dim, ...]) -> Node:
    """A node with its elements in a shape."""
    if node.shape == shape:
        return node
    return call("reshape", node, shape)  # type: ignore[no-any-return]
