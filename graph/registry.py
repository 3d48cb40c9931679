"""The table of ops by name; it imports nothing so that everybody may look ops up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .op import Op

OPS: dict[str, Op] = {}


def call(name: str, *arguments: Any, **options: Any) -> Any:
    """Apply an op by name to nodes, tensors or symbolic tensors."""
    return OPS[name](*arguments, **options)
