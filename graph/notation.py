"""Attributes of nodes as text, for listings and pictures alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .dim import Dim, ceildiv
from .node import Node
from .variable import SeedGenerator


def attribute_texts(node: Node) -> dict[str, str]:
    """The attributes of a node that say something, each as text.

    >>> from tulle.graph.network import Input
    >>> attribute_texts(Input((4, 2))[:, ::-1].node)
    {'index': '[:, ::-1, :]'}
    """
    found = {k: v for k, v in node.attributes.items() if v is not None}
    texts = {key: plain(value) for key, value in found.items()}
    if node.op.name in ("getitem", "place"):
        shape = found.get("shape", node.inputs[0].shape)
        texts["index"] = index_text(found["index"], shape)
    return texts


def plain(value: Any) -> str:
    """A value of an attribute as text."""
    if type(value) is tuple:
        return f"[{', '.join(map(plain, value))}]"
    if isinstance(value, slice):
        ends = (value.start, value.stop, value.step)
        return ":".join("" if end is None else str(end) for end in ends)
    if isinstance(value, SeedGenerator):
        return value.name
    return str(value)


def index_text(index: Sequence[tuple[Any, ...]], shape: Sequence[Dim]) -> str:
    """The entries of an index in NumPy's notation, for an operand of a shape."""
    sizes = iter(shape)
    texts = []
    for entry in index:
        match entry:
            case ("new",):
                texts.append("None")
            case ("at", position):
                next(sizes)
                texts.append(str(position))
            case (_, start, count, step):
                given = Dim.of(start), Dim.of(count)
                texts.append(_slice_text(*given, step, next(sizes)))
    return f"[{', '.join(texts)}]"


def _slice_text(start: Dim, count: Dim, by: Any, size: Dim) -> str:
    step = Dim.of(by).value
    if step is None:  # a size is never below zero
        return f"{start}:{start + count * by}:{by}"
    first, left = (Dim.of(0), size - start) if step > 0 else (size - 1, start + 1)
    begin = "" if start == first else str(start)
    end = "" if count == ceildiv(left, abs(step)) else str(start + count * step)
    return f"{begin}:{end}" if step == 1 else f"{begin}:{end}:{step}"
