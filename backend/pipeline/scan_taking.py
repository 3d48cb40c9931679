"""Loops whose turns compute what was computed of all slices, for the loop alone."""

from __future__ import annotations

from collections.abc import Mapping

from ...graph.bodies import FREE
from ...graph.node import Node, topological, users
from ...graph.tensor import input_node
from .fusible import computes
from .rewrites_shapes import reshaped
from .scan_forms import Form, Given
from .sinking import cuts

Readers = Mapping[Node, list[Node]]


def take_in(form: Form, readers: Mapping[Node, int]) -> None:
    """Let turns compute the elements of their slices, which are then never written.

    `readers` counts who reads a node outside, a loop as one.
    """
    left = list(form.slices)
    while left:
        given = left.pop()
        node = given.outside
        if readers.get(node) != 1 or not (node.op.elementwise and computes(node)):
            continue
        if not joins(given.inside, users(topological(form.outputs))):
            continue
        known = len(form.slices)
        inputs = tuple(_inside(form, source, node) for source in node.inputs)
        left += form.slices[known:]
        form.slices.remove(given)
        inside = node.op.apply(inputs, node.attributes, node)
        form.substitute({given.inside: inside})


def joins(node: Node, readers: Readers) -> bool:
    """Whether all that reads a node, or plain parts of it, are ops on its elements."""
    return all(
        joins(reader, readers)
        if cuts(reader)
        else reader.op.elementwise and computes(reader) and reader.shape == node.shape
        for reader in readers.get(node, [])
    )


def _inside(form: Form, source: Node, whole: Node) -> Node:
    """What a turn reads of an operand of an op on all slices."""
    if source.op.name in FREE and not source.ndim:
        return source
    sliced = source.ndim == whole.ndim and source.shape[0] == whole.shape[0]
    if not sliced and source.ndim == whole.ndim:
        source = reshaped(source, source.shape[1:])
    group = form.slices if sliced else form.others
    for given in group:
        if given.outside is source:
            return given.inside
    shape = source.shape[1:] if sliced else source.shape
    inside = input_node("x", source.tensor_type.with_shape(shape))
    group.append(Given(source, inside))
    return inside
