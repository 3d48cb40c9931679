"""Forms that the grammar takes and the checker does not know yet."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..graph.diagnostics import Diagnostic
from . import syntax as s

PENDING: tuple[type[s.Syntax], ...] = (
    s.ExternItem,
)  # fmt: skip


def refused(tree: s.File) -> list[Diagnostic]:
    """A diagnostic for each form of a file that has no meaning yet."""
    found, stack = list[Diagnostic](), list[Any]([tree])
    while stack:
        node = stack.pop()
        if isinstance(node, PENDING):
            word = node.span.source.text.splitlines()[node.span.line - 1]
            told = word[node.span.column - 1 :].split()[0]
            message = f"`{told}` is reserved, and this edition gives it no meaning"
            found.append(Diagnostic("T0106", message, node.span))
        elif isinstance(node, tuple):
            stack += reversed(node)
        elif isinstance(node, s.Syntax):
            stack += reversed([getattr(node, field.name) for field in fields(node)])
    return found
