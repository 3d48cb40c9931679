"""Products of all slices of a loop, made turn by turn where only the loop reads them.

A recurrent layer multiplies all its steps by a kernel before the loop. For many samples
the result is larger than a cache, and a turn that makes its own part has it at hand.
For few samples `scan.py` makes all parts at once, as it was before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.bodies import body_of, sizes_of
from ...graph.dim import Dim
from ...graph.graph import Graph
from ...graph.node import Node, rewrite, users
from ...graph.registry import call
from ...graph.tensor import input_node
from ..pipeline.rewrites_shapes import reshaped
from ..pipeline.scan_forms import replaced, settled

Readers = Mapping[Node, Sequence[Node]]


def take_products(graph: Graph) -> Graph:
    """The graph with such products in the bodies of loops."""
    if not any(node.op.name == "loop" for node in graph.nodes):
        return graph
    readers, roots = users(graph.nodes), set(graph.roots)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node.op.name != "loop":
            return None
        start = node.attributes["carries"]
        places = [
            place
            for place in range(start, start + node.attributes["slices"])
            if is_own(node.inputs[place], readers, roots)
        ]
        return taken(node, inputs, places) if places else None

    return graph.replace(rewrite(graph.roots, rule).nodes)


def product_of(node: Node) -> Node:
    """What a shape was given to, or the node itself."""
    return node.inputs[0] if node.op.name == "reshape" else node


def is_own(node: Node, readers: Readers, roots: set[Node]) -> bool:
    """Whether an operand is a product that nobody else reads, and wider than what is
    multiplied."""
    product = product_of(node)
    chain = {node, product}
    if product.op.name != "matmul" or chain & roots or node.ndim < 3:
        return False
    if any(len(readers[one]) > 1 for one in chain):
        return False
    x, y = product.inputs
    terms, columns = x.shape[-1].value, node.shape[-1].value
    known = terms is not None and columns is not None and terms <= columns
    return known and y.ndim == 2 and product.shape[-1] == node.shape[-1]


def taken(node: Node, inputs: Sequence[Node], places: Sequence[int]) -> Node:
    """A loop on new operands whose turns multiply the slices at some places."""
    options = node.attributes
    body = settled(options["body"], options["sizes"])
    inner, operands = [*body.inputs], [*inputs]
    new: dict[Node, Node] = {}
    for place in places:
        x, y = product_of(inputs[place]).inputs
        shape = (*inputs[place].shape[:-1], x.shape[-1])
        operands[place] = whole = unmoved(x, shape)
        operands.append(y)
        part = input_node("x", x.tensor_type.with_shape(whole.shape[1:]))
        kernel = input_node("kernel", y.tensor_type)
        new[inner[place]] = call("matmul", part, kernel)
        inner[place] = part
        inner.append(kernel)
    outputs = replaced(body.outputs, new)
    found = body_of(inner, [outputs[one] for one in body.outputs])
    attributes = {**options, "body": found, "sizes": sizes_of([found])}
    return node.op.apply(tuple(operands), attributes, node)


def unmoved(node: Node, shape: Sequence[Dim]) -> Node:
    """A left operand in the shape of slices, as it was before it got another one."""
    if node.op.name == "reshape" and node.inputs[0].shape == tuple(shape):
        return node.inputs[0]
    return reshaped(node, shape)
